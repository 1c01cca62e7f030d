//! What is in the log: groups of changes, and what became of each; and who the members are.

use callfs_model::error::{Error, ErrorKind, Result};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::queue::QueuedStep;

openraft::declare_raft_types!(
    /// What the nodes agree on.
    pub(super) Types:
        D = RaftCommand,
        R = Vec<StepOutcome>,
        Node = RaftPeer,
        SnapshotData = tokio::fs::File
);

/// How openraft names a node.
pub(super) type NodeId = u64;

/// A group of steps, each of which is carried out as a whole or not at all.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RaftCommand {
    pub(super) steps: Vec<QueuedStep>,
}

/// What became of a step; none if it was carried out.
pub(super) type StepOutcome = Option<Refusal>;

/// Why a step was refused, in a form that travels.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Refusal {
    kind: ErrorKind,
    message: String,
}

impl From<&Error> for Refusal {
    fn from(error: &Error) -> Self {
        Self {
            kind: error.kind(),
            message: error.message().to_owned(),
        }
    }
}

impl Refusal {
    /// As whoever asked is to see it.
    pub(super) fn error(self) -> Error {
        Error::new(self.kind, self.message)
    }
}

/// The outcome of a step that was carried out here.
pub(super) fn outcome(result: Result<()>) -> StepOutcome {
    result.err().as_ref().map(Refusal::from)
}

/// What everybody knows of a member.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct RaftPeer {
    pub(super) name: String,
    /// Where it listens, as `host:port`.
    pub(super) address: String,
}

/// The number of a node: the same for the same name, everywhere. 0 is nobody.
pub(super) fn id_of(name: &str) -> NodeId {
    let digest: [u8; 32] = Sha256::digest(name.as_bytes()).into();
    let (first, _) = digest.split_at(8);
    first
        .iter()
        .fold(0, |id, byte| id << 8 | u64::from(*byte))
        .max(1)
}
