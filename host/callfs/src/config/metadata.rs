//! `[metadata]`: where the metadata store is. Each kind of store has what it needs and nothing
//! else.

use figment::value::Value;

use super::raft::RaftConfig;
use super::server_url::ServerUrl;

/// Connections to PostgreSQL that read at the same time, unless something else is said.
const CONNECTIONS: u32 = 8;
/// What the keys in Redis begin with, unless something else is said.
pub(super) const PREFIX: &str = "callfs";

/// `[metadata]`
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetadataStore {
    /// One file of this machine.
    Sqlite {
        /// `sqlite:path`.
        url: String,
    },
    /// A database of PostgreSQL, or of what speaks its protocol.
    Postgres {
        /// `postgres://user@host/database`.
        url: ServerUrl,
        /// Connections that read at the same time.
        connections: u32,
    },
    /// A database of Redis, or of what speaks its protocol.
    Redis {
        /// `redis://host/0`.
        url: ServerUrl,
        /// What every key begins with.
        prefix: String,
    },
    /// Each node of a cluster has all of it.
    Raft(RaftConfig),
}

/// A kind of metadata store.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum StoreKind {
    Sqlite,
    Postgres,
    Redis,
    Raft,
}

/// `[metadata]` as written.
#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct WrittenMetadata {
    store: StoreKind,
    url: Value,
    #[serde(default)]
    connections: Option<u32>,
    #[serde(default)]
    prefix: Option<String>,
}

impl WrittenMetadata {
    /// What holds, or the key that is wrong and why. References need not resolve if they are
    /// `left`.
    pub(super) fn build(
        self,
        raft: Option<RaftConfig>,
        variable: impl Fn(&str) -> Option<String>,
        left: bool,
    ) -> Result<MetadataStore, (&'static str, String)> {
        let Self {
            store,
            url,
            connections,
            prefix,
        } = self;
        if connections.is_some() && store != StoreKind::Postgres {
            return Err((
                "connections",
                "is for store = \"postgres\" alone; leave it out".into(),
            ));
        }
        if prefix.is_some() && store != StoreKind::Redis {
            return Err((
                "prefix",
                "is for store = \"redis\" alone; leave it out".into(),
            ));
        }
        let server = |schemes: &[&str], example| {
            ServerUrl::of(&url, schemes, example, variable, left)
                .map_err(|message| ("url", message))
        };
        Ok(match store {
            StoreKind::Sqlite => {
                let path = url.as_str().filter(|text| {
                    text.strip_prefix("sqlite:")
                        .is_some_and(|path| !path.is_empty())
                });
                let shown = || {
                    url.as_str()
                        .map_or_else(|| "this".to_owned(), |text| format!("'{text}'"))
                };
                let wrong = || {
                    format!(
                        "{} is not a file of SQLite; give \"sqlite:path/to/metadata.db\"",
                        shown()
                    )
                };
                MetadataStore::Sqlite {
                    url: path.ok_or_else(|| ("url", wrong()))?.to_owned(),
                }
            }
            StoreKind::Postgres => {
                let connections = connections.unwrap_or(CONNECTIONS);
                if !(1..=1000).contains(&connections) {
                    return Err((
                        "connections",
                        format!("{connections} is not between 1 and 1000"),
                    ));
                }
                let url = server(
                    &["postgres://", "postgresql://"],
                    "postgres://user@host/database",
                )?;
                MetadataStore::Postgres { url, connections }
            }
            StoreKind::Raft => {
                let missing = || {
                    (
                        "store",
                        "is \"raft\", and there is no section [raft]; add it".to_owned(),
                    )
                };
                MetadataStore::Raft(raft.ok_or_else(missing)?)
            }
            StoreKind::Redis => {
                let url = server(
                    &["redis://", "rediss://", "redis+unix://"],
                    "redis://host/0",
                )?;
                MetadataStore::Redis {
                    url,
                    prefix: checked_prefix(prefix)?,
                }
            }
        })
    }
}

/// What keys may begin with: it becomes the hash tag of Redis Cluster, which ends at the first
/// brace.
pub(super) fn checked_prefix(prefix: Option<String>) -> Result<String, (&'static str, String)> {
    let prefix = prefix.unwrap_or_else(|| PREFIX.into());
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-' | ':');
    if (1..=64).contains(&prefix.len()) && prefix.chars().all(plain) {
        Ok(prefix)
    } else {
        Err((
            "prefix",
            format!("'{prefix}' is no prefix; give 1 to 64 letters, digits, '.', '_', '-' or ':'"),
        ))
    }
}
