//! What a gateway is started with.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;

use serde_json::{Map, Value, json};
use tempfile::TempDir;

use crate::binary;
use crate::component::{self, Component};
use crate::gateway::Gateway;

/// What a component can be.
#[derive(Clone, Copy)]
enum Kind {
    Storage,
    Authenticator,
    Authorizer,
}

/// A gateway that is not started yet, with the crate under test in it.
pub struct Setup {
    kind: Kind,
    /// The section of the component.
    section: Map<String, Value>,
    folders: Vec<String>,
    users: Vec<(String, Vec<String>)>,
    more: Map<String, Value>,
}

/// A gateway that is ready to start.
pub(crate) struct Prepared {
    pub(crate) folder: TempDir,
    /// Users and their keys.
    pub(crate) keys: Vec<(String, String)>,
    /// Names under which folders were granted, and where they are.
    pub(crate) folders: Vec<(String, PathBuf)>,
}

/// A gateway whose `/` is the storage under test.
pub fn storage() -> Setup {
    Setup::of(Kind::Storage)
}

/// A gateway that asks the authenticator under test who callers are, and then knows its own users.
pub fn authenticator() -> Setup {
    Setup::of(Kind::Authenticator)
}

/// A gateway that asks the authorizer under test what callers may do.
pub fn authorizer() -> Setup {
    Setup::of(Kind::Authorizer)
}

impl Setup {
    fn of(kind: Kind) -> Self {
        Self {
            kind,
            section: Map::new(),
            folders: Vec::new(),
            users: Vec::new(),
            more: Map::new(),
        }
    }

    /// What the component is told: a JSON object.
    pub fn config(mut self, config: Value) -> Self {
        self.section.insert("config".into(), config);
        self
    }

    /// What the component may use: `json!({ "instances": 1 })`.
    pub fn limits(mut self, limits: Value) -> Self {
        self.section.insert("limits".into(), limits);
        self
    }

    /// Grants a fresh folder under a name (`guest`); [`Gateway::folder`] tells where it is.
    pub fn folder(mut self, guest: &str) -> Self {
        self.folders.push(guest.into());
        self
    }

    /// Grants something else: `"http"` and `json!(["https://archive.example.org"])`, say.
    pub fn grant(mut self, capability: &str, grant: Value) -> Self {
        let grants = self.section.entry("grants").or_insert_with(|| json!({}));
        grants[capability] = grant;
        self
    }

    /// Adds a user, whom [`Gateway::user`] speaks for.
    pub fn user(mut self, name: &str, groups: &[&str]) -> Self {
        self.users.push((
            name.into(),
            groups.iter().map(ToString::to_string).collect(),
        ));
        self
    }

    /// Any other section of the configuration: `"credentials"`, say.
    pub fn section(mut self, name: &str, section: Value) -> Self {
        self.more.insert(name.into(), section);
        self
    }

    /// Starts it, and answers when it listens.
    ///
    /// # Panics
    ///
    /// If the component does not compile, there is no program `callfs`, or it does not start.
    #[track_caller]
    pub fn start(self) -> Gateway {
        Gateway::start(self.prepare(component::of_this_crate()))
    }

