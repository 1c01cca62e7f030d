//! One component of a configuration, loaded as it would be to serve, and nothing else.

use anyhow::{Context, bail};

use super::components::Components;
use super::generation::{Generations, Part as Loaded, Place, recipes};
use crate::config::Config;
use crate::conformance::Subject;
use crate::path::FilePath;
use crate::plugins::Found;
use crate::telemetry::Metrics;

/// Which component of a configuration.
#[derive(Debug, Clone)]
pub enum Part {
    /// The storage that is mounted at a path.
    Mount(FilePath),
    /// The first authenticator.
    Authenticator,
    /// The authorizer.
    Authorizer,
}

/// Loads it; a component that was found elsewhere is the one of its name.
pub async fn load(config: &Config, part: &Part, found: Option<Found>) -> anyhow::Result<Subject> {
    let place = match part {
        Part::Mount(path) => Place::Mount(path.clone()),
        Part::Authenticator => Place::Authenticator(0),
        Part::Authorizer => Place::Authorizer,
    };
    let wanted: Vec<_> = recipes(config).into_iter().filter(|(at, _)| *at == place).collect();
    if wanted.is_empty() {
        let mounted: Vec<&str> = config.mounts.iter().map(|mount| mount.path.as_str()).collect();
        bail!("there is no {place}; mounted are {}", mounted.join(", "));
    }
    let mut components = Components::open(config, Metrics::new()?)?;
    components.prefer(found);
    let loaded = components.load(&wanted, &Generations::new()).await?;
    let subject = loaded.values().next().map(|generation| match &generation.part {
        Loaded::Storage(storage) => Subject::Storage(storage.clone()),
        Loaded::Authenticator(authenticator) => Subject::Authenticator(authenticator.clone()),
        Loaded::Authorizer(authorizer) => Subject::Authorizer(authorizer.clone()),
    });
    subject.with_context(|| format!("there is no {place}"))
}
