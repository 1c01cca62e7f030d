//! The metadata store: four implementations of [`Metadata`](callfs_model::metadata::Metadata) and a
//! cache before them.
//!
//! Each store passes one behaviour suite, among it that what many clients see at the same time can
//! be put into one order. [`Cached`] answers from memory as long as it is told of remote changes.
//! It must not know storage, HTTP or permissions.

mod cached;
mod dump;
mod notifications;
mod object;
mod postgres;
mod queue;
mod raft;
mod redis;
mod sql;
mod sqlite;
#[cfg(test)]
mod suite;

pub use self::cached::Cached;
pub use self::dump::{Counts, Imported, export, import, verify};
pub use self::notifications::{Notifications, STALE_AT_MOST, Touched};
pub use self::postgres::{Claim, PostgresStore};
pub use self::raft::{Member, RaftMember, RaftSettings, RaftStore, Status};
pub use self::redis::{RedisClaim, RedisStore};
pub use self::sqlite::SqliteStore;
