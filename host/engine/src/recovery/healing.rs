//! What a crash leaves between storage and metadata, healed.
//!
//! The storage is the truth: if it moved something, the records follow; if it did not, they stay;
//! what is not there is forgotten. What was being built or was to be removed is removed. Everything
//! is healed under the lock of its paths and only if the metadata store still holds it then, so
//! that what another gateway works on is left to it. The newest comes first, because it was begun
//! on top of what older ones left.

use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Intent, IntentId};
use callfs_model::path::FilePath;
use callfs_model::storage::Condition;
use futures_util::future::BoxFuture;
use futures_util::future::join_all;

use crate::Engine;
use crate::failure::about;
use crate::recovery::exchanges::ExchangeInFlight;
use crate::recovery::intents::Interrupted;
use crate::recovery::tombstones::{LEFT, MoveInFlight, Tombstone};

/// How many records are looked at at a time, and of how many the storage is asked at once.
const PAGE: u32 = 256;
const AT_ONCE: usize = 16;
/// How many intents are locked together.
const BATCH: usize = 256;
/// How long one round reconciles; what is left means nothing to anybody and waits for the next.
const ROUND: Duration = Duration::from_secs(5);

impl Engine {
    /// Heals everything that was begun and not ended, and that nobody works on; answers how much.
    /// What cannot be healed now, because its storage does not answer, is tried again by
    /// [`clear_abandoned`](Self::clear_abandoned).
    pub fn recover<'a>(&'a self) -> BoxFuture<'a, Result<usize>> {
        Box::pin(async move {
            let mut interrupted = Vec::new();
            let mut tombstones = Vec::new();
            for (id, intent) in self.metadata.intents().await? {
                match intent {
                    Intent::Tombstone { path, inside, .. } => {
                        // Hidden before anything else happens, and until it is gone.
                        self.tombstones.put(Tombstone {
                            id,
                            path: path.clone(),
                            inside,
                            abandoned: true,
                        });
                        tombstones.push(path);
                    }
                    Intent::Mounted { .. } => {}
                    intent => {
                        if let Some(one) = MoveInFlight::of(id, &intent) {
                            self.tombstones.begin_move(one);
                        }
                        interrupted.push(Interrupted {
                            id,
                            intent,
                            since: None,
                        });
                    }
                }
            }
            let mut healed = self.heal_all(&interrupted).await;
            for path in tombstones {
                match self.clear_left(&path).await {
                    Ok(()) => healed += 1,
                    Err(error) => tracing::warn!(%path, %error, "{LEFT}"),
                }
            }
            Ok(healed)
        })
    }

    /// Heals what was interrupted, as far as it can be now.
    pub(crate) async fn heal_left(&self) {
        let left = self.intents.left();
        if !left.is_empty() {
            self.heal_all(&left).await;
        }
    }

    /// Heals moves from or to somewhere at, above or below paths that are about to be locked: who
    /// comes next would change what they are told by.
    pub(crate) async fn heal_moves_at(&self, paths: &[FilePath]) {
        let left = self.intents.moves_at(paths);
        if !left.is_empty() {
            self.heal_all(&left).await;
        }
    }

    /// Heals intents, given oldest first; those that cannot be healed now are left.
    async fn heal_all(&self, interrupted: &[Interrupted]) -> usize {
        let mut healed = 0;
        let until = Instant::now() + ROUND;
        let newest_first: Vec<Interrupted> = interrupted.iter().rev().cloned().collect();
        for batch in newest_first.chunks(BATCH) {
            let paths: Vec<FilePath> = batch.iter().flat_map(Interrupted::paths).collect();
            // Nearly always nobody works on any of them, and one look at the metadata store is
            // enough for all.
            if let Ok(lock) = self.locks.acquire(&paths, Duration::ZERO).await {
                healed += self.heal_locked(&lock, batch, until).await;
                continue;
            }
            for one in batch {
                match self.locks.acquire(&one.paths(), Duration::ZERO).await {
                    Ok(lock) => {
                        healed += self
                            .heal_locked(&lock, std::slice::from_ref(one), until)
                            .await
                    }
                    Err(error) => {
                        self.left(one, error.kind() != ErrorKind::Locked, &error.to_string())
                    }
                }
            }
        }
        healed
    }

    async fn heal_locked(&self, lock: &Guard, batch: &[Interrupted], until: Instant) -> usize {
        let begun = match self.metadata.intents().await {
            Ok(begun) => begun,
            Err(error) => {
                batch
                    .iter()
                    .for_each(|one| self.left(one, true, &error.to_string()));
                return 0;
            }
        };
        let mut healed = 0;
        for one in batch {
            if !begun.iter().any(|(id, _)| *id == one.id) {
                self.intents.forget(&one.id);
                self.tombstones.end_move(one.id);
                continue;
            }
            let outcome = match &one.intent {
                Intent::Rename { from, to } => {
                    self.heal_move(lock, one.id, from, to, one.is_in_doubt())
                        .await
                }
                Intent::Exchange {
                    one: place,
                    other,
                    objects,
                } => {
                    let exchange = ExchangeInFlight {
                        id: one.id,
                        one: place,
                        other,
                        objects,
                    };
                    self.heal_exchange(lock, &exchange, one.is_in_doubt()).await
                }
                Intent::Reconcile { path } => self.reconcile(lock, one.id, path, until).await,
                Intent::Tombstone { .. } | Intent::Mounted { .. } => Ok(true),
            };
            match outcome {
                Ok(true) => {
                    self.intents.forget(&one.id);
                    self.tombstones.end_move(one.id);
                    healed += 1;
                }
                Ok(false) => self.left(one, false, "there was no time to"),
                Err(error) => self.left(one, true, &error.to_string()),
            }
        }
        healed
    }

    fn left(&self, one: &Interrupted, failed: bool, reason: &str) {
        let intent = &one.intent;
        if failed {
            tracing::warn!(
                ?intent,
                reason,
                "what was interrupted cannot be healed yet: it is tried again"
            )
        } else {
            tracing::debug!(?intent, reason, "what was interrupted is healed later")
        }
        self.intents.leave(one.clone());
    }

    /// Forgets what is recorded at a path, and below it, of what is not stored. Answers whether it
    /// came to the end in time.
    async fn reconcile(
        &self,
        lock: &Guard,
        id: IntentId,
        path: &FilePath,
        until: Instant,
    ) -> Result<bool> {
        let mut after = None;
        let mut changes = Vec::new();
        loop {
            let records = self.metadata.records(path, after.as_ref(), PAGE).await?;
            let Some(last) = records.last() else {
                changes.push(Change::End(id));
                return self.commit(lock, changes).await.map(|()| true);
            };
            if !changes.is_empty() {
                self.commit(lock, std::mem::take(&mut changes)).await?;
            }
            if Instant::now() > until {
                return Ok(false);
            }
            for some in records.chunks(AT_ONCE) {
                let looks: Vec<_> = some.iter().map(|record| self.stands(record)).collect();
                for (record, stands) in some.iter().zip(join_all(looks).await) {
                    if !stands? {
                        changes.push(Change::Remove(record.path.clone()));
                    }
                }
            }
            after = Some(last.path.clone());
        }
    }

    /// Makes the records agree with what the storage did, or did not do, of a move. As long as the
    /// storage may still do it (`unsure`), what has not happened yet is not taken for what will
    /// not. Answers whether it is decided.
    pub(crate) async fn heal_move(
        &self,
        lock: &Guard,
        id: IntentId,
        from: &FilePath,
        to: &FilePath,
        unsure: bool,
    ) -> Result<bool> {
        let source = self.stored(from).await?.is_some();
        let arrived = self.stored(to).await?.is_some();
        // Every move begins with a record of what moves: without one, the records have moved
        // already, or are gone.
        let recorded = self.metadata.get(from).await?.is_some();
        let mut changes = Vec::new();
        if recorded && arrived && !source {
            let follow = Change::Rename {
                from: from.clone(),
                to: to.clone(),
            };
            return match self.commit(lock, vec![follow, Change::End(id)]).await {
                Err(error) if error.kind() == ErrorKind::BadRequest => {
                    self.undo_move(lock, id, from, to, error).await
                }
                followed => followed.map(|()| true),
            };
        } else if recorded && unsure {
            return Ok(false);
        } else {
            // The new name was recorded before anything could arrive there; and what moves may have
            // been taken away.
            for path in [from, to] {
                if let Some(record) = self.metadata.get(path).await?
                    && !self.stands(&record).await?
                {
                    changes.push(Change::Remove(path.clone()));
                }
            }
        }
        changes.push(Change::End(id));
        self.commit(lock, changes).await.map(|()| true)
    }

    /// Moves back what the storage has moved and the records can never follow: without them it
    /// would be adopted.
    async fn undo_move(
        &self,
        lock: &Guard,
        id: IntentId,
        from: &FilePath,
        to: &FilePath,
        refused: Error,
    ) -> Result<bool> {
        tracing::warn!(%from, %to, error = %refused, "the records of a move cannot follow it: it \
            is undone");
        let (storage, rest) = self.backend(from)?;
        let (_, moved) = self.backend(to)?;
        let condition = if storage.abilities().conditional_write {
            Condition::Absent
        } else {
            Condition::Always
        };
        storage
            .rename(moved, rest, condition)
            .await
            .map_err(|error| about(from, error))?;
        // Whatever is recorded at the new name has no object any more.
        let changes = vec![Change::RemoveTree(to.clone()), Change::End(id)];
        self.commit(lock, changes).await.map(|()| true)
    }
}

#[cfg(test)]
mod tests;
