//! What a crash leaves between storage and metadata, healed.
//!
//! The storage is the truth: if it moved something, the records follow; if it did not, they stay. What was being built or
//! was to be removed is removed.

use super::Engine;
use super::discards::{Discard, LEFT};
use crate::error::Result;
use crate::metadata::{Change, Intent, IntentId};
use crate::path::FilePath;

/// How many records are looked at at a time.
const PAGE: u32 = 256;

impl Engine {
    /// Heals everything that was begun and not ended; answers how much. What cannot be healed now, because its storage
    /// does not answer, stays for the next time.
    pub async fn recover(&self) -> Result<usize> {
        let (mut healed, mut discards) = (0, Vec::new());
        let (mut moves, mut reconciled, mut begun) = (Vec::new(), Vec::new(), self.metadata.intents().await?);
        for (id, intent) in begun.drain(..) {
            match intent {
                Intent::Rename { from, to } => moves.push((id, from, to)),
                Intent::Reconcile { path } => reconciled.push((id, path)),
                Intent::Discard { path, inside } => {
                    // Hidden before anything else happens, and until it is gone.
                    self.discards.put(Discard { id, path: path.clone(), inside, abandoned: true });
                    discards.push(path);
                }
            }
        }
        for (id, from, to) in moves {
            match self.heal(id, &from, &to, false).await {
                Ok(()) => healed += 1,
                Err(error) => tracing::warn!(%from, %to, %error, "an interrupted move cannot be healed yet"),
            }
        }
        for (id, path) in reconciled {
            match self.reconcile(id, &path).await {
                Ok(()) => healed += 1,
                Err(error) => tracing::warn!(%path, %error, "an interrupted change cannot be healed yet"),
            }
        }
        for path in discards {
            match self.clear_left(&path).await {
                Ok(()) => healed += 1,
                Err(error) => tracing::warn!(%path, %error, "{LEFT}"),
            }
        }
        Ok(healed)
    }

    /// Forgets what is recorded at a path, and below it, of what is not stored.
    async fn reconcile(&self, id: IntentId, path: &FilePath) -> Result<()> {
        let mut after: Option<FilePath> = None;
        loop {
            let records = self.metadata.records(path, after.as_ref(), PAGE).await?;
            let mut changes = Vec::new();
            for record in &records {
                if self.stored(&record.path).await?.is_none() {
                    changes.push(Change::Remove(record.path.clone()));
                }
            }
            after = records.last().map(|record| record.path.clone());
            if after.is_none() {
                changes.push(Change::End(id));
            }
            self.metadata.apply(changes).await?;
            if after.is_none() {
                return Ok(());
            }
        }
    }

    /// Makes the records agree with what the storage did, or did not do, of a move. As long as the storage may still do it
    /// (`unsure`), what has not happened yet is not taken for what will not.
    pub(super) async fn heal(&self, id: IntentId, from: &FilePath, to: &FilePath, unsure: bool) -> Result<()> {
        let moved = self.stored(from).await?.is_none() && self.stored(to).await?.is_some();
        // Every move begins with a record of what moves: without one, the records have moved already.
        let changes = match self.metadata.get(from).await? {
            Some(_) if moved => self.moved(id, from, to),
            Some(_) if unsure => return Ok(()),
            _ => vec![Change::End(id)],
        };
        self.metadata.apply(changes).await
    }

    /// The end of a move that the storage carried out.
    pub(super) fn moved(&self, id: IntentId, from: &FilePath, to: &FilePath) -> Vec<Change> {
        vec![Change::Rename { from: from.clone(), to: to.clone() }, Change::End(id)]
    }
}
