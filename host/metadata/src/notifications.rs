//! What is heard of a store that several processes change: the reason why each may remember what it
//! read.
//!
//! A store that is shared tells of every change that is committed, whoever makes it, and how recent
//! its notifications are. As long as they are no older than [`STALE_AT_MOST`], what was read and
//! not changed since is at most that old; else nothing is remembered until they are again. It knows
//! nothing of how a store comes by its notifications.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use callfs_model::metadata::{Change, Intent};
use callfs_model::path::FilePath;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use super::cached::Stamps;

/// How old an answer from memory can be, compared with what another process has committed.
pub const STALE_AT_MOST: Duration = Duration::from_secs(2);
/// How often a store makes sure that its notifications are recent.
pub(super) const HEARTBEAT: Duration = Duration::from_millis(500);

/// More paths than this in one piece of notifications are told as a tree.
const MANY: usize = 64;

/// What was changed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Touched {
    /// Records of these.
    pub paths: Vec<FilePath>,
    /// Records of whole trees, which may be any.
    pub trees: bool,
    /// What is stored and does not exist, or is about to move.
    #[serde(rename = "discards")]
    pub tombstones: bool,
}

/// News of one store.
pub struct Notifications {
    stamps: Arc<Stamps>,
    started: Instant,
    /// Milliseconds after the start: everything that was committed before has been told. 0 if
    /// nobody ever said.
    heard: AtomicU64,
    tombstones: watch::Sender<u64>,
}

impl Touched {
    /// Everything there is.
    pub fn everything() -> Self {
        Self {
            paths: Vec::new(),
            trees: true,
            tombstones: true,
        }
    }

    /// What changes change.
    pub fn of<'a>(changes: impl IntoIterator<Item = &'a Change>) -> Self {
        let mut touched = Self::default();
        for change in changes {
            match change {
                Change::Put(record) => touched.paths.push(record.path.clone()),
                Change::Remove(path) => touched.paths.push(path.clone()),
                Change::RemoveTree(_) | Change::Rename { .. } | Change::Exchange { .. } => {
                    touched.trees = true
                }
                // Which intent it was is not said.
                Change::Begin(
                    _,
                    Intent::Tombstone { .. } | Intent::Rename { .. } | Intent::Exchange { .. },
                ) => touched.tombstones = true,
                Change::End(_) => touched.tombstones = true,
                Change::Begin(..) | Change::Expect { .. } | Change::Under(_) | Change::Fence(_) => {
                }
            }
        }
        touched.trees |= touched.paths.len() > MANY;
        if touched.trees {
            touched.paths.clear();
        }
        touched
    }

    /// Whether that is nothing.
    pub fn is_empty(&self) -> bool {
        self.paths.is_empty() && !self.trees && !self.tombstones
    }
}

impl Notifications {
    /// A notifications from which nothing was heard yet.
    pub fn new() -> Self {
        let stamps = Arc::new(Stamps::new());
        Self {
            stamps,
            started: Instant::now(),
            heard: AtomicU64::new(0),
            tombstones: watch::Sender::new(0),
        }
    }

    /// Something was committed.
    pub(super) fn changed(&self, touched: &Touched) {
        self.stamps.void(touched);
        if touched.tombstones {
            self.tombstones
                .send_modify(|notifications| *notifications += 1);
        }
    }

    /// Everything that was committed before `then` has been told. Whoever lost notifications tells
    /// of [everything](Touched::everything) before.
    pub(super) fn current(&self, then: Instant) {
        let heard = u64::try_from(then.saturating_duration_since(self.started).as_millis())
            .unwrap_or(u64::MAX);
        self.heard.fetch_max(heard.max(1), Ordering::SeqCst);
    }

    /// Whether what is remembered is recent enough.
    pub fn is_recent(&self) -> bool {
        let heard = self.heard.load(Ordering::SeqCst);
        heard != 0
            && self
                .started
                .elapsed()
                .saturating_sub(Duration::from_millis(heard))
                <= STALE_AT_MOST
    }

    /// Counts notifications of what is stored and does not exist.
    pub fn tombstones(&self) -> watch::Receiver<u64> {
        self.tombstones.subscribe()
    }

    pub(super) fn stamps(&self) -> &Arc<Stamps> {
        &self.stamps
    }
}

impl Default for Notifications {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::suite::{path, record};

    #[test]
    fn says_what_changes_change() {
        let put = |text: &str| Change::Put(record(text, "alice"));
        let touched = Touched::of(&[
            put("/a"),
            Change::Remove(path("/b")),
            Change::Under([0; 16]),
        ]);
        assert_eq!(
            touched,
            Touched {
                paths: vec![path("/a"), path("/b")],
                ..Touched::default()
            }
        );
        let tree = Touched {
            trees: true,
            ..Touched::default()
        };
        assert_eq!(
            Touched::of(&[put("/a"), Change::RemoveTree(path("/b"))]),
            tree
        );
        let many: Vec<Change> = (0..1000).map(|n| put(&format!("/{n}"))).collect();
        assert_eq!(Touched::of(&many), tree);
        assert!(
            Touched::of(&[Change::Begin(
                [0; 16],
                Intent::Reconcile { path: path("/a") }
            )])
            .is_empty()
        );
        assert!(Touched::of(&[Change::End([0; 16])]).tombstones);
    }

    #[test]
    fn is_recent_for_a_while() {
        let notifications = Notifications::new();
        assert!(!notifications.is_recent(), "nothing was heard yet");
        notifications.current(Instant::now());
        assert!(notifications.is_recent());
        let old = Notifications {
            started: Instant::now() - 2 * STALE_AT_MOST,
            ..Notifications::new()
        };
        old.current(old.started + STALE_AT_MOST / 2);
        assert!(!old.is_recent());
        old.current(Instant::now());
        old.current(old.started);
        assert!(old.is_recent(), "what is late takes nothing back");
    }
}
