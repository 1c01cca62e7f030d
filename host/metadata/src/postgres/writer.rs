//! The one that writes: a transaction for each group of steps, with a savepoint for each step where
//! there are several.
//!
//! A commit whose answer was lost may have happened, so nothing is tried a second time but what has
//! not begun.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::{Error, Result};
use callfs_model::storage::Durability;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use sqlx::{Connection, PgPool, PgTransaction};

use super::failure::PostgresFailures;
use super::server::{attended, connect, within};
use super::{changes, links, notifications};
use crate::queue::{Committer, QueuedStep};
use crate::sql::SqlFailure;

pub(super) struct PostgresWriter {
    /// None before the first change, and after a failure.
    connection: Option<PgConnection>,
    options: PgConnectOptions,
    failures: Arc<PostgresFailures>,
    /// Through which the server is asked whether it is there.
    probes: PgPool,
}

impl PostgresWriter {
    pub(super) fn new(
        options: PgConnectOptions,
        failures: Arc<PostgresFailures>,
        probes: PgPool,
    ) -> Self {
        Self {
            connection: None,
            options,
            failures,
            probes,
        }
    }

    /// A connection that answers. The server may have been restarted since the last change.
    async fn connected(&mut self) -> Result<PgConnection, sqlx::Error> {
        if let Some(mut connection) = self.connection.take()
            && within(connection.ping()).await.is_ok()
        {
            return Ok(connection);
        }
        connect(&self.options).await
    }
}

#[async_trait]
impl Committer for PostgresWriter {
    async fn commit(&mut self, group: &[QueuedStep], _: Durability) -> Vec<Result<()>> {
        let outcome = match self.connected().await {
            Ok(mut connection) => {
                match attended(&self.probes, transact(&mut connection, group)).await {
                    Ok(outcomes) => {
                        self.connection = Some(connection);
                        return outcomes;
                    }
                    Err(cause) => self.failures.failed(cause),
                }
            }
            Err(cause) => self.failures.failed(cause),
        };
        // Each is told the same, by the kind that it is.
        let again = |error: &Error| Error::new(error.kind(), error.message());
        let mut told: Vec<Result<()>> = group[1..].iter().map(|_| Err(again(&outcome))).collect();
        told.push(Err(outcome));
        told
    }

    async fn close(mut self) {
        if let Some(connection) = self.connection.take() {
            let _ = within(connection.close()).await;
        }
        self.probes.close().await;
    }
}

async fn transact(
    connection: &mut PgConnection,
    group: &[QueuedStep],
) -> Result<Vec<Result<()>>, sqlx::Error> {
    let mut transaction = connection.begin().await?;
    let last: i64 = sqlx::query_scalar("SELECT last FROM revision WHERE one = 1 FOR UPDATE")
        .fetch_one(&mut *transaction)
        .await?;
    let mut revision = last;
    let mut outcomes = Vec::with_capacity(group.len());
    if let [step] = group {
        outcomes.push(
            match carry_out(&mut transaction, step, &mut revision).await {
                Ok(()) => Ok(()),
                Err(SqlFailure::Refused(error)) => {
                    transaction.rollback().await?;
                    return Ok(vec![Err(error)]);
                }
                Err(SqlFailure::Broken(cause)) => return Err(cause),
            },
        );
    } else {
        for step in group {
            let mut savepoint = transaction.begin().await?;
            outcomes.push(match carry_out(&mut savepoint, step, &mut revision).await {
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
    }
    if revision != last {
        sqlx::query("UPDATE revision SET last = $1 WHERE one = 1")
            .bind(revision)
            .execute(&mut *transaction)
            .await?;
    }
    notifications::tell(&mut transaction, group, &outcomes).await?;
    transaction.commit().await?;
    Ok(outcomes)
}

async fn carry_out(
    transaction: &mut PgTransaction<'_>,
    step: &QueuedStep,
    revision: &mut i64,
) -> Result<(), SqlFailure<sqlx::Error>> {
    match step {
        QueuedStep::Records(changes) => changes::carry_out(transaction, changes, revision).await,
        QueuedStep::Link(change) => links::carry_out(transaction, change).await,
    }
}
