//! Making directories, and taking empty ones away.
//!
//! Where a directory exists only as long as something is in it, a record stands for an empty one.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::locks::Guard;
use callfs_model::metadata::Change;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::failure::{about, refuse};
use crate::lookup::path::{Lookup, bare_directory};
use crate::{Engine, Precondition, StoredFile};

/// How many records are looked at at a time.
const PAGE: u32 = 1000;

impl Engine {
    /// Makes a directory and its missing parents; one that exists already is fine, unless the
    /// precondition says otherwise.
    pub fn make_directory<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        precondition: Precondition,
    ) -> BoxFuture<'a, Result<StoredFile>> {
        Box::pin(async move {
            let place = self.find_for(who, path).await?;
            if let Some(stored) = self.directory_at(who, &place, &precondition).await? {
                return Ok(stored);
            }
            let engine = self.clone();
            let who = who.clone();
            to_its_end(async move {
                let mut made = Vec::new();
                let stored = engine
                    .make_locked(&who, &place, &precondition, &mut made)
                    .await;
                if stored.is_err() {
                    engine.unmake(&made).await;
                }
                stored
            })
            .await
        })
    }

    /// The directory that is there, if one is; whether the caller may make it, if nothing is.
    async fn directory_at(
        &self,
        who: &Identity,
        place: &Lookup,
        precondition: &Precondition,
    ) -> Result<Option<StoredFile>> {
        let path = &place.path;
        let Some(target) = &place.target else {
            self.permit_creation(who, place).await?;
            let (storage, _) = self.backend(path)?;
            let abilities = storage.abilities();
            if abilities.directories || (abilities.write && abilities.implicit_directories) {
                return self.check(place, precondition).map(|()| None);
            }
            let what = format!(
                "cannot be made: its storage '{}' makes no directories",
                storage.name()
            );
            return Err(refuse(ErrorKind::Unsupported, path, &what));
        };
        let refused = match target.attributes.kind {
            EntryKind::Directory => None,
            _ => Some(refuse(
                ErrorKind::AlreadyExists,
                path,
                "exists already and is not a directory",
            )),
        };
        self.permit_reach(who, place).await?;
        match refused {
            Some(error) => Err(error),
            None => {
                self.check(place, precondition)?;
                Ok(Some(StoredFile {
                    info: target.info(path),
                    created: false,
                }))
            }
        }
    }

    async fn make_locked(
        &self,
        who: &Identity,
        seen: &Lookup,
        precondition: &Precondition,
        made: &mut Vec<FilePath>,
    ) -> Result<StoredFile> {
        let path = &seen.path;
        let (lock, place) = self.settle(who, seen, &[], made).await?;
        if let Some(stored) = self.directory_at(who, &place, precondition).await? {
            return Ok(stored);
        }
        let (storage, rest) = self.backend(path)?;
        let mut record = self.new_record(who, path, EntryKind::Directory);
        let recorded = vec![
            Change::RemoveTree(path.clone()),
            Change::Put(record.clone()),
        ];
        let attributes = if storage.abilities().implicit_directories {
            self.commit(&lock, recorded).await?;
            bare_directory()
        } else {
            let begun = self.begin_at(&lock, path, recorded).await?;
            match storage.make(rest, Some(record.mode)).await {
                Ok(attributes) => {
                    record.object = self.object_at(path, &attributes);
                    self.end(&lock, begun, vec![Change::Put(record.clone())])
                        .await?;
                    attributes
                }
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                    // Another program was quicker: what is there is not the caller's.
                    self.end(&lock, begun, vec![Change::Remove(path.clone())])
                        .await?;
                    return Err(about(path, error));
                }
                Err(error) => {
                    self.clean(&lock, begun, std::slice::from_ref(path), Vec::new())
                        .await;
                    return Err(about(path, error));
                }
            }
        };
        Ok(StoredFile {
            info: self
                .target(path, attributes, Some(record.into()))
                .info(path),
            created: true,
        })
    }

    /// Removes an empty directory with whatever is still recorded of it and below it.
    pub(crate) async fn remove_empty(&self, lock: &Guard, path: &FilePath) -> Result<()> {
        let gone = vec![Change::RemoveTree(path.clone())];
        let (storage, _) = self.backend(path)?;
        if storage.abilities().implicit_directories {
            self.take_empty(path).await?;
            return self.commit(lock, gone).await;
        }
        let begun = self.begin_at(lock, path, Vec::new()).await?;
        match self.take_empty(path).await {
            Ok(()) => self.end(lock, begun, gone).await,
            Err(error) => {
                self.clean(lock, begun, std::slice::from_ref(path), Vec::new())
                    .await;
                Err(error)
            }
        }
    }

    /// Removes an empty directory from its storage. Where its record is all there is of it, only
    /// whether it is empty.
    pub(crate) async fn take_empty(&self, path: &FilePath) -> Result<()> {
        let (storage, rest) = self.backend(path)?;
        if storage.abilities().implicit_directories {
            if !self.is_empty(path).await? {
                return Err(refuse(ErrorKind::DirectoryNotEmpty, path, "is not empty"));
            }
        } else {
            let removed = match storage.remove_directory(rest).await {
                // A link to a directory is removed like a file.
                Err(error) if error.kind() == ErrorKind::NotADirectory => {
                    storage.remove(rest, Default::default()).await
                }
                removed => removed,
            };
            match removed {
                // Another program was quicker: the outcome is the same.
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) if error.kind() == ErrorKind::DirectoryNotEmpty => {
                    return Err(self.not_empty(path, error).await);
                }
                Err(error) => return Err(about(path, error)),
                Ok(()) => {}
            }
        }
        Ok(())
    }

    /// The error for a directory with entries. A listing shows some of them, or the client cannot
    /// know why it is not empty.
    async fn not_empty(&self, path: &FilePath, error: Error) -> Error {
        let listed = match self.backend(path) {
            Ok((storage, rest)) => storage.list(rest, None, 1).await,
            Err(error) => Err(error),
        };
        if listed.is_ok_and(|page| page.entries.is_empty() && !page.more) {
            let what = "is not empty, although a listing of it is: it holds names that are not \
                        served (not UTF-8, with control characters, too long, or of uploads in \
                        progress); remove them in the storage itself";
            refuse(ErrorKind::DirectoryNotEmpty, path, what).because(error)
        } else {
            about(path, error)
        }
    }

    /// Whether nothing is in a directory, nothing mounted included.
    pub(crate) async fn is_empty(&self, path: &FilePath) -> Result<bool> {
        if !self.mounts.names_in(path).is_empty() {
            return Ok(false);
        }
        let (storage, rest) = self.backend(path)?;
        let view = self.tombstones.view();
        let exists = |name: &str| !path.join(name).is_ok_and(|path| view.hides(&path));
        // What does not exist is no obstacle, and there can be no more of it than that.
        match storage.list(rest, None, 1 + view.len() as u32).await {
            Ok(page) if page.entries.iter().any(|entry| exists(&entry.name)) => return Ok(false),
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(about(path, error)),
            _ => {}
        }
        if !storage.abilities().implicit_directories {
            return Ok(true);
        }
        let mut after: Option<String> = None;
        loop {
            let records = self.metadata.children(path, after.as_deref(), PAGE).await?;
            if records
                .iter()
                .any(|record| record.content.is_none() && exists(record.path.name()))
            {
                return Ok(false);
            }
            match records.last() {
                Some(last) => after = Some(last.path.name().into()),
                None => return Ok(true),
            }
        }
    }
}
