//! A move that no storage can make in one step: to another mount, or within one that does not
//! rename.
//!
//! What moves is built at its destination where nobody sees it, compared with what it was made of,
//! and then the two change places in one step: one exists from then on, and the other does not.
//! Both are locked from the beginning to the end.

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, EntryKind};

use crate::Engine;
use crate::change::build::{Build, Newest, announcement, claim, enterable, fingerprint};
use crate::change::transfer::{Arrived, Incoming, is_same};
use crate::failure::{raced, refuse, special};
use crate::lookup::path::{Lookup, LookupTarget, gives_the_same_rights};
use crate::recovery::tombstones::{HeldTombstone, Recorded};

impl Engine {
    /// Whether a move has to be made this way.
    pub(crate) fn is_relocation(&self, from: &FilePath, to: &FilePath) -> Result<bool> {
        let (storage, _) = self.backend(from)?;
        Ok(!(self.is_one_mount(from, to) && storage.abilities().rename))
    }

    /// Whether both storages can do their part.
    pub(crate) async fn permit_relocation(&self, from: &Lookup, to: &Lookup) -> Result<()> {
        let Some(source) = &from.target else {
            return Ok(());
        };
        self.can_hold(&to.path, source.attributes.kind)?;
        let (storage, _) = self.backend(&from.path)?;
        let abilities = storage.abilities();
        let is_directory = source.attributes.kind == EntryKind::Directory;
        if !abilities.write
            || (is_directory && !(abilities.directories || abilities.implicit_directories))
        {
            let what = format!(
                "cannot be moved: its storage '{}' does not remove",
                storage.name()
            );
            return Err(refuse(ErrorKind::Unsupported, &from.path, &what));
        }
        match source.attributes.kind {
            EntryKind::Special => Err(special(&from.path)),
            EntryKind::Directory => {
                enterable(self, &from.path).await?;
                enterable(self, &to.path).await
            }
            EntryKind::File => Ok(()),
        }
    }

    /// Moves what may move. Both paths are locked.
    pub(crate) async fn relocate(&self, lock: &Guard, from: &Lookup, to: &Lookup) -> Result<()> {
        let Some(source) = &from.target else {
            return Err(from.absence());
        };
        let held = match (source.attributes.kind, &to.target) {
            (EntryKind::File, Some(replaced)) => {
                self.replace(lock, from, source, to, replaced).await?
            }
            _ => self.rebuild(lock, from, source, to).await?,
        };
        // The move has happened. What is left of it is removed now or later.
        self.clear_or_leave(lock, held, &from.path).await;
        Ok(())
    }

