//! How long a guest has been running: neither while it waits for the host, nor while its thread is
//! doing something else.
//!
//! Asking for the processor time of a thread is a system call, so it is asked for at ticks alone.
//! Before the first tick of a turn there is only the clock, which cannot tell whether the thread
//! was running; that says little too much, once a turn.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Times one guest, from inside and outside of it.
#[derive(Clone)]
pub(super) struct Stopwatch(Arc<Mutex<Lap>>);

/// Since when the guest has been running.
struct Lap {
    began: Instant,
    /// Processor time of the thread at the beginning, if that was asked for.
    processor: Option<Duration>,
}

impl Stopwatch {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Lap {
            began: Instant::now(),
            processor: None,
        })))
    }

    /// Runs a future in which the guest runs; every turn of it begins a lap.
    pub(super) async fn timing<F: Future>(&self, guest: F) -> F::Output {
        let mut guest = pin!(guest);
        poll_fn(|cx| {
            self.begin(None);
            guest.as_mut().poll(cx)
        })
        .await
    }

    /// The guest goes on after a tick: a lap begins whose end will be precise.
    pub(super) fn go_on(&self) {
        self.begin(Some(processor_time()));
    }

    /// For how long the guest has been running in this lap, as far as that can be told, and at most
    /// `most`.
    pub(super) fn read(&self, most: Duration) -> Duration {
        let lap = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match lap.processor {
            Some(before) => processor_time().saturating_sub(before),
            None => lap.began.elapsed(),
        }
        .min(most)
    }

    fn begin(&self, processor: Option<Duration>) {
        let lap = Lap {
            began: Instant::now(),
            processor,
        };
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = lap;
    }
}

/// Processor time of the current thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(
        time.tv_sec.try_into().unwrap_or_default(),
        time.tv_nsec.try_into().unwrap_or_default(),
    )
}

#[cfg(test)]
mod tests {
    use std::task::{Context, Poll, Waker};

    use super::*;

    const LONG: Duration = Duration::from_secs(100);

    /// Keeps the processor busy for so long.
    fn work(processor: Duration) {
        let end = processor_time() + processor;
        while processor_time() < end {
            std::hint::spin_loop();
        }
    }

    #[test]
    fn work_counts_and_rest_does_not() {
        let watch = Stopwatch::new();
        let before = processor_time();
        watch.go_on();
        work(Duration::from_millis(5));
        // This thread rests while another one works.
        std::thread::spawn(|| work(Duration::from_millis(50)))
            .join()
            .expect("no panic");
        let read = watch.read(LONG);
        let spent = processor_time() - before;
        assert!(
            (Duration::from_millis(5)..=spent).contains(&read),
            "{read:?} of {spent:?}"
        );
        assert_eq!(
            watch.read(Duration::from_millis(2)),
            Duration::from_millis(2)
        );
    }

    #[test]
    fn waiting_for_the_host_ends_a_lap() {
        let watch = Stopwatch::new();
        let (tell, told) = tokio::sync::oneshot::channel();
        let guest = async {
            told.await.expect("the host answers");
            watch.read(LONG)
        };
        let mut guest = pin!(watch.timing(guest));
        let mut cx = Context::from_waker(Waker::noop());
        assert!(guest.as_mut().poll(&mut cx).is_pending());
        work(Duration::from_millis(20));
        let answered = Instant::now();
        tell.send(()).expect("the guest waits");
        let Poll::Ready(read) = guest.as_mut().poll(&mut cx) else {
            panic!("the guest still waits")
        };
        // The lap began after the answer, however slow this machine is.
        let since = answered.elapsed();
        assert!(read <= since, "{read:?} of {since:?}");
    }
}
