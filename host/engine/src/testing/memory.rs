//! A storage in memory with the semantics of the contract, whatever its declared abilities.

mod exchange;
mod in_place;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, DirectoryEntry, EntryKind, ListingPage,
    ReadOptions, Staged, Storage, StorageIdentity, Transfer, Walked, WriteOptions, WriteOutcome,
};
use futures_util::future::BoxFuture;

use super::steps::Steps;

type Hook = Box<dyn FnOnce(&Memory) + Send>;

#[derive(Clone)]
pub(crate) struct Memory(Arc<Inner>);

struct Inner {
    name: &'static str,
    abilities: Abilities,
    state: Mutex<State>,
    steps: OnceLock<Steps>,
}

#[derive(Default)]
struct State {
    objects: BTreeMap<String, Object>,
    version: u64,
    /// Runs before the next change becomes visible.
    before: Option<Hook>,
    /// Each runs before something is answered that is asked of it, the last of them first.
    before_asked: Vec<(String, Hook)>,
    /// What was asked of it, as `stat a/b`.
    asked: Vec<String>,
    failure: Option<ErrorKind>,
    keeps: bool,
    /// Directories that it may not read.
    closed: Vec<String>,
    identity: Option<StorageIdentity>,
    /// Whether objects have names.
    names: bool,
    /// Names that no listing shows.
    unnamed: Vec<String>,
    /// Each directory on a way has to be asked for.
    asks: bool,
}

#[derive(Clone)]
struct Object {
    kind: EntryKind,
    bytes: String,
    etag: String,
    mode: u32,
    link: bool,
    /// Its name, as long as it exists.
    number: u64,
    /// Counts the changes of anything about it.
    changed: u64,
}

impl State {
    fn object(&self, path: &str) -> Result<Object> {
        let directory = |mode| Object {
            kind: EntryKind::Directory,
            bytes: "".into(),
            etag: "d".into(),
            mode,
            link: false,
            number: 0,
            changed: 0,
        };
        let below = format!("{path}/");
        let mut paths = self.objects.keys();
        match self.objects.get(path) {
            Some(object) => Ok(object.clone()),
            None if path.is_empty() => Ok(directory(0o755)),
            None if paths.any(|one| one.starts_with(&below)) => Ok(directory(0o755)),
            None => Err(error(ErrorKind::NotFound)),
        }
    }

    /// The directories on the way to a path, and what is there; none if a link is on the way.
    fn walk(&self, path: &str) -> Option<(Vec<Object>, Result<Object>)> {
        let mut way = Vec::new();
        let ends = path.match_indices('/').map(|(end, _)| end);
        let starts = (!path.is_empty()).then_some(0);
        for end in starts.into_iter().chain(ends) {
            match self.object(&path[..end]) {
                Ok(object) if object.link => return None,
                Ok(object) if object.kind == EntryKind::Directory => way.push(object),
                Ok(_) => return Some((way, Err(error(ErrorKind::NotADirectory)))),
                Err(error) => return Some((way, Err(error))),
            }
        }
        match self.object(path) {
            Ok(object) if object.link => None,
            found => Some((way, found)),
        }
    }
}

impl Memory {
    pub(crate) fn new(name: &'static str, abilities: Abilities) -> Self {
        // Objects of what is like a folder are told apart, and those of others are not.
        let identity = (abilities.carried_write && !abilities.implicit_directories).then(|| {
            let mut identity = StorageIdentity::default();
            let (given, _) = identity.split_at_mut(name.len().min(16));
            given.copy_from_slice(&name.as_bytes()[..given.len()]);
            identity
        });
        let state = State {
            names: identity.is_some(),
            identity,
            ..State::default()
        };
        Self(Arc::new(Inner {
            name,
            abilities,
            state: Mutex::new(state),
            steps: OnceLock::new(),
        }))
    }

    /// From now on it takes its steps together with others.
    pub(super) fn join(&self, steps: &Steps) {
        let _ = self.0.steps.set(steps.clone());
    }

    /// Puts a file there as another program would; its directories too.
    pub(crate) fn plant(&self, path: &str, bytes: &str) {
        self.insert(path, EntryKind::File, bytes, 0o644, false);
    }

