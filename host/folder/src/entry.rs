//! A name about to change, in its directory, which is open.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::{Condition, EntryKind};
use rustix::fs::{FileType, RenameFlags, Statx, fstat, renameat_with};
use rustix::io::{Errno, retry_on_intr};

use super::attributes::{attributes, file_type, kind, look_at};
use super::failure::{failure, parent_failure};
use super::flush::FolderFlush;
use super::path::FolderPath;
use super::root::{FolderRoot, Follow};

/// The name. Whatever is renamed meanwhile, the directory stays the one that was opened beneath the
/// folder.
pub(super) struct FolderEntry<'a> {
    root: &'a FolderRoot,
    place: &'a FolderPath,
    name: &'a str,
    directory: OwnedFd,
    directory_id: (u64, u64),
}

impl<'a> FolderEntry<'a> {
    pub(super) fn open(root: &'a FolderRoot, place: &'a FolderPath) -> Result<Self> {
        let (parent, name) = place.split()?;
        let directory = root
            .directory(parent)
            .map_err(|errno| parent_failure(errno, place))?;
        let stat = fstat(&directory).map_err(|errno| parent_failure(errno, place))?;
        Ok(Self {
            root,
            place,
            name,
            directory,
            directory_id: (stat.st_dev, stat.st_ino),
        })
    }

    pub(super) fn directory(&self) -> BorrowedFd<'_> {
        self.directory.as_fd()
    }

    /// Device and inode of the directory.
    pub(super) fn directory_id(&self) -> (u64, u64) {
        self.directory_id
    }

    pub(super) fn name(&self) -> &'a str {
        self.name
    }

    /// What has the name itself, be it a link; none if nothing has.
    pub(super) fn stat(&self) -> Result<Option<Statx>> {
        match look_at(&self.directory, self.name) {
            Ok(stat) => Ok(Some(stat)),
            Err(Errno::NOENT) => Ok(None),
            Err(errno) => Err(self.failed(errno)),
        }
    }

    /// What the name leads to; a link that leads nowhere is itself.
    pub(super) fn current(&self) -> Result<Option<Statx>> {
        Ok(self.stat()?.map(|stat| match file_type(&stat) {
            FileType::Symlink => self
                .root
                .stat(self.place.as_str(), Follow::Disk)
                .unwrap_or(stat),
            _ => stat,
        }))
    }

    /// Whether a condition holds of what is there; that nothing is there is left to the kernel,
    /// which decides it in one step with the change.
    ///
    /// Whoever changes a name of this folder waits for its turn first, so that an etag that was
    /// checked still holds when the change is made. Only a writer that does not go through this
    /// folder (another process, a shell on the server) can come in between: the kernel has no
    /// rename that depends on what it replaces.
    pub(super) fn require(&self, condition: &Condition, current: Option<&Statx>) -> Result<()> {
        let Condition::EtagIn(etags) = condition else {
            return Ok(());
        };
        match current.and_then(|stat| attributes(stat).etag) {
            Some(etag) if etags.contains(&etag) => Ok(()),
            _ => {
                let message = format!(
                    "{} is not in the state that was asked for; read it again",
                    self.place
                );
                Err(Error::new(ErrorKind::PreconditionFailed, message))
            }
        }
    }

    /// Moves something here, under the conditions, which must all hold. A file never takes the
    /// place of a directory, nor that of a link to one.
    pub(super) fn receive(
        &self,
        from: (BorrowedFd<'_>, &str),
        is_file: bool,
        conditions: &[&Condition],
    ) -> Result<()> {
        let absent = conditions.contains(&&Condition::Absent);
        let current = self.current()?;
        if current.is_some() && absent {
            return Err(self.failed(Errno::EXIST));
        }
        if is_file
            && current
                .as_ref()
                .is_some_and(|stat| kind(stat) == EntryKind::Directory)
        {
            return Err(self.failed(Errno::ISDIR));
        }
        conditions
            .iter()
            .try_for_each(|condition| self.require(condition, current.as_ref()))?;

        let flags = if absent {
            RenameFlags::NOREPLACE
        } else {
            RenameFlags::empty()
        };
        let rename = |flags| {
            retry_on_intr(|| renameat_with(from.0, from.1, &self.directory, self.name, flags))
        };
        let renamed = match rename(flags) {
            // Some filesystems (NFS among them) know no such rename; what was found absent above
            // has to do for them.
            Err(Errno::INVAL) if absent => rename(RenameFlags::empty()),
            renamed => renamed,
        };
        renamed.map_err(|errno| match errno {
            Errno::XDEV => self.elsewhere(),
            Errno::NOENT => parent_failure(errno, self.place),
            Errno::INVAL => {
                let message = format!("the filesystem does not let anything become {}", self.place);
                Error::new(ErrorKind::BadRequest, message).because(std::io::Error::from(errno))
            }
            errno => self.failed(errno),
        })
    }

    /// Exchanges what has the name with what has another one. Each keeps everything below it.
    pub(super) fn exchange(&self, other: &Self) -> Result<()> {
        let exchanged = retry_on_intr(|| {
            renameat_with(
                &self.directory,
                self.name,
                &other.directory,
                other.name,
                RenameFlags::EXCHANGE,
            )
        });
        exchanged.map_err(|errno| match errno {
            Errno::XDEV => other.elsewhere(),
            Errno::NOENT => match self.stat() {
                Ok(Some(_)) => other.failed(errno),
                _ => self.failed(errno),
            },
            // What a filesystem (NFS among them) says that cannot, and the kernel of what is within
            // the other by a link.
            Errno::INVAL | Errno::NOSYS | Errno::OPNOTSUPP => {
                let message = format!(
                    "the filesystem does not exchange {} and {} in one step",
                    self.place, other.place
                );
                Error::new(ErrorKind::Unsupported, message).because(std::io::Error::from(errno))
            }
            errno => self.failed(errno),
        })
    }

    /// Makes what happened to the names of the directory outlive a power loss, as the folder does
    /// it.
    pub(super) fn sync(&self, flush: &FolderFlush) -> Result<()> {
        let synced = flush.changed(&self.directory);
        synced.map_err(|errno| self.failed(errno))
    }

    pub(super) fn failed(&self, errno: Errno) -> Error {
        failure(errno, self.place)
    }

    fn elsewhere(&self) -> Error {
        elsewhere(self.place)
    }
}

/// The error for a path on another filesystem than the folder, where nothing can be moved to in one
/// step.
pub(super) fn elsewhere(place: &FolderPath) -> Error {
    let message = format!(
        "{place} is on another filesystem than the served folder; mount that part of it separately"
    );
    Error::new(ErrorKind::Unsupported, message)
}
