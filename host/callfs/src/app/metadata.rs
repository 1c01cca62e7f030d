//! The metadata store of a configuration: its store, the memory before it, and what keeps a second
//! gateway away where there must be one alone.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use callfs_metadata::{
    Cached, Notifications, PostgresStore, RaftSettings, RaftStore, RedisStore, SqliteStore,
};
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::Fences;
use callfs_model::metadata::{Change, LeaseId, LinkStore, Metadata};
use rustix::fs::{FlockOperation, fstat};
use sha2::{Digest, Sha256};

use crate::config::{Config, LockManager, MetadataStore};

/// How many records of the metadata store are kept in memory.
const CACHED_RECORDS: u64 = 100_000;

/// How often a metadata store that does not answer is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// What a metadata store is opened for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum MetadataUse {
    Change,
    /// What is in it is read, and no more.
    Save,
}

/// An store that is open.
pub struct MetadataHandle {
    /// The records.
    pub metadata: Arc<Cached<dyn Metadata>>,
    /// The links.
    pub links: Arc<dyn LinkStore>,
    /// What other gateways change; none if nobody can.
    pub notifications: Option<Arc<Notifications>>,
    /// Tells the metadata store from others.
    pub identity: String,
    /// The node that this is of a cluster whose locks are not shared; none otherwise.
    unshared: Option<Arc<RaftStore>>,
    #[expect(dead_code, reason = "held for its Drop")]
    claim: Box<dyn Send + Sync>,
}

