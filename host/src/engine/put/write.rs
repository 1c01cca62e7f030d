//! A write from its bytes on: staged where the storage can, then locked, recorded and published.
//!
//! The bytes are those of an upload, of another object that was opened, or of one that the storage copies by itself.

use std::sync::Arc;

use super::{PutOptions, Stored};
use crate::engine::Engine;
use crate::engine::body::Meter;
use crate::engine::failure::{about, raced, refuse, unmet};
use crate::engine::intents::Begun;
use crate::engine::parents::to_its_end;
use crate::engine::place::Place;
use crate::error::{Error, ErrorKind, Result};
use crate::identity::{Action, Identity};
use crate::locks::Guard;
use crate::metadata::{Change, Content};
use crate::path::FilePath;
use crate::source::Source;
use crate::storage::{Attributes, Condition, Kind, Staged, Storage, WriteOptions, Written};

/// Bytes on their way.
pub(in crate::engine) enum Upload {
    Staged(Box<dyn Staged>),
    Body(Source),
    Twin(Twin),
}

/// An object that its storage is to copy by itself, locked together with the copy.
pub(in crate::engine) struct Twin {
    pub(in crate::engine) path: FilePath,
    pub(in crate::engine) attributes: Attributes,
}

/// A write of a file.
pub(in crate::engine) struct Put {
    engine: Arc<Engine>,
    who: Identity,
    path: FilePath,
    options: PutOptions,
    storage: Arc<dyn Storage>,
    /// What a new file gets; one that is replaced keeps its own.
    new_mode: u32,
    /// Of what flows through here.
    meter: Option<Meter>,
    /// Of what does not.
    sha256: Option<[u8; 32]>,
}

impl Put {
    pub(in crate::engine) fn new(
        engine: &Arc<Engine>,
        who: &Identity,
        path: &FilePath,
        options: PutOptions,
        new_mode: u32,
    ) -> Result<Self> {
        let (storage, _) = engine.backend(path)?;
        let (engine, who, path) = (engine.clone(), who.clone(), path.clone());
        Ok(Self { engine, who, path, options, storage, new_mode, meter: None, sha256: None })
    }

    /// Writes a body to a place that may be written.
    pub(in crate::engine) async fn receive(mut self, place: &Place, body: Source, meter: Meter) -> Result<Stored> {
        self.meter = Some(meter);
        let upload = if self.storage.abilities().carried_write {
            let mode = place.target.as_ref().map_or(self.new_mode, |target| target.node.mode);
            let content_type = self.options.content_type.clone();
            let write = WriteOptions { condition: Condition::Always, content_type, mode: Some(mode) };
            let (_, rest) = self.engine.backend(&self.path)?;
            let staged = match self.storage.write(rest, body, write).await {
                Ok(written) => stage(&*self.storage, written).await,
                Err(error) => Err(error),
            };
            let staged = staged.map_err(|error| about(&self.path, self.blame(error)))?;
            // A component may hand over bytes of its own making; those of a broken body are not to be published.
            self.check()?;
            Upload::Staged(staged)
        } else {
            Upload::Body(body)
        };
        to_its_end(self.finish(upload)).await
    }

    /// Writes what the storage copies by itself, and whose digest may be known.
    pub(in crate::engine) async fn copy(mut self, upload: Upload, sha256: Option<[u8; 32]>) -> Result<Stored> {
        self.sha256 = sha256;
        to_its_end(self.finish(upload)).await
    }

    async fn finish(self, upload: Upload) -> Result<Stored> {
        let mut made = Vec::new();
        let stored = self.write(upload, &mut made).await;
        if stored.is_err() {
            self.engine.unmake(&made).await;
        }
        stored
    }

