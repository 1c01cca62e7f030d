//! What a filesystem means: permissions, locks, storage and metadata made one.
//!
//! Every operation here is complete: it validates, authorises, locks, changes the storage, records
//! it, and lets go. It knows nothing of HTTP, SQL or components; it sees storage, metadata, locks
//! and identity through their traits.
//!
//! Three rules hold everywhere. The storage is the truth for bytes and existence, so a record is
//! put before its object and means nothing without it. The authorizer is asked before anything is
//! told, so that what exists behind a closed door stays unknown. Whatever holds a lock runs to its
//! end, whether or not the client still waits for it.

mod change;
mod failure;
mod fsck;
mod lookup;
mod precondition;
mod ready;
mod recovery;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod testing;

use std::sync::Arc;
use std::time::Duration;

use callfs_identity::Authorization;
use callfs_model::locks::Locks;
use callfs_model::metadata::Metadata;
use callfs_model::path::FilePath;
use callfs_model::storage::{EntryKind, Mounts};
pub use change::attributes::{AttributeChange, MODE_BITS};
pub use change::copy::CopyOptions;
pub use change::delete::DeleteOptions;
pub use change::digest::Digest;
pub use change::exchange::ExchangeOptions;
pub use change::put::{AdmittedPut, PutOptions, StoredFile};
pub use change::rename::RenameOptions;
pub use fsck::{FsckFinding, FsckOptions, FsckProblem, Summary, Tally, Witness};
pub use lookup::filter::{Filter, MatchingEffort};
pub use lookup::glob::Glob;
pub use lookup::list::{ListOptions, Listing};
pub use lookup::read::OpenedPath;
pub use lookup::walk::Walk;
pub use precondition::{EntityTag, Etags, Outcome, Precondition, Validators};
pub use recovery::intents::Intents;
pub use recovery::tombstones::Tombstones;

/// A filesystem.
pub struct Engine {
    /// Which backend owns a path.
    pub mounts: Mounts,
    /// The metadata store.
    pub metadata: Arc<dyn Metadata>,
    /// Who may change a path now.
    pub locks: Arc<dyn Locks>,
    /// Who may do what.
    pub authorizer: Authorization,
    /// Owners and modes that nobody gave.
    pub defaults: Defaults,
    /// What is stored and does not exist; [`recover`](Self::recover) fills it.
    pub tombstones: Tombstones,
    /// What this process begins, and what was interrupted.
    pub intents: Intents,
    /// How long a change waits for a lock.
    pub lock_wait: Duration,
    /// The largest body, in bytes.
    pub max_upload: u64,
}

/// Owners and modes that nobody gave.
#[derive(Debug, Clone)]
pub struct Defaults {
    /// Owner of `/` and of whatever other tools put into a storage.
    pub owner: String,
    /// Group of the same.
    pub group: String,
    /// Mode of `/` until somebody changes it.
    pub root_mode: u32,
    /// Bits that a new file (0o666) or directory (0o777) does not get.
    pub umask: u32,
}

/// What is known of a file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Info {
    /// Where it is.
    pub path: FilePath,
    /// What it is.
    pub kind: EntryKind,
    /// In bytes; 0 for directories.
    pub size: u64,
    /// The opaque part of a strong entity tag, without quotes.
    pub etag: Option<String>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z.
    pub modified: Option<i64>,
    /// POSIX permission bits.
    pub mode: u32,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// Media type, if it was stored with one; files only.
    pub content_type: Option<String>,
    /// Codings of the bytes as they are stored (RFC 9110 section 8.4); files only.
    pub content_encoding: Option<String>,
    /// SHA-256 of the bytes, where it is known.
    pub sha256: Option<[u8; 32]>,
}
