//! Which record an object is judged by, also while it moves.
//!
//! Of an object that may have been moved a moment ago, or not yet, nothing more is allowed than by
//! both of the records that it may have.

use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::metadata::Record;
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, EntryKind};

use crate::lookup::object::ObjectMatch;
use crate::lookup::path::{LookupTarget, gives_the_same_rights};
use crate::recovery::tombstones::View;
use crate::{Defaults, Engine};

/// The record of what is at a path; none if it is adopted.
type MaybeRecord = Option<Arc<Record>>;

/// The records that what is at a path may have.
#[derive(Debug, Clone)]
pub(crate) struct Records {
    own: MaybeRecord,
    /// While it may be that of something else.
    or: Option<MaybeRecord>,
    /// What is neither's is allowed no more than both: a record may have been read before it
    /// changed places, and then it is of the other.
    both: bool,
}

impl Records {
    /// That of the path alone.
    pub(crate) fn one(own: MaybeRecord) -> Self {
        Self {
            own,
            or: None,
            both: false,
        }
    }

    /// That of a directory, if there is no doubt about it.
    pub(crate) fn of_directory(&self) -> Option<&Record> {
        match &self.or {
            None => self.own.as_deref().filter(|own| own.content.is_none()),
            Some(_) => None,
        }
    }

    /// Whether there is more than one.
    pub(crate) fn are_in_doubt(&self) -> bool {
        self.or.is_some()
    }

    /// What is recorded at the path itself.
    pub(crate) fn own(&self) -> Option<&Record> {
        self.own.as_deref()
    }

    /// The revision of what is recorded at the path itself.
    pub(crate) fn own_revision(&self) -> Option<u64> {
        self.own().map(|own| own.revision)
    }

    /// Whether both give the same rights.
    pub(crate) fn agree_with(&self, other: &Self) -> bool {
        let same = |one: &MaybeRecord, other: &MaybeRecord| {
            gives_the_same_rights(one.as_deref(), other.as_deref())
        };
        same(&self.own, &other.own)
            && match (&self.or, &other.or) {
                (Some(one), Some(other)) => same(one, other),
                (None, None) => true,
                _ => false,
            }
    }
}

impl Engine {
    /// The records that what is at a path may have, in the state of a view.
    pub(crate) async fn records_at(&self, view: &View, path: &FilePath) -> Result<Records> {
        let own = self.metadata.get(path).await?;
        let Some((arriving, origin)) = view.arrival(path) else {
            return Ok(Records::one(own));
        };
        if arriving.is_exchange {
            return self.exchanged_records(path, own, &origin).await;
        }
        let moved = self.metadata.get(&origin).await?;
        let replaced = *path == arriving.to;
        // Every move begins with a record of what moves, which goes when all records have followed.
        let source = if replaced {
            moved.clone()
        } else {
            self.metadata.get(&arriving.from).await?
        };
        if source.is_none() {
            return Ok(Records::one(self.metadata.get(path).await?));
        }
        // Below a directory that arrives nothing else can be; at the path itself something may be
        // replaced.
        let or = (replaced || own.is_some()).then_some(own);
        Ok(Records {
            own: moved,
            or,
            both: false,
        })
    }

    /// The records of two paths of which what is at one may have come from the other, both of one
    /// moment.
    async fn exchanged_records(
        &self,
        path: &FilePath,
        mut own: MaybeRecord,
        origin: &FilePath,
    ) -> Result<Records> {
        let revision = |record: &MaybeRecord| record.as_ref().map(|record| record.revision);
        loop {
            let from = self.metadata.get(origin).await?;
            let again = self.metadata.get(path).await?;
            if revision(&own) != revision(&again) {
                own = again;
                continue;
            }
            if own.is_none() && from.is_none() {
                return Ok(Records::one(None));
            }
            return Ok(Records {
                own,
                or: Some(from),
                // Where others make the exchange, what is cached of them may be of two moments.
                both: self.tombstones.is_shared(),
            });
        }
    }

    /// What was found at a path, judged by the records that it may have now.
    pub(crate) async fn judged_now(
        &self,
        path: &FilePath,
        attributes: Attributes,
    ) -> Result<LookupTarget> {
        loop {
            let view = self.tombstones.view();
            let records = self.records_at(&view, path).await?;
            if self.tombstones.still(&view, path) {
                return Ok(self.judged(path, attributes, records));
            }
        }
    }

    /// What was found at a path, judged by the records that it may have.
    pub(crate) fn judged(
        &self,
        path: &FilePath,
        attributes: Attributes,
        records: Records,
    ) -> LookupTarget {
        let Records { own, or, both } = records;
        let Some(or) = or else {
            return self.target(path, attributes, own);
        };
        let is_of = |record: &MaybeRecord| {
            let Some(record) = record else { return false };
            let content = record.content.as_ref();
            match self.named(path, record, &attributes) {
                ObjectMatch::Unknown => {
                    attributes.kind == EntryKind::File
                        && attributes.etag.is_some()
                        && content.is_some_and(|content| content.etag == attributes.etag)
                }
                named => named.is_proof(),
            }
        };
        match (is_of(&own), is_of(&or)) {
            (true, false) => self.target(path, attributes, own),
            (false, true) => self.target(path, attributes, or),
            _ => {
                let either: Vec<Arc<Record>> = [&own, &or]
                    .into_iter()
                    .flatten()
                    .filter(|_| both)
                    .cloned()
                    .collect();
                let one = self.target(path, attributes.clone(), own).to_record(path);
                let other = self.target(path, attributes.clone(), or).to_record(path);
                let narrower = self.defaults.narrower(&one, &other);
                let record = Record {
                    object: None,
                    ..either
                        .iter()
                        .fold(narrower, |record, one| self.defaults.narrower(&record, one))
                };
                self.target(path, attributes, Some(record.into()))
            }
        }
    }
}

impl Defaults {
    /// A record that allows nothing to anyone that one of two records denies them.
    pub(crate) fn narrower(&self, one: &Record, other: &Record) -> Record {
        let mode = one.mode & other.mode;
        if one.owner == other.owner && one.group == other.group {
            return Record {
                mode,
                ..one.clone()
            };
        }
        // Not even the owner of one, who could change the mode.
        Record {
            owner: self.owner.clone(),
            group: self.group.clone(),
            mode: 0,
            ..one.clone()
        }
    }
}

#[cfg(test)]
mod tests;
