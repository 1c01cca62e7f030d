//! The whole way from files, variables and flags to a [`Config`].

mod outbound;
mod shown;
mod stores;

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use callfs_http::ContentCoding;
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use callfs_telemetry::logs::LogFormat;
use tempfile::TempDir;

use super::sections::{LimitsConfig, RootConfig};
use super::*;

/// A place with configuration files of its own.
struct Place {
    folder: TempDir,
    options: LoadOptions,
}

/// What every file has to say.
const REST: &str = r#"
[[authenticator]]
component = "api-keys"
[[mount]]
path = "/"
component = "localfs"
"#;

impl Place {
    fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut options = LoadOptions {
            system_file: folder.path().join("etc.toml"),
            directory: folder.path().to_owned(),
            ..LoadOptions::default()
        };
        options
            .variables
            .insert("HOME".into(), folder.path().display().to_string());
        Self { folder, options }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, content: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().expect("a parent")).expect("made");
        fs::write(&path, content).expect("written");
        path
    }

    /// With `--config`.
    fn with(mut self, name: &str, content: &str) -> Self {
        self.options.file = Some(self.write(name, content));
        self
    }

    fn with_variable(mut self, name: &str, value: &str) -> Self {
        self.options.variables.insert(name.into(), value.into());
        self
    }

    fn config(&self) -> Config {
        Config::load(&self.options)
            .unwrap_or_else(|error| panic!("{error}"))
            .config
    }

    /// The error, without the folder that differs from run to run.
    fn error(&self) -> String {
        let error = Config::load(&self.options)
            .err()
            .expect("refused")
            .to_string();
        error.replace(&format!("{}/", self.folder.path().display()), "")
    }

    fn show(&self) -> String {
        let shown = Layers::read(&self.options)
            .and_then(|layers| layers.show())
            .unwrap_or_else(|error| panic!("{error}"));
        shown.replace(&format!("{}/", self.folder.path().display()), "")
    }
}

/// What a file with these lines is refused for.
fn refused(lines: &str) -> String {
    Place::new()
        .with("callfs.toml", &format!("{lines}\n{REST}"))
        .error()
}

#[test]
fn the_template_is_what_the_manual_says() {
    let layers = Layers::read(&Place::new().options).expect("the template");
    let config = layers.build(Secrets::Left).expect("good");
    let limits = LimitsConfig {
        memory: 64 << 20,
        cpu_time: Duration::from_secs(1),
        call_timeout: Duration::from_secs(30),
        instances: 64,
    };
    assert_eq!(
        config.server.listen,
        ["127.0.0.1:8443".parse().expect("an address")]
    );
    assert_eq!(
        (config.server.max_upload, config.server.idle_timeout),
        (10 << 30, Duration::from_secs(60))
    );
    assert_eq!(config.metrics.listen, "127.0.0.1:9090".parse().ok());
    assert_eq!(config.node.id, "node-1");
    assert_eq!(
        config.metadata,
        MetadataStore::Sqlite {
            url: "sqlite:callfs-data/metadata.db".into()
        }
    );
    assert_eq!(
        config.locks,
        LocksConfig {
            manager: LockManager::Local,
            wait: Duration::from_secs(30)
        }
    );
    let days = |days: u64| Duration::from_secs(days * 86_400);
    let secret = LinkSecret::Kept("callfs-data/link.secret".into());
    let links = LinksConfig {
        secret,
        grace: Duration::from_secs(600),
        expiry: days(1),
        max_expiry: days(30),
    };
    assert_eq!((config.links, config.server.external_url), (links, None));
    assert_eq!(
        config.log,
        LogConfig {
            level: "info".into(),
            format: LogFormat::Text,
            requests: false
        }
    );
    assert_eq!((config.plugins.dir, config.plugins.limits), (None, limits));
    assert!(
        config.plugins.cache_dir.ends_with(".cache/callfs"),
        "{:?}",
        config.plugins.cache_dir
    );
    let root = RootConfig {
        owner: "root".into(),
        group: "root".into(),
        mode: 0o1777,
    };
    assert_eq!(config.filesystem, FilesystemConfig { root, umask: 0o22 });
    let unix = Component {
        name: "unix".into(),
        config: ComponentSettings::default(),
        limits,
        http: Default::default(),
    };
    assert_eq!(config.authorizer, unix);
    assert_eq!(config.authenticators.len(), 1);
    assert_eq!(config.authenticators[0].name, "api-keys");
    assert_eq!(config.mounts.len(), 1);
    assert_eq!(config.mounts[0].path, FilePath::root());
    let grant = DirectoryGrant {
        host: "callfs-data/files".into(),
        guest: "/".into(),
        access: DirectoryAccess::ReadWrite,
        overlap: false,
        durability: Durability::Strict,
    };
    assert_eq!(config.mounts[0].directories, [grant]);
}

