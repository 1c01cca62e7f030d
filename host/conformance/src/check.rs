//! A named check: what it needs, what it proves, and how it is run.

use std::time::{Duration, Instant};

use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::finding::{CheckOutcome, Finding};
use super::report::{Checked, Verdict};
use super::{CheckProgress, Plan};

/// Longer than this and a check has failed: whoever waits for it would wait for ever.
const LIMIT: Duration = Duration::from_secs(600);

/// What checks are made of.
pub(super) trait CheckSubject: Sync {
    /// Prepares one check.
    fn begin(&self) -> impl Future<Output = CheckOutcome> + Send {
        async { Ok(()) }
    }
}

/// A check of something of the type `S`; `N` is what it may need.
pub(super) struct Check<S: 'static, N: 'static> {
    pub(super) name: &'static str,
    pub(super) needs: &'static [N],
    pub(super) proves: &'static str,
    pub(super) run: for<'a> fn(&'a S) -> BoxFuture<'a, CheckOutcome>,
}

/// A table of checks: `name, [needs], "what it proves", function;`.
macro_rules! checks {
    ($subject:ty, $need:ty: $($name:literal, [$($needs:expr),*], $proves:literal, $run:path;)*) => {
        &[$($crate::check::Check::<$subject, $need> {
            name: $name,
            needs: &[$($needs),*],
            proves: $proves,
            run: |subject| Box::pin($run(subject)),
        }),*]
    };
}
pub(super) use checks;

/// A check as a list of them shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Described {
    /// Its name.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
}

/// Runs all that the plan wants, each with a subject of its own, and tells whether somebody stopped
/// it.
pub(super) async fn run_all<S: CheckSubject, N>(
    table: &[Check<S, N>],
    plan: &Plan,
    lacking: impl Fn(&Check<S, N>) -> Option<&'static str>,
    subject: impl Fn(&Check<S, N>) -> S,
) -> (Vec<Checked>, bool) {
    let wanted: Vec<_> = table
        .iter()
        .filter(|check| plan.wants(check.name))
        .collect();
    plan.tell(CheckProgress::Planned(wanted.len()));
    let mut checks = Vec::with_capacity(wanted.len());
    for check in wanted {
        match lacking(check) {
            Some(lacking) => checks.push(check.skipped(lacking.into())),
            None => match check.run(&subject(check), plan).await {
                Some(checked) => checks.push(checked),
                None => return (checks, true),
            },
        }
    }
    (checks, false)
}

impl<S: CheckSubject, N> Check<S, N> {
    pub(super) fn described(&self) -> Described {
        Described {
            name: self.name,
            proves: self.proves,
        }
    }

    /// Runs it; none if somebody stopped it.
    async fn run(&self, subject: &S, plan: &Plan) -> Option<Checked> {
        let name = self.name;
        let proves = self.proves;
        let begun = Instant::now();
        plan.tell(CheckProgress::Begun(name));
        // A check that panics has found a bug of its own, and the rest may still be true.
        let run = async {
            subject.begin().await?;
            (self.run)(subject).await
        };
        let run = std::panic::AssertUnwindSafe(run).catch_unwind();
        let verdict = tokio::select! {
            ended = tokio::time::timeout(LIMIT, run) => match ended {
                Ok(Ok(Ok(()))) => Verdict::Holds,
                Ok(Ok(Err(finding))) => Verdict::Fails(finding),
                Ok(Err(_)) => {
                    let panicked = Finding::new(name, "the check itself works", "it panicked");
                    Verdict::Fails(panicked)
                }
                Err(_) => Verdict::Fails(Finding::new(name, format!("it ends within \
                    {LIMIT:?}"), "it did not")),
            },
            () = plan.stop.begun() => return None,
        };
        Some(Checked {
            name,
            proves,
            verdict,
            seconds: begun.elapsed().as_secs_f64(),
        })
    }

    /// What is told of one that is not run.
    fn skipped(&self, why: String) -> Checked {
        Checked {
            name: self.name,
            proves: self.proves,
            verdict: Verdict::NotClaimed(why),
            seconds: 0.0,
        }
    }
}
