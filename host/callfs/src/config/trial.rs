//! A component that is configured on the command line alone, to be tried out.
//!
//! It is written as a layer like any other, and so means what it would mean in a file: the same
//! keys, the same grants, the same references to secrets, and the credential slots of the
//! configuration around it.

use std::path::PathBuf;

use figment::value::Dict;
use toml::{Table, Value};

use super::error::ConfigError;
use super::layers::{Layer, dict};

/// The layer that it is.
const ORIGIN: &str = "the command line";

/// What a component is tried out as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// A storage.
    Mount,
    /// It says who callers are.
    Authenticator,
    /// It says what callers may do.
    Authorizer,
}

/// A component and all it gets, as it was written.
#[derive(Debug, Clone)]
pub struct Trial {
    /// Name of the component.
    pub component: String,
    /// What it is tried out as.
    pub role: Role,
    /// Its configuration: TOML or JSON, or `@` and the name of a file of either.
    pub config: Option<String>,
    /// What it is granted: `directories=HOST:GUEST[:read-only]`, or another grant and one entry of
    /// it.
    pub grants: Vec<String>,
    /// Its limits, as `memory=128MiB`.
    pub limits: Vec<String>,
}

impl Trial {
    pub(super) fn layer(&self) -> Result<Layer, ConfigError> {
        let mut component = Table::new();
        component.insert("component".into(), self.component.clone().into());
        if let Some(config) = &self.config {
            component.insert("config".into(), Value::Table(settings(config)?));
        }
        if !self.limits.is_empty() {
            component.insert("limits".into(), Value::Table(limits(&self.limits)?));
        }
        if !self.grants.is_empty() {
            component.insert("grants".into(), Value::Table(grants(&self.grants)?));
        }
        // Nobody else is loaded; they are there because a configuration without them is none.
        let mut sections = Table::new();
        let nobody = |name: &str| Table::from_iter([("component".to_owned(), Value::from(name))]);
        let mut keys = nobody("api-keys");
        keys.insert(
            "config".into(),
            Value::Table(Table::from_iter([(
                "keys".to_owned(),
                Value::Array(vec![]),
            )])),
        );
        let mut mount = nobody("localfs");
        mount.insert("path".into(), "/".into());
        let mut authorizer = nobody("unix");
        match self.role {
            Role::Mount => {
                component.insert("path".into(), "/".into());
                mount = component;
            }
            Role::Authenticator => keys = component,
            Role::Authorizer => authorizer = component,
        }
        sections.insert("mount".into(), Value::Array(vec![Value::Table(mount)]));
        sections.insert(
            "authenticator".into(),
            Value::Array(vec![Value::Table(keys)]),
        );
        sections.insert("authorizer".into(), Value::Table(authorizer));
        let values: Dict = dict(sections);
        Ok(Layer {
            origin: ORIGIN.into(),
            values,
        })
    }
}

fn refused(flag: &str, message: impl Into<String>) -> ConfigError {
    ConfigError::in_origin(flag, message)
}

/// A table that is written as TOML or as JSON.
fn settings(text: &str) -> Result<Table, ConfigError> {
    let refused = |message: String| refused("--config", message);
    let text = match text.strip_prefix('@') {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|cause| refused(format!("cannot read the file '{file}': {cause}")))?,
        None => text.to_owned(),
    };
    if text.trim_start().starts_with('{')
        && let Ok(table) = serde_json::from_str(&text)
    {
        return Ok(table);
    }
    let inline = || match one_value(&text)? {
        Value::Table(table) => Some(table),
        _ => None,
    };
    text.parse::<Table>()
        .or_else(|error| inline().ok_or(error))
        .map_err(|error| {
            refused(format!(
                "neither JSON nor TOML: {}",
                error.to_string().trim_end()
            ))
        })
}

/// A value as it stands after a `=` in TOML.
fn one_value(text: &str) -> Option<Value> {
    format!("value = {text}")
        .parse::<Table>()
        .ok()?
        .remove("value")
}

fn limits(entries: &[String]) -> Result<Table, ConfigError> {
    let entries = entries.iter().map(|entry| {
        let (key, value) = split("--limit", entry, "memory=128MiB")?;
        let number = value
            .parse::<i64>()
            .map_or_else(|_| Value::from(value), Value::from);
        Ok((key.to_owned(), number))
    });
    entries.collect()
}

fn grants(entries: &[String]) -> Result<Table, ConfigError> {
    let mut grants = Table::new();
    for entry in entries {
        let (key, value) = split("--grant", entry, "directories=HOST:GUEST")?;
        // What is written as a table is what would stand in the list in a file.
        let value = match one_value(value).filter(|_| value.starts_with('{')) {
            Some(table) => table,
            None if key == "directories" => Value::Table(directory(value)?),
            None => value.into(),
        };
        match grants
            .entry(key)
            .or_insert_with(|| Value::Array(Vec::new()))
        {
            Value::Array(entries) => entries.push(value),
            _ => return Err(refused("--grant", format!("'{key}' is not a list"))),
        }
    }
    Ok(grants)
}

