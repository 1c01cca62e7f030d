//! The index, and the filesystem on it, for whoever works on them while nothing is served.

use std::sync::Arc;

use anyhow::Context;

use super::components::Components;
use super::generation::{Current, Generations, Place, recipes};
use super::{build, open_index};
use crate::config::Config;
use crate::engine::Engine;
use crate::metadata::{LinkStore, Metadata};
use crate::telemetry::Metrics;

/// The index of a configuration, as long as this is not dropped.
pub struct Index {
    /// What is recorded of paths.
    pub metadata: Arc<dyn Metadata>,
    /// The links.
    pub links: Arc<dyn LinkStore>,
    _lock: Box<dyn Send>,
}

/// A filesystem that nobody is served from, with what it runs on.
pub struct Filesystem {
    /// Everything that it can do.
    pub engine: Engine,
    _components: Components,
}

impl Index {
    /// Opens it, unless a gateway that shares it with nobody uses it.
    pub async fn open(config: &Config) -> anyhow::Result<Self> {
        let (metadata, links, lock) = open_index(config).await?;
        Ok(Self { metadata, links, _lock: Box::new(lock) })
    }

    /// Finishes what is under way, and lets go of it.
    pub async fn close(self) {
        self.metadata.close().await;
    }
}

impl Filesystem {
    /// Loads what a configuration mounts. Nobody is recognised here, so authenticators are left out.
    pub async fn open(config: &Config, index: &Index) -> anyhow::Result<Self> {
        let components = Components::open(config, Metrics::new()?)?;
        let mut wanted = recipes(config);
        wanted.retain(|(place, _)| !matches!(place, Place::Authenticator(_)));
        let generations = components.load(&wanted, &Generations::new()).await?;
        let current = Current::new(&generations).context("there is no authorizer")?;
        Ok(Self { engine: build(config, &current, index.metadata.clone()), _components: components })
    }
}