#[test]
fn the_durability_of_a_mount_is_that_of_its_folders() {
    let mount = |more: &str| {
        format!(
            "[[authenticator]]\ncomponent = 'a'\n[[mount]]\npath = '/'\ncomponent = 'm'\n{more}"
        )
    };
    let folders = "grants.directories = [{ host = 'a', guest = '/a' }, { host = 'b' }]";
    for (more, durability) in [
        (folders.to_owned(), Durability::Strict),
        (
            format!("durability = 'strict'\n{folders}"),
            Durability::Strict,
        ),
        (
            format!("durability = 'relaxed'\n{folders}"),
            Durability::Relaxed,
        ),
    ] {
        let config = Place::new().with("c.toml", &mount(&more)).config();
        let granted = config.mounts[0].directories.iter();
        let granted: Vec<_> = granted.map(|grant| grant.durability).collect();
        assert_eq!(granted, [durability; 2], "{more}");
    }
    let told = refused(&mount("durability = 'relaxed'"));
    assert!(told.contains("mount[0].durability"), "{told}");
    let told = refused(&mount(&format!("durability = 'none'\n{folders}")));
    assert!(told.contains("relaxed"), "{told}");
}

#[test]
fn later_layers_win() {
    let mut place = Place::new();
    let id = |place: &Place| place.config().node.id;
    place.write(
        "etc.toml",
        &format!("node.id = 'etc'\nlocks.wait = '7s'\n{REST}"),
    );
    assert_eq!(id(&place), "etc");
    place.write(".config/callfs/callfs.toml", "node.id = 'home'");
    assert_eq!(id(&place), "home");
    place.write("xdg/callfs/callfs.toml", "node.id = 'xdg'");
    let xdg = place.path("xdg").display().to_string();
    place = place.with_variable("XDG_CONFIG_HOME", &xdg);
    assert_eq!(id(&place), "xdg");
    place = place.with(
        "given.toml",
        "node.id = 'given'\nserver.listen = '127.0.0.1:1'",
    );
    assert_eq!(id(&place), "given");
    place = place
        .with_variable("CALLFS_NODE__ID", "7")
        .with_variable("CALLFS_SERVER__LISTEN", "127.0.0.1:2");
    assert_eq!(id(&place), "7", "text, although it looks like a number");
    assert_eq!(place.config().server.listen[0].to_string(), "127.0.0.1:2");
    place.options.listen = vec!["127.0.0.1:3".into(), "unix:/run/callfs.sock".into()];
    let config = place.config();
    assert_eq!(
        config
            .server
            .listen
            .iter()
            .map(Listen::to_string)
            .collect::<Vec<_>>(),
        place.options.listen
    );
    assert_eq!(
        config.locks.wait,
        Duration::from_secs(7),
        "lower layers still count"
    );
}

#[test]
fn yaml_and_json_say_the_same() {
    let yaml =
        "node: { id: n }\nauthenticator: [{ component: a }]\nmount: [{ path: /x, component: m }]\n";
    let json = r#"{
        "node": {"id": "n"},
        "authenticator": [{"component": "a"}],
        "mount": [{"path": "/x", "component": "m"}]
    }"#;
    let toml = "node.id = 'n'\nauthenticator = [{ component = 'a' }]\nmount = [{ path = '/x/', \
                component = 'm' }]";
    let [yaml, json, toml] = [("c.yaml", yaml), ("c.json", json), ("c.toml", toml)]
        .map(|(name, content)| Place::new().with(name, content).config())
        .map(|config| (config.node, config.authenticators, config.mounts));
    assert_eq!(yaml, toml);
    assert_eq!(json, toml);
}

