//! Removes what the checks of a storage left, however broken the storage is.

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::storage::{Condition, EntryKind, Storage};
use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt};

use super::timed::Timed;

/// How many names are fetched, and how many objects are removed, at a time.
const PAGE: u32 = 500;
const AT_ONCE: usize = 16;

/// Removes a directory with everything below it, and answers why if something is left.
pub(super) async fn clear(storage: &Arc<Timed>, base: &str) -> Option<String> {
    let listed = remove_listed(storage, base).await;
    if storage
        .stat(base)
        .await
        .is_err_and(|error| error.kind() == ErrorKind::NotFound)
    {
        return None;
    }
    // What cannot be listed can be remembered; the deepest paths come first.
    for path in storage.touched().into_iter().rev() {
        if storage.remove(&path, Condition::Always).await.is_err()
            && storage.abilities().directories
        {
            // What is left is seen below.
            let _ = storage.remove_directory(&path).await;
        }
    }
    match (storage.stat(base).await, listed) {
        (Err(error), _) if error.kind() == ErrorKind::NotFound => None,
        (_, Err(error)) => Some(format!("'{base}' could not be removed: {error}")),
        (Ok(_), Ok(())) => Some(format!(
            "'{base}' is still there after everything in it was removed"
        )),
        (Err(error), Ok(())) => Some(format!(
            "nobody knows whether '{base}' is still there: {error}"
        )),
    }
}

fn remove_listed<'a>(storage: &'a Arc<Timed>, directory: &'a str) -> BoxFuture<'a, Result<()>> {
    async move {
        let mut after: Option<String> = None;
        loop {
            let page = match storage.list(directory, after.as_deref(), PAGE).await {
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
                page => page?,
            };
            after = page.entries.last().map(|entry| entry.name.clone());
            let removals = page.entries.into_iter().map(|entry| {
                let path = format!("{directory}/{}", entry.name);
                async move {
                    let removed = match entry.attributes.kind {
                        EntryKind::Directory if !entry.link => remove_listed(storage, &path).await,
                        _ => storage.remove(&path, Condition::Always).await,
                    };
                    removed.or_else(|error| {
                        if error.kind() == ErrorKind::NotFound {
                            Ok(())
                        } else {
                            Err(error)
                        }
                    })
                }
            });
            let mut removals = futures_util::stream::iter(removals).buffer_unordered(AT_ONCE);
            while let Some(removed) = removals.next().await {
                removed?;
            }
            if !page.more || after.is_none() {
                break;
            }
        }
        if storage.abilities().directories {
            storage.remove_directory(directory).await
        } else {
            Ok(())
        }
    }
    .boxed()
}
