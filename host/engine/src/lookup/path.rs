//! What a path names, and the directories on the way to it, at the moment of looking.
//!
//! Storage says what exists; mounts add the directories that lead to them; records say who owns it.
//! What has no record, or one of another object, is adopted: it belongs to the default owner and
//! keeps the mode it has in its storage. Where the storage keeps modes, a recorded object has no
//! more permission bits than both its record and its storage give it. It decides nothing.

use std::sync::Arc;
use std::time::Instant;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{AccessNode, Identity};
use callfs_model::metadata::{Content, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, EntryKind, ObjectIdentity, Storage};

use crate::failure::{if_any, refuse};
use crate::lookup::implied::SoughtPath;
use crate::lookup::links::BehindLinks;
use crate::lookup::object::{ObjectMatch, of_object};
use crate::lookup::records::Records;
use crate::lookup::way::WalkedWay;
use crate::{Engine, Info};

/// How many directories are looked for from below, one after the other, before the rest of a way
/// is bisected.
const ONE_BY_ONE: usize = 4;

/// What comes between the entity tag of a storage and the time of a later change.
pub(crate) const TOUCHED: char = '~';

/// A path, as it was found.
pub(crate) struct Lookup {
    pub(crate) path: FilePath,
    /// The directories on the way that exist, the root first.
    pub(crate) ancestors: Vec<AccessNode>,
    /// Those that do not exist, the topmost first.
    pub(crate) missing: Vec<FilePath>,
    /// What is on the way and is not a directory.
    pub(crate) obstacle: Option<FilePath>,
    /// What the path names.
    pub(crate) target: Option<LookupTarget>,
    /// The storage has nothing at the deepest ancestor that exists: a mount or a record makes it
    /// exist.
    pub(crate) bare: bool,
    /// When the look began, and the revision of what was recorded of the path then.
    pub(super) began: Instant,
    pub(super) revision: Option<u64>,
    /// What is behind the symbolic links of the path, if it has any.
    pub(super) behind: Option<Box<BehindLinks>>,
}

/// What a path names.
pub(crate) struct LookupTarget {
    pub(crate) attributes: Attributes,
    /// None if it is adopted.
    pub(crate) record: Option<Arc<Record>>,
    pub(crate) node: AccessNode,
    /// Its name, where its storage gives it one.
    pub(crate) object: Option<ObjectIdentity>,
}

/// What is at a path, and whether it is there without its storage knowing.
pub(super) struct Sighting {
    pub(super) attributes: Attributes,
    pub(super) bare: bool,
}

impl Engine {
    /// Looks at a path with everything on the way to it, each as it is now.
    pub(crate) async fn find(&self, path: &FilePath) -> Result<Lookup> {
        loop {
            let view = self.tombstones.view();
            let found = self.find_once(path).await?;
            if self.tombstones.still(&view, path) {
                return Ok(found);
            }
        }
    }

    async fn find_once(&self, path: &FilePath) -> Result<Lookup> {
        let began = Instant::now();
        if let Some(found) = self.find_along(path, began).await? {
            return Ok(found);
        }
        let behind = Box::pin(self.behind_links(path)).await?;
        let sought = self.look_with_records(path).await?;
        let found = self.find_around(path, began, sought).await?;
        Ok(Lookup { behind, ..found })
    }

    /// The same of a path that leads over no links.
    pub(super) async fn find_without_links(&self, path: &FilePath) -> Result<Lookup> {
        let began = Instant::now();
        if let Some(found) = self.find_along(path, began).await? {
            return Ok(found);
        }
        let sought = self.look_with_records(path).await?;
        self.find_around(path, began, sought).await
    }

    /// The same of a path that was looked for.
    pub(super) async fn find_around(
        &self,
        path: &FilePath,
        began: Instant,
        sought: SoughtPath,
    ) -> Result<Lookup> {
        let SoughtPath {
            seen,
            records,
            revision,
            is_parent_there,
        } = sought;
        let target = seen.map(|seen| self.judged(path, seen.attributes, records));
        let mut directories = path.ancestors();
        let mut missing = Vec::new();
        let mut obstacle = None;
        let mut bare = false;
        let mut parent = None;
        if target.is_none() && !is_parent_there {
            let (count, deepest) = self.deepest(&directories).await?;
            missing = directories.split_off(count);
            match deepest {
                Some((seen, _)) if seen.attributes.kind != EntryKind::Directory => {
                    obstacle = directories.pop();
                    missing.clear();
                }
                Some((seen, records)) => {
                    bare = seen.bare;
                    if let Some(path) = directories.pop() {
                        parent = Some(self.judged(&path, seen.attributes, records).node);
                    }
                }
                None => {}
            }
        }
        let mut ancestors = Vec::with_capacity(directories.len() + 2);
        for (directory, node) in directories.iter().zip(self.way(&directories).await?) {
            ancestors.push(
                node.unwrap_or_else(|| self.node(directory, EntryKind::Directory, None, None)),
            );
        }
        ancestors.extend(parent);
        Ok(Lookup {
            path: path.clone(),
            ancestors,
            missing,
            obstacle,
            target,
            bare,
            began,
            revision,
            behind: None,
        })
    }

