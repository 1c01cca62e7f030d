//! Carrying tombstones out: what is stored there is removed, then what is recorded, then the
//! tombstone itself.
//!
//! Before anything is removed the metadata store is asked whether it still says so, because a
//! change of the metadata store that failed may have been carried out all the same. A tombstone
//! names its storage: where another one was mounted since, there is nothing to remove. In that
//! storage it is about the objects that were there when it began, and not about what another
//! program put at their paths since (see [`removal`](super::removal)). What stays exists from then
//! on, so that no tombstone hides it for good.

use std::future::Future;
use std::time::Duration;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Intent, IntentId};
use callfs_model::path::FilePath;
use callfs_model::storage::{Storage, StorageIdentity};
use futures_util::future::{BoxFuture, join_all};

use super::removal::{Clearance, Leftover};
use super::{HeldTombstone, Tombstone, Tombstones};
use crate::Engine;
use crate::change::parents::Patience;
use crate::failure::{about, refuse};
use crate::lookup::object::named;

/// A tombstone as the metadata store has it.
pub(crate) struct Recorded {
    pub(crate) path: FilePath,
    pub(crate) inside: bool,
    /// The storage that it is about, where that is known.
    pub(crate) storage: Option<StorageIdentity>,
    /// What is to be removed: what is recorded, or what was last changed no later than that.
    pub(crate) newest: Option<i64>,
}

/// What is said of a tombstone that stays for now.
pub(crate) const LEFT: &str =
    "what no longer exists cannot be removed yet: it stays hidden and is tried again";

/// How many records are looked at at a time once something stays, and of how many the storage is
/// asked at once.
const PAGE: u32 = 256;
const AT_ONCE: usize = 16;

/// The pauses between attempts: the first, and the longest.
const PAUSES: (Duration, Duration) = (Duration::from_secs(1), Duration::from_secs(60));

