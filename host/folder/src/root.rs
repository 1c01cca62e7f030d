//! The open folder: the one place where a path becomes an open file, and never one outside of the
//! folder.

use std::fs::{DirBuilder, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::{Attributes, EntryKind};
use rustix::fs::{CWD, FileType, Mode, OFlags, ResolveFlags, Statx, openat, openat2};
use rustix::io::Errno;

use super::attributes::{attributes, file_type, kind, look};
use super::failure::failure;
use super::location::FolderLocation;
use super::modes::KeptModes;
use super::staging::Staging;

/// How often an open is repeated that lost a race with a rename or waits for the holder of a lease.
const ATTEMPTS: usize = 32;

/// How far a lookup may go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// To what the kernel has in memory: it never waits, and fails with `EAGAIN` where it would
    /// have to.
    Memory,
    /// To the disk.
    Disk,
}

/// Should a pipe be in the place of a file, this does not wait for a writer.
const READ_ONLY: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOCTTY);

/// What is at a path, open if it is a regular file and that was wanted.
pub(super) type FoundFile = (Option<File>, Statx);

/// A way through the folder; see [`FolderRoot::walk`].
pub(super) struct FolderWay {
    pub(super) directories: Vec<Statx>,
    pub(super) end: Result<FoundFile, Errno>,
}

/// The open folder.
pub(super) struct FolderRoot {
    directory: OwnedFd,
    /// Whether the kernel knows `RESOLVE_CACHED` (Linux 5.12).
    cached: bool,
    /// None if it was removed on purpose.
    location: Option<FolderLocation>,
    /// None if they are not kept, or not known to be.
    modes: Option<KeptModes>,
}