    pub(crate) fn plant_mode(&self, path: &str, bytes: &str, mode: u32) {
        self.insert(path, EntryKind::File, bytes, mode, false);
    }

    pub(crate) fn plant_directory(&self, path: &str, mode: u32) {
        self.insert(path, EntryKind::Directory, "", mode, false);
    }

    pub(crate) fn plant_link(&self, path: &str) {
        self.insert(path, EntryKind::Directory, "", 0o777, true);
    }

    pub(crate) fn plant_special(&self, path: &str) {
        self.insert(path, EntryKind::Special, "", 0o600, false);
    }

    /// Takes a path and everything below it away, as another program would.
    pub(crate) fn uproot(&self, path: &str) {
        self.state()
            .objects
            .retain(|one, _| one != path && !one.starts_with(&format!("{path}/")));
    }

    /// Moves a path and everything below it, as another program would.
    pub(crate) fn shift(&self, from: &str, to: &str) {
        let below = format!("{from}/");
        let mut state = self.state();
        state.version += 1;
        let version = state.version;
        if let Some(object) = state.objects.get_mut(from) {
            object.changed = version;
        }
        let objects = std::mem::take(&mut state.objects).into_iter();
        let (moving, staying): (Vec<_>, Vec<_>) =
            objects.partition(|(one, _)| one == from || one.starts_with(&below));
        let moved = |(one, object): (String, Object)| {
            let path = format!("{to}{}", &one[from.len()..]);
            (path, object)
        };
        state.objects = staying
            .into_iter()
            .chain(moving.into_iter().map(moved))
            .collect();
    }

    /// Puts another directory in the place of one, with what was in that.
    pub(crate) fn replace_directory(&self, path: &str, mode: u32) {
        let number = self.number();
        self.insert_as(number, path, EntryKind::Directory, "", mode, false);
    }

    pub(crate) fn has(&self, path: &str) -> bool {
        self.state().objects.contains_key(path)
    }

    pub(crate) fn is_file(&self, path: &str) -> bool {
        let state = self.state();
        let object = state.objects.get(path);
        object.is_some_and(|object| object.kind == EntryKind::File)
    }

    /// Every path.
    pub(crate) fn paths(&self) -> Vec<String> {
        self.state().objects.keys().cloned().collect()
    }

    pub(crate) fn before_change(&self, hook: impl FnOnce(&Memory) + Send + 'static) {
        self.state().before = Some(Box::new(hook));
    }

    /// Runs once, before it answers that, as `list a/b`.
    pub(crate) fn before_asked(&self, what: &str, hook: impl FnOnce(&Memory) + Send + 'static) {
        let hook: Hook = Box::new(hook);
        self.state().before_asked.push((what.into(), hook));
    }

    /// What was asked of it since the last time.
    pub(crate) fn asked(&self) -> Vec<String> {
        std::mem::take(&mut self.state().asked)
    }

    /// Whether it refuses to remove anything.
    pub(crate) fn keep(&self, keeps: bool) {
        self.state().keeps = keeps;
    }

    /// From now on each directory on a way has to be asked for.
    pub(crate) fn ask_for_each(&self) {
        self.state().asks = true;
    }

    /// Which storage it is from now on.
    pub(crate) fn identify(&self, identity: Option<StorageIdentity>) {
        self.state().identity = identity;
    }

    /// It may not read this directory from now on.
    pub(crate) fn close(&self, path: &str) {
        self.state().closed.push(path.into());
    }

    /// Puts something there that no listing shows, as a folder has names that are no text.
    pub(crate) fn plant_unnamed(&self, path: &str) {
        self.plant(path, "x");
        self.state().unnamed.push(path.into());
    }

    /// Every question fails from now on.
    pub(crate) fn fail(&self, kind: ErrorKind) {
        self.state().failure = Some(kind);
    }

    fn insert(&self, path: &str, kind: EntryKind, bytes: &str, mode: u32, link: bool) {
        let number = self.number();
        self.insert_as(number, path, kind, bytes, mode, link);
    }

    /// A number that no other object has.
    fn number(&self) -> u64 {
        let mut state = self.state();
        state.version += 1;
        state.version
    }

