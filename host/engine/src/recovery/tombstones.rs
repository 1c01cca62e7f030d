//! What is stored and does not exist: the half of a copy that is being built, and what a move left
//! behind.
//!
//! The metadata store holds each as an intent, and this is the memory of them that every way of
//! looking at a path asks. A change is made in the metadata store first and here after, several
//! together in one step. Whoever looks takes a [`View`] before and asks after whether it still
//! holds for what was looked at. It knows nothing of storage.

mod clearing;
mod following;
mod moves;
mod removal;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use callfs_model::metadata::IntentId;
use callfs_model::path::FilePath;
use tokio::sync::Notify;

pub(crate) use self::clearing::{LEFT, Recorded};
use self::following::Looks;
pub(crate) use self::moves::MoveInFlight;

/// How many changes are remembered; whoever looked longer ago than that looks again.
const REMEMBERED: usize = 256;
/// The bit of the state that says whether there are any; the others count changes.
const ANY: u64 = 1;

/// What does not exist although it is stored, and what is being moved. One that is new is empty.
#[derive(Default)]
pub struct Tombstones {
    /// How often the set changed, and whether anything is in it: all that most readers need.
    state: AtomicU64,
    set: RwLock<Arc<Set>>,
    /// Something was abandoned.
    pub(crate) abandoned: Notify,
    /// Whether others change the metadata store, too.
    shared: bool,
    looks: Looks,
}

#[derive(Default, Clone)]
struct Set {
    version: u64,
    tombstones: Vec<Tombstone>,
    moves: Vec<MoveInFlight>,
    /// The latest changes: which version each made, and where.
    changes: VecDeque<(u64, FilePath)>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Tombstone {
    pub(crate) id: IntentId,
    pub(crate) path: FilePath,
    /// Only what is below the path, which is a directory and stays.
    pub(crate) inside: bool,
    /// Nobody works on it: whoever can is to remove it.
    pub(crate) abandoned: bool,
}

/// Which of them there were at one moment.
#[derive(Clone)]
pub(crate) struct View {
    version: u64,
    set: Option<Arc<Set>>,
}

/// A tombstone that somebody works on. One that is still there when this is dropped is abandoned.
pub(crate) struct HeldTombstone<'a> {
    tombstones: &'a Tombstones,
    id: IntentId,
}

impl Tombstone {
    fn hides(&self, path: &FilePath) -> bool {
        path.is_within(&self.path) && !(self.inside && *path == self.path)
    }
}

impl View {
    /// Whether a path did not exist, whatever is stored there.
    pub(crate) fn hides(&self, path: &FilePath) -> bool {
        self.set
            .as_ref()
            .is_some_and(|set| set.tombstones.iter().any(|tombstone| tombstone.hides(path)))
    }

    /// Whether nothing was hidden or moving anywhere.
    pub(crate) fn is_quiet(&self) -> bool {
        self.set.is_none()
    }

    /// How many tombstones there were.
    pub(crate) fn len(&self) -> usize {
        self.set.as_ref().map_or(0, |set| set.tombstones.len())
    }
}

impl Tombstones {
    /// The same of a metadata store that other processes change, too: whoever locks something asks
    /// it again, and somebody has to [follow](crate::Engine::follow) it.
    pub fn shared() -> Self {
        Self {
            shared: true,
            ..Self::default()
        }
    }

    pub(crate) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Those that there are now. While there are none, which is nearly always, it takes no lock.
    pub(crate) fn view(&self) -> View {
        let state = self.state.load(Ordering::SeqCst);
        if state & ANY == 0 {
            return View {
                version: state >> 1,
                set: None,
            };
        }
        let set = self.read();
        View {
            version: set.version,
            set: Some(set),
        }
    }

    /// Whether none began or ended since, neither at or above a path nor below it. Where it did,
    /// what was looked at in between may be half of one state and half of another.
    pub(crate) fn still(&self, view: &View, path: &FilePath) -> bool {
        if self.state.load(Ordering::SeqCst) >> 1 == view.version {
            return true;
        }
        let set = self.read();
        let mut since = set
            .changes
            .iter()
            .filter(|(version, _)| *version > view.version);
        let oldest = set.changes.front().map_or(0, |(version, _)| *version);
        let remembered = set.changes.len() < REMEMBERED || oldest <= view.version;
        let related = |at: &FilePath| at.is_within(path) || path.is_within(at);
        remembered && !since.any(|(_, at)| related(at))
    }

