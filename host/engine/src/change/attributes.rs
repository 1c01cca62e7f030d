//! Changing owner, group, mode and the time of a file.
//!
//! They live in the records. A storage that keeps permission bits gets them as well, so that it
//! shows no more than the records do once those are lost. Other programs change them there, and
//! what they closed is closed: a new mode is that of both, and any other change opens nothing. A
//! time belongs to the bytes, and holds as long as they do.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Action, Identity};
use callfs_model::metadata::{Change, Content, Record};
use callfs_model::path::FilePath;
use callfs_model::storage::{Attributes, EntryKind};
use futures_util::future::BoxFuture;

use crate::change::parents::to_its_end;
use crate::change::transfer::is_same;
use crate::failure::{about, refuse, special};
use crate::lookup::path::LookupTarget;
use crate::{Engine, Info, Precondition};

/// The bits that a mode can have: none that runs a file as its owner or group. A storage is given
/// no others.
pub const MODE_BITS: u32 = 0o1777;

/// Why a directory is given no time.
pub(crate) const DIRECTORY_TIME: &str = "is a directory, and its time is that of the last change \
                                         of its names; set times of files";

/// What to change; what is none stays.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AttributeChange {
    /// POSIX permission bits, at most [`MODE_BITS`].
    pub mode: Option<u32>,
    /// User.
    pub owner: Option<String>,
    /// Group.
    pub group: Option<String>,
    /// Time of the last change, in nanoseconds since 1970-01-01T00:00:00Z; files only.
    pub modified: Option<i64>,
}

impl Engine {
    /// Changes owner, group, mode or time of what a path names.
    pub fn change_attributes<'a>(
        self: &'a Arc<Self>,
        who: &'a Identity,
        path: &'a FilePath,
        change: AttributeChange,
        precondition: &'a Precondition,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            change.validate()?;
            let engine = self.clone();
            let who = who.clone();
            let path = path.clone();
            let precondition = precondition.clone();
            // Whoever may not do it must not wait for the lock either.
            engine
                .permit(
                    &who,
                    &engine.find_for(&who, &path).await?,
                    Action::Administer,
                )
                .await?;
            to_its_end(async move {
                let lock = engine
                    .lock(std::slice::from_ref(&path), &engine.patience())
                    .await?;
                let place = engine.find_for(&who, &path).await?;
                let target = engine.permit(&who, &place, Action::Administer).await?;
                let mut record = target.to_record(&path);
                if change
                    .owner
                    .as_ref()
                    .is_some_and(|owner| *owner != record.owner)
                    && !who.admin
                {
                    let what = "can be given to another owner by an administrator only";
                    return Err(refuse(ErrorKind::PermissionDenied, &path, what));
                }
                if let Some(group) = change
                    .group
                    .as_ref()
                    .filter(|group| **group != record.group)
                    && !who.admin
                    && !who.groups.contains(group)
                {
                    let what = format!("cannot be given to the group '{group}': you are not in it");
                    return Err(refuse(ErrorKind::PermissionDenied, &path, &what));
                }
                engine.check(&place, &precondition)?;
                let AttributeChange {
                    mode,
                    owner,
                    group,
                    modified,
                } = change;
                if modified.is_some() {
                    record.content = Some(Content {
                        modified,
                        ..dated(&path, target)?
                    });
                }
                record.mode = mode.unwrap_or(record.mode);
                record.owner = owner.unwrap_or(record.owner);
                record.group = group.unwrap_or(record.group);
                let held = target.attributes.mode;
                // Narrowed before the record is and widened after it, so that a crash in between
                // leaves less than either.
                let narrowed = engine
                    .set_mode(&path, held, |held| held & record.mode)
                    .await?;
                engine
                    .commit(&lock, vec![Change::Put(record.clone())])
                    .await?;
                let mut attributes = Attributes {
                    mode: engine.align_mode(&path, narrowed, record.mode).await,
                    ..target.attributes.clone()
                };
                if held.is_some_and(|held| (held ^ record.mode) & MODE_BITS != 0) {
                    if let Some(now) = engine.touched(&path, target, &mut record).await {
                        engine
                            .commit(&lock, vec![Change::Put(record.clone())])
                            .await?;
                        attributes = now;
                    } else if attributes.kind == EntryKind::File
                        && let Ok(Some(now)) = engine.stored(&path).await
                    {
                        attributes = now;
                    }
                }
                Ok(engine
                    .target(&path, attributes, Some(record.into()))
                    .info(&path))
            })
            .await
        })
    }
}

