//! The index of a configuration: its store, the memory before it, and what keeps a second gateway away where there must
//! be one alone.

use std::fs::{DirBuilder, File};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use async_trait::async_trait;
use rustix::fs::FlockOperation;

use crate::config::{Config, LockManager, MetadataStore};
use crate::error::Result;
use crate::locks::{Fences, LeaseId};
use crate::metadata::{Cached, Change, Feed, LinkStore, Metadata, Postgres, Raft, RaftSettings, Redis, Sqlite};

/// How many records of the index are kept in memory.
const CACHED_RECORDS: u64 = 100_000;

/// How often an index that does not answer is asked again.
const AGAIN: Duration = Duration::from_millis(200);

/// An index that is open.
pub struct Index {
    /// The records.
    pub metadata: Arc<Cached<dyn Metadata>>,
    /// The links.
    pub links: Arc<dyn LinkStore>,
    /// What other gateways change; none if nobody can.
    pub feed: Option<Arc<Feed>>,
    #[expect(dead_code, reason = "held for its Drop")]
    claim: Box<dyn Send + Sync>,
}

impl Index {
    /// Opens the index that a configuration names.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let feed = Arc::new(Feed::new());
        match &config.metadata {
            MetadataStore::Sqlite { url } => {
                // The lock comes first, so that nobody migrates an index that another gateway uses.
                let claim = alone(url)?;
                let store = Arc::new(Sqlite::open(url).await.with_context(|| format!("cannot open the index {url}"))?);
                let metadata = Arc::new(Cached::new(store.clone() as Arc<dyn Metadata>, CACHED_RECORDS));
                Ok(Self { metadata, links: store, feed: None, claim: Box::new(claim) })
            }
            MetadataStore::Postgres { url, connections } => {
                let store = Postgres::open(url.as_str(), *connections, feed.clone()).await;
                let store = Arc::new(store.context("cannot open the index")?);
                let alone = matches!(config.locks.manager, LockManager::Local);
                let claim = store.claim(alone).await?;
                Ok(Self::shared(store, feed, claim))
            }
            MetadataStore::Redis { url, prefix } => {
                let store = Redis::open(url.as_str(), prefix, feed.clone()).await;
                Ok(Self::shared(Arc::new(store.context("cannot open the index")?), feed, ()))
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
                let store = Raft::open(settings, feed.clone()).await.context("cannot open the index")?;
                Ok(Self::shared(Arc::new(store), feed, ()))
            }
        }
    }

    /// Waits until it answers, or the end begins: a node of a cluster is there before the others are, and before it is part of
    /// one. Answers whether it does.
    pub(crate) async fn answers(&self, end: impl Future<Output = ()>) -> bool {
        let mut end = std::pin::pin!(end);
        let mut told = String::new();
        while let Err(error) = self.metadata.ready().await {
            if told != error.message() {
                tracing::warn!(%error, "nothing is served until the index answers");
                told = error.message().to_owned();
            }
            tokio::select! {
                () = &mut end => return false,
                () = tokio::time::sleep(AGAIN) => {}
            }
        }
        true
    }

    /// Finishes what is under way, and lets go of it.
    pub async fn close(&self) {
        self.metadata.close().await;
    }

    fn shared<S>(store: Arc<S>, feed: Arc<Feed>, claim: impl Send + Sync + 'static) -> Self
    where
        S: Metadata + LinkStore + 'static,
    {
        let metadata = Arc::new(Cached::shared(store.clone() as Arc<dyn Metadata>, CACHED_RECORDS, feed.clone()));
        Self { metadata, links: store, feed: Some(feed), claim: Box::new(claim) }
    }
}

#[async_trait]
impl Fences for Index {
    async fn fence(&self, lease: LeaseId) -> Result<()> {
        self.metadata.apply(vec![Change::Fence(lease)]).await
    }
}

/// The lock that keeps a second gateway from a file: the memory and the locks of each are exact for one process only.
fn alone(url: &str) -> anyhow::Result<File> {
    let path = url.strip_prefix("sqlite:").unwrap_or(url);
    let path = PathBuf::from(format!("{}.lock", path.strip_prefix("//").unwrap_or(path)));
    if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
        made.with_context(|| format!("cannot make {}", folder.display()))?;
    }
    let lock = File::options().create(true).truncate(false).write(true).mode(0o600).open(&path);
    let lock = lock.with_context(|| format!("cannot open {}", path.display()))?;
    if rustix::fs::flock(&lock, FlockOperation::NonBlockingLockExclusive).is_err() {
        bail!("another gateway uses the index {url}; stop it, or give this one an index of its own");
    }
    Ok(lock)
}
