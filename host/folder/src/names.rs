//! The names in a directory, sorted, and a small memory of those that are expensive to read.
//!
//! A large directory is paged through in thousands of calls, each of which would read and sort all
//! of it. What is remembered is keyed by the times of the directory, which move with every change
//! of its names, and only where they can be trusted: on filesystems of this machine, and not while
//! the last change is so recent that another one could get the same time. Where nothing can be
//! remembered, and for a first page, which shall not wait for more than it needs, all names are
//! read and only those of one page are kept.

use std::mem::{size_of, take};
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::Arc;
use std::time::Duration;

use callfs_model::path::check_name;
use moka::policy::EvictionPolicy;
use moka::sync::Cache;
use rustix::fs::{RawDir, SeekFrom, Stat, fstat, fstatfs, seek};
use rustix::io::Errno;

use super::attributes::nanoseconds;
use super::path::is_reserved;

/// What is remembered altogether, in bytes.
const CAPACITY: u64 = 32 << 20;
/// What is read of a directory at a time, in bytes.
const BUFFER: usize = 256 << 10;
/// Names are kept in pieces of this size, in bytes; every place in one fits 16 bits.
const PIECE: usize = 16 << 10;
/// Directories with fewer names are read again each time.
const WORTH: usize = 1000;
/// How far apart two changes of a directory must be to have different times for certain, in
/// nanoseconds: more than a tick of the kernel's clock, or of a filesystem that keeps whole
/// seconds.
const SETTLED: i64 = 50_000_000;
const SETTLED_IN_SECONDS: i64 = 2_000_000_000;
/// How long a directory is remembered that nobody asks for.
const IDLE: Duration = Duration::from_secs(60);
/// Filesystems that keep the times of a directory themselves, by their magic numbers (`man 2
/// statfs`): ext, XFS, Btrfs, tmpfs, F2FS, ZFS and overlayfs. Anything else may be a view of a
/// machine that changes names behind our back.
const TRUSTED: [u64; 7] = [
    0xef53,
    0x5846_5342,
    0x9123_683e,
    0x0102_1994,
    0xf2f5_2010,
    0x2fc1_2fc1,
    0x794c_7630,
];

/// The names in a directory that paths can spell, in byte order.
#[derive(Debug, Default)]
pub(super) struct Names {
    /// In pieces that never grow: what grows leaves twice its size behind it.
    text: Vec<String>,
    spans: Vec<NameSpan>,
    /// How many names no path can spell: not UTF-8, or with control characters.
    pub(super) unspeakable: usize,
    /// Whether something else lies there that is never listed.
    pub(super) reserved: bool,
    /// Whether there are more after the last of these.
    pub(super) cut: bool,
}

/// Where a name is in the text. Eight bytes, for there may be millions.
#[derive(Debug, Clone, Copy)]
struct NameSpan {
    piece: u32,
    start: u16,
    length: u16,
}

impl Names {
    /// All of them.
    pub(super) fn read(directory: BorrowedFd<'_>) -> Result<Self, Errno> {
        Ok(Self::read_within(directory, u64::MAX)?.unwrap_or_default())
    }

    /// All of them, unless they take more than so many bytes.
    fn read_within(directory: BorrowedFd<'_>, most: u64) -> Result<Option<Self>, Errno> {
        let mut names = Self::default();
        let mut fits = true;
        each(directory, |name| {
            fits = fits && names.bytes() as u64 <= most;
            if fits {
                names.add(name);
            }
        })?;
        names.sort();
        names.spans.shrink_to_fit();
        Ok(fits.then_some(names))
    }

    /// The first `most` of those that are greater than `after`, in the memory that so many take.
    fn first(directory: BorrowedFd<'_>, after: Option<&str>, most: usize) -> Result<Self, Errno> {
        let mut names = Self::default();
        // Whatever sorts behind this is not among them.
        let mut last: Option<Vec<u8>> = None;
        each(directory, |name| {
            if after.is_some_and(|after| name <= after.as_bytes()) {
                return;
            }
            if last.as_deref().is_some_and(|last| name > last) {
                names.cut = true;
                return;
            }
            names.add(name);
            if names.spans.len() >= most.saturating_mul(2).max(WORTH) {
                names.sort();
                names.keep(most);
                last = names.spans.last().map(|span| span.of(&names.text).into());
            }
        })?;
        names.sort();
        names.keep(most);
        Ok(names)
    }

