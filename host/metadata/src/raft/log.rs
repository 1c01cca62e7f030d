//! The log of a node, and its vote: one SQLite file of its own, on disk before anybody is told.
//!
//! Which entries are committed is not recorded: it would cost a write to the disk for each, and
//! need not be known. The state is on disk up to some entry, a leader commits an entry of its own
//! before anything is read, and what was committed before is applied again on the way there.

#![expect(
    clippy::result_large_err,
    reason = "openraft says what a storage fails with"
)]

use std::cmp::Ordering;
use std::fmt::Debug;
use std::ops::{Bound, RangeBounds};
use std::path::Path;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{Entry, LogId, LogState, RaftLogId, RaftLogReader, StorageError, Vote};
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::sqlite::{SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteSynchronous};
use sqlx::{ConnectOptions, Connection, SqliteConnection, SqlitePool};
use tokio::sync::Mutex;

use super::command::{NodeId, Types};
use super::failure::broken;

type StoredLog<T> = std::result::Result<T, StorageError<NodeId>>;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS log (position INTEGER PRIMARY KEY, entry BLOB \
                      NOT NULL) STRICT; CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, \
                      value BLOB NOT NULL) STRICT";
/// Tasks that read at once: one for each other node, in general.
const READERS: u32 = 4;
/// Bytes of entries that are handed out together, unless one alone is larger.
const TOGETHER: usize = 4 << 20;

const VOTE: &str = "vote";
const PURGED: &str = "purged";
const NODE: &str = "node";
const FORMAT: &str = "format";
/// How entries are encoded, which no part of an entry tells. Raised with every change of what an
/// entry holds: its bytes would be taken for something else.
const CURRENT: u32 = 2;

/// A clone is the same log.
#[derive(Clone)]
pub(super) struct RaftLog {
    writer: Arc<Mutex<SqliteConnection>>,
    readers: SqlitePool,
}

impl RaftLog {
    /// The log of this node in a file that is there; refused if it is another node's, or of another
    /// format.
    pub(super) async fn open(file: &Path, node: &str) -> Result<Self> {
        let cannot = |cause: sqlx::Error| {
            let message = format!(
                "cannot open the log {} of the metadata store (Raft): {cause}",
                file.display()
            );
            Error::new(ErrorKind::Internal, message).because(cause)
        };
        let options = SqliteConnectOptions::new()
            .filename(file)
            .disable_statement_logging();
        let writing = options
            .clone()
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full);
        let mut writer = writing.connect().await.map_err(cannot)?;
        sqlx::raw_sql(SCHEMA)
            .execute(&mut writer)
            .await
            .map_err(cannot)?;
        let readers = SqlitePoolOptions::new()
            .max_connections(READERS)
            .test_before_acquire(false)
            .idle_timeout(None);
        let readers = readers
            .max_lifetime(None)
            .connect_with(options.read_only(true))
            .await
            .map_err(cannot)?;
        let log = Self {
            writer: Arc::new(Mutex::new(writer)),
            readers,
        };
        match log.fact::<String>(NODE).await.map_err(Error::internal)? {
            Some(owner) if owner != node => {
                let message = format!(
                    "{} is of the node '{owner}', and this one is '{node}'; give it another \
                     folder, or its name back",
                    file.display()
                );
                return Err(Error::new(ErrorKind::BadRequest, message));
            }
            Some(_) => {
                // The first one was not recorded.
                let format = log.fact(FORMAT).await.map_err(Error::internal)?;
                refuse_other(format.unwrap_or(1), file)?;
            }
            None => {
                // First: a log with a node and without a format is an earlier one.
                log.record(FORMAT, &CURRENT)
                    .await
                    .map_err(Error::internal)?;
                log.record(NODE, &node).await.map_err(Error::internal)?;
            }
        }
        Ok(log)
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        let mut writer = self.writer.lock().await;
        // What is in the log of the file is read from there when it is opened again.
        let _ = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut *writer)
            .await;
    }

    async fn fact<T: DeserializeOwned>(&self, name: &str) -> StoredLog<Option<T>> {
        let found: Option<Vec<u8>> = sqlx::query_scalar("SELECT value FROM facts WHERE name = ?")
            .bind(name)
            .fetch_optional(&self.readers)
            .await
            .map_err(broken)?;
        found
            .map(|bytes| postcard::from_bytes(&bytes).map_err(broken))
            .transpose()
    }

    async fn record<T: Serialize>(&self, name: &str, value: &T) -> StoredLog<()> {
        let mut writer = self.writer.lock().await;
        set(&mut writer, name, value).await
    }
}

fn refuse_other(format: u32, file: &Path) -> Result<()> {
    let whose = match format.cmp(&CURRENT) {
        Ordering::Equal => return Ok(()),
        Ordering::Less => {
            "an earlier callfs; write a dump with that one (`callfs metadata export`), empty \
             raft.dir of every node, start them with this one, let them join, and import the dump \
             (`callfs metadata import`)"
        }
        Ordering::Greater => "a later callfs; use that one",
    };
    let message = format!(
        "{} has format {format}, and this callfs reads format {CURRENT}: it was made by {whose}",
        file.display()
    );
    Err(Error::new(ErrorKind::Internal, message))
}

async fn set<T: Serialize>(
    connection: &mut SqliteConnection,
    name: &str,
    value: &T,
) -> StoredLog<()> {
    sqlx::query("REPLACE INTO facts (name, value) VALUES (?, ?)")
        .bind(name)
        .bind(postcard::to_allocvec(value).map_err(broken)?)
        .execute(connection)
        .await
        .map_err(broken)?;
    Ok(())
}

