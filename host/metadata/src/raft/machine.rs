//! The state of a node: the tables of the SQLite store, and up to which entry of the log they are.
//!
//! An entry is applied, and recorded as applied, in one transaction. That transaction need not be
//! on disk at once: what a machine that loses its power forgets of the state, the log still has, or
//! the snapshot, and it is applied again. A disk that is full is waited for, because an entry that
//! everybody agreed on cannot be refused by one.

#![expect(
    clippy::result_large_err,
    reason = "openraft says what a storage fails with"
)]

use std::io::SeekFrom;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use callfs_model::error::{Error, ErrorKind, Result};
use openraft::storage::RaftStateMachine;
use openraft::{
    Entry, EntryPayload, LogId, RaftLogId, Snapshot, SnapshotMeta, StorageError, StoredMembership,
};
use rusqlite::{Connection, TransactionBehavior};
use serde::{Deserialize, Serialize};
use tokio::io::AsyncSeekExt;

use super::command::{NodeId, RaftPeer, StepOutcome, Types, outcome};
use super::failure::broken;
use super::folder::{RaftFolder, create};
use super::snapshot::{self, Builder};
use crate::queue::QueuedStep;
use crate::sqlite::{self, Readers, SharedConnection, UNSYNCED, blocking, execute};
use crate::{Notifications, Touched};

type StoredMachine<T> = std::result::Result<T, StorageError<NodeId>>;

const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS raft (one INTEGER PRIMARY KEY CHECK (one = 1), \
                      applied BLOB NOT NULL) STRICT";
/// How long a disk that is full is left alone.
const PAUSE: Duration = Duration::from_secs(1);

/// Up to where a state is.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Applied {
    pub(super) last: Option<LogId<NodeId>>,
    pub(super) membership: StoredMembership<NodeId, RaftPeer>,
}

pub(super) struct StateMachine {
    folder: RaftFolder,
    notifications: Arc<Notifications>,
    /// What reads the state of this moment.
    readers: Arc<ArcSwap<Readers>>,
    file: PathBuf,
    connection: SharedConnection,
    applied: Applied,
}

impl StateMachine {
    /// The state as it was left, or that of the snapshot if that is newer.
    pub(super) async fn open(
        folder: RaftFolder,
        notifications: Arc<Notifications>,
    ) -> Result<Self> {
        let file = folder.state().map_err(Error::internal)?;
        let mut opened = open(file).await?;
        if let Some((_, snapshot)) = folder.snapshot().map_err(Error::internal)? {
            let of_snapshot = snapshot::applied(&snapshot)
                .await
                .map_err(Error::internal)?;
            if of_snapshot.last > opened.applied.last {
                opened.readers.close().await;
                let file = folder.replace_state(&snapshot).map_err(Error::internal)?;
                opened = open(file).await?;
                folder.forget_states_before(&opened.file);
            }
        }
        let OpenState {
            file,
            readers,
            connection,
            applied,
        } = opened;
        let readers = Arc::new(ArcSwap::from_pointee(readers));
        Ok(Self {
            folder,
            notifications,
            readers,
            file,
            connection,
            applied,
        })
    }

    /// What reads the state, whichever it is.
    pub(super) fn readers(&self) -> Arc<ArcSwap<Readers>> {
        self.readers.clone()
    }

    async fn transact(
        &self,
        entries: Arc<[Entry<Types>]>,
        applied: &Applied,
    ) -> Result<Vec<Vec<StepOutcome>>> {
        let applied = postcard::to_allocvec(applied).map_err(Error::internal)?;
        let outcomes = self
            .connection
            .with(move |connection| transact(connection, &entries, &applied));
        outcomes.await?.map_err(sqlite::failed)
    }
}

/// Nothing is left of a transaction that failed.
fn transact(
    connection: &mut Connection,
    entries: &[Entry<Types>],
    applied: &[u8],
) -> rusqlite::Result<Vec<Vec<StepOutcome>>> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let mut outcomes = Vec::with_capacity(entries.len());
    for entry in entries {
        outcomes.push(match &entry.payload {
            EntryPayload::Normal(command) => sqlite::carry_out(&transaction, &command.steps)?
                .into_iter()
                .map(outcome)
                .collect(),
            EntryPayload::Blank | EntryPayload::Membership(_) => Vec::new(),
        });
    }
    let record = "REPLACE INTO raft (one, applied) VALUES (1, ?)";
    execute(&transaction, record, [applied])?;
    transaction.commit()?;
    Ok(outcomes)
}

struct OpenState {
    file: PathBuf,
    readers: Readers,
    connection: SharedConnection,
    applied: Applied,
}

