//! Who may change a path now.
//!
//! An exclusive lock on a path covers everything below it: it excludes every lock on the path itself, on anything below
//! it, and on any directory above it. Waiting is fair: first come, first served. Readers take no locks. It knows nothing
//! of what is locked.

mod local;
#[cfg(test)]
mod suite;

use std::time::Duration;

use async_trait::async_trait;

pub use self::local::Local;
use crate::error::Result;
use crate::path::FilePath;

/// Held for as long as it lives.
pub struct Guard(#[expect(dead_code, reason = "held for its Drop")] Box<dyn Send + Sync>);

impl Guard {
    /// A guard that releases by dropping what it holds.
    pub fn new(held: impl Send + Sync + 'static) -> Self {
        Self(Box::new(held))
    }
}

/// A lock manager.
#[async_trait]
pub trait Locks: Send + Sync {
    /// Locks all of the paths, or, when `wait` is over, fails with [`Locked`](crate::error::ErrorKind::Locked).
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard>;

    /// Whether the manager answers.
    async fn ready(&self) -> Result<()>;
}
