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
    let modified = modified(stat);
    let size = if kind == EntryKind::File {
        stat.st_size.unsigned_abs()
    } else {
        0
    };
    Attributes {
        kind,
        size,
        etag: (kind == EntryKind::File)
            .then(|| format!("{:x}-{size:x}-{}", stat.st_ino, tag(modified))),
        modified: i64::try_from(modified).ok(),
        mode: Some(stat.st_mode & 0o7777),
        content_type: None,
        content_encoding: None,
    }
}

/// In nanoseconds since 1970. A time that 64 bits do not hold, after the year 2262, is not one that
/// can be told, but it tells versions apart like any other.
fn modified(stat: &Stat) -> i128 {
    i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)
}

/// A time in an etag; before 1970 as 64 bits hold it.
fn tag(time: i128) -> String {
    match i64::try_from(time) {
        Ok(time) => format!("{time:x}"),
        Err(_) => format!("{time:x}"),
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

/// Since 1970, and the last time that 64 bits hold for all later ones: good for comparing times
/// with the present.
pub(super) fn nanoseconds(seconds: i64, nanoseconds: impl Into<u64>) -> i64 {
    let nanoseconds = i64::try_from(nanoseconds.into()).unwrap_or(0);
    seconds
        .saturating_mul(1_000_000_000)
        .saturating_add(nanoseconds)
}

#[cfg(test)]
mod tests {
    use rustix::fs::fstat;

    use super::*;

    #[test]
    fn a_time_that_cannot_be_told_is_none_and_still_tells_versions_apart() {
        let file = tempfile::tempfile().expect("a file");
        let mut stat = fstat(&file).expect("looks");
        let mut at = |seconds: i64| {
            stat.st_mtime = seconds;
            stat.st_mtime_nsec = 0;
            attributes(&stat)
        };
        let last = 9_223_372_036;
        assert_eq!(at(last).modified, Some(last * 1_000_000_000));
        assert_eq!(at(-1).modified, Some(-1_000_000_000));
        for beyond in [last + 1, last + 2, i64::MAX, -last - 2] {
            assert_eq!(at(beyond).modified, None, "{beyond}");
            assert_ne!(at(beyond).etag, at(last).etag, "{beyond}");
        }
        assert_ne!(at(last + 1).etag, at(last + 2).etag);
    }
}
