//! The plain sections: each key that is declared here does something.

use std::num::NonZeroU32;
use std::path::PathBuf;
use std::time::Duration;

use callfs_telemetry::logs::{self, LogFormat};
use serde::de::{Deserialize, Deserializer, Error};

use super::compression::CompressionConfig;
use super::cors::CorsConfig;
use super::listen::{self, Listen};
use super::proxies::Proxy;
use super::quantity;
use super::server_url::masked;

/// `[server]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerConfig {
    /// At least one.
    #[serde(deserialize_with = "listen::several")]
    pub listen: Vec<Listen>,
    /// Where clients reach this, without a slash at the end; none for the first address that is
    /// listened on.
    #[serde(default, deserialize_with = "external_url")]
    pub external_url: Option<String>,
    /// The largest body of one upload, in bytes.
    #[serde(deserialize_with = "quantity::size")]
    pub max_upload: u64,
    /// How long a transfer may move nothing.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub idle_timeout: Duration,
    /// How many connections there are at the same time.
    pub max_connections: NonZeroU32,
    /// How many of them one address has.
    pub max_connections_per_address: NonZeroU32,
    /// Who is believed about the address of a client; nobody unless said.
    #[serde(default)]
    pub trusted_proxies: Vec<Proxy>,
    /// Which pages of other sites may call from a browser; none unless said.
    #[serde(default)]
    pub cors: Option<CorsConfig>,
    /// Which responses are compressed.
    pub compression: CompressionConfig,
}

/// `[metrics]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MetricsEndpoint {
    /// Where metrics are told without a key.
    #[serde(deserialize_with = "listen::optional")]
    pub listen: Option<Listen>,
}

/// `[node]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NodeConfig {
    /// Fit for a header, a file name and a label.
    #[serde(deserialize_with = "node_id")]
    pub id: String,
}

/// `[log]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LogConfig {
    /// What is logged, as a filter that [`logs::filter`] accepts.
    #[serde(deserialize_with = "log_level")]
    pub level: String,
    /// How a line looks.
    pub format: LogFormat,
    /// Whether there is a line for each request.
    pub requests: bool,
}

/// `[filesystem]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FilesystemConfig {
    /// Of `/` in a fresh tree.
    pub root: RootConfig,
    /// Permission bits that new files and directories do not get.
    #[serde(deserialize_with = "quantity::umask")]
    pub umask: u32,
}

/// Owner, group and mode of `/`.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RootConfig {
    /// User.
    #[serde(deserialize_with = "principal")]
    pub owner: String,
    /// Group.
    #[serde(deserialize_with = "principal")]
    pub group: String,
    /// POSIX permission bits.
    #[serde(deserialize_with = "quantity::mode")]
    pub mode: u32,
}

/// `[plugins]`
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Plugins {
    /// A folder of components, which exists.
    #[serde(default, deserialize_with = "folder")]
    pub dir: Option<PathBuf>,
    /// Where compiled components are kept; made when needed.
    pub cache_dir: PathBuf,
    /// What a component may use unless it has limits of its own.
    pub limits: LimitsConfig,
}

/// What a component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitsConfig {
    /// Memory of one instance, in bytes.
    #[serde(deserialize_with = "quantity::size")]
    pub memory: u64,
    /// CPU time of one call.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub cpu_time: Duration,
    /// Time of one call by the clock.
    #[serde(deserialize_with = "quantity::some_duration")]
    pub call_timeout: Duration,
    /// Instances at the same time.
    #[serde(deserialize_with = "instances")]
    pub instances: u32,
}

/// A URL that others can be appended to.
fn external_url<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    let url = String::deserialize(deserializer)?;
    let refused = || {
        D::Error::custom(format!(
            "'{}' is no URL such as \"https://files.example.org\"",
            masked(&url)
        ))
    };
    let rest = url
        .strip_prefix("https://")
        .or_else(|| url.strip_prefix("http://"))
        .ok_or_else(refused)?;
    let plain = rest
        .bytes()
        .all(|b| b.is_ascii_graphic() && !matches!(b, b'?' | b'#' | b'@' | b'"' | b'<' | b'>'));
    if !plain || rest.starts_with(['/', ':']) || rest.is_empty() {
        return Err(refused());
    }
    Ok(Some(url.trim_end_matches('/').to_owned()))
}

fn node_id<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let id = String::deserialize(deserializer)?;
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    if (1..=64).contains(&id.len()) && id.chars().all(plain) {
        return Ok(id);
    }
    Err(D::Error::custom(format!(
        "'{id}' is no name for a node; give 1 to 64 letters, digits, '.', '_' or '-'"
    )))
}

fn log_level<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let level = String::deserialize(deserializer)?;
    logs::filter(&level)
        .map(|_| level)
        .map_err(D::Error::custom)
}

fn principal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let name = String::deserialize(deserializer)?;
    if name.is_empty() {
        Err(D::Error::custom("a name is needed here"))
    } else {
        Ok(name)
    }
}

fn folder<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<PathBuf>, D::Error> {
    let folder = PathBuf::deserialize(deserializer)?;
    if folder.is_dir() {
        return Ok(Some(folder));
    }
    Err(D::Error::custom(format!(
        "there is no folder '{}'; make it or leave this out",
        folder.display()
    )))
}

pub(super) fn instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u32, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom(
            "without an instance nothing can be called; give at least 1",
        )),
        instances => Ok(instances),
    }
}
