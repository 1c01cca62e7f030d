//! What the metadata store records: who owns a path, and what is known of it that its storage does
//! not keep.
//!
//! The storage is the truth for bytes and for existence; a record without an object means nothing.
//! Every change goes through [`Metadata::apply`], which is atomic and durable when it returns. The
//! [links](LinkStore) to files are recorded beside it. It knows nothing of storage, HTTP or
//! permissions.

mod links;

use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

pub use self::links::{
    Link, LinkChange, LinkId, LinkOptions, LinkStore, MakerRights, Use, link_changed, link_exists,
};
use crate::error::{Error, ErrorKind, Result};
use crate::path::FilePath;
use crate::storage::{ObjectIdentity, StorageIdentity};

/// Names who holds locks that may be lost: a process from its start, or from its last loss, until
/// its lease is over. It is the token that fences: what was fenced is never granted or accepted
/// again. Random, and never used twice.
pub type LeaseId = [u8; 16];

/// What is recorded of a path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Record {
    /// Where it is; the key.
    pub path: FilePath,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// POSIX permission bits.
    pub mode: u32,
    /// What belongs to the bytes rather than to the name; none for directories, and only for them.
    /// Until the first write is complete nothing in it is known.
    pub content: Option<Content>,
    /// The object that this is of: another one at the same path is not, and is adopted. None where
    /// objects cannot be told apart, or it is not known: then it is of whatever is at the path.
    pub object: Option<ObjectIdentity>,
    /// The object that is about to take its place, of which this is then. Recorded before it is
    /// published, so that there is no moment in which it could be anybody else's.
    pub next: Option<Box<NextObject>>,
    /// Counts the changes of this store; set by the store, whatever it is when it is given.
    pub revision: u64,
}

/// What is recorded of an object's bytes. It holds as long as the storage reports this etag: bytes
/// that somebody else replaced have another one.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Content {
    /// As the storage reported it when the bytes were written.
    pub etag: Option<String>,
    /// Media type.
    pub content_type: Option<String>,
    /// SHA-256 of the bytes.
    pub sha256: Option<[u8; 32]>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z, where it is not the one
    /// that the storage keeps.
    pub modified: Option<i64>,
    /// When anything about the object was last changed, as the storage reported it: where that is
    /// another time now, the digest may be that of other bytes. None if it is not known.
    pub changed: Option<i64>,
}

/// An object that is about to be published.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextObject {
    /// Which it is.
    pub object: ObjectIdentity,
    /// What is known of its bytes.
    pub content: Content,
}

/// What is about to happen to a storage and cannot be told from its state afterwards; recorded
/// first, so that a crash in between can be healed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Intent {
    /// A path with everything below it is about to move.
    Rename {
        /// From here.
        from: FilePath,
        /// To here.
        to: FilePath,
    },
    /// What is stored here does not exist, with everything below it, and is to be removed.
    #[serde(rename = "Discard")]
    Tombstone {
        /// Here.
        path: FilePath,
        /// Only what is below it; what is at the path itself is a directory, and stays.
        inside: bool,
        /// The storage that it is stored in, where that has an identity: in another one, nothing
        /// is removed.
        #[serde(default)]
        storage: Option<StorageIdentity>,
        /// Of what a move left behind: when the last of its files was
        /// [changed](crate::storage::Attributes), or the greatest time where that is not known;
        /// what was changed later is not what was meant, and stays. None of what is being built:
        /// of that is removed what is recorded.
        #[serde(default)]
        newest: Option<i64>,
    },
    /// Objects begin or cease to exist here, or below it: what is recorded of those that are not
    /// stored is to be forgotten.
    Reconcile {
        /// Here.
        path: FilePath,
    },
    /// No order, but kept with them: what is recorded below a mount is of the objects of this
    /// storage, so that another one is not taken for it.
    Mounted {
        /// Of the mount.
        path: FilePath,
        /// What is mounted.
        storage: StorageIdentity,
    },
    /// Two paths, each with everything below it, are about to change places.
    Exchange {
        /// One path.
        one: FilePath,
        /// The other.
        other: FilePath,
        /// What is at each before it, by which its outcome is told.
        objects: [ObjectIdentity; 2],
    },
}

/// Names an intent; unique, made by whoever begins it.
pub type IntentId = [u8; 16];

