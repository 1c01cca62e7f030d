//! `[raft]` and `[cluster]`: a node of a metadata store that several nodes keep without a server.

use std::fmt;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use figment::value::Value;

use super::DATA_DIR;
use super::secret::Reference;

/// The shortest secret, in bytes.
const SHORTEST: usize = 32;

/// A node of a cluster.
#[derive(Clone, PartialEq, Eq)]
pub struct RaftConfig {
    /// Where it listens to the others.
    pub listen: SocketAddr,
    /// Where the others reach it; none for where it listens.
    pub advertise: Option<String>,
    /// Where its log and its state are.
    pub dir: PathBuf,
    /// Whether it begins a cluster if it is part of none yet.
    pub bootstrap: bool,
    /// What the nodes know each other by.
    pub secret: String,
}

impl fmt::Debug for RaftConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            listen,
            advertise,
            dir,
            bootstrap,
            ..
        } = self;
        write!(
            f,
            "Raft {{ {listen}, {advertise:?}, {dir:?}, {bootstrap}, *** }}"
        )
    }
}

/// `[raft]` as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenRaft {
    listen: SocketAddr,
    #[serde(default)]
    advertise: Option<String>,
    #[serde(default = "kept_with_the_data")]
    dir: PathBuf,
    #[serde(default)]
    bootstrap: bool,
}

fn kept_with_the_data() -> PathBuf {
    Path::new(DATA_DIR).join("raft")
}

/// `[cluster]` as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenCluster {
    secret: Value,
}

impl WrittenRaft {
    /// What holds, or what is wrong: its section, its key and why. References need not resolve if
    /// they are `left`.
    pub(super) fn build(
        self,
        cluster: Option<WrittenCluster>,
        variable: impl Fn(&str) -> Option<String>,
        left: bool,
    ) -> Result<RaftConfig, (&'static str, (&'static str, String))> {
        let Self {
            listen,
            advertise,
            dir,
            bootstrap,
        } = self;
        if let Some(address) = advertise.as_ref().filter(|address| !is_address(address)) {
            let message = format!(
                "'{address}' is not where others reach this node; give a host and a port, as \
                 \"10.0.0.1:7000\""
            );
            return Err(("raft", ("advertise", message)));
        }
        if advertise.is_none() && listen.ip().is_unspecified() {
            return Err((
                "raft",
                (
                    "advertise",
                    "missing; say where the other nodes reach this one".into(),
                ),
            ));
        }
        let missing = || {
            (
                "cluster",
                (
                    "secret",
                    "missing; the nodes of a cluster know each other by it".to_owned(),
                ),
            )
        };
        let WrittenCluster { secret } = cluster.ok_or_else(missing)?;
        let wrong = |message: String| ("cluster", ("secret", message));
        let secret = match (&secret, secret.as_dict().and_then(Reference::of)) {
            (Value::String(_, text), _) => text.clone(),
            (_, Some(_)) if left => {
                return Ok(RaftConfig {
                    listen,
                    advertise,
                    dir,
                    bootstrap,
                    secret: String::new(),
                });
            }
            (_, Some(reference)) => reference.resolve(variable).map_err(wrong)?,
            _ => {
                return Err(wrong(
                    "expected a text, { env = \"NAME\" } or { file = \"path\" }".into(),
                ));
            }
        };
        if secret.len() < SHORTEST {
            return Err(wrong(format!(
                "is shorter than {SHORTEST} characters, which somebody could guess"
            )));
        }
        Ok(RaftConfig {
            listen,
            advertise,
            dir,
            bootstrap,
            secret,
        })
    }
}

fn is_address(text: &str) -> bool {
    let port = text.rsplit_once(':').filter(|(host, _)| !host.is_empty());
    port.is_some_and(|(_, port)| port.parse::<u16>().is_ok_and(|port| port > 0))
        && !text.contains(['/', ' ', '@'])
}
