//! A storage in memory that keeps the whole contract, whatever its abilities, or commits one sin.

mod carried;
mod objects;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, DirectoryEntry, EntryKind, ListingPage, Storage,
    WriteOptions, WriteOutcome,
};
use futures_util::stream::{self, StreamExt};

use self::carried::Carried;

/// What a shelf does wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sin {
    None,
    /// Answers another error.
    MissingIsUnavailable,
    ReadsDirectories,
    ListsFiles,
    RemovesDirectoriesAsFiles,
    FileOverDirectory,
    MakesTwice,
    RemovesFullDirectories,
    /// Keeps nothing beyond the first MiB.
    Forgets,
    NeedsLength,
    KeepsTail,
    /// A body that ends in an error is stored as far as it came.
    StoresWhatCame,
    /// Empties the old object before the new body is there.
    EmptiesFirst,
    /// Hands out all bytes, and then says that they are not those that were stored.
    FailsAtEnd,
    IgnoresRanges,
    ClampsStart,
    SameEtag,
    NewEtagForEachLook,
    LiesOnSizeInLists,
    OldTimes,
    LosesMediaType,
    IgnoresReadCondition,
    IgnoresAbsent,
    IgnoresEtag,
    FoldsCase,
    OrdersByPath,
    ListsTwice,
    OnePageOnly,
    SkipsAfterUnknown,
    ListsLate,
    RenamesByPrefix,
    KeepsSource,
    /// What is below two paths stays where it is.
    ExchangesNamesAlone,
    ExchangesInSteps,
    /// Moves what is there if the other path is free.
    ExchangesWithNothing,
    CopyIsALink,
    /// What replaces an object has its name.
    KeepsObject,
    /// As inode numbers are used again.
    ReusesObject,
    RenamesObject,
    RenamesObjectWithMode,
    ForgetsObjectInLists,
    ForgetsObjectInReads,
    NamesAtLength,
    /// Announces another object than it publishes.
    AnnouncesAnother,
    /// Delegates a folder that is not what it serves.
    DelegatesAnother,
}

#[derive(Clone)]
pub(super) struct Shelf(Arc<Inner>);

struct Inner {
    abilities: Abilities,
    sin: Sin,
    state: Mutex<State>,
    /// Whoever changes something looks and acts in one step.
    turns: Mutex<()>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    version: u64,
    /// The last number that an object was named by.
    named: u64,
    /// Numbers of objects that were removed.
    free: Vec<u64>,
    /// What a listing said last.
    stale: BTreeMap<String, Vec<DirectoryEntry>>,
}

#[derive(Clone)]
struct Object {
    kind: EntryKind,
    bytes: Bytes,
    version: u64,
    media_type: Option<String>,
    modified: i64,
    /// Names it; 0 for none.
    number: u64,
}

/// The key of what is at a path or below it, at another one.
fn moved(key: &str, from: &str, to: &str) -> Option<String> {
    let rest = key.strip_prefix(from)?;
    (rest.is_empty() || rest.starts_with('/')).then(|| format!("{to}{rest}"))
}

impl Shelf {
    pub(super) fn new(abilities: Abilities, sin: Sin) -> Self {
        Self(Arc::new(Inner {
            abilities,
            sin,
            state: Mutex::default(),
            turns: Mutex::default(),
        }))
    }

