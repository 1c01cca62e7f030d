//! Garage, a full S3 server, for those who have it: `cargo install garage`, and
//! `CALLFS_TEST_GARAGE` names the program.

use std::fs;
use std::net::TcpListener;
use std::process::Command;

use tempfile::TempDir;

use super::{Mount, Process, Setup};

const BUCKET: &str = "archive";
const ACCESS_KEY: &str = "GK0123456789abcdef01234567";
const SECRET_KEY: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";

/// A running server with an empty bucket, gone when dropped.
pub(crate) struct Garage {
    _process: Process,
    origin: String,
    _dir: TempDir,
}

impl Garage {
    /// The program that the environment names, if it names one.
    pub(crate) fn start() -> Option<Self> {
        let program = std::env::var_os("CALLFS_TEST_GARAGE")?;
        let dir = tempfile::Builder::new()
            .prefix("callfs-test-garage-")
            .tempdir()
            .expect("a temporary folder");
        let origin = format!("127.0.0.1:{}", free_port());
        let config = format!(
            "metadata_dir = \"{dir}/meta\"\ndata_dir = \"{dir}/data\"\ndb_engine = \
             \"sqlite\"\nreplication_factor = 1\nrpc_bind_addr = \"127.0.0.1:{rpc}\"\nrpc_secret \
             = \"{SECRET_KEY}\"\n[s3_api]\ns3_region = \"garage\"\napi_bind_addr = \"{origin}\"\n",
            dir = dir.path().display(),
            rpc = free_port(),
        );
        let file = dir.path().join("garage.toml");
        fs::write(&file, config).expect("writable");
        let mut command = Command::new(program);
        command.env("GARAGE_DEFAULT_BUCKET", BUCKET);
        command
            .env("GARAGE_DEFAULT_ACCESS_KEY", ACCESS_KEY)
            .env("GARAGE_DEFAULT_SECRET_KEY", SECRET_KEY);
        command
            .arg("-c")
            .arg(file)
            .args(["server", "--single-node", "--default-bucket"]);
        Some(Self {
            _process: Process::start(&mut command),
            origin: format!("http://{origin}"),
            _dir: dir,
        })
    }

    /// Its bucket at `/s3` beside `localfs` at `/`.
    pub(crate) fn setup(&self) -> Setup {
        let origin = &self.origin;
        let mount = Mount::new("/s3", "s3")
            .with(&format!(
                "config = {{ bucket = \"{BUCKET}\", endpoint = \"{origin}\", credential = \
                 \"archive\" }}"
            ))
            .with(&format!(
                "grants = {{ http = [\"{origin}\"], credentials = [\"archive\"] }}"
            ));
        Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(mount)
            .more(&format!(
                "[credentials.archive]\nkind = \"aws-sigv4\"\nregion = \"garage\"\naccess_key_id \
                 = \"{ACCESS_KEY}\"\nsecret_access_key = \"{SECRET_KEY}\""
            ))
    }
}

/// A port that was free a moment ago: garage cannot tell which one it took.
fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    listener.local_addr().expect("an address").port()
}
