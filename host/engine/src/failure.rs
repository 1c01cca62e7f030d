//! Sentences for what goes wrong, and how a backend's error becomes one about a path.
//!
//! Every refusal says what is wrong with this request and names the path.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::path::FilePath;
use callfs_model::storage::Attributes;

/// A refusal about a path, as `'/a' is a directory`.
pub(crate) fn refuse(kind: ErrorKind, path: &FilePath, what: &str) -> Error {
    Error::new(kind, format!("'{path}' {what}"))
}

/// A precondition that does not hold.
pub(crate) fn unmet(path: &FilePath) -> Error {
    refuse(
        ErrorKind::PreconditionFailed,
        path,
        "is not in the state that the precondition asks for",
    )
}

/// Something that is neither a file nor a directory.
pub(crate) fn special(path: &FilePath) -> Error {
    let what = "is neither a file nor a directory (a pipe, socket, device, or a link that leaves \
                its storage) and is never opened";
    refuse(ErrorKind::Unsupported, path, what)
}

/// Something that configuration put there, and only configuration can take away.
pub(crate) fn mounted(path: &FilePath, verb: &str) -> Error {
    let what = format!(
        "is or holds a mount point and cannot be {verb}; change the mounts in the configuration \
         instead"
    );
    refuse(ErrorKind::PermissionDenied, path, &what)
}

/// Somebody who is not CallFS changed a path in the very moment; the same request may succeed now.
pub(crate) fn raced(path: &FilePath) -> Error {
    refuse(
        ErrorKind::Locked,
        path,
        "was changed by another program at the same moment; try again",
    )
}

/// A directory that went away while it was listed.
pub(crate) fn overtaken(path: &FilePath) -> Error {
    refuse(
        ErrorKind::Locked,
        path,
        "was moved, removed or replaced while it was listed; try again",
    )
}

/// A backend's error, made to name the path where the request is at fault.
pub(crate) fn about(path: &FilePath, error: Error) -> Error {
    let what = match error.kind() {
        ErrorKind::NotFound => "does not exist".to_owned(),
        ErrorKind::AlreadyExists => "exists already".to_owned(),
        ErrorKind::NotADirectory => "is not a directory, or one of its ancestors is not".to_owned(),
        ErrorKind::IsADirectory => "is a directory".to_owned(),
        ErrorKind::DirectoryNotEmpty => "is not empty".to_owned(),
        ErrorKind::PreconditionFailed => return unmet(path).because(error),
        ErrorKind::PermissionDenied | ErrorKind::BadRequest | ErrorKind::Unsupported => {
            format!("was refused by its storage: {}", error.message())
        }
        _ => return error,
    };
    refuse(error.kind(), path, &what).because(error)
}

/// Whether a backend says that nothing is there, rather than that it failed.
pub(crate) fn if_any(found: Result<Attributes>) -> Result<Option<Attributes>> {
    match found {
        Ok(attributes) => Ok(Some(attributes)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
