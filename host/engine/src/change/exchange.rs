//! Exchanging what two paths name, each with everything below it, in one step: how a directory that
//! is in use is replaced by another one without a moment in which it is missing or a mixture.
//!
//! Like a [move](crate::change::rename), it is recorded as an intent before the storage is asked,
//! and `recovery` heals what a crash leaves. The intent names both objects, because nothing else
//! tells the state before from the state after: so only a storage that names its objects can
//! exchange them, and nothing is done in several steps instead.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Intent, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::ObjectIdentity;
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::failure::{about, raced, refuse};
use crate::lookup::path::{Lookup, LookupTarget};
use crate::recovery::exchanges::ExchangeInFlight;
use crate::recovery::tombstones::MoveInFlight;
use crate::{Engine, Info, Precondition};

/// What to exchange something with.
#[derive(Debug, Clone)]
pub struct ExchangeOptions {
    /// The other path, whole.
    pub destination: FilePath,
    /// About what is at the first path.
    pub precondition: Precondition,
    /// About what is at the other path.
    pub destination_precondition: Precondition,
}

/// Both sides of an exchange, as they were found under the lock.
struct ExchangeSides<'a> {
    places: [&'a Lookup; 2],
    targets: [&'a LookupTarget; 2],
    objects: [ObjectIdentity; 2],
}

impl Engine {
    /// Exchanges what two paths name, files or directories; answers what the first is now, as it
    /// arrived.
    pub fn exchange<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        options: ExchangeOptions,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let destination = options.destination.clone();
            let is_inside = destination.is_within(path) || path.is_within(&destination);
            if destination != *path && is_inside {
                let message = format!(
                    "'{path}' and '{destination}' cannot be exchanged: one is within the other"
                );
                return Err(Error::new(ErrorKind::BadRequest, message));
            }
            let one = self.find_for(who, path).await?;
            let other = self.find_for(who, &destination).await?;
            self.permit_exchange(who, &one, &other, &options).await?;
            if destination == *path {
                let target = one.target.as_ref().ok_or_else(|| one.absence())?;
                return Ok(target.info(path));
            }
            let engine = self.clone();
            let who = who.clone();
            let path = path.clone();
            to_its_end(async move { engine.exchange_locked(&who, &path, &options).await }).await
        })
    }

    /// Each side is taken away from its place and put into the other's.
    async fn permit_exchange(
        &self,
        who: &Identity,
        one: &Lookup,
        other: &Lookup,
        options: &ExchangeOptions,
    ) -> Result<()> {
        self.permit_move(who, one, &options.precondition).await?;
        self.permit_move(who, other, &options.destination_precondition)
            .await?;
        self.require(who, other, &[other.creation()]).await?;
        self.require(who, one, &[one.creation()]).await?;
        let (storage, _) = self.backend(&one.path)?;
        if !self.is_one_mount(&one.path, &other.path) {
            let what = format!(
                "cannot be exchanged with '{}': they are in different mounts, and no storage \
                 exchanges them in one step",
                other.path
            );
            return Err(refuse(ErrorKind::Unsupported, &one.path, &what));
        }
        if !storage.abilities().exchange {
            let what = format!(
                "cannot be exchanged with '{}': its storage '{}' does not exchange two paths in \
                 one step",
                other.path,
                storage.name()
            );
            return Err(refuse(ErrorKind::Unsupported, &one.path, &what));
        }
        Ok(())
    }

    async fn exchange_locked(
        &self,
        who: &Identity,
        path: &FilePath,
        options: &ExchangeOptions,
    ) -> Result<Info> {
        let paths = [path.clone(), options.destination.clone()];
        let lock = self.lock(&paths, &self.patience()).await?;
        let one = self.find_for(who, path).await?;
        let other = self.find_for(who, &options.destination).await?;
        self.permit_exchange(who, &one, &other, options).await?;
        self.check_room(&one, &other.path).await?;
        self.check_room(&other, &one.path).await?;
        let sides = sides(&one, &other)?;
        self.carry_out_exchange(&lock, &sides).await?;
        Ok(self.arrived(sides.targets[0], &other.path).await)
    }

    async fn carry_out_exchange(&self, lock: &Guard, sides: &ExchangeSides<'_>) -> Result<()> {
        let [one, other] = sides.places.map(|place| &place.path);
        let (storage, first) = self.backend(one)?;
        let (_, second) = self.backend(other)?;
        let intent = Intent::Exchange {
            one: one.clone(),
            other: other.clone(),
            objects: sides.objects.clone(),
        };
        // What is adopted gets its record now, so that it goes along, and what has one is told
        // apart by its object from now on.
        let recorded = sides.records().into_iter();
        let adopted = recorded
            .zip(sides.targets)
            .filter(|(record, target)| target.record.as_deref() != Some(record))
            .map(|(record, _)| Change::Put(record));
        let begun = self.begin(lock, intent, adopted.collect()).await?;
        let id = begun.id();
        let exchange = ExchangeInFlight {
            id,
            one,
            other,
            objects: &sides.objects,
        };
        // Until the records have followed, each side is judged by all that it may be.
        self.tombstones
            .begin_move(MoveInFlight::exchange(id, one, other));
        if let Err(error) = storage.exchange(first, second).await {
            // A storage that did not answer, or failed in the middle, may yet carry it out.
            let unsure = error.kind().is_retryable() || error.kind() == ErrorKind::Internal;
            match self.heal_exchange(lock, &exchange, unsure).await {
                Ok(true) => {
                    begun.ended();
                    self.tombstones.end_move(id);
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::warn!(%one, %other, %error, "a failed exchange is looked after later");
                }
            }
            return Err(match error.kind() {
                // Both were there a moment ago.
                ErrorKind::NotFound => raced(one).because(error),
                _ => about(one, error),
            });
        }
        let mut follow = vec![exchange.follow()];
        follow.extend(self.touched_sides(sides).await);
        let ended = self.end(lock, begun, follow).await;
        let settled = match &ended {
            Ok(()) => true,
            Err(error) if error.kind() == ErrorKind::BadRequest => self
                .heal_exchange(lock, &exchange, false)
                .await
                .unwrap_or(false),
            Err(_) => false,
        };
        if settled {
            self.intents.forget(&id);
            self.tombstones.end_move(id);
        }
        ended
    }

    /// The records of files whose time of the last change moved with their names, so that what is
    /// known of their bytes still holds.
    async fn touched_sides(&self, sides: &ExchangeSides<'_>) -> Vec<Change> {
        let [one, other] = sides.places.map(|place| &place.path);
        let mut touched = Vec::new();
        let records = sides.records().into_iter();
        for ((mut record, target), arrived) in records.zip(sides.targets).zip([other, one]) {
            if self.touched(arrived, target, &mut record).await.is_some() {
                record.path = arrived.clone();
                touched.push(Change::Put(record));
            }
        }
        touched
    }
}

impl ExchangeSides<'_> {
    /// The record of each.
    fn records(&self) -> [Record; 2] {
        let record = |place: &Lookup, target: &LookupTarget| Record {
            path: place.path.clone(),
            ..target.to_record(&place.path)
        };
        let [one, other] = self.places;
        let [first, second] = self.targets;
        [record(one, first), record(other, second)]
    }
}

/// Both sides, if they are told apart.
fn sides<'a>(one: &'a Lookup, other: &'a Lookup) -> Result<ExchangeSides<'a>> {
    let targets = match (&one.target, &other.target) {
        (Some(first), Some(second)) => [first, second],
        (None, _) => return Err(one.absence()),
        (_, None) => return Err(other.absence()),
    };
    let [Some(first), Some(second)] = targets.map(|target| target.object.clone()) else {
        let what = format!(
            "cannot be exchanged with '{}': their storage does not name its objects, so that \
             nothing could tell after a crash whether it happened",
            other.path
        );
        return Err(refuse(ErrorKind::Unsupported, &one.path, &what));
    };
    Ok(ExchangeSides {
        places: [one, other],
        targets,
        objects: [first, second],
    })
}

#[cfg(test)]
mod tests;
