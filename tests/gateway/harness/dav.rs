//! A WebDAV server with a password, as people run it: rclone's.

use std::path::Path;
use std::process::Command;

use super::{Process, eventually_now, tool};

pub(crate) const USER: &str = "dav";
pub(crate) const PASSWORD: &str = "the-password-of-dav";

/// A server of a folder; gone when dropped.
pub(crate) struct Dav {
    process: Process,
    origin: String,
}

impl Dav {
    /// Serves a folder on a port of its own; none if rclone is not installed.
    #[track_caller]
    pub(crate) fn serve(folder: &Path) -> Option<Self> {
        Some(Self::start(tool("rclone")?, folder, "127.0.0.1:0", "0"))
    }

    /// The same of a folder that nobody else changes: it remembers what is there, which is many
    /// times quicker.
    #[track_caller]
    pub(crate) fn serve_alone(folder: &Path) -> Option<Self> {
        Some(Self::start(tool("rclone")?, folder, "127.0.0.1:0", "5m"))
    }

    /// Kills it, and serves the same folder on the same port again once `meanwhile` is over.
    pub(crate) async fn without(mut self, folder: &Path, meanwhile: impl AsyncFnOnce()) -> Self {
        self.process.kill();
        meanwhile().await;
        let address = self.origin.trim_start_matches("http://").to_owned();
        Self::start(tool("rclone").expect("as before"), folder, &address, "0")
    }

    /// What it remembers of the folder, for some time, hides what others do there.
    fn start(mut rclone: Command, folder: &Path, address: &str, remembered: &str) -> Self {
        rclone.args([
            "serve",
            "webdav",
            "--dir-cache-time",
            remembered,
            "--addr",
            address,
            "--user",
            USER,
            "--pass",
            PASSWORD,
        ]);
        let mut process = Process::start(rclone.arg(folder).env("RCLONE_CONFIG", "/dev/null"));
        let origin = eventually_now("rclone to serve", || {
            assert!(process.runs(), "{}", process.stderr());
            let said = process.stderr();
            let (_, rest) = said.split_once("http://")?;
            let address: String = rest
                .chars()
                .take_while(|c| c.is_ascii_digit() || matches!(c, '.' | ':'))
                .collect();
            Some(format!("http://{address}"))
        });
        Self { process, origin }
    }

    /// Its scheme, host and port.
    pub(crate) fn origin(&self) -> &str {
        &self.origin
    }

    /// kill -9.
    pub(crate) fn kill(&mut self) {
        self.process.kill();
    }
}
