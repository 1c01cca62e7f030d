//! A write from its bytes on: staged where the storage can, then locked, recorded and published.
//!
//! The bytes are those of an upload, of another object that was opened, or of one that the storage
//! copies by itself.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::locks::Guard;
use callfs_model::metadata::{Change, Content, NextObject, Record};
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{
    Attributes, Condition, EntryKind, Staged, Storage, WriteOptions, WriteOutcome,
};

use super::{PutOptions, StoredFile};
use crate::Engine;
use crate::change::body::UploadMeter;
use crate::change::parents::to_its_end;
use crate::failure::{about, raced, refuse, unmet};
use crate::lookup::path::Lookup;
use crate::recovery::intents::Begun;

/// Bytes on their way.
pub(crate) enum UploadBytes {
    Staged(Box<dyn Staged>),
    Body(Source),
    Twin(Box<Twin>),
}

/// An object that its storage is to copy by itself, locked together with the copy.
pub(crate) struct Twin {
    /// As it was admitted.
    pub(crate) place: Lookup,
    /// Of the version whose digest may be known.
    pub(crate) attributes: Attributes,
}

/// How bytes are stored.
struct Storing<'a> {
    lock: &'a Guard,
    /// Nothing is at the path yet.
    created: bool,
    condition: Condition,
}

/// A write of a file.
pub(crate) struct Put {
    engine: Arc<Engine>,
    who: Identity,
    path: FilePath,
    /// As it was admitted.
    place: Lookup,
    options: PutOptions,
    storage: Arc<dyn Storage>,
    /// What a new file gets; one that is replaced keeps its own.
    new_mode: u32,
    /// Of what flows through here.
    meter: Option<UploadMeter>,
    /// Of what does not.
    sha256: Option<[u8; 32]>,
}

impl Put {
    pub(crate) fn new(
        engine: &Arc<Engine>,
        who: &Identity,
        place: Lookup,
        options: PutOptions,
        new_mode: u32,
    ) -> Result<Self> {
        let (storage, _) = engine.backend(&place.path)?;
        Ok(Self {
            engine: engine.clone(),
            who: who.clone(),
            path: place.path.clone(),
            place,
            options,
            storage,
            new_mode,
            meter: None,
            sha256: None,
        })
    }

    /// Writes a body to a place that may be written.
    pub(crate) async fn receive(mut self, body: Source, meter: UploadMeter) -> Result<StoredFile> {
        self.meter = Some(meter);
        let upload = if self.storage.abilities().carried_write {
            let mode = self
                .place
                .target
                .as_ref()
                .map_or(self.new_mode, |target| target.node.mode);
            let content_type = self.options.content_type.clone();
            let write = WriteOptions {
                condition: Condition::Always,
                content_type,
                mode: Some(mode),
            };
            let (_, rest) = self.engine.backend(&self.path)?;
            let staged = match self.storage.write(rest, body, write).await {
                Ok(written) => stage(&*self.storage, written).await,
                Err(error) => Err(error),
            };
            let staged = staged.map_err(|error| about(&self.path, self.blame(error)))?;
            // A component may hand over bytes of its own making; those of a broken body are not to
            // be published.
            self.check()?;
            UploadBytes::Staged(staged)
        } else {
            UploadBytes::Body(body)
        };
        to_its_end(self.finish(upload)).await
    }

    /// What it was made of.
    pub(crate) fn give_up(self) -> (Lookup, PutOptions) {
        (self.place, self.options)
    }

    /// Writes what the storage copies by itself, and whose digest may be known.
    pub(crate) async fn copy(
        mut self,
        upload: UploadBytes,
        sha256: Option<[u8; 32]>,
    ) -> Result<StoredFile> {
        self.sha256 = sha256;
        to_its_end(self.finish(upload)).await
    }

    async fn finish(self, upload: UploadBytes) -> Result<StoredFile> {
        let mut made = Vec::new();
        let stored = self.write(upload, &mut made).await;
        if stored.is_err() {
            self.engine.unmake(&made).await;
        }
        stored
    }

