//! A gateway under test.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::process::{BINARY, Process};
use super::setup::{ADMIN_KEY, ALICE_KEY, BOB_KEY, CAROL_KEY};
use super::{Client, Metrics, Raw, Setup};

/// Where uploads lie until they are whole.
const STAGING: &str = ".callfs-staging";

/// A running gateway and its folder, both gone when dropped.
pub(crate) struct Gateway {
    process: Process,
    base: String,
    metrics: String,
    dir: TempDir,
}

impl Gateway {
    /// One folder at `/`, everything else as a newcomer gets it.
    pub(crate) async fn start() -> Self {
        Setup::default().start().await
    }

    /// The gateway of a prepared folder, with further arguments.
    #[track_caller]
    pub(crate) fn start_in(dir: TempDir, arguments: &[&str]) -> Self {
        let program = command(dir.path());
        Self::run(dir, program, arguments)
    }

    /// The gateway of a prepared folder, started by another program: one that runs the command at
    /// its end.
    #[track_caller]
    pub(crate) fn start_under(dir: TempDir, launcher: &[&str]) -> Self {
        let (name, arguments) = launcher.split_first().expect("a program");
        let mut program = deaf(Command::new(name), dir.path());
        program.args(arguments).arg(BINARY);
        Self::run(dir, program, &[])
    }

    #[track_caller]
    fn run(dir: TempDir, mut program: Command, arguments: &[&str]) -> Self {
        let mut process = Process::start(
            program
                .arg("serve")
                .args(config_of(dir.path()))
                .args(arguments),
        );
        let base = process.listens();
        let metrics = process.metrics();
        Self {
            process,
            base,
            metrics,
            dir,
        }
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }

    /// SIGTERM, and waits: it must end by itself, and well.
    #[track_caller]
    pub(crate) fn stop(&mut self) {
        self.process.terminate();
        let status = self.process.wait();
        assert!(status.success(), "ended with {status}");
    }

    /// SIGHUP.
    pub(crate) fn hang_up(&self) {
        self.process.hang_up();
    }

    /// The same folder again, after [`kill`](Self::kill) or [`stop`](Self::stop).
    #[track_caller]
    pub(crate) fn restart(self) -> Self {
        self.restart_with(&[])
    }

    /// The same, with further arguments.
    #[track_caller]
    pub(crate) fn restart_with(self, arguments: &[&str]) -> Self {
        let Self { process, dir, .. } = self;
        drop(process);
        Self::start_in(dir, arguments)
    }

    /// The process.
    pub(crate) fn process(&mut self) -> &mut Process {
        &mut self.process
    }

    /// Everything it said on stderr so far.
    pub(crate) fn log(&self) -> String {
        self.process.stderr()
    }

    /// A path in its folder.
    pub(crate) fn path(&self, inside: &str) -> PathBuf {
        self.dir.path().join(inside)
    }

    /// Everything below a folder of it, as paths relative to that folder, sorted; hidden and
    /// temporary files too, but not the gateway's own empty directory for them.
    pub(crate) fn everything_in(&self, folder: &str) -> Vec<String> {
        let root = self.path(folder);
        let mut found = Vec::new();
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            // A folder that the gateway removes meanwhile holds nothing.
            let entries = fs::read_dir(folder)
                .into_iter()
                .flatten()
                .filter_map(Result::ok);
            for entry in entries {
                let is_folder = entry.file_type().is_ok_and(|kind| kind.is_dir());
                if is_folder {
                    folders.push(entry.path());
                }
                let path = entry.path();
                let relative = path
                    .strip_prefix(&root)
                    .expect("inside")
                    .to_string_lossy()
                    .into_owned();
                let own = ["lock", "identity", "metadata"];
                let is_own = is_folder || own.iter().any(|name| path.ends_with(name));
                if !(relative.starts_with(STAGING) && is_own) {
                    found.push(relative);
                }
            }
        }
        found.sort();
        found
    }

    /// Whether it has a file open below a folder of it, visible or not: an upload or a download is
    /// under way.
    pub(crate) fn works_in(&self, folder: &str) -> bool {
        let folder = self.path(folder);
        let open =
            fs::read_dir(format!("/proc/{}/fd", self.process.id())).expect("the process runs");
        let inside = |link: PathBuf| {
            let file = fs::metadata(&link).is_ok_and(|metadata| metadata.is_file());
            let works_in =
                |target: PathBuf| target.starts_with(&folder) && !target.ends_with("lock");
            file && fs::read_link(link).is_ok_and(works_in)
        };
        open.filter_map(Result::ok)
            .any(|entry| inside(entry.path()))
    }

    /// Alice, of the group staff.
    pub(crate) fn alice(&self) -> Client {
        self.client(Some(ALICE_KEY))
    }

    /// Bob, of the group staff.
    pub(crate) fn bob(&self) -> Client {
        self.client(Some(BOB_KEY))
    }

    /// Carol, of the group guests.
    pub(crate) fn carol(&self) -> Client {
        self.client(Some(CAROL_KEY))
    }

    /// Somebody to whom permissions do not apply.
    pub(crate) fn admin(&self) -> Client {
        self.client(Some(ADMIN_KEY))
    }

    /// Somebody without a key.
    pub(crate) fn stranger(&self) -> Client {
        self.client(None)
    }

    /// Somebody with this key.
    pub(crate) fn client(&self, key: Option<&str>) -> Client {
        Client::new(&self.base, key)
    }

    /// A connection for requests that no library would send.
    pub(crate) async fn raw(&self) -> Raw {
        Raw::connect(&self.authority(), ALICE_KEY).await
    }

    /// The same for somebody to whom permissions do not apply.
    pub(crate) async fn raw_admin(&self) -> Raw {
        Raw::connect(&self.authority(), ADMIN_KEY).await
    }

    /// Host and port.
    pub(crate) fn authority(&self) -> String {
        self.base
            .trim_start_matches("http://")
            .trim_end_matches('/')
            .to_owned()
    }

    /// What its metrics listener says now.
    pub(crate) async fn metrics(&self) -> Metrics {
        Metrics::parse(&self.metrics_text().await)
    }

    /// The same as it says it.
    pub(crate) async fn metrics_text(&self) -> String {
        let reply = Client::new(&self.metrics, None)
            .call("GET", "")
            .await
            .is(200);
        String::from_utf8_lossy(&reply.body).into_owned()
    }
}

/// The binary, deaf to the configuration and the environment of whoever runs the tests. Compiled
/// components are shared between all tests, because compiling them is most of a start.
pub(crate) fn command(dir: &Path) -> Command {
    deaf(Command::new(BINARY), dir)
}

fn deaf(mut command: Command, dir: &Path) -> Command {
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CALLFS_"))
    {
        command.env_remove(name);
    }
    command
        .current_dir(dir)
        .env("HOME", dir)
        .env("XDG_CONFIG_HOME", dir.join("no-config"))
        .env("NO_COLOR", "1");
    command.env(
        "XDG_CACHE_HOME",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
    );
    command
}

fn config_of(dir: &Path) -> [String; 2] {
    [
        "--config".into(),
        dir.join("callfs.toml").display().to_string(),
    ]
}