    fn insert_as(
        &self,
        number: u64,
        path: &str,
        kind: EntryKind,
        bytes: &str,
        mode: u32,
        link: bool,
    ) {
        let parents: Vec<String> = path
            .match_indices('/')
            .map(|(end, _)| path[..end].to_owned())
            .collect();
        let mut state = self.state();
        state.version += 1;
        let changed = state.version;
        let etag = format!("v{number}");
        if !self.0.abilities.implicit_directories {
            for parent in parents {
                state.version += 1;
                let directory = Object {
                    kind: EntryKind::Directory,
                    bytes: String::new(),
                    etag: etag.clone(),
                    mode: 0o755,
                    link: false,
                    number: state.version,
                    changed: state.version,
                };
                state.objects.entry(parent).or_insert(directory);
            }
        }
        state.objects.insert(
            path.into(),
            Object {
                kind,
                bytes: bytes.into(),
                etag,
                mode,
                link,
                number,
                changed,
            },
        );
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self, what: &str, path: &str) -> Result<()> {
        let steps = self.0.steps.get().cloned();
        if let Some(steps) = steps {
            steps.take().await?;
        }
        let asked = format!("{what} {path}");
        let due = |(at, _): &mut (String, Hook)| *at == asked;
        let hook = self.state().before_asked.pop_if(due);
        if let Some((_, hook)) = hook {
            hook(self);
        }
        let mut state = self.state();
        state.asked.push(asked);
        match state.failure {
            Some(kind) => Err(error(kind)),
            None if what == "list" && state.closed.iter().any(|one| one == path) => {
                Err(error(ErrorKind::PermissionDenied))
            }
            None if state.keeps && what.starts_with("remove") => {
                Err(error(ErrorKind::BackendUnavailable))
            }
            None => Ok(()),
        }
    }

    fn before(&self) {
        let hook = self.state().before.take();
        if let Some(hook) = hook {
            hook(self);
        }
    }

    fn object(&self, path: &str) -> Result<Object> {
        self.state().object(path)
    }

    fn parent_exists(&self, path: &str) -> Result<()> {
        let Some((parent, _)) = path.rsplit_once('/') else {
            return Ok(());
        };
        match self.object(parent) {
            Ok(object) if object.kind != EntryKind::Directory => {
                Err(error(ErrorKind::NotADirectory))
            }
            Err(_) if self.0.abilities.implicit_directories => Ok(()),
            found => found.map(drop),
        }
    }

    fn check(&self, path: &str, condition: &Condition) -> Result<()> {
        let current = self.object(path).ok();
        match (condition, current) {
            (Condition::Absent, Some(_)) => Err(error(ErrorKind::AlreadyExists)),
            (Condition::EtagIn(etags), Some(object)) if etags.contains(&object.etag) => Ok(()),
            (Condition::EtagIn(_), _) => Err(error(ErrorKind::PreconditionFailed)),
            _ => Ok(()),
        }
    }

    fn store(
        &self,
        path: &str,
        bytes: &str,
        mode: u32,
        condition: &Condition,
    ) -> Result<Attributes> {
        self.store_as(self.number(), path, bytes, mode, condition)
    }

    fn store_as(
        &self,
        number: u64,
        path: &str,
        bytes: &str,
        mode: u32,
        condition: &Condition,
    ) -> Result<Attributes> {
        self.before();
        self.parent_exists(path)?;
        self.check(path, condition)?;
        self.insert_as(number, path, EntryKind::File, bytes, mode, false);
        self.attributes(path)
    }

    fn opened(&self, object: Object, range: Option<ByteRange>) -> Result<(Attributes, Source)> {
        match object.kind {
            EntryKind::Directory => Err(error(ErrorKind::IsADirectory)),
            EntryKind::Special => Err(error(ErrorKind::Unsupported)),
            EntryKind::File => {
                let attributes = self.attributes_of(&object);
                let size = attributes.size;
                let whole = Source::from_bytes(object.bytes);
                let Some(ByteRange { start, end }) = range else {
                    return Ok((attributes, whole));
                };
                if start >= size {
                    return Err(error(ErrorKind::RangeNotSatisfiable { size }));
                }
                let part = whole.slice(start..end.unwrap_or(size).min(size));
                Ok((attributes, part.expect("held bytes are seekable")))
            }
        }
    }

