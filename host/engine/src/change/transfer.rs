//! One object brought to another path, as its storages have it: raw, without permissions and
//! records.
//!
//! Within one mount the storage copies it by itself where it can; else the bytes flow from one to
//! the other. Either way what arrives is one whole version. Whoever calls this holds the lock of
//! the destination.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::metadata::Content;
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, Condition, WriteOptions, WriteOutcome};

use crate::Engine;
use crate::change::body::metered;
use crate::failure::{about, raced, refuse};
use crate::lookup::path::LookupTarget;

/// What arrived.
pub(crate) struct Arrived {
    /// As its storage has it now.
    pub(crate) attributes: Attributes,
    /// The version that was brought here, where it came from.
    pub(crate) source: Attributes,
    /// What is to be recorded of it.
    pub(crate) content: Content,
}

impl Engine {
    /// Brings an object to a path where nothing is, or in the place of what was `replaced`.
    pub(crate) async fn transfer(
        &self,
        from: &FilePath,
        source: &LookupTarget,
        to: &FilePath,
        mode: u32,
        replaced: Option<&Attributes>,
    ) -> Result<Arrived> {
        let (storage, _) = self.backend(to)?;
        let abilities = storage.abilities();
        let condition = match replaced {
            None if abilities.conditional_write || abilities.carried_write => Condition::Absent,
            Some(Attributes {
                etag: Some(etag), ..
            }) if abilities.conditional_write => Condition::EtagIn(vec![etag.clone()]),
            _ => Condition::Always,
        };
        let arrived = if self.copies_by_itself(from, to) {
            let attributes = self.twin(from, to, &condition).await?;
            if self.is_unchanged(from, &source.attributes).await? {
                Arrived::new(attributes, source, None)
            } else {
                // Nobody knows which version it is; what was stored just now is replaced by one
                // that is known.
                self.flow(from, source, to, mode, Condition::Always).await?
            }
        } else {
            self.flow(from, source, to, mode, condition).await?
        };
        if arrived.attributes.size == arrived.source.size {
            self.align_mode(to, arrived.attributes.mode, mode).await;
            Ok(arrived)
        } else {
            Err(raced(from))
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
    ) -> Result<Attributes> {
        let ((storage, rest), (_, destination)) = (self.backend(from)?, self.backend(to)?);
        let native = if storage.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        let attributes = match storage.copy(rest, destination, native).await {
            Ok(WriteOutcome::Done(attributes)) => Ok(attributes),
            Ok(WriteOutcome::Carried(transfer)) => match transfer.stage().await {
                Ok(staged) => staged.publish(condition.clone()).await,
                Err(error) => Err(error),
            },
            Err(error) => Err(error),
        };
        attributes.map_err(|error| {
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
    ) -> Result<Arrived> {
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
        let stored = async {
            match storage.write(destination, body, write).await? {
                WriteOutcome::Done(attributes) => meter.check().map(|()| attributes),
                WriteOutcome::Carried(transfer) => {
                    let staged = transfer.stage().await?;
                    meter.check()?;
                    staged.publish(condition).await
                }
            }
        };
        let attributes = stored
            .await
            .map_err(|error| about(to, meter.blame(error)))?;
        Ok(Arrived::new(attributes, &source, meter.digest()))
    }
}

impl Arrived {
    fn new(attributes: Attributes, source: &LookupTarget, digest: Option<[u8; 32]>) -> Self {
        let known = source.content().unwrap_or_default();
        let content = Content {
            etag: attributes.etag.clone(),
            content_type: content_type(source),
            sha256: digest.or(known.sha256),
            modified: known.modified.or(source.attributes.modified),
        };
        Self {
            attributes,
            source: source.attributes.clone(),
            content,
        }
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
