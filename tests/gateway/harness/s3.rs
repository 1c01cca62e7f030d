//! An S3 server of its own for a test: a process that can be killed, and whose objects can be
//! looked at and laid down behind its back. See `tests/s3`.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::process::BINARY;
use super::{Mount, Process, Setup};

const NAME: &str = "callfs-test-s3";
const BUCKET: &str = "archive";
const ACCESS_KEY: &str = "AKIAIOSFODNN7EXAMPLE";
const SECRET_KEY: &str = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY";

/// A running (or killed) S3 server and its folder, both gone when dropped.
pub(crate) struct S3 {
    process: Process,
    address: String,
    dir: TempDir,
    options: &'static [&'static str],
}

impl S3 {
    /// An empty bucket whose objects the crate `s3s-fs` keeps.
    pub(crate) fn of_s3s_fs() -> Self {
        let dir = tempfile::Builder::new()
            .prefix("callfs-test-s3-")
            .tempdir()
            .expect("a temporary folder");
        let options = &["--s3s-fs"];
        let (process, address) = serve(dir.path(), "127.0.0.1:0", options);
        Self {
            process,
            address,
            dir,
            options,
        }
    }

    /// An empty bucket.
    pub(crate) fn start() -> Self {
        Self::with(|_| ())
    }

