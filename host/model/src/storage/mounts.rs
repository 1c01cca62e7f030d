//! Which backend owns a path: the mount with the longest matching prefix.

use std::sync::Arc;

use super::Storage;
use crate::path::FilePath;
use crate::reloadable::Reloadable;

/// A backend and where it is mounted.
#[derive(Clone)]
pub struct Mount {
    /// Where it is mounted.
    pub path: FilePath,
    /// What serves it.
    pub storage: Reloadable<dyn Storage>,
}

impl Mount {
    /// A backend at a path.
    pub fn new(path: FilePath, storage: Arc<dyn Storage>) -> Self {
        Self {
            path,
            storage: Reloadable::new(storage),
        }
    }

    /// The backend as it is now: whoever does several things with it that must fit together does
    /// them with this one.
    pub fn storage(&self) -> Arc<dyn Storage> {
        self.storage.current()
    }
}

/// All mounts.
#[derive(Clone, Default)]
pub struct Mounts {
    /// Longest path first.
    mounts: Vec<Mount>,
}

impl Mounts {
    /// Mounts whose paths are all different.
    pub fn new(mut mounts: Vec<Mount>) -> Self {
        mounts.sort_by(|a, b| {
            b.path
                .depth()
                .cmp(&a.path.depth())
                .then_with(|| a.path.cmp(&b.path))
        });
        Self { mounts }
    }

    /// All of them, the deepest first.
    pub fn iter(&self) -> impl Iterator<Item = &Mount> {
        self.mounts.iter()
    }

    /// The mount that owns a path, and the rest of the path below it.
    pub fn owner<'a, 'b>(&'a self, path: &'b FilePath) -> Option<(&'a Mount, &'b str)> {
        self.mounts
            .iter()
            .find_map(|mount| path.below(&mount.path).map(|rest| (mount, rest)))
    }

    /// Names in a directory that exist because something is mounted there or further down, sorted,
    /// each once.
    pub fn names_in(&self, directory: &FilePath) -> Vec<&str> {
        let below = self
            .mounts
            .iter()
            .filter_map(|mount| mount.path.below(directory));
        let mut names: Vec<&str> = below
            .filter_map(|rest| rest.split('/').next())
            .filter(|name| !name.is_empty())
            .collect();
        names.sort_unstable();
        names.dedup();
        names
    }

    /// Whether something is mounted at this path or further down.
    pub fn any_within(&self, path: &FilePath) -> bool {
        self.mounts.iter().any(|mount| mount.path.is_within(path))
    }
}
