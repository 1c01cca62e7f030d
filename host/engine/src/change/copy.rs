//! Copying a file, or a directory with everything below it, on the server.
//!
//! A copy belongs to its maker. That of a file is a write like any other; that of a directory is
//! built object by object where nobody sees it, and is there at once when it is whole. It is not a
//! snapshot: each file in it is one whole version, and what vanished meanwhile is left out.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::metadata::Change;
use callfs_model::path::FilePath;
use callfs_model::storage::{Condition, EntryKind, Storage, WriteOutcome};
use futures_util::future::BoxFuture;

use crate::change::attributes::DIRECTORY_TIME;
use crate::change::body::metered;
use crate::change::build::{Build, enterable};
use crate::change::parents::to_its_end;
use crate::change::put::{Put, Twin, UploadBytes, stage};
use crate::change::transfer::{content_type, keeps_coding};
use crate::failure::{mounted, raced, refuse, special};
use crate::lookup::path::{Lookup, bare_directory};
use crate::{Engine, Precondition, PutOptions, StoredFile};

/// How to copy.
#[derive(Debug, Clone, Default)]
pub struct CopyOptions {
    /// Replace a file or an empty directory that is there; else [`ErrorKind::AlreadyExists`].
    pub overwrite: bool,
    /// About what is at the destination.
    pub precondition: Precondition,
    /// Time of the last change of the copy, which is a file's, in nanoseconds since
    /// 1970-01-01T00:00:00Z, where it is not the present.
    pub modified: Option<i64>,
}

