//! Redis, or Valkey.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpStream};
use std::path::PathBuf;
use std::sync::OnceLock;

use crate::supervised::Supervised;
use crate::{eventually, free_port, program, skip};

/// A server.
pub struct Redis {
    url: String,
    own: Option<Own>,
}

struct Own {
    binary: PathBuf,
    folder: PathBuf,
    port: u16,
    process: Option<Supervised>,
}

impl Redis {
    /// The one that all tests of this process share; whoever uses it takes a prefix that is
    /// [unique](crate::unique).
    pub fn shared() -> Option<&'static Self> {
        static SHARED: OnceLock<Option<Redis>> = OnceLock::new();
        SHARED
            .get_or_init(|| match std::env::var("CALLFS_TEST_REDIS_URL") {
                Ok(url) => Some(Self { url, own: None }),
                Err(_) => Self::own(),
            })
            .as_ref()
    }

    /// One of one's own, which can be stopped. What it holds is there when it is started again.
    pub fn own() -> Option<Self> {
        let Some(binary) = program("redis-server", &[]).or_else(|| program("valkey-server", &[]))
        else {
            skip("there is no redis-server: install it, or set CALLFS_TEST_REDIS_URL");
            return None;
        };
        let folder = tempfile::Builder::new()
            .prefix("callfs-test-redis-")
            .tempdir()
            .expect("a folder")
            .keep();
        let port = free_port();
        let mut redis = Self {
            url: format!("redis://127.0.0.1:{port}/"),
            own: Some(Own {
                binary,
                folder,
                port,
                process: None,
            }),
        };
        redis.start();
        Some(redis)
    }

    /// Where it is.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Starts one of one's own that was stopped, at the same address.
    pub fn start(&mut self) {
        self.start_with(&[]);
    }

    /// The same as a replica, which refuses all changes. Its primary is not there.
    pub fn start_read_only(&mut self) {
        let primary = free_port().to_string();
        self.start_with(&["--replicaof", "127.0.0.1", &primary]);
    }

    fn start_with(&mut self, further: &[&str]) {
        let Some(Own {
            binary,
            folder,
            port,
            process,
        }) = &mut self.own
        else {
            return;
        };
        let dir = folder.display().to_string();
        let number = port.to_string();
        let command = [
            &*binary.display().to_string(),
            "--bind",
            "127.0.0.1",
            "--port",
            &number,
            "--dir",
            &dir,
        ]
        .into_iter()
        .chain(["--appendonly", "yes", "--save", "", "--daemonize", "no"])
        .chain(further.iter().copied())
        .map(str::to_owned)
        .collect::<Vec<_>>();
        let command: Vec<&str> = command.iter().map(String::as_str).collect();
        *process = Some(Supervised::start(folder, "KILL", &command));
        let port = *port;
        eventually("redis-server", || answers(port).unwrap_or(false));
    }

    /// kill -9.
    pub fn stop(&mut self) {
        if let Some(process) = self.own.as_mut().and_then(|own| own.process.take()) {
            process.stop();
        }
    }
}

fn answers(port: u16) -> std::io::Result<bool> {
    let mut stream = TcpStream::connect((Ipv4Addr::LOCALHOST, port))?;
    stream.write_all(b"PING\r\n")?;
    let mut answer = [0; 5];
    stream.read_exact(&mut answer)?;
    Ok(answer == *b"+PONG")
}
