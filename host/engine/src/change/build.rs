//! A tree, made a second time at another path where nobody sees it.
//!
//! Directories before what is in them, in byte order of the names, with one page of names for each
//! level. What the destination cannot hold ends it. Records come in batches: a tombstone covers all
//! of them until the last one is there.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Content, Record};
use callfs_model::path::{FilePath, PathError};
use callfs_model::storage::{Condition, EntryKind};
use sha2::{Digest, Sha256};

use crate::Engine;
use crate::change::room::too_long;
use crate::change::transfer::{Arrived, is_same};
use crate::failure::{about, raced, refuse, special};
use crate::lookup::children::{Child, Children};
use crate::lookup::path::{Lookup, LookupTarget};

/// How many names are fetched, and how many records are put, at a time.
const BATCH: usize = 256;

/// A tree that is being built.
pub(crate) struct Build<'a> {
    engine: &'a Engine,
    /// Of the destination.
    lock: &'a Guard,
    to: &'a FilePath,
    /// Who makes it, asks for everything and owns it; none if it is moved, and everything keeps
    /// its owner.
    maker: Option<&'a Identity>,
    records: Vec<Change>,
    print: TreeFingerprint,
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
pub(crate) struct TreeFingerprint(Sha256);

/// A walk through all of a tree.
struct Descent {
    levels: Vec<Children>,
    /// The directories on the way to the innermost level, itself included.
    way: Vec<AccessNode>,
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
            maker: Some(who),
            records: Vec::new(),
            print: TreeFingerprint::default(),
        }
    }

    pub(crate) fn moved(engine: &'a Engine, lock: &'a Guard, to: &'a FilePath) -> Self {
        Self {
            engine,
            lock,
            to,
            maker: None,
            records: Vec::new(),
            print: TreeFingerprint::default(),
        }
    }

    /// Builds what is in the directory at a place; the directory itself, too, unless it is there
    /// and stays.
    pub(crate) async fn run(mut self, from: &Lookup, create: bool) -> Result<Built> {
        let Some(source) = &from.target else {
            return Err(from.absence());
        };
        if create {
            self.make(source, self.to.clone()).await?;
        }
        let way = from
            .ancestors
            .iter()
            .chain([&source.node])
            .cloned()
            .collect();
        let mut descent = Descent::new(self.engine, &from.path, way);
        while let Some(child) = descent.next(self.engine).await? {
            self.print.add(&child);
            let to = child
                .path
                .moved(&from.path, self.to)
                .ok_or_else(|| Error::internal("a name is not below its directory"))?;
            let to = to.map_err(|error| match error {
                PathError::TooLong(length) => too_long(&from.path, self.to, length),
                error => Error::new(ErrorKind::BadRequest, error.to_string()),
            })?;
            match child.target.attributes.kind {
                EntryKind::Special => return Err(special(&child.path)),
                EntryKind::Directory if child.link => return Err(is_link(&child.path)),
                EntryKind::Directory => {
                    // The walk is in it already.
                    let above = &descent.way[..descent.way.len() - 1];
                    self.ask(&child, Action::List, above).await?;
                    self.make(&child.target, to).await?;
                }
                EntryKind::File => {
                    self.ask(&child, Action::Read, &descent.way).await?;
                    self.bring(&child, to).await?;
                }
            }
            if self.records.len() >= BATCH {
                self.engine
                    .commit(self.lock, std::mem::take(&mut self.records))
                    .await?;
            }
        }
        Ok(Built {
            records: self.records,
            print: self.print,
        })
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
    /// and then replaced, after it was asked about.
    async fn ask_again(&self, who: &Identity, path: &FilePath) -> Result<()> {
        self.engine
            .permit(who, &self.engine.find_for(who, path).await?, Action::Read)
            .await
            .map(drop)
    }

    async fn make(&mut self, source: &LookupTarget, to: FilePath) -> Result<()> {
        let record = self.record(source, &to);
        let (storage, rest) = self.engine.backend(&to)?;
        if !storage.abilities().implicit_directories {
            // Closed to others or not, the gateway has to get in.
            let made = storage.make(rest, Some(record.mode | 0o700)).await;
            made.map_err(|error| about(&to, error))?;
        }
        self.records.push(Change::Put(record));
        Ok(())
    }

    async fn bring(&mut self, child: &Child, to: FilePath) -> Result<()> {
        let mut record = self.record(&child.target, &to);
        let arrived = self
            .engine
            .transfer(&child.path, &child.target, &to, record.mode | 0o600, None)
            .await;
        let Arrived {
            source, content, ..
        } = match arrived {
            Ok(arrived) => arrived,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                // It vanished, unless something else did.
                return match (self.maker, self.engine.stored(&child.path).await?) {
                    (Some(_), None) => Ok(()),
                    (None, None) => Err(raced(&child.path)),
                    (_, Some(_)) => Err(error),
                };
            }
            Err(error) => return Err(error),
        };
        match self.maker {
            Some(who) => match self.ask_again(who, &child.path).await {
                Err(error) if error.kind() == ErrorKind::NotFound => {
                    // What vanished is left out.
                    let (storage, rest) = self.engine.backend(&to)?;
                    return storage
                        .remove(rest, Condition::Always)
                        .await
                        .map_err(|error| about(&to, error));
                }
                asked => asked?,
            },
            None if !is_same(&child.target.attributes, &source) => return Err(raced(&child.path)),
            None => {}
        }
        record.content = Some(match self.maker {
            Some(_) => Content {
                modified: None,
                ..content
            },
            None => content,
        });
        self.records.push(Change::Put(record));
        Ok(())
    }

    fn record(&self, source: &LookupTarget, to: &FilePath) -> Record {
        match self.maker {
            Some(who) => {
                let mode = source.node.mode & 0o777 & !self.engine.defaults.umask;
                Record {
                    mode,
                    ..self.engine.new_record(who, to, source.attributes.kind)
                }
            }
            None => Record {
                path: to.clone(),
                ..source.to_record(to)
            },
        }
    }
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
        self.0.update(line);
    }

    /// Whether two trees were the same at every name.
    pub(crate) fn is(self, other: Self) -> bool {
        self.0.finalize() == other.0.finalize()
    }
}

fn is_link(path: &FilePath) -> Error {
    let what = "is a link to a directory: what it holds belongs to another path, and is neither \
                copied nor moved with it";
    refuse(ErrorKind::Unsupported, path, what)
}
