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

impl Filter {
    /// Whether an entry of a listing of `directory` is wanted.
    pub fn takes(&self, directory: &FilePath, entry: &Info) -> bool {
        let matches = |glob: &Glob| {
            entry
                .path
                .below(directory)
                .is_some_and(|path| glob.matches(path))
        };
        self.kind.is_none_or(|kind| entry.kind == kind) && self.glob.as_ref().is_none_or(matches)
    }
}
