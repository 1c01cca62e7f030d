//! What is directly in a directory, in byte order of the names: its storage's entries with their
//! records, and mounts.
//!
//! Pages are fetched as they are needed, so a directory of any size takes the memory of one page,
//! or of two where the next one is fetched while the reader takes this one. A record without an
//! object is passed over, except where a record is what makes an empty directory exist.
//!
//! All pages are of one directory: a page of another one that took its place is not taken. Where a
//! page could not be had of the directory, the names end, and [`Children::is_in_doubt`] says that
//! this may not be the end of the directory.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::Record;
use callfs_model::path::FilePath;
use callfs_model::request;
use callfs_model::storage::{Attributes, DirectoryEntry, EntryKind, ListingPage, Storage};
use tokio::task::JoinSet;

use crate::Engine;
use crate::failure::about;
use crate::lookup::name_order::just_before;
use crate::lookup::object::ObjectMatch;
use crate::lookup::path::{LookupTarget, bare_directory};
use crate::lookup::presence::ListedDirectory;
use crate::recovery::tombstones::View;

/// How old a page may be that was fetched ahead; what it says of objects is as old.
const AHEAD: Duration = Duration::from_secs(1);

/// One name in a directory.
pub(crate) struct Child {
    pub(crate) path: FilePath,
    pub(crate) target: LookupTarget,
    /// A symbolic link.
    pub(crate) link: bool,
}

/// The names in a directory that are still to come.
pub(crate) struct Children {
    directory: FilePath,
    /// The name of the directory, once that is known: see [`ListedDirectory`].
    object: Option<String>,
    /// A page was not of this directory, or there was none.
    in_doubt: bool,
    page: u32,
    pages: u64,
    entries: Fetched<DirectoryEntry>,
    records: Fetched<Record>,
    mounts: VecDeque<String>,
    /// What lists them: the same from the first to the last, whatever takes its place meanwhile.
    storage: Option<Arc<dyn Storage>>,
    /// In which nothing here was moving; none once something was.
    still: Option<View>,
    /// Something was passed over because no path can have its name.
    pub(crate) passed_over: bool,
    /// Whether the next page is fetched while this one is taken.
    pub(crate) reads_ahead: bool,
    ahead: Option<PageAhead>,
}

/// A page on its way, which is given up when this is dropped.
struct PageAhead {
    page: JoinSet<Result<ListingPage>>,
    begun: Instant,
    /// Before it was asked for.
    view: View,
}

impl Child {
    /// Whether a walk goes into it: a directory, and no link to one.
    pub(crate) fn is_enterable(&self) -> bool {
        self.target.attributes.kind == EntryKind::Directory && !self.link
    }
}

impl Engine {
    /// One name in a directory, as a listing shows it.
    pub(crate) async fn child(&self, directory: &FilePath, name: &str) -> Result<Option<Child>> {
        let mut children = Children::new(self, directory.clone(), just_before(name), 1);
        loop {
            match children.next(self).await? {
                Some(child) if child.path.name() < name => {}
                found => return Ok(found.filter(|child| child.path.name() == name)),
            }
        }
    }
}

/// A page of something ordered by name, and where the next one starts.
struct Fetched<T> {
    page: VecDeque<T>,
    after: Option<String>,
    more: bool,
}

impl Children {
    /// Those whose names are greater than `after`, fetched in pages of at most `page`.
    pub(crate) fn new(
        engine: &Engine,
        directory: FilePath,
        after: Option<String>,
        page: u32,
    ) -> Self {
        let names = engine.mounts.names_in(&directory).into_iter();
        let mounts = names
            .filter(|name| after.as_deref().is_none_or(|after| *name > after))
            .map(Into::into)
            .collect();
        let entries = Fetched::starting(after.clone());
        let records = Fetched::starting(after);
        let storage = engine
            .mounts
            .owner(&directory)
            .map(|(mount, _)| mount.storage());
        Self {
            directory,
            object: None,
            in_doubt: false,
            page,
            pages: 0,
            entries,
            records,
            mounts,
            storage,
            still: Some(engine.tombstones.view()),
            passed_over: false,
            reads_ahead: false,
            ahead: None,
        }
    }

    /// Takes the next page, which was fetched.
    pub(crate) fn go_on_with(&mut self, page: ListingPage) {
        let last = page.entries.last().map(|entry| entry.name.clone());
        self.entries.took(page.entries, last, page.more);
    }

    /// The same of this directory alone, and of no other that takes its place.
    pub(crate) fn only_of(self, object: Option<String>) -> Self {
        Self { object, ..self }
    }

    /// Where they are.
    pub(crate) fn directory(&self) -> &FilePath {
        &self.directory
    }

    /// What they are of.
    pub(crate) fn listed(&self) -> ListedDirectory {
        ListedDirectory {
            path: self.directory.clone(),
            object: self.object.clone(),
        }
    }

