//! The directories on the way to something new, made under a lock of their own.
//!
//! The lock of the topmost missing directory covers everything below it and is held only while
//! directories are made, so that many uploads into a new directory wait for each other no longer
//! than that. Parents that were made for something that then failed are taken away again, unless
//! somebody put something there.

use std::future::Future;
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Record};
use callfs_model::path::FilePath;
use callfs_model::request;
use callfs_model::storage::{EntryKind, ObjectIdentity, Storage};

use crate::Engine;
use crate::failure::{about, raced, refuse};
use crate::lookup::path::Lookup;

/// How often a change looks again when others remove its parents as fast as it makes them.
const ATTEMPTS: usize = 16;

/// Runs what must come to its end even if the client goes away meanwhile.
pub(crate) async fn to_its_end<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    let done = tokio::spawn(request::for_current(work)).await;
    done.unwrap_or_else(|panicked| Err(Error::internal(panicked)))
}

/// Waits for locks until a moment in time.
pub(crate) struct Patience(Instant);

impl Patience {
    /// None at all: what is held by somebody is left to them.
    pub(crate) fn none() -> Self {
        Self(Instant::now())
    }

    fn left(&self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }
}

impl Engine {
    /// How long one change waits for all of its locks together.
    pub(crate) fn patience(&self) -> Patience {
        Patience(Instant::now() + self.lock_wait)
    }

    /// Locks paths. What was abandoned at any of them or below it is cleared away first, so that
    /// nothing new is ever put where something old is still to be removed.
    pub(crate) async fn lock(&self, paths: &[FilePath], patience: &Patience) -> Result<Guard> {
        self.heal_moves_at(paths).await;
        let lock = self.locks.acquire(paths, patience.left()).await?;
        if self.tombstones.is_shared() {
            // What others left a moment ago may not have been heard of yet.
            self.look_again().await?;
        }
        self.metadata.may_change()?;
        self.clear_within(&lock, paths).await?;
        Ok(lock)
    }

    /// Locks a path that was seen, and whose parents exist, making those that do not; `made` learns
    /// which, also when this fails. The caller checks permissions again: the place is as it is
    /// under the lock.
    pub(crate) async fn settle(
        &self,
        who: &Identity,
        seen: &Lookup,
        also: &[FilePath],
        made: &mut Vec<FilePath>,
    ) -> Result<(Guard, Lookup)> {
        let path = &seen.path;
        let patience = self.patience();
        for _ in 0..ATTEMPTS {
            let locked: Vec<FilePath> = std::iter::once(path).chain(also).cloned().collect();
            let guard = self.lock(&locked, &patience).await?;
            let place = self.look_under_lock(who, seen).await?;
            if self.unmade(&place).is_empty() {
                return Ok((guard, place));
            }
            drop(guard);
            self.make_parents(who, seen, &patience, made).await?;
        }
        Err(raced(path))
    }

    /// A place that was seen a moment ago, as it is now.
    pub(crate) async fn look_under_lock(&self, who: &Identity, seen: &Lookup) -> Result<Lookup> {
        match self.find_again(seen).await? {
            Some(place) => Ok(place),
            None => self.find_for(who, &seen.path).await,
        }
    }

    async fn make_parents(
        &self,
        who: &Identity,
        seen: &Lookup,
        patience: &Patience,
        made: &mut Vec<FilePath>,
    ) -> Result<()> {
        let unmade = self.unmade(&self.look_under_lock(who, seen).await?);
        let Some(top) = unmade.first() else {
            return Ok(());
        };
        let lock = self.lock(std::slice::from_ref(top), patience).await?;
        let place = self.look_under_lock(who, seen).await?;
        if self.unmade(&place).first() != Some(top) {
            // Somebody was quicker, or took more away: the caller looks again.
            return Ok(());
        }
        self.permit_creation(who, &place).await?;
        self.make_missing(&lock, who, &place, made).await
    }

    /// The directories on the way that the storage of a path still needs, the topmost first.
    pub(crate) fn unmade(&self, place: &Lookup) -> Vec<FilePath> {
        let owner = self.mounts.owner(&place.path).map(|(mount, _)| mount);
        match owner {
            _ if place.target.is_some() || place.obstacle.is_some() => Vec::new(),
            Some(mount) if place.bare && !mount.storage().abilities().implicit_directories => {
                let inside = |one: &FilePath| *one != mount.path && one.is_within(&mount.path);
                place.path.ancestors().into_iter().filter(inside).collect()
            }
            _ => place.missing.clone(),
        }
    }