impl Engine {
    /// Begins the tombstone of what is about to be built, in the metadata store and here, together
    /// with the record of what comes first. The path is locked.
    pub(crate) async fn tombstone(
        &self,
        lock: &Guard,
        path: &FilePath,
        inside: bool,
        first: Option<Change>,
    ) -> Result<HeldTombstone<'_>> {
        let id = self.intents.name()?;
        let begin = Change::Begin(id, self.tombstone_intent(path, inside, None)?);
        let begun = first.into_iter().chain([begin]).collect();
        let begun = self.commit(lock, begun).await;
        let held = self.tombstones.hold(id, path.clone(), inside);
        match begun {
            Ok(()) => Ok(held),
            // It may have begun: whoever clears it asks the metadata store.
            Err(error) => {
                self.clear_or_leave(lock, held, path).await;
                Err(error)
            }
        }
    }

    /// The intent to remove what is stored at a path, in the storage that is mounted there now:
    /// what is recorded when it is carried out, or whatever was changed no later than the `newest`.
    pub(crate) fn tombstone_intent(
        &self,
        path: &FilePath,
        inside: bool,
        newest: Option<i64>,
    ) -> Result<Intent> {
        let (storage, _) = self.backend(path)?;
        Ok(Intent::Tombstone {
            path: path.clone(),
            inside,
            storage: storage.identity(),
            newest,
        })
    }

    /// Carries out a tombstone that is held, whose path is locked; if that fails, it is abandoned,
    /// and others try again.
    pub(crate) async fn clear_or_leave(
        &self,
        lock: &Guard,
        held: HeldTombstone<'_>,
        path: &FilePath,
    ) {
        if let Err(error) = self
            .clear(lock, held.id(), std::slice::from_ref(path))
            .await
        {
            tracing::warn!(%path, %error, "{LEFT}");
        }
    }

    /// Carries out what was abandoned at paths or below them. They are locked, so nobody works on
    /// anything there.
    pub(crate) async fn clear_within(&self, lock: &Guard, paths: &[FilePath]) -> Result<()> {
        if self.tombstones.view().len() == 0 {
            return Ok(());
        }
        for tombstone in paths.iter().flat_map(|path| self.tombstones.within(path)) {
            self.clear(lock, tombstone.id, paths).await?;
        }
        Ok(())
    }

    /// Carries out what was abandoned at a path, unless somebody works on something there.
    pub(crate) async fn clear_left(&self, path: &FilePath) -> Result<()> {
        self.lock(std::slice::from_ref(path), &Patience::none())
            .await
            .map(drop)
    }

    /// Tries again and again to carry out what was abandoned and to heal what was interrupted,
    /// until the end.
    pub fn clear_abandoned<'a>(
        &'a self,
        end: impl Future<Output = ()> + Send + 'a,
    ) -> BoxFuture<'a, ()> {
        Box::pin(async move {
            let mut end = std::pin::pin!(end);
            let mut pause = PAUSES.0;
            loop {
                let wait = async {
                    if !self.tombstones.left().is_empty() || !self.intents.left().is_empty() {
                        return tokio::time::sleep(pause).await;
                    }
                    tokio::select! {
                        () = self.tombstones.abandoned.notified() => {}
                        () = self.intents.news.notified() => {}
                    }
                };
                tokio::select! {
                    () = &mut end => return,
                    () = wait => {}
                }
                // Not broken off: its commit might come when another gateway has the lock.
                self.heal_left().await;
                let left = self.tombstones.left();
                let mut failed = !self.intents.left().is_empty();
                for Tombstone { path, .. } in left {
                    let cleared = tokio::select! {
                        () = &mut end => return,
                        cleared = self.clear_left(&path) => cleared,
                    };
                    if let Err(error) = cleared {
                        failed = true;
                        if error.kind() == ErrorKind::Locked {
                            continue;
                        }
                        tracing::warn!(%path, %error, "{LEFT}");
                    }
                }
                pause = if failed {
                    (pause * 2).min(PAUSES.1)
                } else {
                    PAUSES.0
                };
            }
        })
    }

    /// What the metadata store says of a tombstone; none if it has ended.
    pub(crate) async fn recorded(&self, id: IntentId) -> Result<Option<Recorded>> {
        let found = self
            .metadata
            .intents()
            .await?
            .into_iter()
            .find(|(one, _)| *one == id);
        Ok(found.and_then(|(_, intent)| match intent {
            Intent::Tombstone {
                path,
                inside,
                storage,
                newest,
            } => Some(Recorded {
                path,
                inside,
                storage,
                newest,
            }),
            Intent::Rename { .. }
            | Intent::Exchange { .. }
            | Intent::Reconcile { .. }
            | Intent::Mounted { .. } => None,
        }))
    }

    /// Carries out one tombstone, as the metadata store has it, if that is within what is locked.
    async fn clear(&self, lock: &Guard, id: IntentId, locked: &[FilePath]) -> Result<()> {
        let Some(recorded) = self.recorded(id).await? else {
            self.tombstones.forget(id);
            return Ok(());
        };
        let Recorded {
            path,
            inside,
            storage: meant,
            newest,
        } = recorded;
        self.tombstones.correct(id, &path, inside);
        if !locked.iter().any(|locked| path.is_within(locked)) {
            return Ok(());
        }
        let (storage, rest) = self.backend(&path)?;
        let mounted = storage.identity();
        if meant.is_some() && mounted.is_none() {
            let what = "holds what no longer exists, and its storage cannot be told from another \
                        one; mount it so that it can be changed";
            return Err(refuse(ErrorKind::BackendUnavailable, &path, what));
        }
        let left = if meant.is_some() && mounted != meant {
            tracing::warn!(%path, "what no longer exists is in another storage than the one that \
                                   is mounted here now; nothing is removed, and what is recorded \
                                   of it is forgotten");
            Leftover::default()
        } else {
            Clearance::new(self, lock, storage.as_ref(), newest)
                .run(&path, rest, inside)
                .await
                .map_err(|error| about(&path, error))?
        };
        if left.unlisted {
            tracing::warn!(%path, "it holds what its storage keeps and does not list; a directory \
                                   around that stays");
        }
        let mut changes = match &left.foreign {
            Some((first, why)) => {
                tracing::warn!(%path, %first, why = why.as_str(), count = left.count,
                    "what another program put where a copy or a move was interrupted is not \
                     removed: it stays, and is adopted");
                self.forget_others(lock, storage.as_ref(), &path).await?;
                Vec::new()
            }
            None => {
                let kept = if inside {
                    self.metadata.get(&path).await?
                } else {
                    None
                };
                let kept = kept.map(|record| Change::Put(record.as_ref().clone()));
                [Change::RemoveTree(path)].into_iter().chain(kept).collect()
            }
        };
        changes.push(Change::End(id));
        self.commit(lock, changes).await?;
        self.tombstones.forget(id);
        Ok(())
    }

    /// Forgets what is recorded at a path and below it, but of what is known to be there still.
    async fn forget_others(
        &self,
        lock: &Guard,
        storage: &dyn Storage,
        path: &FilePath,
    ) -> Result<()> {
        let mut after = None;
        loop {
            let records = self.metadata.records(path, after.as_ref(), PAGE).await?;
            let Some(last) = records.last() else {
                return Ok(());
            };
            let mut gone = Vec::new();
            for some in records.chunks(AT_ONCE) {
                let looks = some.iter().map(|record| self.stored(&record.path));
                for (record, found) in some.iter().zip(join_all(looks).await) {
                    let stays = found?.is_some_and(|attributes| {
                        named(record, storage.identity(), &attributes).is_proof()
                    });
                    if !stays {
                        gone.push(Change::Remove(record.path.clone()));
                    }
                }
            }
            after = Some(last.path.clone());
            if !gone.is_empty() {
                self.commit(lock, gone).await?;
            }
        }
    }
}

impl Tombstones {
    /// Makes one here agree with the metadata store.
    fn correct(&self, id: IntentId, path: &FilePath, inside: bool) {
        let here: Vec<Tombstone> = self
            .all()
            .into_iter()
            .filter(|tombstone| tombstone.id == id)
            .collect();
        let agrees = matches!(&here[..], [one] if one.path == *path && one.inside == inside);
        if !agrees {
            let abandoned = here.iter().all(|tombstone| tombstone.abandoned);
            self.put(Tombstone {
                id,
                path: path.clone(),
                inside,
                abandoned,
            });
        }
    }
}