    async fn write(&self, upload: UploadBytes, made: &mut Vec<FilePath>) -> Result<StoredFile> {
        let Self {
            engine,
            who,
            path,
            options,
            ..
        } = self;
        let twin = match &upload {
            UploadBytes::Twin(twin) => Some(twin),
            UploadBytes::Staged(_) | UploadBytes::Body(_) => None,
        };
        let also = twin.map(|twin| std::slice::from_ref(&twin.place.path));
        let (lock, place) = engine
            .settle(who, &self.place, also.unwrap_or_default(), made)
            .await?;
        engine.permit_put(who, &place, options).await?;
        if let Some(twin) = twin {
            // It may have become another file while this waited for the lock.
            let source = engine.look_under_lock(who, &twin.place).await?;
            engine.permit(who, &source, Action::Read).await?;
        }
        let mut record = match &place.target {
            Some(target) => target.to_record(path),
            None => engine.new_record(who, path, EntryKind::File),
        };
        let created = place.target.is_none();
        let announced = match &upload {
            UploadBytes::Staged(staged) => self.announce(&mut record, created, &**staged),
            UploadBytes::Body(_) | UploadBytes::Twin(_) => false,
        };
        let begun = if created {
            record.mode = self.new_mode;
            Some(
                engine
                    .begin_at(&lock, path, vec![Change::Put(record.clone())])
                    .await?,
            )
        } else {
            if announced {
                engine
                    .commit(&lock, vec![Change::Put(record.clone())])
                    .await?;
            }
            None
        };
        let storing = Storing {
            lock: &lock,
            created,
            condition: self.condition(&place),
        };
        let (attributes, known) = match self.store(upload, storing, &mut record).await {
            Ok(stored) => stored,
            Err(error) => return Err(self.failed(&lock, error, begun).await),
        };
        record.content = Some(self.content(&attributes, known));
        record.object = engine.object_at(path, &attributes);
        record.next = None;
        let recorded = vec![Change::Put(record.clone())];
        match begun {
            begun if announced => engine.end_soon(&lock, begun, recorded).await?,
            Some(begun) => engine.end(&lock, begun, recorded).await?,
            None => engine.commit(&lock, recorded).await?,
        }
        // It may have been changed while the bytes arrived.
        let held = attributes.mode;
        let mode = engine.align_mode(path, held, record.mode).await;
        let aligned = Attributes { mode, ..attributes };
        let target = engine.target(path, aligned, Some(record.clone().into()));
        if held.is_some_and(|held| held != record.mode)
            && engine.touched(path, &target, &mut record).await.is_some()
        {
            engine.commit(&lock, vec![Change::Put(record)]).await?;
        }
        Ok(StoredFile {
            info: target.info(path),
            created,
        })
    }

    /// Puts the object that is about to be published into the record, so that it is that of both
    /// and there is no moment in which the new one could be another program's. Not if it has no
    /// name yet.
    fn announce(&self, record: &mut Record, created: bool, staged: &dyn Staged) -> bool {
        let Some(attributes) = staged.attributes() else {
            return false;
        };
        let Some(object) = self.engine.object_at(&self.path, attributes) else {
            return false;
        };
        let content = self.content(attributes, true);
        if created {
            record.object = Some(object);
            record.content = Some(content);
        } else {
            record.next = Some(Box::new(NextObject { object, content }));
        }
        true
    }

    /// What is to be recorded of the bytes that were stored, whose digest is `known`.
    fn content(&self, attributes: &Attributes, known: bool) -> Content {
        let digest = self.meter.as_ref().and_then(UploadMeter::digest);
        Content {
            etag: attributes.etag.clone(),
            content_type: self.options.content_type.clone(),
            sha256: digest.or(self.sha256).filter(|_| known),
            modified: self.options.modified,
            changed: attributes.changed,
        }
    }

