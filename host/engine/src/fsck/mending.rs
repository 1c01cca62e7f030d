//! One path: what is recorded, what is stored, what is wrong with that, and what makes it right.

use std::sync::Arc;

use callfs_model::error::{Error, Result};
use callfs_model::metadata::{Change, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, EntryKind, StorageIdentity};

use super::finding::FsckProblem;
use crate::Engine;
use crate::lookup::object::{ObjectMatch, named};

/// A path as the metadata store and its storage have it.
pub(super) struct Suspect {
    pub(super) record: Option<Arc<Record>>,
    /// Fails if the storage does not answer.
    pub(super) stored: Result<Option<Attributes>>,
    /// It is a directory because something is mounted there or further down.
    pub(super) mounted: bool,
    pub(super) implicit: bool,
    pub(super) storage: Option<StorageIdentity>,
}

impl Suspect {
    pub(super) fn problem(&self) -> Option<FsckProblem> {
        match &self.stored {
            Ok(stored) => judge(
                self.record.as_deref(),
                stored.as_ref(),
                self.storage,
                self.mounted,
                self.implicit,
            ),
            Err(_) => Some(FsckProblem::Unasked),
        }
    }

    pub(super) fn detail(&self) -> Option<String> {
        let recorded = |record: &Record| {
            if record.content.is_some() {
                "a file"
            } else {
                "a directory"
            }
        };
        match (self.problem()?, &self.record, &self.stored) {
            (FsckProblem::Unasked, _, Err(error)) => Some(error.message().to_owned()),
            (FsckProblem::WrongKind, Some(record), _) => {
                let stored = if record.content.is_some() {
                    "a directory"
                } else {
                    "a file"
                };
                Some(format!(
                    "{} is recorded, and {stored} is there",
                    recorded(record)
                ))
            }
            (FsckProblem::Dangling, Some(record), _) => Some(format!(
                "{} of '{}' is recorded, and nothing is stored",
                recorded(record),
                record.owner
            )),
            _ => None,
        }
    }
}

/// What is wrong with what is recorded and stored of one path.
pub(super) fn judge(
    record: Option<&Record>,
    stored: Option<&Attributes>,
    storage: Option<StorageIdentity>,
    mounted: bool,
    implicit: bool,
) -> Option<FsckProblem> {
    let kind = if mounted {
        Some(EntryKind::Directory)
    } else {
        stored.map(|attributes| attributes.kind)
    };
    match (record, kind) {
        (None, None) => None,
        // Configuration put it there, or it is a prefix, or nothing that could be opened.
        (None, Some(_)) if mounted => None,
        (None, Some(EntryKind::Directory)) => (!implicit).then_some(FsckProblem::Unrecorded),
        (None, Some(kind)) => (kind == EntryKind::File).then_some(FsckProblem::Unrecorded),
        // Where directories are prefixes, the record of one is an empty directory.
        (Some(record), None) => {
            (record.content.is_some() || !implicit).then_some(FsckProblem::Dangling)
        }
        (Some(record), Some(kind)) => match &record.content {
            content if content.is_none() != (kind == EntryKind::Directory) => {
                Some(FsckProblem::WrongKind)
            }
            _ if stored
                .is_some_and(|stored| named(record, storage, stored) == ObjectMatch::Another) =>
            {
                (!mounted).then_some(FsckProblem::Replaced)
            }
            None => None,
            Some(content) => {
                let etags = content
                    .etag
                    .as_ref()
                    .zip(stored.and_then(|attributes| attributes.etag.as_ref()));
                etags
                    .is_some_and(|(recorded, stored)| recorded != stored)
                    .then_some(FsckProblem::Changed)
            }
        },
    }
}

impl Engine {
    /// Looks at a path in the metadata store and in its storage. Fails if the metadata store does
    /// not answer.
    pub(super) async fn compare(&self, path: &FilePath) -> Result<Suspect> {
        let record = self.metadata.get(path).await?;
        let mounted = path.is_root() || self.mounts.any_within(path);
        let owner = self.mounts.owner(path);
        let storage = self.storage_at(path);
        let implicit =
            owner.is_some_and(|(mount, _)| mount.storage().abilities().implicit_directories);
        Ok(Suspect {
            record,
            stored: self.stored(path).await,
            mounted,
            implicit,
            storage,
        })
    }

    /// Makes one path right, under its lock and after looking at it again; answers whether it is.
    /// What has no record gets one if it is to be adopted.
    pub(super) async fn mend(&self, path: &FilePath, adopt: bool) -> Result<bool> {
        let guard = self
            .lock(std::slice::from_ref(path), &self.patience())
            .await?;
        let seen = self.compare(path).await?;
        let revision = seen.record.as_ref().map(|record| record.revision);
        let change = match seen.problem() {
            None => return Ok(true),
            Some(FsckProblem::Dangling) => Change::Remove(path.clone()),
            Some(FsckProblem::Replaced) if !adopt => return Ok(false),
            Some(FsckProblem::WrongKind | FsckProblem::Unrecorded | FsckProblem::Replaced) => {
                match self.find(path).await?.target {
                    Some(target) if adopt && target.record.is_none() => {
                        Change::Put(target.to_record(path))
                    }
                    _ if seen.record.is_some() => Change::Remove(path.clone()),
                    _ => return Ok(false),
                }
            }
            Some(FsckProblem::Unasked) => {
                return Err(seen
                    .stored
                    .err()
                    .unwrap_or_else(|| Error::internal("no answer")));
            }
            Some(_) => return Ok(false),
        };
        self.commit(
            &guard,
            vec![
                Change::Expect {
                    path: path.clone(),
                    revision,
                },
                change,
            ],
        )
        .await?;
        Ok(true)
    }
}