impl Engine {
    /// Copies what a path names. Dropped before it is done, it either leaves nothing or completes
    /// by itself.
    pub fn copy<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        from: &'a FilePath,
        to: &'a FilePath,
        options: CopyOptions,
    ) -> BoxFuture<'a, Result<StoredFile>> {
        Box::pin(async move {
            if to.is_within(from) {
                let message = if to == from {
                    format!("'{from}' cannot be copied onto itself; name another path")
                } else {
                    format!("'{from}' cannot be copied into itself, to '{to}'")
                };
                return Err(Error::new(ErrorKind::BadRequest, message));
            }
            let place = self.find_for(who, from).await?;
            match place.target.as_ref().map(|target| target.attributes.kind) {
                Some(EntryKind::Directory) => self.copy_directory(who, &place, to, options).await,
                _ => self.copy_file(who, place, to, options).await,
            }
        })
    }

    async fn copy_file(
        self: &Arc<Self>,
        who: &Identity,
        place: Lookup,
        to: &FilePath,
        options: CopyOptions,
    ) -> Result<StoredFile> {
        let CopyOptions {
            overwrite,
            precondition,
            modified,
        } = options;
        let from = &place.path;
        let source = self.permit(who, &place, Action::Read).await?;
        if source.attributes.kind == EntryKind::Special {
            return Err(special(from));
        }
        let mut put = PutOptions {
            create_only: !overwrite,
            precondition,
            modified,
            ..PutOptions::default()
        };
        let mut destination = self.admit(who, to, None, &put).await?;
        let new_mode = |mode: u32| mode & 0o777 & !self.defaults.umask;
        // Without an etag nobody could tell which version the storage copied.
        if self.copies_by_itself(from, to) && source.attributes.etag.is_some() {
            put.content_type = content_type(source);
            let sha256 = source.content().and_then(|content| content.sha256);
            let write = Put::new(self, who, destination, put, new_mode(source.node.mode))?;
            let (storage, _) = self.backend(to)?;
            if !storage.abilities().carried_write {
                let twin = Twin {
                    attributes: source.attributes.clone(),
                    place,
                };
                return write.copy(UploadBytes::Twin(Box::new(twin)), sha256).await;
            }
            // If it was replaced while it was copied, the version that is opened is copied.
            let staged = stage_copy(&*storage, self.backend(from)?.1, self.backend(to)?.1).await;
            if let Ok(staged) = staged
                && self.is_unchanged(from, &source.attributes).await?
            {
                return write.copy(staged, sha256).await;
            }
            (destination, put) = write.give_up();
        }
        let (source, Some(body)) = self.open_object(who, from).await? else {
            return Err(raced(from));
        };
        keeps_coding(from, &source)?;
        put.content_type = content_type(&source);
        let (body, meter) = metered(body, u64::MAX, Vec::new())?;
        Put::new(self, who, destination, put, new_mode(source.node.mode))?
            .receive(body, meter)
            .await
    }

    async fn copy_directory(
        self: &Arc<Self>,
        who: &Identity,
        from: &Lookup,
        to: &FilePath,
        options: CopyOptions,
    ) -> Result<StoredFile> {
        self.permit_source(who, from).await?;
        if options.modified.is_some() {
            return Err(refuse(ErrorKind::Unsupported, &from.path, DIRECTORY_TIME));
        }
        let to = self.find_for(who, to).await?;
        self.permit_tree(who, &to, &options).await?;
        let engine = self.clone();
        let who = who.clone();
        let from = from.path.clone();
        to_its_end(async move {
            let mut made = Vec::new();
            let stored = engine
                .copy_locked(&who, &from, &to, &options, &mut made)
                .await;
            if stored.is_err() {
                engine.unmake(&made).await;
            }
            stored
        })
        .await
    }

    /// Whether the caller may see the names in the directory, and whether it can be copied.
    async fn permit_source(&self, who: &Identity, from: &Lookup) -> Result<()> {
        self.permit(who, from, Action::List).await?;
        enterable(self, &from.path).await
    }

    /// Whether the caller may make a directory with all that comes into it at a place, and whether
    /// that can be.
    async fn permit_tree(&self, who: &Identity, to: &Lookup, options: &CopyOptions) -> Result<()> {
        let path = &to.path;
        let told = async |error| Err(self.tell(who, to, error).await);
        match &to.target {
            None => self.permit_creation(who, to).await?,
            Some(_) if !options.overwrite => {
                return told(refuse(ErrorKind::AlreadyExists, path, "exists already")).await;
            }
            Some(target) if target.attributes.kind != EntryKind::Directory => {
                let what = "is not a directory, and cannot be replaced by one";
                return told(refuse(ErrorKind::NotADirectory, path, what)).await;
            }
            Some(target) => {
                let questions =
                    [Action::Write, Action::Traverse].map(|action| to.question(action, target));
                self.require(who, to, &questions).await?;
                if self.mounts.any_within(path) {
                    return Err(mounted(path, "replaced"));
                }
                enterable(self, path).await?;
                if !self.is_empty(path).await? {
                    return Err(refuse(ErrorKind::DirectoryNotEmpty, path, "is not empty"));
                }
            }
        }
        self.can_hold(path, EntryKind::Directory)?;
        self.check(to, &options.precondition)
    }

    async fn copy_locked(
        &self,
        who: &Identity,
        from: &FilePath,
        to: &Lookup,
        options: &CopyOptions,
        made: &mut Vec<FilePath>,
    ) -> Result<StoredFile> {
        let (lock, place) = self.settle(who, to, &[], made).await?;
        let to = &place.path;
        let source = self.find_for(who, from).await?;
        self.permit_source(who, &source).await?;
        self.permit_tree(who, &place, options).await?;
        let created = place.target.is_none();
        let build = Build::copy(self, &lock, who, to);
        let first = source
            .target
            .as_ref()
            .filter(|_| created)
            .map(|source| build.first(source));
        let held = self.tombstone(&lock, to, !created, first).await?;
        let built = build.run(&source, created).await;
        // Were it gone, what vanished with it would be left out.
        let built = match built {
            Ok(built) => self
                .permit_source(who, &self.find_for(who, from).await?)
                .await
                .map(|()| built),
            failed => failed,
        };
        let mut changes = match built {
            Ok(built) => built.records,
            Err(error) => {
                self.clear_or_leave(&lock, held, to).await;
                return Err(error);
            }
        };
        changes.push(Change::End(held.id()));
        if let Err(error) = self.commit(&lock, changes).await {
            // It may be there all the same.
            match self.recorded(held.id()).await {
                Ok(None) => {}
                Ok(Some(_)) => {
                    self.clear_or_leave(&lock, held, to).await;
                    return Err(error);
                }
                Err(_) => return Err(error),
            }
        }
        held.end();
        let attributes = self.stored(to).await?;
        let record = self.metadata.get(to).await?;
        let target = self.target(to, attributes.unwrap_or_else(bare_directory), record);
        Ok(StoredFile {
            info: target.info(to),
            created,
        })
    }

    /// Whether the storage of a path can hold something of that kind.
    pub(crate) fn can_hold(&self, path: &FilePath, kind: EntryKind) -> Result<()> {
        let (storage, _) = self.backend(path)?;
        let abilities = storage.abilities();
        let what = match kind {
            EntryKind::Directory if !(abilities.directories || abilities.implicit_directories) => {
                "makes no directories"
            }
            _ if !abilities.write => "is read-only",
            _ => return Ok(()),
        };
        let what = format!("cannot be written: its storage '{}' {what}", storage.name());
        Err(refuse(ErrorKind::Unsupported, path, &what))
    }
}

/// The first step of a copy that the storage makes by itself.
async fn stage_copy(storage: &dyn Storage, from: &str, to: &str) -> Result<UploadBytes> {
    let written: WriteOutcome = storage.copy(from, to, Condition::Always).await?;
    stage(storage, written).await.map(UploadBytes::Staged)
}

#[cfg(test)]
mod tests;
