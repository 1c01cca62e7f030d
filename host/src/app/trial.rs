//! One component of a configuration, loaded as it would be to serve, and nothing else.

use anyhow::Context;

use super::components::Components;
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
    let metrics = Metrics::new()?;
    let mut components = Components::open(config, &metrics)?;
    components.prefer(found);
    match part {
        Part::Mount(path) => {
            let mount = config.mounts.iter().find(|mount| mount.path == *path);
            let mount = mount.with_context(|| {
                let mounted: Vec<&str> = config.mounts.iter().map(|mount| mount.path.as_str()).collect();
                format!("nothing is mounted at {path}; there are {}", mounted.join(", "))
            })?;
            let mounts = components.mounts(std::slice::from_ref(mount)).await?;
            let mount = mounts.iter().next().with_context(|| format!("nothing is mounted at {path}"))?;
            Ok(Subject::Storage(mount.storage.clone()))
        }
        Part::Authenticator => {
            let mut loaded = components.authenticators(&config.authenticators[..1]).await?;
            Ok(Subject::Authenticator(loaded.remove(0)))
        }
        Part::Authorizer => Ok(Subject::Authorizer(components.sole_authorizer(&config.authorizer).await?)),
    }
}
