//! What an error number of the kernel means to whoever asked for a path.

use std::fmt::Display;

use callfs_model::error::{Error, ErrorKind};
use rustix::io::Errno;

/// The error for an error number that came of dealing with `what`, a quoted path.
pub(super) fn failure(errno: Errno, what: impl Display) -> Error {
    let (kind, message) = match errno {
        Errno::NOENT => (ErrorKind::NotFound, format!("nothing is stored at {what}")),
        Errno::EXIST => (
            ErrorKind::AlreadyExists,
            format!("something is stored at {what} already"),
        ),
        Errno::NOTDIR => (
            ErrorKind::NotADirectory,
            format!("{what}, or a name on the way to it, is not a directory"),
        ),
        Errno::ISDIR => (ErrorKind::IsADirectory, format!("{what} is a directory")),
        Errno::NOTEMPTY => (
            ErrorKind::DirectoryNotEmpty,
            format!("the directory {what} is not empty"),
        ),
        Errno::XDEV => (
            ErrorKind::PermissionDenied,
            format!("{what} leads outside of the served folder by a symbolic link"),
        ),
        Errno::LOOP => (
            ErrorKind::BadRequest,
            format!("{what} leads through a loop of symbolic links"),
        ),
        Errno::NAMETOOLONG => (
            ErrorKind::BadRequest,
            format!("a name in {what} is longer than the filesystem allows; choose a shorter one"),
        ),
        Errno::INVAL | Errno::ILSEQ => (
            ErrorKind::BadRequest,
            format!("the filesystem cannot do that with {what}, or does not allow such a name"),
        ),
        Errno::ACCESS | Errno::PERM => (
            ErrorKind::PermissionDenied,
            format!("the storage refused access to {what}: the server itself may not"),
        ),
        Errno::ROFS => (
            ErrorKind::PermissionDenied,
            format!("the storage refused to change {what}: it is read-only"),
        ),
        Errno::BUSY | Errno::TXTBSY => (
            ErrorKind::PermissionDenied,
            format!("the storage refused to change {what}: it is in use on the server"),
        ),
        Errno::NOSPC | Errno::DQUOT | Errno::MLINK => (
            ErrorKind::InsufficientStorage,
            format!("the storage has no room left for {what}"),
        ),
        Errno::FBIG => (
            ErrorKind::PayloadTooLarge,
            format!("{what} would be larger than the filesystem allows"),
        ),
        Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::NOBUFS => (
            ErrorKind::BackendUnavailable,
            "the server has too much open at the moment; try again".into(),
        ),
        Errno::AGAIN | Errno::INTR | Errno::STALE => (
            ErrorKind::BackendUnavailable,
            format!("{what} is being changed at the moment; try again"),
        ),
        errno => return Error::internal(std::io::Error::from(errno)),
    };
    Error::new(kind, message).because(std::io::Error::from(errno))
}

/// The same for the directory that holds a path: a missing one is not a missing file.
pub(super) fn parent_failure(errno: Errno, what: impl Display) -> Error {
    match errno {
        Errno::NOENT => Error::new(
            ErrorKind::NotFound,
            format!("the directory of {what} does not exist"),
        ),
        Errno::NOTDIR => Error::new(
            ErrorKind::NotADirectory,
            format!("a name on the way to {what} is not a directory"),
        ),
        errno => failure(errno, what),
    }
}