    /// What the storage itself is to make sure of, against writers that are not CallFS.
    fn condition(&self, place: &Lookup) -> Condition {
        let abilities = self.storage.abilities();
        let etag = place
            .target
            .as_ref()
            .and_then(|target| target.attributes.etag.clone());
        match etag {
            _ if place.target.is_none()
                && (abilities.conditional_write || abilities.carried_write) =>
            {
                Condition::Absent
            }
            Some(etag) if abilities.conditional_write && !self.options.precondition.is_empty() => {
                Condition::EtagIn(vec![etag])
            }
            _ => Condition::Always,
        }
    }

    /// Stores the bytes, of which this is recorded so far; answers whether they are those of which
    /// the digest is known.
    async fn store(
        &self,
        upload: UploadBytes,
        storing: Storing<'_>,
        record: &mut Record,
    ) -> Result<(Attributes, bool)> {
        let Storing {
            lock,
            created,
            condition,
        } = storing;
        let engine = &self.engine;
        let storage = &self.storage;
        let (_, rest) = engine.backend(&self.path)?;
        let native = if storage.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        let (written, twin) = match upload {
            UploadBytes::Staged(staged) => return Ok((staged.publish(condition).await?, true)),
            UploadBytes::Body(body) => {
                let content_type = self.options.content_type.clone();
                let write = WriteOptions {
                    condition: native,
                    content_type,
                    mode: Some(record.mode),
                };
                (storage.write(rest, body, write).await?, None)
            }
            UploadBytes::Twin(twin) => {
                let (_, from) = engine.backend(&twin.place.path)?;
                (storage.copy(from, rest, native).await?, Some(twin))
            }
        };
        let attributes = match written {
            WriteOutcome::Done(attributes) => self.check().map(|()| attributes)?,
            WriteOutcome::Carried(transfer) => {
                let staged = transfer.stage().await?;
                self.check()?;
                if self.announce(record, created, &*staged) {
                    engine
                        .commit(lock, vec![Change::Put(record.clone())])
                        .await?;
                }
                staged.publish(condition).await?
            }
        };
        let known = match twin {
            // Other programs know no locks.
            Some(twin) if self.sha256.is_some() => {
                let Twin { place, attributes } = &*twin;
                engine.is_unchanged(&place.path, attributes).await?
            }
            _ => true,
        };
        Ok((attributes, known))
    }

    /// What a failed write means to the client; leaves no record of a file that is not there.
    async fn failed(&self, lock: &Guard, error: Error, begun: Option<Begun<'_>>) -> Error {
        let Self {
            engine,
            path,
            options,
            ..
        } = self;
        let lost = matches!(
            error.kind(),
            ErrorKind::AlreadyExists | ErrorKind::PreconditionFailed
        );
        match begun {
            // What is there now is somebody else's: our record must not claim it.
            Some(begun) if lost => {
                if let Err(error) = engine
                    .end(lock, begun, vec![Change::Remove(path.clone())])
                    .await
                {
                    tracing::warn!(%path, %error, "the record of a lost race stays");
                }
            }
            Some(begun) => {
                engine
                    .clean(lock, begun, std::slice::from_ref(path), Vec::new())
                    .await
            }
            None => {}
        }
        match error.kind() {
            _ if !lost => about(path, self.blame(error)),
            _ if options.create_only => {
                refuse(ErrorKind::AlreadyExists, path, "exists already").because(error)
            }
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
        self.meter.as_ref().map_or(Ok(()), UploadMeter::check)
    }
}

/// The first step of what a storage carries, which declares that it carries everything.
pub(crate) async fn stage(storage: &dyn Storage, written: WriteOutcome) -> Result<Box<dyn Staged>> {
    match written {
        WriteOutcome::Carried(transfer) => transfer.stage().await,
        WriteOutcome::Done(_) => {
            let name = storage.name();
            let message = format!(
                "the storage '{name}' declares that its writes are carried, and stored one by \
                 itself"
            );
            Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name))
        }
    }
}
