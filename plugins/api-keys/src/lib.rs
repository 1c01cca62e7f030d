//! Named users with secret keys, listed in the configuration.
//!
//! A key is a long random string, sent as `Authorization: Bearer <key>` or as the password of
//! `Basic`. What is kept of it is its SHA-256; `directory` compares, this file makes it a
//! component.

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
    /// For how many seconds the gateway may remember an answer. A new configuration makes it
    /// forget at once.
    #[serde(default = "a_minute")]
    cache_seconds: u32,
}

/// A key and whose it is.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Key {
    /// Name of the user, who owns what they create.
    user: String,
    /// Groups of the user, the first of which gets what the user creates; without any, one of the
    /// user's own name.
    #[serde(default)]
    groups: Vec<String>,
    /// Permissions do not apply to administrators.
    #[serde(default)]
    admin: bool,
    /// The key itself, at least 16 characters; or `sha256:` and its digest in hexadecimal, as
    /// `callfs key hash` prints.
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
        Ok(Self {
            users: Directory::new(config.keys)?,
            cache_seconds: config.cache_seconds,
        })
    }
}

impl Authenticator for ApiKeys {
    async fn authenticate(&self, credential: Credential) -> Result<Option<Recognised>> {
        // The user-id of Basic is ignored: the key alone says who it is, and clients that insist on
        // one may send any.
        let key = match &credential {
            Credential::Bearer(token) => token,
            Credential::Basic((_, password)) => password,
            Credential::Headers(_) => return Ok(None),
        };
        let identity = self.users.find(key).cloned();
        Ok(identity.map(|identity| Recognised {
            identity,
            cache_seconds: self.cache_seconds,
        }))
    }
}

callfs_sdk::export!(ApiKeys: Authenticator);

#[cfg(test)]
mod tests {
    use callfs_sdk::testing::{configure, run};

    use super::*;

    const ALICE: &str = "alice-key-0123456789";

    fn recognised(plugin: &ApiKeys, credential: Credential) -> Option<(String, u32)> {
        let answer = run(plugin.authenticate(credential)).expect("no error is possible");
        answer.map(|recognised| (recognised.identity.subject, recognised.cache_seconds))
    }

    fn bearer(token: &str) -> Credential {
        Credential::Bearer(token.into())
    }

    fn basic(user: &str, password: &str) -> Credential {
        Credential::Basic((user.into(), password.into()))
    }

    #[test]
    fn a_key_comes_as_token_or_password() {
        let config =
            format!(r#"{{"keys": [{{"user": "alice", "key": "{ALICE}"}}], "cache_seconds": 5}}"#);
        let plugin: ApiKeys = configure(&config).expect("a good configuration");
        let alice = Some(("alice".to_owned(), 5));
        assert_eq!(recognised(&plugin, bearer(ALICE)), alice);
        assert_eq!(recognised(&plugin, basic("alice", ALICE)), alice);
        assert_eq!(recognised(&plugin, basic("", ALICE)), alice);
        assert_eq!(
            recognised(&plugin, basic("bob", ALICE)),
            alice,
            "the key alone says who it is"
        );
        assert_eq!(recognised(&plugin, basic(ALICE, "")), None);
        assert_eq!(recognised(&plugin, bearer("")), None);
        assert_eq!(recognised(&plugin, bearer("alice")), None);
        let header = ("authorization".to_owned(), ALICE.as_bytes().to_vec());
        assert_eq!(recognised(&plugin, Credential::Headers(vec![header])), None);
    }

    #[test]
    fn answers_are_remembered_for_a_minute_unless_configured() {
        let config =
            format!(r#"{{"keys": [{{"user": "alice", "groups": ["staff"], "key": "{ALICE}"}}]}}"#);
        let plugin: ApiKeys = configure(&config).expect("a good configuration");
        assert_eq!(
            recognised(&plugin, bearer(ALICE)),
            Some(("alice".into(), 60))
        );
    }

    #[test]
    fn a_configuration_is_refused_where_it_is_wrong() {
        let refused = |config: &str| {
            configure::<ApiKeys>(config)
                .err()
                .expect("a bad configuration")
                .path
        };
        let first = format!(r#"{{"user": "alice", "key": "{ALICE}"}}"#);
        let second = |entry: &str| refused(&format!(r#"{{"keys": [{first}, {entry}]}}"#));
        assert_eq!(
            refused("{}"),
            "",
            "a missing list is a mistake, an empty one is not"
        );
        assert!(configure::<ApiKeys>(r#"{"keys": []}"#).is_ok());
        assert_eq!(
            refused(r#"{"keys": [], "cache_second": 5}"#),
            "cache_second"
        );
        assert_eq!(
            refused(r#"{"keys": [], "cache_seconds": -5}"#),
            "cache_seconds"
        );
        assert_eq!(
            second(r#"{"user": "bob", "key": "bob-key-0123456789", "admni": true}"#),
            "keys[1].admni"
        );
        assert_eq!(
            second(r#"{"user": "bob", "key": "bob-key-0123456789", "admin": "yes"}"#),
            "keys[1].admin"
        );
        assert_eq!(second(r#"{"user": "bob"}"#), "keys[1]");
        assert_eq!(
            second(r#"{"user": "bob", "key": "too-short"}"#),
            "keys[1].key"
        );
        assert_eq!(
            second(r#"{"user": "", "key": "bob-key-0123456789"}"#),
            "keys[1].user"
        );
    }
}