    /// The same where the storage can look at the whole way at once; else none.
    async fn find_along(&self, path: &FilePath, began: Instant) -> Result<Option<Lookup>> {
        let view = self.tombstones.view();
        let Some(way) = self.look_along(&view, path, None).await? else {
            return Ok(None);
        };
        let WalkedWay {
            ancestors,
            found,
            records: (before, after),
        } = way;
        let revision = before.own_revision();
        let mut missing = path.ancestors().split_off(ancestors.len());
        let mut obstacle = None;
        let target = match found {
            Ok((attributes, _)) => {
                let records = if before.agree_with(&after) {
                    self.records_of(path, &attributes, before, after)
                } else {
                    None
                };
                let Some(records) = records else {
                    return Ok(None);
                };
                Some(self.judged(path, attributes, records))
            }
            Err(error) if error.kind() == ErrorKind::NotADirectory && !missing.is_empty() => {
                obstacle = Some(missing.swap_remove(0));
                missing.clear();
                None
            }
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => return Ok(None),
        };
        Ok(self.tombstones.still(&view, path).then(|| Lookup {
            path: path.clone(),
            ancestors,
            missing,
            obstacle,
            target,
            bare: false,
            began,
            revision,
            behind: None,
        }))
    }

    /// How many of these exist, each of which is in the one before, and what the last of those is,
    /// if it was looked at.
    /// The parent of something new mostly exists, so the innermost are looked at first; then the
    /// number of looks grows with the logarithm of the depth.
    async fn deepest(
        &self,
        directories: &[FilePath],
    ) -> Result<(usize, Option<(Sighting, Records)>)> {
        let mut existing = 0;
        let mut missing = directories.len();
        let mut deepest = None;
        let mut looks = 0;
        while existing < missing {
            let next = if looks < ONE_BY_ONE {
                missing - 1
            } else {
                existing + (missing - existing) / 2
            };
            looks += 1;
            let SoughtPath {
                seen,
                records,
                is_parent_there,
                ..
            } = self.look_for_directory(&directories[next]).await?;
            match seen {
                Some(seen) => {
                    deepest = Some((seen, records));
                    existing = next + 1;
                }
                None => {
                    missing = next;
                    if is_parent_there {
                        deepest = None;
                        existing = next;
                    }
                }
            }
        }
        Ok((existing, deepest))
    }

    /// What exists at a path, and the record that belongs to it: an object that was made or changed
    /// hands while it was looked at is looked at again, or it would be judged by the record of
    /// something else.
    pub(super) async fn look_with_records(&self, path: &FilePath) -> Result<SoughtPath> {
        loop {
            let view = self.tombstones.view();
            let before = self.records_at(&view, path).await?;
            let revision = before.own_revision();
            let seen = self.look(path, before.own()).await?;
            let records = self.records_at(&view, path).await?;
            if !(before.agree_with(&records) && self.tombstones.still(&view, path)) {
                continue;
            }
            let records = match &seen {
                Some(seen) => self.records_of(path, &seen.attributes, before, records),
                None => Some(records),
            };
            if let Some(records) = records {
                return Ok(SoughtPath::alone(seen, records, revision));
            }
        }
    }

    /// What exists at a path, whoever makes it exist.
    async fn look(&self, path: &FilePath, record: Option<&Record>) -> Result<Option<Sighting>> {
        loop {
            let view = self.tombstones.view();
            let seen = if view.hides(path) {
                None
            } else {
                self.look_once(path, record).await?
            };
            if self.tombstones.still(&view, path) {
                return Ok(seen);
            }
        }
    }

