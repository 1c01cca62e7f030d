//! The metadata store in one SQLite file: the store of a single machine.
//!
//! Reads go to a few read-only connections and see the last commit; changes go to the one writer,
//! which commits what is waiting together and answers when it is on disk. Paths are bytes, so names
//! are exact in case and ordered as everywhere else. It knows nothing of who asks, and caches
//! nothing.

mod changes;
mod failure;
mod links;
mod place;
mod readers;
mod scan;
mod writer;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use futures_util::future::LocalBoxFuture;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqliteConnection};

pub(super) use self::failure::failed;
pub(super) use self::readers::Readers;
use self::writer::SqliteWriter;
pub(super) use self::writer::carry_out;
use super::queue::{CommitQueue, QueuedStep, closed};

/// Reads that run at once.
const READERS: u32 = 8;
/// How long a connection waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// How long a read waits for a connection.
const READER_WAIT: Duration = Duration::from_secs(10);

/// A store in one file.
pub struct SqliteStore {
    readers: Readers,
    queue: CommitQueue,
}

/// A file of the metadata store that was opened, with what reads it and what writes it.
pub(super) struct SqliteFile {
    pub(super) readers: Readers,
    pub(super) connection: SqliteConnection,
    /// How a connection such as this one is made.
    pub(super) writing: SqliteConnectOptions,
}

/// Opens a file of the metadata store, which is there and may be empty. An older schema is brought
/// up to date, a newer one is refused.
pub(super) async fn open(file: &Path, synchronous: SqliteSynchronous) -> Result<SqliteFile> {
    let cannot = |cause| failure::opening(file, cause);
    let options = SqliteConnectOptions::new()
        .filename(file)
        .busy_timeout(BUSY)
        .disable_statement_logging();
    let writing = options
        .clone()
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(synchronous);
    let mut connection = writing.connect().await.map_err(cannot)?;
    let migrations = sqlx::migrate!("migrations/sqlite");
    migrations
        .run(&mut connection)
        .await
        .map_err(|cause| failure::migrating(file, cause))?;
    let readers = SqlitePoolOptions::new()
        .max_connections(READERS)
        .acquire_timeout(READER_WAIT)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.read_only(true))
        .await
        .map_err(cannot)?;
    Ok(SqliteFile {
        readers: Readers::new(readers),
        connection,
        writing,
    })
}

impl SqliteStore {
    /// Opens `sqlite:path/to.db`. A file that is missing is made, with its directories, for this
    /// user only; an older schema is brought up to date, a newer one is refused.
    pub fn open<'a>(url: &'a str) -> LocalBoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let file = place::prepare(url)?;
            let SqliteFile {
                readers,
                connection,
                writing,
            } = open(&file, SqliteSynchronous::Full).await?;
            check(&readers, &file).await?;
            Ok(Self {
                readers,
                queue: CommitQueue::new(SqliteWriter::new(connection, writing)),
            })
        })
    }
}

/// Fails if the file is malformed: it would answer some questions, and fail or lie in others.
async fn check(readers: &Readers, file: &Path) -> Result<()> {
    match readers.check().await {
        Ok(found) if found == "ok" => {
            let answer = readers.answer().await;
            answer.map_err(|cause| failure::malformed(file, &cause.to_string()).because(cause))
        }
        Ok(found) => Err(failure::malformed(file, &found)),
        Err(cause) => Err(failure::opening(file, cause)),
    }
}

#[async_trait]
impl Metadata for SqliteStore {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        self.readers.get(path).await
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.readers.children(directory, after, limit).await
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.readers.records(within, after, limit).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        self.queue.commit(QueuedStep::Records(changes)).await
    }

    async fn apply_soon(&self, changes: Vec<Change>, held: Box<dyn Send>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        // No other process changes this store, so the order in the queue is the order of all.
        self.queue
            .commit_soon(QueuedStep::Records(changes), held)
            .await
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        self.readers.intents().await
    }

    async fn ready(&self) -> Result<()> {
        if self.queue.is_closed() {
            return Err(closed());
        }
        self.readers.answer().await
    }

    async fn close(&self) {
        // Readers first: the writer leaves last, so that it can fold the log into the file.
        self.readers.close().await;
        self.queue.close().await;
    }
}

#[cfg(test)]
mod tests;