    /// Whether the names ended because a page could not be had of this directory: it may be gone,
    /// or another one may be in its place.
    pub(crate) fn is_in_doubt(&self) -> bool {
        self.in_doubt
    }

    /// About how many bytes of memory those take that were fetched.
    pub(crate) fn held(&self) -> usize {
        // What belongs to one of them elsewhere: its name, and the texts of its attributes.
        const TEXTS: usize = 256;
        let entries = &self.entries.page;
        let records = &self.records.page;
        let path = self.directory.as_str().len();
        let ahead = self.ahead.as_ref().map_or(0, |_| self.page as usize);
        ahead * (size_of::<DirectoryEntry>() + TEXTS)
            + entries.capacity() * size_of::<DirectoryEntry>()
            + entries.len() * TEXTS
            + records.capacity() * size_of::<Record>()
            + records.len() * (TEXTS + path)
    }

    /// Forgets what was fetched, and goes on after a name in the same storage.
    pub(crate) fn go_on_after(&mut self, engine: &Engine, after: Option<String>) {
        let fresh = Self::new(engine, self.directory.clone(), after, self.page);
        *self = Self {
            object: self.object.take(),
            pages: self.pages,
            storage: self.storage.take(),
            passed_over: self.passed_over,
            reads_ahead: self.reads_ahead,
            ..fresh
        };
    }

    /// How many pages were fetched.
    pub(crate) fn pages(&self) -> u64 {
        self.pages
    }

    /// The next one.
    pub(crate) async fn next(&mut self, engine: &Engine) -> Result<Option<Child>> {
        loop {
            self.fetch_entries(engine).await?;
            let stored = self.entries.page.front().map(|entry| entry.name.as_str());
            let mounted = self.mounts.front().map(String::as_str);
            let name = stored
                .into_iter()
                .chain(mounted)
                .min()
                .map(ToOwned::to_owned);
            let record = match self.record_before(engine, name.as_deref()).await? {
                Some(record) if Some(record.path.name()) != name.as_deref() => {
                    let path = record.path.clone();
                    let target = bare_directory();
                    let target = engine.target(&path, target, Some(record.into()));
                    return Ok(Some(Child {
                        path,
                        target,
                        link: false,
                    }));
                }
                record => record,
            };
            let Some(name) = name else { return Ok(None) };
            let entry = self.entries.page.pop_front_if(|entry| entry.name == name);
            let is_mounted = self
                .mounts
                .pop_front_if(|mounted| *mounted == name)
                .is_some();
            let Ok(path) = self.directory.join(&name) else {
                self.passed_over = true;
                tracing::debug!(directory = %self.directory, ?name, "a name that no path can have \
                    is not listed");
                continue;
            };
            let (mut attributes, mut link) =
                entry.map_or((bare_directory(), false), |e| (e.attributes, e.link));
            if is_mounted {
                (attributes, link) = (self.mounted(engine, &path, attributes).await, false);
            }
            let nothing_moves = self.nothing_moves(engine);
            let is_another =
                |record: &Record| engine.named(&path, record, &attributes) == ObjectMatch::Another;
            let target = if nothing_moves && !record.as_ref().is_some_and(is_another) {
                engine.target(&path, attributes, record.map(Into::into))
            } else {
                // The page of records may be older than the name.
                engine.judged_now(&path, attributes).await?
            };
            return Ok(Some(Child { path, target, link }));
        }
    }

    /// Whether nothing at, above or below the directory has moved since the first look.
    fn nothing_moves(&mut self, engine: &Engine) -> bool {
        let Some(before) = &self.still else {
            return false;
        };
        let now = engine.tombstones.view();
        let still =
            engine.tombstones.still(before, &self.directory) && !now.moves_near(&self.directory);
        self.still = still.then_some(now);
        still
    }

    /// The record of a name, or that of a directory before it which exists by its record alone.
    async fn record_before(
        &mut self,
        engine: &Engine,
        name: Option<&str>,
    ) -> Result<Option<Record>> {
        let implicit = self
            .storage
            .as_ref()
            .is_some_and(|storage| storage.abilities().implicit_directories);
        if name.is_none() && !implicit {
            return Ok(None);
        }
        loop {
            self.fetch_records(engine).await?;
            let wanted = |record: &mut Record| name.is_none_or(|name| record.path.name() <= name);
            let Some(record) = self.records.page.pop_front_if(wanted) else {
                return Ok(None);
            };
            let stands_alone = implicit && record.content.is_none();
            if stands_alone || name == Some(record.path.name()) {
                return Ok(Some(record));
            }
        }
    }

    /// What a name is that leads to a mount. A mount that does not answer is still listed.
    async fn mounted(
        &self,
        engine: &Engine,
        path: &FilePath,
        underneath: Attributes,
    ) -> Attributes {
        let is_mount_point = engine.mounts.iter().any(|mount| mount.path == *path);
        let attributes = if is_mount_point {
            engine.stored(path).await.unwrap_or_else(|error| {
                tracing::warn!(mount = %path, %error, "a mount does not answer and is listed as \
                    it is");
                None
            })
        } else {
            Some(underneath)
        };
        attributes
            .filter(|attributes| attributes.kind == EntryKind::Directory)
            .unwrap_or_else(bare_directory)
    }