    /// Every path.
    pub(super) fn paths(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    /// Puts something there, with its parents.
    pub(super) fn plant(&self, path: &str, bytes: &[u8]) {
        for (end, _) in path
            .match_indices('/')
            .filter(|_| !self.0.abilities.implicit_directories)
        {
            self.insert(&path[..end], EntryKind::Directory, Bytes::new(), None);
        }
        self.insert(path, EntryKind::File, Bytes::copy_from_slice(bytes), None);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn(&self) -> MutexGuard<'_, ()> {
        self.0.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives everything that gets one another key.
    fn re_key(&self, to: impl Fn(&str) -> Option<String>) {
        let mut state = self.state();
        let objects = std::mem::take(&mut state.objects).into_iter();
        state.objects = objects
            .map(|(key, object)| (to(&key).unwrap_or(key), object))
            .collect();
    }

    fn sins(&self, sin: Sin) -> bool {
        self.0.sin == sin
    }

    fn key(&self, path: &str) -> String {
        if self.sins(Sin::FoldsCase) {
            path.to_lowercase()
        } else {
            path.into()
        }
    }

    fn insert(&self, path: &str, kind: EntryKind, bytes: Bytes, media_type: Option<String>) {
        let number = self.number();
        self.insert_as(number, path, kind, bytes, media_type);
    }

    fn insert_as(
        &self,
        number: u64,
        path: &str,
        kind: EntryKind,
        bytes: Bytes,
        media_type: Option<String>,
    ) {
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as i64);
        let modified = if self.sins(Sin::OldTimes) {
            now / 1_000_000_000
        } else {
            now
        };
        let key = self.key(path);
        let mut state = self.state();
        state.version += 1;
        let version = if self.sins(Sin::SameEtag) {
            1
        } else {
            state.version
        };
        let replaced = state
            .objects
            .get(&key)
            .filter(|_| self.sins(Sin::KeepsObject));
        let number = replaced.map_or(number, |replaced| replaced.number);
        state.objects.insert(
            key,
            Object {
                kind,
                bytes,
                version,
                media_type,
                modified,
                number,
            },
        );
    }

    fn opened(&self, bytes: Bytes) -> Source {
        if !self.sins(Sin::FailsAtEnd) {
            return Source::from_bytes(bytes);
        }
        let size = bytes.len() as u64;
        let pieces = [Ok(bytes), Err(error(ErrorKind::PluginFailed))];
        Source::from_stream(stream::iter(pieces).boxed(), Some(size))
    }

    fn find(&self, path: &str) -> Result<Object> {
        let path = self.key(path);
        let state = self.state();
        let directory = || Object {
            kind: EntryKind::Directory,
            bytes: Bytes::new(),
            version: 0,
            media_type: None,
            modified: 0,
            number: 0,
        };
        if path.is_empty() {
            return Ok(directory());
        }
        if let Some(object) = state.objects.get(&path) {
            return Ok(object.clone());
        }
        let below = format!("{path}/");
        if self.0.abilities.implicit_directories
            && state.objects.keys().any(|one| one.starts_with(&below))
        {
            return Ok(directory());
        }
        Err(error(if self.sins(Sin::MissingIsUnavailable) {
            ErrorKind::BackendUnavailable
        } else {
            ErrorKind::NotFound
        }))
    }

    fn attributes(&self, object: &Object) -> Attributes {
        let file = object.kind == EntryKind::File;
        if self.sins(Sin::NewEtagForEachLook) {
            self.state().version += 1;
        }
        let version = if self.sins(Sin::NewEtagForEachLook) {
            self.state().version
        } else {
            object.version
        };
        let media_type = object.media_type.clone();
        Attributes {
            kind: object.kind,
            size: object.bytes.len() as u64,
            etag: file.then(|| format!("v{version}")),
            modified: file.then_some(object.modified),
            mode: None,
            keeps_mode: false,
            content_type: if self.sins(Sin::LosesMediaType) {
                media_type.map(|_| "text/plain".into())
            } else {
                media_type
            },
            content_encoding: None,
            object: self.name_of(object.number),
            changed: None,
        }
    }

    fn check_parent(&self, path: &str) -> Result<()> {
        let Some((parent, _)) = path.rsplit_once('/') else {
            return Ok(());
        };
        match self.find(parent) {
            Ok(object) if object.kind != EntryKind::Directory => {
                Err(error(ErrorKind::NotADirectory))
            }
            Err(_) if self.0.abilities.implicit_directories => Ok(()),
            found => found.map(drop),
        }
    }

    fn check(&self, path: &str, condition: &Condition) -> Result<()> {
        let current = self.find(path).ok();
        match (condition, current) {
            (Condition::Absent, Some(_)) if !self.sins(Sin::IgnoresAbsent) => {
                Err(error(ErrorKind::AlreadyExists))
            }
            (Condition::EtagIn(etags), Some(object))
                if etags.contains(&format!("v{}", object.version)) =>
            {
                Ok(())
            }
            (Condition::EtagIn(_), _) if !self.sins(Sin::IgnoresEtag) => {
                Err(error(ErrorKind::PreconditionFailed))
            }
            _ => Ok(()),
        }
    }

    fn store(
        &self,
        number: u64,
        path: &str,
        bytes: Bytes,
        media_type: Option<String>,
        condition: &Condition,
    ) -> Result<Attributes> {
        let _turn = self.turn();
        self.check_parent(path)?;
        self.check(path, condition)?;
        let current = self.find(path).ok();
        let directory = current
            .as_ref()
            .is_some_and(|object| object.kind == EntryKind::Directory);
        if directory && !self.0.abilities.implicit_directories && !self.sins(Sin::FileOverDirectory)
        {
            return Err(error(ErrorKind::IsADirectory));
        }
        let bytes = match current {
            Some(old) if self.sins(Sin::KeepsTail) && old.bytes.len() > bytes.len() => {
                Bytes::from([&bytes, &old.bytes[bytes.len()..]].concat())
            }
            _ if self.sins(Sin::Forgets) => bytes.slice(..bytes.len().min(1 << 20)),
            _ => bytes,
        };
        self.insert_as(number, path, EntryKind::File, bytes, media_type);
        Ok(self.attributes(&self.find(path)?))
    }

    async fn gather(&self, path: &str, mut body: Source) -> Result<Bytes> {
        if self.sins(Sin::NeedsLength) && body.size().is_none() {
            return Err(error(ErrorKind::BadRequest));
        }
        if self.sins(Sin::EmptiesFirst) && self.find(path).is_ok() {
            self.insert(path, EntryKind::File, Bytes::new(), None);
        }
        let mut all = Vec::new();
        loop {
            match body.next().await {
                Ok(Some(piece)) => all.extend_from_slice(&piece),
                Ok(None) => return Ok(all.into()),
                Err(_) if self.sins(Sin::StoresWhatCame) => return Ok(all.into()),
                Err(error) => return Err(error),
            }
            tokio::task::yield_now().await;
        }
    }

    fn read_only(&self) -> Result<()> {
        if self.0.abilities.write {
            Ok(())
        } else {
            Err(error(ErrorKind::Unsupported))
        }
    }
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "said the shelf")
}

