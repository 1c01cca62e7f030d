//! Pages of a directory.

use std::collections::HashSet;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};

use callfs_model::storage::{Attributes, DirectoryEntry, ListingPage};
use rustix::fs::{FileType, fstat};
use rustix::io::Errno;

use super::attributes::{attributes, file_type, look, look_at};
use super::clock::now;
use super::marker;
use super::names::{Names, Snapshots};
use super::path::FolderPath;
use super::root::{FolderRoot, Follow};

/// How many directories are remembered as warned about; further ones go without a warning.
const WARNINGS: usize = 1000;
/// How often a page is read again because one of its names vanished: it may have been renamed
/// within the directory, to a name that was not there when the names were read.
const READ_AGAIN: usize = 2;

/// What listing remembers.
pub(super) struct NamesCache {
    snapshots: Snapshots,
    /// Directories (device and inode) that were warned about.
    warned: Mutex<HashSet<(u64, u64)>>,
    /// Directories that have what gateways keep in a served folder, and were looked into.
    nested: Mutex<HashSet<(u64, u64)>>,
}

impl NamesCache {
    pub(super) fn new() -> Self {
        Self {
            snapshots: Snapshots::new(),
            warned: Mutex::default(),
            nested: Mutex::default(),
        }
    }

    /// At most `limit` entries of a directory in byte order of their names, those after the name
    /// `after`, all of the directory that the page names.
    pub(super) fn page(
        &self,
        root: &FolderRoot,
        place: &FolderPath,
        after: Option<&str>,
        limit: usize,
    ) -> Result<ListingPage, Errno> {
        let directory = root.directory(place.as_str())?;
        let mut attempts = 0;
        let entries = loop {
            let (entries, vanished) = self.entries(root, directory.as_fd(), place, after, limit)?;
            attempts += 1;
            if !vanished || attempts > READ_AGAIN {
                break entries;
            }
        };
        Ok(ListingPage {
            entries,
            more: false,
            directory: attributes(&look(directory.as_fd())?).object,
        })
    }

    /// The entries, and whether a name vanished before it was looked at.
    fn entries(
        &self,
        root: &FolderRoot,
        directory: BorrowedFd<'_>,
        place: &FolderPath,
        after: Option<&str>,
        limit: usize,
    ) -> Result<(Vec<DirectoryEntry>, bool), Errno> {
        let mut entries = Vec::new();
        let mut vanished = false;
        let mut after = after.map(String::from);
        while entries.len() < limit {
            let left = limit - entries.len();
            let names = self
                .snapshots
                .names(directory, now(), after.as_deref(), left)?;
            if names.unspeakable > 0 {
                self.warn(directory, place, &names)?;
            }
            if names.reserved && !place.as_str().is_empty() {
                self.warn_of_nested(directory, place)?;
            }
            let mut following = names.after(after.as_deref());
            let mut last = None;
            for name in following.by_ref().take(left) {
                last = Some(name);
                match look_behind(root, directory, place, name)? {
                    Some((attributes, link)) => entries.push(DirectoryEntry {
                        name: name.into(),
                        attributes,
                        link,
                    }),
                    None => vanished = true,
                }
            }
            if following.next().is_none() && !names.cut {
                break;
            }
            after = last.map(String::from).or(after);
        }
        Ok((entries, vanished))
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

    /// Says so if a directory is a served folder itself: its files have rights there, too.
    fn warn_of_nested(&self, directory: BorrowedFd<'_>, place: &FolderPath) -> Result<(), Errno> {
        let stat = fstat(directory)?;
        let mut nested = self.nested.lock().unwrap_or_else(PoisonError::into_inner);
        let is_new = nested.len() < WARNINGS && nested.insert((stat.st_dev, stat.st_ino));
        drop(nested);
        // What cannot be looked at, because another user serves it, says nothing.
        if is_new && matches!(marker::read_in(directory), Ok(Some(_))) {
            tracing::warn!(
                directory = %place,
                "a directory in a served folder is served, or was, as a folder of its own: what is \
                 closed here can be read there; serve one of both, or remove .callfs-staging in it \
                 if it is not served any more"
            );
        }
        Ok(())
    }
}

/// What a name in a directory leads to, and whether it is a link; none if it vanished.
fn look_behind(
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
        return Ok(Some((root.attributes(&own), false)));
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
    Ok(Some((root.attributes(&target), true)))
}
