//! A bounded memory of what a store answered. Exact for what goes through it: once
//! [`apply`](Metadata::apply) returned, or a reader saw what it did, nobody is told anything older.
//!
//! Of a store that others change, too, it remembers what is there and not what is missing, for as
//! long as its [`Notifications`] is recent: what others changed is told for at most
//! [`STALE_AT_MOST`](super::STALE_AT_MOST) as it was. Whoever holds the lock of a path and
//! [forgets](Cached::forget) it first is told how it is. No hit waits for the store. It knows
//! nothing of the store behind it.

mod stamps;

use std::sync::Arc;

use async_trait::async_trait;
use callfs_model::error::{Error, Result};
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use quick_cache::Weighter;

use self::stamps::CacheStamp;
pub(super) use self::stamps::Stamps;
use super::{Notifications, Touched};

type RecordCache = quick_cache::sync::Cache<FilePath, CachedRecord, RecordWeight>;

/// The bytes of memory that a path may take on average, and the least that it counts for.
const WEIGHT: u64 = 512;

/// A store with a memory.
pub struct Cached<M: ?Sized> {
    entries: RecordCache,
    stamps: Arc<Stamps>,
    /// What others change; none if nobody else does.
    notifications: Option<Arc<Notifications>>,
    store: Arc<M>,
}

/// What the store answered, and when; void as soon as its stamp is no longer the one of its path.
#[derive(Clone)]
struct CachedRecord {
    stamp: CacheStamp,
    record: Option<Arc<Record>>,
}

impl<M: Metadata + ?Sized> Cached<M> {
    /// Remembers at most this many paths of a store that nobody else changes, and fewer where they
    /// are long: in all, [`WEIGHT`] bytes for each.
    pub fn new(store: Arc<M>, entries: u64) -> Self {
        Self {
            entries: memory(entries),
            stamps: Arc::new(Stamps::new()),
            notifications: None,
            store,
        }
    }

    /// The same of a store that others change, and that tells this notifications.
    pub fn shared(store: Arc<M>, entries: u64, notifications: Arc<Notifications>) -> Self {
        Self {
            entries: memory(entries),
            stamps: notifications.stamps().clone(),
            notifications: Some(notifications),
            store,
        }
    }

    /// Forgets what is remembered of paths, as the store is to be asked next.
    pub fn forget(&self, paths: &[FilePath]) {
        self.stamps.void(&Touched {
            paths: paths.to_vec(),
            ..Touched::default()
        });
    }

    /// What is remembered of a path: none if nothing is, so that the store has to be asked.
    pub fn peek(&self, path: &FilePath) -> Option<Option<Arc<Record>>> {
        if self
            .notifications
            .as_ref()
            .is_some_and(|notifications| !notifications.is_recent())
        {
            return None;
        }
        let entry = self.entries.get(path)?;
        self.stamps.is_current(entry.stamp).then_some(entry.record)
    }
}

/// A memory for so many paths of ordinary length.
fn memory(entries: u64) -> RecordCache {
    let estimated = usize::try_from(entries).unwrap_or(usize::MAX);
    let bytes = entries.saturating_mul(WEIGHT);
    RecordCache::with_weighter(estimated, bytes, RecordWeight)
}

/// What an entry counts for.
#[derive(Clone)]
struct RecordWeight;

impl Weighter<FilePath, CachedRecord> for RecordWeight {
    fn weight(&self, path: &FilePath, entry: &CachedRecord) -> u64 {
        weight(path, entry.record.as_deref()).max(WEIGHT)
    }
}

/// About how many bytes are held for a path: its own, those of the record, and what the memory
/// needs to find them again.
fn weight(path: &FilePath, record: Option<&Record>) -> u64 {
    const ENTRY: usize = 256;
    let mut bytes = ENTRY + path.as_str().len();
    if let Some(record) = record {
        let content = record.content.as_ref();
        let etag = content.and_then(|content| content.etag.as_ref());
        let content_type = content.and_then(|content| content.content_type.as_ref());
        let next = record.next.as_ref();
        let objects = record.object.iter().chain(next.map(|next| &next.object));
        bytes += size_of::<Record>()
            + record.path.as_str().len()
            + record.owner.len()
            + record.group.len()
            + etag.map_or(0, String::len)
            + content_type.map_or(0, String::len)
            + objects.map(|object| object.object.len()).sum::<usize>();
    }
    bytes as u64
}

impl<M: Metadata + ?Sized + 'static> Cached<M> {
    async fn carry_out(&self, changes: Vec<Change>, durability: Durability) -> Result<()> {
        let underway = Stamps::change(&self.stamps, &changes);
        let store = self.store.clone();
        // A task of its own: a change that its caller abandons may still be carried out, and what
        // it touches must stay void until then. The outcome does not matter to that: a
        // failure may be one to tell only.
        let task = tokio::spawn(async move {
            let outcome = match durability {
                Durability::Strict => store.apply(changes).await,
                Durability::Relaxed => store.apply_relaxed(changes).await,
            };
            drop(underway);
            outcome
        });
        task.await.map_err(Error::internal)?
    }
}

#[async_trait]
impl<M: Metadata + ?Sized + 'static> Metadata for Cached<M> {
    fn may_change(&self) -> Result<()> {
        self.store.may_change()
    }

    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        if let Some(known) = self.peek(path) {
            return Ok(known);
        }
        // Before the store is asked: if the path changes meanwhile, the stamp is void and so is the
        // entry.
        let stamp = self.stamps.of(path);
        let record = self.store.get(path).await?;
        // What is missing may appear elsewhere at any moment, together with its object.
        let lasts = record.is_some() || self.notifications.is_none();
        if let Some(stamp) = stamp.filter(|_| lasts) {
            self.entries.insert(
                path.compact(),
                CachedRecord {
                    stamp,
                    record: record.clone(),
                },
            );
        }
        Ok(record)
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.store.children(directory, after, limit).await
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.store.records(within, after, limit).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        self.carry_out(changes, Durability::Strict).await
    }

    async fn apply_relaxed(&self, changes: Vec<Change>) -> Result<()> {
        self.carry_out(changes, Durability::Relaxed).await
    }

    async fn apply_soon(&self, changes: Vec<Change>, held: Box<dyn Send>) -> Result<()> {
        let underway = Stamps::change(&self.stamps, &changes);
        let held = Box::new((underway, held));
        self.store.apply_soon(changes, held).await
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
