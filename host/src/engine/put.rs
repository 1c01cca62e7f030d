//! Writing a file: create or replace, atomically, whatever happens to the client.
//!
//! A storage that carries writes is given the bytes first, without any lock, and publishes them under the lock. Any other
//! is written to under the lock. In both orders a new file's record is put before the file appears, so that nobody ever
//! sees it with another owner than its own.

use std::sync::Arc;

use super::body::{Meter, metered, too_large};
use super::digest::Digest;
use super::failure::{about, raced, refuse, special, unmet};
use super::parents::to_its_end;
use super::place::Place;
use super::{Engine, Info, Outcome, Precondition};
use crate::error::{Error, ErrorKind, Result};
use crate::identity::{Action, Identity};
use crate::metadata::{Change, Content};
use crate::path::FilePath;
use crate::source::Source;
use crate::storage::{Attributes, Condition, Kind, Staged, Storage, WriteOptions, Written};

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
}

/// What was stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// As stored.
    pub info: Info,
    /// Whether it is new.
    pub created: bool,
}

impl Engine {
    /// Everything for which [`put`](Self::put) can be refused before the body is read.
    pub async fn check_put(
        &self,
        who: &Identity,
        path: &FilePath,
        size: Option<u64>,
        options: &PutOptions,
    ) -> Result<()> {
        self.admit(who, path, size, options).await.map(drop)
    }

    /// Writes a file. Dropped before it is done, it either leaves nothing or completes by itself.
    pub async fn put(
        self: &Arc<Self>,
        who: &Identity,
        path: &FilePath,
        body: Source,
        options: PutOptions,
    ) -> Result<Stored> {
        let place = self.admit(who, path, body.size(), &options).await?;
        let (storage, rest) = self.backend(path)?;
        let (body, meter) = metered(body, self.max_upload, options.digests.clone())?;
        let upload = if storage.abilities().carried_write {
            let new = || self.new_record(who, path, Kind::File).mode;
            let mode = place.target.as_ref().map_or_else(new, |target| target.node.mode);
            let content_type = options.content_type.clone();
            let write = WriteOptions { condition: Condition::Always, content_type, mode: Some(mode) };
            let staged = stage(storage.as_ref(), rest, body, write).await;
            let staged = staged.map_err(|error| about(path, meter.blame(error)))?;
            // A component may hand over bytes of its own making; those of a broken body are not to be published.
            meter.check()?;
            Upload::Staged(staged)
        } else {
            Upload::Body(body)
        };
        let (engine, who, path) = (self.clone(), who.clone(), path.clone());
        to_its_end(async move { Put { engine, who, path, options, storage, meter }.finish(upload).await }).await
    }

    /// The place that is about to be written, if it may be, with a body of that size.
    async fn admit(&self, who: &Identity, path: &FilePath, size: Option<u64>, options: &PutOptions) -> Result<Place> {
        let place = self.find(path).await?;
        self.permit_put(who, &place, options).await?;
        match size {
            Some(size) if size > self.max_upload => Err(too_large(self.max_upload)),
            _ => Ok(place),
        }
    }

    /// Whether the caller may write at a place, and whether anything can be written there.
    async fn permit_put(&self, who: &Identity, place: &Place, options: &PutOptions) -> Result<()> {
        let path = &place.path;
        let told = async |error| Err(self.tell(who, place, error).await);
        match &place.target {
            None => self.permit_creation(who, place).await?,
            Some(target) => match target.attributes.kind {
                Kind::Directory if options.create_only => {
                    return told(refuse(ErrorKind::AlreadyExists, path, "exists already, as a directory")).await;
                }
                Kind::Directory => return told(refuse(ErrorKind::IsADirectory, path, "is a directory")).await,
                Kind::Special => return told(special(path)).await,
                Kind::File if options.create_only => {
                    return told(refuse(ErrorKind::AlreadyExists, path, "exists already")).await;
                }
                Kind::File => {
                    self.permit(who, place, Action::Write).await?;
                }
            },
        }
        let (storage, _) = self.backend(path)?;
        if !storage.abilities().write {
            let what = format!("cannot be written: its storage '{}' is read-only", storage.name());
            return Err(refuse(ErrorKind::Unsupported, path, &what));
        }
        self.check(place, &options.precondition)
    }

    /// Whether a precondition of a change holds at a place.
    pub(super) fn check(&self, place: &Place, precondition: &Precondition) -> Result<()> {
        let current = place.target.as_ref().map(|target| target.info(&place.path));
        match precondition.evaluate(current.as_ref(), false) {
            Outcome::Proceed => Ok(()),
            Outcome::NotModified | Outcome::Failed => Err(unmet(&place.path)),
        }
    }
}

