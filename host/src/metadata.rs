//! The index: who owns a path, and what is known of it that its storage does not keep.
//!
//! The storage is the truth for bytes and for existence; a record without an object means nothing. Every change goes
//! through [`Metadata::apply`], which is atomic and durable when it returns. The [links](LinkStore) to files are recorded
//! beside it. It knows nothing of storage, HTTP or
//! permissions.

mod cached;
mod links;
mod sqlite;
#[cfg(test)]
mod suite;

use std::sync::Arc;

use async_trait::async_trait;

pub use self::cached::Cached;
pub use self::links::{Link, LinkId, LinkStore, Use};
pub use self::sqlite::Sqlite;
use crate::error::{Error, ErrorKind, Result};
use crate::path::FilePath;

/// What is recorded of a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Where it is; the key.
    pub path: FilePath,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// POSIX permission bits.
    pub mode: u32,
    /// What belongs to the bytes rather than to the name; none for directories, and only for them. Until the first write
    /// is complete nothing in it is known.
    pub content: Option<Content>,
    /// Counts the changes of this store; set by the store, whatever it is when it is given.
    pub revision: u64,
}

/// What is recorded of an object's bytes. It holds as long as the storage reports this etag: bytes that somebody else
/// replaced have another one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Content {
    /// As the storage reported it when the bytes were written.
    pub etag: Option<String>,
    /// Media type.
    pub content_type: Option<String>,
    /// SHA-256 of the bytes.
    pub sha256: Option<[u8; 32]>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z, where it is not the one that the storage keeps.
    pub modified: Option<i64>,
}

/// What is about to happen to a storage and cannot be told from its state afterwards; recorded first, so that a crash in
/// between can be healed. A plain write needs none: its record is put before the object is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Intent {
    /// A path with everything below it is about to move.
    Rename {
        /// From here.
        from: FilePath,
        /// To here.
        to: FilePath,
    },
    /// What is stored here does not exist, with everything below it, and is to be removed.
    Discard {
        /// Here.
        path: FilePath,
        /// Only what is below it; what is at the path itself is a directory, and stays.
        inside: bool,
    },
}

/// Names an intent; unique, made by whoever begins it.
pub type IntentId = [u8; 16];

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Records, or replaces what was recorded.
    Put(Record),
    /// Forgets one path.
    Remove(FilePath),
    /// Forgets a path and everything below it.
    RemoveTree(FilePath),
    /// Moves the record of a path, and those of everything below it, in place of whatever was recorded there; also when
    /// nothing is recorded of what moves. Refused if one path is within the other, or if a path would become too long.
    Rename {
        /// From here.
        from: FilePath,
        /// To here.
        to: FilePath,
    },
    /// Records an intent; refused if one of this name was begun and not ended.
    Begin(IntentId, Intent),
    /// Forgets an intent.
    End(IntentId),
}

impl Change {
    /// Refuses what no store can carry out, whatever is recorded in it; every store asks before it begins.
    pub(crate) fn check(&self) -> Result<()> {
        match self {
            Self::Rename { from, to } if from != to && (from.is_within(to) || to.is_within(from)) => {
                let message = format!("cannot move {from} to {to}: one is within the other");
                Err(Error::new(ErrorKind::BadRequest, message))
            }
            _ => Ok(()),
        }
    }
}

/// A metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// What is recorded of a path.
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>>;

    /// Records of the direct children of a directory, in byte order of their names: at most `limit`, those whose name is
    /// greater than `after`.
    async fn children(&self, directory: &FilePath, after: Option<&str>, limit: u32) -> Result<Vec<Record>>;

    /// Carries out all of the changes in order, or none. Durable when it returns.
    async fn apply(&self, changes: Vec<Change>) -> Result<()>;

    /// Every intent that was begun and not ended, oldest first.
    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>>;

    /// Whether the store answers.
    async fn ready(&self) -> Result<()>;

    /// Finishes what is under way and lets go of the store.
    async fn close(&self);
}
