//! The filesystem of a configuration, for whoever works on it while nothing is served.

use std::sync::Arc;

use anyhow::Context;
use callfs_engine::Engine;
use callfs_model::locks::Locks;
use callfs_model::path::FilePath;
use callfs_telemetry::Metrics;

use super::components::Components;
use super::folders::{self, AcceptedFolders, FolderCheck, FolderUse};
use super::generation::{ComponentSlot, Current, Generations, recipes};
use super::metadata::MetadataHandle;
use super::{build, locks};
use crate::config::Config;

/// What is done with a filesystem that serves no clients.
#[derive(Debug, Clone, Copy)]
pub enum OfflineWork {
    /// It is compared with what is recorded, and nothing is changed.
    Compare,
    /// It and the records are changed.
    Repair {
        /// Folders that do not agree with what is recorded.
        accepted: AcceptedFolders,
    },
}

/// A filesystem that nobody is served from, with what it runs on.
pub struct OfflineFilesystem {
    /// Everything that it can do.
    pub engine: Engine,
    /// Mounts whose folders were served with another metadata store: this one has no record of what
    /// is in them.
    pub unknown: Vec<FilePath>,
    locks: Arc<dyn Locks>,
    _components: Components,
}

impl OfflineFilesystem {
    /// Loads what a configuration mounts. No client is recognised here, so authenticators are left
    /// out.
    pub async fn open(
        config: &Config,
        store: &Arc<MetadataHandle>,
        work: OfflineWork,
    ) -> anyhow::Result<Self> {
        let (accepted, check) = match work {
            OfflineWork::Compare => (AcceptedFolders::default(), FolderCheck::Compare),
            OfflineWork::Repair { accepted } => (accepted, FolderCheck::Repair),
        };
        let unknown = folders::admit(config, &*store.metadata, accepted, check).await?;
        let folders = match work {
            OfflineWork::Compare => FolderUse::Compare,
            OfflineWork::Repair { .. } => FolderUse::Repair {
                metadata: store.identity.clone(),
            },
        };
        let components = Components::open(config, Metrics::new()?, folders)?;
        let mut wanted = recipes(config);
        wanted.retain(|(place, _)| !matches!(place, ComponentSlot::Authenticator(_)));
        let generations = components.load(&wanted, &Generations::new()).await?;
        let current = Current::new(&generations).context("there is no authorizer")?;
        let locks = locks::open(&config.locks, store).await?;
        if check == FolderCheck::Repair {
            let mounts = &current.mounts;
            folders::admit_filled(config, &*store.metadata, mounts, accepted, check).await?;
            // A metadata store that is not the one of the folders is not made to look like it.
            if unknown.is_empty() {
                folders::remember(config, &*store.metadata, &current.mounts).await?;
            }
        }
        Ok(Self {
            engine: build(config, &current, store, locks.clone()),
            unknown,
            locks,
            _components: components,
        })
    }

    /// Lets go of all locks.
    pub async fn close(&self) {
        self.locks.close().await;
    }
}