/// Bytes on their way.
enum Upload {
    Staged(Box<dyn Staged>),
    Body(Source),
}

/// A write from the lock on.
struct Put {
    engine: Arc<Engine>,
    who: Identity,
    path: FilePath,
    options: PutOptions,
    storage: Arc<dyn Storage>,
    meter: Meter,
}

impl Put {
    async fn finish(self, upload: Upload) -> Result<Stored> {
        let mut made = Vec::new();
        let stored = self.write(upload, &mut made).await;
        if stored.is_err() {
            self.engine.unmake(&made).await;
        }
        stored
    }

    async fn write(&self, upload: Upload, made: &mut Vec<FilePath>) -> Result<Stored> {
        let Self { engine, who, path, options, meter, .. } = self;
        let (_guard, place) = engine.settle(who, path, &[], made).await?;
        engine.permit_put(who, &place, options).await?;
        let mut record = match &place.target {
            Some(target) => target.to_record(path),
            None => engine.new_record(who, path, Kind::File),
        };
        let created = place.target.is_none();
        if created {
            engine.metadata.apply(vec![Change::Put(record.clone())]).await?;
        }
        let attributes = match self.store(upload, self.condition(&place), record.mode).await {
            Ok(attributes) => attributes,
            Err(error) => return Err(self.failed(error, created).await),
        };
        let (etag, content_type) = (attributes.etag.clone(), options.content_type.clone());
        record.content = Some(Content { etag, content_type, sha256: meter.digest(), modified: None });
        engine.metadata.apply(vec![Change::Put(record.clone())]).await?;
        Ok(Stored { info: engine.target(path, attributes, Some(record.into())).info(path), created })
    }

    /// What the storage itself is to make sure of, against writers that are not CallFS.
    fn condition(&self, place: &Place) -> Condition {
        let abilities = self.storage.abilities();
        let etag = place.target.as_ref().and_then(|target| target.attributes.etag.clone());
        match etag {
            _ if place.target.is_none() && (abilities.conditional_write || abilities.carried_write) => {
                Condition::Absent
            }
            Some(etag) if abilities.conditional_write && !self.options.precondition.is_empty() => {
                Condition::EtagIn(vec![etag])
            }
            _ => Condition::Always,
        }
    }

    async fn store(&self, upload: Upload, condition: Condition, mode: u32) -> Result<Attributes> {
        let body = match upload {
            Upload::Staged(staged) => return staged.publish(condition).await,
            Upload::Body(body) => body,
        };
        let (_, rest) = self.engine.backend(&self.path)?;
        let conditional = self.storage.abilities().conditional_write;
        let write = WriteOptions {
            condition: if conditional { condition.clone() } else { Condition::Always },
            content_type: self.options.content_type.clone(),
            mode: Some(mode),
        };
        match self.storage.write(rest, body, write).await? {
            Written::Done(attributes) => self.meter.check().map(|()| attributes),
            Written::Carried(transfer) => {
                let staged = transfer.stage().await?;
                self.meter.check()?;
                staged.publish(condition).await
            }
        }
    }

    /// What a failed write means to the client; leaves no record of a file that is not there.
    async fn failed(&self, error: Error, created: bool) -> Error {
        let Self { engine, path, options, meter, .. } = self;
        let lost = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed);
        if created && lost {
            // What is there now is somebody else's: our record must not claim it.
            if let Err(error) = engine.metadata.apply(vec![Change::Remove(path.clone())]).await {
                tracing::warn!(%path, %error, "the record of a lost race stays");
            }
        } else if created {
            engine.forget_unstored(std::slice::from_ref(path)).await;
        }
        match error.kind() {
            _ if !lost => about(path, meter.blame(error)),
            _ if options.create_only => refuse(ErrorKind::AlreadyExists, path, "exists already").because(error),
            _ if !options.precondition.is_empty() => unmet(path).because(error),
            _ => raced(path).because(error),
        }
    }
}

async fn stage(storage: &dyn Storage, rest: &str, body: Source, write: WriteOptions) -> Result<Box<dyn Staged>> {
    match storage.write(rest, body, write).await? {
        Written::Carried(transfer) => transfer.stage().await,
        Written::Done(_) => {
            let name = storage.name();
            let message =
                format!("the storage '{name}' declares that its writes are carried, and stored one by itself");
            Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name))
        }
    }
}

#[cfg(test)]
mod tests;
