//! What is stored and does not exist: the half of a copy that is being built, and what a move left behind.
//!
//! The index holds each as an intent, and this is the memory of them that every way of looking at a path asks. A change
//! is made in the index first and here after, several together in one step. Whoever looks takes a [`View`] before and
//! asks after whether it still holds for what was looked at. It knows nothing of storage.

mod clearing;
mod following;
mod removal;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use tokio::sync::Notify;

pub(super) use self::clearing::LEFT;
use self::following::Looks;
use crate::metadata::IntentId;
use crate::path::FilePath;

/// How many changes are remembered; whoever looked longer ago than that looks again.
const REMEMBERED: usize = 256;
/// The bit of the state that says whether there are any; the others count changes.
const ANY: u64 = 1;

/// What does not exist although it is stored. One that is new is empty.
#[derive(Default)]
pub struct Discards {
    /// How often the set changed, and whether anything is in it: all that most readers need.
    state: AtomicU64,
    set: RwLock<Arc<Set>>,
    /// Something was abandoned.
    pub(super) abandoned: Notify,
    /// Whether others change the index, too.
    shared: bool,
    looks: Looks,
}

#[derive(Default, Clone)]
struct Set {
    version: u64,
    discards: Vec<Discard>,
    /// The latest changes: which version each made, and where.
    changes: VecDeque<(u64, FilePath)>,
}

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Discard {
    pub(super) id: IntentId,
    pub(super) path: FilePath,
    /// Only what is below the path, which is a directory and stays.
    pub(super) inside: bool,
    /// Nobody works on it: whoever can is to remove it.
    pub(super) abandoned: bool,
}

/// Which of them there were at one moment.
pub(super) struct View {
    version: u64,
    set: Option<Arc<Set>>,
}

/// A discard that somebody works on. One that is still there when this is dropped is abandoned.
pub(super) struct Held<'a> {
    discards: &'a Discards,
    id: IntentId,
}

impl Discard {
    fn hides(&self, path: &FilePath) -> bool {
        path.is_within(&self.path) && !(self.inside && *path == self.path)
    }
}

impl View {
    /// Whether a path did not exist, whatever is stored there.
    pub(super) fn hides(&self, path: &FilePath) -> bool {
        self.set.as_ref().is_some_and(|set| set.discards.iter().any(|discard| discard.hides(path)))
    }

    /// How many there were.
    pub(super) fn len(&self) -> usize {
        self.set.as_ref().map_or(0, |set| set.discards.len())
    }
}

impl Discards {
    /// The same of an index that other processes change, too: whoever locks something asks it again, and somebody has to
    /// [follow](super::Engine::follow) it.
    pub fn shared() -> Self {
        Self { shared: true, ..Self::default() }
    }

    pub(super) fn is_shared(&self) -> bool {
        self.shared
    }

    /// Those that there are now. While there are none, which is nearly always, it takes no lock.
    pub(super) fn view(&self) -> View {
        let state = self.state.load(Ordering::SeqCst);
        if state & ANY == 0 {
            return View { version: state >> 1, set: None };
        }
        let set = self.read();
        View { version: set.version, set: Some(set) }
    }

    /// Whether none began or ended since, neither at or above a path nor below it. Where it did, what was looked at in
    /// between may be half of one state and half of another.
    pub(super) fn still(&self, view: &View, path: &FilePath) -> bool {
        if self.state.load(Ordering::SeqCst) >> 1 == view.version {
            return true;
        }
        let set = self.read();
        let mut since = set.changes.iter().filter(|(version, _)| *version > view.version);
        let oldest = set.changes.front().map_or(0, |(version, _)| *version);
        let remembered = set.changes.len() < REMEMBERED || oldest <= view.version;
        let related = |at: &FilePath| at.is_within(path) || path.is_within(at);
        remembered && !since.any(|(_, at)| related(at))
    }

    /// Adds one that the index has, and holds it.
    pub(super) fn hold(&self, id: IntentId, path: FilePath, inside: bool) -> Held<'_> {
        self.put(Discard { id, path, inside, abandoned: false });
        Held { discards: self, id }
    }

    /// Adds one, in the place of whatever has its id.
    pub(super) fn put(&self, discard: Discard) {
        self.change(|discards| {
            self.looks.touch(discard.id);
            let mut changed = take(discards, discard.id);
            changed.push(discard.path.clone());
            discards.push(discard);
            changed
        });
    }

    /// Takes one away: it was removed, or exists from now on.
    pub(super) fn forget(&self, id: IntentId) {
        self.change(|discards| {
            self.looks.touch(id);
            take(discards, id)
        });
    }

    /// Those at a path or below it.
    pub(super) fn within(&self, path: &FilePath) -> Vec<Discard> {
        self.all().into_iter().filter(|discard| discard.path.is_within(path)).collect()
    }

    /// Those that nobody works on.
    pub(super) fn left(&self) -> Vec<Discard> {
        self.all().into_iter().filter(|discard| discard.abandoned).collect()
    }

    fn all(&self) -> Vec<Discard> {
        self.view().set.map_or_else(Vec::new, |set| set.discards.clone())
    }

    fn read(&self) -> Arc<Set> {
        self.set.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// One step for whoever looks; `change` answers which paths it is about.
    fn change(&self, change: impl FnOnce(&mut Vec<Discard>) -> Vec<FilePath>) {
        let mut current = self.set.write().unwrap_or_else(PoisonError::into_inner);
        let mut set = Set::clone(&current);
        let changed = change(&mut set.discards);
        if changed.is_empty() {
            return;
        }
        set.version += 1;
        set.changes.extend(changed.into_iter().map(|path| (set.version, path)));
        while set.changes.len() > REMEMBERED {
            set.changes.pop_front();
        }
        let any = if set.discards.is_empty() { 0 } else { ANY };
        let state = set.version << 1 | any;
        *current = Arc::new(set);
        self.state.store(state, Ordering::SeqCst);
    }
}

/// Takes all of one id out; answers where they were.
fn take(discards: &mut Vec<Discard>, id: IntentId) -> Vec<FilePath> {
    discards.extract_if(.., |discard| discard.id == id).map(|discard| discard.path).collect()
}

impl Held<'_> {
    pub(super) fn id(&self) -> IntentId {
        self.id
    }

    /// It is about another path from now on: what was hidden exists, and what was there does not.
    pub(super) fn becomes(&self, path: FilePath) {
        self.discards.put(Discard { id: self.id, path, inside: false, abandoned: false });
    }

    /// Nobody knows whether it has become one about another path: neither exists until the index says.
    pub(super) fn may_have_become(&self, path: FilePath) {
        let id = self.id;
        self.discards.change(|discards| {
            self.discards.looks.touch(id);
            discards.push(Discard { id, path: path.clone(), inside: false, abandoned: false });
            vec![path]
        });
    }

    /// It has ended: what was hidden exists.
    pub(super) fn end(self) {
        self.discards.forget(self.id);
    }
}

impl Drop for Held<'_> {
    fn drop(&mut self) {
        let mut left = false;
        let id = self.id;
        let mut current = self.discards.set.write().unwrap_or_else(PoisonError::into_inner);
        if current.discards.iter().any(|discard| discard.id == id) {
            // Nothing changes for whoever looks.
            let mut set = Set::clone(&current);
            set.discards.iter_mut().filter(|discard| discard.id == id).for_each(|discard| discard.abandoned = true);
            self.discards.looks.touch(id);
            *current = Arc::new(set);
            left = true;
        }
        drop(current);
        if left {
            self.discards.abandoned.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