    async fn look_once(
        &self,
        path: &FilePath,
        record: Option<&Record>,
    ) -> Result<Option<Sighting>> {
        let mounted = path.is_root() || self.mounts.any_within(path);
        let mut stored = None;
        let mut recorded = false;
        if let Some((mount, rest)) = self.mounts.owner(path) {
            let storage = mount.storage();
            stored = if_any(storage.stat(rest).await)?;
            recorded = storage.abilities().implicit_directories
                && record.is_some_and(|r| r.content.is_none());
        }
        Ok(match stored {
            Some(attributes) if !mounted || attributes.kind == EntryKind::Directory => {
                Some(Sighting {
                    attributes,
                    bare: false,
                })
            }
            _ if mounted || recorded => Some(Sighting {
                attributes: bare_directory(),
                bare: true,
            }),
            _ => None,
        })
    }

    /// What the storage of a path has there, whatever mounts, records and tombstones say.
    pub(crate) async fn stored(&self, path: &FilePath) -> Result<Option<Attributes>> {
        match self.mounts.owner(path) {
            Some((mount, rest)) => if_any(mount.storage().stat(rest).await),
            None => Ok(None),
        }
    }

    /// Whether there is, or may be, what a record is of: an object, a mount below it, or a
    /// directory that it alone makes exist. Of what nothing is mounted at nobody knows.
    pub(crate) async fn stands(&self, record: &Record) -> Result<bool> {
        let path = &record.path;
        let Some((mount, _)) = self.mounts.owner(path) else {
            return Ok(true);
        };
        let by_record =
            mount.storage().abilities().implicit_directories && record.content.is_none();
        Ok(path.is_root()
            || self.mounts.any_within(path)
            || by_record
            || self.stored(path).await?.is_some())
    }

    /// The storage of a path, and the path within it.
    pub(crate) fn backend<'a>(&self, path: &'a FilePath) -> Result<(Arc<dyn Storage>, &'a str)> {
        match self.mounts.owner(path) {
            Some((mount, rest)) => Ok((mount.storage(), rest)),
            None => Err(refuse(
                ErrorKind::NotFound,
                path,
                "is not in any storage: nothing is mounted there",
            )),
        }
    }

    /// What was found at a path, with the record that belongs to it.
    pub(crate) fn target(
        &self,
        path: &FilePath,
        attributes: Attributes,
        record: Option<Arc<Record>>,
    ) -> LookupTarget {
        // A file where a directory was recorded, or the reverse, is not what was recorded.
        let record = record
            .filter(|record| record.content.is_none() == (attributes.kind == EntryKind::Directory));
        let named = record.as_ref().map_or(ObjectMatch::Unknown, |record| {
            self.named(path, record, &attributes)
        });
        let record = record.and_then(|record| of_object(record, named));
        let node = self.node(path, attributes.kind, record.as_deref(), Some(&attributes));
        LookupTarget {
            object: self.object_at(path, &attributes),
            attributes,
            record,
            node,
        }
    }

    pub(crate) fn node(
        &self,
        path: &FilePath,
        kind: EntryKind,
        record: Option<&Record>,
        attributes: Option<&Attributes>,
    ) -> AccessNode {
        if let Some(Record {
            owner, group, mode, ..
        }) = record
        {
            return AccessNode {
                kind,
                owner: owner.clone(),
                group: group.clone(),
                mode: attributes.map_or(*mode, |attributes| narrowed(*mode, attributes)),
            };
        }
        let mode = attributes.and_then(|attributes| attributes.mode);
        let mode = match (mode, kind) {
            _ if path.is_root() => self.defaults.root_mode,
            (Some(mode), _) => mode & 0o7777,
            (None, EntryKind::Directory) => 0o755,
            (None, _) => 0o644,
        };
        AccessNode {
            kind,
            owner: self.defaults.owner.clone(),
            group: self.defaults.group.clone(),
            mode,
        }
    }

    /// The record of something that a caller makes.
    pub(crate) fn new_record(&self, who: &Identity, path: &FilePath, kind: EntryKind) -> Record {
        let (all, content) = match kind {
            EntryKind::Directory => (0o777, None),
            _ => (0o666, Some(Content::default())),
        };
        Record {
            path: path.clone(),
            owner: who.subject.clone(),
            group: who.groups.first().unwrap_or(&who.subject).clone(),
            mode: all & !self.defaults.umask,
            content,
            object: None,
            next: None,
            revision: 0,
        }
    }
}

