//! One directory: the names that its storage lists, the records of its children and the mounts in
//! it, merged in byte order of the names.

use std::collections::VecDeque;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::Record;
use callfs_model::path::FilePath;
use callfs_model::storage::{DirectoryEntry, Storage};

use crate::Engine;

/// How many names or records are fetched at a time.
pub(super) const PAGE: u32 = 256;

/// A directory whose names are still to come.
pub(super) struct FsckLevel {
    pub(super) directory: FilePath,
    storage: Option<Arc<dyn Storage>>,
    entries: Paged<DirectoryEntry>,
    records: Paged<Record>,
    mounts: VecDeque<String>,
}

/// A name, wherever it is known.
pub(super) struct Name {
    pub(super) name: String,
    pub(super) entry: Option<DirectoryEntry>,
    pub(super) record: Option<Record>,
    /// Something is mounted there or further down.
    pub(super) mounted: bool,
}

/// What comes next.
pub(super) enum LevelStep {
    Name(Box<Name>),
    End,
    /// The storage does not tell.
    Unasked(Error),
}

struct Paged<T> {
    page: VecDeque<T>,
    after: Option<String>,
    more: bool,
}

impl<T> Paged<T> {
    fn new() -> Self {
        Self {
            page: VecDeque::new(),
            after: None,
            more: true,
        }
    }

    fn none() -> Self {
        Self {
            more: false,
            ..Self::new()
        }
    }

    fn is_due(&self) -> bool {
        self.page.is_empty() && self.more
    }
}

impl FsckLevel {
    pub(super) fn new(engine: &Engine, directory: FilePath) -> Self {
        let mounts = engine
            .mounts
            .names_in(&directory)
            .into_iter()
            .map(Into::into)
            .collect();
        let storage = engine
            .mounts
            .owner(&directory)
            .map(|(mount, _)| mount.storage());
        Self {
            directory,
            storage,
            entries: Paged::new(),
            records: Paged::new(),
            mounts,
        }
    }

    /// Whether a directory here is a prefix, which exists by what is in it or by its record.
    pub(super) fn is_implicit(&self) -> bool {
        self.storage
            .as_ref()
            .is_some_and(|storage| storage.abilities().implicit_directories)
    }

    /// The next name. Fails if the metadata store does not answer.
    pub(super) async fn next(&mut self, engine: &Engine) -> Result<LevelStep> {
        if let Err(error) = self.fetch_entries(engine).await {
            return Ok(LevelStep::Unasked(error));
        }
        self.fetch_records(engine).await?;
        let stored = self.entries.page.front().map(|entry| entry.name.as_str());
        let recorded = self.records.page.front().map(|record| record.path.name());
        let mounted = self.mounts.front().map(String::as_str);
        let Some(name) = [stored, recorded, mounted]
            .into_iter()
            .flatten()
            .min()
            .map(ToOwned::to_owned)
        else {
            return Ok(LevelStep::End);
        };
        let entry = self.entries.page.pop_front_if(|entry| entry.name == name);
        let record = self
            .records
            .page
            .pop_front_if(|record| record.path.name() == name);
        let mounted = self
            .mounts
            .pop_front_if(|mounted| *mounted == name)
            .is_some();
        Ok(LevelStep::Name(Box::new(Name {
            name,
            entry,
            record,
            mounted,
        })))
    }

    /// Whether its storage lists nothing in it, before anything of it was taken. One that does not
    /// tell is not empty.
    pub(super) async fn is_empty(&mut self, engine: &Engine) -> bool {
        self.fetch_entries(engine).await.is_ok() && self.entries.page.is_empty()
    }

    /// Leaves nothing of it but what other storages hold: its own does not tell.
    pub(super) fn keep_mounts(&mut self) {
        (self.entries, self.records) = (Paged::none(), Paged::none());
    }

    async fn fetch_entries(&mut self, engine: &Engine) -> Result<()> {
        while self.entries.is_due() {
            let (Some(storage), Some((mount, rest))) =
                (&self.storage, engine.mounts.owner(&self.directory))
            else {
                self.entries.more = false;
                return Ok(());
            };
            let page = match storage
                .list(rest, self.entries.after.as_deref(), PAGE)
                .await
            {
                Ok(page) => page,
                // A mount that has no folder holds nothing for now; that is not to say that all of
                // it was removed.
                Err(error)
                    if mount.path == self.directory
                        && !storage.abilities().implicit_directories =>
                {
                    return Err(error);
                }
                // It vanished, or exists only by mounts and records.
                Err(error)
                    if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
                {
                    self.entries.more = false;
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let last = page.entries.last().map(|entry| entry.name.clone());
            self.entries.more = page.more && last.is_some();
            self.entries.after = last.or_else(|| self.entries.after.take());
            let view = engine.tombstones.view();
            let exists = |entry: &DirectoryEntry| {
                !self
                    .directory
                    .join(&entry.name)
                    .is_ok_and(|path| view.hides(&path))
            };
            self.entries.page = page.entries.into_iter().filter(exists).collect();
        }
        Ok(())
    }

    async fn fetch_records(&mut self, engine: &Engine) -> Result<()> {
        while self.records.is_due() {
            let page = engine
                .metadata
                .children(&self.directory, self.records.after.as_deref(), PAGE)
                .await?;
            self.records.more = page.len() >= PAGE as usize;
            self.records.after = page.last().map(|record| record.path.name().to_owned());
            let view = engine.tombstones.view();
            self.records.page = page
                .into_iter()
                .filter(|record| !view.hides(&record.path))
                .collect();
        }
        Ok(())
    }
}
