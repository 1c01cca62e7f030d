//! What the operator decided: typed, validated, and with the origin of every value.
//!
//! Built-in defaults, files, environment and flags are [layers](layers); a key that nobody knows is
//! an error that names it, where it stands, and the nearest one. Whoever holds a [`Config`] need
//! not check it again. It knows nothing of how its values are used. Relative paths are relative to
//! the working directory, wherever they are written.

mod changes;
mod component;
mod compression;
mod cors;
mod credentials;
mod environment;
mod error;
mod layers;
mod links;
mod listen;
mod locks;
mod masking;
mod media_types;
mod metadata;
mod options;
mod outbound;
mod proxies;
mod public;
mod quantity;
mod raft;
mod rate_limits;
mod secret;
mod sections;
mod served;
mod server_url;
mod show;
mod trial;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use callfs_egress as egress;
pub use component::{Component, ComponentSettings, DirectoryAccess, DirectoryGrant, MountPoint};
use component::{WrittenAuthenticator, WrittenComponent, WrittenMount};
pub use compression::CompressionConfig;
pub use cors::{CorsConfig, CorsOrigin};
use credentials::CredentialSlot;
pub use error::ConfigError;
use figment::Figment;
use figment::value::{Dict, Value};
pub use layers::{BUILT_IN, TEMPLATE};
use links::WrittenLinks;
pub use links::{LinkSecret, LinksConfig};
pub use listen::Listen;
use locks::WrittenLocks;
pub use locks::{LockManager, LocksConfig};
pub use metadata::MetadataStore;
use metadata::WrittenMetadata;
pub use options::LoadOptions;
use outbound::WrittenOrigin;
pub use proxies::Proxy;
pub use quantity::parse_duration;
pub use raft::RaftConfig;
use raft::{WrittenCluster, WrittenRaft};
pub use rate_limits::{RateLimit, RateLimitsConfig};
use secret::Reference;
pub use sections::{
    FilesystemConfig, LogConfig, MetricsEndpoint, NodeConfig, Plugins, ServerConfig,
};
pub use served::DATA_DIR;
pub use trial::{Role, Trial};

/// Everything that can be configured.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where and how requests are taken.
    pub server: ServerConfig,
    /// How often one client may ask.
    pub rate_limits: RateLimitsConfig,
    /// Where metrics are told.
    pub metrics: MetricsEndpoint,
    /// This instance.
    pub node: NodeConfig,
    /// The metadata store.
    pub metadata: MetadataStore,
    /// Who may change a path now.
    pub locks: LocksConfig,
    /// Links to files.
    pub links: LinksConfig,
    /// What is logged.
    pub log: LogConfig,
    /// Components in general.
    pub plugins: Plugins,
    /// Owners and modes that nobody gave.
    pub filesystem: FilesystemConfig,
    /// Media types by extension, for files that were stored without one.
    pub media_types: BTreeMap<String, String>,
    /// Who callers are; at least one, asked in this order.
    pub authenticators: Vec<Component>,
    /// What callers may do.
    pub authorizer: Component,
    /// What is served; at least one, all on different paths.
    pub mounts: Vec<MountPoint>,
}

/// A configuration and where it comes from.
pub struct Loaded {
    /// What holds.
    pub config: Config,
    /// Where it comes from.
    pub layers: Layers,
}

impl Config {
    /// Reads, merges and checks all layers, secrets included.
    pub fn load(options: &LoadOptions) -> Result<Loaded, ConfigError> {
        let layers = Layers::read(options)?;
        Ok(Loaded {
            config: layers.config()?,
            layers,
        })
    }
}

/// All layers, merged but not yet checked.
pub struct Layers {
    figment: Figment,
    tree: Dict,
    files: Vec<PathBuf>,
    options: LoadOptions,
}

/// What happens to references to secrets.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Secrets {
    Resolved,
    Left,
}

