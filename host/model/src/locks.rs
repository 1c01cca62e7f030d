//! Who may change a path now.
//!
//! An exclusive lock on a path covers everything below it: it excludes every lock on the path
//! itself, on anything below it, and on any directory above it. Waiting is fair: first come, first
//! served. Readers take no locks. It knows nothing of what is locked.

use std::time::Duration;

use async_trait::async_trait;

use crate::error::Result;
use crate::metadata::LeaseId;
use crate::path::FilePath;

/// Held for as long as it lives.
pub struct Guard {
    lease: Option<LeaseId>,
    #[expect(dead_code, reason = "held for its Drop")]
    held: Box<dyn Send + Sync>,
}

impl Guard {
    /// A guard that cannot be lost, and releases by dropping what it holds.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self {
            lease: None,
            held: Box::new(held),
        }
    }

    /// The same of one that is lost when a lease is over.
    pub fn leased(lease: LeaseId, held: impl Send + Sync + 'static) -> Self {
        Self {
            lease: Some(lease),
            held: Box::new(held),
        }
    }

    /// Under which lease it is held, if it can be lost. A change that is made under it is to say
    /// so: see [`Change::Under`](crate::metadata::Change::Under).
    pub fn lease(&self) -> Option<LeaseId> {
        self.lease
    }
}

/// Where a lease that is over is made known, before anybody else gets what was locked under it.
#[async_trait]
pub trait Fences: Send + Sync {
    /// From when this returns on, nothing is committed under this lease.
    async fn fence(&self, lease: LeaseId) -> Result<()>;
}

/// A lock manager.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Locks all of the paths, or, when `wait` is over, fails with
    /// [`Locked`](crate::error::ErrorKind::Locked).
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard>;

    /// Whether the manager answers.
    async fn ready(&self) -> Result<()>;

    /// Lets go of everything; nothing is locked after.
    async fn close(&self) {}
}
