//! When the directories on the way to a place were last looked at.
//!
//! An operation on a tree looks again at the directories on its way, because other programs change
//! them and know no locks. What such a look costs grows with the length of the way, and so does
//! the number of directories of a deep tree: a look for each of them would cost the square of the
//! depth, or its cube where each directory is a path that is walked from the root.

use std::time::{Duration, Instant};

/// A way of at most so many directories is looked at each time.
const SHALLOW: usize = 32;
/// The least time between two looks at a longer one.
const BETWEEN: Duration = Duration::from_millis(50);
/// And at least so many times what the last look took, where each directory is a request.
const PAUSE: u32 = 8;

/// The last look at a way.
pub(crate) struct LastLook {
    ended: Option<Instant>,
    took: Duration,
}

impl LastLook {
    /// None yet: the next one is due.
    pub(crate) fn none() -> Self {
        Self {
            ended: None,
            took: Duration::ZERO,
        }
    }

    /// One just now.
    pub(crate) fn now() -> Self {
        Self {
            ended: Some(Instant::now()),
            took: Duration::ZERO,
        }
    }

    /// Whether a way of so many directories is to be looked at again.
    pub(crate) fn is_due(&self, directories: usize) -> bool {
        let pause = BETWEEN.max(self.took.saturating_mul(PAUSE));
        directories <= SHALLOW || self.ended.is_none_or(|ended| ended.elapsed() >= pause)
    }

    /// A look ends that began then.
    pub(crate) fn done(&mut self, began: Instant) {
        self.took = began.elapsed();
        self.ended = Some(Instant::now());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_way_is_looked_at_again_after_a_pause_and_a_short_one_each_time() {
        let ago = |time| Instant::now().checked_sub(time);
        let second = Duration::from_secs(1);
        // When the last look ended, what it took, whether a long way is due.
        let table = [
            (None, Duration::ZERO, true),
            (ago(Duration::ZERO), Duration::ZERO, false),
            (ago(second), Duration::ZERO, true),
            (ago(second), second / 10, true),
            (ago(second), second, false),
            (ago(second * 9), second, true),
            (ago(second), Duration::MAX, false),
        ];
        for (ended, took, due) in table {
            let look = LastLook { ended, took };
            assert_eq!(look.is_due(SHALLOW + 1), due, "{ended:?}, {took:?}");
            assert!(look.is_due(SHALLOW), "{ended:?}, {took:?}");
        }
    }
}
