//! What the kernel says of a file, in the words of storage.

use std::os::fd::AsFd;

use callfs_model::storage::{Attributes, EntryKind};
use rustix::fs::{AtFlags, FileType, Statx, StatxFlags, StatxTimestamp, statx};
use rustix::io::Errno;

/// What is asked of a file.
const WANTED: StatxFlags = StatxFlags::BASIC_STATS
    .union(StatxFlags::BTIME)
    .union(StatxFlags::MNT_ID);

/// What is open.
pub(super) fn look(file: impl AsFd) -> Result<Statx, Errno> {
    statx(file, "", AtFlags::EMPTY_PATH, WANTED)
}

/// What has a name in a directory, be it a link.
pub(super) fn look_at(directory: impl AsFd, name: impl rustix::path::Arg) -> Result<Statx, Errno> {
    statx(directory, name, AtFlags::SYMLINK_NOFOLLOW, WANTED)
}

/// The attributes of what was opened or found.
///
/// The etag is made of the inode, the size and the time of the last change of the bytes. It is
/// strong because files are replaced by others and never written in place: while a file is stored,
/// its inode belongs to nobody else, and once the inode is used again the new file carries a later
/// time, because every write stamps one that no file got before. The time of the last change of the
/// *inode* is not part of it: renaming a file or changing its mode moves that one and leaves the
/// bytes alone. Another tool that rewrites a file in place changes its time, as finely as the
/// filesystem keeps it.
///
/// The object is named by its inode and the time at which that was made: an inode number is used
/// again as soon as it is free. Where the filesystem keeps no such time it has no name, because
/// some (FUSE) make up inode numbers as well.
///
/// Whether the mode is kept is known to `FolderRoot::attributes`.
pub(super) fn attributes(stat: &Statx) -> Attributes {
    let kind = kind(stat);
    let modified = time(&stat.stx_mtime);
    let born = stat.stx_mask & StatxFlags::BTIME.bits() != 0 && time(&stat.stx_btime) != 0;
    let size = if kind == EntryKind::File {
        stat.stx_size
    } else {
        0
    };
    Attributes {
        kind,
        size,
        etag: (kind == EntryKind::File).then(|| words(&[stat.stx_ino, size], modified)),
        modified: i64::try_from(modified).ok(),
        mode: Some(u32::from(stat.stx_mode) & 0o7777),
        keeps_mode: false,
        content_type: None,
        content_encoding: None,
        object: born.then(|| words(&[stat.stx_ino], time(&stat.stx_btime))),
        changed: i64::try_from(time(&stat.stx_ctime)).ok(),
    }
}

/// In nanoseconds since 1970. A time that 64 bits do not hold, after the year 2262, is not one that
/// can be told, but it tells versions apart like any other.
fn time(time: &StatxTimestamp) -> i128 {
    i128::from(time.tv_sec) * 1_000_000_000 + i128::from(time.tv_nsec)
}

/// Numbers and a time in hexadecimal, joined by `-`; a time before 1970 as 64 bits hold it. Every
/// look at a file needs one or two of these, and `format!` would take longer than the look.
fn words(numbers: &[u64], time: i128) -> String {
    let mut text = String::with_capacity(52);
    for number in numbers {
        push_hex(&mut text, *number);
        text.push('-');
    }
    match i64::try_from(time) {
        Ok(time) => push_hex(&mut text, time.cast_unsigned()),
        Err(_) => text.push_str(&format!("{time:x}")),
    }
    text
}

fn push_hex(text: &mut String, number: u64) {
    let digits = (u64::BITS - number.leading_zeros()).div_ceil(4).max(1);
    for place in (0..digits).rev() {
        let digit = (number >> (4 * place)) & 15;
        text.push(char::from(b"0123456789abcdef"[digit as usize]));
    }
}

pub(super) fn kind(stat: &Statx) -> EntryKind {
    match file_type(stat) {
        FileType::RegularFile => EntryKind::File,
        FileType::Directory => EntryKind::Directory,
        _ => EntryKind::Special,
    }
}

pub(super) fn file_type(stat: &Statx) -> FileType {
    FileType::from_raw_mode(u32::from(stat.stx_mode))
}

/// What a file is that is neither regular nor a directory.
pub(super) fn describe(stat: &Statx) -> &'static str {
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
    use super::*;

    #[test]
    fn words_are_hexadecimal() {
        for number in [0, 1, 15, 16, 255, 256, 0x9a185a, u64::MAX >> 4, u64::MAX] {
            let mut text = String::new();
            push_hex(&mut text, number);
            assert_eq!(text, format!("{number:x}"));
        }
        assert_eq!(words(&[0x10, 0], -1), "10-0-ffffffffffffffff");
        assert_eq!(words(&[], 1 << 64), "10000000000000000");
    }

    #[test]
    fn a_time_that_cannot_be_told_is_none_and_still_tells_versions_apart() {
        let file = tempfile::tempfile().expect("a file");
        let mut stat = look(&file).expect("looks");
        let mut at = |seconds: i64| {
            stat.stx_mtime.tv_sec = seconds;
            stat.stx_mtime.tv_nsec = 0;
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
