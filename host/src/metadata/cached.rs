//! A bounded memory of what a store answered, absence included. Exact: once [`apply`](Metadata::apply) returned, or a
//! reader saw what it did, nobody is told anything older.
//!
//! It holds as long as every change of the store goes through this one cache. No hit waits or takes a lock. It knows
//! nothing of the store behind it.

mod stamps;

use std::sync::Arc;

use async_trait::async_trait;

use self::stamps::{Stamp, Stamps};
use super::{Change, Intent, IntentId, Metadata, Record};
use crate::error::{Error, Result};
use crate::path::FilePath;

/// A store with a memory.
pub struct Cached<M: ?Sized> {
    entries: moka::sync::Cache<FilePath, Entry>,
    stamps: Arc<Stamps>,
    store: Arc<M>,
}

/// What the store answered, and when; void as soon as its stamp is no longer the one of its path.
#[derive(Clone)]
struct Entry {
    stamp: Stamp,
    record: Option<Arc<Record>>,
}

impl<M: Metadata + ?Sized> Cached<M> {
    /// Remembers at most this many paths of a store.
    pub fn new(store: Arc<M>, entries: u64) -> Self {
        let entries = moka::sync::Cache::new(entries);
        Self { entries, stamps: Arc::new(Stamps::new()), store }
    }

    /// What is remembered of a path: none if nothing is, so that the store has to be asked.
    pub fn peek(&self, path: &FilePath) -> Option<Option<Arc<Record>>> {
        let entry = self.entries.get(path)?;
        self.stamps.is_current(entry.stamp).then_some(entry.record)
    }
}

#[async_trait]
impl<M: Metadata + ?Sized + 'static> Metadata for Cached<M> {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        if let Some(known) = self.peek(path) {
            return Ok(known);
        }
        // Before the store is asked: if the path changes meanwhile, the stamp is void and so is the entry.
        let stamp = self.stamps.of(path);
        let record = self.store.get(path).await?;
        if let Some(stamp) = stamp {
            self.entries.insert(path.clone(), Entry { stamp, record: record.clone() });
        }
        Ok(record)
    }

    async fn children(&self, directory: &FilePath, after: Option<&str>, limit: u32) -> Result<Vec<Record>> {
        self.store.children(directory, after, limit).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        let underway = Stamps::change(&self.stamps, &changes);
        let store = self.store.clone();
        // A task of its own: a change that its caller abandons may still be carried out, and what it touches must stay
        // void until then. The outcome does not matter to that: a failure may be one to tell only.
        let task = tokio::spawn(async move {
            let outcome = store.apply(changes).await;
            drop(underway);
            outcome
        });
        task.await.map_err(Error::internal)?
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        self.store.intents().await
    }

    async fn ready(&self) -> Result<()> {
        self.store.ready().await
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[cfg(test)]
mod tests;
