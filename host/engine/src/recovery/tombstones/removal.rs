//! Taking away what was meant when a tombstone began, and nothing else, whatever permissions say.
//!
//! Other programs may have changed what is stored there since, while no gateway was running. So
//! each object is compared with what is known of those that are to be removed:
//!
//! - Of what is being built is removed what a record below the tombstone is of. Names are recorded
//!   before anything is stored under them; files that their storage stages, by their objects.
//! - Of what a move left behind are removed the directories that are recorded, which the move saw
//!   to, and the files in them that were not changed later than the last one that was moved. Where
//!   no such time is kept, those that are not known to be others than the recorded ones.
//!
//! Where a storage does not tell its objects apart, names decide. What is not removed stays with
//! everything in it, and so do the directories around it.
//!
//! From the leaves up, with one page of names for each level. Links are removed and never entered;
//! what somebody else removed meanwhile is fine.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use callfs_model::error::{ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::Record;
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, Condition, DirectoryEntry, EntryKind, Storage};

use crate::Engine;
use crate::lookup::object::{ObjectMatch, named};

/// How many names are fetched at a time.
const PAGE: u32 = 256;
/// How often a directory is emptied again while other programs fill it.
const ATTEMPTS: usize = 4;

/// One removal under way.
pub(super) struct Clearance<'a> {
    engine: &'a Engine,
    lock: &'a Guard,
    storage: &'a dyn Storage,
    /// Of what a move left behind: when the last of its files was changed.
    newest: Option<i64>,
    removed: u32,
    left: Leftover,
}

/// What was not removed.
#[derive(Default)]
pub(super) struct Leftover {
    /// The first that was not meant, and why.
    pub(super) foreign: Option<(String, NotMeant)>,
    /// How many there are, each with everything in it.
    pub(super) count: u64,
    /// A directory with names that its storage keeps and never lists stays, and so do those above.
    pub(super) unlisted: bool,
}

/// Why an object is not one of those that were to be removed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum NotMeant {
    Unrecorded,
    Replaced,
    ChangedLater,
}

/// A directory that is being emptied.
struct RemovalLevel {
    directory: FilePath,
    /// In its storage.
    path: String,
    after: Option<String>,
    more: bool,
    entries: VecDeque<DirectoryEntry>,
    /// What is recorded of these.
    records: BTreeMap<String, Record>,
    attempts: usize,
    /// Something in it stays.
    stays: bool,
}

/// What became of a directory that was emptied.
enum Emptied {
    Gone,
    Again(RemovalLevel),
    Stays,
}

impl NotMeant {
    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Unrecorded => "it is not recorded",
            Self::Replaced => "it is another one than the recorded one",
            Self::ChangedLater => "it was changed later than what was moved",
        }
    }
}

impl<'a> Clearance<'a> {
    pub(super) fn new(
        engine: &'a Engine,
        lock: &'a Guard,
        storage: &'a dyn Storage,
        newest: Option<i64>,
    ) -> Self {
        Self {
            engine,
            lock,
            storage,
            newest,
            removed: 0,
            left: Leftover::default(),
        }
    }

    /// Removes what is at a path, or with `inside` only what is in the directory there. Now and
    /// then it asks whether the lock is still held.
    pub(super) async fn run(
        mut self,
        path: &FilePath,
        rest: &str,
        inside: bool,
    ) -> Result<Leftover> {
        self.engine.confirm(self.lock).await?;
        let attributes = match self.storage.stat(rest).await {
            Ok(attributes) => attributes,
            Err(error) if is_gone(error.kind()) => return Ok(self.left),
            Err(error) => return Err(error),
        };
        let record = self.engine.metadata.get(path).await?;
        let record = record.as_deref();
        let why = if inside {
            let is_another =
                record.is_some_and(|one| self.is(one, &attributes) == ObjectMatch::Another);
            (is_another || attributes.kind != EntryKind::Directory).then_some(NotMeant::Replaced)
        } else {
            self.not_meant(record, &attributes, false)
        };
        if let Some(why) = why {
            self.stays(path.to_string(), why);
            return Ok(self.left);
        }
        if attributes.kind != EntryKind::Directory {
            return match self.storage.remove(rest, Condition::Always).await {
                Err(error) if !is_gone(error.kind()) => Err(error),
                _ => Ok(self.left),
            };
        }
        self.empty(RemovalLevel::new(path.clone(), rest.to_owned()), inside)
            .await?;
        Ok(self.left)
    }

    async fn empty(&mut self, top: RemovalLevel, inside: bool) -> Result<()> {
        let mut levels = vec![top];
        while let Some(level) = levels.last_mut() {
            if let Some(entry) = self.next(level).await? {
                if let Some(below) = self.take(level, entry).await? {
                    levels.push(below);
                }
                continue;
            }
            if inside && levels.len() == 1 {
                break;
            }
            let Some(level) = levels.pop() else { break };
            match self.leave(level).await? {
                Emptied::Gone => {}
                Emptied::Again(level) => levels.push(level),
                Emptied::Stays => levels
                    .iter_mut()
                    .rev()
                    .take(1)
                    .for_each(|above| above.stays = true),
            }
        }
        Ok(())
    }

