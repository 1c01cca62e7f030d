//! Changes of names. Everything here may wait for the disk, and is on the disk when it returns,
//! unless the folder is flushed in the background.

use std::os::fd::{AsFd, AsRawFd};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::{Attributes, Condition, EntryKind};
use rustix::fs::{AtFlags, Mode, OFlags, Statx, chmod, fchmod, mkdirat, openat, unlinkat};
use rustix::io::Errno;
use rustix::process::geteuid;

use super::Folder;
use super::attributes::{file_type, kind, look};
use super::entry::FolderEntry;
use super::links::refuse_re_aimed;
use super::names::Names;
use super::path::FolderPath;

/// Those of a directory for which none are asked.
const DEFAULT_MODE: u32 = 0o755;

pub(super) fn make(folder: &Folder, place: &FolderPath, mode: Option<u32>) -> Result<Attributes> {
    if place.as_str().is_empty() {
        return Err(Error::new(
            ErrorKind::AlreadyExists,
            "the served folder exists already",
        ));
    }
    let target = FolderEntry::open(&folder.root, place)?;
    let _turn = folder.turns.wait(&target);
    mkdirat(target.directory(), target.name(), Mode::RWXU).map_err(|errno| target.failed(errno))?;
    let set_mode = || {
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(target.directory(), target.name(), flags, Mode::empty())?;
        // The bit by which a directory hands its group down is inherited, and stays.
        let inherited = mode_of(&look(&made)?) & Mode::SGID;
        fchmod(
            &made,
            Mode::from_raw_mode(mode.unwrap_or(DEFAULT_MODE) & 0o3777) | inherited,
        )?;
        look(&made)
    };
    match set_mode() {
        Ok(stat) => {
            let synced = target.sync(&folder.flush);
            synced.map(|()| folder.root.attributes(&stat))
        }
        Err(errno) => {
            // Nothing is left of what failed; if that fails as well, an empty directory is.
            let _ = unlinkat(target.directory(), target.name(), AtFlags::REMOVEDIR);
            Err(target.failed(errno))
        }
    }
}

pub(super) fn set_mode(folder: &Folder, place: &FolderPath, mode: u32) -> Result<()> {
    if place.as_str().is_empty() {
        return Ok(());
    }
    let target = FolderEntry::open(&folder.root, place)?;
    let set = || {
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let found = openat(target.directory(), target.name(), flags, Mode::empty())?;
        let stat = look(&found)?;
        if !matches!(kind(&stat), EntryKind::File | EntryKind::Directory) {
            return Ok(());
        }
        // The bit by which a directory hands its group down stays.
        let inherited = mode_of(&stat) & Mode::SGID;
        let inherited = match kind(&stat) {
            EntryKind::Directory => inherited,
            _ => Mode::empty(),
        };
        // On disk the owner is this process, which has to read and replace what it serves.
        let own = match kind(&stat) {
            _ if geteuid().is_root() => Mode::empty(),
            EntryKind::Directory => Mode::RWXU,
            _ => Mode::RUSR | Mode::WUSR,
        };
        let mode = Mode::from_raw_mode(mode & 0o1777) | inherited | own;
        // `fchmod` takes no descriptor that was opened for the name alone, and one that was opened
        // for reading needs the permission to read.
        chmod(format!("/proc/self/fd/{}", found.as_raw_fd()), mode)
    };
    set().map_err(|errno| target.failed(errno))
}

/// Its permission bits.
fn mode_of(stat: &Statx) -> Mode {
    Mode::from_raw_mode(stat.stx_mode.into())
}

/// Device and inode.
fn identity(stat: &Statx) -> (u32, u32, u64) {
    (stat.stx_dev_major, stat.stx_dev_minor, stat.stx_ino)
}

pub(super) fn remove_file(
    folder: &Folder,
    place: &FolderPath,
    condition: &Condition,
) -> Result<()> {
    let target = FolderEntry::open(&folder.root, place)?;
    {
        let _turn = folder.turns.wait(&target);
        let stat = target.stat()?.ok_or_else(|| target.failed(Errno::NOENT))?;
        if kind(&stat) == EntryKind::Directory {
            return Err(target.failed(Errno::ISDIR));
        }
        if *condition == Condition::Absent {
            return Err(Error::new(
                ErrorKind::PreconditionFailed,
                format!("{place} is there, and asked not to be"),
            ));
        }
        target.require(condition, target.current()?.as_ref())?;
        unlinkat(target.directory(), target.name(), AtFlags::empty())
            .map_err(|errno| target.failed(errno))?;
    }
    target.sync(&folder.flush)
}