/// The whole configuration as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct WrittenConfig {
    server: ServerConfig,
    rate_limits: RateLimitsConfig,
    metrics: MetricsEndpoint,
    node: NodeConfig,
    metadata: WrittenMetadata,
    #[serde(default)]
    raft: Option<WrittenRaft>,
    #[serde(default)]
    cluster: Option<WrittenCluster>,
    locks: WrittenLocks,
    links: WrittenLinks,
    log: LogConfig,
    plugins: Plugins,
    filesystem: FilesystemConfig,
    #[serde(default)]
    media_types: BTreeMap<String, String>,
    #[serde(default)]
    credentials: BTreeMap<String, Dict>,
    #[serde(default)]
    authenticator: Vec<WrittenAuthenticator>,
    authorizer: WrittenComponent,
    #[serde(default)]
    mount: Vec<WrittenMount>,
}

impl Layers {
    /// Reads and merges them.
    pub fn read(options: &LoadOptions) -> Result<Self, ConfigError> {
        let (figment, files) = layers::merge(options)?;
        let tree = figment.extract::<Dict>()?;
        let layers = Self {
            figment,
            tree,
            files,
            options: options.clone(),
        };
        if options.folder.is_some() && layers.origin("mount") != served::ORIGIN {
            let message = format!(
                "{} says what to serve; leave one of them out",
                layers.origin("mount")
            );
            return Err(ConfigError::in_origin(served::ORIGIN, message));
        }
        Ok(layers)
    }

    /// The typed configuration.
    pub fn config(&self) -> Result<Config, ConfigError> {
        self.build(Secrets::Resolved)
    }

    /// Where clients reach a gateway of this configuration, as far as the sections about servers
    /// tell.
    pub fn server(&self) -> Result<ServerConfig, ConfigError> {
        let server = self.figment.extract_inner("server");
        server.map_err(|error| self.masked(error.into()))
    }

    /// The typed configuration with references to secrets left as they are, for whoever needs no
    /// secret.
    pub fn without_secrets(&self) -> Result<Config, ConfigError> {
        self.build(Secrets::Left)
    }

    /// The section about plugins alone, whatever the rest is worth.
    pub fn plugins(&self) -> Result<Plugins, ConfigError> {
        let plugins = self.figment.extract_inner("plugins");
        plugins.map_err(|error| self.masked(error.into()))
    }

    /// Whether it would hold. Before a first run the admin key is not there yet, and that is no
    /// mistake.
    pub fn check(&self) -> Result<(), ConfigError> {
        let secrets = if self.is_built_in("authenticator") {
            Secrets::Left
        } else {
            Secrets::Resolved
        };
        self.build(secrets).map(drop)
    }

    /// The effective configuration as TOML with origins, secrets masked; they need not be there.
    pub fn show(&self) -> Result<String, ConfigError> {
        self.build(Secrets::Left)?;
        Ok(show::show(&self.tree, &self.figment))
    }

    /// The files that were read, the one that wins last.
    pub fn files(&self) -> &[PathBuf] {
        &self.files
    }

    /// The folder that is served without a configuration.
    pub fn folder(&self) -> Option<&Path> {
        self.options.folder.as_deref()
    }

    /// Whether nobody changed a section as a whole.
    pub fn is_built_in(&self, section: &str) -> bool {
        self.tree.contains_key(section) && self.origin(section) == BUILT_IN
    }

    fn origin(&self, section: &str) -> String {
        let known = self
            .tree
            .get(section)
            .and_then(|value| self.origin_of(value));
        let last_file = || self.files.last().map(|file| file.display().to_string());
        known.or_else(last_file).unwrap_or_else(|| BUILT_IN.into())
    }

    fn origin_of(&self, value: &Value) -> Option<String> {
        self.figment
            .get_metadata(value.tag())
            .map(|metadata| metadata.name.to_string())
    }

    fn build(&self, secrets: Secrets) -> Result<Config, ConfigError> {
        let built = self.try_to_build(secrets);
        built.map_err(|error| self.masked(error))
    }

    /// An error that shows no more than [`show`](Self::show).
    fn masked(&self, error: ConfigError) -> ConfigError {
        ConfigError {
            message: show::masked_values(&self.tree).mask(&error.message),
            ..error
        }
    }

