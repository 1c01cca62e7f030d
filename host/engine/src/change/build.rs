//! A tree, made a second time at another path where nobody sees it.
//!
//! Directories before what is in them, in byte order of the names, with one page of names for each
//! level. What the destination cannot hold ends it. A tombstone covers all of it until the last
//! record is there, and what may be removed below a tombstone is what records name. So names are
//! recorded in batches before anything is stored under them, and objects before they are published,
//! several together, where their storage stages them and knows them by then.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Content, Record};
use callfs_model::path::{FilePath, PathError};
use callfs_model::storage::{Attributes, EntryKind};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::change::room::too_long;
use crate::change::transfer::{Incoming, is_same};
use crate::failure::{about, raced, refuse, special};
use crate::lookup::children::{Child, Children};
use crate::lookup::neighbours::Neighbours;
use crate::lookup::path::{Lookup, LookupTarget};
use crate::lookup::presence::DirectoryPresence;

/// How many names are fetched, and how many records are put, at a time.
const BATCH: usize = 256;
/// How many files are staged, and their objects recorded, at a time.
const STAGED: usize = 16;

/// A tree that is being built.
pub(crate) struct Build<'a> {
    engine: &'a Engine,
    /// Of the destination.
    lock: &'a Guard,
    to: &'a FilePath,
    /// Who makes it, asks for everything and owns it; none if it is moved, and everything keeps
    /// its owner.
    maker: Option<&'a Identity>,
    /// Files are staged at the destination before they are published.
    stages: bool,
    /// What is to be recorded next.
    records: Vec<Change>,
}

/// One name that is about to be built.
struct Piece {
    child: Child,
    /// As it is recorded at its destination until its object is known.
    record: Record,
}

/// A tree that was built.
pub(crate) struct Built {
    /// What is still to be recorded.
    pub(crate) records: Vec<Change>,
    /// Of what it was made of.
    pub(crate) print: TreeFingerprint,
}

/// What tells one state of a tree from any other, however large it is.
#[derive(Default)]
pub(crate) struct TreeFingerprint {
    digest: Sha256,
    /// When the last of its files was changed.
    newest: Newest,
}

/// When the last of several files was changed, for the tombstone of what is left of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Newest(i64);

/// A walk through all of a tree.
struct Descent {
    levels: Vec<Children>,
    /// The directories on the way to the innermost level, itself included.
    way: Vec<AccessNode>,
}

impl Engine {
    /// Whether files are staged in the storage of a path before they are published.
    pub(crate) fn stages(&self, path: &FilePath) -> bool {
        self.backend(path)
            .is_ok_and(|(storage, _)| storage.abilities().carried_write)
    }
}

/// Refuses a link to a directory, whose contents are at another path.
pub(crate) async fn enterable(engine: &Engine, path: &FilePath) -> Result<()> {
    let Some(parent) = path.parent() else {
        return Ok(());
    };
    match engine.child(&parent, path.name()).await? {
        Some(child) if child.link => Err(is_link(path)),
        _ => Ok(()),
    }
}

/// The fingerprint of what is below a directory now.
pub(crate) async fn fingerprint(engine: &Engine, from: &FilePath) -> Result<TreeFingerprint> {
    let mut descent = Descent::new(engine, from, Vec::new());
    let mut print = TreeFingerprint::default();
    while let Some(child) = descent.next(engine).await? {
        print.add(&child);
    }
    Ok(print)
}

impl<'a> Build<'a> {
    pub(crate) fn copy(
        engine: &'a Engine,
        lock: &'a Guard,
        who: &'a Identity,
        to: &'a FilePath,
    ) -> Self {
        Self {
            engine,
            lock,
            to,
            stages: engine.stages(to),
            maker: Some(who),
            records: Vec::new(),
        }
    }

    pub(crate) fn moved(engine: &'a Engine, lock: &'a Guard, to: &'a FilePath) -> Self {
        Self {
            engine,
            lock,
            to,
            stages: engine.stages(to),
            maker: None,
            records: Vec::new(),
        }
    }

    /// Records what a directory is made for, before it is made.
    pub(crate) fn first(&self, source: &LookupTarget) -> Change {
        Change::Put(self.record(source, self.to))
    }