    /// Adds one that the metadata store has, and holds it.
    pub(crate) fn hold(&self, id: IntentId, path: FilePath, inside: bool) -> HeldTombstone<'_> {
        self.put(Tombstone {
            id,
            path,
            inside,
            abandoned: false,
        });
        HeldTombstone {
            tombstones: self,
            id,
        }
    }

    /// Adds one, in the place of whatever has its id.
    pub(crate) fn put(&self, tombstone: Tombstone) {
        self.change(|tombstones| {
            self.looks.touch(tombstone.id);
            let mut changed = take(tombstones, tombstone.id);
            changed.push(tombstone.path.clone());
            tombstones.push(tombstone);
            changed
        });
    }

    /// Takes one away: it was removed, or exists from now on.
    pub(crate) fn forget(&self, id: IntentId) {
        self.change(|tombstones| {
            self.looks.touch(id);
            take(tombstones, id)
        });
    }

    /// Those at a path or below it.
    pub(crate) fn within(&self, path: &FilePath) -> Vec<Tombstone> {
        self.all()
            .into_iter()
            .filter(|tombstone| tombstone.path.is_within(path))
            .collect()
    }

    /// Those that nobody works on.
    pub(crate) fn left(&self) -> Vec<Tombstone> {
        self.all()
            .into_iter()
            .filter(|tombstone| tombstone.abandoned)
            .collect()
    }

    fn all(&self) -> Vec<Tombstone> {
        self.view()
            .set
            .map_or_else(Vec::new, |set| set.tombstones.clone())
    }

    fn read(&self) -> Arc<Set> {
        self.set
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// One step for whoever looks; `change` answers which paths it is about.
    fn change(&self, change: impl FnOnce(&mut Vec<Tombstone>) -> Vec<FilePath>) {
        self.change_set(|set| change(&mut set.tombstones));
    }

    /// The same of the moves in flight, too.
    fn change_set(&self, change: impl FnOnce(&mut Set) -> Vec<FilePath>) {
        let mut current = self.set.write().unwrap_or_else(PoisonError::into_inner);
        let mut set = Set::clone(&current);
        let changed = change(&mut set);
        if changed.is_empty() {
            return;
        }
        set.version += 1;
        set.changes
            .extend(changed.into_iter().map(|path| (set.version, path)));
        while set.changes.len() > REMEMBERED {
            set.changes.pop_front();
        }
        let none = set.tombstones.is_empty() && set.moves.is_empty();
        let any = if none { 0 } else { ANY };
        let state = set.version << 1 | any;
        *current = Arc::new(set);
        self.state.store(state, Ordering::SeqCst);
    }
}

/// Takes all of one id out; answers where they were.
fn take(tombstones: &mut Vec<Tombstone>, id: IntentId) -> Vec<FilePath> {
    tombstones
        .extract_if(.., |tombstone| tombstone.id == id)
        .map(|tombstone| tombstone.path)
        .collect()
}

impl HeldTombstone<'_> {
    pub(crate) fn id(&self) -> IntentId {
        self.id
    }

    /// It is about another path from now on: what was hidden exists, and what was there does not.
    pub(crate) fn becomes(&self, path: FilePath) {
        self.tombstones.put(Tombstone {
            id: self.id,
            path,
            inside: false,
            abandoned: false,
        });
    }

    /// Nobody knows whether it has become one about another path: neither exists until the metadata
    /// store says.
    pub(crate) fn may_have_become(&self, path: FilePath) {
        let id = self.id;
        self.tombstones.change(|tombstones| {
            self.tombstones.looks.touch(id);
            tombstones.push(Tombstone {
                id,
                path: path.clone(),
                inside: false,
                abandoned: false,
            });
            vec![path]
        });
    }

    /// It has ended: what was hidden exists.
    pub(crate) fn end(self) {
        self.tombstones.forget(self.id);
    }
}

impl Drop for HeldTombstone<'_> {
    fn drop(&mut self) {
        let mut left = false;
        let id = self.id;
        let mut current = self
            .tombstones
            .set
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        if current
            .tombstones
            .iter()
            .any(|tombstone| tombstone.id == id)
        {
            // Nothing changes for whoever looks.
            let mut set = Set::clone(&current);
            set.tombstones
                .iter_mut()
                .filter(|tombstone| tombstone.id == id)
                .for_each(|tombstone| tombstone.abandoned = true);
            self.tombstones.looks.touch(id);
            *current = Arc::new(set);
            left = true;
        }
        drop(current);
        if left {
            self.tombstones.abandoned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