#[test]
fn unknown_keys_are_told_with_the_nearest() {
    assert_eq!(
        refused("[sevrer]"),
        "callfs.toml: sevrer: unknown key; did you mean 'server'?"
    );
    assert_eq!(
        refused("[server]\nlisten_on = ''"),
        "callfs.toml: server.listen_on: unknown key; did you mean 'listen'?"
    );
    assert_eq!(
        refused("filesystem.root.grop = 'x'"),
        "callfs.toml: filesystem.root.grop: unknown key; did you mean 'group'?"
    );
    let grants = |grants: &str| {
        refused(&format!(
            "[[mount]]\npath = '/a'\ncomponent = 'x'\ngrants = {grants}"
        ))
    };
    assert_eq!(
        grants("{ directories = [{ host = 'a', gest = 'b' }] }"),
        "callfs.toml: mount[0].grants.directories[0].gest: unknown key; did you mean 'guest'?"
    );
    assert_eq!(
        grants("{ htp = ['http://x'] }"),
        "callfs.toml: mount[0].grants.htp: unknown key; did you mean 'http'?"
    );
    assert!(refused("[rift]").starts_with("callfs.toml: rift: unknown key"));
    assert!(
        refused("[server]\ntls = { cert = 'x' }")
            .starts_with("callfs.toml: server.tls: unknown key; known keys: ")
    );
    let error = Place::new()
        .with("callfs.toml", REST)
        .with_variable("CALLFS_SERVER__LISTN", "x")
        .error();
    assert_eq!(
        error,
        "CALLFS_SERVER__LISTN: server.listn: unknown key; did you mean 'listen'?"
    );
    let error = Place::new()
        .with("callfs.toml", REST)
        .with_variable("CALLFS_CLUSTERS__SECRET", "x")
        .error();
    assert!(
        error.starts_with("CALLFS_CLUSTERS__SECRET: clusters: unknown key"),
        "{error}"
    );
}

#[test]
fn ill_typed_values_are_told_with_what_would_be_right() {
    for (lines, error) in [
        (
            "filesystem.umask = 22",
            "filesystem.umask: expected a string of octal digits from \"0\" to \"777\", found",
        ),
        (
            "filesystem.umask = '1022'",
            "filesystem.umask: expected a string of octal digits from \"0\" to \"777\", found",
        ),
        (
            "filesystem.root.mode = '4755'",
            "filesystem.root.mode: expected a string of octal digits from \"0\" to \"1777\", found",
        ),
        (
            "server.max_upload = '10 parsec'",
            "server.max_upload: expected a size such as \"64MiB\"",
        ),
        ("server.max_upload = 0", "server.max_upload: a size of 0"),
        ("locks.wait = 30", "locks.wait: expected a duration such as"),
        (
            "server.listen = 'localhost'",
            "server.listen: 'localhost' is not an address such as",
        ),
        ("server.listen = []", "server.listen: invalid length 0"),
        (
            "server.listen = ['127.0.0.1:1', 'x']",
            "server.listen: 'x' is not an address such as",
        ),
        (
            "metrics.listen = 'x'",
            "metrics.listen: expected an address such as",
        ),
        (
            "server.external_url = 'files.example.org'",
            "server.external_url: 'files.example.org' is no URL",
        ),
        (
            "server.external_url = 'http://x/?a'",
            "server.external_url: 'http://x/?a' is no URL",
        ),
        ("links.grace = '0s'", "links.grace: a duration of 0"),
        ("links.secret = 7", "links.secret: expected a text, { env"),
        (
            "links.secret = { env = 'NO_SUCH' }",
            "links.secret: the variable NO_SUCH is not set",
        ),
        (
            "links.expiry = '31d'",
            "links.expiry: is longer than links.max_expiry",
        ),
        ("node.id = 'a b'", "node.id: 'a b' is no name for a node"),
        ("log.level = 'inof'", "log.level: 'inof' is no log level"),
        (
            "log.format = 'xml'",
            "log.format: unknown value 'xml'; possible values: text, json",
        ),
        (
            "plugins.dir = '/nowhere/at/all'",
            "plugins.dir: there is no folder '/nowhere/at/all'",
        ),
        (
            "server.trusted_proxies = ['10.0.0.0/33']",
            "server.trusted_proxies[0]: '10.0.0.0/33' is not a network such",
        ),
        (
            "server.cors = { origins = [] }",
            "server.cors.origins: without an origin nobody is let in",
        ),
        (
            "server.cors = { origins = ['*', 'https://x'] }",
            "server.cors.origins: \"*\" includes every other origin",
        ),
        (
            "server.cors = { origins = ['x'] }",
            "server.cors.origins[0]: 'x' is not an origin as browsers write it",
        ),
        (
            "server.cors = { origins = ['https://x/'] }",
            "server.cors.origins[0]: 'https://x/' is not an origin",
        ),
        (
            "server.cors = { origins = ['https://x:443'] }",
            "server.cors.origins[0]: 'https://x:443' is not an origin",
        ),
        (
            "server.cors = { max_age = '1s' }",
            "server.cors.origins: missing; add it",
        ),
        (
            "server.compression.codings = ['zstd', 'deflate']",
            "server.compression.codings: 'deflate' is not a known coding; known are: zstd, br, \
             gzip",
        ),
        (
            "server.compression.codings = ['br', 'br']",
            "server.compression.codings: 'br' is given twice",
        ),
        (
            "server.compression.min_size = 0",
            "server.compression.min_size: a size of 0",
        ),
        (
            "server.compression.level = 9",
            "server.compression.level: unknown key",
        ),
        (
            "rate_limits.per_ip = { requests = 0, per = '1s' }",
            "rate_limits.per_ip.requests: a limit of 0",
        ),
        (
            "rate_limits.per_ip = { requests = 5 }",
            "rate_limits.per_ip.per: missing; add it",
        ),
        (
            "rate_limits.per_ip = { requests = 5, per = '1s', burst = 0 }",
            "rate_limits.per_ip.burst: a limit of 0",
        ),
        (
            "rate_limits.per_ip = { requests = 1, per = '1h', burst = 10000 }",
            "rate_limits.per_ip: a client that used",
        ),
        (
            "rate_limits.per_user = 1",
            "rate_limits.per_user: unknown key",
        ),
        (
            "plugins.limits.instances = 0",
            "plugins.limits.instances: without an instance",
        ),
    ] {
        let found = refused(lines);
        assert!(
            found.starts_with(&format!("callfs.toml: {error}")),
            "{lines}: {found}"
        );
    }
}

