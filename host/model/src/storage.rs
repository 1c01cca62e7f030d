//! What CallFS expects of a storage backend, and which backend owns a path.
//!
//! The trait is the contract of `wit/storage.wit` in Rust. It promises that a write is atomic and
//! that attributes are those of the object as opened; it knows nothing of users, permissions,
//! metadata or components.

mod mounts;

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::future::BoxFuture;
pub use mounts::{Mount, Mounts};
use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorKind, Result};
use crate::source::Source;

/// What a path names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum EntryKind {
    /// Bytes.
    File,
    /// Names.
    Directory,
    /// Neither: listed, never opened.
    Special,
}

/// What a backend knows about an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attributes {
    /// What it is.
    pub kind: EntryKind,
    /// In bytes; 0 for directories.
    pub size: u64,
    /// The opaque part of a strong entity tag, without quotes.
    pub etag: Option<String>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z.
    pub modified: Option<i64>,
    /// POSIX permission bits.
    pub mode: Option<u32>,
    /// The backend would keep other permission bits here, so that `mode` is what other programs
    /// allow. Not where they are fixed, as on FAT, or belong to another user.
    pub keeps_mode: bool,
    /// Media type, where the backend keeps it.
    pub content_type: Option<String>,
    /// Codings of the bytes as they are stored (RFC 9110 section 8.4), where the backend keeps
    /// them.
    pub content_encoding: Option<String>,
    /// Names the object, where the backend can tell it from another one that takes its place: what
    /// is changed in place, renamed or closed keeps it, and what replaces it has another.
    pub object: Option<String>,
    /// Time of the last change of anything about the object, which nobody can set, in nanoseconds
    /// since 1970-01-01T00:00:00Z.
    pub changed: Option<i64>,
}

/// One name in a directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The last segment of the path.
    pub name: String,
    /// Those of what the name leads to.
    pub attributes: Attributes,
    /// The name is a symbolic link: a recursive walk lists it and does not enter it.
    pub link: bool,
}

/// A part of a listing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ListingPage {
    /// In byte order of their names, each once.
    pub entries: Vec<DirectoryEntry>,
    /// Whether more follow after the last of these.
    pub more: bool,
    /// Names the directory that was listed, as [`Attributes::object`] does, where that is known.
    pub directory: Option<String>,
}

/// A half-open range of bytes: from `start` up to but not including `end`, or to the end of the
/// object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ByteRange {
    /// First byte.
    pub start: u64,
    /// The byte after the last.
    pub end: Option<u64>,
}

/// What must be true of the stored object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    #[default]
    Always,
    /// Nothing is stored under the path yet.
    Absent,
    /// Its etag is one of these.
    EtagIn(Vec<String>),
}

/// What to write besides the bytes.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Only set for backends with [`Abilities::conditional_write`].
    pub condition: Condition,
    /// Media type.
    pub content_type: Option<String>,
    /// POSIX permission bits, where the backend has them.
    pub mode: Option<u32>,
}

/// How a write ends.
pub enum WriteOutcome {
    /// It is stored, whole.
    Done(Attributes),
    /// CallFS carries it out itself.
    Carried(Box<dyn Transfer>),
}

/// A write that is carried out in two steps: staged, invisible, for as long as the body takes; then
/// published at once. Dropped at any point before it is published, it leaves nothing behind.
pub trait Transfer: Send {
    /// Moves all bytes to where they can be published from.
    fn stage(self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>>;
}

/// A write whose bytes are all there, durable and invisible.
pub trait Staged: Send {
    /// What will be known of the object once it is published, where that is known before; when it
    /// was last [changed](Attributes::changed) is not.
    fn attributes(&self) -> Option<&Attributes> {
        None
    }

    /// Publishes in one step, if the condition holds.
    fn publish(self: Box<Self>, condition: Condition) -> BoxFuture<'static, Result<Attributes>>;
}

/// How an object is opened.
#[derive(Debug, Clone, Default)]
pub struct ReadOptions {
    /// The whole object without one.
    pub range: Option<ByteRange>,
    /// What must be true of it.
    pub condition: Condition,
}

/// What was found on the way to a path, and there, in one look.
pub struct Walked {
    /// The directories on the way, the mount's own root first; fewer than the path has where one is
    /// missing or something else.
    pub directories: Vec<Attributes>,
    /// What is at the path, with its bytes if those were asked for, or why there is nothing.
    pub found: Result<(Attributes, Option<Source>)>,
}

/// Where a path leads that has a symbolic link on the way or at its end. Its parts are paths of the
/// backend without links; none where no path can say it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LinkedWay {
    /// What has the name: the link, where the path ends in one.
    pub place: Option<String>,
    /// What it leads to, or would if that were there.
    pub end: Option<String>,
}

