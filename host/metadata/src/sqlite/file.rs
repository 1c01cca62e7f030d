//! Connections to a file, and the threads on which they may wait for the disk.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use callfs_model::error::{Error, Result};
use rusqlite::{Connection, OpenFlags, Params, Row};
use url::Url;

/// A write-ahead log that is synchronised with each commit.
pub(crate) const SYNCED: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL";
/// A write-ahead log whose last commits a power failure may take.
pub(crate) const UNSYNCED: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL";

/// How long a connection waits for another process that holds the file.
pub(super) const BUSY: Duration = Duration::from_secs(5);
/// Statements that a connection keeps prepared: more than there are.
const PREPARED: usize = 64;

/// A connection that writes to a file, which is there.
pub(crate) fn writer(file: &Path, pragmas: &str) -> rusqlite::Result<Connection> {
    let connection = connect(file, OpenFlags::SQLITE_OPEN_READ_WRITE)?;
    connection.execute_batch(pragmas)?;
    Ok(connection)
}

/// A connection that reads a file, which others may change.
pub(super) fn reader(file: &Path) -> rusqlite::Result<Connection> {
    connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)
}

/// A connection that reads a file that is complete, and that no process changes.
pub(crate) fn immutable(file: &Path) -> rusqlite::Result<Connection> {
    let mut url =
        Url::from_file_path(file).map_err(|()| rusqlite::Error::InvalidPath(file.into()))?;
    url.set_query(Some("immutable=1"));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    connect(Path::new(url.as_str()), flags)
}

fn connect(file: &Path, flags: OpenFlags) -> rusqlite::Result<Connection> {
    // One thread at a time uses a connection, which a borrow or a lock sees to.
    let flags = flags | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = Connection::open_with_flags(file, flags)?;
    connection.busy_timeout(BUSY)?;
    connection.set_prepared_statement_cache_capacity(PREPARED);
    Ok(connection)
}

/// Carries out a statement that the connection keeps prepared; how many rows were changed.
pub(crate) fn execute(
    connection: &Connection,
    statement: &str,
    values: impl Params,
) -> rusqlite::Result<usize> {
    connection.prepare_cached(statement)?.execute(values)
}

/// The only row of a statement that the connection keeps prepared, if there is one.
pub(crate) fn row<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnOnce(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Option<T>> {
    let mut statement = connection.prepare_cached(statement)?;
    let mut rows = statement.query(values)?;
    rows.next()?.map(read).transpose()
}

/// All rows of a statement that the connection keeps prepared.
pub(super) fn rows<T>(
    connection: &Connection,
    statement: &str,
    values: impl Params,
    read: impl FnMut(&Row<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<Vec<T>> {
    let mut statement = connection.prepare_cached(statement)?;
    statement.query_map(values, read)?.collect()
}

/// Does work that may wait for the disk, on a thread that may.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(Error::internal)
}

/// A connection that is used by one task at a time, on threads that may wait. A clone is the same
/// connection.
#[derive(Clone)]
pub(crate) struct SharedConnection(Arc<Mutex<Connection>>);

impl SharedConnection {
    pub(crate) fn new(connection: Connection) -> Self {
        Self(Arc::new(Mutex::new(connection)))
    }

    pub(crate) async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Connection) -> T + Send + 'static,
    ) -> Result<T> {
        let connection = self.0.clone();
        let work = move || {
            // What a panic left undone was rolled back as it went.
            work(&mut connection.lock().unwrap_or_else(PoisonError::into_inner))
        };
        blocking(work).await
    }
}
