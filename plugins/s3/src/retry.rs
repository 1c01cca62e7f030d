//! Asking again, a few times, when that may help.

use std::time::Duration;

use callfs_sdk::Error;

use crate::refusal::Failure;

/// How often something is tried.
const ATTEMPTS: u32 = 4;
/// How long to wait after the first time; twice as long after each.
const PAUSE: Duration = Duration::from_millis(50);

/// Does something that can be done again until it succeeds, fails for good, or has failed often enough.
pub(crate) async fn until_it_helps<T>(mut attempt: impl AsyncFnMut() -> Result<T, Failure>) -> Result<T, Failure> {
    let mut pause = PAUSE;
    for _ in 1..ATTEMPTS {
        match attempt().await {
            Err(failure) if may_pass(&failure) => {
                // An instance has one call at a time: nobody else waits for this thread.
                std::thread::sleep(pause);
                pause *= 2;
            }
            outcome => return outcome,
        }
    }
    attempt().await
}

fn may_pass(failure: &Failure) -> bool {
    match failure {
        Failure::Refused(refusal) => refusal.is_passing(),
        Failure::Broken(Error::Unavailable(_) | Error::Interrupted(_)) => true,
        Failure::Broken(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use callfs_sdk::testing::run;

    use super::*;
    use crate::refusal::Refusal;

    /// How often something was tried that fails in this way so many times, and whether it succeeded.
    fn tried(failures: u32, failure: impl Fn() -> Failure) -> (u32, bool) {
        let tried = Cell::new(0);
        let outcome = run(until_it_helps(async || {
            tried.set(tried.get() + 1);
            if tried.get() > failures { Ok(()) } else { Err(failure()) }
        }));
        (tried.get(), outcome.is_ok())
    }

    fn refused(status: u16) -> impl Fn() -> Failure {
        move || Failure::Refused(Refusal { status, ..Refusal::default() })
    }

    #[test]
    fn what_may_pass_is_tried_four_times() {
        assert_eq!(tried(0, refused(503)), (1, true));
        assert_eq!(tried(1, refused(503)), (2, true));
        assert_eq!(tried(3, refused(500)), (4, true));
        assert_eq!(tried(9, refused(503)), (4, false));
        assert_eq!(tried(1, || Failure::Broken(Error::Unavailable("connection reset".into()))), (2, true));
    }

    #[test]
    fn what_will_not_pass_is_tried_once() {
        assert_eq!(tried(9, refused(403)), (1, false));
        assert_eq!(tried(9, refused(412)), (1, false));
        assert_eq!(tried(9, || Failure::Broken(Error::AccessDenied("not granted".into()))), (1, false));
    }
}