    fn attributes(&self, path: &str) -> Result<Attributes> {
        let object = self.object(path)?;
        Ok(self.attributes_of(&object))
    }

    fn attributes_of(&self, object: &Object) -> Attributes {
        let names = self.state().names;
        Attributes {
            object: names.then(|| object.number.to_string()),
            changed: names.then_some(object.changed.cast_signed()),
            // Not its root, nor what only the names below it make a directory.
            keeps_mode: self.0.abilities.modes && object.number != 0,
            ..attributes(object)
        }
    }
}

fn error(kind: ErrorKind) -> Error {
    Error::new(kind, "said the storage")
}

fn attributes(object: &Object) -> Attributes {
    Attributes {
        kind: object.kind,
        size: object.bytes.len() as u64,
        etag: (object.kind == EntryKind::File).then(|| object.etag.clone()),
        modified: Some(1_000_000_000),
        mode: Some(object.mode),
        keeps_mode: false,
        content_type: None,
        content_encoding: None,
        object: None,
        changed: None,
    }
}

#[async_trait]
impl Storage for Memory {
    fn name(&self) -> &str {
        self.0.name
    }

    fn abilities(&self) -> Abilities {
        self.0.abilities
    }

    fn identity(&self) -> Option<StorageIdentity> {
        self.state().identity
    }

    async fn stat(&self, path: &str) -> Result<Attributes> {
        self.ask("stat", path).await?;
        self.attributes(path)
    }

    async fn walk(&self, path: &str, read: Option<&ReadOptions>) -> Option<Walked> {
        let asks = self.state().asks || !self.state().names;
        if asks {
            return None;
        }
        let what = if read.is_some() { "read" } else { "stat" };
        let allowed = self.ask(what, path).await;
        let (way, found) = self.state().walk(path)?;
        let found = allowed.and(found).and_then(|object| match read {
            Some(options) => {
                let (attributes, source) = self.opened(object, options.range)?;
                Ok((attributes, Some(source)))
            }
            None => Ok((self.attributes_of(&object), None)),
        });
        let directories = way.iter().map(|object| self.attributes_of(object));
        Some(Walked {
            directories: directories.collect(),
            found,
        })
    }

    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        _: Condition,
    ) -> Result<(Attributes, Source)> {
        self.ask("read", path).await?;
        self.opened(self.object(path)?, range)
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage> {
        self.ask("list", path).await?;
        let object = self.object(path)?;
        if object.kind != EntryKind::Directory {
            return Err(error(ErrorKind::NotADirectory));
        }
        let directory = self.attributes_of(&object).object;
        let prefix = if path.is_empty() {
            String::new()
        } else {
            format!("{path}/")
        };
        let keys: Vec<String> = {
            let state = self.state();
            let keys = state.objects.keys();
            keys.filter(|key| !state.unnamed.contains(key))
                .cloned()
                .collect()
        };
        let names = keys
            .iter()
            .filter_map(|key| key.strip_prefix(&prefix)?.split('/').next());
        let mut names: Vec<&str> = names
            .filter(|name| after.is_none_or(|after| *name > after))
            .collect();
        names.sort_unstable();
        names.dedup();
        let more = names.len() > limit as usize;
        let entry = |name: &&str| {
            let object = self.object(&format!("{prefix}{name}"))?;
            Ok(DirectoryEntry {
                name: (*name).into(),
                attributes: self.attributes_of(&object),
                link: object.link,
            })
        };
        let entries: Result<Vec<DirectoryEntry>> =
            names.iter().take(limit as usize).map(entry).collect();
        Ok(ListingPage {
            entries: entries?,
            more,
            directory,
        })
    }

    async fn write(
        &self,
        path: &str,
        mut body: Source,
        options: WriteOptions,
    ) -> Result<WriteOutcome> {
        self.ask("write", path).await?;
        let mode = options.mode.unwrap_or(0o644);
        if self.0.abilities.carried_write {
            return Ok(WriteOutcome::Carried(Box::new(Carried {
                memory: self.clone(),
                path: path.into(),
                body,
                mode,
            })));
        }
        assert!(self.0.abilities.conditional_write || options.condition == Condition::Always);
        self.parent_exists(path)?;
        let bytes = drain(&mut body).await?;
        Ok(WriteOutcome::Done(self.store(
            path,
            &bytes,
            mode,
            &options.condition,
        )?))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.ask("remove", path).await?;
        self.before();
        self.check(path, &condition)?;
        if !self.0.abilities.implicit_directories {
            self.object(path)?;
        }
        self.state().objects.remove(path);
        Ok(())
    }

    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.ask("make", path).await?;
        self.before();
        self.parent_exists(path)?;
        self.check(path, &Condition::Absent)?;
        self.insert(path, EntryKind::Directory, "", mode.unwrap_or(0o755), false);
        self.attributes(path)
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.ask("set_mode", path).await?;
        self.object(path)?;
        self.give_mode(path, mode);
        Ok(())
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.ask("remove_directory", path).await?;
        if self.0.abilities.implicit_directories {
            return Err(error(ErrorKind::Unsupported));
        }
        let object = self.object(path)?;
        if object.kind != EntryKind::Directory || object.link {
            return Err(error(ErrorKind::NotADirectory));
        }
        let below = format!("{path}/");
        if self
            .state()
            .objects
            .keys()
            .any(|one| one.starts_with(&below))
        {
            return Err(error(ErrorKind::DirectoryNotEmpty));
        }
        self.state().objects.remove(path);
        Ok(())
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        self.ask("copy", from).await?;
        let object = self.object(from)?;
        if object.kind != EntryKind::File {
            return Err(error(ErrorKind::IsADirectory));
        }
        let mode = object.mode;
        let body = Source::from_bytes(object.bytes.clone());
        if self.0.abilities.carried_write {
            return Ok(WriteOutcome::Carried(Box::new(Carried {
                memory: self.clone(),
                path: to.into(),
                body,
                mode,
            })));
        }
        Ok(WriteOutcome::Done(self.store(
            to,
            &object.bytes,
            mode,
            &condition,
        )?))
    }

    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        self.ask("exchange", one).await?;
        self.before();
        self.swap(one, other)
    }

    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.ask("rename", from).await?;
        self.before();
        self.object(from)?;
        self.parent_exists(to)?;
        self.check(to, &condition)?;
        self.shift(from, to);
        Ok(())
    }
}

