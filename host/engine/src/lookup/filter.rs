//! Which entries of a listing a caller wants to see. It hides nothing: what may be seen is for
//! permissions to say.

use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use crate::{Glob, Info};

/// Everything, unless it says otherwise.
#[derive(Debug, Clone, Default)]
pub struct Filter {
    /// Only entries whose path below the listed directory matches.
    pub glob: Option<Glob>,
    /// Only entries of this kind.
    pub kind: Option<EntryKind>,
}

/// What matching has cost one listing so far.
#[derive(Debug, Default)]
pub struct MatchingEffort {
    /// Since other tasks had their turn.
    steps: u64,
    /// Altogether.
    total: u64,
}

/// How many steps matching goes on before other tasks have their turn: about a millisecond.
const STEPS_AT_ONCE: u64 = 100_000;
/// How many steps a page may take: about half a second.
const STEPS_A_PAGE: u64 = 50_000_000;

impl Filter {
    /// Whether an entry of a listing of `directory` is wanted. Lets other tasks run when this took
    /// long.
    pub async fn takes(
        &self,
        directory: &FilePath,
        entry: &Info,
        effort: &mut MatchingEffort,
    ) -> bool {
        if self.kind.is_some_and(|kind| entry.kind != kind) {
            return false;
        }
        let Some(glob) = &self.glob else { return true };
        let Some(path) = entry.path.below(directory) else {
            return false;
        };
        effort.spend(glob.steps(path)).await;
        glob.matches(path)
    }
}

impl MatchingEffort {
    /// Whether a page that took this much is to end.
    pub(crate) fn is_spent(&self) -> bool {
        self.total >= STEPS_A_PAGE
    }

    async fn spend(&mut self, steps: u64) {
        self.steps += steps;
        self.total += steps;
        if self.steps >= STEPS_AT_ONCE {
            self.steps = 0;
            tokio::task::yield_now().await;
        }
    }
}
