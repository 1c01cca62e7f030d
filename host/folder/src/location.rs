//! Whether the folder that is open is still the one at its path.
//!
//! A folder that is removed, moved away or covered by a mount stays open. What is written there
//! then is in a folder that its operator does not look at, and the next start does not find it. So
//! nothing is changed until the folder is back; what was only moved away can be read meanwhile.

use std::fmt::{self, Display};
use std::os::fd::BorrowedFd;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use callfs_model::error::{Error, ErrorKind, Result};
use rustix::fs::{fstat, stat};
use rustix::io::Errno;

/// Where an open folder belongs.
pub(super) struct FolderLocation {
    host: PathBuf,
    /// Whether the filesystem counts the names of directories: some (FUSE) say 0 of all.
    counted: bool,
    /// Whether the folder was not there when it was last looked for.
    astray: AtomicBool,
}

impl FolderLocation {
    /// Of the folder that was opened at a path.
    pub(super) fn new(host: &Path, directory: BorrowedFd<'_>) -> Self {
        Self {
            host: host.into(),
            counted: fstat(directory).is_ok_and(|opened| opened.st_nlink > 0),
            astray: AtomicBool::new(false),
        }
    }

    /// Fails if the folder is not at its path. It may wait for the disk.
    pub(super) fn check(&self, directory: BorrowedFd<'_>) -> Result<()> {
        let found = self.look(directory);
        let was_astray = self.astray.swap(found.is_err(), Ordering::Relaxed);
        match &found {
            Err(error) if !was_astray => {
                tracing::warn!(%error, "nothing is changed in a served folder until it is back");
            }
            Ok(()) if was_astray => {
                let folder = self.host.display();
                tracing::info!(%folder, "a served folder is back at its path");
            }
            _ => {}
        }
        found
    }

    /// Whether the folder was removed, and not only moved.
    pub(super) fn is_removed(&self, directory: BorrowedFd<'_>) -> bool {
        self.counted && fstat(directory).is_ok_and(|opened| opened.st_nlink == 0)
    }

    /// What is said of a folder that was removed.
    pub(super) fn removed(&self) -> Error {
        self.unavailable("was removed; put it back, and restart the gateway")
    }

    fn look(&self, directory: BorrowedFd<'_>) -> Result<()> {
        let opened = fstat(directory).map_err(|errno| self.hidden(errno))?;
        if self.counted && opened.st_nlink == 0 {
            return Err(self.removed());
        }
        match stat(&self.host) {
            Ok(found) if (found.st_dev, found.st_ino) == (opened.st_dev, opened.st_ino) => Ok(()),
            Ok(_) => Err(self.unavailable(
                "is another one by now than the one that is served, which was moved away, or whose \
                 disk was mounted or unmounted; put that one back, or restart the gateway to serve \
                 what is there now",
            )),
            Err(Errno::NOENT | Errno::NOTDIR) => Err(self.unavailable(
                "was moved away; put it back, or configure its new path and restart the gateway",
            )),
            Err(errno) => Err(self.hidden(errno)),
        }
    }

    /// Nothing can be said of what is at the path.
    fn hidden(&self, errno: Errno) -> Error {
        let cause = std::io::Error::from(errno);
        self.unavailable(format_args!(
            "cannot be looked at any more ({cause}); let the gateway reach it"
        ))
    }

    fn unavailable(&self, what: impl Display) -> Error {
        Error::new(ErrorKind::BackendUnavailable, format!("{self} {what}"))
    }
}

impl Display for FolderLocation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the served folder '{}'", self.host.display())
    }
}
