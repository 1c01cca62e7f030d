//! When a path changed last: the reason why a memory can be trusted without a lock.
//!
//! A path belongs to one of a few thousand counters, and all of them to one more, for changes of
//! whole trees. A change moves its counters when it begins and again when it ends, and marks them
//! as busy in between. What was read under a stamp holds while the counters say the same: no change
//! that touches it began since. A stamp cannot be had while a change is under way, because nobody
//! knows yet whether a read sees it.

use std::hash::{BuildHasher, RandomState};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use callfs_model::metadata::Change;
use callfs_model::path::FilePath;

use crate::Touched;

/// Paths that share a counter void each other: many enough for that to be rare.
const COUNTERS: usize = 4096;
/// The low bits of a counter tell how many changes are under way, the others how many began or
/// ended.
const BUSY: u64 = (1 << 24) - 1;
const STEP: u64 = BUSY + 1;

pub(crate) struct Stamps {
    trees: AtomicU64,
    paths: Vec<AtomicU64>,
    hasher: RandomState,
}

/// What the counters of a path said.
#[derive(Clone, Copy)]
pub(super) struct CacheStamp {
    trees: u64,
    path: u64,
    counter: usize,
}

/// Changes that have begun; they end when this is dropped.
pub(super) struct Underway {
    stamps: Arc<Stamps>,
    trees: bool,
    counters: Vec<usize>,
}

impl Stamps {
    pub(crate) fn new() -> Self {
        let paths = (0..COUNTERS).map(|_| AtomicU64::new(0)).collect();
        Self {
            trees: AtomicU64::new(0),
            paths,
            hasher: RandomState::new(),
        }
    }

    /// The stamp for what is about to be read of a path; none while it is changing.
    pub(super) fn of(&self, path: &FilePath) -> Option<CacheStamp> {
        let counter = self.counter(path);
        let stamp = CacheStamp {
            trees: self.trees.load(Ordering::SeqCst),
            path: self.paths[counter].load(Ordering::SeqCst),
            counter,
        };
        ((stamp.trees | stamp.path) & BUSY == 0).then_some(stamp)
    }

    /// Whether nothing began to change since.
    pub(super) fn is_current(&self, stamp: CacheStamp) -> bool {
        self.trees.load(Ordering::SeqCst) == stamp.trees
            && self.paths[stamp.counter].load(Ordering::SeqCst) == stamp.path
    }

    /// Begins changes: voids every stamp of what they touch.
    pub(super) fn change(stamps: &Arc<Self>, changes: &[Change]) -> Underway {
        let mut underway = Underway {
            stamps: stamps.clone(),
            trees: false,
            counters: Vec::new(),
        };
        for change in changes {
            match change {
                Change::Put(record) => underway.counters.push(stamps.counter(&record.path)),
                Change::Remove(path) => underway.counters.push(stamps.counter(path)),
                Change::RemoveTree(_) | Change::Rename { .. } | Change::Exchange { .. } => {
                    underway.trees = true
                }
                Change::Begin(..)
                | Change::End(_)
                | Change::Expect { .. }
                | Change::Under(_)
                | Change::Fence(_) => {}
            }
        }
        underway.each(|counter| counter.fetch_add(STEP + 1, Ordering::SeqCst));
        underway
    }

    /// Voids every stamp of what was changed, by whomever.
    pub(crate) fn void(&self, touched: &Touched) {
        if touched.trees {
            self.trees.fetch_add(STEP, Ordering::SeqCst);
        }
        for path in &touched.paths {
            self.paths[self.counter(path)].fetch_add(STEP, Ordering::SeqCst);
        }
    }

    fn counter(&self, path: &FilePath) -> usize {
        // The remainder is below COUNTERS, so it fits.
        (self.hasher.hash_one(path) % COUNTERS as u64) as usize
    }
}

impl Underway {
    fn each(&self, step: impl Fn(&AtomicU64) -> u64) {
        if self.trees {
            step(&self.stamps.trees);
        }
        for &counter in &self.counters {
            step(&self.stamps.paths[counter]);
        }
    }
}

impl Drop for Underway {
    fn drop(&mut self) {
        self.each(|counter| counter.fetch_add(STEP - 1, Ordering::SeqCst));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::parse(text).expect("a good path")
    }

    #[test]
    fn voids_from_the_beginning_and_again_at_the_end() {
        let stamps = Arc::new(Stamps::new());
        let before = stamps.of(&path("/a")).expect("at rest");
        assert!(stamps.is_current(before));
        let first = Stamps::change(
            &stamps,
            &[Change::Remove(path("/a")), Change::Remove(path("/a"))],
        );
        let second = Stamps::change(&stamps, &[Change::Remove(path("/a"))]);
        assert!(!stamps.is_current(before));
        drop(first);
        assert!(stamps.of(&path("/a")).is_none(), "the second is under way");
        drop(second);
        assert!(!stamps.is_current(before));
        assert!(
            stamps
                .of(&path("/a"))
                .is_some_and(|stamp| stamps.is_current(stamp))
        );
    }

    #[test]
    fn what_others_changed_is_void() {
        let stamps = Arc::new(Stamps::new());
        let before = stamps.of(&path("/a")).expect("at rest");
        stamps.void(&Touched {
            paths: vec![path("/a")],
            ..Touched::default()
        });
        assert!(!stamps.is_current(before));
        let after = stamps.of(&path("/a")).expect("at rest");
        assert!(stamps.is_current(after));
        stamps.void(&Touched::everything());
        assert!(!stamps.is_current(after) && stamps.of(&path("/a")).is_some());
    }

    #[test]
    fn a_tree_voids_everything_and_an_intent_nothing() {
        let stamps = Arc::new(Stamps::new());
        let before = stamps.of(&path("/elsewhere")).expect("at rest");
        drop(Stamps::change(&stamps, &[Change::End([0; 16])]));
        assert!(stamps.is_current(before));
        drop(Stamps::change(&stamps, &[Change::RemoveTree(path("/a"))]));
        assert!(!stamps.is_current(before));
    }
}
