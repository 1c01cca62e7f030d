//! What became of a directory while its names are listed.
//!
//! A storage that does not find a directory says nothing of its names, so an empty answer is taken
//! for an empty directory only where a look of its own shows that the directory is still there.

use callfs_model::error::Result;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use crate::Engine;

/// A directory whose names are listed.
#[derive(Debug, Clone)]
pub(crate) struct ListedDirectory {
    pub(crate) path: FilePath,
    /// Its name, where its storage gives it one: another directory at the path has another.
    pub(crate) object: Option<String>,
}

/// What is at the path of a directory that was listed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DirectoryPresence {
    /// The directory, whose storage may have nothing of it: a mount, a record or an object with its
    /// name makes it exist.
    Bare,
    /// The directory, as its storage has it.
    InPlace,
    /// Nothing, or something that is no directory.
    Gone,
    /// Another directory.
    Replaced,
}

impl Engine {
    /// What is there now.
    pub(crate) async fn presence(&self, listed: &ListedDirectory) -> Result<DirectoryPresence> {
        let ListedDirectory { path, object } = listed;
        if path.is_root() || self.mounts.any_within(path) {
            return Ok(DirectoryPresence::Bare);
        }
        let implied = self.is_implied(path);
        if implied && self.is_recorded_directory(path).await? {
            return Ok(DirectoryPresence::Bare);
        }
        let sought = self.look_with_records(path).await?;
        let directory = sought
            .seen
            .filter(|seen| seen.attributes.kind == EntryKind::Directory);
        let Some(seen) = directory else {
            return Ok(DirectoryPresence::Gone);
        };
        if implied || seen.bare {
            return Ok(DirectoryPresence::Bare);
        }
        let is_another = object.is_some()
            && seen.attributes.object.is_some()
            && *object != seen.attributes.object;
        Ok(if is_another {
            DirectoryPresence::Replaced
        } else {
            DirectoryPresence::InPlace
        })
    }

    /// Whether there is no doubt that a directory is recorded at a path.
    async fn is_recorded_directory(&self, path: &FilePath) -> Result<bool> {
        let view = self.tombstones.view();
        let recorded = self.records_at(&view, path).await?.of_directory().is_some();
        Ok(recorded && !view.hides(path) && self.tombstones.still(&view, path))
    }
}
