//! The real binary, its configuration, the people who use it, and a deadline for whatever takes a
//! moment.
//!
//! Nothing here waits by sleeping for a guessed time: [`eventually`] asks again until a condition
//! holds.

mod browser;
mod client;
mod data;
pub(crate) mod dav;
mod garage;
mod gateway;
pub(crate) mod link;
mod metrics;
mod process;
mod raw;
mod reload;
mod s3;
mod setup;
mod store;
mod tls;
mod tools;
mod upstream;

use std::time::{Duration, Instant};

pub(crate) use browser::Browser;
pub(crate) use client::{Call, Client, Reply, encode};
pub(crate) use data::{Generated, bytes, sha256_hex};
pub(crate) use garage::Garage;
pub(crate) use gateway::{Gateway, command};
pub(crate) use metrics::Metrics;
pub(crate) use process::Process;
pub(crate) use raw::{Raw, RawReply};
pub(crate) use reload::{built_in, edited, marked};
pub(crate) use s3::S3;
pub(crate) use setup::{ADMIN_KEY, ALICE_KEY, BOB_KEY, Mount, Setup};
pub(crate) use store::{Store, on_every_store, postgres, raft, redis, shared_locks};
pub(crate) use tls::Tls;
pub(crate) use tools::{killed_midway, repository, skip, succeeds, tool};
pub(crate) use upstream::{Upstream, spelled};

/// How long anything may take that should take a moment. Generous, because test machines are busy.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(10);

/// Waits until a question is answered, and answers it; fails, naming `what`, when the deadline is
/// over.
#[track_caller]
pub(crate) fn eventually_now<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "still waiting after {DEADLINE:?}: {what}"
        );
        std::thread::sleep(ASK_AGAIN);
    }
}

/// Waits until a question is answered, and answers it; fails, naming `what`, when the deadline is
/// over.
pub(crate) async fn eventually<T>(what: &str, mut ask: impl AsyncFnMut() -> Option<T>) -> T {
    let start = Instant::now();
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(
            start.elapsed() < DEADLINE,
            "still waiting after {DEADLINE:?}: {what}"
        );
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
