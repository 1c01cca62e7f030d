//! What Redis' failures mean to the rest of CallFS.

use ::redis::{ErrorKind as Kind, RedisError, ServerErrorKind as Server};
use callfs_model::error::{Error, ErrorKind};

/// A request that failed, and may have been carried out nevertheless if it was a change.
pub(super) fn failed(cause: RedisError, change: bool) -> Error {
    let answer = |kind, what: &str| Error::new(kind, format!("the metadata store (Redis) {what}"));
    let unavailable = |what: &str| answer(ErrorKind::BackendUnavailable, what);
    let error = match (cause.kind(), cause.code()) {
        (Kind::Io, _) if cause.is_timeout() && change => answer(
            ErrorKind::BackendTimeout,
            "did not answer in time, and the change may have been made or not; try again",
        ),
        (Kind::Io, _) if cause.is_timeout() => answer(
            ErrorKind::BackendTimeout,
            "did not answer in time; try again, and see what keeps the server busy",
        ),
        (Kind::Io, _) if change => unavailable(
            "was lost before it answered, and the change may have been made or not; check that \
             the server runs",
        ),
        (Kind::Io, _) => return unreachable(cause),
        (Kind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            unavailable("refuses the user or the password; correct the metadata url")
        }
        (Kind::Server(Server::NoPerm), _) => unavailable(
            "forbids its user what is needed; allow it all keys and channels of the prefix, and \
             scripts",
        ),
        (Kind::Server(Server::ReadOnly), _) => unavailable(
            "is a replica, which cannot be written; name the primary in the metadata url",
        ),
        (
            Kind::Server(
                Server::Moved
                | Server::Ask
                | Server::TryAgain
                | Server::ClusterDown
                | Server::CrossSlot,
            ),
            _,
        ) => unavailable(
            "is a node of a cluster that does not own this metadata store; name the one that does \
             in the metadata url",
        ),
        (Kind::Server(Server::BusyLoading | Server::MasterDown), _) => {
            unavailable("is starting; try again")
        }
        (Kind::RESP3NotSupported, _) => unavailable("is older than version 6; upgrade it"),
        (_, Some("BUSY")) => unavailable("is busy with a long change; try again"),
        (_, Some("MISCONF")) => unavailable("cannot write its disk; see the log of the server"),
        (_, Some("OOM")) => answer(
            ErrorKind::InsufficientStorage,
            "has used all of its memory; give it more",
        ),
        _ => return Error::internal(cause),
    };
    error.because(cause)
}

/// There is no connection; nothing was sent.
pub(super) fn unreachable(cause: RedisError) -> Error {
    if cause.kind() != Kind::Io {
        return failed(cause, false);
    }
    no_connection().because(cause)
}

pub(super) fn no_connection() -> Error {
    let message = "the metadata store (Redis) cannot be reached; check that the server runs and \
                   the metadata url names it";
    Error::new(ErrorKind::BackendUnavailable, message)
}

/// A value that this program did not write.
pub(super) fn damaged(what: &str) -> Error {
    Error::internal(format!("the metadata store is damaged: {what}"))
}
