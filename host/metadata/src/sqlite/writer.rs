//! The one that writes: a transaction for each group of steps, with a savepoint for each step.

use std::fs::File;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::Durability;
use rusqlite::{Connection, TransactionBehavior};

use super::failure::failed;
use super::file::{SYNCED, UNSYNCED, execute, row};
use super::{changes, links};
use crate::queue::{Committer, QueuedStep};
use crate::sql::SqlFailure;

/// Waits for the disk, so it has a thread of its own.
pub(super) struct SqliteWriter {
    connection: Connection,
    /// What its next commit is.
    durability: Durability,
    /// Whether the last transaction failed.
    failing: Arc<AtomicBool>,
}

impl SqliteWriter {
    /// Writes through a connection whose commits are strict.
    pub(super) fn new(connection: Connection) -> Self {
        Self {
            connection,
            durability: Durability::Strict,
            failing: Arc::default(),
        }
    }

    /// Whether its last transaction failed, rather than one of the steps in it: told while it runs.
    pub(super) fn failing(&self) -> Arc<AtomicBool> {
        self.failing.clone()
    }

    /// A transaction, whose outcome is remembered, and logged where the one before had another.
    fn transact(&mut self, group: &[QueuedStep]) -> rusqlite::Result<Vec<Result<()>>> {
        let outcome = transact(&mut self.connection, group);
        let failed_before = self.failing.swap(outcome.is_err(), Ordering::Relaxed);
        match &outcome {
            Err(cause) if !failed_before => tracing::error!(
                %cause,
                file = self.connection.path().unwrap_or_default(),
                "the metadata store cannot be written; see that its disk is mounted read-write, \
                 works and has room"
            ),
            Ok(_) if failed_before => tracing::info!("the metadata store can be written again"),
            _ => {}
        }
        outcome
    }

    fn set(&mut self, durability: Durability) -> rusqlite::Result<()> {
        if self.durability != durability {
            let pragmas = match durability {
                Durability::Strict => SYNCED,
                Durability::Relaxed => UNSYNCED,
            };
            self.connection.execute_batch(pragmas)?;
            self.durability = durability;
        }
        Ok(())
    }

    /// The disk may have had room for each of them, if not for all.
    fn commit_one_by_one(&mut self, group: &[QueuedStep]) -> Vec<Result<()>> {
        let mut unavailable = false;
        let mut outcomes = Vec::with_capacity(group.len());
        for step in group {
            let outcome = if unavailable {
                // Each would wait in vain for as long as the first did.
                Err(Error::new(
                    ErrorKind::BackendUnavailable,
                    "the metadata store cannot be written",
                ))
            } else {
                let outcome = self.transact(std::slice::from_ref(step));
                outcome
                    .map_err(failed)
                    .and_then(|outcomes| outcomes.into_iter().collect())
            };
            unavailable |= outcome
                .as_ref()
                .is_err_and(|error| error.kind() == ErrorKind::BackendUnavailable);
            outcomes.push(outcome);
        }
        outcomes
    }
}

#[async_trait]
impl Committer for SqliteWriter {
    async fn commit(&mut self, group: &[QueuedStep], durability: Durability) -> Vec<Result<()>> {
        let committed = self.set(durability).and_then(|()| self.transact(group));
        match committed {
            Ok(outcomes) => outcomes,
            Err(_) if group.len() > 1 => self.commit_one_by_one(group),
            Err(cause) => vec![Err(failed(cause))],
        }
    }

    /// The log has every commit that was not folded into the file, which is synchronised then.
    /// SQLite holds no lock on the log that closing it here could release.
    async fn flush(&mut self) -> Result<()> {
        let Some(file) = self.connection.path() else {
            return Ok(());
        };
        match File::open(format!("{file}-wal")) {
            Ok(log) => log.sync_data().map_err(Error::internal),
            Err(cause) if cause.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(cause) => Err(Error::internal(cause)),
        }
    }

    /// Folds the log into the file.
    async fn close(self) {
        let Self { connection, .. } = self;
        let folded = connection.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
        if let Err(cause) = folded.and(connection.close().map_err(|(_, cause)| cause)) {
            tracing::warn!(%cause, "the metadata store was not closed well; what it answered is \
                                    in its log");
        }
    }
}

/// Nothing is left of a transaction that failed.
fn transact(
    connection: &mut Connection,
    group: &[QueuedStep],
) -> rusqlite::Result<Vec<Result<()>>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let outcomes = carry_out(&transaction, group)?;
    transaction.commit()?;
    Ok(outcomes)
}

/// Carries out each step as a whole or not at all, in a transaction that somebody else began and
/// will end, with a savepoint for each.
pub(crate) fn carry_out(
    connection: &Connection,
    group: &[QueuedStep],
) -> rusqlite::Result<Vec<Result<()>>> {
    let last: i64 = row(connection, "SELECT last FROM revision", [], |row| {
        row.get(0)
    })?
    .ok_or(rusqlite::Error::QueryReturnedNoRows)?;
    let mut revision = last;
    let mut outcomes = Vec::with_capacity(group.len());
    for step in group {
        execute(connection, "SAVEPOINT step", [])?;
        let carried_out = match step {
            QueuedStep::Records(changes) => changes::carry_out(connection, changes, &mut revision),
            QueuedStep::Link(change) => links::carry_out(connection, change),
        };
        outcomes.push(match carried_out {
            Ok(()) => Ok(()),
            Err(SqlFailure::Refused(error)) => {
                execute(connection, "ROLLBACK TO step", [])?;
                Err(error)
            }
            Err(SqlFailure::Broken(cause)) => return Err(cause),
        });
        execute(connection, "RELEASE step", [])?;
    }
    if revision != last {
        execute(connection, "UPDATE revision SET last = ?", [revision])?;
    }
    Ok(outcomes)
}
