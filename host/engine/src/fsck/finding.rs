//! What a comparison finds, and how much of it.

use std::collections::BTreeMap;

use callfs_model::path::FilePath;
use serde::Serialize;

/// What is wrong, or worth knowing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum FsckProblem {
    /// A change was begun and never ended.
    Unfinished,
    /// Something is recorded, and nothing is stored.
    Dangling,
    /// A directory is empty, and something is recorded below it: its disk may not be mounted.
    Emptied,
    /// A file is recorded and a directory stored, or the reverse.
    WrongKind,
    /// The storage does not answer, so nothing is known of a path and of what is below it.
    Unasked,
    /// Something is stored, and nothing recorded: it is adopted when it is seen.
    Unrecorded,
    /// Another program changed the bytes since they were recorded.
    Changed,
    /// Another object is there than was recorded: it is adopted when it is seen.
    Replaced,
    /// Something is stored under a name that no path can have, so nobody reaches it.
    Unnameable,
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FsckFinding {
    /// Where; the directory, if the name is what is wrong.
    pub path: FilePath,
    /// What.
    pub problem: FsckProblem,
    /// More about it, or why it was not repaired.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// It is as it should be now.
    pub repaired: bool,
}

/// How often something was found, and how often that was repaired.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Tally {
    /// In all.
    pub found: u64,
    /// Of these.
    pub repaired: u64,
}

/// All that was found.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Summary {
    /// How many records were looked at.
    pub records: u64,
    /// How many files and directories the storages listed.
    pub objects: u64,
    /// What was found, by what it is.
    pub problems: BTreeMap<FsckProblem, Tally>,
}

/// Whoever is told while the comparison runs.
pub trait Witness: Send {
    /// Something was found.
    fn found(&mut self, finding: &FsckFinding);

    /// So much was looked at.
    fn progress(&mut self, summary: &Summary);
}

impl FsckProblem {
    /// Whether something is wrong, rather than worth knowing.
    pub fn is_damage(self) -> bool {
        matches!(
            self,
            Self::Unfinished | Self::Dangling | Self::Emptied | Self::WrongKind | Self::Unasked
        )
    }
}

impl Summary {
    /// How often one thing was found.
    pub fn tally(&self, problem: FsckProblem) -> Tally {
        self.problems.get(&problem).copied().unwrap_or_default()
    }

    /// How much is wrong and was not repaired.
    pub fn left(&self) -> u64 {
        let damage = self
            .problems
            .iter()
            .filter(|(problem, _)| problem.is_damage());
        damage.map(|(_, tally)| tally.found - tally.repaired).sum()
    }

    pub(super) fn add(&mut self, finding: &FsckFinding) {
        let tally = self.problems.entry(finding.problem).or_default();
        tally.found += 1;
        tally.repaired += u64::from(finding.repaired);
    }
}