    /// Builds at a path where nothing is, or in an empty directory, and changes places.
    async fn rebuild(
        &self,
        lock: &Guard,
        from: &Lookup,
        source: &LookupTarget,
        to: &Lookup,
    ) -> Result<HeldTombstone<'_>> {
        let announced = announcement(source, &to.path);
        let is_directory = source.attributes.kind == EntryKind::Directory;
        let by_name = to.target.is_none() && (is_directory || !self.stages(&to.path));
        let first = by_name.then(|| Change::Put(announced.clone()));
        let inside = to.target.is_some();
        let held = self.tombstone(lock, &to.path, inside, first).await?;
        let built = match source.attributes.kind {
            EntryKind::Directory => self.rebuild_directory(lock, from, source, to).await,
            _ => self.rebuild_file(lock, from, source, to, announced).await,
        };
        let (mut changes, newest) = match built {
            Ok(built) => built,
            Err(error) => {
                self.clear_or_leave(lock, held, &to.path).await;
                return Err(error);
            }
        };
        changes.extend(claim(&from.path, source));
        let intent = self.tombstone_intent(&from.path, false, Some(newest.time()))?;
        changes.extend([Change::End(held.id()), Change::Begin(held.id(), intent)]);
        // An empty directory that is filled keeps its own mode in the storage: that is widened
        // before the record changes and narrowed after it, so that the record alone decides.
        let wanted = source.node.mode;
        let own = to.target.as_ref().and_then(|kept| kept.attributes.mode);
        let widened = match own {
            Some(mode) => self.align_mode(&to.path, own, mode | wanted).await,
            None => None,
        };
        let Err(error) = self.commit(lock, changes).await else {
            self.align_mode(&to.path, widened, wanted).await;
            held.becomes(from.path.clone());
            return Ok(held);
        };
        // It may have happened all the same.
        match self.recorded(held.id()).await {
            Ok(Some(Recorded { path, .. })) if path == from.path => {
                self.align_mode(&to.path, widened, wanted).await;
                held.becomes(path);
                return Ok(held);
            }
            Ok(_) => {
                if let Some(own) = own {
                    self.align_mode(&to.path, widened, own).await;
                }
                self.clear_or_leave(lock, held, &to.path).await;
            }
            Err(_) => held.may_have_become(from.path.clone()),
        }
        Err(error)
    }

    /// Builds a directory; answers what is still to be recorded, and when the last of the files
    /// that it was made of was changed.
    async fn rebuild_directory(
        &self,
        lock: &Guard,
        from: &Lookup,
        source: &LookupTarget,
        to: &Lookup,
    ) -> Result<(Vec<Change>, Newest)> {
        let built = Build::moved(self, lock, &to.path)
            .run(from, to.target.is_none())
            .await?;
        // Other programs know no locks: what they changed meanwhile would be lost.
        let now = fingerprint(self, &from.path).await?;
        let Some(newest) = built.print.newest_if_same(now) else {
            return Err(raced(&from.path));
        };
        self.settle_copies(&to.path).await?;
        let mut changes = built.records;
        if let Some(replaced) = &to.target {
            changes.push(Change::Put(Record {
                object: replaced.object.clone(),
                ..announcement(source, &to.path)
            }));
        }
        Ok((changes, newest))
    }

    /// The same of a file.
    async fn rebuild_file(
        &self,
        lock: &Guard,
        from: &Lookup,
        source: &LookupTarget,
        to: &Lookup,
        mut record: Record,
    ) -> Result<(Vec<Change>, Newest)> {
        let incoming = self.read(from, source, &to.path, None).await?;
        if let Some(next) = incoming.announced(self) {
            record.object = Some(next.object);
            record.content = Some(next.content);
        }
        if self.stages(&to.path) {
            let announced = vec![Change::Put(record.clone())];
            self.commit(lock, announced).await?;
        }
        let (arrived, newest) = self.bring(from, incoming, &to.path).await?;
        record.object = arrived.object;
        record.content = Some(arrived.content);
        Ok((vec![Change::Put(record)], newest))
    }

    /// Replaces a file in the storage's own step, with nothing hidden before.
    async fn replace(
        &self,
        lock: &Guard,
        from: &Lookup,
        source: &LookupTarget,
        to: &Lookup,
        replaced: &LookupTarget,
    ) -> Result<HeldTombstone<'_>> {
        let before = replaced.to_record(&to.path);
        let mut after = announcement(source, &to.path);
        // Bytes change before their record can.
        let mut between = self.defaults.narrower(&before, &after);
        let (storage, _) = self.backend(&to.path)?;
        if !storage.abilities().carried_write {
            // What is stored at once cannot be announced: the record is of whatever is there.
            between.object = None;
        }
        let mut changed = between.object != before.object
            || !gives_the_same_rights(Some(&between), Some(&before));
        if changed {
            self.commit(lock, vec![Change::Put(between.clone())])
                .await?;
        }
        let brought = async {
            let incoming = self
                .read(from, source, &to.path, Some(&replaced.attributes))
                .await?;
            let next = incoming.announced(self);
            if next.is_some() || between.object.is_some() {
                match next {
                    Some(next) => {
                        after.object = Some(next.object.clone());
                        after.content = Some(next.content.clone());
                        between.next = Some(Box::new(next));
                    }
                    None => between.object = None,
                }
                changed = true;
                self.commit(lock, vec![Change::Put(between)]).await?;
            }
            self.bring(from, incoming, &to.path).await
        };
        let (arrived, newest) = match brought.await {
            Ok(brought) => brought,
            Err(error) => {
                // A step that failed late may have replaced the bytes, and then they are the
                // source's.
                let restored = match self.is_unchanged(&to.path, &replaced.attributes).await {
                    Ok(true) if !changed => Ok(()),
                    Ok(unchanged) => {
                        let record = if unchanged { before } else { after };
                        self.commit(lock, vec![Change::Put(record)]).await
                    }
                    Err(error) => Err(error),
                };
                if let Err(error) = restored {
                    tracing::warn!(path = %to.path, %error, "its rights stay narrowed after a \
                        move that failed");
                }
                return Err(error);
            }
        };
        after.object = arrived.object;
        after.content = Some(arrived.content);
        let id = self.intents.name()?;
        let intent = self.tombstone_intent(&from.path, false, Some(newest.time()))?;
        let changes = [Change::Put(after), Change::Begin(id, intent)]
            .into_iter()
            .chain(claim(&from.path, source));
        let Err(error) = self.commit(lock, changes.collect()).await else {
            return Ok(self.tombstones.hold(id, from.path.clone(), false));
        };
        match self.recorded(id).await {
            Ok(Some(Recorded { path, .. })) => Ok(self.tombstones.hold(id, path, false)),
            // The file was replaced, and the source is there still.
            Ok(None) => Err(error),
            // Nobody knows: it does not exist until the metadata store says that it does.
            Err(_) => {
                drop(self.tombstones.hold(id, from.path.clone(), false));
                Err(error)
            }
        }
    }

    /// Reads a file for its destination.
    async fn read(
        &self,
        from: &Lookup,
        source: &LookupTarget,
        to: &FilePath,
        replaced: Option<&Attributes>,
    ) -> Result<Incoming> {
        let mode = source.node.mode | 0o600;
        self.fetch(&from.path, source, to, mode, replaced)
            .await
            .map_err(|error| lost(to, error))
    }

    /// Stores what was read; answers what is to be recorded of it, and when its source was last
    /// changed.
    async fn bring(
        &self,
        from: &Lookup,
        incoming: Incoming,
        to: &FilePath,
    ) -> Result<(Arrived, Newest)> {
        let read = incoming.source.clone();
        let arrived = self.land(incoming).await.map_err(|error| lost(to, error))?;
        match self.stored(&from.path).await? {
            Some(now) if is_same(&read, &now) => {
                self.settle_copies(to).await?;
                Ok((arrived, Newest::of(&now)))
            }
            _ => Err(raced(&from.path)),
        }
    }

    /// The copies are on the disk before the originals are given up, however soon a power loss
    /// comes.
    async fn settle_copies(&self, to: &FilePath) -> Result<()> {
        let (storage, _) = self.backend(to)?;
        storage.flush().await
    }
}

/// Somebody else was quicker at the destination.
fn lost(to: &FilePath, error: Error) -> Error {
    match error.kind() {
        ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed => raced(to).because(error),
        _ => error,
    }
}

#[cfg(test)]
mod tests;
