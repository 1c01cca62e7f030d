//! Asking again, a few times, when that may help.

use std::time::Duration;

use callfs_sdk::Error;

use crate::refusal::Failure;

/// How often something is tried.
const ATTEMPTS: u32 = 4;
/// How long to wait after the first time; twice as long after each.
const PAUSE: Duration = Duration::from_millis(50);

/// Does something that can be done again until it succeeds, fails for good, or has failed often
/// enough. What is `conditional` is done again only where nothing came of it: its own success would
/// be why its condition does not hold the next time.
pub(crate) async fn until_it_helps<T>(
    conditional: bool,
    mut attempt: impl AsyncFnMut() -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut pause = PAUSE;
    let mut outcome = attempt().await;
    for _ in 1..ATTEMPTS {
        match &outcome {
            Err(failure) if may_pass(failure, conditional) => {}
            _ => break,
        }
        // An instance has one call at a time: nobody else waits for this thread.
        std::thread::sleep(pause);
        pause *= 2;
        outcome = attempt().await;
    }
    match outcome {
        Err(Failure::Broken(error)) if conditional => Err(Failure::Broken(unknown(error))),
        outcome => outcome,
    }
}

/// An answer that broke off, where what it was about may have been done or not: the client is not
/// to blame.
pub(crate) fn unknown(error: Error) -> Error {
    match error {
        Error::Interrupted(why) => Error::Unavailable(why),
        error => error,
    }
}

fn may_pass(failure: &Failure, conditional: bool) -> bool {
    match failure {
        Failure::Refused(refusal) if conditional => refusal.is_turned_away(),
        Failure::Refused(refusal) => refusal.is_passing(),
        Failure::Broken(_) if conditional => false,
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

    /// How often something was tried that fails in this way so many times, and what came of it.
    fn outcome(
        conditional: bool,
        failures: u32,
        failure: impl Fn() -> Failure,
    ) -> (u32, Result<(), Error>) {
        let tried = Cell::new(0);
        let outcome = run(until_it_helps(conditional, async || {
            tried.set(tried.get() + 1);
            if tried.get() > failures {
                Ok(())
            } else {
                Err(failure())
            }
        }));
        (tried.get(), outcome.map_err(Error::from))
    }

    fn tried(failures: u32, failure: impl Fn() -> Failure) -> (u32, bool) {
        let (tried, outcome) = outcome(false, failures, failure);
        (tried, outcome.is_ok())
    }

    fn refused(status: u16) -> impl Fn() -> Failure {
        coded(status, "")
    }

    fn coded(status: u16, code: &'static str) -> impl Fn() -> Failure {
        move || {
            Failure::Refused(Refusal {
                status,
                code: code.to_owned(),
                ..Refusal::default()
            })
        }
    }

    #[test]
    fn what_may_pass_is_tried_four_times() {
        assert_eq!(tried(0, refused(503)), (1, true));
        assert_eq!(tried(1, refused(503)), (2, true));
        assert_eq!(tried(3, refused(500)), (4, true));
        assert_eq!(tried(9, refused(503)), (4, false));
        assert_eq!(
            tried(1, || Failure::Broken(Error::Unavailable(
                "connection reset".into()
            ))),
            (2, true)
        );
    }

    #[test]
    fn what_will_not_pass_is_tried_once() {
        assert_eq!(tried(9, refused(403)), (1, false));
        assert_eq!(tried(9, refused(412)), (1, false));
        assert_eq!(
            tried(9, || Failure::Broken(Error::AccessDenied(
                "not granted".into()
            ))),
            (1, false)
        );
    }

    #[test]
    fn a_condition_is_not_held_against_what_it_may_have_let_through() {
        // The first attempt stored the object and its answer was lost: the second would be refused
        // because of the first.
        let stored = Cell::new(false);
        let outcome = run(until_it_helps(true, async || {
            if stored.replace(true) {
                return Err(refused(412)());
            }
            let lost = Error::Unavailable("connection reset".into());
            Err::<(), _>(Failure::Broken(lost))
        }));
        assert_eq!(
            outcome.map_err(Error::from),
            Err(Error::Unavailable("connection reset".into()))
        );
    }

    #[test]
    fn what_has_a_condition_is_tried_again_only_where_nothing_came_of_it() {
        for failure in [
            coded(503, "SlowDown"),
            coded(200, "SlowDown"),
            coded(503, "ServiceUnavailable"),
            coded(429, ""),
        ] {
            assert_eq!(outcome(true, 1, failure), (2, Ok(())));
        }
        for status in [500, 502, 503, 504] {
            let (tried, outcome) = outcome(true, 9, refused(status));
            assert!(
                tried == 1 && matches!(outcome, Err(Error::Unavailable(_))),
                "{status}: {tried} {outcome:?}"
            );
        }
        let (tried, failed) = outcome(true, 9, coded(200, "InternalError"));
        assert!(
            tried == 1 && matches!(failed, Err(Error::Unavailable(_))),
            "{tried} {failed:?}"
        );
        let broken = outcome(true, 9, || {
            Failure::Broken(Error::Interrupted("broke off".into()))
        });
        assert_eq!(broken, (1, Err(Error::Unavailable("broke off".into()))));
    }
}
