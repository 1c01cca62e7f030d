//! Where files lie until they are whole: out of sight, on the filesystem of the folder, and gone
//! when nobody needs them.
//!
//! `.callfs-staging` holds a directory for each process that serves the folder, with a lock file
//! that the process has locked for as long as it lives. The kernel lets go of a lock when its
//! holder dies, however it dies; whoever opens the folder next removes what the dead left behind,
//! and nothing that belongs to the living. A directory that another program removes is made anew
//! for the next upload. Beside these directories lies what tells the folder from others.

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::storage::StorageIdentity;
use rustix::fs::{
    AtFlags, FileType, FlockOperation, Mode, OFlags, RawDir, fchmod, flock, mkdirat, openat,
    statat, unlinkat,
};
use rustix::io::{Errno, retry_on_intr};

use super::failure::failure;
use super::marker;
use super::path::RESERVED;

/// The file in the directory of a process that names its metadata store.
const METADATA: &str = "metadata";
/// Another process that lives serves the folder with another metadata store. No call that prepares
/// a directory fails that way.
const RIVAL: Errno = Errno::BUSY;

/// Name of the lock files: the one of the staging directory serialises opening and sweeping, those
/// below tell who lives.
const LOCK: &str = "lock";

/// The staging directory of this process, whichever it is at the moment.
pub(super) struct Staging {
    root: OwnedFd,
    host: PathBuf,
    identity: StorageIdentity,
    metadata: Option<String>,
    current: Mutex<Arc<StagingDirectory>>,
}

/// One staging directory of one process.
struct StagingDirectory {
    /// `.callfs-staging`.
    shared: OwnedFd,
    own: OwnedFd,
    name: String,
    /// Of the folder.
    identity: StorageIdentity,
    _alive: OwnedFd,
    next: AtomicU64,
}

impl Staging {
    /// Makes the staging directory of this process in the folder opened as `root`, and sweeps those
    /// of the dead.
    pub(super) fn open(
        root: BorrowedFd<'_>,
        host: &Path,
        metadata: Option<&str>,
    ) -> Result<Arc<Self>> {
        let current = StagingDirectory::open(root, host, None, metadata)?;
        let root = root.try_clone_to_owned().map_err(Error::internal)?;
        Ok(Arc::new(Self {
            root,
            host: host.into(),
            identity: current.identity,
            metadata: metadata.map(Into::into),
            current: Mutex::new(current),
        }))
    }

    /// Which folder it is in.
    pub(super) fn identity(&self) -> StorageIdentity {
        self.identity
    }

    /// A new empty file, and the name under which it lies here.
    pub(super) fn create(&self) -> Result<(Temporary, File)> {
        let current = self.current().clone();
        let made = match current.create() {
            Err(Errno::NOENT) => self.anew(&current)?.create(),
            made => made,
        };
        made.map_err(|errno| failure(errno, "the upload"))
    }

    /// Another directory in the place of one that was removed, made once however many miss it.
    fn anew(&self, removed: &Arc<StagingDirectory>) -> Result<Arc<StagingDirectory>> {
        let mut current = self.current();
        if Arc::ptr_eq(&current, removed) {
            *current = StagingDirectory::open(
                self.root.as_fd(),
                &self.host,
                Some(self.identity),
                self.metadata.as_deref(),
            )?;
            tracing::warn!(
                folder = %self.host.display(),
                "another program removed the staging directory of a served folder; it was made \
                 anew, and the uploads that were in it are lost"
            );
        }
        Ok(current.clone())
    }

