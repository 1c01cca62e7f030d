//! What nodes ask each other, and what they answer: the paths and the forms.

use serde::{Deserialize, Serialize};

use super::command::{NodeId, Refusal, StepOutcome};
use super::failure::Trouble;
use crate::queue::QueuedStep;

/// The largest message, in bytes.
pub(super) const LARGEST: usize = 32 << 20;

/// What is asked. The number of the node that is meant stands behind it in the path, so that a
/// message cannot be taken to another one; 0 is whoever is there.
pub(super) const APPEND: &str = "append";
pub(super) const VOTE: &str = "vote";
pub(super) const SNAPSHOT: &str = "snapshot";
pub(super) const COMMIT: &str = "commit";
pub(super) const READ: &str = "read";
pub(super) const HELLO: &str = "hello";
pub(super) const JOIN: &str = "join";
pub(super) const LEAVE: &str = "leave";
pub(super) const STATUS: &str = "status";

/// Before all of it. The number is raised with every change of a form: nodes that do not encode the
/// same way would take each other's messages for something else.
pub(super) const PREFIX: &str = "/raft/2/";

pub(super) fn path(what: &str, to: NodeId) -> String {
    format!("{PREFIX}{what}/{to}")
}

/// Of [`COMMIT`]: the leader is to carry out these.
#[derive(Serialize, Deserialize)]
pub(super) struct Commit {
    pub(super) steps: Vec<QueuedStep>,
}

/// The answer to [`COMMIT`].
pub(super) type Committed = Result<Vec<StepOutcome>, Trouble>;

/// The answer to [`READ`]: everything that was committed before is applied at this place of the
/// log.
pub(super) type ReadAt = Result<Option<u64>, String>;

/// The answer to [`HELLO`].
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Hello {
    pub(super) node: String,
    /// Whether it is, or was, part of a cluster.
    pub(super) has_state: bool,
}

/// Of [`JOIN`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Join {
    pub(super) name: String,
    pub(super) address: String,
    /// Whether a member that does not lead passed it on; it is passed on once.
    pub(super) passed_on: bool,
}

/// Of [`LEAVE`].
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Leave {
    pub(super) name: String,
    pub(super) passed_on: bool,
}

/// The answer to [`JOIN`] and [`LEAVE`].
pub(super) type Done = Result<(), Refusal>;

/// What a cluster is made of, as one node sees it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Status {
    /// The node that tells.
    pub node: String,
    /// The one that leads, as far as that node knows.
    pub leader: Option<String>,
    /// Counts the elections.
    pub term: u64,
    /// Up to which entry of the log that node has applied everything.
    pub applied: u64,
    /// Everybody who is part of the cluster.
    pub members: Vec<Member>,
}

/// One node of a cluster.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Member {
    /// Its name.
    pub name: String,
    /// Where the others reach it.
    pub address: String,
    /// "leader", "voter", or "learner" while it is not up to date.
    pub role: String,
    /// How many entries it has yet to get; known only if the leader tells.
    pub lag: Option<u64>,
}

#[cfg(test)]
mod fuzz;
