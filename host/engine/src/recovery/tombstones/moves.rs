//! Moves in one step that have begun and not ended.
//!
//! The storage moves the objects first and the records follow, so in between an object is at its
//! new path and its record at the old one. Whoever looks at or below the new path meanwhile asks
//! for both records; of an exchange, both paths are new ones. They are kept with the tombstones, so
//! that a look is repeated when a move that concerns it begins or ends, and so that looks cost the
//! same while there are none.

use callfs_model::metadata::{Intent, IntentId};
use callfs_model::path::FilePath;

use super::{Set, Tombstones, View};

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct MoveInFlight {
    pub(crate) id: IntentId,
    pub(crate) from: FilePath,
    pub(crate) to: FilePath,
    /// What is at `to` moves to `from` in the same step.
    pub(crate) is_exchange: bool,
}

impl MoveInFlight {
    pub(crate) fn new(id: IntentId, from: &FilePath, to: &FilePath) -> Self {
        Self {
            id,
            from: from.clone(),
            to: to.clone(),
            is_exchange: false,
        }
    }

    /// Two paths that change places.
    pub(crate) fn exchange(id: IntentId, one: &FilePath, other: &FilePath) -> Self {
        Self {
            is_exchange: true,
            ..Self::new(id, one, other)
        }
    }

    /// What an intent moves, if it does.
    pub(crate) fn of(id: IntentId, intent: &Intent) -> Option<Self> {
        match intent {
            Intent::Rename { from, to } => Some(Self::new(id, from, to)),
            Intent::Exchange { one, other, .. } => Some(Self::exchange(id, one, other)),
            Intent::Tombstone { .. } | Intent::Reconcile { .. } | Intent::Mounted { .. } => None,
        }
    }

    /// Where what is at a path came from, if it came with this.
    fn origin(&self, path: &FilePath) -> Option<FilePath> {
        let arrived = path.moved(&self.to, &self.from);
        let back = || {
            path.moved(&self.from, &self.to)
                .filter(|_| self.is_exchange)
        };
        arrived.or_else(back)?.ok()
    }
}

impl View {
    /// Whether anything arrives at, above or below a path.
    pub(crate) fn moves_near(&self, path: &FilePath) -> bool {
        let related = |at: &FilePath| at.is_within(path) || path.is_within(at);
        let near = |one: &MoveInFlight| related(&one.to) || (one.is_exchange && related(&one.from));
        self.set
            .as_ref()
            .is_some_and(|set| set.moves.iter().any(near))
    }

    /// Whether a path, or a directory on the way to it, is being moved away.
    pub(crate) fn departs(&self, path: &FilePath) -> bool {
        let departs = |one: &MoveInFlight| path.is_within(&one.from);
        self.set
            .as_ref()
            .is_some_and(|set| set.moves.iter().any(departs))
    }

    /// The move that may have brought what is at a path, and where it came from.
    pub(crate) fn arrival(&self, path: &FilePath) -> Option<(&MoveInFlight, FilePath)> {
        let moves = &self.set.as_ref()?.moves;
        // One that is left may be at the same path as one that began later.
        moves
            .iter()
            .rev()
            .find_map(|one| one.origin(path).map(|origin| (one, origin)))
    }
}

impl Tombstones {
    /// A move is about to be made.
    pub(crate) fn begin_move(&self, one: MoveInFlight) {
        self.change_set(|set| {
            self.looks.touch(one.id);
            let known = set.moves.iter().any(|known| known.id == one.id);
            if known {
                return Vec::new();
            }
            let changed = vec![one.from.clone(), one.to.clone()];
            set.moves.push(one);
            changed
        });
    }

    /// Its records are where its objects are.
    pub(crate) fn end_move(&self, id: IntentId) {
        self.change_set(|set| {
            self.looks.touch(id);
            take_moves(set, |one| one.id == id)
        });
    }
}

/// Takes moves out; answers which paths they are about.
pub(super) fn take_moves(set: &mut Set, goes: impl Fn(&MoveInFlight) -> bool) -> Vec<FilePath> {
    set.moves
        .extract_if(.., |one| goes(one))
        .flat_map(|one| [one.from, one.to])
        .collect()
}
