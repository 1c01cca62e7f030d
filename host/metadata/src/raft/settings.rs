//! What a node is told when it starts.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use callfs_model::error::{Error, Result};
use openraft::{Config, SnapshotPolicy};

/// A node of a cluster.
#[derive(Clone)]
pub struct RaftSettings {
    /// Its name, which no other node of the cluster has.
    pub node: String,
    /// Where it listens to the others.
    pub listen: SocketAddr,
    /// Where the others reach it; none for where it listens.
    pub advertise: Option<String>,
    /// Where its log and its state are; of no other node.
    pub dir: PathBuf,
    /// Whether it begins a cluster of its own if it is part of none yet.
    pub bootstrap: bool,
    /// What the nodes know each other by.
    pub secret: Vec<u8>,
}

/// How long things take, and when the log is cut.
#[derive(Debug, Clone)]
pub(super) struct Pace {
    /// Between two heartbeats of a leader. A message between nodes may take as long, with its way
    /// to the disk.
    pub(super) heartbeat: u64,
    /// How long a node hears nothing before it wants to lead.
    pub(super) election: (u64, u64),
    /// Entries from one snapshot to the next.
    pub(super) snapshot_every: u64,
    /// Entries that are kept although a snapshot holds them, for nodes that were away for a
    /// moment.
    pub(super) keep: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            heartbeat: 300,
            election: (900, 1800),
            snapshot_every: 5_000,
            keep: 1_000,
        }
    }
}

/// Entries in one message, at most.
const ENTRIES: u64 = 64;
/// Bytes of a snapshot in one message.
const CHUNK: u64 = 1 << 20;
/// How long a node may take to put a snapshot in place.
const INSTALL: Duration = Duration::from_secs(30);

impl Pace {
    pub(super) fn config(&self) -> Result<Config> {
        let config = Config {
            cluster_name: "callfs".into(),
            heartbeat_interval: self.heartbeat,
            election_timeout_min: self.election.0,
            election_timeout_max: self.election.1,
            snapshot_policy: SnapshotPolicy::LogsSinceLast(self.snapshot_every),
            max_in_snapshot_log_to_keep: self.keep,
            replication_lag_threshold: 2 * (self.snapshot_every + self.keep),
            max_payload_entries: ENTRIES,
            snapshot_max_chunk_size: CHUNK,
            install_snapshot_timeout: INSTALL.as_millis() as u64,
            ..Config::default()
        };
        config.validate().map_err(Error::internal)
    }
}
