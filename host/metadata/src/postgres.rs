//! The metadata store in a database of PostgreSQL, which any number of gateways may share.
//!
//! Reads go to a few connections and see the last commit; changes go to the one that writes, which
//! commits what is waiting together. Writers of all nodes go one after the other, because each
//! locks the row of the revision first. What was committed is told to everybody by NOTIFY, in the
//! order of the commits. Paths are bytes, as everywhere. It knows nothing of who asks, and caches
//! nothing.

mod changes;
mod claim;
mod failure;
mod links;
mod notifications;
mod scan;
mod server;
mod writer;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use futures_util::future::{BoxFuture, LocalBoxFuture};
use sqlx::PgPool;
use sqlx::postgres::PgPoolOptions;
use tokio_util::sync::{CancellationToken, DropGuard};

pub use self::claim::Claim;
use self::failure::PostgresFailures;
use self::server::{PATIENCE, within};
use self::writer::PostgresWriter;
use super::Notifications;
use super::queue::{CommitQueue, QueuedStep, closed};
use super::sql::{IntentRow, SqlRow, below, depth};

/// A store in a database.
pub struct PostgresStore {
    readers: PgPool,
    queue: CommitQueue,
    failures: Arc<PostgresFailures>,
    /// Whether what [`claim`](Self::claim) claimed is held.
    held: Arc<AtomicBool>,
    stop: CancellationToken,
    _stop: DropGuard,
}

impl PostgresStore {
    /// Opens `postgres://user@host/database`, with so many connections that read. A schema that is
    /// missing is made, an older one is brought up to date, and a newer one is refused. Tells
    /// the notifications what is committed.
    pub fn open<'a>(
        url: &'a str,
        connections: u32,
        notifications: Arc<Notifications>,
    ) -> LocalBoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let options = server::options(url)?;
            let failures = Arc::new(PostgresFailures::of(&options));
            server::migrate(&options, &failures).await?;
            let pool = |connections| {
                PgPoolOptions::new()
                    .max_connections(connections)
                    .acquire_timeout(PATIENCE)
                    .idle_timeout(None)
                    .max_lifetime(None)
                    .connect_lazy_with(options.clone())
            };
            let stop = CancellationToken::new();
            // One that listens, and one through which it is told how recent its notifications are.
            tokio::spawn(notifications::follow(pool(2), notifications, stop.clone()));
            Ok(Self {
                readers: pool(connections),
                queue: CommitQueue::new(PostgresWriter::new(
                    server::writing(&options),
                    failures.clone(),
                    pool(1),
                )),
                failures,
                held: Arc::new(AtomicBool::new(true)),
                _stop: stop.clone().drop_guard(),
                stop,
            })
        })
    }

    /// Claims the metadata store for this gateway alone, or together with others that do not claim
    /// it for themselves alone, for as long as the claim lives; refused if others stand against
    /// it.
    pub fn claim<'a>(&'a self, alone: bool) -> BoxFuture<'a, Result<Claim>> {
        Box::pin(async move {
            let options = self.readers.connect_options();
            Claim::new(options, self.failures.clone(), alone, self.held.clone()).await
        })
    }

    /// Fails while the claim is lost: another gateway may hold it by now, and know nothing of the
    /// locks of this one.
    fn claimed(&self) -> Result<()> {
        if self.held.load(Ordering::SeqCst) {
            return Ok(());
        }
        let store = self.failures.store();
        let message =
            format!("the claim on {store} was lost; nothing is changed until it is held again");
        Err(Error::new(ErrorKind::BackendUnavailable, message))
    }

    /// What tells this metadata store from others.
    pub async fn identity(&self) -> Result<String> {
        let identity = sqlx::query_scalar("SELECT identity FROM store");
        self.read(identity.fetch_one(&self.readers)).await
    }

    /// A read within bounds; what it failed for is told.
    async fn read<T>(&self, query: impl Future<Output = Result<T, sqlx::Error>>) -> Result<T> {
        match within(query).await {
            Ok(answer) => Ok(answer),
            Err(_) if self.readers.is_closed() => Err(closed()),
            Err(cause) => Err(self.failures.failed(cause)),
        }
    }
}

#[async_trait]
impl Metadata for PostgresStore {
    fn may_change(&self) -> Result<()> {
        self.claimed()
    }

    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        let row = sqlx::query_as::<_, SqlRow>(scan::RECORD).bind(path.as_str().as_bytes());
        let row = self.read(row.fetch_optional(&self.readers)).await?;
        row.map(|row| row.record().map(Arc::new)).transpose()
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let (mut lower, upper) = below(directory);
        lower.extend_from_slice(after.unwrap_or_default().as_bytes());
        let rows = sqlx::query_as::<_, SqlRow>(scan::CHILDREN)
            .bind(depth(directory) + 1)
            .bind(lower)
            .bind(upper)
            .bind(i64::from(limit));
        self.read(rows.fetch_all(&self.readers))
            .await?
            .into_iter()
            .map(SqlRow::record)
            .collect()
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let (lower, upper) = below(within);
        let mut records = Vec::new();
        if limit > 0 && after.is_none_or(|after| after < within) {
            // It comes first; whatever else is between is not below it.
            records.extend(self.get(within).await?.map(Arc::unwrap_or_clone));
        }
        let after = after.map_or(&b""[..], |after| after.as_str().as_bytes());
        let rows = sqlx::query_as::<_, SqlRow>(scan::BETWEEN)
            .bind(lower.as_slice().max(after))
            .bind(upper)
            .bind(i64::from(limit) - records.len() as i64);
        for row in self.read(rows.fetch_all(&self.readers)).await? {
            records.push(row.record()?);
        }
        Ok(records)
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        self.claimed()?;
        let step = QueuedStep::Records(changes);
        self.queue.commit(step, Durability::Strict).await
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        let rows = sqlx::query_as::<_, IntentRow>(
            "SELECT id, kind, source, target FROM intents ORDER BY position",
        );
        self.read(rows.fetch_all(&self.readers))
            .await?
            .into_iter()
            .map(IntentRow::intent)
            .collect()
    }

    async fn ready(&self) -> Result<()> {
        if self.queue.is_closed() {
            return Err(closed());
        }
        // A standby answers, and so does a primary that an operator made read-only.
        let is_read_only = sqlx::query_scalar::<_, bool>(
            "SELECT current_setting('transaction_read_only') = 'on' FROM revision WHERE one = 1",
        );
        if self.read(is_read_only.fetch_one(&self.readers)).await? {
            return Err(self.failures.read_only());
        }
        self.claimed()
    }

    async fn close(&self) {
        self.stop.cancel();
        self.readers.close().await;
        self.queue.close().await;
    }
}

#[cfg(test)]
mod tests;