#[async_trait]
impl Storage for Shelf {
    fn name(&self) -> &str {
        "shelf"
    }

    fn abilities(&self) -> Abilities {
        self.0.abilities
    }

    fn undelegated(&self) -> Option<Arc<dyn Storage>> {
        let component = if self.sins(Sin::DelegatesAnother) {
            let another = Self::new(self.0.abilities, Sin::None);
            another.plant("a/x", b"another");
            another
        } else {
            self.clone()
        };
        Some(Arc::new(component))
    }

    async fn stat(&self, path: &str) -> Result<Attributes> {
        let object = self.find(path)?;
        Ok(self.attributes(&object))
    }

    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)> {
        let object = self.find(path)?;
        if object.kind != EntryKind::File && !self.sins(Sin::ReadsDirectories) {
            return Err(error(ErrorKind::IsADirectory));
        }
        let mut attributes = self.attributes(&object);
        if self.sins(Sin::ForgetsObjectInReads) {
            attributes.object = None;
        }
        let holds = match &condition {
            Condition::Always => true,
            Condition::Absent => false,
            Condition::EtagIn(etags) => attributes
                .etag
                .as_ref()
                .is_some_and(|etag| etags.contains(etag)),
        };
        if !holds && !self.sins(Sin::IgnoresReadCondition) {
            return Err(error(ErrorKind::PreconditionFailed));
        }
        let Some(ByteRange { start, end }) = range.filter(|_| !self.sins(Sin::IgnoresRanges))
        else {
            return Ok((attributes, self.opened(object.bytes)));
        };
        let size = attributes.size;
        if start >= size && !self.sins(Sin::ClampsStart) {
            return Err(error(ErrorKind::RangeNotSatisfiable { size }));
        }
        let part = start.min(size) as usize..end.unwrap_or(size).min(size) as usize;
        Ok((
            attributes,
            self.opened(object.bytes.slice(part.start..part.end.max(part.start))),
        ))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage> {
        if self.find(path)?.kind != EntryKind::Directory && !self.sins(Sin::ListsFiles) {
            return Err(error(ErrorKind::NotADirectory));
        }
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{}/", self.key(path))
        };
        let keys: Vec<String> = self.state().objects.keys().cloned().collect();
        let mut names: Vec<&str> = Vec::new();
        let mut known = BTreeSet::new();
        for name in keys
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix)?.split('/').next())
        {
            if known.insert(name) || self.sins(Sin::ListsTwice) {
                names.push(name);
            }
        }
        // Paths are in byte order, and names are not in the order of paths.
        if !self.sins(Sin::OrdersByPath) {
            names.sort_unstable();
        }
        if self.sins(Sin::SkipsAfterUnknown) && after.is_some_and(|after| !names.contains(&after)) {
            names.clear();
        }
        names.retain(|name| after.is_none_or(|after| *name > after));
        let more = names.len() > limit as usize && !self.sins(Sin::OnePageOnly);
        let entry = |name: &&str| {
            let object = self.find(&format!("{prefix}{name}"))?;
            let mut attributes = self.attributes(&object);
            if self.sins(Sin::LiesOnSizeInLists) {
                attributes.size += 1;
            }
            if self.sins(Sin::ForgetsObjectInLists) {
                attributes.object = None;
            }
            Ok(DirectoryEntry {
                name: (*name).into(),
                attributes,
                link: false,
            })
        };
        let entries: Result<Vec<DirectoryEntry>> =
            names.iter().take(limit as usize).map(entry).collect();
        let entries = entries?;
        let late = self
            .sins(Sin::ListsLate)
            .then(|| self.state().stale.insert(path.into(), entries.clone()))
            .flatten();
        Ok(ListingPage {
            entries: late.unwrap_or(entries),
            more,
            directory: None,
        })
    }

    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<WriteOutcome> {
        self.read_only()?;
        assert!(self.0.abilities.conditional_write || options.condition == Condition::Always);
        let WriteOptions {
            condition,
            content_type,
            ..
        } = options;
        if self.0.abilities.carried_write {
            let shelf = self.clone();
            let path = path.into();
            return Ok(WriteOutcome::Carried(Box::new(Carried {
                shelf,
                path,
                body,
                condition,
                content_type,
            })));
        }
        let bytes = self.gather(path, body).await?;
        self.store(self.number(), path, bytes, content_type, &condition)
            .map(WriteOutcome::Done)
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        let _turn = self.turn();
        let object = self.find(path);
        self.check(path, &condition)?;
        if object?.kind == EntryKind::Directory && !self.sins(Sin::RemovesDirectoriesAsFiles) {
            return Err(error(ErrorKind::IsADirectory));
        }
        let mut state = self.state();
        let removed = state.objects.remove(&self.key(path));
        state.free.extend(removed.map(|removed| removed.number));
        Ok(())
    }

    async fn make(&self, path: &str, _: Option<u32>) -> Result<Attributes> {
        self.check_parent(path)?;
        if self.find(path).is_ok() && !self.sins(Sin::MakesTwice) {
            return Err(error(ErrorKind::AlreadyExists));
        }
        self.insert(path, EntryKind::Directory, Bytes::new(), None);
        self.stat(path).await
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        if self.find(path)?.kind != EntryKind::Directory {
            return Err(error(ErrorKind::NotADirectory));
        }
        let key = self.key(path);
        let below = format!("{}/", self.key(path));
        let mut state = self.state();
        if state.objects.keys().any(|one| one.starts_with(&below))
            && !self.sins(Sin::RemovesFullDirectories)
        {
            return Err(error(ErrorKind::DirectoryNotEmpty));
        }
        let removed = state.objects.get(&key).map(|removed| removed.number);
        state.free.extend(removed);
        state
            .objects
            .retain(|one, _| *one != key && !one.starts_with(&below));
        Ok(())
    }

    async fn set_mode(&self, path: &str, _: u32) -> Result<()> {
        self.find(path)?;
        if self.sins(Sin::RenamesObjectWithMode) {
            self.rename_object(path);
        }
        Ok(())
    }

    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        let _turn = self.turn();
        self.find(from)?;
        self.check_parent(to)?;
        self.check(to, &condition)?;
        if to.starts_with(&format!("{from}/")) {
            return Err(error(ErrorKind::BadRequest));
        }
        let from = self.key(from);
        let to = self.key(to);
        let below = if self.sins(Sin::RenamesByPrefix) {
            from.clone()
        } else {
            format!("{from}/")
        };
        let mut state = self.state();
        let (moving, staying): (Vec<_>, Vec<_>) = std::mem::take(&mut state.objects)
            .into_iter()
            .partition(|(one, _)| *one == from || one.starts_with(&below));
        state.objects = staying.into_iter().collect();
        for (one, object) in moving {
            state
                .objects
                .insert(format!("{to}{}", &one[from.len()..]), object.clone());
            if self.sins(Sin::KeepsSource) {
                state.objects.insert(one, object);
            }
        }
        drop(state);
        if self.sins(Sin::RenamesObject) {
            self.rename_object(&to);
        }
        Ok(())
    }

    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        let _turn = self.turn();
        let within = |one: &str, other: &str| one.starts_with(&format!("{other}/"));
        if within(one, other) || within(other, one) {
            return Err(error(ErrorKind::BadRequest));
        }
        if !self.sins(Sin::ExchangesWithNothing) {
            self.find(one)?;
            self.find(other)?;
        }
        let one = self.key(one);
        let other = self.key(other);
        if self.sins(Sin::ExchangesInSteps) {
            let aside = format!("{one}.aside");
            self.re_key(|key| moved(key, &one, &aside));
            // As long as another program may take to look.
            std::thread::sleep(std::time::Duration::from_millis(2));
            self.re_key(|key| moved(key, &other, &one));
            self.re_key(|key| moved(key, &aside, &other));
            return Ok(());
        }
        let names_alone = self.sins(Sin::ExchangesNamesAlone);
        self.re_key(|key| {
            if names_alone && key != one && key != other {
                return None;
            }
            moved(key, &one, &other).or_else(|| moved(key, &other, &one))
        });
        Ok(())
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        let object = self.find(from)?;
        if object.kind != EntryKind::File {
            return Err(error(ErrorKind::IsADirectory));
        }
        if self.sins(Sin::CopyIsALink) {
            let bytes = Bytes::from_static(b"a link");
            return self
                .store(self.number(), to, bytes, None, &condition)
                .map(WriteOutcome::Done);
        }
        let bytes = object.bytes;
        let media_type = object.media_type;
        self.store(self.number(), to, bytes, media_type, &condition)
            .map(WriteOutcome::Done)
    }
}
