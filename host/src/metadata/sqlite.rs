//! The index in one SQLite file: the store of a single machine.
//!
//! Reads go to a few read-only connections and see the last commit; changes go to the one writer, which
//! commits what is waiting together and answers when it is on disk. Paths are bytes, so names are exact in case and
//! ordered as everywhere else. It knows nothing of who asks, and caches nothing.

mod changes;
mod failure;
mod links;
mod place;
mod row;
mod writer;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, SqlitePool};

use self::failure::failed;
use self::row::{IntentRow, Row};
use self::writer::Writer;
use super::links::LinkChange;
use super::queue::{Queue, Step, closed};
use super::sql::{below, depth};
use super::{Change, Intent, IntentId, Metadata, Record};
use crate::error::Result;
use crate::path::FilePath;

/// Reads that run at once.
const READERS: u32 = 8;
/// How long a connection waits for another process that holds the file.
const BUSY: Duration = Duration::from_secs(5);
/// How long a read waits for a connection.
const READER_WAIT: Duration = Duration::from_secs(10);

/// A store in one file.
pub struct Sqlite {
    readers: SqlitePool,
    queue: Queue,
}

impl Sqlite {
    /// Opens `sqlite:path/to.db`. A file that is missing is made, with its directories, for this user only; an older
    /// schema is brought up to date, a newer one is refused.
    pub async fn open(url: &str) -> Result<Self> {
        let file = place::prepare(url)?;
        let cannot = |cause| failure::opening(&file, cause);
        let options = SqliteConnectOptions::new().filename(&file).busy_timeout(BUSY).disable_statement_logging();
        let writing = options.clone().journal_mode(SqliteJournalMode::Wal).synchronous(SqliteSynchronous::Full);
        let mut connection = writing.connect().await.map_err(cannot)?;
        let migrations = sqlx::migrate!("migrations/sqlite");
        migrations.run(&mut connection).await.map_err(|cause| failure::migrating(&file, cause))?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .acquire_timeout(READER_WAIT)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await
            .map_err(cannot)?;
        Ok(Self { readers, queue: Queue::new(Writer::new(connection, writing)) })
    }
}

impl Sqlite {
    async fn change_link(&self, change: LinkChange) -> Result<()> {
        self.queue.commit(Step::Link(change)).await
    }
}

#[async_trait]
impl Metadata for Sqlite {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        let row: Option<Row> = sqlx::query_as("SELECT * FROM records WHERE path = ?")
            .bind(path.as_str().as_bytes())
            .fetch_optional(&self.readers)
            .await
            .map_err(failed)?;
        row.map(|row| row.record().map(Arc::new)).transpose()
    }

    async fn children(&self, directory: &FilePath, after: Option<&str>, limit: u32) -> Result<Vec<Record>> {
        let (mut lower, upper) = below(directory);
        lower.extend_from_slice(after.unwrap_or_default().as_bytes());
        let rows: Vec<Row> = sqlx::query_as(row::CHILDREN)
            .bind(depth(directory) + 1)
            .bind(lower)
            .bind(upper)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.into_iter().map(Row::record).collect()
    }

    async fn records(&self, within: &FilePath, after: Option<&FilePath>, limit: u32) -> Result<Vec<Record>> {
        let (lower, upper) = below(within);
        let after = after.map_or(&b""[..], |after| after.as_str().as_bytes());
        let rows: Vec<Row> = sqlx::query_as(row::RECORDS)
            .bind(within.as_str().as_bytes())
            .bind(after)
            .bind(lower.as_slice().max(after))
            .bind(upper)
            .bind(limit)
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.into_iter().map(Row::record).collect()
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        self.queue.commit(Step::Records(changes)).await
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        let rows: Vec<IntentRow> = sqlx::query_as("SELECT id, kind, source, target FROM intents ORDER BY position")
            .fetch_all(&self.readers)
            .await
            .map_err(failed)?;
        rows.into_iter().map(IntentRow::intent).collect()
    }

    async fn ready(&self) -> Result<()> {
        if self.queue.is_closed() {
            return Err(closed());
        }
        sqlx::query("SELECT last FROM revision").fetch_one(&self.readers).await.map_err(failed)?;
        Ok(())
    }

    async fn close(&self) {
        // Readers first: the writer leaves last, so that it can fold the log into the file.
        self.readers.close().await;
        self.queue.close().await;
    }
}

#[cfg(test)]
mod tests;