    fn sort(&mut self) {
        let text = &self.text;
        self.spans
            .sort_unstable_by(|a, b| a.of(text).cmp(b.of(text)));
        // A directory that changes while it is read may give a name twice.
        self.spans.dedup_by(|a, b| a.of(text) == b.of(text));
    }

    /// Forgets all but the first so many.
    fn keep(&mut self, most: usize) {
        if self.spans.len() <= most {
            return;
        }
        self.cut = true;
        self.spans.truncate(most);
        let text = take(&mut self.text);
        let spans = take(&mut self.spans);
        spans.into_iter().for_each(|span| self.push(span.of(&text)));
    }

    fn add(&mut self, name: &[u8]) {
        match std::str::from_utf8(name) {
            Ok("." | "..") => {}
            Ok(name) if is_reserved(name) => self.reserved = true,
            Ok(name) if check_name(name).is_ok() => self.push(name),
            _ => self.unspeakable += 1,
        }
    }

    /// Adds a name that a path can spell: it is far shorter than a piece.
    fn push(&mut self, name: &str) {
        if self
            .text
            .last()
            .is_none_or(|piece| piece.len() + name.len() > PIECE)
        {
            self.text.push(String::with_capacity(PIECE));
        }
        let piece = self.text.len() - 1;
        let start = self.text[piece].len() as u16;
        self.spans.push(NameSpan {
            piece: piece as u32,
            start,
            length: name.len() as u16,
        });
        self.text[piece].push_str(name);
    }

    /// Those that are greater than `after`.
    pub(super) fn after<'a>(
        &'a self,
        after: Option<&str>,
    ) -> impl Iterator<Item = &'a str> + use<'a> {
        let first = after.map_or(0, |after| {
            self.spans
                .partition_point(|span| span.of(&self.text) <= after)
        });
        self.spans[first..].iter().map(|span| span.of(&self.text))
    }

    fn bytes(&self) -> usize {
        self.text.len() * PIECE + self.spans.capacity() * size_of::<NameSpan>()
    }
}

impl NameSpan {
    fn of(self, text: &[String]) -> &str {
        let start = usize::from(self.start);
        let length = usize::from(self.length);
        &text[self.piece as usize][start..start + length]
    }
}

/// Every name in an open directory, from its beginning.
fn each(directory: BorrowedFd<'_>, mut tell: impl FnMut(&[u8])) -> Result<(), Errno> {
    seek(directory, SeekFrom::Start(0))?;
    let mut buffer = Vec::with_capacity(BUFFER);
    let mut entries = RawDir::new(directory, buffer.spare_capacity_mut());
    while let Some(entry) = entries.next() {
        tell(entry?.file_name().to_bytes());
    }
    Ok(())
}

/// The memory.
pub(super) struct Snapshots(Cache<Key, Arc<Names>>);

/// A directory in a certain state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Key {
    device: u64,
    inode: u64,
    modified: i64,
    changed: i64,
}

impl Snapshots {
    pub(super) fn new() -> Self {
        let weigh = |_: &Key, names: &Arc<Names>| u32::try_from(names.bytes()).unwrap_or(u32::MAX);
        let cache = Cache::builder()
            .max_capacity(CAPACITY)
            .weigher(weigh)
            .time_to_idle(IDLE);
        Self(cache.eviction_policy(EvictionPolicy::lru()).build())
    }

    /// Names in an open directory at the time `now`: at least the first `most` of those that are
    /// greater than `after`.
    pub(super) fn names(
        &self,
        directory: BorrowedFd<'_>,
        now: i64,
        after: Option<&str>,
        most: usize,
    ) -> Result<Arc<Names>, Errno> {
        let before = Key::of(&fstat(directory)?);
        if let Some(names) = self.0.get(&before) {
            return Ok(names);
        }
        if after.is_none() || !before.is_settled(now) || !keeps_times(directory) {
            return Names::first(directory, after, most).map(Arc::new);
        }
        let Some(names) = Names::read_within(directory, CAPACITY)?.map(Arc::new) else {
            return Names::first(directory, after, most).map(Arc::new);
        };
        if names.spans.len() >= WORTH && before == Key::of(&fstat(directory)?) {
            self.0.insert(before, names.clone());
        }
        Ok(names)
    }
}

fn keeps_times(directory: impl AsFd) -> bool {
    // The type is signed on some machines; the numbers have 32 bits on all of them.
    fstatfs(directory)
        .is_ok_and(|filesystem| TRUSTED.contains(&(filesystem.f_type as u64 & 0xffff_ffff)))
}

