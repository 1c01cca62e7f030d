//! Pages of a directory.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use callfs_model::storage::{Attributes, DirectoryEntry};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::attributes::{attributes, file_type, look_at};
use super::clock::now;
use super::names::{Names, Snapshots};
use super::path::FolderPath;
use super::root::{FolderRoot, Follow};

/// How many directories are remembered as warned about; further ones go without a warning.
const WARNINGS: usize = 1000;

/// What listing remembers.
pub(super) struct NamesCache {
    snapshots: Snapshots,
    /// Directories (device and inode) that were warned about.
    warned: Mutex<HashSet<(u64, u64)>>,
}

impl NamesCache {
    pub(super) fn new() -> Self {
        Self {
            snapshots: Snapshots::new(),
            warned: Mutex::default(),
        }
    }

    /// At most `limit` entries of a directory in byte order of their names, those after the name
    /// `after`.
    pub(super) fn page(
        &self,
        root: &FolderRoot,
        place: &FolderPath,
        after: Option<&str>,
        limit: usize,
    ) -> Result<Vec<DirectoryEntry>, Errno> {
        let directory = root.directory(place.as_str())?;
        let mut entries = Vec::new();
        let mut after = after.map(String::from);
        while entries.len() < limit {
            let left = limit - entries.len();
            let names = self
                .snapshots
                .names(directory.as_fd(), now(), after.as_deref(), left)?;
            if names.unspeakable > 0 {
                self.warn(directory.as_fd(), place, &names)?;
            }
            let mut following = names.after(after.as_deref());
            let mut last = None;
            for name in following.by_ref().take(left) {
                last = Some(name);
                // What vanished since the names were read is not there.
                if let Some((attributes, link)) = look(root, directory.as_fd(), place, name)? {
                    entries.push(DirectoryEntry {
                        name: name.into(),
                        attributes,
                        link,
                    });
                }
            }
            if following.next().is_none() && !names.cut {
                break;
            }
            after = last.map(String::from).or(after);
        }
        Ok(entries)
    }

    fn warn(
        &self,
        directory: BorrowedFd<'_>,
        place: &FolderPath,
        names: &Names,
    ) -> Result<(), Errno> {
        let stat = fstat(directory)?;
        let mut warned = self.warned.lock().unwrap_or_else(PoisonError::into_inner);
        if warned.len() < WARNINGS && warned.insert((stat.st_dev, stat.st_ino)) {
            let count = names.unspeakable;
            let message = "names that are not UTF-8, contain control characters or are too long \
                           are not served";
            tracing::warn!(directory = %place, count, message);
        }
        Ok(())
    }
}

/// What a name in a directory leads to, and whether it is a link; none if it vanished.
fn look(
    root: &FolderRoot,
    directory: BorrowedFd<'_>,
    place: &FolderPath,
    name: &str,
) -> Result<Option<(Attributes, bool)>, Errno> {
    let own = match look_at(directory, name) {
        Ok(stat) => stat,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    if file_type(&own) != FileType::Symlink {
        return Ok(Some((attributes(&own), false)));
    }
    // A link may lead anywhere within the folder, so it is followed from there and not from this
    // directory.
    let path = if place.as_str().is_empty() {
        name.into()
    } else {
        format!("{}/{name}", place.as_str())
    };
    let target = match root.stat(&path, Follow::Disk) {
        Ok(stat) => stat,
        Err(errno @ (Errno::MFILE | Errno::NFILE | Errno::NOMEM | Errno::IO)) => return Err(errno),
        Err(_) => own,
    };
    Ok(Some((attributes(&target), true)))
}
