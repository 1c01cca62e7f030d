//! `[locks]`: who may change a path now.

use std::time::Duration;

use figment::value::Value;

use super::metadata::checked_prefix;
use super::quantity;
use super::server_url::ServerUrl;

/// How long a lock outlives a node that died, unless something else is said.
const LEASE: Duration = Duration::from_secs(10);
/// The shortest lease: three renewals have to fit into it, on a busy machine.
const SHORTEST: Duration = Duration::from_secs(1);

/// `[locks]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocksConfig {
    /// How long a change waits.
    pub wait: Duration,
    /// Which manager.
    pub manager: LockManager,
}

/// A lock manager.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum LockManager {
    /// Within this process.
    Local,
    /// Among all processes that name the same server and prefix.
    Redis {
        /// `redis://host/0`.
        url: ServerUrl,
        /// What every key begins with.
        prefix: String,
        /// How long a lock outlives a node that died.
        lease: Duration,
    },
}

/// A kind of lock manager.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum LockKind {
    Local,
    Redis,
}

/// `[locks]` as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenLocks {
    manager: LockKind,
    #[serde(deserialize_with = "quantity::duration")]
    wait: Duration,
    #[serde(default)]
    url: Option<Value>,
    #[serde(default)]
    prefix: Option<String>,
    #[serde(default, deserialize_with = "quantity::optional_duration")]
    lease: Option<Duration>,
}

impl WrittenLocks {
    /// What holds, or the key that is wrong and why. References need not resolve if they are
    /// `left`.
    pub(super) fn build(
        self,
        variable: impl Fn(&str) -> Option<String>,
        left: bool,
    ) -> Result<LocksConfig, (&'static str, String)> {
        let Self {
            manager,
            wait,
            url,
            prefix,
            lease,
        } = self;
        let manager = match manager {
            LockKind::Local => {
                let given = [
                    ("url", url.is_some()),
                    ("prefix", prefix.is_some()),
                    ("lease", lease.is_some()),
                ];
                if let Some((key, _)) = given.into_iter().find(|(_, given)| *given) {
                    return Err((key, "is for manager = \"redis\" alone; leave it out".into()));
                }
                LockManager::Local
            }
            LockKind::Redis => {
                let example = "redis://host/0";
                let missing = || {
                    (
                        "url",
                        format!("missing; say where the lock server is, as \"{example}\""),
                    )
                };
                let url = ServerUrl::of(
                    &url.ok_or_else(missing)?,
                    &["redis://", "rediss://", "redis+unix://"],
                    example,
                    variable,
                    left,
                );
                let lease = lease.unwrap_or(LEASE);
                if lease < SHORTEST {
                    return Err((
                        "lease",
                        "is shorter than a second; a busy node would lose its locks".into(),
                    ));
                }
                let url = url.map_err(|message| ("url", message))?;
                LockManager::Redis {
                    url,
                    prefix: checked_prefix(prefix)?,
                    lease,
                }
            }
        };
        Ok(LocksConfig { wait, manager })
    }
}
