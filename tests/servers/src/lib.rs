//! Real servers for tests: those that `CALLFS_TEST_POSTGRES_URL` and `CALLFS_TEST_REDIS_URL` name,
//! or throwaway ones of what is installed here. Each ends with the process that started it, however
//! that ends.
//!
//! Where neither is to be had, a test is skipped and says so; with `CALLFS_TEST_FORBID_SKIP` it
//! fails instead.

mod postgres;
mod redis;
mod supervised;

use std::io::Write;
use std::net::{Ipv4Addr, TcpListener};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant, SystemTime};

pub use postgres::Postgres;
pub use redis::Redis;

/// How long a server may take to start.
const DEADLINE: Duration = Duration::from_secs(60);

/// Says that something is missing, so that a test checks nothing.
fn skip(what: &str) {
    let forbidden = std::env::var_os("CALLFS_TEST_FORBID_SKIP").is_some_and(|set| set == "1");
    assert!(!forbidden, "{what}; CALLFS_TEST_FORBID_SKIP is set");
    // Not by a macro, whose output is kept from whoever runs tests that pass.
    let _ = writeln!(std::io::stderr(), "not tested: {what}");
}

/// A name that nobody else has: fit for a database and for the prefix of keys.
pub fn unique() -> String {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let now = SystemTime::now()
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_micros();
    format!(
        "callfs_test_{now:x}_{:x}_{:x}",
        std::process::id(),
        NUMBER.fetch_add(1, Ordering::Relaxed)
    )
}

/// A port that nobody listens on.
pub fn free_port() -> u16 {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("a port");
    listener.local_addr().expect("bound").port()
}

/// Waits until a server answers.
fn eventually(what: &str, mut answers: impl FnMut() -> bool) {
    let start = Instant::now();
    while !answers() {
        assert!(
            start.elapsed() < DEADLINE,
            "{what} did not answer within {DEADLINE:?}"
        );
        std::thread::sleep(Duration::from_millis(20));
    }
}

/// A program on the `PATH`, or in one of these folders.
fn program(name: &str, folders: &[PathBuf]) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let candidates = std::env::split_paths(&path)
        .chain(folders.iter().cloned())
        .map(|folder| folder.join(name));
    candidates.into_iter().find(|file| file.is_file())
}
