//! What goes wrong in a cluster, and what it means to the rest of CallFS.

use std::error::Error as StdError;

use callfs_model::error::{Error, ErrorKind};
use openraft::{AnyError, StorageError, StorageIOError};

use super::command::NodeId;

/// Why a proposal has no outcome.
#[derive(Debug, Clone, serde::Serialize, serde::Deserialize)]
pub(super) enum Trouble {
    /// This node does not lead; nothing was proposed.
    NotLeader,
    /// It may or may not have happened.
    Unknown(String),
}

/// A file of this node failed; openraft stops the node.
pub(super) fn broken(cause: impl StdError + 'static) -> StorageError<NodeId> {
    StorageError::IO {
        source: StorageIOError::write(AnyError::new(&cause)),
    }
}

/// There is nobody to ask, and nothing was changed.
pub(super) fn no_leader(why: &str) -> Error {
    let message = format!(
        "the metadata store (Raft) has no leader that this node can reach: {why}; see that most \
         members run and reach each other, `callfs cluster status` tells"
    );
    Error::new(ErrorKind::BackendUnavailable, message)
}

/// Nobody answered in time.
pub(super) fn unknown(why: &str) -> Error {
    let message = format!(
        "the metadata store (Raft) did not answer: {why}; the change may or may not have been \
         made, look before you try again"
    );
    Error::new(ErrorKind::BackendUnavailable, message)
}

/// The node waits for somebody to add it.
pub(super) fn not_a_member() -> Error {
    let message = "this node is not part of a cluster yet; run `callfs cluster join`";
    Error::new(ErrorKind::NotReady, message)
}

/// The node stopped because its disk failed it.
pub(super) fn stopped(cause: impl StdError + Send + Sync + 'static) -> Error {
    let message = "this node of the metadata store (Raft) has stopped; look at its disk and its \
                   log, and start it again";
    Error::new(ErrorKind::BackendUnavailable, message).because(cause)
}

/// A file or folder of this node cannot be used.
pub(super) fn cannot(what: &str, path: &std::path::Path, cause: std::io::Error) -> Error {
    let message = format!(
        "cannot {what} {} of the metadata store (Raft): {cause}",
        path.display()
    );
    Error::new(ErrorKind::Internal, message).because(cause)
}