    fn current(&self) -> MutexGuard<'_, Arc<StagingDirectory>> {
        self.current.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl StagingDirectory {
    fn open(
        root: BorrowedFd<'_>,
        host: &Path,
        known: Option<StorageIdentity>,
        metadata: Option<&str>,
    ) -> Result<Arc<Self>> {
        let path = host.join(RESERVED);
        let staging = Self::prepare(root, known, metadata).map_err(|errno| match errno {
            RIVAL => Error::new(
                ErrorKind::BackendUnavailable,
                format!(
                    "another gateway that runs serves the folder '{}' with another metadata \
                     store; stop it, or give both the same metadata store and locks",
                    host.display()
                ),
            ),
            Errno::NOTDIR | Errno::LOOP => Error::new(
                ErrorKind::AlreadyExists,
                format!(
                    "'{}' is needed for uploads in progress and is not a directory; remove it",
                    path.display()
                ),
            ),
            Errno::OPNOTSUPP | Errno::NOLCK | Errno::NOSYS => Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the filesystem of '{}' has no file locks (flock), which uploads need",
                    host.display()
                ),
            ),
            Errno::NOENT => Error::new(
                ErrorKind::BackendUnavailable,
                format!(
                    "the served folder '{}' was removed; put it back, and restart the gateway",
                    host.display()
                ),
            ),
            errno => failure(
                errno,
                format_args!("the staging directory '{}'", path.display()),
            ),
        })?;
        Ok(Arc::new(staging))
    }

    fn prepare(
        root: BorrowedFd<'_>,
        known: Option<StorageIdentity>,
        metadata: Option<&str>,
    ) -> Result<Self, Errno> {
        make_directory(root, RESERVED)?;
        let shared = open_directory(root, RESERVED)?;
        // Nobody else has business with files that are not published yet, whatever their own modes
        // are.
        fchmod(&shared, Mode::RWXU)?;
        let opening = open_lock(&shared, OFlags::CREATE)?;
        retry_on_intr(|| flock(&opening, FlockOperation::LockExclusive))?;
        sweep(&shared)?;
        if let Some(metadata) = metadata
            && has_rival(&shared, metadata)?
        {
            return Err(RIVAL);
        }
        let identity = marker::identity(root, shared.as_fd(), known)?;

        let mut random = [0; 8];
        getrandom::fill(&mut random).map_err(|_| Errno::IO)?;
        let name = hex::encode(random);
        mkdirat(&shared, &name, Mode::RWXU)?;
        let own = open_directory(&shared, &name)?;
        let alive = open_lock(&own, OFlags::CREATE)?;
        flock(&alive, FlockOperation::NonBlockingLockExclusive)?;
        if let Some(metadata) = metadata {
            let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::CLOEXEC;
            let file = openat(&own, METADATA, flags, Mode::RUSR | Mode::WUSR)?;
            File::from(file)
                .write_all(metadata.as_bytes())
                .map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
        }
        Ok(Self {
            shared,
            own,
            name,
            identity,
            _alive: alive,
            next: AtomicU64::new(0),
        })
    }

    fn create(self: &Arc<Self>) -> Result<(Temporary, File), Errno> {
        let name = format!("{:x}", self.next.fetch_add(1, Ordering::Relaxed));
        let flags =
            OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(&self.own, &name, flags, Mode::RUSR | Mode::WUSR)?;
        Ok((
            Temporary {
                staging: self.clone(),
                name: Some(name),
            },
            file.into(),
        ))
    }
}

impl Drop for StagingDirectory {
    fn drop(&mut self) {
        // What fails here is swept by whoever opens the folder next.
        let _ = unlinkat(&self.own, METADATA, AtFlags::empty());
        let removed = unlinkat(&self.own, LOCK, AtFlags::empty());
        if removed
            .and_then(|()| unlinkat(&self.shared, &self.name, AtFlags::REMOVEDIR))
            .is_err()
        {
            tracing::debug!(name = self.name, "the staging directory was left behind");
        }
    }
}

/// A file in the staging directory; removed when dropped, unless it was moved away.
pub(super) struct Temporary {
    staging: Arc<StagingDirectory>,
    name: Option<String>,
}

impl Temporary {
    /// The directory that it lies in, and its name there.
    pub(super) fn place(&self) -> (BorrowedFd<'_>, &str) {
        (
            self.staging.own.as_fd(),
            self.name.as_deref().unwrap_or_default(),
        )
    }

    /// Whether it was removed by another program.
    pub(super) fn is_gone(&self) -> bool {
        let (directory, name) = self.place();
        statat(directory, name, AtFlags::SYMLINK_NOFOLLOW).is_err_and(|errno| errno == Errno::NOENT)
    }

