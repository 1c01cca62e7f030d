//! Taking away what is stored at a path, with everything below it, whatever records and permissions
//! say.
//!
//! From the leaves up, with one page of names for each level. Links are removed and never entered;
//! what somebody else removed meanwhile is fine.

use std::collections::VecDeque;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::storage::{Condition, DirectoryEntry, EntryKind, Storage};

use crate::Engine;

/// How many names are fetched at a time.
const PAGE: u32 = 256;
/// How often a directory is emptied again while other programs fill it.
const ATTEMPTS: usize = 4;

/// A directory that is being emptied.
struct RemovalLevel {
    path: String,
    after: Option<String>,
    more: bool,
    entries: VecDeque<DirectoryEntry>,
    attempts: usize,
    /// Something in it stays.
    stays: bool,
}

/// Removes what is at a path, or with `inside` only what is in the directory there. Answers whether
/// all of it could be: a directory with names that its storage keeps and never lists stays, and so
/// do those above it. Now and then it asks whether the lock is still held.
pub(super) async fn remove(
    engine: &Engine,
    lock: &Guard,
    storage: &dyn Storage,
    path: &str,
    inside: bool,
) -> Result<bool> {
    engine.confirm(lock).await?;
    if !inside {
        // A link is an object here, wherever it leads; what a directory is says the storage itself.
        match storage.remove(path, Condition::Always).await {
            Err(error) if !is_no_object(error.kind()) => return Err(error),
            _ => {}
        }
    }
    match storage.stat(path).await {
        Ok(attributes) if attributes.kind == EntryKind::Directory => {}
        Ok(_) => return Ok(false),
        Err(error) if is_gone(error.kind()) => return Ok(true),
        Err(error) => return Err(error),
    }
    let mut whole = true;
    let mut removed = 0;
    let mut levels = vec![RemovalLevel::new(path.to_owned())];
    while let Some(level) = levels.last_mut() {
        if let Some(entry) = level.next(storage).await? {
            let path = format!("{}/{}", level.path, entry.name);
            if entry.attributes.kind == EntryKind::Directory && !entry.link {
                levels.push(RemovalLevel::new(path));
            } else {
                removed += 1;
                if removed % PAGE == 0 {
                    engine.confirm(lock).await?;
                }
                match storage.remove(&path, Condition::Always).await {
                    Err(error) if !is_gone(error.kind()) => return Err(error),
                    _ => {}
                }
            }
            continue;
        }
        if inside && levels.len() == 1 {
            break;
        }
        let Some(level) = levels.pop() else { break };
        match leave(storage, level).await? {
            Emptied::Gone => {}
            Emptied::Again(level) => levels.push(level),
            Emptied::Stays => {
                whole = false;
                levels
                    .iter_mut()
                    .rev()
                    .take(1)
                    .for_each(|above| above.stays = true);
            }
        }
    }
    Ok(whole)
}

/// What became of a directory that was emptied.
enum Emptied {
    Gone,
    Again(RemovalLevel),
    Stays,
}

async fn leave(storage: &dyn Storage, level: RemovalLevel) -> Result<Emptied> {
    if storage.abilities().implicit_directories {
        return Ok(Emptied::Gone);
    }
    if level.stays {
        return Ok(Emptied::Stays);
    }
    match storage.remove_directory(&level.path).await {
        Ok(()) => Ok(Emptied::Gone),
        Err(error) if is_gone(error.kind()) => Ok(Emptied::Gone),
        Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
            let mut again = RemovalLevel::new(level.path);
            again.attempts = level.attempts + 1;
            again.fill(storage).await?;
            if again.entries.is_empty() {
                Ok(Emptied::Stays)
            } else if again.attempts >= ATTEMPTS {
                Err(error)
            } else {
                Ok(Emptied::Again(again))
            }
        }
        Err(error) => Err(error),
    }
}

impl RemovalLevel {
    fn new(path: String) -> Self {
        Self {
            path,
            after: None,
            more: true,
            entries: VecDeque::new(),
            attempts: 0,
            stays: false,
        }
    }

    async fn next(&mut self, storage: &dyn Storage) -> Result<Option<DirectoryEntry>> {
        while self.entries.is_empty() && self.more {
            self.fill(storage).await?;
        }
        Ok(self.entries.pop_front())
    }

    async fn fill(&mut self, storage: &dyn Storage) -> Result<()> {
        match storage.list(&self.path, self.after.as_deref(), PAGE).await {
            Ok(page) => {
                self.more = page.more && !page.entries.is_empty();
                self.after = page
                    .entries
                    .last()
                    .map(|entry| entry.name.clone())
                    .or(self.after.take());
                self.entries = page.entries.into();
            }
            Err(error) if is_gone(error.kind()) => self.more = false,
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}

fn is_no_object(kind: ErrorKind) -> bool {
    is_gone(kind) || kind == ErrorKind::IsADirectory
}