/// `HOST:GUEST`, `HOST:GUEST:read-only`, or the folder alone.
fn directory(text: &str) -> Result<Table, ConfigError> {
    let (text, access) = match text.rsplit_once(':') {
        Some((rest, access @ ("read-only" | "read-write"))) => (rest, access),
        _ => (text, "read-write"),
    };
    let (host, guest) = text.rsplit_once(':').unwrap_or((text, "/"));
    if host.is_empty() || guest.is_empty() {
        return Err(refused(
            "--grant",
            format!("'directories={text}' names no folder; give directories=HOST:GUEST"),
        ));
    }
    let host = PathBuf::from(host).display().to_string();
    Ok(Table::from_iter([
        ("host".to_owned(), Value::from(host)),
        ("guest".to_owned(), Value::from(guest)),
        ("access".to_owned(), Value::from(access)),
    ]))
}

fn split<'a>(flag: &str, entry: &'a str, example: &str) -> Result<(&'a str, &'a str), ConfigError> {
    let split = entry
        .split_once('=')
        .filter(|(key, value)| !key.is_empty() && !value.is_empty());
    split.ok_or_else(|| {
        refused(
            flag,
            format!("'{entry}' has no value; write it as {example}"),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Config, DirectoryAccess, Layers, LoadOptions};

    fn load(trial: Trial) -> Result<Config, String> {
        let options = LoadOptions {
            trial: Some(trial),
            ..LoadOptions::default()
        };
        Layers::read(&options)
            .and_then(|layers| layers.config())
            .map_err(|error| error.to_string())
    }

    fn trial(config: &str, grants: &[&str], limits: &[&str]) -> Trial {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let config = (!config.is_empty()).then(|| config.to_owned());
        Trial {
            component: "some".into(),
            role: Role::Mount,
            config,
            grants: owned(grants),
            limits: owned(limits),
        }
    }

    #[test]
    fn means_what_it_would_in_a_file() {
        let grants = [
            "directories=/data:/",
            "directories=/etc:etc:read-only",
            "directories={host = \"a:b\", guest = \"c\"}",
        ];
        let config = load(trial(
            "folder = \"/\"",
            &grants,
            &["memory=128MiB", "instances=3"],
        ))
        .expect("good");
        let mount = &config.mounts[0];
        assert_eq!((config.mounts.len(), mount.path.as_str()), (1, "/"));
        assert_eq!(
            (
                mount.component.name.as_str(),
                mount.component.config.to_json().as_str()
            ),
            ("some", r#"{"folder":"/"}"#)
        );
        let shown: Vec<_> = mount
            .directories
            .iter()
            .map(|one| (one.host.to_str(), one.guest.as_str(), one.access))
            .collect();
        let expected = [
            (Some("/data"), "/", DirectoryAccess::ReadWrite),
            (Some("/etc"), "etc", DirectoryAccess::ReadOnly),
            (Some("a:b"), "c", DirectoryAccess::ReadWrite),
        ];
        assert_eq!(shown, expected);
        assert_eq!(
            (
                mount.component.limits.memory,
                mount.component.limits.instances
            ),
            (128 << 20, 3)
        );
    }

    #[test]
    fn takes_the_configuration_in_every_form() {
        for config in [
            r#"{"keys": [1, {"a": "b"}]}"#,
            "keys = [1, { a = \"b\" }]",
            "{ keys = [1, { a = \"b\" }] }",
        ] {
            let config = load(trial(config, &[], &[])).expect(config);
            assert_eq!(
                config.mounts[0].component.config.to_json(),
                r#"{"keys":[1,{"a":"b"}]}"#
            );
        }
        let file = tempfile::NamedTempFile::new().expect("a file");
        std::fs::write(file.path(), "x = 1\n").expect("written");
        let config = load(trial(&format!("@{}", file.path().display()), &[], &[])).expect("good");
        assert_eq!(config.mounts[0].component.config.to_json(), r#"{"x":1}"#);
    }

    #[test]
    fn says_what_is_wrong_and_where() {
        let said = |config: &str, grants: &[&str], limits: &[&str]| {
            load(trial(config, grants, limits)).expect_err("bad")
        };
        assert!(said("", &["directory=/x:/"], &[]).contains("directory"));
        assert!(said("", &["directories"], &[]).starts_with("--grant: "));
        assert!(said("", &["directories=:/"], &[]).starts_with("--grant: "));
        assert!(said("", &["directories=/a:/", "directories=/b:/"], &[]).contains("two folders"));
        assert!(said("", &[], &["memry=1"]).contains("memry"));
        assert!(said("", &[], &["memory=many"]).contains("memory"));
        assert!(said("[1, 2]", &[], &[]).starts_with("--config: "));
        assert!(said("@/no/such/file", &[], &[]).starts_with("--config: cannot read"));
        assert!(
            said("key = { env = \"CALLFS_TEST_NO_SUCH\" }", &[], &[])
                .contains("CALLFS_TEST_NO_SUCH")
        );
    }

    #[test]
    fn nothing_of_the_authorizer_in_a_file_is_left() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("callfs.toml");
        std::fs::write(
            &file,
            "[authorizer]\ncomponent = \"house\"\nconfig.rules = 1\n",
        )
        .expect("written");
        let trial = Trial {
            role: Role::Authorizer,
            ..trial("", &[], &[])
        };
        let options = LoadOptions {
            file: Some(file),
            trial: Some(trial),
            ..LoadOptions::default()
        };
        let config = Layers::read(&options)
            .and_then(|layers| layers.config())
            .expect("good");
        assert_eq!(
            (
                config.authorizer.name.as_str(),
                config.authorizer.config.to_json().as_str()
            ),
            ("some", "{}")
        );
    }
}
