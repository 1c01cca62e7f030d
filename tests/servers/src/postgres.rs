//! PostgreSQL.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::OnceLock;

use crate::supervised::Supervised;
use crate::{eventually, free_port, program, skip, unique};

/// A server.
pub struct Postgres {
    /// Without the name of a database, and what follows it.
    base: String,
    query: String,
    psql: PathBuf,
    /// The database in which others are made.
    first: String,
    own: Option<Own>,
}

struct Own {
    binaries: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Supervised>,
}

/// The system user that runs the server for root, which it refuses to be.
const USER: &str = "postgres";

impl Postgres {
    /// The one that all tests of this process share.
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Postgres>> = OnceLock::new();
        SHARED
            .get_or_init(|| match std::env::var("CALLFS_TEST_POSTGRES_URL") {
                Ok(url) => Self::of(&url),
                Err(_) => Self::own(),
            })
            .as_ref()
    }

    fn of(url: &str) -> Option<Self> {
        let Some(psql) = program("psql", &[]) else {
            skip("there is no psql, which makes a database for each test: install it");
            return None;
        };
        let (url, query) = url
            .split_once('?')
            .map_or((url, String::new()), |(url, query)| {
                (url, format!("?{query}"))
            });
        let after_host = url.find("://").map_or(0, |at| at + 3);
        let (base, first) = match url[after_host..].rsplit_once('/') {
            Some((host, database)) => {
                (format!("{}{host}", &url[..after_host]), database.to_owned())
            }
            None => (url.to_owned(), "postgres".to_owned()),
        };
        Some(Self {
            base,
            query,
            psql,
            first,
            own: None,
        })
    }

    /// One of one's own, which can be stopped. What it holds is there when it is started again.
    pub fn own() -> Option<Self> {
        let installed = std::fs::read_dir("/usr/lib/postgresql")
            .into_iter()
            .flatten()
            .flatten();
        let folders: Vec<PathBuf> = installed
            .map(|version| version.path().join("bin"))
            .collect();
        let found = program("initdb", &folders).and_then(|initdb| initdb.canonicalize().ok());
        let (Some(initdb), Some(psql)) = (found, program("psql", &folders)) else {
            skip("there is no PostgreSQL: install its server, or set CALLFS_TEST_POSTGRES_URL");
            return None;
        };
        let binaries = initdb.parent().map(Path::to_owned).unwrap_or_default();
        let folder = tempfile::Builder::new()
            .prefix("callfs-test-postgres-")
            .tempdir()
            .expect("a folder")
            .keep();
        if is_root() {
            let owned = Command::new("chown")
                .arg(USER)
                .arg(&folder)
                .status()
                .expect("chown");
            assert!(owned.success(), "the user {USER} cannot get a folder");
        }
        let data = folder.join("data").display().to_string();
        let mut made = Command::new(as_user(&initdb)[0].clone());
        made.args(&as_user(&initdb)[1..])
            .args(["-D", &data, "-U", "postgres", "-A", "trust", "-E", "UTF8"]);
        made.args(["--no-locale", "--no-sync"]).current_dir(&folder);
        let made = made.output().expect("initdb");
        assert!(
            made.status.success(),
            "initdb: {}",
            String::from_utf8_lossy(&made.stderr)
        );
        let port = free_port();
        let base = format!("postgres://postgres@127.0.0.1:{port}");
        let own = Some(Own {
            binaries,
            folder,
            port,
            process: None,
        });
        let mut postgres = Self {
            base,
            query: String::new(),
            psql,
            first: "postgres".into(),
            own,
        };
        postgres.start();
        Some(postgres)
    }

    /// The URL of a new, empty database.
    pub fn database(&self) -> String {
        let name = unique();
        assert!(
            self.run(&format!("CREATE DATABASE {name}")),
            "cannot make a database"
        );
        format!("{}/{name}{}", self.base, self.query)
    }

    /// Starts one of one's own that was stopped, at the same address.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same, and it refuses all changes, as a standby does.
    pub fn start_read_only(&mut self) {
        self.start_with(&["default_transaction_read_only=on"]);
    }

    fn start_with(&mut self, further: &[&str]) {
        let Some(Own {
            binaries,
            folder,
            port,
            process,
        }) = &mut self.own
        else {
            return;
        };
        let data = folder.join("data");
        let socket = folder.display().to_string();
        let number = port.to_string();
        let mut command = as_user(&binaries.join("postgres"));
        command.extend([
            "-D".into(),
            data.display().to_string(),
            "-k".into(),
            socket,
            "-p".into(),
            number,
        ]);
        // What is committed survives the end of the server; that of the machine is not what is
        // tested.
        let settings = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "max_connections=300",
        ];
        for setting in settings.iter().chain(further) {
            command.extend(["-c".into(), (*setting).into()]);
        }
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        *process = Some(Supervised::start(folder, "QUIT", &command));
        eventually("postgres", || self.run("SELECT 1"));
    }

    /// Ends it at once, with all its connections.
    pub fn stop(&mut self) {
        if let Some(process) = self.own.as_mut().and_then(|own| own.process.take()) {
            process.stop();
        }
    }

    fn run(&self, statement: &str) -> bool {
        let mut psql = Command::new(&self.psql);
        psql.arg(format!("{}/{}{}", self.base, self.first, self.query))
            .args(["-X", "-q", "-c", statement]);
        psql.stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// A command as somebody who may run the server. `exec` keeps it one process, so that a signal
/// reaches it.
fn as_user(program: &Path) -> Vec<String> {
    let program = program.display().to_string();
    if !is_root() {
        return vec![program];
    }
    [
        "setpriv",
        &format!("--reuid={USER}"),
        &format!("--regid={USER}"),
        "--clear-groups",
        "--",
        &program,
    ]
    .map(str::to_owned)
    .into()
}
