//! Writing a file: create or replace, atomically, whatever happens to the client.
//!
//! A storage that carries writes is given the bytes first, without any lock, and publishes them
//! under the lock. Any other is written to under the lock. In both orders a new file's record is
//! put before the file appears, so that nobody ever sees it with another owner than its own.

mod write;

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::EntryKind;
use futures_util::future::BoxFuture;
pub(crate) use write::{Put, Twin, UploadBytes, stage};

use crate::change::body::{metered, too_large};
use crate::change::digest::Digest;
use crate::failure::{refuse, special, unmet};
use crate::lookup::path::Lookup;
use crate::{Engine, Info, Outcome, Precondition};

/// How to write.
#[derive(Debug, Clone, Default)]
pub struct PutOptions {
    /// Only if nothing is there; else [`ErrorKind::AlreadyExists`].
    pub create_only: bool,
    /// About what is there.
    pub precondition: Precondition,
    /// Media type.
    pub content_type: Option<String>,
    /// What the body must hash to; else nothing is stored, and [`ErrorKind::DigestMismatch`].
    pub digests: Vec<Digest>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z, where it is not the
    /// present. A storage without entity tags keeps its own.
    pub modified: Option<i64>,
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredFile {
    /// As stored.
    pub info: Info,
    /// Whether it is new.
    pub created: bool,
}

/// A write of a file that may begin. Whether it still may is looked at again once its bytes are
/// there.
pub struct AdmittedPut {
    place: Lookup,
    options: PutOptions,
}

impl AdmittedPut {
    /// The same write, of a body that says its media type itself.
    pub fn with_content_type(mut self, content_type: Option<String>) -> Self {
        self.options.content_type = content_type;
        self
    }
}

impl Engine {
    /// Everything for which a write of a file can be refused before the body is read.
    pub fn admit_put<'a>(
        &'a self,
        who: &'a Identity,
        path: &'a FilePath,
        size: Option<u64>,
        options: PutOptions,
    ) -> BoxFuture<'a, Result<AdmittedPut>> {
        Box::pin(async move {
            let place = self.admit(who, path, size, &options).await?;
            Ok(AdmittedPut { place, options })
        })
    }

    /// Writes a file that was admitted for this caller. Dropped before it is done, it either leaves
    /// nothing or completes by itself.
    pub fn receive<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        admitted: AdmittedPut,
        body: Source,
    ) -> BoxFuture<'a, Result<StoredFile>> {
        Box::pin(async move {
            let AdmittedPut { place, options } = admitted;
            let new_mode = self.new_record(who, &place.path, EntryKind::File).mode;
            let (body, meter) = metered(body, self.max_upload, options.digests.clone())?;
            let put = Put::new(self, who, place, options, new_mode)?;
            put.receive(body, meter).await
        })
    }

    /// The place that is about to be written, if it may be, with a body of that size.
    pub(crate) async fn admit(
        &self,
        who: &Identity,
        path: &FilePath,
        size: Option<u64>,
        options: &PutOptions,
    ) -> Result<Lookup> {
        // A precondition is about what the object says of itself.
        let found = if options.precondition.is_empty() {
            self.find_to_write(path).await
        } else {
            self.find(path).await
        };
        let place = match found {
            Ok(place) => place,
            Err(error) => return Err(self.veiled(who, path, error).await),
        };
        self.permit_put(who, &place, options).await?;
        match size {
            Some(size) if size > self.max_upload => Err(too_large(self.max_upload)),
            _ => Ok(place),
        }
    }

    /// Whether the caller may write at a place, and whether anything can be written there.
    async fn permit_put(&self, who: &Identity, place: &Lookup, options: &PutOptions) -> Result<()> {
        let path = &place.path;
        let told = async |error| Err(self.tell(who, place, error).await);
        match &place.target {
            None => self.permit_creation(who, place).await?,
            Some(target) => match target.attributes.kind {
                EntryKind::Directory if options.create_only => {
                    return told(refuse(
                        ErrorKind::AlreadyExists,
                        path,
                        "exists already, as a directory",
                    ))
                    .await;
                }
                EntryKind::Directory => {
                    return told(refuse(ErrorKind::IsADirectory, path, "is a directory")).await;
                }
                EntryKind::Special => return told(special(path)).await,
                EntryKind::File if options.create_only => {
                    return told(refuse(ErrorKind::AlreadyExists, path, "exists already")).await;
                }
                EntryKind::File => {
                    self.permit(who, place, Action::Write).await?;
                }
            },
        }
        let (storage, _) = self.backend(path)?;
        if !storage.abilities().write {
            let what = format!(
                "cannot be written: its storage '{}' is read-only",
                storage.name()
            );
            return Err(refuse(ErrorKind::Unsupported, path, &what));
        }
        self.check(place, &options.precondition)
    }

    /// Whether a precondition of a change holds at a place.
    pub(crate) fn check(&self, place: &Lookup, precondition: &Precondition) -> Result<()> {
        let current = place.target.as_ref().map(|target| target.info(&place.path));
        match precondition.evaluate(current.as_ref().map(Info::validators), false) {
            Outcome::Proceed => Ok(()),
            Outcome::NotModified | Outcome::Failed => Err(unmet(&place.path)),
        }
    }
}

#[cfg(test)]
mod tests;