    /// Removes a name, if it is meant; answers a directory that is to be emptied first.
    async fn take(
        &mut self,
        level: &mut RemovalLevel,
        entry: DirectoryEntry,
    ) -> Result<Option<RemovalLevel>> {
        let path = format!("{}/{}", level.path, entry.name);
        let record = level.records.get(&entry.name);
        let why = self.not_meant(record, &entry.attributes, entry.link);
        let directory = match (level.directory.join(&entry.name), why) {
            (Ok(directory), None) => directory,
            // Nothing that was built or moved has a name that no path can have.
            (_, why) => {
                level.stays = true;
                let shown = format!("{}/{}", level.directory, entry.name);
                self.stays(shown, why.unwrap_or(NotMeant::Unrecorded));
                return Ok(None);
            }
        };
        if entry.attributes.kind == EntryKind::Directory {
            return Ok(Some(RemovalLevel::new(directory, path)));
        }
        self.removed += 1;
        if self.removed.is_multiple_of(PAGE) {
            self.engine.confirm(self.lock).await?;
        }
        match self.storage.remove(&path, Condition::Always).await {
            Err(error) if !is_gone(error.kind()) => Err(error),
            _ => Ok(None),
        }
    }

    /// Why an object is not to be removed, if it is not.
    fn not_meant(
        &self,
        record: Option<&Record>,
        attributes: &Attributes,
        link: bool,
    ) -> Option<NotMeant> {
        let is_directory = match attributes.kind {
            EntryKind::Directory => true,
            EntryKind::File => false,
            // Neither is ever made or moved.
            EntryKind::Special => return Some(NotMeant::Unrecorded),
        };
        let record = record.filter(|record| record.content.is_none() == is_directory);
        let what = record.map(|record| self.is(record, attributes));
        let recorded = match what {
            None => Err(NotMeant::Unrecorded),
            Some(ObjectMatch::Another) => Err(NotMeant::Replaced),
            Some(_) => Ok(()),
        };
        let Some(newest) = self.newest else {
            return recorded.err().or(link.then_some(NotMeant::Unrecorded));
        };
        if is_directory {
            let by_name = attributes.object.is_none() || self.storage.identity().is_none();
            return match what {
                // A move goes into no link to a directory.
                _ if link => Some(NotMeant::Unrecorded),
                _ if by_name => None,
                Some(ObjectMatch::Unknown) => Some(NotMeant::Unrecorded),
                _ => recorded.err(),
            };
        }
        // What took the place of a recorded file before the move was adopted and moved.
        match (attributes.changed, recorded) {
            (Some(changed), _) => (changed > newest).then_some(NotMeant::ChangedLater),
            (None, Err(NotMeant::Replaced)) => Some(NotMeant::Replaced),
            (None, _) => None,
        }
    }

    fn is(&self, record: &Record, attributes: &Attributes) -> ObjectMatch {
        named(record, self.storage.identity(), attributes)
    }

    fn stays(&mut self, path: String, why: NotMeant) {
        self.left.foreign.get_or_insert((path, why));
        self.left.count += 1;
    }

    async fn leave(&mut self, level: RemovalLevel) -> Result<Emptied> {
        if self.storage.abilities().implicit_directories {
            return Ok(Emptied::Gone);
        }
        if level.stays {
            return Ok(Emptied::Stays);
        }
        match self.storage.remove_directory(&level.path).await {
            Ok(()) => Ok(Emptied::Gone),
            Err(error) if is_gone(error.kind()) => Ok(Emptied::Gone),
            Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                let mut again = RemovalLevel::new(level.directory, level.path);
                again.attempts = level.attempts + 1;
                self.fill(&mut again).await?;
                if again.entries.is_empty() {
                    self.left.unlisted = true;
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

    async fn next(&self, level: &mut RemovalLevel) -> Result<Option<DirectoryEntry>> {
        while level.entries.is_empty() && level.more {
            self.fill(level).await?;
        }
        Ok(level.entries.pop_front())
    }

    async fn fill(&self, level: &mut RemovalLevel) -> Result<()> {
        let after = level.after.take();
        let listed = self.storage.list(&level.path, after.as_deref(), PAGE);
        let page = match listed.await {
            Ok(page) => page,
            Err(error) if is_gone(error.kind()) => {
                level.more = false;
                return Ok(());
            }
            Err(error) => return Err(error),
        };
        level.more = page.more && !page.entries.is_empty();
        level.entries = page.entries.into();
        level.records = self
            .records(&level.directory, after.clone(), &level.entries)
            .await?;
        let last = level.entries.back().map(|entry| entry.name.clone());
        level.after = last.or(after);
        Ok(())
    }

    /// What is recorded of a page of names, which come after a name.
    async fn records(
        &self,
        directory: &FilePath,
        mut after: Option<String>,
        entries: &VecDeque<DirectoryEntry>,
    ) -> Result<BTreeMap<String, Record>> {
        let names: BTreeSet<&str> = entries.iter().map(|entry| entry.name.as_str()).collect();
        let mut records = BTreeMap::new();
        let Some(end) = names.last() else {
            return Ok(records);
        };
        loop {
            let page = self
                .engine
                .metadata
                .children(directory, after.as_deref(), PAGE)
                .await?;
            let Some(last) = page.last().map(|record| record.path.name().to_owned()) else {
                return Ok(records);
            };
            let of_names = page
                .into_iter()
                .filter(|record| names.contains(record.path.name()));
            records.extend(of_names.map(|record| (record.path.name().to_owned(), record)));
            if last.as_str() >= *end {
                return Ok(records);
            }
            after = Some(last);
        }
    }
}

impl RemovalLevel {
    fn new(directory: FilePath, path: String) -> Self {
        Self {
            directory,
            path,
            after: None,
            more: true,
            entries: VecDeque::new(),
            records: BTreeMap::new(),
            attempts: 0,
            stays: false,
        }
    }
}

fn is_gone(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::NotFound | ErrorKind::NotADirectory)
}
