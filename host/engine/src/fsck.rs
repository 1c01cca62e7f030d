//! What the mounts hold, compared with what the metadata store says, and made to agree where that
//! is wanted.
//!
//! Two passes, each with a page of names or records at a time. The first walks the storages and the
//! metadata store side by side, one directory after the other; the second goes through all records
//! and finds those that no directory leads to any more. Both only suspect: what is told, and what
//! is repaired, was looked at once more, and repaired under the lock of its path. It takes what a
//! storage does not answer for unknown, never for gone. It cannot tell a directory that was emptied
//! from one whose disk is not mounted: it forgets nothing below an empty one unless it is told to.

mod finding;
mod level;
mod mending;
mod pass;

use callfs_model::error::Result;
use callfs_model::metadata::{Intent, IntentId};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;

pub use self::finding::{FsckFinding, FsckProblem, Summary, Tally, Witness};
use self::pass::FsckPass;
use crate::Engine;
use crate::recovery::tombstones::Tombstone;

/// What is compared, and what is done about it.
#[derive(Debug, Clone)]
pub struct FsckOptions {
    /// This path and everything below it; `/` for all.
    pub within: FilePath,
    /// Forgets records that mean nothing, and heals what was begun and not ended.
    pub repair: bool,
    /// Records what is stored and not recorded, for the default owner; only together with
    /// `repair`.
    pub adopt: bool,
    /// Forgets what is recorded below directories that are empty, too.
    pub accept_empty: bool,
}

impl Engine {
    /// Compares, and tells the witness everything that it finds. Fails if the metadata store does
    /// not answer.
    pub fn fsck<'a>(
        &'a self,
        options: &'a FsckOptions,
        witness: &'a mut dyn Witness,
    ) -> BoxFuture<'a, Result<Summary>> {
        Box::pin(async move {
            let mut pass = FsckPass::new(self, options, witness);
            self.unfinished(options, &mut pass).await?;
            pass.run().await?;
            Ok(pass.summary)
        })
    }

    /// What was begun and never ended. What it hides is hidden from now on, as it is while the
    /// gateway serves.
    async fn unfinished(&self, options: &FsckOptions, pass: &mut FsckPass<'_>) -> Result<()> {
        let begun = self.metadata.intents().await?;
        let mut left: Vec<IntentId> = begun.iter().map(|(id, _)| *id).collect();
        if options.repair && !begun.is_empty() {
            self.recover().await?;
            left = self
                .metadata
                .intents()
                .await?
                .into_iter()
                .map(|(id, _)| id)
                .collect();
        }
        for (id, intent) in begun {
            let is_left = left.contains(&id);
            let (path, other, what) = match intent {
                Intent::Rename { from, to } => (from, Some(to.clone()), format!("a move to {to}")),
                Intent::Exchange { one, other, .. } => {
                    let what = format!("an exchange with {other}");
                    (one, Some(other), what)
                }
                Intent::Reconcile { path } => {
                    (path, None, "a change of what exists here".to_owned())
                }
                Intent::Tombstone { path, inside, .. } => {
                    if is_left {
                        self.tombstones.put(Tombstone {
                            id,
                            path: path.clone(),
                            inside,
                            abandoned: true,
                        });
                    }
                    (
                        path,
                        None,
                        "the removal of what does not exist any more, or does not exist yet"
                            .to_owned(),
                    )
                }
                Intent::Mounted { .. } => continue,
            };
            if [Some(&path), other.as_ref()]
                .into_iter()
                .flatten()
                .any(|path| pass.covers(path))
            {
                let detail = Some(format!("{what} was begun and never ended"));
                pass.tell(FsckFinding {
                    path,
                    problem: FsckProblem::Unfinished,
                    detail,
                    repaired: options.repair && !is_left,
                });
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