fn position(index: u64) -> i64 {
    i64::try_from(index).unwrap_or(i64::MAX)
}

impl RaftLogReader<Types> for RaftLog {
    async fn try_get_log_entries<R: RangeBounds<u64> + Clone + Debug + Send>(
        &mut self,
        range: R,
    ) -> StoredLog<Vec<Entry<Types>>> {
        let first = match range.start_bound() {
            Bound::Included(first) => *first,
            Bound::Excluded(before) => before.saturating_add(1),
            Bound::Unbounded => 0,
        };
        let end = match range.end_bound() {
            Bound::Included(last) => last.saturating_add(1),
            Bound::Excluded(end) => *end,
            Bound::Unbounded => u64::MAX,
        };
        let found: Vec<Vec<u8>> = sqlx::query_scalar(
            "SELECT entry FROM log WHERE position >= ? AND position < ? ORDER BY position",
        )
        .bind(position(first))
        .bind(position(end))
        .fetch_all(&self.readers)
        .await
        .map_err(broken)?;
        found
            .iter()
            .map(|bytes| postcard::from_bytes(bytes).map_err(broken))
            .collect()
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> StoredLog<Vec<Entry<Types>>> {
        // The first ones that fit, and always one.
        let sizes: Vec<(i64, i64)> = sqlx::query_as(
            "SELECT position, length(entry) FROM log WHERE position >= ? AND position < ? ORDER \
             BY position",
        )
        .bind(position(start))
        .bind(position(end))
        .fetch_all(&self.readers)
        .await
        .map_err(broken)?;
        let mut together = 0;
        let fits = sizes.iter().take_while(|(_, size)| {
            let first = together == 0;
            together += usize::try_from(*size).unwrap_or(usize::MAX).max(1);
            first || together <= TOGETHER
        });
        let count = fits.count() as u64;
        self.try_get_log_entries(start..start + count).await
    }
}

impl RaftLogStorage<Types> for RaftLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> StoredLog<LogState<Types>> {
        let last_purged_log_id: Option<LogId<NodeId>> = self.fact(PURGED).await?;
        let last: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT entry FROM log ORDER BY position DESC LIMIT 1")
                .fetch_optional(&self.readers)
                .await
                .map_err(broken)?;
        let last: Option<Entry<Types>> = last
            .map(|bytes| postcard::from_bytes(&bytes).map_err(broken))
            .transpose()?;
        let last_log_id = last.map(|entry| *entry.get_log_id()).or(last_purged_log_id);
        Ok(LogState {
            last_purged_log_id,
            last_log_id,
        })
    }

    async fn get_log_reader(&mut self) -> Self {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote<NodeId>) -> StoredLog<()> {
        self.record(VOTE, vote).await
    }

    async fn read_vote(&mut self) -> StoredLog<Option<Vote<NodeId>>> {
        self.fact(VOTE).await
    }

    async fn append<I>(&mut self, entries: I, callback: LogFlushed<Types>) -> StoredLog<()>
    where
        I: IntoIterator<Item = Entry<Types>> + Send,
        I::IntoIter: Send,
    {
        let entries: Vec<Entry<Types>> = entries.into_iter().collect();
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(broken)?;
        for entry in &entries {
            sqlx::query("REPLACE INTO log (position, entry) VALUES (?, ?)")
                .bind(position(entry.get_log_id().index))
                .bind(postcard::to_allocvec(entry).map_err(broken)?)
                .execute(&mut *transaction)
                .await
                .map_err(broken)?;
        }
        transaction.commit().await.map_err(broken)?;
        // The commit has synchronised the file.
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId<NodeId>) -> StoredLog<()> {
        let mut writer = self.writer.lock().await;
        sqlx::query("DELETE FROM log WHERE position >= ?")
            .bind(position(log_id.index))
            .execute(&mut *writer)
            .await
            .map_err(broken)?;
        Ok(())
    }

    async fn purge(&mut self, log_id: LogId<NodeId>) -> StoredLog<()> {
        let mut writer = self.writer.lock().await;
        let mut transaction = writer.begin_with("BEGIN IMMEDIATE").await.map_err(broken)?;
        set(&mut transaction, PURGED, &log_id).await?;
        sqlx::query("DELETE FROM log WHERE position <= ?")
            .bind(position(log_id.index))
            .execute(&mut *transaction)
            .await
            .map_err(broken)?;
        transaction.commit().await.map_err(broken)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_log_of_another_callfs_is_refused_with_the_way_out() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("log.db");
        super::super::folder::create(&file).expect("made");
        let open = async || RaftLog::open(&file, "a").await;
        let log = open().await.expect("new");
        log.close().await;
        let log = open().await.expect("of this format");
        log.record(FORMAT, &(CURRENT + 1)).await.expect("recorded");
        log.close().await;
        let refused = open().await.err().expect("refused");
        assert!(refused.message().contains("a later callfs"), "{refused}");
        let mut connection = SqliteConnectOptions::new()
            .filename(&file)
            .connect()
            .await
            .expect("opened");
        sqlx::query("DELETE FROM facts WHERE name = ?")
            .bind(FORMAT)
            .execute(&mut connection)
            .await
            .expect("as it was before");
        let refused = open().await.err().expect("refused");
        let message = refused.message();
        assert!(
            message.contains("has format 1") && message.contains("callfs metadata export"),
            "{message}"
        );
    }
}