async fn drain(body: &mut Source) -> Result<String> {
    let mut all = Vec::new();
    while let Some(piece) = body.next().await? {
        all.extend_from_slice(&piece);
    }
    Ok(String::from_utf8_lossy(&all).into_owned())
}

struct Carried {
    memory: Memory,
    path: String,
    body: Source,
    mode: u32,
}

impl Transfer for Carried {
    fn stage(mut self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>> {
        Box::pin(async move {
            let bytes = drain(&mut self.body).await?;
            let number = self.memory.number();
            let known = Attributes {
                kind: EntryKind::File,
                size: bytes.len() as u64,
                etag: Some(format!("v{number}")),
                mode: Some(self.mode),
                keeps_mode: self.memory.0.abilities.modes,
                object: self.memory.state().names.then(|| number.to_string()),
                changed: None,
                modified: Some(1_000_000_000),
                content_type: None,
                content_encoding: None,
            };
            Ok(Box::new(Ready {
                carried: *self,
                bytes,
                number,
                known,
            }) as Box<dyn Staged>)
        })
    }
}

struct Ready {
    carried: Carried,
    bytes: String,
    number: u64,
    known: Attributes,
}

impl Staged for Ready {
    fn attributes(&self) -> Option<&Attributes> {
        self.known.object.is_some().then_some(&self.known)
    }

    fn publish(self: Box<Self>, condition: Condition) -> BoxFuture<'static, Result<Attributes>> {
        let Ready {
            carried: Carried {
                memory, path, mode, ..
            },
            bytes,
            number,
            ..
        } = *self;
        Box::pin(async move {
            memory.ask("publish", &path).await?;
            memory.store_as(number, &path, &bytes, mode, &condition)
        })
    }
}
