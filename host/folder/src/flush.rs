//! When what was changed in a folder is on the disk: before each change is acknowledged, or soon
//! after, all of it at once.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callfs_model::storage::Durability;
use rustix::fs::{Mode, OFlags, fsync, openat, syncfs};
use rustix::io::{Errno, retry_on_intr};
use tokio::runtime::Handle;

/// How long a relaxed change waits for others before all of them are flushed.
const DELAY: Duration = Duration::from_millis(500);

/// How the changes of a folder get to the disk.
pub(super) enum FolderFlush {
    /// Each by itself, before it is acknowledged.
    Strict,
    /// In the background.
    Relaxed(Arc<BackgroundFlush>),
}

/// The filesystem of a folder, and whether it may hold changes that are not on the disk.
pub(super) struct BackgroundFlush {
    folder: OwnedFd,
    pending: AtomicBool,
}

impl FolderFlush {
    pub(super) fn new(folder: BorrowedFd<'_>, durability: Durability) -> Result<Self, Errno> {
        if durability == Durability::Strict {
            return Ok(Self::Strict);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        Ok(Self::Relaxed(Arc::new(BackgroundFlush {
            folder: openat(folder, ".", flags, Mode::empty())?,
            pending: AtomicBool::new(false),
        })))
    }

    pub(super) fn durability(&self) -> Durability {
        match self {
            Self::Strict => Durability::Strict,
            Self::Relaxed(_) => Durability::Relaxed,
        }
    }

    /// Called after a file or a directory was changed, before that is acknowledged.
    pub(super) fn changed(&self, what: impl AsFd) -> Result<(), Errno> {
        match self {
            Self::Strict => retry_on_intr(|| fsync(&what)),
            Self::Relaxed(background) => {
                background.schedule();
                Ok(())
            }
        }
    }

    /// Returns once every change that was acknowledged is on the disk. It may wait for the disk.
    pub(super) fn flush(&self) -> Result<(), Errno> {
        match self {
            Self::Strict => Ok(()),
            Self::Relaxed(background) => background.flush(),
        }
    }
}

impl BackgroundFlush {
    fn schedule(self: &Arc<Self>) {
        if self.pending.swap(true, Ordering::SeqCst) {
            return;
        }
        let background = self.clone();
        // Changes are made on threads of the runtime.
        Handle::current().spawn(async move {
            tokio::time::sleep(DELAY).await;
            let flush = move || {
                if let Err(error) = background.flush() {
                    tracing::error!(
                        %error,
                        "a served folder cannot be flushed; a power loss may undo its last changes"
                    );
                }
            };
            // Ends with the runtime, and is made up for when the folder is dropped.
            let _ = tokio::task::spawn_blocking(flush).await;
        });
    }

    fn flush(&self) -> Result<(), Errno> {
        // A change that comes now may be too late for this flush, and schedules the next one.
        self.pending.store(false, Ordering::SeqCst);
        retry_on_intr(|| syncfs(&self.folder))
    }
}

impl Drop for BackgroundFlush {
    fn drop(&mut self) {
        if self.pending.load(Ordering::SeqCst)
            && let Err(error) = self.flush()
        {
            tracing::error!(
                %error,
                "a folder that is no longer served cannot be flushed; a power loss may undo its \
                 last changes"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use callfs_model::storage::Condition;

    use super::*;
    use crate::{Folder, FolderAccess, FolderOptions};

    fn is_pending(folder: &Folder) -> bool {
        match &folder.flush {
            FolderFlush::Strict => false,
            FolderFlush::Relaxed(background) => background.pending.load(Ordering::SeqCst),
        }
    }

    fn opened(host: &tempfile::TempDir, durability: Durability) -> Arc<Folder> {
        let options = FolderOptions {
            access: FolderAccess::ReadWrite,
            make: false,
            metadata: None,
            durability,
        };
        Folder::open_with(host.path(), &options).expect("opens")
    }

    #[tokio::test]
    async fn each_kind_of_change_is_flushed_soon() {
        let host = tempfile::tempdir().expect("a folder");
        let folder = opened(&host, Durability::Relaxed);
        assert_eq!(folder.durability(), Durability::Relaxed);
        for step in 0..6 {
            match step {
                0 => {
                    let body = "bytes".into();
                    let write = folder.write("a", body, Condition::Always, None);
                    let staged = write.expect("begins").stage().await.expect("stages");
                    assert!(is_pending(&folder), "the bytes");
                    staged.publish(Condition::Always).await.map(drop)
                }
                1 => folder.make("d", None).await.map(drop),
                2 => folder.rename("a", "d/a", Condition::Always).await,
                3 => {
                    let copy = folder.copy("d/a", "b", Condition::Always);
                    let staged = copy.expect("begins").stage().await.expect("stages");
                    staged.publish(Condition::Always).await.map(drop)
                }
                4 => folder.remove_file("d/a", Condition::Always).await,
                _ => folder.remove_directory("d").await,
            }
            .expect("carried out");
            assert!(is_pending(&folder), "step {step}");
            let flushed = async {
                while is_pending(&folder) {
                    tokio::task::yield_now().await;
                }
            };
            tokio::time::timeout(20 * DELAY, flushed)
                .await
                .expect("flushed");
        }
    }

    #[tokio::test]
    async fn a_flush_on_request_takes_everything_along() {
        let host = tempfile::tempdir().expect("a folder");
        let folder = opened(&host, Durability::Relaxed);
        folder.make("d", None).await.expect("made");
        folder.flush().await.expect("flushed");
        assert!(!is_pending(&folder));
    }

    #[tokio::test]
    async fn a_strict_folder_has_nothing_to_flush_later() {
        let host = tempfile::tempdir().expect("a folder");
        let folder = opened(&host, Durability::Strict);
        assert_eq!(folder.durability(), Durability::Strict);
        folder.make("d", None).await.expect("made");
        assert!(!is_pending(&folder));
        folder.flush().await.expect("nothing to do");
    }
}