impl FolderRoot {
    /// Opens a folder of the host, and with `make` makes a missing one first.
    pub(super) fn open(host: &Path, make: bool) -> Result<Self> {
        let at_host = |errno| failure(errno, format_args!("the folder '{}'", host.display()));
        if make {
            let made = DirBuilder::new().recursive(true).mode(0o755).create(host);
            made.map_err(|error| at_host(Errno::from_io_error(&error).unwrap_or(Errno::IO)))?;
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let directory = openat(CWD, host, flags, Mode::empty()).map_err(at_host)?;
        let location = Some(FolderLocation::new(host, directory.as_fd()));
        let mut root = Self {
            directory,
            cached: true,
            location,
            modes: None,
        };
        match root.lookup("", OFlags::PATH, Follow::Memory) {
            Ok(_) | Err(Errno::AGAIN) => {}
            Err(_) => root.cached = false,
        }
        match root.lookup("", OFlags::PATH, Follow::Disk) {
            // Old container runtimes answer `EPERM` for system calls that they have not heard of.
            Err(errno @ (Errno::NOSYS | Errno::PERM)) => Err(Error::new(
                ErrorKind::Unsupported,
                "this system does not offer openat2, without which a folder cannot be served \
                 safely; use Linux 5.6 or newer, and a container runtime that lets it through",
            )
            .because(std::io::Error::from(errno))),
            found => found.map(|_| root).map_err(at_host),
        }
    }

    /// A folder that was removed before anything came into it.
    pub(super) fn absent() -> Result<Self> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|_| Error::internal("no random numbers"))?;
        let host = std::env::temp_dir().join(format!("callfs-absent-{}", hex::encode(random)));
        let made = DirBuilder::new().mode(0o700).create(&host);
        made.map_err(Error::internal)?;
        let root = Self::open(&host, false);
        std::fs::remove_dir(&host).map_err(Error::internal)?;
        root.map(|root| Self {
            location: None,
            ..root
        })
    }

    /// Fails if it is not the folder at its path any more. It may wait for the disk.
    pub(super) fn check_in_place(&self) -> Result<()> {
        let location = self.location.as_ref();
        location.map_or(Ok(()), |location| location.check(self.fd()))
    }

    /// Fails if nothing was found because the folder itself is gone. That is looked for only where
    /// nothing was found.
    pub(super) fn unless_removed<T>(&self, found: Result<T, Errno>) -> Result<Result<T, Errno>> {
        match (&found, &self.location) {
            (Err(Errno::NOENT), Some(location)) if location.is_removed(self.fd()) => {
                Err(location.removed())
            }
            _ => Ok(found),
        }
    }

    /// Finds out by a new file where permission bits are kept.
    pub(super) fn learn_modes(&mut self, staging: &Staging) {
        let tried = staging.create();
        self.modes = tried
            .ok()
            .and_then(|(_temporary, file)| KeptModes::try_with(self.fd(), &file));
    }

    /// The attributes of what was found in the folder.
    pub(super) fn attributes(&self, stat: &Statx) -> Attributes {
        Attributes {
            keeps_mode: self.modes.is_some_and(|modes| modes.hold_for(stat)),
            ..attributes(stat)
        }
    }

    pub(super) fn fd(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// What a path leads to. Nothing is opened for it but the name.
    pub(super) fn stat(&self, path: &str, reach: Follow) -> Result<Statx, Errno> {
        look(self.lookup(path, OFlags::PATH, reach)?)
    }

    /// A regular file, open for reading, with what it is; no file if it is something else, which is
    /// not opened at all: opening a pipe or a device can have effects of its own.
    pub(super) fn file(&self, path: &str, reach: Follow) -> Result<FoundFile, Errno> {
        let stat = self.stat(path, reach)?;
        if kind(&stat) != EntryKind::File {
            return Ok((None, stat));
        }
        let file = self.lookup(path, READ_ONLY, reach)?;
        let stat = look(&file)?;
        Ok(((kind(&stat) == EntryKind::File).then(|| file.into()), stat))
    }

    /// The directories on the way to a path, beginning with the folder, as far as there are any;
    /// and what is at the path, opened if that is wanted and it is a regular file. Each is looked
    /// at in the one before, so that together they are a way that there was. A way that leads over
    /// a link is not gone: `ELOOP`.
    pub(super) fn walk(&self, path: &str, open: bool, reach: Follow) -> Result<FolderWay, Errno> {
        if reach == Follow::Memory && !self.cached {
            return Err(Errno::AGAIN);
        }
        fn within<'a>(root: &'a FolderRoot, fd: &'a Option<OwnedFd>) -> BorrowedFd<'a> {
            fd.as_ref().map_or(root.fd(), OwnedFd::as_fd)
        }
        let mut directories = Vec::new();
        let mut stat = look(&self.directory)?;
        // What was found last, and the one before; none is the folder itself.
        let mut last: Option<OwnedFd> = None;
        let mut parent = None;
        let mut file_name = "";
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if kind(&stat) != EntryKind::Directory {
                let end = Err(Errno::NOTDIR);
                return Ok(FolderWay { directories, end });
            }
            directories.push(stat);
            let found = match step(within(self, &last), name, OFlags::PATH, reach) {
                Ok(found) => found,
                Err(errno @ (Errno::AGAIN | Errno::LOOP)) => return Err(errno),
                Err(errno) => {
                    let end = Err(errno);
                    return Ok(FolderWay { directories, end });
                }
            };
            stat = look(&found)?;
            if file_type(&stat) == FileType::Symlink {
                return Err(Errno::LOOP);
            }
            parent = last.replace(found);
            file_name = name;
        }
        let mut end = (None, stat);
        if open && kind(&stat) == EntryKind::File {
            let file = step(within(self, &parent), file_name, READ_ONLY, reach)?;
            let stat = look(&file)?;
            end = ((kind(&stat) == EntryKind::File).then(|| file.into()), stat);
        }
        Ok(FolderWay {
            directories,
            end: Ok(end),
        })
    }

    /// A directory, open for reading; it may wait for the disk.
    pub(super) fn directory(&self, path: &str) -> Result<OwnedFd, Errno> {
        self.lookup(path, OFlags::RDONLY | OFlags::DIRECTORY, Follow::Disk)
    }

    /// Whether something is mounted over a directory, or over one on the way to it.
    pub(super) fn is_on_another_mount(&self, path: &str) -> bool {
        let resolve = ResolveFlags::NO_XDEV | ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        let same = openat2(
            &self.directory,
            name(path),
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            resolve,
        );
        same.is_err_and(|errno| errno == Errno::XDEV)
            && self.lookup(path, OFlags::PATH, Follow::Disk).is_ok()
    }

    fn lookup(&self, path: &str, flags: OFlags, reach: Follow) -> Result<OwnedFd, Errno> {
        if reach == Follow::Memory && !self.cached {
            return Err(Errno::AGAIN);
        }
        let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS;
        resolve(self.fd(), name(path), flags, beneath, reach)
    }
}

/// A name in a directory; a link is opened as such with `PATH`, and not at all without.
pub(super) fn step(
    directory: BorrowedFd<'_>,
    name: &str,
    flags: OFlags,
    reach: Follow,
) -> Result<OwnedFd, Errno> {
    let beneath = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
    resolve(directory, name, flags | OFlags::NOFOLLOW, beneath, reach)
}

/// A path in a directory.
pub(super) fn resolve(
    directory: BorrowedFd<'_>,
    path: &str,
    flags: OFlags,
    mut how: ResolveFlags,
    reach: Follow,
) -> Result<OwnedFd, Errno> {
    if reach == Follow::Memory {
        how |= ResolveFlags::CACHED;
    }
    let attempts = if reach == Follow::Memory { 1 } else { ATTEMPTS };
    let mut found = Err(Errno::AGAIN);
    for _ in 0..attempts {
        let flags = flags | OFlags::CLOEXEC;
        found = openat2(directory, path, flags, Mode::empty(), how);
        if !matches!(found, Err(Errno::AGAIN | Errno::INTR)) {
            break;
        }
    }
    found
}

fn name(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}
