//! Components as the configuration names them: which one, what it is told, what it is granted, and
//! its limits.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use callfs_egress as egress;
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use figment::value::Dict;
use serde::de::{Deserialize, Deserializer, Error};

use super::masking::MaskedValues;
use super::outbound::{self, WrittenOrigin};
use super::sections::{self, LimitsConfig};
use super::{public, quantity, server_url};

/// A component and all it gets.
#[derive(Debug, Clone, PartialEq)]
pub struct Component {
    /// Name of a built-in component, or of one in the folder of plugins.
    pub name: String,
    /// What it is told.
    pub config: ComponentSettings,
    /// What it may use.
    pub limits: LimitsConfig,
    /// What it may reach by HTTP.
    pub http: egress::Rules,
}

/// `[[mount]]`
#[derive(Debug, Clone, PartialEq)]
pub struct MountPoint {
    /// What the storage serves.
    pub path: FilePath,
    /// The storage.
    pub component: Component,
    /// Folders of this machine that it may use.
    pub directories: Vec<DirectoryGrant>,
}

/// A folder that a component may use.
#[derive(Debug, Clone, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DirectoryGrant {
    /// The folder.
    pub host: PathBuf,
    /// The name under which the component knows it.
    #[serde(default = "root")]
    pub guest: String,
    /// What it may do there.
    #[serde(default)]
    pub access: DirectoryAccess,
    /// Another grant or another gateway may serve it, too, or a folder around it or in it.
    #[serde(default)]
    pub overlap: bool,
    /// When changes in it are on the disk; a key of the mount.
    #[serde(skip)]
    pub durability: Durability,
}

/// What a component may do in a folder.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum DirectoryAccess {
    /// Everything.
    #[default]
    ReadWrite,
    /// Look.
    ReadOnly,
}

/// What a component is told: a JSON object whose secrets are resolved, and which is therefore never
/// shown.
#[derive(Clone, Default, PartialEq)]
pub struct ComponentSettings(pub(super) serde_json::Map<String, serde_json::Value>);

impl ComponentSettings {
    /// As JSON text.
    pub fn to_json(&self) -> String {
        serde_json::Value::Object(self.0.clone()).to_string()
    }

    /// What the component of this name says of its settings, without those that may be secrets.
    pub fn mask(&self, component: &str, message: &str) -> String {
        let mut hidden = MaskedValues::default();
        for (key, value) in &self.0 {
            hide(component, &format!("config.{key}"), value, &mut hidden);
        }
        hidden.mask(message)
    }
}

fn hide(component: &str, key: &str, value: &serde_json::Value, hidden: &mut MaskedValues) {
    match value {
        serde_json::Value::Object(table) => {
            for (inner, value) in table {
                hide(component, &format!("{key}.{inner}"), value, hidden);
            }
        }
        serde_json::Value::Array(values) => {
            for value in values {
                hide(component, key, value, hidden);
            }
        }
        serde_json::Value::String(text) if !public::is_public(component, key) => hidden.hide(text),
        serde_json::Value::String(text) => hidden.show_as(text, server_url::masked(text)),
        serde_json::Value::Number(number) if !public::is_public(component, key) => {
            hidden.hide(number.to_string());
        }
        _ => {}
    }
}

impl fmt::Debug for ComponentSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

/// `[authorizer]` as written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenComponent {
    pub(super) component: String,
    #[serde(default)]
    pub(super) config: Dict,
    #[serde(default)]
    pub(super) limits: LimitOverrides,
}

/// `[[authenticator]]` as written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenAuthenticator {
    pub(super) component: String,
    #[serde(default)]
    pub(super) config: Dict,
    #[serde(default)]
    pub(super) limits: LimitOverrides,
    #[serde(default)]
    pub(super) grants: HttpGrants,
}

/// `[[mount]]` as written.
#[derive(Debug, Clone, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMount {
    pub(super) path: FilePath,
    pub(super) component: String,
    #[serde(default)]
    pub(super) config: Dict,
    #[serde(default)]
    pub(super) limits: LimitOverrides,
    #[serde(default)]
    pub(super) grants: GrantsConfig,
    pub(super) durability: Option<Durability>,
}

/// What a mount grants; left out, it is nothing.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct GrantsConfig {
    #[serde(deserialize_with = "some_directories")]
    pub(super) directories: Vec<DirectoryGrant>,
    #[serde(deserialize_with = "outbound::origins")]
    pub(super) http: Vec<WrittenOrigin>,
    pub(super) credentials: Vec<String>,
}

/// What an authenticator can be granted; left out, it is nothing.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct HttpGrants {
    #[serde(deserialize_with = "outbound::origins")]
    pub(super) http: Vec<WrittenOrigin>,
    pub(super) credentials: Vec<String>,
}

/// Limits that differ from those in `[plugins]`.
#[derive(Debug, Clone, Default, serde::Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LimitOverrides {
    #[serde(deserialize_with = "some_size")]
    memory: Option<u64>,
    #[serde(deserialize_with = "some_duration")]
    cpu_time: Option<Duration>,
    #[serde(deserialize_with = "some_duration")]
    call_timeout: Option<Duration>,
    #[serde(deserialize_with = "some_instances")]
    instances: Option<u32>,
}

impl LimitOverrides {
    /// These where they are given, else those.
    pub(super) fn or(&self, general: LimitsConfig) -> LimitsConfig {
        LimitsConfig {
            memory: self.memory.unwrap_or(general.memory),
            cpu_time: self.cpu_time.unwrap_or(general.cpu_time),
            call_timeout: self.call_timeout.unwrap_or(general.call_timeout),
            instances: self.instances.unwrap_or(general.instances),
        }
    }
}

fn root() -> String {
    "/".into()
}

fn some_directories<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<DirectoryGrant>, D::Error> {
    let directories = Vec::<DirectoryGrant>::deserialize(deserializer)?;
    if directories.is_empty() {
        return Err(D::Error::custom(
            "an empty grant grants nothing; name a folder or leave `grants` out",
        ));
    }
    let repeated = |at: usize| {
        directories[..at]
            .iter()
            .any(|earlier| earlier.guest == directories[at].guest)
    };
    match (0..directories.len()).find(|at| repeated(*at)) {
        Some(at) => Err(D::Error::custom(format!(
            "two folders have the name '{}'; give each its own `guest`",
            directories[at].guest
        ))),
        None => Ok(directories),
    }
}

fn some_size<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    quantity::size(deserializer).map(Some)
}

fn some_duration<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Duration>, D::Error> {
    quantity::some_duration(deserializer).map(Some)
}

fn some_instances<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    sections::instances(deserializer).map(Some)
}