impl MetadataHandle {
    /// Opens the metadata store that a configuration names, to serve: together with others if their
    /// locks are shared. Fails if it cannot be changed.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        Self::open_as(config, is_alone(config), MetadataUse::Change).await
    }

    /// Opens it for changes that no gateway may be in the way of, whatever its locks are.
    pub async fn open_alone(config: &Config) -> anyhow::Result<Self> {
        Self::open_as(config, true, MetadataUse::Change).await
    }

    /// Opens it to save what is in it, although it may refuse changes.
    pub async fn open_to_save(config: &Config) -> anyhow::Result<Self> {
        Self::open_as(config, is_alone(config), MetadataUse::Save).await
    }

    async fn open_as(config: &Config, alone: bool, purpose: MetadataUse) -> anyhow::Result<Self> {
        let notifications = Arc::new(Notifications::new());
        match &config.metadata {
            MetadataStore::Sqlite { url } => {
                // The lock comes first, so that nobody migrates a metadata store that another
                // gateway uses.
                let claim = claim_file(url)?;
                let store = Arc::new(
                    SqliteStore::open(url)
                        .await
                        .with_context(|| format!("cannot open the metadata store {url}"))?,
                );
                if purpose == MetadataUse::Change {
                    refuse_unwritable(&store).await?;
                }
                let metadata = Arc::new(Cached::new(
                    store.clone() as Arc<dyn Metadata>,
                    CACHED_RECORDS,
                ));
                let identity = claim.identity.clone();
                Ok(Self {
                    metadata,
                    links: store,
                    notifications: None,
                    identity,
                    unshared: None,
                    claim: Box::new(claim),
                })
            }
            MetadataStore::Postgres { url, connections } => {
                let store =
                    PostgresStore::open(url.as_str(), *connections, notifications.clone()).await;
                let store = Arc::new(store.context("cannot open the metadata store")?);
                let claim = store.claim(alone).await?;
                let identity = format!("postgres {}", store.identity().await?);
                Ok(Self::shared(store, notifications, identity, claim))
            }
            MetadataStore::Redis { url, prefix } => {
                let store = RedisStore::open(url.as_str(), prefix, notifications.clone()).await;
                let store = Arc::new(store.context("cannot open the metadata store")?);
                let claim = store.claim(alone).await?;
                let identity = format!("redis {}", store.identity().await?);
                Ok(Self::shared(store, notifications, identity, claim))
            }
            MetadataStore::Raft(raft) => {
                let settings = RaftSettings {
                    node: config.node.id.clone(),
                    listen: raft.listen,
                    advertise: raft.advertise.clone(),
                    dir: raft.dir.clone(),
                    bootstrap: raft.bootstrap,
                    secret: raft.secret.clone().into_bytes(),
                };
                let store = RaftStore::open(settings, notifications.clone())
                    .await
                    .context("cannot open the metadata store")?;
                // The nodes of a cluster have nothing else in common that is there before they
                // have met.
                let identity = hex::encode(Sha256::digest(&raft.secret));
                let identity = format!("raft {identity}");
                let store = Arc::new(store);
                let local = matches!(config.locks.manager, LockManager::Local);
                Ok(Self {
                    unshared: local.then(|| store.clone()),
                    ..Self::shared(store, notifications, identity, ())
                })
            }
        }
    }

    /// Waits until it answers, or the end begins: a node of a cluster is there before the others
    /// are, and before it is part of one. Answers whether it does; fails if waiting does not help.
    pub(crate) async fn answers(&self, end: impl Future<Output = ()>) -> anyhow::Result<bool> {
        let mut end = std::pin::pin!(end);
        let mut told = String::new();
        while let Err(error) = self.ready().await {
            if !error.kind().is_retryable() {
                return Err(error).context("the metadata store cannot be used");
            }
            if told != error.message() {
                tracing::warn!(%error, "nothing is served until the metadata store answers");
                told = error.message().to_owned();
            }
            tokio::select! {
                () = &mut end => return Ok(false),
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        Ok(true)
    }

    /// Whether it answers, and may be changed under the locks of this gateway. A node that may not
    /// stays part of its cluster, which may need its vote.
    async fn ready(&self) -> Result<()> {
        self.metadata.ready().await?;
        let members = self
            .unshared
            .as_ref()
            .map(|node| node.status().members.len());
        match members {
            Some(members @ 2..) => {
                let message = format!(
                    "{members} nodes share the metadata store, and the locks of this one are its \
                     own; set [locks] manager = \"redis\" for all of them"
                );
                Err(Error::new(ErrorKind::NotReady, message))
            }
            _ => Ok(()),
        }
    }

    /// Finishes what is under way, and lets go of it.
    pub async fn close(&self) {
        self.metadata.close().await;
    }

    fn shared<S>(
        store: Arc<S>,
        notifications: Arc<Notifications>,
        identity: String,
        claim: impl Send + Sync + 'static,
    ) -> Self
    where
        S: Metadata + LinkStore + 'static,
    {
        let metadata = Arc::new(Cached::shared(
            store.clone() as Arc<dyn Metadata>,
            CACHED_RECORDS,
            notifications.clone(),
        ));
        Self {
            metadata,
            links: store,
            notifications: Some(notifications),
            identity,
            unshared: None,
            claim: Box::new(claim),
        }
    }
}

#[async_trait]
impl Fences for MetadataHandle {
    async fn fence(&self, lease: LeaseId) -> Result<()> {
        self.metadata.apply(vec![Change::Fence(lease)]).await
    }
}

/// Whether no other gateway may use the same metadata store.
fn is_alone(config: &Config) -> bool {
    matches!(config.locks.manager, LockManager::Local)
}

/// Fails if nothing can be changed in a store. One whose disk is full is used: what it has can be
/// read, and the disk may get room.
async fn refuse_unwritable(store: &SqliteStore) -> anyhow::Result<()> {
    let Err(error) = store.check_writable().await else {
        return Ok(());
    };
    if error.kind() == ErrorKind::InsufficientStorage {
        tracing::warn!(%error, "the disk of the metadata store is full; nothing can be changed");
        return Ok(());
    }
    Metadata::close(store).await;
    Err(error.into())
}

/// What keeps a second gateway from a file: the memory and the locks of each are exact for one
/// process only.
struct FileClaim {
    /// Device and inode of the file, whatever leads to it.
    identity: String,
    /// The file itself, and the one beside it that older gateways lock. SQLite has locks of another
    /// kind, which this one does not touch; but closing the file would let go of those, so it stays
    /// open for as long as the store is.
    _locks: [File; 2],
}

/// Claims the file of a metadata store; a missing one is made.
fn claim_file(url: &str) -> anyhow::Result<FileClaim> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = Path::new(path.strip_prefix("//").unwrap_or(path));
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let claim = |path: &Path| {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .mode(0o600)
            .open(path);
        let file = file.with_context(|| {
            format!(
                "cannot open {} to write it; the metadata store {url} and its directory have to be \
                 on a disk that is mounted read-write, and this user has to be allowed to write \
                 both",
                path.display()
            )
        })?;
        if rustix::fs::flock(&file, FlockOperation::NonBlockingLockExclusive).is_err() {
            bail!(
                "another gateway uses the metadata store {url}; stop it, or give this one a \
                 metadata store of its own"
            );
        }
        Ok(file)
    };
    let beside = claim(&PathBuf::from(format!("{}.lock", path.display())))?;
    let file = claim(path)?;
    let stat = fstat(&file).with_context(|| format!("cannot look at {}", path.display()))?;
    Ok(FileClaim {
        identity: format!("sqlite {}:{}", stat.st_dev, stat.st_ino),
        _locks: [file, beside],
    })
}
