//! One object brought to another path, as its storages have it: raw, without permissions and
//! records.
//!
//! Within one mount the storage copies it by itself where it can; else the bytes flow from one to
//! the other. Either way what arrives is one whole version. It is read first and stored after,
//! where the storage can stage it, so that its object can be recorded in between. Whoever calls
//! this holds the lock of the destination.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::metadata::{Content, NextObject};
use callfs_model::path::FilePath;
use callfs_model::storage::{
    Attributes, Condition, ObjectIdentity, Staged, WriteOptions, WriteOutcome,
};

use crate::Engine;
use crate::change::body::metered;
use crate::failure::{about, raced, refuse};
use crate::lookup::path::LookupTarget;

/// A version that was read, and is stored once it is landed.
pub(crate) struct Incoming {
    /// Where it came from, with what it was there.
    pub(crate) from: FilePath,
    pub(crate) source: Attributes,
    to: FilePath,
    mode: u32,
    content: Content,
    bytes: IncomingBytes,
}

enum IncomingBytes {
    Staged(Box<dyn Staged>, Condition),
    /// The storage carried all of it out at once.
    Stored(Attributes),
}

/// What arrived.
pub(crate) struct Arrived {
    /// The object that it is, where its storage names it.
    pub(crate) object: Option<ObjectIdentity>,
    /// What is to be recorded of it.
    pub(crate) content: Content,
}

impl Engine {
    /// Reads an object for a path where nothing is, or for the place of what is `replaced`.
    pub(crate) async fn fetch(
        &self,
        from: &FilePath,
        source: &LookupTarget,
        to: &FilePath,
        mode: u32,
        replaced: Option<&Attributes>,
    ) -> Result<Incoming> {
        let (storage, _) = self.backend(to)?;
        let abilities = storage.abilities();
        let condition = match replaced {
            None if abilities.conditional_write || abilities.carried_write => Condition::Absent,
            Some(Attributes {
                etag: Some(etag), ..
            }) if abilities.conditional_write => Condition::EtagIn(vec![etag.clone()]),
            _ => Condition::Always,
        };
        if !self.copies_by_itself(from, to) {
            return self.flow(from, source, to, mode, condition).await;
        }
        let bytes = self.twin(from, to, &condition).await?;
        if self.is_unchanged(from, &source.attributes).await? {
            let incoming = (from.clone(), to.clone(), mode);
            return Ok(Incoming::new(incoming, bytes, source, None));
        }
        // Nobody knows which version it is: one that is known takes its place.
        let condition = match bytes {
            IncomingBytes::Staged(_, condition) => condition,
            IncomingBytes::Stored(_) => Condition::Always,
        };
        self.flow(from, source, to, mode, condition).await
    }

    /// Stores what was read, with its mode.
    pub(crate) async fn land(&self, incoming: Incoming) -> Result<Arrived> {
        let Incoming {
            from,
            source,
            to,
            mode,
            content,
            bytes,
        } = incoming;
        let mut attributes = match bytes {
            IncomingBytes::Stored(attributes) => attributes,
            IncomingBytes::Staged(staged, condition) => {
                let published = staged.publish(condition).await;
                published.map_err(|error| about(&to, error))?
            }
        };
        if attributes.size != source.size {
            return Err(raced(&from));
        }
        self.align_mode(&to, attributes.mode, mode).await;
        if attributes.mode.is_some_and(|held| held != mode)
            && attributes.changed.is_some()
            && let Some(aligned) = self.stored(&to).await?
            && is_same(&attributes, &aligned)
        {
            attributes = aligned;
        }
        Ok(Arrived {
            object: self.object_at(&to, &attributes),
            content: Content {
                etag: attributes.etag,
                changed: attributes.changed,
                ..content
            },
        })
    }

    /// Leaves nothing of what was read and is not wanted after all.
    pub(crate) async fn drop_incoming(&self, incoming: Incoming) -> Result<()> {
        match incoming.bytes {
            IncomingBytes::Staged(..) => Ok(()),
            IncomingBytes::Stored(_) => {
                let to = &incoming.to;
                let (storage, rest) = self.backend(to)?;
                let removed = storage.remove(rest, Condition::Always).await;
                removed.map_err(|error| about(to, error))
            }
        }
    }

    /// Whether one storage has both paths and copies objects by itself.
    pub(crate) fn copies_by_itself(&self, from: &FilePath, to: &FilePath) -> bool {
        self.is_one_mount(from, to)
            && self
                .backend(to)
                .is_ok_and(|(storage, _)| storage.abilities().copy)
    }

