//! The folder of a node: which file is the log, which one the state, and which one the snapshot.
//!
//! A state file is never replaced, because SQLite keeps a log of its own beside it: a new state has
//! a new number, and is there under its name only when it is complete and on disk. The one with the
//! highest number holds.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use callfs_model::error::{Error, ErrorKind, Result};

use super::failure::cannot;

#[derive(Clone)]
pub(super) struct RaftFolder {
    path: PathBuf,
    /// Held as long as anybody uses the folder.
    _lock: Arc<File>,
}

impl RaftFolder {
    /// The folder, made if it is missing, for this process only.
    pub(super) fn open(path: &Path) -> Result<Self> {
        let path = std::path::absolute(path).map_err(|cause| cannot("find", path, cause))?;
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
        made.map_err(|cause| cannot("make the folder", &path, cause))?;
        let name = path.join("lock");
        let lock = create(&name).map_err(|cause| cannot("open", &name, cause))?;
        match lock.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                let message = format!(
                    "another process uses {}; give each node a folder of its own",
                    path.display()
                );
                return Err(Error::new(ErrorKind::BackendUnavailable, message));
            }
            Err(TryLockError::Error(cause)) => return Err(cannot("lock", &name, cause)),
        }
        let folder = Self {
            path,
            _lock: Arc::new(lock),
        };
        folder
            .tidy()
            .map_err(|cause| cannot("tidy", &folder.path, cause))?;
        Ok(folder)
    }

    /// The file of the log, there.
    pub(super) fn log(&self) -> Result<PathBuf> {
        let path = self.path.join("log.db");
        create(&path).map_err(|cause| cannot("open", &path, cause))?;
        Ok(path)
    }

    /// The file of the state, there; empty if there was none.
    pub(super) fn state(&self) -> io::Result<PathBuf> {
        let path = match self.states()?.last() {
            Some((_, path)) => path.clone(),
            None => self.path.join("state-1.db"),
        };
        create(&path)?;
        Ok(path)
    }

    /// Makes what is in a file the state from now on, and answers where it is.
    pub(super) fn replace_state(&self, with: &Path) -> io::Result<PathBuf> {
        let last = self.states()?.last().map_or(0, |(number, _)| *number);
        let path = self.path.join(format!("state-{}.db", last + 1));
        let unfinished = self.unfinished("state");
        io::copy(&mut File::open(with)?, &mut create(&unfinished)?)?;
        self.finish(&unfinished, &path)?;
        Ok(path)
    }

    /// Forgets the states before this one. Who still reads them may go on.
    pub(super) fn forget_states_before(&self, state: &Path) {
        for (_, older) in self
            .states()
            .unwrap_or_default()
            .into_iter()
            .take_while(|(_, path)| path != state)
        {
            for ending in ["", "-wal", "-shm"] {
                // What stays behind is removed when the folder is opened again.
                let _ = fs::remove_file(format!("{}{ending}", older.display()));
            }
        }
    }

    /// The snapshot that holds, and its name: the one of the latest entry.
    pub(super) fn snapshot(&self) -> io::Result<Option<(String, PathBuf)>> {
        Ok(self.snapshots()?.pop().map(|(.., id, path)| (id, path)))
    }

    /// A file that is complete becomes a snapshot; its name begins with the number of its last
    /// entry. Those that are older than another are gone.
    pub(super) fn finish_snapshot(&self, unfinished: &Path, id: &str) -> io::Result<()> {
        self.finish(unfinished, &self.path.join(format!("snapshot-{id}.db")))?;
        let mut snapshots = self.snapshots()?;
        snapshots.pop();
        for (.., path) in snapshots {
            match fs::remove_file(path) {
                Err(cause) if cause.kind() != io::ErrorKind::NotFound => return Err(cause),
                _ => {}
            }
        }
        Ok(())
    }

    /// The latest last.
    fn snapshots(&self) -> io::Result<Vec<(u64, SystemTime, String, PathBuf)>> {
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if let Some(id) = between(&entry.file_name().to_string_lossy(), "snapshot-", ".db") {
                let index = id
                    .split('-')
                    .next()
                    .and_then(|index| index.parse().ok())
                    .unwrap_or_default();
                found.push((
                    index,
                    entry.metadata()?.modified()?,
                    id.to_owned(),
                    entry.path(),
                ));
            }
        }
        found.sort();
        Ok(found)
    }

    /// A name for a file that is not complete; whatever has such a name is removed when the folder
    /// is opened again.
    pub(super) fn unfinished(&self, what: &str) -> PathBuf {
        let mut number = [0; 8];
        // Without randomness the name is one that was used before, at worst, and making the file
        // fails or empties it.
        let _ = getrandom::fill(&mut number);
        self.path
            .join(format!("{what}-{}.unfinished", hex::encode(number)))
    }

    /// Gives a file its name once it is on disk.
    fn finish(&self, unfinished: &Path, path: &Path) -> io::Result<()> {
        File::open(unfinished)?.sync_all()?;
        fs::rename(unfinished, path)?;
        File::open(&self.path)?.sync_all()
    }

    /// States by number.
    fn states(&self) -> io::Result<Vec<(u64, PathBuf)>> {
        let mut states = Vec::new();
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            let number = between(&entry.file_name().to_string_lossy(), "state-", ".db")
                .and_then(|n| n.parse().ok());
            states.extend(number.map(|number: u64| (number, entry.path())));
        }
        states.sort();
        Ok(states)
    }

    fn tidy(&self) -> io::Result<()> {
        for entry in fs::read_dir(&self.path)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().contains(".unfinished") {
                fs::remove_file(entry.path())?;
            }
        }
        if let Some((_, last)) = self.states()?.last() {
            self.forget_states_before(last);
        }
        Ok(())
    }
}

/// A file for this user only, there.
pub(super) fn create(path: &Path) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(path)
}

fn between<'a>(text: &'a str, before: &str, after: &str) -> Option<&'a str> {
    text.strip_prefix(before)?.strip_suffix(after)
}
