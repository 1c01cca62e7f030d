//! The metadata store in one SQLite file: the store of a single machine.
//!
//! Reads go to a few read-only connections and see the last commit; changes go to the one writer,
//! which commits what is waiting together and answers when it is on disk. Paths are bytes, so names
//! are exact in case and ordered as everywhere else. It knows nothing of who asks, and caches
//! nothing.

mod changes;
mod failure;
mod file;
mod links;
mod place;
mod pool;
mod readers;
mod scan;
mod schema;
mod writer;

use std::path::Path;
use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use rusqlite::Connection;

pub(super) use self::failure::failed;
pub(super) use self::file::{
    SYNCED, SharedConnection, UNSYNCED, blocking, execute, immutable, row, writer,
};
pub(super) use self::pool::ReadPool;
pub(super) use self::readers::Readers;
use self::writer::SqliteWriter;
pub(super) use self::writer::carry_out;
use super::queue::{CommitQueue, QueuedStep, closed};

/// A store in one file.
pub struct SqliteStore {
    readers: Readers,
    queue: CommitQueue,
}

/// Opens a file of the metadata store, which is there and may be empty, to be written and to be
/// read. An older schema is brought up to date, a newer one is refused.
pub(super) fn open(file: &Path, pragmas: &str) -> Result<(Connection, Readers)> {
    let cannot = |cause| failure::opening(file, cause);
    let mut connection = writer(file, pragmas).map_err(cannot)?;
    schema::migrate(&mut connection, &schema::MIGRATIONS.migrations, file)?;
    let readers = Readers::open(file).map_err(cannot)?;
    Ok((connection, readers))
}

impl SqliteStore {
    /// Opens `sqlite:path/to.db`. A file that is missing is made, with its directories, for this
    /// user only; an older schema is brought up to date, a newer one is refused.
    pub async fn open(url: &str) -> Result<Self> {
        let file = place::prepare(url)?;
        let opened = blocking(move || {
            let opened = open(&file, SYNCED)?;
            check(&opened.0, &file)?;
            Ok(opened)
        });
        let (connection, readers) = opened.await??;
        Ok(Self {
            readers,
            queue: CommitQueue::on_thread(SqliteWriter::new(connection))?,
        })
    }
}

/// Fails if the file is malformed: it would answer some questions, and fail or lie in others.
fn check(connection: &Connection, file: &Path) -> Result<()> {
    let check = "PRAGMA quick_check(1)";
    let found = connection.query_row(check, [], |row| row.get::<_, String>(0));
    match found.map_err(|cause| failure::opening(file, cause))? {
        found if found == "ok" => {}
        found => return Err(failure::malformed(file, &found)),
    }
    let answer = connection.query_row("SELECT last FROM revision", [], |_| Ok(()));
    answer.map_err(|cause| failure::malformed(file, &cause.to_string()).because(cause))
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
        let step = QueuedStep::Records(changes);
        self.queue.commit(step, Durability::Strict).await
    }

    async fn apply_relaxed(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        let step = QueuedStep::Records(changes);
        self.queue.commit(step, Durability::Relaxed).await
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