    /// Runs `callfs plugin check`, which tries out what the component claims; answers its report.
    /// `arguments` are further ones of that command: an authenticator needs `&["--credential",
    /// "bearer:TOKEN"]`, one that it knows.
    ///
    /// # Panics
    ///
    /// If anything does not hold, with the report; or as [`start`](Self::start).
    #[track_caller]
    pub fn check(self, arguments: &[&str]) -> String {
        let component = component::of_this_crate();
        let kind = self.kind;
        let section = self.section.clone();
        let prepared = self.prepare(component);
        let mut command = binary::command(prepared.folder.path());
        command.args(["plugin", "check", "--callfs-config", "callfs.json"]);
        match kind {
            Kind::Storage => command.args(["--mount", "/"]),
            Kind::Authenticator | Kind::Authorizer => {
                command.arg(format!("plugins/{}.wasm", component.name));
                section
                    .get("config")
                    .map(|config| command.args(["--config", &config.to_string()]));
                let limits = section.get("limits").and_then(Value::as_object);
                for (limit, value) in limits.into_iter().flatten() {
                    let value = value
                        .as_str()
                        .map_or_else(|| value.to_string(), str::to_owned);
                    command.args(["--limit", &format!("{limit}={value}")]);
                }
                let grants = section.get("grants").and_then(Value::as_object);
                for (grant, entries) in grants.into_iter().flatten() {
                    for entry in entries.as_array().into_iter().flatten() {
                        command.args(["--grant", &format!("{grant}={}", written(entry))]);
                    }
                }
                &mut command
            }
        };
        let output = command.args(arguments).output();
        let output = output.unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        let report = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{report}\n{}",
            String::from_utf8_lossy(&output.stderr)
        );
        report
    }

    /// Writes the configuration and everything it speaks of.
    fn prepare(mut self, component: &Component) -> Prepared {
        let folder = tempfile::Builder::new()
            .prefix("callfs-harness-")
            .tempdir()
            .expect("a temporary folder");
        let inside = |name: &str| folder.path().join(name);
        for name in ["files", "plugins"] {
            fs::create_dir(inside(name)).expect("a fresh folder");
        }
        fs::copy(
            &component.file,
            inside("plugins").join(format!("{}.wasm", component.name)),
        )
        .expect("writable");
        let folders: Vec<_> = self
            .folders
            .iter()
            .enumerate()
            .map(|(at, guest)| (guest.clone(), inside(&format!("folder-{at}"))))
            .collect();
        folders
            .iter()
            .for_each(|(_, host)| fs::create_dir(host).expect("a fresh folder"));
        if !folders.is_empty() {
            let grant = |(guest, host): &(String, PathBuf)| json!({ "guest": guest, "host": host });
            self = self.grant("directories", folders.iter().map(grant).collect());
        }
        let keys: Vec<_> = ["admin"]
            .into_iter()
            .chain(self.users.iter().map(|(name, _)| name.as_str()))
            .collect();
        let keys: Vec<_> = keys
            .into_iter()
            .map(|name| (name.to_owned(), fresh_key()))
            .collect();
        let config = self.configuration(component, &keys, &inside("files"));
        fs::write(inside("callfs.json"), config.to_string()).expect("writable");
        Prepared {
            keys,
            folders,
            folder,
        }
    }

    fn configuration(
        mut self,
        component: &Component,
        keys: &[(String, String)],
        files: &std::path::Path,
    ) -> Value {
        self.section
            .insert("component".into(), component.name.clone().into());
        let admin = ("admin".to_owned(), vec!["admin".to_owned()]);
        let users = std::iter::once(&admin).chain(&self.users).zip(keys);
        let users = users.map(|((user, groups), (_, key))| {
            json!({ "user": user, "groups": groups, "key": key, "admin": user == "admin" })
        });
        let own =
            json!({ "component": "api-keys", "config": { "keys": users.collect::<Value>() } });
        let grants = json!({ "directories": [{ "host": files, "guest": "/" }] });
        let mut config = json!({
            "server": { "listen": "127.0.0.1:0" },
            "metrics": { "listen": "" },
            "plugins": { "dir": "plugins" },
            "authenticator": [own],
            "authorizer": { "component": "unix" },
            "mount": [{ "path": "/", "component": "localfs", "grants": grants }],
        });
        match self.kind {
            Kind::Storage => {
                self.section.insert("path".into(), "/".into());
                config["mount"] = json!([self.section]);
            }
            Kind::Authenticator => config["authenticator"] = json!([self.section, own]),
            Kind::Authorizer => config["authorizer"] = json!(self.section),
        }
        config.as_object_mut().expect("an object").extend(self.more);
        config
    }
}

/// An entry of a grant as the command line takes it: text as it is, a table as in TOML.
fn written(entry: &Value) -> String {
    match entry {
        Value::String(text) => text.clone(),
        Value::Object(table) => {
            let members: Vec<_> = table
                .iter()
                .map(|(key, value)| format!("{key} = {value}"))
                .collect();
            format!("{{ {} }}", members.join(", "))
        }
        other => other.to_string(),
    }
}

fn fresh_key() -> String {
    let random = || RandomState::new().hash_one(std::process::id());
    format!("test-{:016x}{:016x}", random(), random())
}
