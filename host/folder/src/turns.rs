//! Whose turn it is to change a name, so that nothing of this folder comes between a condition and
//! what depends on it.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::entry::FolderEntry;

/// Names share these; two that share one wait for each other for the time of a rename.
pub(super) struct Turns([Mutex<()>; 64]);

/// Held for as long as it lives.
pub(super) struct FolderTurn<'a>(
    #[expect(dead_code, reason = "held for its Drop")] MutexGuard<'a, ()>,
    #[expect(dead_code, reason = "held for its Drop")] Option<MutexGuard<'a, ()>>,
);

impl Turns {
    pub(super) fn new() -> Self {
        Self(std::array::from_fn(|_| Mutex::default()))
    }

    /// Waits for a name.
    pub(super) fn wait(&self, target: &FolderEntry<'_>) -> FolderTurn<'_> {
        FolderTurn(self.lock(self.slot(target)), None)
    }

    /// Waits for two names.
    pub(super) fn wait_for_both(&self, a: &FolderEntry<'_>, b: &FolderEntry<'_>) -> FolderTurn<'_> {
        let a = self.slot(a);
        let b = self.slot(b);
        // Everybody takes the lower one first, so that nobody waits in a circle.
        FolderTurn(self.lock(a.min(b)), (a != b).then(|| self.lock(a.max(b))))
    }

    fn slot(&self, target: &FolderEntry<'_>) -> usize {
        let mut hasher = DefaultHasher::new();
        (target.directory_id(), target.name()).hash(&mut hasher);
        (hasher.finish() % self.0.len() as u64) as usize
    }

    fn lock(&self, slot: usize) -> MutexGuard<'_, ()> {
        self.0[slot].lock().unwrap_or_else(PoisonError::into_inner)
    }
}
