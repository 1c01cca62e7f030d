//! Whether everything below a directory still has a path after a move.
//!
//! A storage that renames in one step asks for no lengths, and what ends up beyond the longest path
//! could neither be reached nor removed any more; a record that cannot follow would leave its
//! object to be adopted. So both are looked at before anything moves, and only if paths become
//! longer.

use std::collections::VecDeque;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::path::{FilePath, MAX_PATH};
use callfs_model::storage::{EntryKind, Storage};

use crate::Engine;
use crate::failure::about;
use crate::lookup::path::Lookup;

/// How many names or records are fetched at a time.
const PAGE: u32 = 256;

/// A directory of the walk: how long its path is, and what of it is still to come.
struct RoomLevel {
    length: usize,
    directories: VecDeque<String>,
    after: Option<String>,
    more: bool,
}

impl Engine {
    /// Refuses a move after which something below `from` would have no path. Both are locked.
    pub(crate) async fn check_room(&self, from: &Lookup, to: &FilePath) -> Result<()> {
        let is_directory = from
            .target
            .as_ref()
            .is_some_and(|source| source.attributes.kind == EntryKind::Directory);
        if !is_directory || to.as_str().len() <= from.path.as_str().len() {
            return Ok(());
        }
        self.check_recorded(&from.path, to).await?;
        let (storage, rest) = self.backend(&from.path)?;
        check_stored(&*storage, rest, &from.path, to).await
    }

    async fn check_recorded(&self, from: &FilePath, to: &FilePath) -> Result<()> {
        let mut after = None;
        loop {
            let records = self.metadata.records(from, after.as_ref(), PAGE).await?;
            for record in &records {
                if record.path.moved(from, to).is_some_and(|to| to.is_err()) {
                    let more = to.as_str().len() - from.as_str().len();
                    return Err(too_long(from, to, record.path.as_str().len() + more));
                }
            }
            match records.last() {
                Some(last) if records.len() >= PAGE as usize => after = Some(last.path.clone()),
                _ => return Ok(()),
            }
        }
    }
}

/// What has a path today must have one afterwards; what has none stays without.
async fn check_stored(
    storage: &dyn Storage,
    rest: &str,
    from: &FilePath,
    to: &FilePath,
) -> Result<()> {
    let longer = to.as_str().len() - from.as_str().len();
    let mut path = rest.to_owned();
    // What a path of the gateway has before the path in its storage.
    let before = from.as_str().len() - rest.len();
    let mut levels = vec![RoomLevel::new(path.len())];
    while let Some(level) = levels.last_mut() {
        path.truncate(level.length);
        if let Some(name) = level.directories.pop_front() {
            path.push('/');
            path.push_str(&name);
            levels.push(RoomLevel::new(path.len()));
            continue;
        }
        if !level.more {
            levels.pop();
            continue;
        }
        let page = match storage.list(&path, level.after.as_deref(), PAGE).await {
            Ok(page) => page,
            // Another program took it away, or the storage may not look into it and so serves
            // nothing of it.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::NotFound | ErrorKind::NotADirectory | ErrorKind::PermissionDenied
                ) =>
            {
                level.more = false;
                continue;
            }
            Err(error) => return Err(about(from, error)),
        };
        level.after = page.entries.last().map(|entry| entry.name.clone());
        level.more = page.more && level.after.is_some();
        for entry in page.entries {
            let length = before + path.len() + 1 + entry.name.len();
            if length > MAX_PATH {
                continue;
            }
            if length + longer > MAX_PATH {
                return Err(too_long(from, to, length + longer));
            }
            if entry.attributes.kind == EntryKind::Directory && !entry.link {
                level.directories.push_back(entry.name);
            }
        }
    }
    Ok(())
}

impl RoomLevel {
    fn new(length: usize) -> Self {
        Self {
            length,
            directories: VecDeque::new(),
            after: None,
            more: true,
        }
    }
}

/// The error names no path below the directory, which the caller may not be allowed to reach.
pub(crate) fn too_long(from: &FilePath, to: &FilePath, length: usize) -> Error {
    let message = format!(
        "'{from}' does not fit at '{to}': something in it would get a path of {length} bytes, \
         which is longer than the {MAX_PATH} that are allowed; choose a shorter destination"
    );
    Error::new(ErrorKind::BadRequest, message)
}
