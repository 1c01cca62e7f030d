//! What SQLite's failures mean to the rest of CallFS.

use std::path::Path;

use callfs_model::error::{Error, ErrorKind};
use sqlx::migrate::MigrateError;

use crate::queue::closed;

// Primary result codes, https://www.sqlite.org/rescode.html
const BUSY: i32 = 5;
const LOCKED: i32 = 6;
const READONLY: i32 = 8;
const IOERR: i32 = 10;
const CORRUPT: i32 = 11;
const FULL: i32 = 13;
const CANTOPEN: i32 = 14;
const NOTADB: i32 = 26;

/// A statement that failed.
pub(crate) fn failed(cause: sqlx::Error) -> Error {
    let unavailable = |why: &str| {
        Error::new(
            ErrorKind::BackendUnavailable,
            format!("the metadata store {why}"),
        )
    };
    let error = match (&cause, code(&cause)) {
        (sqlx::Error::PoolClosed, _) => return closed(),
        (sqlx::Error::PoolTimedOut, _) => unavailable("is overloaded"),
        (sqlx::Error::WorkerCrashed | sqlx::Error::Io(_), _) => unavailable("cannot be reached"),
        (_, Some(FULL)) => Error::new(
            ErrorKind::InsufficientStorage,
            "the disk of the metadata store is full",
        ),
        (_, Some(BUSY | LOCKED)) => unavailable("is locked by another process"),
        (_, Some(READONLY)) => unavailable("is read-only"),
        (_, Some(IOERR | CANTOPEN)) => unavailable("cannot use its disk"),
        _ => return Error::internal(cause),
    };
    error.because(cause)
}

/// The file could not be opened.
pub(super) fn opening(file: &Path, cause: sqlx::Error) -> Error {
    let message = match code(&cause) {
        Some(NOTADB) => format!(
            "{} is not an SQLite database; name another file in the metadata url",
            file.display()
        ),
        Some(CORRUPT) => return malformed(file, &cause.to_string()).because(cause),
        _ => format!("cannot open the metadata store {}: {cause}", file.display()),
    };
    Error::new(failed_kind(&cause), message).because(cause)
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

/// The schema could not be brought up to date.
pub(super) fn migrating(path: &Path, cause: MigrateError) -> Error {
    let file = path.display();
    let (kind, message) = match &cause {
        MigrateError::VersionMissing(version) => (
            ErrorKind::Internal,
            format!(
                "the metadata store {file} has schema {version}, which is newer than this callfs; \
                 upgrade callfs"
            ),
        ),
        MigrateError::VersionMismatch(version) => (
            ErrorKind::Internal,
            format!(
                "schema {version} of the metadata store {file} is not the one of this callfs; use \
                 the callfs that made it"
            ),
        ),
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _)
            if code(error) == Some(CORRUPT) =>
        {
            return malformed(path, &error.to_string()).because(cause);
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => (
            failed_kind(error),
            format!("cannot bring the schema of the metadata store {file} up to date: {error}"),
        ),
        other => (
            ErrorKind::Internal,
            format!("cannot bring the schema of the metadata store {file} up to date: {other}"),
        ),
    };
    Error::new(kind, message).because(cause)
}

fn failed_kind(cause: &sqlx::Error) -> ErrorKind {
    match code(cause) {
        Some(FULL) => ErrorKind::InsufficientStorage,
        Some(BUSY | LOCKED | IOERR) => ErrorKind::BackendUnavailable,
        _ => ErrorKind::Internal,
    }
}

/// The primary result code: the low byte of the extended one.
fn code(cause: &sqlx::Error) -> Option<i32> {
    let extended: i32 = cause.as_database_error()?.code()?.parse().ok()?;
    Some(extended & 0xff)
}
