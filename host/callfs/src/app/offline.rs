//! The filesystem of a configuration, for whoever works on it while nothing is served.

use std::sync::Arc;

use anyhow::Context;
use callfs_engine::Engine;
use callfs_model::locks::Locks;
use callfs_telemetry::Metrics;

use super::components::Components;
use super::generation::{ComponentSlot, Current, Generations, recipes};
use super::metadata::MetadataHandle;
use super::{build, locks};
use crate::config::Config;

/// A filesystem that nobody is served from, with what it runs on.
pub struct OfflineFilesystem {
    /// Everything that it can do.
    pub engine: Engine,
    locks: Arc<dyn Locks>,
    _components: Components,
}

impl OfflineFilesystem {
    /// Loads what a configuration mounts. Nobody is recognised here, so authenticators are left
    /// out.
    pub async fn open(config: &Config, store: &Arc<MetadataHandle>) -> anyhow::Result<Self> {
        let components = Components::open(config, Metrics::new()?)?;
        let mut wanted = recipes(config);
        wanted.retain(|(place, _)| !matches!(place, ComponentSlot::Authenticator(_)));
        let generations = components.load(&wanted, &Generations::new()).await?;
        let current = Current::new(&generations).context("there is no authorizer")?;
        let locks = locks::open(&config.locks, store).await?;
        Ok(Self {
            engine: build(config, &current, store, locks.clone()),
            locks,
            _components: components,
        })
    }

    /// Lets go of all locks.
    pub async fn close(&self) {
        self.locks.close().await;
    }
}
