//! One component of a configuration, loaded as it would be to serve, and nothing else.

use anyhow::{Context, bail};
use callfs_conformance::Candidate;
use callfs_model::path::FilePath;
use callfs_telemetry::Metrics;

use super::components::Components;
use super::folders::FolderUse;
use super::generation::{ComponentSlot, Generations, LoadedPart as Loaded, recipes};
use crate::config::Config;
use crate::plugins::Found;

/// Which component of a configuration.
#[derive(Debug, Clone)]
pub enum TrialPart {
    /// The storage that is mounted at a path.
    Mount(FilePath),
    /// The first authenticator.
    Authenticator,
    /// The authorizer.
    Authorizer,
}

/// Loads every component of a configuration but the authenticators, if those are not `complete`,
/// and changes nothing.
pub async fn try_all(config: &Config, complete: bool) -> anyhow::Result<()> {
    let mut wanted = recipes(config);
    wanted.retain(|(place, _)| complete || !matches!(place, ComponentSlot::Authenticator(_)));
    let components = Components::open(config, Metrics::new()?, FolderUse::Try)?;
    components.load(&wanted, &Generations::new()).await?;
    Ok(())
}

/// Loads it; a component that was found elsewhere is the one of its name.
pub async fn load(
    config: &Config,
    part: &TrialPart,
    found: Option<Found>,
) -> anyhow::Result<Candidate> {
    let place = match part {
        TrialPart::Mount(path) => ComponentSlot::Mount(path.clone()),
        TrialPart::Authenticator => ComponentSlot::Authenticator(0),
        TrialPart::Authorizer => ComponentSlot::Authorizer,
    };
    let wanted: Vec<_> = recipes(config)
        .into_iter()
        .filter(|(at, _)| *at == place)
        .collect();
    if wanted.is_empty() {
        let mounted: Vec<&str> = config
            .mounts
            .iter()
            .map(|mount| mount.path.as_str())
            .collect();
        bail!("there is no {place}; mounted are {}", mounted.join(", "));
    }
    let folders = FolderUse::Serve { metadata: None };
    let mut components = Components::open(config, Metrics::new()?, folders)?;
    components.prefer(found);
    let loaded = components.load(&wanted, &Generations::new()).await?;
    let subject = loaded
        .values()
        .next()
        .map(|generation| match &generation.part {
            Loaded::Storage(storage) => Candidate::Storage(storage.clone()),
            Loaded::Authenticator(authenticator) => Candidate::Authenticator(authenticator.clone()),
            Loaded::Authorizer(authorizer) => Candidate::Authorizer(authorizer.clone()),
        });
    subject.with_context(|| format!("there is no {place}"))
}
