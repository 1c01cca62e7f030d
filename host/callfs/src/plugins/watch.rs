//! Says when the files of a folder may have changed, and never while one of them is being written.
//!
//! The kernel tells (inotify); where it does not, the folder is looked at every other second. It
//! says too much rather than too little, and what happens while nobody asks is told once. It does
//! not know what the files are.

use std::ffi::OsStr;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;
use std::{fs, io};

use rustix::fs::inotify::{self, CreateFlags, ReadFlags, Reader, WatchFlags};
use rustix::io::Errno;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep, timeout};
use tokio_util::task::AbortOnDropHandle;

/// A change is told when there was no other one for this long: several files are often replaced
/// together.
const QUIET: Duration = Duration::from_millis(100);
/// The longest that a change is kept back, in a folder that never comes to rest.
const PATIENCE: Duration = Duration::from_secs(2);
/// How often a folder is looked at that the kernel does not watch.
const POLL: Duration = Duration::from_secs(2);

/// A folder that is watched for as long as this lives.
pub struct FolderWatch {
    changes: mpsc::Receiver<()>,
    _task: AbortOnDropHandle<()>,
}

impl FolderWatch {
    /// Watches a folder from now on.
    pub fn start(folder: PathBuf) -> Self {
        Self::with(folder, Kernel::watch)
    }

    fn with(folder: PathBuf, kernel: fn(&Path) -> io::Result<Kernel>) -> Self {
        let (sender, changes) = mpsc::channel(1);
        let first = fingerprint(&folder);
        let task = tokio::spawn(watch(folder, first, kernel, sender));
        Self {
            changes,
            _task: AbortOnDropHandle::new(task),
        }
    }

    /// Waits for a change.
    pub async fn changed(&mut self) {
        // The other end lives as long as this one.
        self.changes.recv().await;
    }
}

async fn watch(
    folder: PathBuf,
    mut known: u64,
    kernel: fn(&Path) -> io::Result<Kernel>,
    changes: mpsc::Sender<()>,
) {
    // One that nobody has taken yet will do for this one, too.
    let tell = || {
        let _ = changes.try_send(());
    };
    let mut warned = false;
    loop {
        let watching = kernel(&folder);
        let now = look(&folder, fingerprint).await;
        if std::mem::replace(&mut known, now) != now {
            tell();
        }
        match watching {
            Ok(kernel) => {
                warned = false;
                let mut elsewhere = look(&folder, links).await;
                loop {
                    match timeout(POLL, kernel.change(&folder)).await {
                        Ok(Ok(())) => {
                            let rested = kernel.rest(&folder).await;
                            tell();
                            if rested.is_err() {
                                break;
                            }
                        }
                        Ok(Err(_)) => break,
                        // The kernel does not look where links lead.
                        Err(_) => {
                            let now = look(&folder, links).await;
                            if std::mem::replace(&mut elsewhere, now) != now {
                                tell();
                                break;
                            }
                        }
                    }
                }
                // The folder itself was moved or removed; there may be another one under its name.
                known = 0;
            }
            Err(error) if !warned => {
                tracing::warn!(%error, folder = %folder.display(), "the kernel does not watch the \
                    plugin folder; it is looked at every {POLL:?}");
                warned = true;
            }
            Err(_) => {}
        }
        sleep(POLL).await;
    }
}

/// The kernel's eye on a folder.
struct Kernel(AsyncFd<OwnedFd>);

impl Kernel {
    fn watch(folder: &Path) -> io::Result<Self> {
        let inotify = inotify::init(CreateFlags::CLOEXEC | CreateFlags::NONBLOCK)?;
        // Writing is not watched, only its end.
        let files =
            WatchFlags::CLOSE_WRITE | WatchFlags::MOVE | WatchFlags::CREATE | WatchFlags::DELETE;
        let itself = WatchFlags::DELETE_SELF
            | WatchFlags::MOVE_SELF
            | WatchFlags::ATTRIB
            | WatchFlags::ONLYDIR;
        inotify::add_watch(&inotify, folder, files | itself)?;
        Ok(Self(readable(inotify)?))
    }

