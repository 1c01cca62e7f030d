//! A move that no storage can make in one step: to another mount, or within one that does not
//! rename.
//!
//! What moves is built at its destination where nobody sees it, compared with what it was made of,
//! and then the two change places in one step: one exists from then on, and the other does not.
//! Both are locked from the beginning to the end.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;

use crate::Engine;
use crate::change::build::{Build, enterable, fingerprint};
use crate::change::transfer::Arrived;
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
        let held = self.tombstone(lock, &to.path, to.target.is_some()).await?;
        let built = match source.attributes.kind {
            EntryKind::Directory => self.rebuild_directory(lock, from, source, to).await,
            _ => self
                .bring(from, source, to)
                .await
                .map(|record| vec![Change::Put(record)]),
        };
        let mut changes = match built {
            Ok(changes) => changes,
            Err(error) => {
                self.clear_or_leave(lock, held, &to.path).await;
                return Err(error);
            }
        };
        let intent = self.tombstone_intent(&from.path, false)?;
        changes.extend([Change::End(held.id()), Change::Begin(held.id(), intent)]);
        let Err(error) = self.commit(lock, changes).await else {
            held.becomes(from.path.clone());
            return Ok(held);
        };
        // It may have happened all the same.
        match self.recorded(held.id()).await {
            Ok(Some(Recorded { path, .. })) if path == from.path => {
                held.becomes(path);
                return Ok(held);
            }
            Ok(_) => self.clear_or_leave(lock, held, &to.path).await,
            Err(_) => held.may_have_become(from.path.clone()),
        }
        Err(error)
    }

    async fn rebuild_directory(
        &self,
        lock: &Guard,
        from: &Lookup,
        source: &LookupTarget,
        to: &Lookup,
    ) -> Result<Vec<Change>> {
        let built = Build::moved(self, lock, &to.path)
            .run(from, to.target.is_none())
            .await?;
        // Other programs know no locks: what they changed meanwhile would be lost.
        if !built.print.is(fingerprint(self, &from.path).await?) {
            return Err(raced(&from.path));
        }
        let mut changes = built.records;
        changes.push(Change::Put(Record {
            path: to.path.clone(),
            ..source.to_record(&from.path)
        }));
        Ok(changes)
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
        let after = Record {
            path: to.path.clone(),
            ..source.to_record(&from.path)
        };
        // Bytes change before their record can.
        let between = self.defaults.narrower(&before, &after);
        let narrowed = !gives_the_same_rights(Some(&between), Some(&before));
        if narrowed {
            self.commit(lock, vec![Change::Put(between)]).await?;
        }
        let record = match self.bring(from, source, to).await {
            Ok(record) => record,
            Err(error) => {
                // A step that failed late may have replaced the bytes, and then they are the
                // source's.
                let restored = match self.is_unchanged(&to.path, &replaced.attributes).await {
                    Ok(true) if !narrowed => Ok(()),
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
        let id = self.intents.name()?;
        let intent = self.tombstone_intent(&from.path, false)?;
        let Err(error) = self
            .commit(lock, vec![Change::Put(record), Change::Begin(id, intent)])
            .await
        else {
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

    /// Brings a file to its destination; answers what is to be recorded of it there.
    async fn bring(&self, from: &Lookup, source: &LookupTarget, to: &Lookup) -> Result<Record> {
        let replaced = to.target.as_ref().map(|target| &target.attributes);
        let mode = source.node.mode | 0o600;
        let arrived = self
            .transfer(&from.path, source, &to.path, mode, replaced)
            .await;
        let Arrived {
            source: brought,
            content,
            ..
        } = arrived.map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed => {
                raced(&to.path).because(error)
            }
            _ => error,
        })?;
        if !self.is_unchanged(&from.path, &brought).await? {
            return Err(raced(&from.path));
        }
        Ok(Record {
            path: to.path.clone(),
            content: Some(content),
            ..source.to_record(&from.path)
        })
    }
}

#[cfg(test)]
mod tests;
