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
        Some(ErrorCode::ReadOnly) => return read_only().because(cause),
        Some(ErrorCode::SystemIoFailure | ErrorCode::CannotOpen) => (
            ErrorKind::BackendUnavailable,
            "the metadata store cannot use its disk",
        ),
        _ => return Error::internal(cause),
    };
    Error::new(kind, why).because(cause)
}

/// Nothing can be changed.
pub(super) fn read_only() -> Error {
    Error::new(
        ErrorKind::BackendUnavailable,
        "the metadata store is read-only",
    )
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

/// The file has a row that this program did not write. `which` is a condition that only it meets.
pub(super) fn malformed_row(file: &Path, table: &str, which: &str, why: &str) -> Error {
    let file = file.display();
    let message = format!(
        "the metadata store {file} is malformed (a row of the table {table} cannot be read: \
         {why}); stop using it: restore a backup of it, or import a dump into a new file \
         (`callfs metadata import`), or give up that row alone with `sqlite3 {file} \"DELETE FROM \
         {table} WHERE {which}\"`, and look with `callfs fsck` at what is left"
    );
    Error::new(ErrorKind::Internal, message)
}

/// The file is well-formed, and nothing can be changed in it.
pub(super) fn unwritable(file: &Path, cause: Error) -> Error {
    let message = format!(
        "the metadata store {} cannot be written; mount its disk read-write, and let the user that \
         runs callfs write the file and its directory; if that is so already, the file is damaged: \
         restore a backup of it, or move to a new file with `callfs metadata export` and `callfs \
         metadata import`",
        file.display()
    );
    Error::new(cause.kind(), message).because(cause)
}
