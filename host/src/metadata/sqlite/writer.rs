//! The one that writes: takes what is waiting, commits it together, and answers when it is on disk.
//!
//! One sync of the disk serves everybody who waited for it. A batch that is refused takes nobody down with it, and a
//! caller who leaves changes nothing: its batch is carried out, all of it.

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions, Connection, SqliteConnection};
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::changes::{self, Failure};
use super::failure::failed;
use super::links::{self, LinkChange};
use crate::error::{Error, ErrorKind, Result};
use crate::metadata::Change;

/// Batches in one commit, at most.
const GROUP: usize = 256;
/// Batches that wait before callers have to.
const QUEUE: usize = 1024;

/// What is carried out as a whole or not at all.
pub(super) enum Step {
    /// Changes of the records, in order.
    Records(Vec<Change>),
    /// A change of the links.
    Link(LinkChange),
}

/// A step, and who waits for it.
pub(super) struct Batch {
    pub(super) step: Step,
    pub(super) answer: oneshot::Sender<Result<()>>,
}

pub(super) struct Writer {
    /// None after a failure: SQLite may have rolled back on its own, which sqlx cannot see, so it starts afresh.
    connection: Option<SqliteConnection>,
    options: SqliteConnectOptions,
    queue: mpsc::Receiver<Batch>,
    stop: CancellationToken,
}

impl Writer {
    pub(super) fn new(
        connection: SqliteConnection,
        options: SqliteConnectOptions,
        stop: CancellationToken,
    ) -> (Self, mpsc::Sender<Batch>) {
        let (sender, queue) = mpsc::channel(QUEUE);
        (Self { connection: Some(connection), options, queue, stop }, sender)
    }

    /// Writes until nobody can ask any more, or until it is told to stop and nothing is waiting; then folds the log
    /// into the file. Lets go of the guard last.
    pub(super) async fn run(mut self, _stopped: DropGuard) {
        let mut group = Vec::with_capacity(GROUP);
        loop {
            tokio::select! {
                biased;
                () = self.stop.cancelled(), if !self.queue.is_closed() => self.queue.close(),
                taken = self.queue.recv_many(&mut group, GROUP) => match taken {
                    0 => break,
                    _ => self.answer(std::mem::take(&mut group)).await,
                },
            }
        }
        if let Some(mut connection) = self.connection.take() {
            let folded = sqlx::query("PRAGMA wal_checkpoint(TRUNCATE)").execute(&mut connection).await;
            if let Err(cause) = folded.and(connection.close().await) {
                tracing::warn!(%cause, "the metadata store was not closed well; what it answered is in its log");
            }
        }
    }

    async fn answer(&mut self, group: Vec<Batch>) {
        // A caller who left does not want its answer, so nothing below looks at what `send` says.
        match self.commit(&group).await {
            Ok(outcomes) => {
                for (batch, outcome) in group.into_iter().zip(outcomes) {
                    let _ = batch.answer.send(outcome);
                }
            }
            Err(_) if group.len() > 1 => self.answer_one_by_one(group).await,
            Err(cause) => {
                if let Some(batch) = group.into_iter().next() {
                    let _ = batch.answer.send(Err(failed(cause)));
                }
            }
        }
    }

    /// The disk may have had room for each of them, if not for all.
    async fn answer_one_by_one(&mut self, group: Vec<Batch>) {
        let mut unavailable = false;
        for batch in group {
            let outcome = if unavailable {
                // Each would wait in vain for as long as the first did.
                Err(Error::new(ErrorKind::BackendUnavailable, "the metadata store cannot be written"))
            } else {
                let outcome = self.commit(std::slice::from_ref(&batch)).await;
                outcome.map_err(failed).and_then(|outcomes| outcomes.into_iter().collect())
            };
            unavailable |= outcome.as_ref().is_err_and(|error| error.kind() == ErrorKind::BackendUnavailable);
            let _ = batch.answer.send(outcome);
        }
    }

    async fn commit(&mut self, group: &[Batch]) -> Result<Vec<Result<()>>, sqlx::Error> {
        let mut connection = match self.connection.take() {
            Some(connection) => connection,
            None => self.options.connect().await?,
        };
        let outcomes = transact(&mut connection, group).await?;
        self.connection = Some(connection);
        Ok(outcomes)
    }
}

/// One transaction, with a savepoint for each batch.
async fn transact(connection: &mut SqliteConnection, group: &[Batch]) -> Result<Vec<Result<()>>, sqlx::Error> {
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await?;
    let last: i64 = sqlx::query_scalar("SELECT last FROM revision").fetch_one(&mut *transaction).await?;
    let mut revision = last;
    let mut outcomes = Vec::with_capacity(group.len());
    for batch in group {
        let mut savepoint = transaction.begin().await?;
        let carried_out = match &batch.step {
            Step::Records(changes) => changes::carry_out(&mut savepoint, changes, &mut revision).await,
            Step::Link(change) => links::carry_out(&mut savepoint, change).await,
        };
        outcomes.push(match carried_out {
            Ok(()) => {
                savepoint.commit().await?;
                Ok(())
            }
            Err(Failure::Refused(error)) => {
                savepoint.rollback().await?;
                Err(error)
            }
            Err(Failure::Broken(cause)) => return Err(cause),
        });
    }
    if revision != last {
        sqlx::query("UPDATE revision SET last = ?").bind(revision).execute(&mut *transaction).await?;
    }
    transaction.commit().await?;
    Ok(outcomes)
}