    /// Builds what is in the directory at a place; the directory itself, too, unless it is there
    /// and stays.
    pub(crate) async fn run(mut self, from: &Lookup, create: bool) -> Result<Built> {
        let Some(source) = &from.target else {
            return Err(from.absence());
        };
        if create {
            self.make(self.record(source, self.to)).await?;
        }
        let way = from
            .ancestors
            .iter()
            .chain([&source.node])
            .cloned()
            .collect();
        let mut descent = Descent::new(self.engine, &from.path, way);
        let mut print = TreeFingerprint::default();
        loop {
            let pieces = self.gather(&mut descent, &from.path, &mut print).await?;
            if pieces.is_empty() {
                let records = self.records;
                return Ok(Built { records, print });
            }
            // What is staged is recorded by its object, which tells it from what others put there.
            let by_name = |record: &&Record| record.content.is_none() || !self.stages;
            let announced = pieces.iter().map(|piece| &piece.record).filter(by_name);
            self.records
                .extend(announced.map(|record| Change::Put(record.clone())));
            self.record_now().await?;
            self.build(pieces).await?;
        }
    }

    /// The next names, which may be copied or moved.
    async fn gather(
        &self,
        descent: &mut Descent,
        from: &FilePath,
        print: &mut TreeFingerprint,
    ) -> Result<Vec<Piece>> {
        let mut pieces = Vec::new();
        while pieces.len() < BATCH
            && let Some(child) = descent.next(self.engine).await?
        {
            print.add(&child);
            let to = child
                .path
                .moved(from, self.to)
                .ok_or_else(|| Error::internal("a name is not below its directory"))?;
            let to = to.map_err(|error| match error {
                PathError::TooLong(length) => too_long(from, self.to, length),
                error => Error::new(ErrorKind::BadRequest, error.to_string()),
            })?;
            match child.target.attributes.kind {
                EntryKind::Special => return Err(special(&child.path)),
                EntryKind::Directory if child.link => return Err(is_link(&child.path)),
                // What it leads to is another path's, which the mover may not be allowed to read.
                EntryKind::File if child.link && self.maker.is_none() => {
                    let what = "is a symbolic link, which cannot be moved to another storage; \
                                remove it first";
                    return Err(refuse(ErrorKind::Unsupported, &child.path, what));
                }
                EntryKind::Directory => {
                    // The walk is in it already.
                    let above = &descent.way[..descent.way.len() - 1];
                    self.ask(&child, Action::List, above).await?;
                }
                EntryKind::File => self.ask(&child, Action::Read, &descent.way).await?,
            }
            let record = self.record(&child.target, &to);
            pieces.push(Piece { child, record });
        }
        Ok(pieces)
    }

    async fn build(&mut self, pieces: Vec<Piece>) -> Result<()> {
        let mut staged = Vec::new();
        for piece in pieces {
            let Piece { child, record } = piece;
            if child.target.attributes.kind == EntryKind::Directory {
                if self.maker.is_none() {
                    self.records.extend(claim(&child.path, &child.target));
                }
                self.make(record).await?;
                continue;
            }
            let Some(incoming) = self.fetch(&child, &record).await? else {
                // It vanished, and is left out.
                self.records.push(Change::Remove(record.path));
                continue;
            };
            if incoming.announced(self.engine).is_none() {
                self.land_all(vec![(record, incoming)]).await?;
                continue;
            }
            staged.push((record, incoming));
            if staged.len() == STAGED {
                self.land_all(std::mem::take(&mut staged)).await?;
            }
        }
        self.land_all(staged).await
    }

    async fn record_now(&mut self) -> Result<()> {
        let records = std::mem::take(&mut self.records);
        self.engine.commit(self.lock, records).await
    }

    async fn ask(&self, child: &Child, action: Action, way: &[AccessNode]) -> Result<()> {
        let Some(who) = self.maker else { return Ok(()) };
        let path = child.path.to_string();
        let target = Some(child.target.node.clone());
        let ancestors = way.into();
        self.engine
            .authorizer
            .require(
                who,
                &[Question {
                    action,
                    path,
                    target,
                    ancestors,
                }],
            )
            .await
    }

