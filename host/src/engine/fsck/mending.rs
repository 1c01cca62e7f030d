//! One path: what is recorded, what is stored, what is wrong with that, and what makes it right.

use std::sync::Arc;

use super::super::Engine;
use super::finding::Problem;
use crate::error::{Error, Result};
use crate::metadata::{Change, Record};
use crate::path::FilePath;
use crate::storage::{Attributes, Kind};

/// A path as the index and its storage have it.
pub(super) struct Seen {
    pub(super) record: Option<Arc<Record>>,
    /// Fails if the storage does not answer.
    pub(super) stored: Result<Option<Attributes>>,
    /// It is a directory because something is mounted there or further down.
    pub(super) mounted: bool,
    pub(super) implicit: bool,
}

impl Seen {
    pub(super) fn problem(&self) -> Option<Problem> {
        match &self.stored {
            Ok(stored) => judge(self.record.as_deref(), stored.as_ref(), self.mounted, self.implicit),
            Err(_) => Some(Problem::Unasked),
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        let recorded = |record: &Record| if record.content.is_some() { "a file" } else { "a directory" };
        match (self.problem()?, &self.record, &self.stored) {
            (Problem::Unasked, _, Err(error)) => Some(error.message().to_owned()),
            (Problem::WrongKind, Some(record), _) => {
                let stored = if record.content.is_some() { "a directory" } else { "a file" };
                Some(format!("{} is recorded, and {stored} is there", recorded(record)))
            }
            (Problem::Dangling, Some(record), _) => {
                Some(format!("{} of '{}' is recorded, and nothing is stored", recorded(record), record.owner))
            }
            _ => None,
        }
    }
}

/// What is wrong with what is recorded and stored of one path.
pub(super) fn judge(
    record: Option<&Record>,
    stored: Option<&Attributes>,
    mounted: bool,
    implicit: bool,
) -> Option<Problem> {
    let kind = if mounted { Some(Kind::Directory) } else { stored.map(|attributes| attributes.kind) };
    match (record, kind) {
        (None, None) => None,
        // Configuration put it there, or it is a prefix, or nothing that could be opened.
        (None, Some(_)) if mounted => None,
        (None, Some(Kind::Directory)) => (!implicit).then_some(Problem::Unrecorded),
        (None, Some(kind)) => (kind == Kind::File).then_some(Problem::Unrecorded),
        // Where directories are prefixes, the record of one is an empty directory.
        (Some(record), None) => (record.content.is_some() || !implicit).then_some(Problem::Dangling),
        (Some(record), Some(kind)) => match &record.content {
            content if content.is_none() != (kind == Kind::Directory) => Some(Problem::WrongKind),
            None => None,
            Some(content) => {
                let etags = content.etag.as_ref().zip(stored.and_then(|attributes| attributes.etag.as_ref()));
                etags.is_some_and(|(recorded, stored)| recorded != stored).then_some(Problem::Changed)
            }
        },
    }
}

impl Engine {
    /// Looks at a path in the index and in its storage. Fails if the index does not answer.
    pub(super) async fn compare(&self, path: &FilePath) -> Result<Seen> {
        let record = self.metadata.get(path).await?;
        let mounted = path.is_root() || self.mounts.any_within(path);
        let owner = self.mounts.owner(path);
        let implicit = owner.is_some_and(|(mount, _)| mount.storage().abilities().implicit_directories);
        Ok(Seen { record, stored: self.stored(path).await, mounted, implicit })
    }

    /// Makes one path right, under its lock and after looking at it again; answers whether it is. What has no record gets
    /// one if it is to be adopted.
    pub(super) async fn mend(&self, path: &FilePath, adopt: bool) -> Result<bool> {
        let guard = self.lock(std::slice::from_ref(path), &self.patience()).await?;
        let seen = self.compare(path).await?;
        let revision = seen.record.as_ref().map(|record| record.revision);
        let change = match seen.problem() {
            None => return Ok(true),
            Some(Problem::Dangling) => Change::Remove(path.clone()),
            Some(Problem::WrongKind | Problem::Unrecorded) => match self.find(path).await?.target {
                Some(target) if adopt && target.record.is_none() => Change::Put(target.to_record(path)),
                _ if seen.record.is_some() => Change::Remove(path.clone()),
                _ => return Ok(false),
            },
            Some(Problem::Unasked) => return Err(seen.stored.err().unwrap_or_else(|| Error::internal("no answer"))),
            Some(_) => return Ok(false),
        };
        self.commit(&guard, vec![Change::Expect { path: path.clone(), revision }, change]).await?;
        Ok(true)
    }
}
