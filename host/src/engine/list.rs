//! A page of a directory, made of a [`Walk`](super::Walk).

use std::sync::Arc;

use super::{Engine, Info};
use crate::error::Result;
use crate::identity::Identity;
use crate::path::FilePath;

/// What to list.
#[derive(Debug, Clone, Default)]
pub struct ListOptions {
    /// Also what is in directories below.
    pub recursive: bool,
    /// How many levels down, where recursive; 1 is the directory's own names. No limit without one.
    pub max_depth: Option<usize>,
    /// Only what comes after this path.
    pub after: Option<FilePath>,
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
    /// Where the next part goes on, if there is one.
    pub next: Option<FilePath>,
}

impl ListOptions {
    /// How many levels a walk goes down.
    pub fn depth(&self) -> usize {
        if self.recursive { self.max_depth.unwrap_or(usize::MAX) } else { 1 }
    }
}

impl Engine {
    /// A page of what is in a directory.
    pub async fn list(self: &Arc<Self>, who: &Identity, path: &FilePath, options: ListOptions) -> Result<Listing> {
        let (directory, mut walk) = self.walk(who, path, options.depth(), options.after.as_ref()).await?;
        let mut items: Vec<Info> = Vec::new();
        let limit = options.limit.max(1);
        while let Some(item) = walk.next().await? {
            if items.len() == limit {
                let next = items.last().map(|last| last.path.clone());
                return Ok(Listing { directory, items, next });
            }
            items.push(item);
        }
        Ok(Listing { directory, items, next: None })
    }
}
