//! Removing a file or a directory: the storage first, the record after.

mod tree;

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::locks::Guard;
use callfs_model::metadata::Change;
use callfs_model::path::FilePath;
use callfs_model::storage::{Condition, EntryKind, Storage};
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::failure::{about, mounted};
use crate::lookup::path::{Lookup, LookupTarget};
use crate::{Engine, Precondition};

/// How often a file is looked at again that another program changes at the same moment.
const ATTEMPTS: usize = 16;

/// How to remove.
#[derive(Debug, Clone, Default)]
pub struct DeleteOptions {
    /// A directory with everything below it; one that is not empty is refused otherwise.
    pub recursive: bool,
    /// About what the path names; never about what is below it.
    pub precondition: Precondition,
}

impl Engine {
    /// Removes a file or a directory.
    pub fn delete<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        options: DeleteOptions,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            let DeleteOptions {
                recursive,
                precondition,
            } = options;
            let seen = self.find_for(who, path).await?;
            self.permit_delete(who, &seen, &precondition).await?;
            let engine = self.clone();
            let who = who.clone();
            to_its_end(async move {
                let path = &seen.path;
                let lock = engine
                    .lock(std::slice::from_ref(path), &engine.patience())
                    .await?;
                // Of what has no record, only the storage knows whether another one removed it.
                let is_recorded = seen.target.as_ref().is_some_and(|it| it.record.is_some());
                let mut place = if is_recorded && precondition.is_empty() {
                    engine.look_under_lock(&who, &seen).await?
                } else {
                    engine.find_for(&who, path).await?
                };
                let mut attempts = 0;
                loop {
                    let removed = match engine.permit_delete(&who, &place, &precondition).await? {
                        EntryKind::Directory if recursive => {
                            return engine.remove_tree(&lock, &who, &place).await;
                        }
                        EntryKind::Directory => return engine.remove_empty(&lock, path).await,
                        EntryKind::File | EntryKind::Special => {
                            engine.remove_file(&lock, &place, &precondition).await
                        }
                    };
                    attempts += 1;
                    match removed {
                        // Another program changed or replaced it: whether the caller may remove
                        // what is there now is asked again.
                        Err(error)
                            if error.kind() == ErrorKind::PreconditionFailed
                                && precondition.is_empty()
                                && attempts < ATTEMPTS =>
                        {
                            place = engine.find_for(&who, path).await?;
                        }
                        removed => return removed,
                    }
                }
            })
            .await
        })
    }

    async fn permit_delete(
        &self,
        who: &Identity,
        place: &Lookup,
        precondition: &Precondition,
    ) -> Result<EntryKind> {
        let target = self.permit(who, place, Action::Delete).await?;
        if place.path.is_root() || self.mounts.any_within(&place.path) {
            return Err(mounted(&place.path, "deleted"));
        }
        self.check(place, precondition)?;
        Ok(target.attributes.kind)
    }

    async fn remove_file(
        &self,
        lock: &Guard,
        place: &Lookup,
        precondition: &Precondition,
    ) -> Result<()> {
        let (storage, rest) = self.backend(&place.path)?;
        let target = place.target.as_ref();
        let etag = target.and_then(|target| target.attributes.etag.clone());
        let condition = match (target, etag) {
            (_, Some(etag))
                if storage.abilities().conditional_write && !precondition.is_empty() =>
            {
                Condition::EtagIn(vec![etag])
            }
            (Some(target), _) => condition_of(&*storage, target),
            _ => Condition::Always,
        };
        let forgotten = vec![Change::RemoveTree(place.path.clone())];
        let begun = self.begin_at(lock, &place.path, Vec::new()).await?;
        match storage.remove(rest, condition).await {
            // The record names an object that is gone, and says no more than that.
            Ok(()) if target.is_some_and(is_named) => {
                self.end_soon(lock, Some(begun), forgotten).await
            }
            Ok(()) => self.end(lock, begun, forgotten).await,
            Err(error) => {
                match error.kind() {
                    ErrorKind::NotFound => self.end(lock, begun, forgotten).await?,
                    _ => {
                        self.clean(lock, begun, std::slice::from_ref(&place.path), Vec::new())
                            .await
                    }
                }
                Err(about(&place.path, error))
            }
        }
    }
}

/// Whether no other object that takes its place can be taken for it.
fn is_named(target: &LookupTarget) -> bool {
    let recorded = target.record.as_ref();
    target.object.is_some() && recorded.is_none_or(|record| record.object.is_some())
}

/// What tells an object that was found from another one under its name, where its storage names
/// objects and looks at conditions by itself.
fn condition_of(storage: &dyn Storage, target: &LookupTarget) -> Condition {
    match (&target.object, &target.attributes.etag) {
        (Some(_), Some(etag)) if storage.abilities().conditional_write => {
            Condition::EtagIn(vec![etag.clone()])
        }
        _ => Condition::Always,
    }
}

#[cfg(test)]
mod tests;
