//! What a configuration that was read again changes, of what is looked at when the gateway starts
//! and never after.

use figment::value::{Dict, Value};

use super::{Config, ConfigError, Loaded, MetadataStore, RaftConfig};

impl Loaded {
    /// All layers, read again.
    pub fn again(&self) -> Result<Self, ConfigError> {
        Config::load(&self.layers.options)
    }

    /// What will hold at the next start and not before, by keys as `server.listen`. Components, and
    /// what they are told and granted, are not among it, but the paths that they are mounted at
    /// are.
    pub fn waiting(&self, next: &Self) -> Vec<String> {
        let before = &self.config;
        let after = &next.config;
        let changed = sections(before, after)
            .into_iter()
            .filter(|(_, changed)| *changed);
        let mut keys: Vec<String> = changed
            .flat_map(|(section, _)| self.keys(next, section))
            .collect();
        let mounted = |config: &Config| {
            config
                .mounts
                .iter()
                .map(|mount| mount.path.clone())
                .collect::<Vec<_>>()
        };
        let before = mounted(before);
        let after = mounted(after);
        keys.extend(
            after
                .iter()
                .filter(|path| !before.contains(path))
                .map(|path| format!("mount {path} (new)")),
        );
        keys.extend(
            before
                .iter()
                .filter(|path| !after.contains(path))
                .map(|path| format!("mount {path} (removed)")),
        );
        keys
    }

    /// The keys of a section that differ, or the section if that is only what they refer to.
    fn keys(&self, next: &Self, section: &str) -> Vec<String> {
        let nothing = Dict::new();
        let of = |loaded: &'_ Self| {
            loaded
                .layers
                .tree
                .get(section)
                .and_then(Value::as_dict)
                .cloned()
        };
        let before = of(self).unwrap_or_default();
        let after = of(next).unwrap_or(nothing);
        let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let differs =
            |name: &&String| before.get(*name) != after.get(*name) && !is_reloaded(section, name);
        let keys: Vec<String> = names
            .into_iter()
            .filter(differs)
            .map(|name| format!("{section}.{name}"))
            .collect();
        if keys.is_empty() {
            vec![section.into()]
        } else {
            keys
        }
    }
}

/// A key that concerns components alone, in a section that does not.
fn is_reloaded(section: &str, key: &str) -> bool {
    (section, key) == ("plugins", "limits")
}

/// Every section that is looked at once, and whether it changed.
fn sections(before: &Config, after: &Config) -> [(&'static str, bool); 13] {
    let node = |config: &'_ Config| match &config.metadata {
        MetadataStore::Raft(node) => Some(node.clone()),
        _ => None,
    };
    let raft = |config: &Config| {
        node(config).map(|node| RaftConfig {
            secret: String::new(),
            ..node
        })
    };
    let secret = |config: &Config| node(config).map(|node| node.secret);
    let places = |config: &Config| (config.plugins.dir.clone(), config.plugins.cache_dir.clone());
    [
        ("server", before.server != after.server),
        ("rate_limits", before.rate_limits != after.rate_limits),
        ("metrics", before.metrics != after.metrics),
        ("node", before.node != after.node),
        ("metadata", before.metadata != after.metadata),
        ("raft", raft(before) != raft(after)),
        ("cluster", secret(before) != secret(after)),
        ("locks", before.locks != after.locks),
        ("links", before.links != after.links),
        ("log", before.log != after.log),
        ("plugins", places(before) != places(after)),
        ("filesystem", before.filesystem != after.filesystem),
        ("media_types", before.media_types != after.media_types),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::layers::SECTIONS;
    use super::*;
    use crate::config::LoadOptions;

    /// What is made of components, and so reloaded.
    const RELOADED: [&str; 4] = ["credentials", "authenticator", "authorizer", "mount"];

    fn loaded(variables: &[(&str, &str)]) -> Loaded {
        let mut options = LoadOptions::default();
        let first =
            r#"[{ path = "/", component = "localfs" }, { path = "/a", component = "localfs" }]"#;
        let built_in = [
            ("CALLFS_MOUNT", first),
            ("CALLFS_AUTHENTICATOR", r#"[{ component = "api-keys" }]"#),
        ];
        let variables = built_in.iter().chain(variables);
        options
            .variables
            .extend(variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        Config::load(&options).expect("a good configuration")
    }

    fn waiting(variables: &[(&str, &str)]) -> Vec<String> {
        loaded(&[]).waiting(&loaded(variables))
    }

    #[test]
    fn nothing_waits_that_is_the_same_or_about_components() {
        assert!(waiting(&[]).is_empty());
        assert!(
            waiting(&[("CALLFS_SERVER__MAX_UPLOAD", "10737418240")]).is_empty(),
            "the same in other words"
        );
        let limits = r#"{ memory = "1MiB", cpu_time = "1s", call_timeout = "3s", instances = 6 }"#;
        assert!(waiting(&[("CALLFS_PLUGINS__LIMITS", limits)]).is_empty());
        let root = r#"{ path = "/", component = "localfs", config = { a = 1 } }"#;
        let other = format!(r#"[{{ path = "/a", component = "s3" }}, {root}]"#);
        assert!(
            waiting(&[
                ("CALLFS_MOUNT", &*other),
                ("CALLFS_AUTHORIZER__COMPONENT", "owner")
            ])
            .is_empty()
        );
    }

    #[test]
    fn everything_else_waits_under_its_key() {
        let several = [
            ("CALLFS_SERVER__LISTEN", "127.0.0.1:1"),
            ("CALLFS_SERVER__IDLE_TIMEOUT", "1s"),
            ("CALLFS_LOG__LEVEL", "debug"),
            ("CALLFS_MEDIA_TYPES__TS", "text/plain"),
            ("CALLFS_PLUGINS__CACHE_DIR", "elsewhere"),
            (
                "CALLFS_LINKS__SECRET",
                "0123456789012345678901234567890123456789",
            ),
        ];
        let keys = [
            "server.idle_timeout",
            "server.listen",
            "links.secret",
            "log.level",
            "plugins.cache_dir",
            "media_types.ts",
        ];
        assert_eq!(waiting(&several), keys);
        let mounts =
            r#"[{ path = "/", component = "localfs" }, { path = "/b", component = "localfs" }]"#;
        assert_eq!(
            waiting(&[("CALLFS_MOUNT", mounts)]),
            ["mount /b (new)", "mount /a (removed)"]
        );
    }

    #[test]
    fn every_section_is_either_reloaded_or_waits() {
        let same = loaded(&[]).config;
        let mut known: Vec<&str> = sections(&same, &same).map(|(section, _)| section).into();
        known.extend(RELOADED);
        assert!(
            SECTIONS.iter().all(|section| known.contains(section)),
            "{known:?}"
        );
    }
}
