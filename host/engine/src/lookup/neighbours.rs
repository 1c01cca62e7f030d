//! Questions about files of a tree, of which neighbours share their way: each directory is looked
//! at once for all of them.
//!
//! The way to a file costs a look at each of its directories. Files that were read together are
//! mostly in one directory, or in directories of which one is in the other, so what was seen of
//! the way to one is taken for the next. All of it was seen after the neighbours were begun, and
//! that is what they are for: a copy that begins them after the files were read asks by what holds
//! since then. What is gone, or moves, is told of and not judged.

use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::identity::{AccessNode, Action, Question};
use callfs_model::path::FilePath;
use callfs_model::storage::Attributes;

use crate::Engine;
use crate::recovery::tombstones::View;

/// How many directories are looked at one by one where more would be one look along all of the way.
const FEW: usize = 4;

/// Files that are asked about together.
pub(crate) struct Neighbours<'a> {
    engine: &'a Engine,
    /// Before the first look.
    view: View,
    /// The way to the last one, the root first.
    directories: Vec<FilePath>,
    nodes: Arc<[AccessNode]>,
}

impl<'a> Neighbours<'a> {
    /// None yet.
    pub(crate) fn new(engine: &'a Engine) -> Self {
        Self {
            engine,
            view: engine.tombstones.view(),
            directories: Vec::new(),
            nodes: [].into(),
        }
    }

    /// May the caller do that to what is at a path now, and was there when these attributes were
    /// found? None where that takes a look at this path
    /// alone: something on the way is missing, or something moves, or it is reached over a link.
    pub(crate) async fn question(
        &mut self,
        action: Action,
        path: &FilePath,
        found: &Attributes,
    ) -> Result<Option<Question>> {
        let Some(parent) = path.parent() else {
            return Ok(None);
        };
        // What is behind a link is judged by its own path as well.
        if !self.go_to(&parent).await? || self.engine.leads_over_links(path).await? {
            return Ok(None);
        }
        let sought = self.engine.look_with_records(path).await?;
        let Some(seen) = sought.seen else {
            return Ok(None);
        };
        if seen.attributes.object != found.object {
            return Ok(None);
        }
        let target = self.engine.judged(path, seen.attributes, sought.records);
        let still = self.engine.tombstones.still(&self.view, path);
        Ok(still.then(|| Question {
            action,
            path: path.to_string(),
            target: Some(target.node),
            ancestors: self.nodes.clone(),
        }))
    }

    /// Makes the way that to a directory, itself included; not if one on it is missing.
    async fn go_to(&mut self, directory: &FilePath) -> Result<bool> {
        if self.directories.last() == Some(directory) {
            return Ok(true);
        }
        let mut wanted = directory.ancestors();
        wanted.push(directory.clone());
        let both = self.directories.iter().zip(&wanted);
        let known = both.take_while(|(one, other)| one == other).count();
        let along = if known == 0 || wanted.len() - known > FEW {
            self.engine.way_now(directory).await?
        } else {
            None
        };
        let nodes = match along {
            Some(nodes) => nodes,
            None => {
                let mut nodes = self.nodes[..known].to_vec();
                for directory in &wanted[known..] {
                    match self.engine.directory(directory).await? {
                        Some(node) => nodes.push(node),
                        None => break,
                    }
                }
                nodes
            }
        };
        if nodes.len() != wanted.len() {
            return Ok(false);
        }
        self.directories = wanted;
        self.nodes = nodes.into();
        Ok(true)
    }
}

#[cfg(test)]
mod tests;