    async fn write(&self, upload: Upload, made: &mut Vec<FilePath>) -> Result<Stored> {
        let Self { engine, who, path, options, .. } = self;
        let also = match &upload {
            Upload::Twin(twin) => std::slice::from_ref(&twin.path),
            Upload::Staged(_) | Upload::Body(_) => &[],
        };
        let (lock, place) = engine.settle(who, path, also, made).await?;
        engine.permit_put(who, &place, options).await?;
        let upload = match upload {
            // It may have become another file while this waited for the lock.
            Upload::Twin(twin) => {
                let source = engine.find(&twin.path).await?;
                let attributes = engine.permit(who, &source, Action::Read).await?.attributes.clone();
                Upload::Twin(Twin { attributes, ..twin })
            }
            upload => upload,
        };
        let mut record = match &place.target {
            Some(target) => target.to_record(path),
            None => engine.new_record(who, path, Kind::File),
        };
        let created = place.target.is_none();
        let begun = if created {
            record.mode = self.new_mode;
            Some(engine.begin_at(&lock, path, vec![Change::Put(record.clone())]).await?)
        } else {
            None
        };
        let (attributes, known) = match self.store(upload, self.condition(&place), record.mode).await {
            Ok(stored) => stored,
            Err(error) => return Err(self.failed(&lock, error, begun).await),
        };
        let digest = self.meter.as_ref().and_then(Meter::digest).or(self.sha256);
        record.content = Some(Content {
            etag: attributes.etag.clone(),
            content_type: options.content_type.clone(),
            sha256: digest.filter(|_| known),
            modified: None,
        });
        let recorded = vec![Change::Put(record.clone())];
        match begun {
            Some(begun) => engine.end(&lock, begun, recorded).await?,
            None => engine.commit(&lock, recorded).await?,
        }
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

    /// Stores the bytes; answers whether they are those of which the digest is known.
    async fn store(&self, upload: Upload, condition: Condition, mode: u32) -> Result<(Attributes, bool)> {
        let (engine, storage) = (&self.engine, &self.storage);
        let (_, rest) = engine.backend(&self.path)?;
        let native = if storage.abilities().conditional_write { condition.clone() } else { Condition::Always };
        let (written, twin) = match upload {
            Upload::Staged(staged) => return Ok((staged.publish(condition).await?, true)),
            Upload::Body(body) => {
                let content_type = self.options.content_type.clone();
                let write = WriteOptions { condition: native, content_type, mode: Some(mode) };
                (storage.write(rest, body, write).await?, None)
            }
            Upload::Twin(twin) => {
                let (_, from) = engine.backend(&twin.path)?;
                (storage.copy(from, rest, native).await?, Some(twin))
            }
        };
        let attributes = match written {
            Written::Done(attributes) => self.check().map(|()| attributes)?,
            Written::Carried(transfer) => {
                let staged = transfer.stage().await?;
                self.check()?;
                staged.publish(condition).await?
            }
        };
        let known = match twin {
            // Other programs know no locks.
            Some(twin) => engine.is_unchanged(&twin.path, &twin.attributes).await?,
            None => true,
        };
        Ok((attributes, known))
    }

    /// What a failed write means to the client; leaves no record of a file that is not there.
    async fn failed(&self, lock: &Guard, error: Error, begun: Option<Begun<'_>>) -> Error {
        let Self { engine, path, options, .. } = self;
        let lost = matches!(error.kind(), ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed);
        match begun {
            // What is there now is somebody else's: our record must not claim it.
            Some(begun) if lost => {
                if let Err(error) = engine.end(lock, begun, vec![Change::Remove(path.clone())]).await {
                    tracing::warn!(%path, %error, "the record of a lost race stays");
                }
            }
            Some(begun) => engine.clean(lock, begun, std::slice::from_ref(path), Vec::new()).await,
            None => {}
        }
        match error.kind() {
            _ if !lost => about(path, self.blame(error)),
            _ if options.create_only => refuse(ErrorKind::AlreadyExists, path, "exists already").because(error),
            _ if !options.precondition.is_empty() => unmet(path).because(error),
            _ => raced(path).because(error),
        }
    }

    fn blame(&self, error: Error) -> Error {
        match &self.meter {
            Some(meter) => meter.blame(error),
            None => error,
        }
    }

    fn check(&self) -> Result<()> {
        self.meter.as_ref().map_or(Ok(()), Meter::check)
    }
}

/// The first step of what a storage carries, which declares that it carries everything.
pub(in crate::engine) async fn stage(storage: &dyn Storage, written: Written) -> Result<Box<dyn Staged>> {
    match written {
        Written::Carried(transfer) => transfer.stage().await,
        Written::Done(_) => {
            let name = storage.name();
            let message =
                format!("the storage '{name}' declares that its writes are carried, and stored one by itself");
            Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name))
        }
    }
}
