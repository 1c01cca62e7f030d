//! A configuration for one gateway, and the folder it lives in.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::{Gateway, built_in};

/// Keys of the people in these tests: long enough, and nothing else about them matters.
pub(crate) const ALICE_KEY: &str = "key-of-alice-0123456789";
pub(crate) const BOB_KEY: &str = "key-of-bob-0123456789";
pub(crate) const CAROL_KEY: &str = "key-of-carol-0123456789";
pub(crate) const ADMIN_KEY: &str = "key-of-admin-0123456789";

/// What will be started. `$DIR` in any text of the configuration is the gateway's own folder.
pub(crate) struct Setup {
    mounts: Vec<Mount>,
    plugins: Vec<(&'static str, Vec<u8>)>,
    top: String,
    server: String,
    limits: String,
    authorizer: &'static str,
    node: String,
    index: String,
    more: String,
}

/// A mount.
pub(crate) struct Mount {
    path: String,
    component: String,
    settings: String,
}

impl Mount {
    /// A component at a path, with no grants.
    pub(crate) fn new(path: &str, component: &str) -> Self {
        Self {
            path: path.into(),
            component: component.into(),
            settings: String::new(),
        }
    }

    /// `localfs` at a path, serving `$DIR/<folder>`.
    pub(crate) fn folder(path: &str, folder: &str) -> Self {
        Self::new(path, "localfs").granting(folder)
    }

    /// Grants `$DIR/<folder>` under the name `/`.
    pub(crate) fn granting(self, folder: &str) -> Self {
        self.with(&format!(
            r#"grants.directories = [
  {{ host = "$DIR/{folder}", guest = "/", access = "read-write" }}
]"#
        ))
    }

    /// A line of configuration for this mount.
    pub(crate) fn with(mut self, line: &str) -> Self {
        self.settings.push_str(line);
        self.settings.push('\n');
        self
    }
}

impl Default for Setup {
    /// One folder at `/`.
    fn default() -> Self {
        Self {
            mounts: Vec::new(),
            plugins: Vec::new(),
            top: String::new(),
            server: String::new(),
            limits: String::new(),
            authorizer: "unix",
            node: "node-under-test".into(),
            index: "[metadata]\nstore = \"sqlite\"\nurl = \"sqlite:$DIR/metadata.db\"\n".into(),
            more: String::new(),
        }
    }
}

impl Setup {
    /// Adds a mount; without any there is `localfs` at `/`, serving `$DIR/files`.
    pub(crate) fn mount(mut self, mount: Mount) -> Self {
        self.mounts.push(mount);
        self
    }

    /// Puts `<name>.wasm` into the plugin folder.
    pub(crate) fn plugin(mut self, name: &'static str, component: &[u8]) -> Self {
        self.plugins.push((name, component.to_vec()));
        self
    }

    /// `hostile` at `/hostile`, with `$DIR/hostile` granted, beside `localfs` at `/`.
    pub(crate) fn hostile() -> Self {
        Self::default()
            .plugin("hostile", callfs_test_components::HOSTILE)
            .mount(Mount::folder("/", "files"))
            .mount(Mount::new("/hostile", "hostile").granting("hostile"))
    }

    /// `edition` at `/edition`, beside `localfs` from the plugin folder at `/`.
    pub(crate) fn edition() -> Self {
        Self::default()
            .plugin("localfs", built_in("localfs"))
            .plugin("edition", callfs_test_components::EDITION)
            .mount(Mount::folder("/", "files"))
            .mount(Mount::new("/edition", "edition").with(r#"config.says = "hello""#))
    }

    /// A line before all sections.
    pub(crate) fn top(mut self, line: &str) -> Self {
        self.top.push_str(line);
        self.top.push('\n');
        self
    }

    /// `flat` at `/flat`, keeping its objects in `$DIR/second`, beside `localfs` at `/`.
    pub(crate) fn flat() -> Self {
        Self::default()
            .plugin("flat", callfs_test_components::FLAT)
            .mount(Mount::folder("/", "files"))
            .mount(Mount::new("/flat", "flat").granting("second"))
    }

    /// A line of the `[server]` section.
    pub(crate) fn server(mut self, line: &str) -> Self {
        self.server.push_str(line);
        self.server.push('\n');
        self
    }

    /// Entries of `plugins.limits`.
    pub(crate) fn limits(mut self, entries: &str) -> Self {
        self.limits = entries.into();
        self
    }

    /// Another authorizer than `unix`.
    pub(crate) fn authorizer(mut self, component: &'static str) -> Self {
        self.authorizer = component;
        self
    }

    /// The name of the node.
    pub(crate) fn node(mut self, name: &str) -> Self {
        self.node = name.into();
        self
    }

    /// The sections of the metadata store, and maybe of the locks.
    pub(crate) fn metadata(mut self, sections: &str) -> Self {
        self.index = sections.into();
        self
    }

    /// Any further lines, at the end.
    pub(crate) fn more(mut self, lines: &str) -> Self {
        self.more.push_str(lines);
        self.more.push('\n');
        self
    }

    /// Starts it.
    pub(crate) async fn start(self) -> Gateway {
        Gateway::start_in(self.prepare(), &[])
    }

    /// Writes the configuration (`$DIR/callfs.toml`) and everything it speaks of, and starts
    /// nothing.
    pub(crate) fn prepare(mut self) -> TempDir {
        if self.mounts.is_empty() {
            self.mounts.push(Mount::folder("/", "files"));
        }
        let dir = tempfile::Builder::new()
            .prefix("callfs-test-")
            .tempdir()
            .expect("a temporary folder");
        for folder in ["files", "hostile", "second", "third", "plugins"] {
            fs::create_dir(dir.path().join(folder)).expect("a fresh folder");
        }
        for (name, component) in &self.plugins {
            fs::write(
                dir.path().join("plugins").join(format!("{name}.wasm")),
                component,
            )
            .expect("writable");
        }
        fs::write(dir.path().join("callfs.toml"), self.toml(dir.path())).expect("writable");
        dir
    }

    fn toml(&self, dir: &Path) -> String {
        let mut toml = format!(
            r#"
{top}
[server]
listen = "127.0.0.1:0"
{server}
[metrics]
listen = "127.0.0.1:0"
[node]
id = "{node}"
{index}
[plugins]
dir = "$DIR/plugins"
limits = {{ {limits} }}
[[authenticator]]
component = "api-keys"
config.keys = [
    {{ user = "alice", groups = ["staff"], key = "{ALICE_KEY}" }},
    {{ user = "bob", groups = ["staff"], key = "{BOB_KEY}" }},
    {{ user = "carol", groups = ["guests"], key = "{CAROL_KEY}" }},
    {{ user = "root", groups = ["root"], admin = true, key = "{ADMIN_KEY}" }},
]
[authorizer]
component = "{authorizer}"
[filesystem]
root = {{ owner = "root", group = "root", mode = "1777" }}
umask = "022"
"#,
            top = self.top,
            server = self.server,
            limits = self.limits,
            authorizer = self.authorizer,
            index = self.index,
            node = self.node,
        );
        for Mount {
            path,
            component,
            settings,
        } in &self.mounts
        {
            let _ = write!(
                toml,
                "[[mount]]\npath = \"{path}\"\ncomponent = \"{component}\"\n{settings}"
            );
        }
        toml.push_str(&self.more);
        toml.replace("$DIR", &dir.display().to_string())
    }
}