    async fn make_missing(
        &self,
        lock: &Guard,
        who: &Identity,
        place: &Lookup,
        made: &mut Vec<FilePath>,
    ) -> Result<()> {
        let record = |path: &FilePath| {
            // Whatever is still recorded further down belonged to something else.
            let record = self.new_record(who, path, EntryKind::Directory);
            [Change::RemoveTree(path.clone()), Change::Put(record)]
        };
        let (storage, _) = self.backend(&place.path)?;
        let records = place.missing.iter().flat_map(record).collect();
        let unmade = self.unmade(place);
        let Some(top) = unmade
            .first()
            .filter(|_| !storage.abilities().implicit_directories)
        else {
            self.commit(lock, records).await?;
            made.extend_from_slice(&place.missing);
            return Ok(());
        };
        let begun = self.begin_at(lock, top, records).await?;
        match self.make_each(storage.as_ref(), &unmade, made).await {
            Ok(named) => {
                let record = |(path, object): (FilePath, Option<ObjectIdentity>)| {
                    let record = self.new_record(who, &path, EntryKind::Directory);
                    Change::Put(Record { object, ..record })
                };
                let recorded = named
                    .into_iter()
                    .filter(|(path, _)| place.missing.contains(path))
                    .map(record)
                    .collect();
                self.end(lock, begun, recorded).await
            }
            Err(error) => {
                // The records of what was not made mean nothing, but the next to make it should not
                // inherit them.
                self.clean(lock, begun, &place.missing, Vec::new()).await;
                Err(error)
            }
        }
    }

    /// Answers what the storage calls those that it made.
    async fn make_each(
        &self,
        storage: &dyn Storage,
        directories: &[FilePath],
        made: &mut Vec<FilePath>,
    ) -> Result<Vec<(FilePath, Option<ObjectIdentity>)>> {
        let mut named = Vec::new();
        for directory in directories {
            let (_, rest) = self.backend(directory)?;
            let mode = 0o777 & !self.defaults.umask;
            match storage.make(rest, Some(mode)).await {
                Ok(attributes) => {
                    made.push(directory.clone());
                    named.push((directory.clone(), self.object_at(directory, &attributes)));
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    self.expect_directory(directory).await?
                }
                Err(error) => return Err(about(directory, error)),
            }
        }
        Ok(named)
    }

    /// A mount may hide a file that its storage has where a directory is needed.
    async fn expect_directory(&self, path: &FilePath) -> Result<()> {
        match self.stored(path).await? {
            Some(attributes) if attributes.kind != EntryKind::Directory => Err(refuse(
                ErrorKind::NotADirectory,
                path,
                "is not a directory in its storage; a mount hides it",
            )),
            _ => Ok(()),
        }
    }

    /// Takes away what [`settle`](Self::settle) made, as far as it is empty.
    pub(crate) async fn unmake(&self, made: &[FilePath]) {
        let Some(top) = made.first() else { return };
        let taken_away = async {
            let lock = self
                .lock(std::slice::from_ref(top), &self.patience())
                .await?;
            let begun = self.begin_at(&lock, top, Vec::new()).await?;
            let mut gone = Vec::new();
            let mut failed = None;
            for directory in made.iter().rev() {
                match self.take_empty(directory).await {
                    Ok(()) => gone.push(Change::RemoveTree(directory.clone())),
                    Err(error) => {
                        failed = Some((directory, error));
                        break;
                    }
                }
            }
            match failed {
                None => self.end(&lock, begun, gone).await,
                Some((directory, error)) => {
                    let implicit = self.backend(directory)?.0.abilities().implicit_directories;
                    let unsure = if implicit {
                        &[]
                    } else {
                        std::slice::from_ref(directory)
                    };
                    self.clean(&lock, begun, unsure, gone).await;
                    Err(error)
                }
            }
        };
        if let Err(error) = taken_away.await {
            tracing::debug!(directory = %top, %error, "a directory made for something that failed \
                stays");
        }
    }
}