    fn try_to_build(&self, secrets: Secrets) -> Result<Config, ConfigError> {
        let written: WrittenConfig = self.figment.extract()?;
        let general = written.plugins.limits;
        let slots = self.slots(&written.credentials, secrets)?;
        let component =
            |key: String, written: WrittenComponent| -> Result<Component, ConfigError> {
                let config = self.settings(&key, &written.config, secrets)?;
                let http = Default::default();
                Ok(Component {
                    name: written.component,
                    config,
                    limits: written.limits.or(general),
                    http,
                })
            };
        let mut authenticators: Vec<Component> = Vec::new();
        for (at, one) in written.authenticator.into_iter().enumerate() {
            let key = format!("authenticator[{at}]");
            let WrittenAuthenticator {
                component: name,
                config,
                limits,
                grants,
            } = one;
            let http = self.rules(
                "authenticator",
                &key,
                grants.http,
                &grants.credentials,
                &slots,
            )?;
            let one = component(
                key,
                WrittenComponent {
                    component: name,
                    config,
                    limits,
                },
            )?;
            authenticators.push(Component { http, ..one });
        }
        if authenticators.is_empty() {
            return Err(self.missing("authenticator", "nobody could ever be recognised"));
        }
        let authorizer = component("authorizer".into(), written.authorizer)?;
        let mut mounts: Vec<MountPoint> = Vec::new();
        for (at, mount) in written.mount.into_iter().enumerate() {
            let key = format!("mount[{at}]");
            if let Some(first) = mounts.iter().position(|earlier| earlier.path == mount.path) {
                let message = format!(
                    "'{}' is the path of mount[{first}] already; give each its own",
                    mount.path
                );
                return Err(ConfigError::at(
                    self.origin("mount"),
                    format!("{key}.path"),
                    message,
                ));
            }
            let WrittenMount {
                path,
                component: name,
                config,
                limits,
                mut grants,
                durability,
            } = mount;
            if let Some(durability) = durability {
                if grants.directories.is_empty() {
                    let message = "it is about granted folders, and this mount has none in \
                                   `grants.directories`; leave it out";
                    return Err(ConfigError::at(
                        self.origin("mount"),
                        format!("{key}.durability"),
                        message,
                    ));
                }
                for grant in &mut grants.directories {
                    grant.durability = durability;
                }
            }
            let http = self.rules("mount", &key, grants.http, &grants.credentials, &slots)?;
            let component = component(
                key,
                WrittenComponent {
                    component: name,
                    config,
                    limits,
                },
            )?;
            let component = Component { http, ..component };
            mounts.push(MountPoint {
                path,
                component,
                directories: grants.directories,
            });
        }
        if mounts.is_empty() {
            return Err(self.missing("mount", "there would be nothing to serve"));
        }
        let variable = |name: &str| self.options.variable(name);
        let left = secrets == Secrets::Left;
        let raft = match written.raft {
            Some(raft) => {
                let built = raft.build(written.cluster, variable, left);
                Some(built.map_err(|(section, wrong)| self.wrong(section, wrong))?)
            }
            None if written.cluster.is_some() => return Err(self.unneeded("cluster")),
            None => None,
        };
        let is_node = raft.is_some();
        let metadata = written
            .metadata
            .build(raft, variable, left)
            .map_err(|wrong| self.wrong("metadata", wrong))?;
        if is_node && !matches!(metadata, MetadataStore::Raft(_)) {
            return Err(self.unneeded("raft"));
        }
        let locks = written
            .locks
            .build(variable, left)
            .map_err(|wrong| self.wrong("locks", wrong))?;
        let links = written
            .links
            .build(variable, left)
            .map_err(|wrong| self.wrong("links", wrong))?;
        media_types::check(&written.media_types)
            .map_err(|(key, message)| self.wrong("media_types", (key.as_str(), message)))?;
        Ok(Config {
            server: written.server,
            rate_limits: written.rate_limits,
            metrics: written.metrics,
            node: written.node,
            metadata,
            locks,
            links,
            log: written.log,
            plugins: written.plugins,
            filesystem: written.filesystem,
            media_types: written.media_types,
            authenticators,
            authorizer,
            mounts,
        })
    }