    /// Waits for a change; fails if the folder is not there any more.
    async fn change(&self, folder: &Path) -> io::Result<()> {
        loop {
            let mut ready = self.0.readable().await?;
            let changed = self.events(folder)?;
            ready.clear_ready();
            if changed {
                return Ok(());
            }
        }
    }

    /// Waits until nothing changes any more; fails if the folder is not there any more.
    async fn rest(&self, folder: &Path) -> io::Result<()> {
        let begun = Instant::now();
        while begun.elapsed() < PATIENCE {
            match timeout(QUIET, self.change(folder)).await {
                Ok(changed) => changed?,
                Err(_) => break,
            }
        }
        Ok(())
    }

    /// Whether one of the events that are waiting may be a change.
    fn events(&self, folder: &Path) -> io::Result<bool> {
        let mut buffer = [MaybeUninit::uninit(); 4096];
        let mut events = Reader::new(self.0.get_ref(), &mut buffer);
        let mut changed = false;
        loop {
            let event = match events.next() {
                Err(Errno::AGAIN) => return Ok(changed),
                Err(Errno::INTR) => continue,
                event => event?,
            };
            let what = event.events();
            if what.intersects(
                ReadFlags::DELETE_SELF
                    | ReadFlags::MOVE_SELF
                    | ReadFlags::IGNORED
                    | ReadFlags::UNMOUNT,
            ) {
                return Err(io::ErrorKind::NotFound.into());
            }
            let name = event
                .file_name()
                .map(|name| OsStr::from_bytes(name.to_bytes()));
            let path = name.map_or_else(|| folder.to_owned(), |name| folder.join(name));
            changed |= what != ReadFlags::CREATE || is_whole(&path);
        }
    }
}

#[expect(
    unsafe_code,
    reason = "tokio wants to be promised that the descriptor stays the same one"
)]
fn readable(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    // SAFETY: an `OwnedFd` is open and names the same description until it is dropped, which only
    // the `AsyncFd` can do: nothing here takes it out or hands out more than a reference.
    Ok(unsafe { AsyncFd::register_with_interest(descriptor, Interest::READABLE) }?)
}

/// Whether a name that was just made is that of something that was there before. A new file is
/// still to be written.
fn is_whole(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| !found.is_file() || found.nlink() > 1)
}

async fn look(folder: &Path, what: fn(&Path) -> u64) -> u64 {
    let folder = folder.to_owned();
    // Without an answer it counts as a change.
    tokio::task::spawn_blocking(move || what(&folder))
        .await
        .unwrap_or_default()
}

/// What the folder is, which may itself be reached by a link, and what the links in it lead to.
fn links(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    fs::metadata(folder)
        .ok()
        .map(|found| (found.dev(), found.ino()))
        .hash(&mut hasher);
    files(folder, |entry| {
        entry.file_type().is_ok_and(|kind| kind.is_symlink())
    })
    .hash(&mut hasher);
    hasher.finish()
}

/// What the files of a folder look like from outside.
fn fingerprint(folder: &Path) -> u64 {
    let mut hasher = DefaultHasher::new();
    files(folder, |_| true).hash(&mut hasher);
    hasher.finish()
}

/// What some files of a folder look like.
fn files(folder: &Path, wanted: fn(&fs::DirEntry) -> bool) -> Vec<impl Hash + use<>> {
    let entries = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .filter_map(Result::ok)
        .filter(wanted);
    let mut files: Vec<_> = entries
        .filter_map(|entry| {
            let found = fs::metadata(entry.path()).ok()?;
            let written = (
                found.mtime(),
                found.mtime_nsec(),
                found.ctime(),
                found.ctime_nsec(),
            );
            Some((
                entry.file_name(),
                found.dev(),
                found.ino(),
                found.size(),
                written,
            ))
        })
        .collect();
    files.sort_unstable();
    files
}

#[cfg(test)]
mod tests;