impl Key {
    fn of(stat: &Stat) -> Self {
        Self {
            device: stat.st_dev,
            inode: stat.st_ino,
            modified: nanoseconds(stat.st_mtime, stat.st_mtime_nsec),
            changed: nanoseconds(stat.st_ctime, stat.st_ctime_nsec),
        }
    }

    /// Whether a change from now on would be seen by these times.
    fn is_settled(&self, now: i64) -> bool {
        // Anybody can set the other time; this one is the kernel's own.
        let needed = if self.changed % 1_000_000_000 == 0 {
            SETTLED_IN_SECONDS
        } else {
            SETTLED
        };
        now.checked_sub(self.modified.max(self.changed))
            .is_some_and(|age| age > needed)
    }
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::os::fd::OwnedFd;
    use std::path::Path;

    use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, utimensat};

    use super::super::clock::now;
    use super::*;

    fn folder(names: usize) -> tempfile::TempDir {
        let folder = tempfile::tempdir().expect("a folder");
        for number in 0..names {
            File::create(folder.path().join(format!("{number:04}"))).expect("makes a file");
        }
        folder
    }

    fn names(snapshots: &Snapshots, directory: &Path, later: i64) -> Arc<Names> {
        let directory: OwnedFd = File::open(directory).expect("opens").into();
        snapshots
            .names(directory.as_fd(), now() + later, Some(""), usize::MAX)
            .expect("reads")
    }

    #[test]
    fn a_settled_directory_is_read_once_until_it_changes() {
        let folder = folder(WORTH);
        let snapshots = Snapshots::new();
        let first = names(&snapshots, folder.path(), SETTLED_IN_SECONDS + 1);
        assert_eq!(first.after(None).count(), WORTH);
        assert!(
            Arc::ptr_eq(&first, &names(&snapshots, folder.path(), 0)),
            "it is remembered"
        );
        File::create(folder.path().join("new")).expect("makes a file");
        assert_eq!(
            names(&snapshots, folder.path(), 0).after(None).last(),
            Some("new")
        );
    }

    #[test]
    fn a_directory_that_just_changed_is_read_again() {
        let folder = folder(WORTH);
        let snapshots = Snapshots::new();
        // A time set by hand does not hide the change.
        let long_ago = Timespec {
            tv_sec: 1_000_000,
            tv_nsec: 0,
        };
        let times = Timestamps {
            last_access: long_ago,
            last_modification: long_ago,
        };
        utimensat(CWD, folder.path(), &times, AtFlags::empty()).expect("sets the time");
        let moment = nanoseconds_of_change(folder.path()) + SETTLED / 2 - now();
        let first = names(&snapshots, folder.path(), moment);
        assert!(!Arc::ptr_eq(
            &first,
            &names(&snapshots, folder.path(), moment)
        ));
    }

    fn nanoseconds_of_change(directory: &Path) -> i64 {
        Key::of(&fstat(File::open(directory).expect("opens")).expect("looks")).changed
    }

    #[test]
    fn a_small_directory_is_read_again() {
        let folder = folder(WORTH - 1);
        let snapshots = Snapshots::new();
        let first = names(&snapshots, folder.path(), SETTLED_IN_SECONDS + 1);
        assert!(!Arc::ptr_eq(&first, &names(&snapshots, folder.path(), 0)));
    }

    #[test]
    fn the_first_of_many_are_the_smallest_and_the_others_take_no_memory() {
        let folder = folder(5 * WORTH);
        let directory: OwnedFd = File::open(folder.path()).expect("opens").into();
        let all = Names::read(directory.as_fd()).expect("reads");
        for (after, most) in [
            (None, 10),
            (Some("0017"), 1),
            (Some("0017x"), 3 * WORTH),
            (Some("4990"), 100),
        ] {
            let first = Names::first(directory.as_fd(), after, most).expect("reads");
            let expected: Vec<&str> = all.after(after).take(most).collect();
            assert_eq!(
                first.after(None).collect::<Vec<_>>(),
                expected,
                "{most} after {after:?}"
            );
            assert_eq!(
                first.cut,
                all.after(after).count() > most,
                "{most} after {after:?}"
            );
            assert!(
                first.bytes() <= 64 * most.max(WORTH),
                "{} bytes",
                first.bytes()
            );
        }
    }
}