    /// Fetches until there is something that exists, or nothing at all; each page is of one moment.
    async fn fetch_entries(&mut self, engine: &Engine) -> Result<()> {
        while self.entries.is_due() {
            let after = self.entries.after.clone();
            let view = self.fetch_entries_once(engine).await?;
            if !engine.tombstones.still(&view, &self.directory) {
                self.ahead = None;
                self.in_doubt = false;
                self.entries = Fetched::starting(after);
            } else if view.hides(&self.directory) {
                self.nothing_more();
            } else if view.len() > 0 {
                let exists = |name: &str| {
                    !self
                        .directory
                        .join(name)
                        .is_ok_and(|path| view.hides(&path))
                };
                self.entries.page.retain(|entry| exists(&entry.name));
            }
        }
        Ok(())
    }

    /// Answers in what state of the moves the page was asked for.
    async fn fetch_entries_once(&mut self, engine: &Engine) -> Result<View> {
        self.pages += 1;
        let view = engine.tombstones.view();
        let owner = engine.mounts.owner(&self.directory);
        let (Some(storage), Some((_, rest))) = (self.storage.clone(), owner) else {
            self.entries.more = false;
            return Ok(view);
        };
        let rest = rest.to_owned();
        let ahead = self.ahead.take();
        let (listed, view) = match ahead.filter(|ahead| ahead.begun.elapsed() < AHEAD) {
            Some(mut ahead) => {
                // The set holds one task.
                let page = match ahead.page.join_next().await {
                    Some(page) => page.map_err(Error::internal).flatten(),
                    None => Err(Error::internal("no page was asked for")),
                };
                (page, ahead.view)
            }
            None => {
                let after = self.entries.after.as_deref();
                (storage.list(&rest, after, self.page).await, view)
            }
        };
        match listed {
            Ok(page) => {
                if self.is_of_another(&page) {
                    self.nothing_more();
                    return Ok(view);
                }
                // Where directories are implied, this is also what a storage says of none.
                let implied = storage.abilities().implicit_directories;
                self.in_doubt |= implied && page.entries.is_empty() && self.entries.after.is_none();
                self.go_on_with(page);
                if self.reads_ahead && self.entries.more {
                    self.ahead = Some(self.ask_ahead(engine, storage, rest));
                }
                Ok(view)
            }
            // It vanished, or exists only by mounts and records.
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) =>
            {
                self.nothing_more();
                Ok(view)
            }
            Err(error) => Err(about(&self.directory, error)),
        }
    }

    /// Ends the stored names, which may not be all.
    fn nothing_more(&mut self) {
        self.in_doubt = true;
        self.entries.page.clear();
        self.entries.more = false;
    }

    /// Whether a page is of another directory than those before it. The first tells which it is.
    fn is_of_another(&mut self, page: &ListingPage) -> bool {
        match (&self.object, &page.directory) {
            (Some(object), Some(listed)) => object != listed,
            (None, Some(listed)) => {
                self.object = Some(listed.clone());
                false
            }
            (_, None) => false,
        }
    }

    /// Asks for the page after the one that was taken.
    fn ask_ahead(&self, engine: &Engine, storage: Arc<dyn Storage>, rest: String) -> PageAhead {
        let view = engine.tombstones.view();
        let after = self.entries.after.clone();
        let limit = self.page;
        let mut page = JoinSet::new();
        let list = async move { storage.list(&rest, after.as_deref(), limit).await };
        page.spawn(request::for_current(list));
        PageAhead {
            page,
            begun: Instant::now(),
            view,
        }
    }

    async fn fetch_records(&mut self, engine: &Engine) -> Result<()> {
        while self.records.is_due() {
            self.pages += 1;
            let view = engine.tombstones.view();
            let after = self.records.after.clone();
            let mut records = engine
                .metadata
                .children(&self.directory, after.as_deref(), self.page)
                .await?;
            if !engine.tombstones.still(&view, &self.directory) {
                continue;
            }
            let last = records.last().map(|record| record.path.name().to_owned());
            let more = records.len() >= self.page as usize;
            records.retain(|record| !view.hides(&record.path));
            self.records.took(records, last, more);
        }
        Ok(())
    }
}

impl<T> Fetched<T> {
    fn starting(after: Option<String>) -> Self {
        Self {
            page: VecDeque::new(),
            after,
            more: true,
        }
    }

    fn is_due(&self) -> bool {
        self.page.is_empty() && self.more
    }

    fn took(&mut self, page: Vec<T>, last: Option<String>, more: bool) {
        // A page without entries is the end, whatever it says of more.
        self.more = more && last.is_some();
        self.after = last.or_else(|| self.after.take());
        self.page = page.into();
    }
}
