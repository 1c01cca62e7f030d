//! What a component was given: nothing, unless the operator says so.

use std::sync::Arc;

use callfs_egress::Gate;
use callfs_folder::Folder;

/// What a component was given.
#[derive(Clone, Default)]
pub struct Grants {
    /// Folders, each with the name under which the component opens it.
    pub directories: Vec<(String, Arc<Folder>)>,
    /// What it may reach by HTTP; none for nothing.
    pub http: Option<Arc<Gate>>,
}

impl Grants {
    /// The folder of a name.
    pub(super) fn directory(&self, name: &str) -> Option<&Arc<Folder>> {
        self.directories
            .iter()
            .find(|(granted, _)| granted == name)
            .map(|(_, folder)| folder)
    }
}