async fn open(file: PathBuf) -> Result<OpenState> {
    let open = move || {
        let (connection, readers) = sqlite::open(&file, UNSYNCED)?;
        connection.execute_batch(SCHEMA).map_err(sqlite::failed)?;
        Ok(OpenState {
            applied: applied(&connection).map_err(Error::internal)?,
            connection: SharedConnection::new(connection),
            readers,
            file,
        })
    };
    blocking(open).await?
}

/// What a state says of itself.
pub(super) fn applied(connection: &Connection) -> StoredMachine<Applied> {
    let found = sqlite::row(connection, "SELECT applied FROM raft", [], |row| {
        row.get::<_, Vec<u8>>(0)
    });
    found.map_err(broken)?.map_or_else(
        || Ok(Applied::default()),
        |bytes| postcard::from_bytes(&bytes).map_err(broken),
    )
}

impl RaftStateMachine<Types> for StateMachine {
    type SnapshotBuilder = Builder;

    async fn applied_state(
        &mut self,
    ) -> StoredMachine<(Option<LogId<NodeId>>, StoredMembership<NodeId, RaftPeer>)> {
        Ok((self.applied.last, self.applied.membership.clone()))
    }

    async fn apply<I>(&mut self, entries: I) -> StoredMachine<Vec<Vec<StepOutcome>>>
    where
        I: IntoIterator<Item = Entry<Types>> + Send,
        I::IntoIter: Send,
    {
        let entries: Arc<[Entry<Types>]> = entries.into_iter().collect();
        let mut applied = self.applied.clone();
        let mut changes = Vec::new();
        for entry in entries.iter() {
            let log_id = *entry.get_log_id();
            applied.last = Some(log_id);
            match &entry.payload {
                EntryPayload::Membership(members) => {
                    applied.membership = StoredMembership::new(Some(log_id), members.clone());
                }
                EntryPayload::Normal(command) => {
                    changes.extend(command.steps.iter().filter_map(|step| match step {
                        QueuedStep::Records(changes) => Some(changes),
                        QueuedStep::Link(_) => None,
                    }))
                }
                EntryPayload::Blank => {}
            }
        }
        let outcomes = loop {
            match self.transact(entries.clone(), &applied).await {
                Ok(outcomes) => break outcomes,
                Err(error) => {
                    if !matches!(
                        error.kind(),
                        ErrorKind::InsufficientStorage | ErrorKind::BackendUnavailable
                    ) {
                        return Err(broken(error));
                    }
                    tracing::error!(%error, "an entry of the metadata store (Raft) cannot be \
                        applied yet; trying again");
                    tokio::time::sleep(PAUSE).await;
                }
            }
        };
        self.applied = applied;
        let touched = Touched::of(changes.into_iter().flatten());
        if !touched.is_empty() {
            self.notifications.changed(&touched);
        }
        Ok(outcomes)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder::new(self.folder.clone(), self.file.clone()).await
    }

    async fn begin_receiving_snapshot(&mut self) -> StoredMachine<Box<tokio::fs::File>> {
        let path = self.folder.unfinished("received");
        let file = create(&path).map_err(broken)?;
        // Nobody needs its name: it goes away with whoever receives it.
        std::fs::remove_file(&path).map_err(broken)?;
        Ok(Box::new(tokio::fs::File::from_std(file)))
    }

    async fn install_snapshot(
        &mut self,
        meta: &SnapshotMeta<NodeId, RaftPeer>,
        mut received: Box<tokio::fs::File>,
    ) -> StoredMachine<()> {
        received.seek(SeekFrom::Start(0)).await.map_err(broken)?;
        let unfinished = self.folder.unfinished("snapshot");
        let mut copy = tokio::fs::File::from_std(create(&unfinished).map_err(broken)?);
        tokio::io::copy(&mut *received, &mut copy)
            .await
            .map_err(broken)?;
        copy.sync_all().await.map_err(broken)?;
        drop(copy);
        // The snapshot first: if this ends here, the state is made of it when the node starts
        // again.
        self.folder
            .finish_snapshot(&unfinished, &meta.snapshot_id)
            .map_err(broken)?;
        let gone = || broken(std::io::Error::other("the snapshot has gone"));
        let (_, snapshot) = self.folder.snapshot().map_err(broken)?.ok_or_else(gone)?;
        let file = self.folder.replace_state(&snapshot).map_err(broken)?;
        let opened = open(file).await.map_err(broken)?;
        self.readers.store(Arc::new(opened.readers));
        self.file = opened.file;
        self.connection = opened.connection;
        self.applied = opened.applied;
        self.folder.forget_states_before(&self.file);
        self.notifications.changed(&Touched::everything());
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> StoredMachine<Option<Snapshot<Types>>> {
        snapshot::current(&self.folder).await
    }
}
