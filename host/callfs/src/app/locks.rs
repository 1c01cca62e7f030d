//! The lock manager of a configuration, and what a lock among several gateways means for what is
//! remembered.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use async_trait::async_trait;
use callfs_locks::{LocalLocks, RedisLocks};
use callfs_metadata::Cached;
use callfs_model::error::Result;
use callfs_model::locks::{Guard, Locks};
use callfs_model::metadata::Metadata;
use callfs_model::path::FilePath;

use super::metadata::MetadataHandle;
use crate::config::{self, LockManager};

/// Opens the lock manager that a configuration names.
pub(crate) async fn open(
    config: &config::LocksConfig,
    store: &Arc<MetadataHandle>,
) -> anyhow::Result<Arc<dyn Locks>> {
    match &config.manager {
        LockManager::Local => Ok(Arc::new(LocalLocks::new())),
        LockManager::Redis { url, prefix, lease } => {
            let locks = RedisLocks::open(url.as_str(), prefix, *lease, store.clone()).await;
            let locks = Arc::new(locks.context("cannot open the lock manager")?);
            Ok(Arc::new(Fresh {
                locks,
                metadata: store.metadata.clone(),
            }))
        }
    }
}

/// Whoever gets a lock sees what its last holder did, wherever that was: what is remembered of the
/// path is forgotten.
struct Fresh {
    locks: Arc<dyn Locks>,
    metadata: Arc<Cached<dyn Metadata>>,
}

#[async_trait]
impl Locks for Fresh {
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard> {
        let guard = self.locks.acquire(paths, wait).await?;
        self.metadata.forget(paths);
        Ok(guard)
    }

    async fn ready(&self) -> Result<()> {
        self.locks.ready().await
    }

    async fn close(&self) {
        self.locks.close().await;
    }
}
