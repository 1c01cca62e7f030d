//! The one that writes: a transaction for each group of steps, with a savepoint for each step.

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};

use super::failure::failed;
use super::{changes, links};
use crate::queue::{Committer, QueuedStep};
use crate::sql::SqlFailure;

pub(super) struct SqliteWriter {
    /// None after a failure: SQLite may have rolled back on its own, which sqlx cannot see, so it
    /// starts afresh.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
}

impl SqliteWriter {
    pub(super) fn new(connection: SqliteConnection, options: SqliteConnectOptions) -> Self {
        Self {
            connection: Some(connection),
            options,
        }
    }

    /// The disk may have had room for each of them, if not for all.
    async fn commit_one_by_one(&mut self, group: &[QueuedStep]) -> Vec<Result<()>> {
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
                let outcome = self.transact(std::slice::from_ref(step)).await;
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

    async fn transact(&mut self, group: &[QueuedStep]) -> Result<Vec<Result<()>>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let outcomes = transact(&mut connection, group).await?;
        self.connection = Some(connection);
        Ok(outcomes)
    }
}

#[async_trait]
impl Committer for SqliteWriter {
    async fn commit(&mut self, group: &[QueuedStep]) -> Vec<Result<()>> {
        match self.transact(group).await {
            Ok(outcomes) => outcomes,
            Err(_) if group.len() > 1 => self.commit_one_by_one(group).await,
            Err(cause) => vec![Err(failed(cause))],
        }
    }

    /// Folds the log into the file.
    async fn close(mut self) {
        let Some(mut connection) = self.connection.take() else {
            return;
        };
        let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)")
            .execute(&mut connection)
            .await;
        if let Err(cause) = folded.and(connection.close().await) {
            tracing::warn!(%cause, "the metadata store was not closed well; what it answered is \
                                    in its log");
        }
    }
}

async fn transact(
    connection: &mut SqliteConnection,
    group: &[QueuedStep],
) -> Result<Vec<Result<()>>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let outcomes = carry_out(&mut transaction, group).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

/// Carries out each step as a whole or not at all, in a transaction that somebody else began and
/// will end, with a savepoint for each.
pub(crate) async fn carry_out(
    transaction: &mut SqliteConnection,
    group: &[QueuedStep],
) -> Result<Vec<Result<()>>, sqlx::Error> {
    let last: i64 = sqlx::query_scalar("SELECT last FROM revision")
        .fetch_one(&mut *transaction)
        .await?;
    let mut revision = last;
    let mut outcomes = Vec::with_capacity(group.len());
    for step in group {
        let mut savepoint = transaction.begin().await?;
        let carried_out = match step {
            QueuedStep::Records(changes) => {
                changes::carry_out(&mut savepoint, changes, &mut revision).await
            }
            QueuedStep::Link(change) => links::carry_out(&mut savepoint, change).await,
        };
        outcomes.push(match carried_out {
            Ok(()) => {
                savepoint.commit().await?;
                Ok(())
            }
            Err(SqlFailure::Refused(error)) => {
                savepoint.rollback().await?;
                Err(error)
            }
            Err(SqlFailure::Broken(cause)) => return Err(cause),
        });
    }
    if revision != last {
        sqlx::query("UPDATE revision SET last = ?")
            .bind(revision)
            .execute(&mut *transaction)
            .await?;
    }
    Ok(outcomes)
}