    /// It is not here any more.
    pub(super) fn moved(mut self) {
        self.name = None;
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        let Some(name) = &self.name else { return };
        let removed = unlinkat(&self.staging.own, name, AtFlags::empty());
        if let Err(error) = removed
            && error != Errno::NOENT
        {
            tracing::warn!(%error, "an abandoned upload could not be removed and takes up space \
                                    until the next start");
        }
    }
}

/// Removes what dead processes left behind; nobody else opens or sweeps meanwhile.
fn sweep(shared: &OwnedFd) -> Result<(), Errno> {
    for name in names(shared)? {
        let is_directory = statat(shared, &name, AtFlags::SYMLINK_NOFOLLOW)
            .is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode) == FileType::Directory);
        // Whoever ends in an orderly way removes its own.
        if is_directory
            && let Err(error) = bury(shared, &name)
            && error != Errno::NOENT
        {
            tracing::warn!(%error, "abandoned uploads of another process could not be removed and \
                                    take up space");
        }
    }
    Ok(())
}

/// Removes the directory of a process, if that is dead.
fn bury(shared: &OwnedFd, name: &str) -> Result<(), Errno> {
    let directory = open_directory(shared, name)?;
    // Held until everything is gone. One without a lock file is of a process that died while it
    // made it.
    let _lock = match open_lock(&directory, OFlags::empty()) {
        Ok(lock) => match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Err(Errno::WOULDBLOCK) => return Ok(()),
            locked => locked.map(|()| Some(lock))?,
        },
        Err(Errno::NOENT) => None,
        Err(errno) => return Err(errno),
    };
    let mut files = names(&directory)?;
    // The lock goes last, so that a sweep that is cut short is taken up by the next one.
    files.sort_by_key(|file| file == LOCK);
    for file in &files {
        unlinkat(&directory, file, AtFlags::empty())?;
    }
    tracing::info!(
        files = files
            .iter()
            .filter(|file| !matches!(file.as_str(), LOCK | METADATA))
            .count(),
        "removed the abandoned uploads of a process that died"
    );
    unlinkat(shared, name, AtFlags::REMOVEDIR)
}

/// Whether a process that lives serves the folder with another metadata store; the dead were swept.
fn has_rival(shared: &OwnedFd, metadata: &str) -> Result<bool, Errno> {
    for name in names(shared)? {
        let Ok(directory) = open_directory(shared, &name) else {
            continue;
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let mut told = String::new();
        match openat(&directory, METADATA, flags, Mode::empty()) {
            Ok(file) => {
                let read = File::from(file).read_to_string(&mut told);
                read.map_err(|cause| Errno::from_io_error(&cause).unwrap_or(Errno::IO))?;
            }
            // It has none, or is gone by now.
            Err(Errno::NOENT) => continue,
            Err(errno) => return Err(errno),
        }
        if told != metadata {
            return Ok(true);
        }
    }
    Ok(false)
}

fn names(directory: &OwnedFd) -> Result<Vec<String>, Errno> {
    let directory = open_directory(directory, ".")?;
    let mut buffer = Vec::with_capacity(8 << 10);
    let mut entries = RawDir::new(&directory, buffer.spare_capacity_mut());
    let mut names = Vec::new();
    while let Some(entry) = entries.next() {
        // Every name that we make is ASCII.
        if let Ok(name) = entry?.file_name().to_str().map(String::from)
            && !matches!(&*name, "." | "..")
        {
            names.push(name);
        }
    }
    Ok(names)
}

fn make_directory(parent: BorrowedFd<'_>, name: &str) -> Result<(), Errno> {
    match mkdirat(parent, name, Mode::RWXU) {
        Err(Errno::EXIST) => Ok(()),
        made => made,
    }
}

fn open_directory(parent: impl AsFd, name: &str) -> Result<OwnedFd, Errno> {
    openat(
        parent,
        name,
        OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::empty(),
    )
}

fn open_lock(directory: &OwnedFd, flags: OFlags) -> Result<OwnedFd, Errno> {
    openat(
        directory,
        LOCK,
        flags | OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC,
        Mode::RUSR | Mode::WUSR,
    )
}
