//! Times for files that are written: no two files of this process get the same one, whatever the
//! clock does.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use rustix::fs::{Timespec, Timestamps};

/// The last time given out; one for the process, because several folders may lie on one filesystem.
static LAST: AtomicI64 = AtomicI64::new(0);

/// Now, in nanoseconds since 1970.
pub(super) fn now() -> i64 {
    let elapsed = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .unwrap_or_default();
    i64::try_from(elapsed.as_nanos()).unwrap_or(i64::MAX)
}

/// Now, or a nanosecond after the last time given out if that is later.
pub(super) fn stamp() -> Timestamps {
    let now = now();
    let next = |last: i64| now.max(last.saturating_add(1));
    let time = next(LAST.update(Ordering::Relaxed, Ordering::Relaxed, next));
    let time = Timespec {
        tv_sec: time.div_euclid(1_000_000_000),
        tv_nsec: time.rem_euclid(1_000_000_000),
    };
    Timestamps {
        last_access: time,
        last_modification: time,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_gives_a_time_twice() {
        let times = || {
            (0..10_000)
                .map(|_| stamp().last_modification)
                .collect::<Vec<_>>()
        };
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(times)).collect();
        let mut all: Vec<_> = threads
            .into_iter()
            .flat_map(|thread| thread.join().expect("no panic"))
            .collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 40_000);
    }
}
