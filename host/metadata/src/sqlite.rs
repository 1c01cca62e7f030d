//! The metadata store in one SQLite file: the store of a single machine.
//!
//! Reads go to a few read-only connections and see the last commit; changes go to the one writer,
//! which commits what is waiting together and answers when it is on disk. Paths are bytes, so names
//! are exact in case and ordered as everywhere else. It knows nothing of who asks, and caches
//! nothing.

mod changes;
mod check;
mod failure;
mod file;
mod links;
mod place;
mod pool;
mod readers;
mod scan;
mod schema;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use rusqlite::Connection;
use rustix::fs::{StatVfsMountFlags, statvfs};

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
    file: PathBuf,
    readers: Readers,
    queue: CommitQueue,
    /// Whether the last commit failed.
    failing: Arc<AtomicBool>,
}

/// The intent of a change that is made to see whether changes can be made.
const TRIAL: IntentId = *b"callfs-may-write";

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
        let at = file.clone();
        let opened = blocking(move || {
            let opened = open(&at, SYNCED)?;
            check::check(&opened.0, &at)?;
            Ok(opened)
        });
        let (connection, readers) = opened.await??;
        let writer = SqliteWriter::new(connection);
        Ok(Self {
            file,
            readers,
            failing: writer.failing(),
            queue: CommitQueue::on_thread(writer)?,
        })
    }

    /// Fails, with the name of the file and the way out, if nothing can be changed in it.
    pub async fn check_writable(&self) -> Result<()> {
        let tried = self.try_to_write().await;
        tried.map_err(|cause| failure::unwritable(&self.file, cause))
    }

    /// Writes to the file what changes nothing.
    async fn try_to_write(&self) -> Result<()> {
        let path = FilePath::root();
        let begun = Change::Begin(TRIAL, Intent::Reconcile { path });
        self.apply(vec![begun, Change::End(TRIAL)]).await
    }

    /// Whether the filesystem of the file was made read-only.
    async fn is_on_a_read_only_disk(&self) -> Result<bool> {
        let file = self.file.clone();
        let look = move || {
            statvfs(&file).is_ok_and(|disk| disk.f_flag.contains(StatVfsMountFlags::RDONLY))
        };
        blocking(look).await
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
        self.readers.answer().await?;
        if self.is_on_a_read_only_disk().await? {
            return Err(failure::read_only());
        }
        // A store that answers may still refuse every change. Trying costs a commit, so it is done
        // only if the last change failed.
        if self.failing.load(Ordering::Relaxed) {
            self.try_to_write().await?;
        }
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