    /// A bucket that already has what `prepare` lays down.
    pub(crate) fn with(prepare: impl FnOnce(&Prepared)) -> Self {
        let dir = tempfile::Builder::new()
            .prefix("callfs-test-s3-")
            .tempdir()
            .expect("a temporary folder");
        for folder in ["blobs", "uploads"] {
            fs::create_dir(dir.path().join(folder)).expect("a fresh folder");
        }
        let prepared = Prepared {
            root: dir.path().into(),
            lines: Default::default(),
        };
        prepare(&prepared);
        fs::write(dir.path().join("journal.jsonl"), prepared.lines.take()).expect("writable");
        let (process, address) = serve(dir.path(), "127.0.0.1:0", &[]);
        Self {
            process,
            address,
            dir,
            options: &[],
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// Another bucket, empty, at the same address.
    pub(crate) fn lose_everything(&mut self) {
        self.kill();
        fs::write(self.dir.path().join("journal.jsonl"), "").expect("writable");
        self.restart();
    }

    /// The same bucket at the same address, after [`kill`](Self::kill).
    pub(crate) fn restart(&mut self) {
        (self.process, self.address) = serve(self.dir.path(), &self.address, self.options);
    }

    /// A mount of its bucket, with further keys of the configuration.
    pub(crate) fn mount(&self, path: &str, more: &str) -> Mount {
        self.mount_of(BUCKET, path, more)
    }

    /// The same of another bucket.
    pub(crate) fn mount_of(&self, bucket: &str, path: &str, more: &str) -> Mount {
        let origin = format!("http://{}", self.address);
        Mount::new(path, "s3")
            .with(&format!(
                "config = {{ bucket = \"{bucket}\", endpoint = \"{origin}\", credential = \
                 \"archive\"{more} }}"
            ))
            .with(&format!(
                "grants = {{ http = [\"{origin}\"], credentials = [\"archive\"] }}"
            ))
    }

    /// Its bucket at `/s3` beside `localfs` at `/`.
    pub(crate) fn setup(&self) -> Setup {
        Self::credential(
            Setup::default()
                .mount(Mount::folder("/", "files"))
                .mount(self.mount("/s3", "")),
            SECRET_KEY,
        )
    }

    /// `http://127.0.0.1:port`
    pub(crate) fn origin(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The credential that its mounts name, with a secret.
    pub(crate) fn credential(setup: Setup, secret: &str) -> Setup {
        setup.more(&format!(
            "[credentials.archive]\nkind = \"aws-sigv4\"\nregion = \"us-east-1\"\naccess_key_id = \
             \"{ACCESS_KEY}\"\nsecret_access_key = \"{secret}\""
        ))
    }

    /// The credential that it takes.
    pub(crate) fn credentials(setup: Setup) -> Setup {
        Self::credential(setup, SECRET_KEY)
    }

    /// Every object by its key, as the server wrote it down.
    pub(crate) fn objects(&self) -> BTreeMap<String, Value> {
        let journal = fs::read_to_string(self.dir.path().join("journal.jsonl")).expect("a journal");
        let mut objects = BTreeMap::new();
        for line in journal
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
        {
            let key = line["key"].as_str().expect("a key").to_owned();
            if line["object"].is_null() {
                objects.remove(&key)
            } else {
                objects.insert(key, line["object"].clone())
            };
        }
        objects
    }

    /// Keys of all objects.
    pub(crate) fn keys(&self) -> Vec<String> {
        self.objects().into_keys().collect()
    }

    /// How many uploads in parts are open.
    pub(crate) fn open_uploads(&self) -> usize {
        fs::read_dir(self.dir.path().join("uploads"))
            .expect("readable")
            .count()
    }

    /// Bytes that arrived and belong to an object or to none.
    pub(crate) fn arrived(&self) -> u64 {
        let files = fs::read_dir(self.dir.path().join("blobs"))
            .expect("readable")
            .filter_map(Result::ok);
        files
            .filter_map(|file| file.metadata().ok())
            .map(|metadata| metadata.len())
            .sum()
    }
}

/// A bucket before its server is started.
pub(crate) struct Prepared {
    root: PathBuf,
    lines: std::cell::RefCell<String>,
}

impl Prepared {
    /// An empty object.
    pub(crate) fn object(&self, key: &str) {
        self.lay_down(key, json!([]));
    }

    /// An object whose bytes are in a coding, as `aws s3 cp --content-encoding` stores them.
    pub(crate) fn coded(&self, key: &str, coding: &str, bytes: &[u8]) {
        fs::write(self.root.join("blobs/2"), bytes).expect("writable");
        let extents = json!([{"blob": 2, "start": 0, "length": bytes.len()}]);
        self.lay_down_with(key, extents, json!({"content_encoding": coding}));
    }

    /// A large object that takes no room: zeros, but for its first bytes.
    pub(crate) fn sparse(&self, key: &str, size: u64, start: &[u8]) {
        let blob = self.root.join("blobs/1");
        fs::write(&blob, start).expect("writable");
        fs::File::options()
            .write(true)
            .open(&blob)
            .and_then(|file| file.set_len(size))
            .expect("a sparse file");
        self.lay_down(key, json!([{"blob": 1, "start": 0, "length": size}]));
    }

    /// An upload that somebody began so many seconds ago.
    pub(crate) fn upload(&self, id: &str, key: &str, ago: u64) {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .expect("after 1970")
            .as_secs();
        let upload = json!({"key": key, "initiated": now - ago});
        fs::write(self.root.join("uploads").join(id), upload.to_string()).expect("writable");
    }

    fn lay_down(&self, key: &str, extents: Value) {
        self.lay_down_with(key, extents, json!({}));
    }

    fn lay_down_with(&self, key: &str, extents: Value, kept: Value) {
        let etag = super::sha256_hex(key.as_bytes())[..32].to_owned();
        let modified = 1_700_000_000;
        let object = json!({"extents": extents, "etag": etag, "modified": modified, "kept": kept});
        let line = json!({"key": key, "object": object}).to_string();
        self.lines.borrow_mut().push_str(&format!("{line}\n"));
    }
}

fn serve(root: &Path, address: &str, options: &[&str]) -> (Process, String) {
    let mut command = Command::new(program());
    command.args([
        "--listen",
        address,
        "--bucket",
        BUCKET,
        "--access-key",
        ACCESS_KEY,
        "--secret-key",
        SECRET_KEY,
    ]);
    let mut process = Process::start(command.args(options).arg(root));
    let address = process.said("where it listens", |line| {
        line.split_once("http://")
            .map(|(_, at)| at.trim().to_owned())
    });
    (process, address)
}

/// The server, which is built together with the whole workspace, or now.
fn program() -> &'static Path {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let program = Path::new(BINARY).with_file_name(NAME);
        if !program.exists() {
            let target = Path::new(BINARY)
                .ancestors()
                .nth(2)
                .expect("a target directory");
            let mut cargo = Command::new(env!("CARGO"));
            cargo
                .args(["build", "--release", "--package", NAME, "--target-dir"])
                .arg(target);
            super::succeeds(cargo.current_dir(env!("CARGO_MANIFEST_DIR")));
        }
        program
    })
}