    /// Nothing is locked, and a large directory takes its time: what was read may have been closed,
    /// and then replaced, after it was asked about. So it is asked about once more, now that it was
    /// read. What vanished is left out.
    async fn ask_again(
        &mut self,
        fetched: Vec<(Record, Incoming)>,
    ) -> Result<Vec<(Record, Incoming)>> {
        let Some(who) = self.maker else {
            return Ok(fetched);
        };
        let read = fetched
            .iter()
            .map(|(_, incoming)| (incoming.from.clone(), incoming.source.clone()));
        let read: Vec<(FilePath, Attributes)> = read.collect();
        let mut neighbours = Neighbours::new(self.engine);
        let mut questions = Vec::with_capacity(read.len());
        let mut are_clear = Vec::with_capacity(read.len());
        for (path, found) in &read {
            // Why there is none, a look at that path alone tells.
            let question = neighbours.question(Action::Read, path, found).await;
            let question = question.ok().flatten();
            are_clear.push(question.is_some());
            questions.extend(question);
        }
        let allowed = self.engine.authorizer.filter(who, &questions).await?;
        let mut allowed = allowed.into_iter();
        let mut permitted = Vec::with_capacity(fetched.len());
        let asked = read.iter().zip(are_clear);
        for (((path, found), is_clear), (record, incoming)) in asked.zip(fetched) {
            let is_allowed = is_clear && allowed.next() == Some(true);
            if !is_allowed && let Err(error) = self.ask_alone(who, path, found).await {
                if error.kind() != ErrorKind::NotFound {
                    return Err(error);
                }
                self.engine.drop_incoming(incoming).await?;
                self.records.push(Change::Remove(record.path));
                continue;
            }
            permitted.push((record, incoming));
        }
        Ok(permitted)
    }

    /// What was read is judged by what is at its path now, so that has to be the same object: a
    /// directory that took the place of another one is no reason to hand out what was in that.
    async fn ask_alone(&self, who: &Identity, path: &FilePath, found: &Attributes) -> Result<()> {
        let place = self.engine.find_for(who, path).await?;
        let target = self.engine.permit(who, &place, Action::Read).await?;
        if target.attributes.object == found.object {
            Ok(())
        } else {
            Err(raced(path))
        }
    }

    async fn make(&mut self, mut record: Record) -> Result<()> {
        let to = &record.path;
        let (storage, rest) = self.engine.backend(to)?;
        if !storage.abilities().implicit_directories {
            // Closed to others or not, the gateway has to get in.
            let made = storage.make(rest, Some(record.mode | 0o700)).await;
            let made = made.map_err(|error| about(to, error))?;
            record.object = self.engine.object_at(to, &made);
        }
        self.records.push(Change::Put(record));
        Ok(())
    }

