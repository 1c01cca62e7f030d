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
use std::ops::{Bound, Range, RangeBounds};
use std::path::Path;

use callfs_model::error::{Error, ErrorKind, Result};
use openraft::storage::{LogFlushed, RaftLogStorage};
use openraft::{Entry, LogId, LogState, RaftLogId, RaftLogReader, StorageError, Vote};
use rusqlite::{Connection, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::command::{NodeId, Types};
use super::failure::broken;
use crate::sqlite::{ReadPool, SYNCED, SharedConnection, blocking, execute, row, writer};

type StoredLog<T> = std::result::Result<T, StorageError<NodeId>>;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS log (position INTEGER PRIMARY KEY, entry BLOB \
                      NOT NULL) STRICT; CREATE TABLE IF NOT EXISTS facts (name TEXT PRIMARY KEY, \
                      value BLOB NOT NULL) STRICT";
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
    writer: SharedConnection,
    readers: ReadPool,
}

impl RaftLog {
    /// The log of this node in a file that is there; refused if it is another node's, or of another
    /// format.
    pub(super) async fn open(file: &Path, node: &str) -> Result<Self> {
        let path = file.to_owned();
        let open = move || {
            let writer = writer(&path, SYNCED)?;
            writer.execute_batch(SCHEMA)?;
            Ok((writer, ReadPool::open(&path)?))
        };
        let (writer, readers) = blocking(open).await?.map_err(|cause: rusqlite::Error| {
            let message = format!(
                "cannot open the log {} of the metadata store (Raft): {cause}",
                file.display()
            );
            Error::new(ErrorKind::Internal, message).because(cause)
        })?;
        let log = Self {
            writer: SharedConnection::new(writer),
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
        // What is in the log of the file is read from there when it is opened again.
        let fold =
            |writer: &mut Connection| writer.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        let _ = self.writer.with(fold).await;
    }

    async fn fact<T: DeserializeOwned>(&self, name: &'static str) -> StoredLog<Option<T>> {
        let find = "SELECT value FROM facts WHERE name = ?";
        let read = self
            .readers
            .glance(move |connection| row(connection, find, [name], |row| row.get(0)));
        let found: Option<Vec<u8>> = read.await.map_err(broken)?;
        found
            .map(|bytes| postcard::from_bytes(&bytes).map_err(broken))
            .transpose()
    }

    async fn record<T: Serialize>(&self, name: &'static str, value: &T) -> StoredLog<()> {
        let value = postcard::to_allocvec(value).map_err(broken)?;
        self.write(move |writer| set(writer, name, &value)).await
    }

    async fn write(
        &self,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<()> + Send + 'static,
    ) -> StoredLog<()> {
        let done = self.writer.with(work).await;
        done.map_err(broken)?.map_err(broken)
    }

    /// The entries of a range, or the first ones of them that fit, and always one.
    async fn entries(&self, range: Range<u64>, together: usize) -> StoredLog<Vec<Entry<Types>>> {
        let list = "SELECT entry FROM log WHERE position >= ? AND position < ? ORDER BY position";
        let read = self.readers.read(move |connection| {
            let mut statement = connection.prepare_cached(list)?;
            let mut rows = statement.query([position(range.start), position(range.end)])?;
            let mut found = Vec::new();
            let mut size = 0;
            while let Some(row) = rows.next()? {
                let entry: Vec<u8> = row.get(0)?;
                size += entry.len();
                if size > together && !found.is_empty() {
                    break;
                }
                found.push(entry);
            }
            Ok(found)
        });
        let found = read.await.map_err(broken)?;
        found
            .iter()
            .map(|bytes| postcard::from_bytes(bytes).map_err(broken))
            .collect()
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

fn set(connection: &Connection, name: &str, value: &[u8]) -> rusqlite::Result<()> {
    let set = "REPLACE INTO facts (name, value) VALUES (?, ?)";
    execute(connection, set, params![name, value])?;
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
        self.entries(first..end, usize::MAX).await
    }

    async fn limited_get_log_entries(
        &mut self,
        start: u64,
        end: u64,
    ) -> StoredLog<Vec<Entry<Types>>> {
        self.entries(start..end, TOGETHER).await
    }
}

impl RaftLogStorage<Types> for RaftLog {
    type LogReader = Self;

    async fn get_log_state(&mut self) -> StoredLog<LogState<Types>> {
        let last_purged_log_id: Option<LogId<NodeId>> = self.fact(PURGED).await?;
        let find = "SELECT entry FROM log ORDER BY position DESC LIMIT 1";
        let read = self
            .readers
            .glance(move |connection| row(connection, find, [], |row| row.get(0)));
        let last: Option<Vec<u8>> = read.await.map_err(broken)?;
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
        let encoded = |entry: Entry<Types>| {
            let bytes = postcard::to_allocvec(&entry).map_err(broken)?;
            Ok((position(entry.get_log_id().index), bytes))
        };
        let entries: Vec<(i64, Vec<u8>)> =
            entries.into_iter().map(encoded).collect::<StoredLog<_>>()?;
        let append = move |writer: &mut Connection| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let append = "REPLACE INTO log (position, entry) VALUES (?, ?)";
            for (position, entry) in entries {
                execute(&transaction, append, params![position, entry])?;
            }
            transaction.commit()
        };
        self.write(append).await?;
        // The commit has synchronised the file.
        callback.log_io_completed(Ok(()));
        Ok(())
    }

    async fn truncate(&mut self, log_id: LogId<NodeId>) -> StoredLog<()> {
        let first = position(log_id.index);
        let truncate = move |writer: &mut Connection| {
            execute(writer, "DELETE FROM log WHERE position >= ?", [first])?;
            Ok(())
        };
        self.write(truncate).await
    }

    async fn purge(&mut self, log_id: LogId<NodeId>) -> StoredLog<()> {
        let last = position(log_id.index);
        let purged = postcard::to_allocvec(&log_id).map_err(broken)?;
        let purge = move |writer: &mut Connection| {
            let transaction = writer.transaction_with_behavior(TransactionBehavior::Immediate)?;
            set(&transaction, PURGED, &purged)?;
            execute(&transaction, "DELETE FROM log WHERE position <= ?", [last])?;
            transaction.commit()
        };
        self.write(purge).await
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
        Connection::open(&file)
            .and_then(|connection| connection.execute("DELETE FROM facts WHERE name = ?", [FORMAT]))
            .expect("as it was before");
        let refused = open().await.err().expect("refused");
        let message = refused.message();
        assert!(
            message.contains("has format 1") && message.contains("callfs metadata export"),
            "{message}"
        );
    }
}
