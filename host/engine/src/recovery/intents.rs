//! What this process begins, and what was interrupted and is still to be healed.
//!
//! Every intent of one process has a name with the same beginning, so that what this one works on
//! is told apart from what others do. Of the interrupted ones, moves and reconciliations are kept
//! here until somebody heals them; tombstones are kept with the [others](crate::Tombstones). It
//! knows nothing of the metadata store.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use callfs_model::error::{Error, Result};
use callfs_model::metadata::{Change, Intent, IntentId};
use callfs_model::path::FilePath;
use tokio::sync::Notify;

/// How long a storage that did not answer may still carry out what it was asked.
const DOUBT: Duration = Duration::from_secs(30);

/// The intents of one process. One that is new is empty.
#[derive(Default)]
pub struct Intents {
    /// How all of their names begin.
    own: OnceLock<[u8; 8]>,
    begun: AtomicU64,
    left: Mutex<Vec<Interrupted>>,
    /// Something was left.
    pub(crate) news: Notify,
}

/// One that was begun, and that nobody works on as far as is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Interrupted {
    pub(crate) id: IntentId,
    pub(crate) intent: Intent,
    /// Since when; none if whoever began it is no more.
    pub(crate) since: Option<Instant>,
}

/// An intent that somebody works on. One that has not ended when this is dropped was interrupted.
pub(crate) struct Begun<'a> {
    intents: &'a Intents,
    id: IntentId,
    intent: Option<Intent>,
}

impl Interrupted {
    /// What is to be locked by whoever heals it.
    pub(crate) fn paths(&self) -> Vec<FilePath> {
        match &self.intent {
            Intent::Rename { from, to } => vec![from.clone(), to.clone()],
            Intent::Exchange { one, other, .. } => vec![one.clone(), other.clone()],
            Intent::Tombstone { path, .. }
            | Intent::Reconcile { path }
            | Intent::Mounted { path, .. } => vec![path.clone()],
        }
    }

    /// Whether its storage may still do what it has not done.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.since.is_some_and(|since| since.elapsed() < DOUBT)
    }
}

impl Intents {
    /// A name that nobody else gives.
    pub(crate) fn name(&self) -> Result<IntentId> {
        let own = match self.own.get() {
            Some(own) => own,
            None => {
                let mut random = [0; 8];
                getrandom::fill(&mut random).map_err(|error| Error::internal(error.to_string()))?;
                self.own.get_or_init(|| random)
            }
        };
        let mut id = IntentId::default();
        id[..8].copy_from_slice(own);
        id[8..].copy_from_slice(&self.begun.fetch_add(1, Ordering::Relaxed).to_be_bytes());
        Ok(id)
    }

    /// Whether this process has given a name.
    pub(crate) fn is_own(&self, id: &IntentId) -> bool {
        self.own.get().is_some_and(|own| id.starts_with(own))
    }

    /// An intent that is about to begin.
    pub(crate) fn prepare(&self, intent: Intent) -> Result<Begun<'_>> {
        Ok(Begun {
            intents: self,
            id: self.name()?,
            intent: Some(intent),
        })
    }

    /// Keeps one that was interrupted.
    pub(crate) fn leave(&self, interrupted: Interrupted) {
        let mut left = self.all();
        if !left.iter().any(|one| one.id == interrupted.id) {
            left.push(interrupted);
        }
        drop(left);
        self.news.notify_one();
    }

    /// It has ended.
    pub(crate) fn forget(&self, id: &IntentId) {
        self.all().retain(|one| one.id != *id);
    }

    /// Those that were interrupted.
    pub(crate) fn left(&self) -> Vec<Interrupted> {
        self.all().clone()
    }

    /// The moves among them from or to something at, above or below these paths.
    pub(crate) fn moves_at(&self, paths: &[FilePath]) -> Vec<Interrupted> {
        let related = |at: &FilePath| {
            paths
                .iter()
                .any(|path| at.is_within(path) || path.is_within(at))
        };
        let is_move = |one: &Interrupted| {
            matches!(one.intent, Intent::Rename { .. } | Intent::Exchange { .. })
        };
        self.all()
            .iter()
            .filter(|one| is_move(one) && one.paths().iter().any(related))
            .cloned()
            .collect()
    }

    fn all(&self) -> MutexGuard<'_, Vec<Interrupted>> {
        self.left.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Begun<'_> {
    pub(crate) fn id(&self) -> IntentId {
        self.id
    }

    /// The change that begins it.
    pub(crate) fn begin(&self) -> Option<Change> {
        self.intent
            .clone()
            .map(|intent| Change::Begin(self.id, intent))
    }

    /// The metadata store has forgotten it.
    pub(crate) fn ended(mut self) {
        self.intent = None;
    }
}

impl Drop for Begun<'_> {
    fn drop(&mut self) {
        if let Some(intent) = self.intent.take() {
            self.intents.leave(Interrupted {
                id: self.id,
                intent,
                since: Some(Instant::now()),
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_told_apart() {
        let ours = Intents::default();
        let theirs = Intents::default();
        assert!(!ours.is_own(&[0; 16]), "nothing was begun yet");
        let one = ours.name();
        let two = ours.name();
        let other = theirs.name();
        let one = one.expect("random");
        let two = two.expect("random");
        let other = other.expect("random");
        assert_ne!(one, two);
        assert!(ours.is_own(&one) && ours.is_own(&two) && !ours.is_own(&other));
    }

    #[test]
    fn what_does_not_end_is_left() {
        let intents = Intents::default();
        let intent = || Intent::Reconcile {
            path: FilePath::parse("/a").expect("a good path"),
        };
        intents.prepare(intent()).expect("random").ended();
        assert_eq!(intents.left(), []);
        let begun = intents.prepare(intent()).expect("random");
        let id = begun.id();
        drop(begun);
        assert_eq!(intents.left().len(), 1);
        assert!(intents.left()[0].is_in_doubt());
        intents.forget(&id);
        assert_eq!(intents.left(), []);
    }
}
