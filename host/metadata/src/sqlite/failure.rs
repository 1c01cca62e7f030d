//! What SQLite's failures mean to the rest of CallFS.

use std::path::Path;

use callfs_model::error::{Error, ErrorKind};
use rusqlite::ErrorCode;

use crate::sql::SqlFailure;

/// What became of a change in a transaction.
pub(super) type SqliteOutcome = Result<(), SqlFailure<rusqlite::Error>>;

/// A statement that failed.
pub(crate) fn failed(cause: rusqlite::Error) -> Error {
    let (kind, why) = match cause.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => (
            ErrorKind::InsufficientStorage,
            "the disk of the metadata store is full",
        ),
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => (
            ErrorKind::BackendUnavailable,
            "the metadata store is locked by another process",
        ),
        Some(ErrorCode::ReadOnly) => (
            ErrorKind::BackendUnavailable,
            "the metadata store is read-only",
        ),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => (
            ErrorKind::BackendUnavailable,
            "the metadata store cannot use its disk",
        ),
        _ => return Error::internal(cause),
    };
    Error::new(kind, why).because(cause)
}

/// The file could not be opened.
pub(super) fn opening(file: &Path, cause: rusqlite::Error) -> Error {
    let doing = format!("open the metadata store {}", file.display());
    unusable(file, &doing, cause)
}

/// The schema could not be brought up to date.
pub(super) fn migrating(file: &Path, cause: rusqlite::Error) -> Error {
    let store = format!("the metadata store {}", file.display());
    let doing = format!("bring the schema of {store} up to date");
    unusable(file, &doing, cause)
}

fn unusable(file: &Path, doing: &str, cause: rusqlite::Error) -> Error {
    let (kind, message) = match cause.sqlite_error_code() {
        Some(ErrorCode::DatabaseCorrupt) => {
            return malformed(file, &cause.to_string()).because(cause);
        }
        Some(ErrorCode::NotADatabase) => (
            ErrorKind::Internal,
            format!(
                "{} is not an SQLite database; name another file in the metadata url",
                file.display()
            ),
        ),
        code => {
            let kind = match code {
                Some(ErrorCode::DiskFull) => ErrorKind::InsufficientStorage,
                Some(
                    ErrorCode::DatabaseBusy
                    | ErrorCode::DatabaseLocked
                    | ErrorCode::SystemIoFailure,
                ) => ErrorKind::BackendUnavailable,
                _ => ErrorKind::Internal,
            };
            (kind, format!("cannot {doing}: {cause}"))
        }
    };
    Error::new(kind, message).because(cause)
}

/// The file is an SQLite database that was damaged.
pub(super) fn malformed(file: &Path, found: &str) -> Error {
    let file = file.display();
    let message = format!(
        "the metadata store {file} is malformed ({found}); stop using it: restore a backup of it, \
         or import a dump into a new file (`callfs metadata import`), or save what can be read \
         with `sqlite3 {file} .recover`"
    );
    Error::new(ErrorKind::Internal, message)
}