    /// Whether one mount has both paths.
    pub(crate) fn is_one_mount(&self, one: &FilePath, other: &FilePath) -> bool {
        match (self.mounts.owner(one), self.mounts.owner(other)) {
            (Some((one, _)), Some((other, _))) => one.path == other.path,
            _ => false,
        }
    }

    /// Whether what is stored at a path is still the version with these attributes.
    pub(crate) async fn is_unchanged(&self, path: &FilePath, before: &Attributes) -> Result<bool> {
        Ok(self
            .stored(path)
            .await?
            .is_some_and(|now| is_same(before, &now)))
    }

    async fn twin(
        &self,
        from: &FilePath,
        to: &FilePath,
        condition: &Condition,
    ) -> Result<IncomingBytes> {
        let ((storage, rest), (_, destination)) = (self.backend(from)?, self.backend(to)?);
        let native = if storage.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        let copied = match storage.copy(rest, destination, native).await {
            Ok(WriteOutcome::Done(attributes)) => Ok(IncomingBytes::Stored(attributes)),
            Ok(WriteOutcome::Carried(transfer)) => transfer
                .stage()
                .await
                .map(|staged| IncomingBytes::Staged(staged, condition.clone())),
            Err(error) => Err(error),
        };
        copied.map_err(|error| {
            about(
                if error.kind() == ErrorKind::NotFound {
                    from
                } else {
                    to
                },
                error,
            )
        })
    }

    async fn flow(
        &self,
        from: &FilePath,
        source: &LookupTarget,
        to: &FilePath,
        mode: u32,
        condition: Condition,
    ) -> Result<Incoming> {
        let ((origin, rest), (storage, destination)) = (self.backend(from)?, self.backend(to)?);
        let opened = origin.read(rest, None, Condition::Always).await;
        let (attributes, body) = opened.map_err(|error| about(from, error))?;
        let source = self.target(from, attributes, source.record.clone());
        keeps_coding(from, &source)?;
        let (body, meter) = metered(body, u64::MAX, Vec::new())?;
        let content_type = content_type(&source);
        let native = if storage.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        let write = WriteOptions {
            condition: native,
            content_type,
            mode: Some(mode),
        };
        let written = async {
            let bytes = match storage.write(destination, body, write).await? {
                WriteOutcome::Done(attributes) => IncomingBytes::Stored(attributes),
                WriteOutcome::Carried(transfer) => {
                    IncomingBytes::Staged(transfer.stage().await?, condition)
                }
            };
            meter.check().map(|()| bytes)
        };
        let bytes = written
            .await
            .map_err(|error| about(to, meter.blame(error)))?;
        let incoming = (from.clone(), to.clone(), mode);
        Ok(Incoming::new(incoming, bytes, &source, meter.digest()))
    }
}

impl Incoming {
    fn new(
        (from, to, mode): (FilePath, FilePath, u32),
        bytes: IncomingBytes,
        source: &LookupTarget,
        digest: Option<[u8; 32]>,
    ) -> Self {
        let known = source.content().unwrap_or_default();
        let content = Content {
            etag: None,
            content_type: content_type(source),
            sha256: digest.or(known.sha256),
            modified: known.modified.or(source.attributes.modified),
            changed: None,
        };
        Self {
            from,
            source: source.attributes.clone(),
            to,
            mode,
            content,
            bytes,
        }
    }

    /// The object that is about to be stored, if it is known before.
    pub(crate) fn announced(&self, engine: &Engine) -> Option<NextObject> {
        let IncomingBytes::Staged(staged, _) = &self.bytes else {
            return None;
        };
        let attributes = staged.attributes()?;
        let object = engine.object_at(&self.to, attributes)?;
        let content = Content {
            etag: attributes.etag.clone(),
            ..self.content.clone()
        };
        Some(NextObject { object, content })
    }
}

/// Fails for bytes that are stored in a coding, which only their own storage can copy: elsewhere
/// nothing would say that they are coded.
pub(crate) fn keeps_coding(from: &FilePath, source: &LookupTarget) -> Result<()> {
    match &source.attributes.content_encoding {
        None => Ok(()),
        Some(coding) => {
            let what = format!(
                "is stored with the content encoding '{coding}', which would be lost on the way; \
                 download and upload it decoded"
            );
            Err(refuse(ErrorKind::Unsupported, from, &what))
        }
    }
}

/// The media type that is known and not guessed.
pub(crate) fn content_type(source: &LookupTarget) -> Option<String> {
    source
        .content()
        .and_then(|content| content.content_type)
        .or_else(|| source.attributes.content_type.clone())
}

/// Whether two looks saw one version.
pub(crate) fn is_same(before: &Attributes, now: &Attributes) -> bool {
    let times = before.etag.is_some() || before.modified == now.modified;
    before.kind == now.kind && before.size == now.size && before.etag == now.etag && times
}