/// What a backend can do beyond reading.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Abilities {
    /// `write` and `remove`.
    pub write: bool,
    /// `make` and `remove_directory`.
    pub directories: bool,
    /// `set_mode`.
    pub modes: bool,
    /// `rename`.
    pub rename: bool,
    /// `copy`.
    pub copy: bool,
    /// Conditions are honoured by the storage itself.
    pub conditional_write: bool,
    /// Every write is [`WriteOutcome::Carried`]: nothing is stored before it is published, and no
    /// directory need exist before.
    pub carried_write: bool,
    /// A directory exists as long as something is in it.
    pub implicit_directories: bool,
    /// `exchange`.
    pub exchange: bool,
}

/// When a change is on the disk.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Durability {
    /// Before it is acknowledged: it survives a power loss.
    #[default]
    Strict,
    /// Within a second after it was acknowledged: it survives a crash of the process. A power loss
    /// can undo it, and cut a new file short.
    Relaxed,
}

/// Names a storage, wherever it is mounted: another folder, or a copy of one, has another.
pub type StorageIdentity = [u8; 16];

/// Names an object of a storage that can tell its objects apart, for as long as it exists.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ObjectIdentity {
    /// Of the storage. Two names are compared only if they are of the same one: a folder that was
    /// restored from a backup is another, and holds other objects under the same paths.
    pub storage: StorageIdentity,
    /// As the storage names it.
    pub object: String,
}

/// A storage backend. Paths are relative to its mount: names joined by `/`, empty for the mount's
/// own root.
#[async_trait]
pub trait Storage: Send + Sync {
    /// Name of the component, for messages and metrics.
    fn name(&self) -> &str;

    /// What it can do beyond reading.
    fn abilities(&self) -> Abilities;

    /// Which storage it is; none if that cannot be known.
    fn identity(&self) -> Option<StorageIdentity> {
        None
    }

    /// When its changes are on the disk.
    fn durability(&self) -> Durability {
        Durability::Strict
    }

    /// Returns once every change that was made before is on the disk.
    async fn flush(&self) -> Result<()> {
        Ok(())
    }

    /// Fails if what it serves is not where it was when it was opened, and says what to do.
    async fn in_place(&self) -> Result<()> {
        Ok(())
    }

    /// The component behind it, which has delegated parts of it to the host; none if it has not.
    fn undelegated(&self) -> Option<Arc<dyn Storage>> {
        None
    }

    /// What a path names.
    async fn stat(&self, path: &str) -> Result<Attributes>;

    /// [`stat`](Self::stat), or [`read`](Self::read) if that is asked for, together with the
    /// directories on the way, where that costs no more than a moment; none where each of them has
    /// to be asked for, as on a way that leads over a link.
    async fn walk(&self, path: &str, read: Option<&ReadOptions>) -> Option<Walked> {
        let _ = (path, read);
        None
    }

    /// Where a path leads by symbolic links; none if there is no link on the way, or the backend
    /// does not follow it.
    async fn over_links(&self, path: &str) -> Result<Option<LinkedWay>> {
        let _ = path;
        Ok(None)
    }

    /// Opens an object: its attributes as opened, and its bytes or a range of them.
    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)>;

    /// A page of a directory: at most `limit` entries, those after the name `after`.
    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage>;

    /// Stores an object, replacing one of the same path. The parent exists.
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<WriteOutcome> {
        let _ = (path, body, options);
        Err(cannot(self.name(), "write"))
    }

    /// Removes an object.
    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        let _ = (path, condition);
        Err(cannot(self.name(), "remove files"))
    }

    /// Makes a directory whose parent exists.
    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        let _ = (path, mode);
        Err(cannot(self.name(), "make directories"))
    }

    /// Removes an empty directory.
    async fn remove_directory(&self, path: &str) -> Result<()> {
        let _ = path;
        Err(cannot(self.name(), "remove directories"))
    }

    /// Gives what a path itself names other POSIX permission bits, at most 0o1777.
    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        let _ = (path, mode);
        Err(cannot(self.name(), "change permission bits"))
    }

    /// Moves an object, or a directory with everything below it; the condition is about `to`.
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        let _ = (from, to, condition);
        Err(cannot(self.name(), "rename"))
    }

    /// Exchanges what two paths name, each with everything below it, in one step: at no moment is
    /// one of them missing, or both the same.
    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        let _ = (one, other);
        Err(cannot(self.name(), "exchange two paths"))
    }

    /// Copies an object; the condition is about `to`.
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        let _ = (from, to, condition);
        Err(cannot(self.name(), "copy"))
    }
}

/// A backend lacks an ability.
pub fn cannot(name: &str, what: &str) -> Error {
    Error::new(
        ErrorKind::Unsupported,
        format!("the storage '{name}' cannot {what}"),
    )
}
