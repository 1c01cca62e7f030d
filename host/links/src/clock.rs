//! What time it is, so that tests need not wait for it.

use std::time::{SystemTime, UNIX_EPOCH};

/// A clock.
pub trait Clock: Send + Sync {
    /// Milliseconds since 1970-01-01T00:00:00Z.
    fn now(&self) -> i64;
}

/// That of the machine.
pub struct System;

impl Clock for System {
    fn now(&self) -> i64 {
        SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, super::milliseconds)
    }
}
