//! Relative links, which lead elsewhere once they are in another directory.
//!
//! A link is followed with the permissions of its own path, so a move that aims it at something
//! else would open what is there. Within a tree that moves as a whole, links that stay inside still
//! lead to the same.

use std::ffi::{CStr, CString};
use std::os::fd::OwnedFd;

use callfs_model::error::{Error, ErrorKind, Result};
use rustix::fs::{
    FileType, Mode, OFlags, RawDir, ResolveFlags, Statx, openat, openat2, readlinkat,
};
use rustix::io::Errno;

use super::attributes::{file_type, look_at};
use super::entry::FolderEntry;
use super::path::FolderPath;

/// What is read of a directory at a time, in bytes.
const BUFFER: usize = 32 << 10;

/// A directory of the walk: how long its path within the tree is, and which directories in it are
/// still to be looked at.
struct LinkLevel {
    length: usize,
    directories: Vec<CString>,
}

/// Refuses what would lead elsewhere from another directory: a relative link, or a tree with one
/// that leaves it.
pub(super) fn refuse_re_aimed(
    source: &FolderEntry<'_>,
    place: &FolderPath,
    moved: &Statx,
) -> Result<()> {
    match file_type(moved) {
        FileType::Symlink => {
            let target = readlinkat(source.directory(), source.name(), Vec::new())
                .map_err(|errno| source.failed(errno))?;
            if target.to_bytes().starts_with(b"/") {
                return Ok(());
            }
            let message = format!(
                "{place} is a relative link, which would lead elsewhere from another directory; \
                 move it on the server"
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        FileType::Directory => {
            let Some(link) = leaving(source).map_err(|errno| source.failed(errno))? else {
                return Ok(());
            };
            // The caller may not be allowed to know what is in it.
            let link = String::from_utf8_lossy(&link);
            tracing::info!(directory = %place, %link, "a directory was not moved because it holds \
                a relative link that leaves it");
            let message = format!(
                "{place} holds a relative link that leaves it and would lead elsewhere from \
                 another directory; move it on the server"
            );
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        _ => Ok(()),
    }
}

/// The path within a tree of a relative link that leaves it, if there is one.
fn leaving(source: &FolderEntry<'_>) -> Result<Option<Vec<u8>>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let tree = match openat(source.directory(), source.name(), flags, Mode::empty()) {
        Ok(tree) => tree,
        // What this process may not look into it does not serve, wherever it is.
        Err(Errno::ACCESS) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    let mut path = b".".to_vec();
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut levels: Vec<LinkLevel> = Vec::new();
    loop {
        match openat2(&tree, path.as_slice(), flags, Mode::empty(), resolve) {
            Ok(directory) => {
                let mut directories = Vec::new();
                let depth = levels.len();
                if let Some(link) = read(&directory, depth, &mut buffer, &mut directories)? {
                    path.push(b'/');
                    path.extend_from_slice(link.as_bytes());
                    return Ok(Some(path));
                }
                levels.push(LinkLevel {
                    length: path.len(),
                    directories,
                });
            }
            // Another program took it away, no path is long enough to reach it, or nothing of it is
            // served.
            Err(
                Errno::NOENT | Errno::NOTDIR | Errno::LOOP | Errno::NAMETOOLONG | Errno::ACCESS,
            ) => {}
            Err(errno) => return Err(errno),
        }
        loop {
            let Some(level) = levels.last_mut() else {
                return Ok(None);
            };
            path.truncate(level.length);
            if let Some(name) = level.directories.pop() {
                path.push(b'/');
                path.extend_from_slice(name.as_bytes());
                break;
            }
            levels.pop();
        }
    }
}

/// Reads a directory that is so many levels below the top of the tree: notes the directories in it,
/// and answers a link that leaves the tree.
fn read(
    directory: &OwnedFd,
    depth: usize,
    buffer: &mut Vec<u8>,
    directories: &mut Vec<CString>,
) -> Result<Option<CString>, Errno> {
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        let entry = entry?;
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let kind = match entry.file_type() {
            FileType::Unknown => kind_of(directory, name)?,
            kind => kind,
        };
        match kind {
            FileType::Directory => directories.push(name.to_owned()),
            FileType::Symlink => match readlinkat(directory, name, Vec::new()) {
                Ok(target) if leaves(target.to_bytes(), depth) => return Ok(Some(name.to_owned())),
                Ok(_) | Err(Errno::NOENT | Errno::INVAL) => {}
                Err(errno) => return Err(errno),
            },
            _ => {}
        }
    }
    Ok(None)
}

/// For filesystems that do not say it with the name.
fn kind_of(directory: &OwnedFd, name: &CStr) -> Result<FileType, Errno> {
    match look_at(directory, name) {
        Ok(stat) => Ok(file_type(&stat)),
        Err(Errno::NOENT) => Ok(FileType::Unknown),
        Err(errno) => Err(errno),
    }
}

/// Whether a link in a directory so many levels below the top of a tree may lead out of it. What
/// goes up after it went down depends on further links.
fn leaves(target: &[u8], depth: usize) -> bool {
    if target.starts_with(b"/") {
        // It is never followed, wherever it is.
        return false;
    }
    let mut up = 0;
    let mut down = false;
    for name in target.split(|byte| *byte == b'/') {
        match name {
            b"" | b"." => {}
            b".." if down => return true,
            b".." => up += 1,
            _ => down = true,
        }
    }
    up > depth
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_link_leaves_a_tree_if_it_goes_up_further_than_it_is_deep() {
        for (target, depth, expected) in [
            ("a", 0, false),
            ("a/b", 0, false),
            ("./a", 0, false),
            ("..", 0, true),
            ("../a", 0, true),
            ("../a", 1, false),
            (".//../a", 1, false),
            ("../../a", 1, true),
            ("../../a", 2, false),
            ("a/../b", 0, true),
            ("../a/../b", 1, true),
            ("/a", 0, false),
        ] {
            assert_eq!(
                leaves(target.as_bytes(), depth),
                expected,
                "{target} {depth}"
            );
        }
    }
}