impl Engine {
    /// Gives what was stored just now the permission bits of its record, where it was stored with
    /// others: as a copy by the storage has those of its source. Answers which it has then.
    pub(crate) async fn align_mode(
        &self,
        path: &FilePath,
        held: Option<u32>,
        recorded: u32,
    ) -> Option<u32> {
        match self.set_mode(path, held, |_| recorded).await {
            Ok(aligned) => aligned,
            Err(error) => {
                tracing::warn!(%path, %error, "the mode is recorded and not changed in the \
                    storage");
                held
            }
        }
    }

    /// What is stored at a path once its mode was changed, or its name. If nothing else had changed
    /// since it was recorded, the record gets the new time of the last change: its digest is still
    /// known, and its entity tag the same.
    pub(crate) async fn touched(
        &self,
        path: &FilePath,
        before: &LookupTarget,
        record: &mut Record,
    ) -> Option<Attributes> {
        let changed = before.attributes.changed?;
        // What was published just now may be recorded without its time yet.
        let recorded = before.content()?.changed.unwrap_or(changed);
        if changed != recorded {
            return None;
        }
        let now = self.stored(path).await.ok()??;
        let same = is_same(&before.attributes, &now) && before.attributes.object == now.object;
        if !same {
            return None;
        }
        record.content.as_mut()?.changed = now.changed;
        Some(now)
    }

    /// Changes the permission bits that the storage keeps, for whoever reads it without CallFS and
    /// for the day when the record is lost; answers which it keeps then. Storages that keep none,
    /// or keep them from the gateway, are left alone.
    async fn set_mode(
        &self,
        path: &FilePath,
        held: Option<u32>,
        wanted: impl FnOnce(u32) -> u32,
    ) -> Result<Option<u32>> {
        let Some(held) = held.map(|held| held & MODE_BITS) else {
            return Ok(None);
        };
        let wanted = wanted(held) & MODE_BITS;
        let (storage, rest) = self.backend(path)?;
        if wanted == held || !storage.abilities().modes {
            return Ok(Some(held));
        }
        match storage.set_mode(rest, wanted).await {
            Ok(()) => Ok(Some(wanted)),
            // The object is another program's; the record holds here all the same.
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::PermissionDenied | ErrorKind::Unsupported
                ) =>
            {
                tracing::debug!(%path, %error, "the storage keeps its mode");
                Ok(Some(held))
            }
            Err(error) => Err(about(path, error)),
        }
    }
}

/// What is known of the bytes of what can have a time of its own.
fn dated(path: &FilePath, target: &LookupTarget) -> Result<Content> {
    let etag = target.attributes.etag.clone();
    let what = match target.attributes.kind {
        EntryKind::File if etag.is_some() => {
            return Ok(Content {
                etag,
                ..target.content().unwrap_or_default()
            });
        }
        EntryKind::File => {
            "keeps the time that its storage gives it, which cannot tell one version from another"
        }
        EntryKind::Directory => DIRECTORY_TIME,
        EntryKind::Special => return Err(special(path)),
    };
    Err(refuse(ErrorKind::Unsupported, path, what))
}

impl AttributeChange {
    fn validate(&self) -> Result<()> {
        let bad = |message: String| Err(Error::new(ErrorKind::BadRequest, message));
        let is_name = |name: &String| {
            !name.is_empty() && name.len() <= 255 && !name.chars().any(char::is_control)
        };
        match self {
            Self {
                mode: Some(mode), ..
            } if *mode > MODE_BITS => bad(format!("the mode {mode:o} is above {MODE_BITS:o}")),
            Self {
                owner: Some(owner), ..
            } if !is_name(owner) => bad("the owner is not a name".into()),
            Self {
                group: Some(group), ..
            } if !is_name(group) => bad("the group is not a name".into()),
            Self {
                mode: None,
                owner: None,
                group: None,
                modified: None,
            } => bad("nothing to change was given".into()),
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