#[test]
fn one_key_of_compression_leaves_the_others() {
    let compression = |lines: &str| {
        let place = Place::new().with("callfs.toml", &format!("{lines}\n{REST}"));
        place.config().server.compression
    };
    let default = compression("");
    assert_eq!(default.codings, ContentCoding::ALL);
    assert_eq!((default.files, default.min_size), (false, 1024));
    let files = compression("server.compression.files = true");
    assert_eq!(files.codings, default.codings);
    assert!(files.files);
    let off = compression("server.compression = { codings = [] }");
    assert!(off.codings.is_empty());
    assert_eq!(off.min_size, default.min_size);
}

#[test]
fn rate_limits_are_off_unless_said() {
    let place = |lines: &str| {
        Place::new()
            .with("callfs.toml", &format!("{lines}\n{REST}"))
            .config()
    };
    assert_eq!(place("").rate_limits, RateLimitsConfig::default());
    let limits = place("rate_limits.per_ip = { requests = 100, per = '1s' }").rate_limits;
    let limit = limits.per_ip.expect("one");
    assert_eq!(
        (limit.requests.get(), limit.per, limit.burst.get()),
        (100, Duration::from_secs(1), 100)
    );
    assert_eq!(limits.per_identity, None);
    let proxies = place("server.trusted_proxies = ['127.0.0.1', 'fd00::/8', 'unix']")
        .server
        .trusted_proxies;
    let network = |text: &str| Proxy::Network(text.parse().expect("a network"));
    assert_eq!(
        proxies,
        [network("127.0.0.1/32"), network("fd00::/8"), Proxy::Local]
    );
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let error = |content: &str| Place::new().with("callfs.toml", content).error();
    assert!(
        error("[[mount]]\npath = '/'\ncomponent = 'x'")
            .starts_with("callfs.toml: authenticator: nobody could")
    );
    assert!(
        error("[[authenticator]]\ncomponent = 'x'")
            .starts_with("callfs.toml: mount: there would be nothing")
    );
    assert!(error("").starts_with("callfs.toml: authenticator: "));
    let mount = |path: &str, rest: &str| {
        format!("{REST}[[mount]]\npath = '{path}'\ncomponent = 'x'\n{rest}")
    };
    assert_eq!(
        error(&mount("/", "")),
        "callfs.toml: mount[1].path: '/' is the path of mount[0] already; give each its own"
    );
    assert!(
        error(&mount("a", ""))
            .starts_with("callfs.toml: mount[1].path: a path must start with '/'")
    );
    assert!(
        error(&mount("/a", "grants.directories = []"))
            .contains("mount[1].grants.directories: an empty grant")
    );
    assert!(
        error(&mount("/a", "grants.http = []")).contains("mount[1].grants.http: an empty grant")
    );
    let twice = "grants.directories = [{ host = 'a' }, { host = 'b' }]";
    assert!(error(&mount("/a", twice)).contains("two folders have the name '/'"));
    assert_eq!(
        error(&format!("{REST}[[mount]]\npath = '/a'")),
        "callfs.toml: mount[1].component: missing; add it"
    );
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let mut place = Place::new();
    place.options.file = Some(place.path("absent.toml"));
    assert!(
        place
            .error()
            .starts_with("absent.toml: cannot read the configuration file: ")
    );
    assert!(
        Place::new()
            .with("c.ini", "")
            .error()
            .starts_with("c.ini: unknown kind of file")
    );
    assert!(
        Place::new()
            .with("c.toml", "a = [")
            .error()
            .starts_with("c.toml: TOML parse error at line 1")
    );
    assert!(
        Place::new()
            .with("c.json", "[]")
            .error()
            .starts_with("c.json: ")
    );
}

