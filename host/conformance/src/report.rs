//! What a suite found, as data: for a table, or for a machine.

use std::time::Duration;

use serde::Serialize;

use super::Finding;

/// Everything that was found out about a component.
#[derive(Debug, Clone, Serialize)]
pub struct CheckReport {
    /// Name of the component.
    pub component: String,
    /// What it was tried out as: `storage`, `authenticator` or `authorizer`.
    pub kind: &'static str,
    /// What it claims.
    pub claims: Vec<&'static str>,
    /// Every check, in order.
    pub checks: Vec<Checked>,
    /// How long each operation took.
    pub latencies: Vec<Latency>,
    /// Large bodies.
    pub throughput: Vec<Carried>,
    /// What could not be removed afterwards, and why.
    pub left_behind: Option<String>,
    /// Somebody stopped it before the end.
    pub interrupted: bool,
}

impl CheckReport {
    /// How many checks hold, fail, and are about something that is not claimed.
    pub fn counts(&self) -> (usize, usize, usize) {
        let count = |wanted: fn(&Verdict) -> bool| {
            self.checks
                .iter()
                .filter(|one| wanted(&one.verdict))
                .count()
        };
        let holds = count(|verdict| matches!(verdict, Verdict::Holds));
        let fails = count(|verdict| matches!(verdict, Verdict::Fails(_)));
        (holds, fails, self.checks.len() - holds - fails)
    }

    /// Whether everything that is claimed was tried, holds, and left nothing behind.
    pub fn is_good(&self) -> bool {
        self.counts().1 == 0 && self.left_behind.is_none() && !self.interrupted
    }
}

/// A check that was made.
#[derive(Debug, Clone, Serialize)]
pub struct Checked {
    /// Its name.
    pub name: &'static str,
    /// What it proves.
    pub proves: &'static str,
    /// How it ended.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// How long it took.
    pub seconds: f64,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", content = "why", rename_all = "kebab-case")]
pub enum Verdict {
    /// What it is about holds.
    Holds,
    /// It does not hold.
    Fails(Finding),
    /// It is not claimed, for want of this.
    NotClaimed(String),
}

/// How long one operation took.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Latency {
    /// Its name.
    pub operation: &'static str,
    /// How many of them there were.
    pub count: usize,
    /// Half of them took no longer, in seconds.
    pub p50: f64,
    /// Ninety-nine of a hundred took no longer, in seconds.
    pub p99: f64,
}

impl Latency {
    pub(super) fn of(operation: &'static str, mut took: Vec<Duration>) -> Self {
        took.sort_unstable();
        // The nearest rank: the smallest value that so many of them do not exceed.
        let rank = |percent: usize| (took.len() * percent).div_ceil(100).saturating_sub(1);
        let at = |percent| took.get(rank(percent)).map_or(0.0, Duration::as_secs_f64);
        Self {
            operation,
            count: took.len(),
            p50: at(50),
            p99: at(99),
        }
    }
}

/// How fast a large body was moved.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Carried {
    /// What moved it.
    pub operation: &'static str,
    /// How large it was.
    pub bytes: u64,
    /// How many of them in a second.
    pub bytes_per_second: f64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_values_that_were_measured() {
        let of = |count: u64| {
            let Latency {
                count, p50, p99, ..
            } = Latency::of("stat", (1..=count).rev().map(Duration::from_secs).collect());
            (count, p50, p99)
        };
        assert_eq!(of(0), (0, 0.0, 0.0));
        assert_eq!(of(1), (1, 1.0, 1.0));
        assert_eq!(of(2), (2, 1.0, 2.0));
        assert_eq!(of(100), (100, 50.0, 99.0));
        assert_eq!(of(1000), (1000, 500.0, 990.0));
    }
}
