//! Locks of one process, in memory.
//!
//! A request takes its place in the queues of everything it touches in one step, so whoever came
//! first is first everywhere: nobody starves, and no two requests can wait for each other. Whatever
//! becomes of a request, dropping its place lets the next one in.

mod queues;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::{Guard, Locks};
use callfs_model::path::FilePath;
use tokio::sync::oneshot;

use self::queues::{QueuePosition, Queues};

/// When somebody who waited in vain may try again.
const RETRY: Duration = Duration::from_secs(1);

/// A lock manager for one process.
#[derive(Default)]
pub struct LocalLocks {
    queues: Arc<Mutex<Queues>>,
}

impl LocalLocks {
    /// A manager of which nothing is locked.
    pub fn new() -> Self {
        Self::default()
    }

    fn enter(&self, paths: &[FilePath]) -> LocalRequest {
        let (wake, granted) = oneshot::channel();
        let place = lock(&self.queues).enter(&outermost(paths), wake);
        LocalRequest {
            held: HeldLock {
                queues: self.queues.clone(),
                place,
            },
            granted,
        }
    }
}

#[async_trait]
impl Locks for LocalLocks {
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard> {
        let LocalRequest { held, mut granted } = self.enter(paths);
        if granted.try_recv().is_ok() {
            return Ok(Guard::new(held));
        }
        match tokio::time::timeout(wait, granted).await {
            Ok(Ok(())) => Ok(Guard::new(held)),
            Ok(Err(ended)) => Err(Error::internal(ended)),
            Err(_) => Err(locked(paths)),
        }
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }
}

struct LocalRequest {
    held: HeldLock,
    granted: oneshot::Receiver<()>,
}

/// A place in the queues, first or not; leaves them when it is dropped.
struct HeldLock {
    queues: Arc<Mutex<Queues>>,
    place: QueuePosition,
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        let woken = lock(&self.queues).leave(&self.place);
        for next in woken {
            // Whoever stopped waiting has left, or is about to.
            let _ = next.send(());
        }
    }
}

fn lock(queues: &Mutex<Queues>) -> MutexGuard<'_, Queues> {
    // Nothing below panics half-way.
    queues.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The paths without those that another one covers, in byte order.
pub(super) fn outermost(paths: &[FilePath]) -> Vec<&FilePath> {
    let mut sorted: Vec<_> = paths.iter().collect();
    // Not by bytes alone: '/a!' comes between '/a' and '/a/b'.
    sorted.sort_by(|a, b| a.as_str().split('/').cmp(b.as_str().split('/')));
    let mut outermost: Vec<&FilePath> = Vec::with_capacity(sorted.len());
    for path in sorted {
        if !outermost.last().is_some_and(|last| path.is_within(last)) {
            outermost.push(path);
        }
    }
    outermost
}

pub(super) fn locked(paths: &[FilePath]) -> Error {
    let names: Vec<_> = paths.iter().map(FilePath::as_str).collect();
    let message = format!(
        "{} is being changed by another request; try again later",
        names.join(" or ")
    );
    Error::new(ErrorKind::Locked, message).retry_after(RETRY)
}

#[cfg(test)]
mod tests;
