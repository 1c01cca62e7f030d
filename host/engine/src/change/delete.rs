//! Removing a file or a directory: the storage first, the record after.

mod tree;

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::locks::Guard;
use callfs_model::metadata::Change;
use callfs_model::path::FilePath;
use callfs_model::storage::{Condition, EntryKind};
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::failure::{about, mounted};
use crate::lookup::path::Lookup;
use crate::{Engine, Precondition};

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
            self.permit_delete(who, &self.find_for(who, path).await?, &precondition)
                .await?;
            let engine = self.clone();
            let who = who.clone();
            let path = path.clone();
            to_its_end(async move {
                let lock = engine
                    .lock(std::slice::from_ref(&path), &engine.patience())
                    .await?;
                let place = engine.find_for(&who, &path).await?;
                match engine.permit_delete(&who, &place, &precondition).await? {
                    EntryKind::Directory if recursive => {
                        engine.remove_tree(&lock, &who, &place).await
                    }
                    EntryKind::Directory => engine.remove_empty(&lock, &path).await,
                    EntryKind::File | EntryKind::Special => {
                        engine.remove_file(&lock, &place, &precondition).await
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
        let etag = place
            .target
            .as_ref()
            .and_then(|target| target.attributes.etag.clone());
        let condition = match etag {
            Some(etag) if storage.abilities().conditional_write && !precondition.is_empty() => {
                Condition::EtagIn(vec![etag])
            }
            _ => Condition::Always,
        };
        let forgotten = vec![Change::RemoveTree(place.path.clone())];
        let begun = self.begin_at(lock, &place.path, Vec::new()).await?;
        match storage.remove(rest, condition).await {
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

#[cfg(test)]
mod tests;
