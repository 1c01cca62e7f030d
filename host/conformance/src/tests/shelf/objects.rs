//! What a shelf names its objects by.

use callfs_model::storage::{Attributes, EntryKind};

use super::{Shelf, Sin};

impl Shelf {
    /// One that no object has.
    pub(super) fn number(&self) -> u64 {
        let mut state = self.state();
        let used_again = if self.sins(Sin::ReusesObject) {
            state.free.pop()
        } else {
            None
        };
        used_again.unwrap_or_else(|| {
            state.named += 1;
            state.named
        })
    }

    pub(super) fn name_of(&self, number: u64) -> Option<String> {
        let length = if self.sins(Sin::NamesAtLength) {
            65
        } else {
            64
        };
        (number > 0).then(|| format!("{number:0length$}"))
    }

    /// What is known of an upload before it is published.
    pub(super) fn announced(&self, number: u64, size: u64) -> Attributes {
        let number = if self.sins(Sin::AnnouncesAnother) {
            number + 1
        } else {
            number
        };
        Attributes {
            kind: EntryKind::File,
            size,
            etag: None,
            modified: None,
            mode: None,
            keeps_mode: false,
            content_type: None,
            content_encoding: None,
            object: self.name_of(number),
            changed: None,
        }
    }

    /// Names what is at a path as if it were another object.
    pub(super) fn rename_object(&self, path: &str) {
        let number = self.number();
        if let Some(object) = self.state().objects.get_mut(&self.key(path)) {
            object.number = number;
        }
    }
}