impl LookupTarget {
    /// The record of this, made of what it was adopted with if it had none. What another program
    /// has closed in the storage stays closed.
    pub(crate) fn to_record(&self, path: &FilePath) -> Record {
        let AccessNode {
            kind,
            owner,
            group,
            mode,
        } = &self.node;
        let adopted = || Record {
            path: path.clone(),
            owner: owner.clone(),
            group: group.clone(),
            mode: *mode,
            content: (*kind != EntryKind::Directory).then(Content::default),
            object: None,
            next: None,
            revision: 0,
        };
        let record = self.record.as_deref().cloned();
        Record {
            mode: *mode,
            object: self.object.clone(),
            next: None,
            ..record.unwrap_or_else(adopted)
        }
    }

    /// What is recorded of the bytes, as far as it holds.
    pub(crate) fn content(&self) -> Option<Content> {
        let content = self
            .record
            .as_ref()
            .and_then(|record| record.content.as_ref());
        // It does as long as they are the same bytes.
        let content = content.filter(|content| {
            self.attributes.kind == EntryKind::File && content.etag == self.attributes.etag
        });
        content.cloned().map(|content| match content.etag {
            // Who sets a time back may have changed the bytes before.
            Some(_) if self.is_touched(&content) => Content {
                sha256: None,
                ..content
            },
            Some(_) => content,
            // A storage without etags cannot tell whether they still are.
            None => Content {
                content_type: content.content_type,
                ..Content::default()
            },
        })
    }

    /// Whether another program changed anything about a file since this was recorded.
    fn is_touched(&self, recorded: &Content) -> bool {
        recorded.changed.is_some() && recorded.changed != self.attributes.changed
    }

    /// The entity tag of the bytes. That of the storage may be of other bytes as well, where
    /// another program changed something about the recorded version: then the time of that change,
    /// which no program can set, is part of it.
    fn etag(&self) -> Option<String> {
        let etag = self.attributes.etag.clone()?;
        let record = self.record.as_ref();
        let content = record.and_then(|record| record.content.as_ref());
        let touched = content.is_some_and(|content| {
            content.etag.as_ref() == Some(&etag) && self.is_touched(content)
        });
        if !touched {
            return Some(etag);
        }
        let changed = self.attributes.changed.unwrap_or_default();
        Some(format!("{etag}{TOUCHED}{changed:x}"))
    }

    /// All that is known of this.
    pub(crate) fn info(&self, path: &FilePath) -> Info {
        let Self {
            attributes, node, ..
        } = self;
        let is_file = attributes.kind == EntryKind::File;
        let content = self.content().unwrap_or_default();
        let content_type = content
            .content_type
            .or_else(|| attributes.content_type.clone());
        Info {
            path: path.clone(),
            kind: attributes.kind,
            size: if is_file { attributes.size } else { 0 },
            etag: self.etag(),
            modified: content.modified.or(attributes.modified),
            mode: node.mode,
            owner: node.owner.clone(),
            group: node.group.clone(),
            content_type: content_type.filter(|_| is_file),
            content_encoding: attributes.content_encoding.clone().filter(|_| is_file),
            sha256: content.sha256,
        }
    }
}

/// Whether who may do what is the same by two records of one path.
pub(crate) fn gives_the_same_rights(one: Option<&Record>, other: Option<&Record>) -> bool {
    match (one, other) {
        (Some(one), Some(other)) => {
            let is_directory = |record: &Record| record.content.is_none();
            (&one.owner, &one.group, one.mode, is_directory(one))
                == (&other.owner, &other.group, other.mode, is_directory(other))
        }
        (None, None) => true,
        _ => false,
    }
}

/// The mode of an object by its record and its storage: other programs close there what they like.
/// The sticky bit of a directory takes rights away as well, so it is enough that one of them has
/// it. What is no permission is the record's.
fn narrowed(recorded: u32, attributes: &Attributes) -> u32 {
    const PERMISSIONS: u32 = 0o777;
    const STICKY: u32 = 0o1000;
    let Some(held) = attributes.mode.filter(|_| attributes.keeps_mode) else {
        return recorded;
    };
    let sticky = match attributes.kind {
        EntryKind::Directory => held & STICKY,
        EntryKind::File | EntryKind::Special => 0,
    };
    (recorded & (held | !PERMISSIONS)) | sticky
}

/// A directory that only a mount or a record makes exist.
pub(crate) fn bare_directory() -> Attributes {
    Attributes {
        kind: EntryKind::Directory,
        size: 0,
        etag: None,
        modified: None,
        mode: None,
        keeps_mode: false,
        content_type: None,
        content_encoding: None,
        object: None,
        changed: None,
    }
}
