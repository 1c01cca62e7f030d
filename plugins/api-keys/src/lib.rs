//! Named users with secret keys, listed in the configuration.
//!
//! A key is a long random string, sent as `Authorization: Bearer <key>` or as the password of `Basic`. What is kept of it
//! is its SHA-256; `directory` compares, this file makes it a component.

mod digest;
mod directory;

use callfs_sdk::{Authenticator, ConfigError, Credential, Plugin, Recognised, Result};

use crate::directory::Directory;

/// Users by their keys.
struct ApiKeys {
    users: Directory,
    cache_seconds: u32,
}

/// Whom to recognise.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Users and their keys. A user may have several, to change one without a gap.
    keys: Vec<Key>,
    /// For how many seconds the gateway may remember an answer. A new configuration makes it forget at once.
    #[serde(default = "a_minute")]
    cache_seconds: u32,
}

/// A key and whose it is.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Key {
    /// Name of the user, who owns what they create.
    user: String,
    /// Groups of the user, the first of which gets what the user creates; without any, one of the user's own name.
    #[serde(default)]
    groups: Vec<String>,
    /// Permissions do not apply to administrators.
    #[serde(default)]
    admin: bool,
    /// The key itself, at least 16 characters; or `sha256:` and its digest in hexadecimal, as `callfs key hash` prints.
    key: String,
}

fn a_minute() -> u32 {
    60
}

impl Plugin for ApiKeys {
    const NAME: &'static str = "api-keys";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "recognises the users of a list by their secret keys";
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self { users: Directory::new(config.keys)?, cache_seconds: config.cache_seconds })
    }
}

impl Authenticator for ApiKeys {
    async fn authenticate(&self, credential: Credential) -> Result<Option<Recognised>> {
        // The user-id of Basic is ignored: the key alone says who it is, and clients that insist on one may send any.
        let key = match &credential {
            Credential::Bearer(token) => token,
            Credential::Basic((_, password)) => password,
            Credential::Headers(_) => return Ok(None),
        };
        let identity = self.users.find(key).cloned();
        Ok(identity.map(|identity| Recognised { identity, cache_seconds: self.cache_seconds }))
    }
}

callfs_sdk::export!(ApiKeys: Authenticator);