#[test]
fn limits_are_overridden_one_by_one() {
    let content = format!("plugins.limits.instances = 8\n{REST}limits = {{ memory = '1MiB' }}");
    let config = Place::new().with("callfs.toml", &content).config();
    let general = config.plugins.limits;
    assert_eq!((general.instances, general.memory), (8, 64 << 20));
    assert_eq!(config.authenticators[0].limits, general);
    assert_eq!(
        config.mounts[0].component.limits,
        LimitsConfig {
            memory: 1 << 20,
            ..general
        }
    );
}

#[test]
fn a_folder_is_served_without_a_file_only() {
    let mut place = Place::new();
    fs::create_dir(place.path("docs")).expect("made");
    fs::create_dir(place.path("music")).expect("made");
    place.options.folder = Some(place.path("docs"));
    let config = |place: &Place| {
        Layers::read(&place.options)
            .and_then(|layers| layers.build(Secrets::Left))
            .unwrap_or_else(|e| panic!("{e}"))
    };
    let docs = config(&place);
    assert_eq!(docs.mounts[0].directories[0].host, place.path("docs"));
    place.options.folder = Some(place.path("music"));
    assert_ne!(
        docs.metadata,
        config(&place).metadata,
        "two folders must not share a metadata store"
    );
    place.options.folder = Some(place.path("docs/../docs"));
    assert_eq!(
        docs.metadata,
        config(&place).metadata,
        "one folder has one metadata store"
    );

    place.options.folder = Some(place.path("absent"));
    assert!(
        place
            .error()
            .starts_with("DIR: cannot serve the folder 'absent': ")
    );
    place.options.folder = Some(place.path(""));
    assert!(
        place.error().contains("is where callfs-data is kept"),
        "{}",
        place.error()
    );
    place.options.folder = Some(place.path("docs"));
    let place = place.with_variable("CALLFS_MOUNT", "[{ path = '/', component = 'x' }]");
    assert_eq!(
        place.error(),
        "DIR: CALLFS_MOUNT says what to serve; leave one of them out"
    );
    let place = place.with("callfs.toml", REST);
    assert!(
        place
            .error()
            .contains("callfs.toml says what to serve; leave the folder out"),
        "{}",
        place.error()
    );
}

#[test]
fn before_a_first_run_the_missing_key_is_no_mistake() {
    let layers = Layers::read(&Place::new().options).expect("the template");
    layers.check().expect("good");
    assert!(layers.is_built_in("authenticator") && layers.is_built_in("mount"));
    assert!(layers.show().expect("shown").contains("key = \"***\""));
    assert!(
        layers
            .config()
            .expect_err("no key yet")
            .to_string()
            .contains("callfs-data/admin.key")
    );
}