pub(super) fn remove_directory(folder: &Folder, place: &FolderPath) -> Result<()> {
    let target = FolderEntry::open(&folder.root, place)?;
    let removed = {
        let _turn = folder.turns.wait(&target);
        unlinkat(target.directory(), target.name(), AtFlags::REMOVEDIR)
    };
    match removed {
        Ok(()) => target.sync(&folder.flush),
        Err(Errno::NOTDIR)
            if target
                .current()?
                .is_some_and(|stat| kind(&stat) == EntryKind::Directory) =>
        {
            let message = format!("{place} is a link to a directory; remove it like a file");
            Err(Error::new(ErrorKind::NotADirectory, message))
        }
        // Some filesystems say so of a directory with entries.
        Err(Errno::NOTEMPTY | Errno::EXIST) => Err(not_empty(folder, place)),
        Err(errno) => Err(target.failed(errno)),
    }
}

/// The error for a directory with entries, which may be such that no listing shows them.
fn not_empty(folder: &Folder, place: &FolderPath) -> Error {
    let names = folder
        .root
        .directory(place.as_str())
        .and_then(|directory| Names::read(directory.as_fd()));
    let why = match names {
        Ok(names) if names.after(None).next().is_some() => "",
        Ok(names) if names.unspeakable > 0 => {
            ": it has names that are not served; remove them on the server"
        }
        Ok(names) if names.reserved => {
            ": it was served by itself and has a staging directory; remove it on the server"
        }
        _ => "",
    };
    Error::new(
        ErrorKind::DirectoryNotEmpty,
        format!("the directory {place} is not empty{why}"),
    )
}

pub(super) fn rename(
    folder: &Folder,
    from: &FolderPath,
    to: &FolderPath,
    condition: &Condition,
) -> Result<()> {
    if to.is_below(from) {
        return Err(Error::new(
            ErrorKind::BadRequest,
            format!("{from} cannot be moved into itself"),
        ));
    }
    let source = FolderEntry::open(&folder.root, from)?;
    let target = FolderEntry::open(&folder.root, to)?;
    if source.directory_id() != target.directory_id()
        && let Some(moved) = source.stat()?
    {
        refuse_re_aimed(&source, from, &moved)?;
    }
    {
        let _turn = folder.turns.wait_for_both(&source, &target);
        let moved = source.stat()?.ok_or_else(|| source.failed(Errno::NOENT))?;
        let there = target.stat()?;
        // A rename between two names of one file would leave both of them: the one that is to go
        // has to be removed.
        let twin = there.is_some_and(|there| {
            moved.stx_nlink > 1 && identity(&there) == identity(&moved) && from != to
        });
        if twin && kind(&moved) != EntryKind::Directory && *condition != Condition::Absent {
            target.require(condition, target.current()?.as_ref())?;
            unlinkat(source.directory(), source.name(), AtFlags::empty())
                .map_err(|errno| source.failed(errno))?;
        } else {
            let is_file = file_type(&moved) != rustix::fs::FileType::Directory;
            target.receive((source.directory(), source.name()), is_file, &[condition])?;
        }
    }
    // The new name first: a crash in between may show the file twice, but never lose it.
    target.sync(&folder.flush)?;
    if source.directory_id() != target.directory_id() {
        source.sync(&folder.flush)
    } else {
        Ok(())
    }
}

/// Exchanges what two names have, files or directories, in one step of the kernel.
pub(super) fn exchange(folder: &Folder, one: &FolderPath, other: &FolderPath) -> Result<()> {
    if one.is_below(other) || other.is_below(one) {
        let message = format!("{one} and {other} cannot be exchanged: one is within the other");
        return Err(Error::new(ErrorKind::BadRequest, message));
    }
    let first = FolderEntry::open(&folder.root, one)?;
    let second = FolderEntry::open(&folder.root, other)?;
    if first.directory_id() != second.directory_id() {
        for (entry, place) in [(&first, one), (&second, other)] {
            if let Some(moved) = entry.stat()? {
                refuse_re_aimed(entry, place, &moved)?;
            }
        }
    }
    {
        let _turn = folder.turns.wait_for_both(&first, &second);
        first.exchange(&second)?;
    }
    // A filesystem with a journal writes both directories in one transaction, so that a power loss
    // before they are flushed undoes the whole.
    first.sync(&folder.flush)?;
    if first.directory_id() != second.directory_id() {
        second.sync(&folder.flush)
    } else {
        Ok(())
    }
}
