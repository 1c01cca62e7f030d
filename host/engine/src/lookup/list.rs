//! A page of a directory, made of a [`Walk`](crate::Walk).

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;

use crate::lookup::filter::MatchingEffort;
use crate::{Engine, Filter, Info, Walk};

/// The most entries that are looked at for one page: where few are wanted, a page may hold none and
/// still have a next. A pattern that takes long to match ends it earlier.
const MAX_SEEN: usize = 10_000;
/// About how many bytes the entries of one page may have: a page is in memory until its reader has
/// taken all of it. Ten thousand entries of ordinary length have half as many.
const MAX_BYTES: usize = 4 << 20;
/// How often a page is made, or a walk begun, while one move after the other is made in it.
const ATTEMPTS: usize = 16;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Also what is in directories below.
    pub recursive: bool,
    /// How many levels down, where recursive; 1 is the directory's own names. No limit without
    /// one.
    pub max_depth: Option<usize>,
    /// Only what comes after this path.
    pub after: Option<FilePath>,
    /// Only what this takes.
    pub filter: Filter,
    /// The most items to answer, at least 1.
    pub limit: usize,
}

/// A part of a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// What was listed.
    pub directory: Info,
    /// In byte order of their paths.
    pub items: Vec<Info>,
    /// Where the next part goes on, if there is one; not always the last of the items.
    pub next: Option<FilePath>,
}

impl ListOptions {
    /// How many levels a walk goes down.
    pub fn depth(&self) -> usize {
        if self.recursive {
            self.max_depth.unwrap_or(usize::MAX)
        } else {
            1
        }
    }
}

impl Engine {
    /// A page of what is in a directory. If a move is finished meanwhile, or a directory that was
    /// found is not there when its names are asked for, the page is made again, because it could
    /// show both names of what was moved, or neither, or a directory without what is in it.
    pub fn list<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        options: ListOptions,
    ) -> BoxFuture<'a, Result<Listing>> {
        Box::pin(async move {
            let mut attempts = 0;
            loop {
                attempts += 1;
                let view = self.tombstones.view();
                let listed = self.list_once(who, path, &options).await;
                let is_last = attempts == ATTEMPTS;
                let is_still = self.tombstones.still(&view, path);
                match listed {
                    Ok((listing, is_whole)) if is_last || (is_whole && is_still) => {
                        return Ok(listing);
                    }
                    Err(error) if is_last || (is_still && error.kind() != ErrorKind::Locked) => {
                        return Err(error);
                    }
                    _ => {}
                }
            }
        })
    }

    /// A walk for a reader who wants all of it, with its first entry. If the directory is moved
    /// before that is found, it is looked for again, so that it is not there, or is walked.
    pub async fn walk_all(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        max_depth: usize,
        after: Option<&FilePath>,
    ) -> Result<(Walk, Option<Info>)> {
        let mut attempts = 0;
        loop {
            attempts += 1;
            match self.walk_all_once(who, path, max_depth, after).await {
                Err(error) if error.kind() == ErrorKind::Locked && attempts < ATTEMPTS => {}
                begun => return begun,
            }
        }
    }

    async fn walk_all_once(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        max_depth: usize,
        after: Option<&FilePath>,
    ) -> Result<(Walk, Option<Info>)> {
        let (_, mut walk) = self.walk(who, path, max_depth, after).await?;
        walk.read_ahead();
        let first = walk.next().await?;
        Ok((walk, first))
    }

    /// A page, and whether all of what it shows may have been there at one moment.
    async fn list_once(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        options: &ListOptions,
    ) -> Result<(Listing, bool)> {
        let (directory, mut walk) = self
            .walk(who, path, options.depth(), options.after.as_ref())
            .await?;
        let mut items: Vec<Info> = vec![];
        let mut last: Option<FilePath> = None;
        let limit: usize = options.limit.max(1);
        let mut seen = 0;
        let mut bytes = 0;
        let mut effort = MatchingEffort::default();
        while let Some(item) = walk.next().await? {
            let wanted = options.filter.takes(path, &item, &mut effort).await;
            // A full page goes on until something else is wanted, so that a last page is hardly
            // ever empty.
            // Only what a page can start with is left to the next one.
            let is_full = wanted && !items.is_empty() && bytes + size_of_entry(&item) > MAX_BYTES;
            let is_long = seen >= MAX_SEEN.max(limit) || (seen > 0 && effort.is_spent());
            if (wanted && items.len() == limit) || is_full || is_long {
                let listing = Listing {
                    directory,
                    items,
                    next: last,
                };
                return Ok((listing, !walk.is_incomplete()));
            }
            seen += 1;
            last = Some(item.path.clone());
            if wanted {
                bytes += size_of_entry(&item);
                items.push(item);
            }
        }
        let listing = Listing {
            directory,
            items,
            next: None,
        };
        Ok((listing, !walk.is_incomplete()))
    }
}

/// About how many bytes an entry takes, as it is held and as it is written.
fn size_of_entry(entry: &Info) -> usize {
    const FIELDS: usize = 128;
    let etag = entry.etag.as_ref().map_or(0, String::len);
    FIELDS + entry.path.as_str().len() + entry.owner.len() + entry.group.len() + etag
}

#[cfg(test)]
mod tests;