    /// Reads a file; none if it vanished from what is copied.
    async fn fetch(&self, child: &Child, record: &Record) -> Result<Option<Incoming>> {
        let (path, to) = (&child.path, &record.path);
        let mode = record.mode | 0o600;
        let fetched = self.engine.fetch(path, &child.target, to, mode, None).await;
        let incoming = match fetched {
            Ok(incoming) => incoming,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // It vanished, unless something else did.
                return match (self.maker, self.engine.stored(path).await?) {
                    (Some(_), None) => self.is_left_out(path).await.map(|()| None),
                    (None, None) => Err(raced(path)),
                    (_, Some(_)) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        if self.maker.is_none() && !is_same(&child.target.attributes, &incoming.source) {
            return Err(raced(path));
        }
        Ok(Some(incoming))
    }

    /// A file that vanished from its directory is left out of a copy; a directory that was moved or
    /// removed with what is in it is not, because nothing would tell that it is missing.
    async fn is_left_out(&self, path: &FilePath) -> Result<()> {
        match path.parent() {
            Some(parent) if self.engine.stored(&parent).await?.is_none() => {
                let what = "was moved or removed while it was copied";
                Err(refuse(ErrorKind::NotFound, &parent, what))
            }
            _ => Ok(()),
        }
    }

    /// Stores what was read and may still be; where it is staged, once it is recorded, as the
    /// object that it will be as far as that is known.
    async fn land_all(&mut self, fetched: Vec<(Record, Incoming)>) -> Result<()> {
        let permitted = self.ask_again(fetched).await?;
        let mut is_announced = false;
        for (record, incoming) in &permitted {
            let announced = match incoming.announced(self.engine) {
                Some(next) => Record {
                    object: Some(next.object),
                    content: Some(self.content(next.content)),
                    ..record.clone()
                },
                None if self.stages => record.clone(),
                None => continue,
            };
            self.records.push(Change::Put(announced));
            is_announced = true;
        }
        if is_announced {
            self.record_now().await?;
        }
        for (record, incoming) in permitted {
            self.land(record, incoming).await?;
        }
        Ok(())
    }

    async fn land(&mut self, mut record: Record, incoming: Incoming) -> Result<()> {
        let arrived = self.engine.land(incoming).await?;
        record.object = arrived.object;
        record.content = Some(self.content(arrived.content));
        self.records.push(Change::Put(record));
        Ok(())
    }

    /// What is recorded of bytes: a copy has the time at which it was made.
    fn content(&self, content: Content) -> Content {
        match self.maker {
            Some(_) => Content {
                modified: None,
                ..content
            },
            None => content,
        }
    }

    /// What is recorded of a name before there is anything.
    fn record(&self, source: &LookupTarget, to: &FilePath) -> Record {
        match self.maker {
            Some(who) => {
                let mode = source.node.mode & 0o777 & !self.engine.defaults.umask;
                Record {
                    mode,
                    ..self.engine.new_record(who, to, source.attributes.kind)
                }
            }
            None => announcement(source, to),
        }
    }
}

/// What is recorded of a name before something is moved there.
pub(crate) fn announcement(source: &LookupTarget, to: &FilePath) -> Record {
    let is_directory = source.attributes.kind == EntryKind::Directory;
    Record {
        path: to.clone(),
        object: None,
        content: (!is_directory).then(Content::default),
        ..source.to_record(to)
    }
}

/// Records which object is about to move, so that no other is removed in its place; none if that is
/// recorded, or cannot be.
pub(crate) fn claim(path: &FilePath, source: &LookupTarget) -> Option<Change> {
    let recorded = source.record.as_ref();
    let recorded = recorded.is_some_and(|record| record.object == source.object);
    (source.object.is_some() && !recorded).then(|| Change::Put(source.to_record(path)))
}

impl Descent {
    fn new(engine: &Engine, from: &FilePath, way: Vec<AccessNode>) -> Self {
        Self {
            levels: vec![Children::new(engine, from.clone(), None, BATCH as u32)],
            way,
        }
    }

    /// The next name. A directory is entered, so that what is in it comes after it.
    async fn next(&mut self, engine: &Engine) -> Result<Option<Child>> {
        while let Some(level) = self.levels.last_mut() {
            let Some(child) = level.next(engine).await? else {
                // What is gone is left out. Of what is not, some names would be missing.
                if level.is_in_doubt()
                    && let DirectoryPresence::InPlace | DirectoryPresence::Replaced =
                        engine.presence(&level.listed()).await?
                {
                    return Err(raced(level.directory()));
                }
                if level.passed_over {
                    let what = "holds a name that no path can have, which would be left behind; \
                                change it on the server";
                    return Err(refuse(ErrorKind::Unsupported, level.directory(), what));
                }
                self.levels.pop();
                self.way.pop();
                continue;
            };
            if child.is_enterable() {
                self.levels.push(Children::new(
                    engine,
                    child.path.clone(),
                    None,
                    BATCH as u32,
                ));
                self.way.push(child.target.node.clone());
            }
            return Ok(Some(child));
        }
        Ok(None)
    }
}

impl TreeFingerprint {
    fn add(&mut self, child: &Child) {
        let attributes = &child.target.attributes;
        let is_file = attributes.kind == EntryKind::File;
        // A directory has no version: its time changes with its names, which count themselves.
        let version = (
            attributes.size,
            &attributes.etag,
            attributes.modified.filter(|_| attributes.etag.is_none()),
        );
        let line = format!(
            "{:?} {:?} {:?}\n",
            child.path,
            attributes.kind,
            is_file.then_some(version)
        );
        self.digest.update(line);
        if is_file {
            self.newest.add(attributes);
        }
    }

    /// When the last of the files was changed, if two trees are the same at every name.
    pub(crate) fn newest_if_same(self, now: Self) -> Option<Newest> {
        (self.digest.finalize() == now.digest.finalize()).then_some(now.newest)
    }
}

impl Newest {
    /// Of one file.
    pub(crate) fn of(attributes: &Attributes) -> Self {
        let mut newest = Self::default();
        newest.add(attributes);
        newest
    }

    fn add(&mut self, attributes: &Attributes) {
        // Where a storage keeps no such time, nothing is known to have been changed later.
        self.0 = self.0.max(attributes.changed.unwrap_or(i64::MAX));
    }

    pub(crate) fn time(self) -> i64 {
        self.0
    }
}

impl Default for Newest {
    /// Of none at all.
    fn default() -> Self {
        Self(i64::MIN)
    }
}

fn is_link(path: &FilePath) -> Error {
    let what = "is a link to a directory: what it holds belongs to another path, and is neither \
                copied nor moved with it";
    refuse(ErrorKind::Unsupported, path, what)
}
