//! What the kernel says of a file, in the words of storage.

use callfs_model::storage::{Attributes, EntryKind};
use rustix::fs::{FileType, Stat};

/// The attributes of what was opened or found.
///
/// The etag is made of the inode, the size and the time of the last change of the bytes. It is
/// strong because files are replaced by others and never written in place: while a file is stored,
/// its inode belongs to nobody else, and once the inode is used again the new file carries a later
/// time, because every write stamps one that no file got before. The time of the last change of the
/// *inode* is not part of it: renaming a file or changing its mode moves that one and leaves the
/// bytes alone. Another tool that rewrites a file in place changes its time, as finely as the
/// filesystem keeps it.
pub(super) fn attributes(stat: &Stat) -> Attributes {
    let kind = kind(stat);
    let modified = nanoseconds(stat.st_mtime, stat.st_mtime_nsec);
    let size = if kind == EntryKind::File {
        stat.st_size.unsigned_abs()
    } else {
        0
    };
    Attributes {
        kind,
        size,
        etag: (kind == EntryKind::File).then(|| format!("{:x}-{size:x}-{modified:x}", stat.st_ino)),
        modified: Some(modified),
        mode: Some(stat.st_mode & 0o7777),
        content_type: None,
    }
}

pub(super) fn kind(stat: &Stat) -> EntryKind {
    match file_type(stat) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Special,
    }
}

pub(super) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// What a file is that is neither regular nor a directory.
pub(super) fn describe(stat: &Stat) -> &'static str {
    match file_type(stat) {
        FileType::Fifo => "a named pipe",
        FileType::Socket => "a socket",
        FileType::CharacterDevice | FileType::BlockDevice => "a device",
        FileType::Symlink => "a symbolic link",
        _ => "not a regular file",
    }
}

/// Since 1970, as far as 64 bits reach: to the year 2262.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: impl Into<u64>) -> i64 {
    let nanoseconds = i64::try_from(nanoseconds.into()).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}