    fn unneeded(&self, section: &str) -> ConfigError {
        let message = "is for metadata.store = \"raft\" and a section [raft] alone; add them, or \
                       leave this section out";
        ConfigError::at(self.origin(section), section, message)
    }

    fn wrong(&self, section: &str, (key, message): (&str, String)) -> ConfigError {
        ConfigError::at(
            self.origin_in(section, key),
            format!("{section}.{key}"),
            message,
        )
    }

    fn slots(
        &self,
        written: &BTreeMap<String, Dict>,
        secrets: Secrets,
    ) -> Result<BTreeMap<String, CredentialSlot>, ConfigError> {
        let slots = written.iter().map(|(name, table)| {
            let slot = credentials::slot(
                table,
                |name| self.options.variable(name),
                secrets == Secrets::Left,
            );
            let slot = slot.map_err(|(key, message)| {
                let origin = table.get(&key).and_then(|value| self.origin_of(value));
                let origin = origin.unwrap_or_else(|| self.origin_in("credentials", name));
                ConfigError::at(origin, format!("credentials.{name}.{key}"), message)
            });
            Ok((name.clone(), slot?))
        });
        slots.collect()
    }

    fn rules(
        &self,
        section: &str,
        key: &str,
        http: Vec<WrittenOrigin>,
        credentials: &[String],
        slots: &BTreeMap<String, CredentialSlot>,
    ) -> Result<egress::Rules, ConfigError> {
        let refused = |(below, message)| {
            ConfigError::at(
                self.origin(section),
                format!("{key}.grants.{below}"),
                message,
            )
        };
        outbound::rules(http, credentials, slots).map_err(refused)
    }

    fn origin_in(&self, section: &str, key: &str) -> String {
        let value = self
            .tree
            .get(section)
            .and_then(Value::as_dict)
            .and_then(|section| section.get(key));
        value
            .and_then(|value| self.origin_of(value))
            .unwrap_or_else(|| self.origin(section))
    }

    fn missing(&self, section: &str, consequence: &str) -> ConfigError {
        let message =
            format!("{consequence}; add a [[{section}]], `callfs config default` shows one");
        ConfigError::at(self.origin(section), section, message)
    }

    fn settings(
        &self,
        key: &str,
        config: &Dict,
        secrets: Secrets,
    ) -> Result<ComponentSettings, ConfigError> {
        let entries = config.iter().map(|(name, value)| {
            let json = self.json(&format!("{key}.config.{name}"), value, secrets)?;
            Ok((name.clone(), json))
        });
        entries.collect::<Result<_, _>>().map(ComponentSettings)
    }

    fn json(
        &self,
        key: &str,
        value: &Value,
        secrets: Secrets,
    ) -> Result<serde_json::Value, ConfigError> {
        let refused =
            |message| ConfigError::at(self.origin_of(value).unwrap_or_default(), key, message);
        match (value, secrets) {
            (Value::Dict(_, table), _) => match (Reference::of(table), secrets) {
                (Some(reference), Secrets::Resolved) => reference
                    .resolve(|name| self.options.variable(name))
                    .map(Into::into)
                    .map_err(refused),
                _ => {
                    let inner = table.iter().map(|(name, value)| {
                        Ok((
                            name.clone(),
                            self.json(&format!("{key}.{name}"), value, secrets)?,
                        ))
                    });
                    inner
                        .collect::<Result<_, _>>()
                        .map(serde_json::Value::Object)
                }
            },
            (Value::Array(_, values), _) => {
                let inner = values.iter().enumerate();
                let inner =
                    inner.map(|(at, value)| self.json(&format!("{key}[{at}]"), value, secrets));
                inner
                    .collect::<Result<_, _>>()
                    .map(serde_json::Value::Array)
            }
            _ => serde_json::to_value(value).map_err(|error| refused(error.to_string())),
        }
    }
}
