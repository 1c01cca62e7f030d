//! The filesystem of a configuration, for whoever works on it while nothing is served.

use std::sync::Arc;

use anyhow::Context;

use super::components::Components;
use super::generation::{Current, Generations, Place, recipes};
use super::index::Index;
use super::{build, locks};
use crate::config::Config;
use crate::engine::Engine;
use crate::locks::Locks;
use crate::telemetry::Metrics;

/// A filesystem that nobody is served from, with what it runs on.
pub struct Filesystem {
    /// Everything that it can do.
    pub engine: Engine,
    locks: Arc<dyn Locks>,
    _components: Components,
}

impl Filesystem {
    /// Loads what a configuration mounts. Nobody is recognised here, so authenticators are left out.
    pub async fn open(config: &Config, index: &Arc<Index>) -> anyhow::Result<Self> {
        let components = Components::open(config, Metrics::new()?)?;
        let mut wanted = recipes(config);
        wanted.retain(|(place, _)| !matches!(place, Place::Authenticator(_)));
        let generations = components.load(&wanted, &Generations::new()).await?;
        let current = Current::new(&generations).context("there is no authorizer")?;
        let locks = locks::open(&config.locks, index).await?;
        Ok(Self { engine: build(config, &current, index, locks.clone()), locks, _components: components })
    }

    /// Lets go of all locks.
    pub async fn close(&self) {
        self.locks.close().await;
    }
}
