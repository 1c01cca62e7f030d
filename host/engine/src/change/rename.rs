//! Moving a file, or a directory with everything below it, in one step.
//!
//! A move cannot be told from its outcome once records and objects disagree, so it is recorded as
//! an intent before the storage is asked; `recovery` heals what a crash leaves. What no storage can
//! move in one step is relocated.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Intent, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Condition, EntryKind};
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::failure::{about, mounted, raced, refuse};
use crate::lookup::path::{Lookup, LookupTarget, bare_directory};
use crate::recovery::tombstones::MoveInFlight;
use crate::{Engine, Info, Precondition};

/// How to move.
#[derive(Debug, Clone)]
pub struct RenameOptions {
    /// The new path, whole.
    pub destination: FilePath,
    /// Replace a file or an empty directory that is there.
    pub overwrite: bool,
    /// Make the directories on the way that are missing.
    pub create_parents: bool,
    /// About what is moved.
    pub precondition: Precondition,
}

impl Engine {
    /// Moves what a path names; answers what it is now, as it arrived.
    pub fn rename<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        options: RenameOptions,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let destination = options.destination.clone();
            if destination != *path && destination.is_within(path) {
                let message = format!("'{path}' cannot be moved into itself, to '{destination}'");
                return Err(Error::new(ErrorKind::BadRequest, message));
            }
            let from = self.find_for(who, path).await?;
            let to = self.find_for(who, &destination).await?;
            self.permit_move(who, &from, &options.precondition).await?;
            if destination == *path {
                let target = from.target.as_ref().ok_or_else(|| from.absence())?;
                return Ok(target.info(path));
            }
            self.permit_arrival(who, &from, &to, &options).await?;
            if path.is_within(&destination) {
                // What it would replace held it a moment ago.
                return Err(raced(&destination));
            }
            let engine = self.clone();
            let who = who.clone();
            let path = path.clone();
            // A directory that only a mount makes exist has to be made in the storage, whatever was
            // asked for.
            let settle =
                options.create_parents || (to.missing.is_empty() && !self.unmade(&to).is_empty());
            to_its_end(async move {
                let mut made = Vec::new();
                let moved = engine
                    .rename_locked(&who, &path, &to, &options, settle, &mut made)
                    .await;
                if moved.is_err() {
                    engine.unmake(&made).await;
                }
                moved
            })
            .await
        })
    }

    pub(crate) async fn permit_move(
        &self,
        who: &Identity,
        from: &Lookup,
        precondition: &Precondition,
    ) -> Result<()> {
        self.permit(who, from, Action::Move).await?;
        if from.path.is_root() || self.mounts.any_within(&from.path) {
            return Err(mounted(&from.path, "moved"));
        }
        self.check(from, precondition)
    }

    /// Whether what is at `from` may arrive at `to`, and can.
    async fn permit_arrival(
        &self,
        who: &Identity,
        from: &Lookup,
        to: &Lookup,
        options: &RenameOptions,
    ) -> Result<()> {
        if let (Some(parent), false) = (to.missing.last(), options.create_parents) {
            let error = refuse(
                ErrorKind::NotFound,
                parent,
                "does not exist; ask for parents to be created",
            );
            return Err(self.tell(who, to, error).await);
        }
        match &to.target {
            None => self.permit_creation(who, to).await?,
            Some(_) if !options.overwrite => {
                let error = refuse(
                    ErrorKind::AlreadyExists,
                    &to.path,
                    "exists already; ask for it to be overwritten",
                );
                return Err(self.tell(who, to, error).await);
            }
            Some(target) => {
                let questions = [to.creation(), to.question(Action::Delete, target)];
                self.require(who, to, &questions).await?;
            }
        }
        if self.mounts.any_within(&to.path) {
            return Err(mounted(&to.path, "replaced"));
        }
        self.backend(&to.path)?;
        if self.is_relocation(&from.path, &to.path)? {
            self.permit_relocation(from, to).await?;
        }
        self.check_replacement(from, to).await
    }

    /// A file replaces a file, and a directory an empty directory.
    async fn check_replacement(&self, from: &Lookup, to: &Lookup) -> Result<()> {
        let (Some(source), Some(target)) = (&from.target, &to.target) else {
            return Ok(());
        };
        let is_directory = |kind| kind == EntryKind::Directory;
        match (
            is_directory(source.attributes.kind),
            is_directory(target.attributes.kind),
        ) {
            (false, true) => Err(refuse(
                ErrorKind::IsADirectory,
                &to.path,
                "is a directory and cannot become a file",
            )),
            (true, false) => Err(refuse(
                ErrorKind::NotADirectory,
                &to.path,
                "is not a directory and cannot become one",
            )),
            (true, true) if !self.is_empty(&to.path).await? => Err(refuse(
                ErrorKind::DirectoryNotEmpty,
                &to.path,
                "is not empty",
            )),
            _ => Ok(()),
        }
    }

    async fn rename_locked(
        &self,
        who: &Identity,
        path: &FilePath,
        seen: &Lookup,
        options: &RenameOptions,
        settle: bool,
        made: &mut Vec<FilePath>,
    ) -> Result<Info> {
        let destination = &options.destination;
        let (lock, to) = if settle {
            self.settle(who, seen, std::slice::from_ref(path), made)
                .await?
        } else {
            let guard = self
                .lock(&[path.clone(), destination.clone()], &self.patience())
                .await?;
            (guard, self.find_for(who, destination).await?)
        };
        let from = self.find_for(who, path).await?;
        self.permit_move(who, &from, &options.precondition).await?;
        self.permit_arrival(who, &from, &to, options).await?;
        if self.is_relocation(&from.path, &to.path)? {
            self.relocate(&lock, &from, &to).await?;
        } else {
            self.check_room(&from, &to.path).await?;
            self.carry_out(&lock, &from, &to, options).await?;
        }
        let source = from.target.as_ref().ok_or_else(|| from.absence())?;
        Ok(self.arrived(source, destination).await)
    }

    /// What has arrived at a path, which is locked still. A storage may give it another entity tag
    /// than it had. It has arrived even if it cannot be looked at: its version is unknown then.
    pub(crate) async fn arrived(&self, source: &LookupTarget, path: &FilePath) -> Info {
        let stored = self.stored(path).await.ok().flatten();
        let is_directory = source.attributes.kind == EntryKind::Directory;
        let stored = stored.or_else(|| is_directory.then(bare_directory));
        match (stored, self.metadata.get(path).await) {
            (Some(attributes), Ok(record)) => self.target(path, attributes, record).info(path),
            _ => Info {
                etag: None,
                modified: None,
                ..source.info(path)
            },
        }
    }

    async fn carry_out(
        &self,
        lock: &Guard,
        from: &Lookup,
        to: &Lookup,
        options: &RenameOptions,
    ) -> Result<()> {
        let Some(source) = &from.target else {
            return Err(from.absence());
        };
        let (storage, rest) = self.backend(&from.path)?;
        let (_, destination) = self.backend(&to.path)?;
        let intent = Intent::Rename {
            from: from.path.clone(),
            to: to.path.clone(),
        };
        // What is adopted gets its record now: recovery knows by it that the records have not moved
        // yet.
        let adopted = source
            .record
            .is_none()
            .then(|| Change::Put(source.to_record(&from.path)));
        // What arrives where nothing was is judged by its own record from the first moment on.
        let claimed = to.target.is_none() && !storage.abilities().implicit_directories;
        let claim = claimed.then(|| {
            let record = Record {
                path: to.path.clone(),
                ..source.to_record(&from.path)
            };
            [Change::RemoveTree(to.path.clone()), Change::Put(record)]
        });
        let along = adopted
            .into_iter()
            .chain(claim.into_iter().flatten())
            .collect();
        let begun = self.begin(lock, intent, along).await?;
        let id = begun.id();
        // Until the records have followed, what arrives is judged by all that it may be.
        self.tombstones
            .begin_move(MoveInFlight::new(id, &from.path, &to.path));
        let condition = match &to.target {
            None if storage.abilities().conditional_write => Condition::Absent,
            _ => Condition::Always,
        };
        let Err(error) = storage.rename(rest, destination, condition).await else {
            let mut follow = vec![Change::Rename {
                from: from.path.clone(),
                to: to.path.clone(),
            }];
            let mut record = source.to_record(&from.path);
            if self.touched(&to.path, source, &mut record).await.is_some() {
                record.path = to.path.clone();
                follow.push(Change::Put(record));
            }
            let ended = self.end(lock, begun, follow).await;
            let settled = match &ended {
                Ok(()) => true,
                Err(error) if error.kind() == ErrorKind::BadRequest => self
                    .heal_move(lock, id, &from.path, &to.path, false)
                    .await
                    .unwrap_or(false),
                Err(_) => false,
            };
            if settled {
                self.intents.forget(&id);
                self.tombstones.end_move(id);
            }
            return ended;
        };
        // A storage that did not answer, or failed in the middle, may yet carry it out.
        let unsure = error.kind().is_retryable() || error.kind() == ErrorKind::Internal;
        let lost = matches!(
            error.kind(),
            ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed
        );
        let healed = if claimed && lost {
            // What is there now is somebody else's: our record must not claim it.
            let disclaimed = vec![Change::RemoveTree(to.path.clone()), Change::End(id)];
            self.commit(lock, disclaimed).await.map(|()| true)
        } else {
            self.heal_move(lock, id, &from.path, &to.path, unsure).await
        };
        match healed {
            Ok(true) => {
                begun.ended();
                self.tombstones.end_move(id);
            }
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(from = %from.path, to = %to.path, %error, "a failed move is looked \
                    after later");
            }
        }
        Err(match error.kind() {
            ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed if options.overwrite => {
                raced(&to.path).because(error)
            }
            ErrorKind::PreconditionFailed => refuse(
                ErrorKind::AlreadyExists,
                &to.path,
                "exists already; ask for it to be overwritten",
            )
            .because(error),
            ErrorKind::NotFound => about(&from.path, error),
            _ => about(&to.path, error),
        })
    }
}

#[cfg(test)]
mod tests;