/// One step of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Change {
    /// Records, or replaces what was recorded.
    Put(Record),
    /// Forgets one path.
    Remove(FilePath),
    /// Forgets a path and everything below it.
    RemoveTree(FilePath),
    /// Moves the record of a path, and those of everything below it, in place of whatever was
    /// recorded there; also when nothing is recorded of what moves. Refused if one path is
    /// within the other, or if a path would become too long.
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
    /// Refuses the whole, with [`PreconditionFailed`](ErrorKind::PreconditionFailed), unless what
    /// is recorded of a path has this revision; none: unless nothing is recorded of it. A `Put`
    /// or `Remove` after it is conditional.
    Expect {
        /// Of this path.
        path: FilePath,
        /// As [`Record::revision`] was when it was read.
        revision: Option<u64>,
    },
    /// Refuses the whole, with [`Locked`](ErrorKind::Locked), if this lease was fenced: whoever
    /// makes the change lost the locks under which it was made.
    Under(LeaseId),
    /// From now on, nothing is changed under this lease.
    Fence(LeaseId),
    /// Exchanges what is recorded of two paths, and of everything below each; also when nothing is
    /// recorded of one of them. Refused if one is within the other, or if a path would become too
    /// long.
    Exchange {
        /// One path.
        one: FilePath,
        /// The other.
        other: FilePath,
    },
}

/// What is refused that was to be committed under a lease that was fenced.
pub fn fenced() -> Error {
    let message = "the lock was lost while the change was made, because this node did not renew \
                   its lease; try again";
    Error::new(ErrorKind::Locked, message)
}

/// What is refused because a path has changed.
pub fn unexpected(path: &FilePath) -> Error {
    Error::new(
        ErrorKind::PreconditionFailed,
        format!("what is recorded of {path} has changed meanwhile"),
    )
}

impl Change {
    /// Refuses what no store can carry out, whatever is recorded in it; every store asks before it
    /// begins.
    pub fn check(&self) -> Result<()> {
        match self {
            Self::Rename { from, to }
                if from != to && (from.is_within(to) || to.is_within(from)) =>
            {
                let message = format!("cannot move {from} to {to}: one is within the other");
                Err(Error::new(ErrorKind::BadRequest, message))
            }
            Self::Exchange { one, other }
                if one != other && (one.is_within(other) || other.is_within(one)) =>
            {
                let message = format!("cannot exchange {one} and {other}: one is within the other");
                Err(Error::new(ErrorKind::BadRequest, message))
            }
            _ => Ok(()),
        }
    }
}

/// A metadata store.
#[async_trait]
pub trait Metadata: Send + Sync {
    /// Fails while nothing may be changed here, because the right to do so was lost: asked before
    /// an object is changed whose record is to follow.
    fn may_change(&self) -> Result<()> {
        Ok(())
    }

    /// What is recorded of a path.
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>>;

    /// Records of the direct children of a directory, in byte order of their names: at most
    /// `limit`, those whose name is greater than `after`.
    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>>;

    /// Records of a path and of everything below it, in byte order of the paths: at most `limit`,
    /// those whose path is greater than `after`. Pages together are not of one moment.
    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>>;

    /// Carries out all of the changes in order, or none. Durable when it returns.
    async fn apply(&self, changes: Vec<Change>) -> Result<()>;

    /// The same, but a power loss may undo the changes for up to a second after it returns: they
    /// are visible, and survive a crash of the process. A store that cannot tell the two apart
    /// makes them durable.
    async fn apply_relaxed(&self, changes: Vec<Change>) -> Result<()> {
        self.apply(changes).await
    }

    /// Carries out changes that only tidy up: what was recorded before is as true, so that they may
    /// be lost in a crash. They keep their place before everything that is asked for after this
    /// returned, and are durable soon, or together with the next of it. `held` is dropped once they
    /// are carried out, or have failed. A store in which others may come in between carries them
    /// out at once.
    async fn apply_soon(&self, changes: Vec<Change>, held: Box<dyn Send>) -> Result<()> {
        let outcome = self.apply(changes).await;
        drop(held);
        outcome
    }

    /// Every intent that was begun and not ended, oldest first.
    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>>;

    /// Whether the store answers.
    async fn ready(&self) -> Result<()>;

    /// Finishes what is under way and lets go of the store.
    async fn close(&self);
}
