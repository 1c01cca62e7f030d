//! What tells one served folder from another: a random identity in its staging directory.
//!
//! Beside it stands the inode of the folder, so that a copy of the folder, which has the same file
//! in it, gets an identity of its own.

use std::os::fd::{AsFd, BorrowedFd};
use std::path::Path;

use callfs_model::storage::StorageIdentity;
use rustix::fs::{CWD, Mode, OFlags, fstat, fsync, openat, renameat};
use rustix::io::{Errno, read, retry_on_intr, write};

use super::path::RESERVED;

/// Its file in the staging directory.
const NAME: &str = "identity";
/// Where it is written before it is whole.
const DRAFT: &str = "identity.new";
/// More than a marker is long.
const MOST: usize = 128;

/// The identity of the folder opened as `root`, whose staging directory is `staging`: the one that
/// is kept there, else the `known` one, else a new one, which is on the disk when this returns. The
/// caller holds the lock of the staging directory.
pub(super) fn identity(
    root: BorrowedFd<'_>,
    staging: BorrowedFd<'_>,
    known: Option<StorageIdentity>,
) -> Result<StorageIdentity, Errno> {
    let inode = fstat(root)?.st_ino;
    if let Some(kept) = kept(staging, inode)? {
        return Ok(kept);
    }
    let identity = match known {
        Some(known) => known,
        None => {
            let mut random = StorageIdentity::default();
            getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
            random
        }
    };
    keep(staging, &format!("{} {inode}\n", hex::encode(identity)))?;
    Ok(identity)
}

/// The identity of a folder that a gateway has served to be changed, read without changing
/// anything.
pub(super) fn read_from(host: &Path) -> Result<Option<StorageIdentity>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
    read_in(openat(CWD, host, flags, Mode::empty())?.as_fd())
}

/// The same of a directory that is open.
pub(super) fn read_in(root: BorrowedFd<'_>) -> Result<Option<StorageIdentity>, Errno> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    match openat(root, RESERVED, flags, Mode::empty()) {
        Ok(staging) => kept(staging.as_fd(), fstat(root)?.st_ino),
        Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// What is kept, if it is a marker of this folder.
fn kept(staging: BorrowedFd<'_>, inode: u64) -> Result<Option<StorageIdentity>, Errno> {
    // Another program may have put a pipe there, which is not waited for.
    let flags = OFlags::RDONLY | OFlags::NONBLOCK | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let file = match openat(staging, NAME, flags, Mode::empty()) {
        Ok(file) => file,
        Err(Errno::NOENT) => return Ok(None),
        Err(errno) => return Err(errno),
    };
    let mut text = [0; MOST];
    let length = retry_on_intr(|| read(&file, &mut text))?;
    let parsed = || {
        let text = std::str::from_utf8(&text[..length]).ok()?;
        let (identity, of) = text.trim_end().split_once(' ')?;
        let mut bytes = StorageIdentity::default();
        hex::decode_to_slice(identity, &mut bytes).ok()?;
        (of.parse() == Ok(inode)).then_some(bytes)
    };
    Ok(parsed())
}

fn keep(staging: BorrowedFd<'_>, text: &str) -> Result<(), Errno> {
    let flags =
        OFlags::WRONLY | OFlags::CREATE | OFlags::TRUNC | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let draft = openat(staging, DRAFT, flags, Mode::RUSR | Mode::WUSR)?;
    let mut left = text.as_bytes();
    while !left.is_empty() {
        let written = retry_on_intr(|| write(&draft, left))?;
        left = &left[written..];
    }
    retry_on_intr(|| fsync(&draft))?;
    renameat(staging, DRAFT, staging, NAME)?;
    retry_on_intr(|| fsync(staging.as_fd()))
}
