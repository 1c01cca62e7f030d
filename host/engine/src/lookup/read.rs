//! Reading: what a path names, and its bytes.
//!
//! No locks: an object is described as it was opened, so a reader gets one version whatever writers
//! do.

use std::ops::Range;
use std::sync::Arc;
use std::time::Instant;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::{AccessNode, Action, Identity, Question};
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{Attributes, ByteRange, Condition, EntryKind, ReadOptions, Storage};
use futures_util::future::BoxFuture;

use crate::failure::{about, raced, refuse, special};
use crate::lookup::path::{Lookup, LookupTarget, TOUCHED, gives_the_same_rights};
use crate::lookup::way::WalkedWay;
use crate::recovery::tombstones::View;
use crate::{Engine, Info};

/// What a path turned out to be.
pub enum OpenedPath {
    /// Bytes.
    File {
        /// Of the object as opened.
        info: Info,
        /// Its bytes.
        source: Source,
        /// Which bytes these are, if not the whole file.
        part: Option<Range<u64>>,
    },
    /// Names; see [`Engine::list`].
    Directory(Info),
}

/// Which bytes of a file its storage is asked for.
#[derive(Clone, Copy)]
pub(crate) enum WantedBytes {
    /// All of them.
    Whole,
    /// These.
    Range(ByteRange),
    /// These if asking costs a round trip, as with object stores; else all of them, of which the
    /// caller can take any part.
    RangeOrWhole(ByteRange),
}

/// What came of opening a file.
pub(crate) enum OpenAttempt {
    /// It is open. The bytes are those that were wanted, or, if a range is given, those.
    File(LookupTarget, Source, Option<Range<u64>>),
    /// There is none, but this.
    Other(Lookup),
    /// It needs a closer look.
    Unclear,
}

impl Engine {
    /// Opens what a path names: whole, or, where that saves a round trip to the storage, just the
    /// range that the caller is going to read.
    pub fn open<'a>(
        &'a self,
        who: &'a Identity,
        path: &'a FilePath,
        range: Option<ByteRange>,
    ) -> BoxFuture<'a, Result<OpenedPath>> {
        Box::pin(async move {
            let wanted = range.map_or(WantedBytes::Whole, WantedBytes::RangeOrWhole);
            Ok(match self.open_wanted(who, path, wanted).await? {
                (target, Some((source, part))) => OpenedPath::File {
                    info: target.info(path),
                    source,
                    part,
                },
                (target, None) => OpenedPath::Directory(target.info(path)),
            })
        })
    }

    /// Opens what a path names, and answers it with its bytes; a directory has none.
    pub(crate) async fn open_object(
        &self,
        who: &Identity,
        path: &FilePath,
    ) -> Result<(LookupTarget, Option<Source>)> {
        let (target, opened) = self.open_wanted(who, path, WantedBytes::Whole).await?;
        Ok((target, opened.map(|(source, _)| source)))
    }

    async fn open_wanted(
        &self,
        who: &Identity,
        path: &FilePath,
        wanted: WantedBytes,
    ) -> Result<(LookupTarget, Option<(Source, Option<Range<u64>>)>)> {
        // The quick way for what is there: one read, one question. Whatever is not a file is looked
        // at with care.
        let attempt = self
            .open_file(who, &[Action::Read], path, wanted, Condition::Always)
            .await?;
        let mut place = match attempt {
            OpenAttempt::File(target, source, part) => return Ok((target, Some((source, part)))),
            OpenAttempt::Other(place) => place,
            OpenAttempt::Unclear => self.find_for(who, path).await?,
        };
        self.permit(who, &place, Action::Read).await?;
        let Some(target) = place.take_plain(who)? else {
            return Err(place.absence());
        };
        let (target, source) = self.open_target(path, target).await?;
        Ok((target, source.map(|source| (source, None))))
    }

    /// Opens a part of a file that was opened before and whose source cannot be sliced: from
    /// `range.start` up to but not including `range.end`, both within its size.
    /// [`ErrorKind::Locked`] if the file is not the same any more.
    pub fn open_part<'a>(
        &'a self,
        who: &'a Identity,
        whole: &'a Info,
        range: Range<u64>,
    ) -> BoxFuture<'a, Result<Source>> {
        Box::pin(async move { self.open_part_to(who, &[Action::Read], whole, range).await })
    }

    /// The same for who may do all that.
    pub(crate) async fn open_part_to(
        &self,
        who: &Identity,
        actions: &[Action],
        whole: &Info,
        range: Range<u64>,
    ) -> Result<Source> {
        // Only the storage's own means something to it.
        let stored = whole.etag.as_ref().filter(|etag| !etag.contains(TOUCHED));
        let condition = stored
            .cloned()
            .map_or(Condition::Always, |etag| Condition::EtagIn(vec![etag]));
        let wanted = WantedBytes::Range(ByteRange {
            start: range.start,
            end: Some(range.end),
        });
        // Not every storage has etags, and not every component looks at conditions.
        let same = |info: &Info| {
            info.size == whole.size && info.etag == whole.etag && info.modified == whole.modified
        };
        match self
            .open_file(who, actions, &whole.path, wanted, condition)
            .await?
        {
            OpenAttempt::File(target, source, _) if same(&target.info(&whole.path)) => Ok(source),
            _ => Err(raced(&whole.path)),
        }
    }

    /// What a path names.
    pub fn stat<'a>(
        &'a self,
        who: &'a Identity,
        path: &'a FilePath,
    ) -> BoxFuture<'a, Result<Info>> {
        Box::pin(async move {
            let place = self.find_for(who, path).await?;
            let target = self.permit(who, &place, Action::Read).await?;
            Ok(target.info(path))
        })
    }

    /// Opens what was found at a path, and answers it with its bytes; a directory has none.
    pub(crate) async fn open_target(
        &self,
        path: &FilePath,
        target: LookupTarget,
    ) -> Result<(LookupTarget, Option<Source>)> {
        match target.attributes.kind {
            EntryKind::Directory => Ok((target, None)),
            EntryKind::Special => Err(special(path)),
            EntryKind::File => {
                // It was not there a moment ago, or its storage cannot open it.
                let (storage, rest) = self.backend(path)?;
                let view = self.tombstones.view();
                let read = self
                    .read_visible(path, &*storage, rest, None, Condition::Always)
                    .await;
                let (attributes, source) = read.map_err(|error| about(path, error))?;
                let records = self.records_at(&view, path).await?;
                let opened = self.judged(path, attributes, records);
                let same =
                    gives_the_same_rights(target.record.as_deref(), opened.record.as_deref())
                        && target.node == opened.node;
                if same && self.tombstones.still(&view, path) {
                    Ok((opened, Some(source)))
                } else {
                    Err(raced(path))
                }
            }
        }
    }

    /// Opens a file for who may do all that with it.
    pub(crate) async fn open_file(
        &self,
        who: &Identity,
        actions: &[Action],
        path: &FilePath,
        wanted: WantedBytes,
        condition: Condition,
    ) -> Result<OpenAttempt> {
        let opened = self
            .open_without_links(who, actions, path, wanted, condition.clone())
            .await?;
        match opened {
            Some(attempt) => Ok(attempt),
            None => Box::pin(self.open_over_links(who, actions, path, wanted, condition)).await,
        }
    }

    /// The same where no symbolic link is on the way; none if there is one.
    pub(super) async fn open_without_links(
        &self,
        who: &Identity,
        actions: &[Action],
        path: &FilePath,
        wanted: WantedBytes,
        condition: Condition,
    ) -> Result<Option<OpenAttempt>> {
        if self.mounts.any_within(path) {
            return Ok(Some(OpenAttempt::Unclear));
        }
        let range = match wanted {
            WantedBytes::Range(range) => Some(range),
            WantedBytes::Whole | WantedBytes::RangeOrWhole(_) => None,
        };
        let options = ReadOptions { range, condition };
        let (ancestors, target, source, part) = loop {
            // One for all that is looked at: a move of a directory on the way may end in between.
            let view = self.tombstones.view();
            let began = Instant::now();
            let opened = match self.look_along(&view, path, Some(&options)).await {
                Ok(None) => match self.leads_over_links(path).await {
                    Ok(true) => return Ok(None),
                    Ok(false) => {
                        self.open_apart(&view, who, path, wanted, &options.condition)
                            .await?
                    }
                    Err(error) => return Err(self.veiled(who, path, error).await),
                },
                Ok(opened) => opened.map(|way| (way, None)),
                Err(error) => return Err(self.veiled(who, path, error).await),
            };
            let Some((way, part)) = opened else {
                return Ok(Some(OpenAttempt::Unclear));
            };
            let WalkedWay {
                ancestors,
                found,
                records: (before, after),
            } = way;
            if !(before.agree_with(&after) && self.tombstones.still(&view, path)) {
                // It would be judged by the records of something else.
                continue;
            }
            match found {
                Ok((_, None)) => return Ok(Some(OpenAttempt::Unclear)),
                Ok((attributes, Some(source))) => {
                    if let Some(records) = self.records_of(path, &attributes, before, after) {
                        let part = part.map(|range| {
                            range.start..range.end.unwrap_or(u64::MAX).min(attributes.size)
                        });
                        let target = self.judged(path, attributes, records);
                        break (ancestors, target, source, part);
                    }
                }
                // A backend that is down is down for the closer look as well.
                Err(error)
                    if error.kind().is_retryable() || error.kind() == ErrorKind::Internal =>
                {
                    return Err(self.veiled(who, path, error).await);
                }
                Err(error) => match self.find_instead(path, began, error.kind(), after).await {
                    Ok(None) => return Ok(Some(OpenAttempt::Unclear)),
                    Ok(Some(place)) if self.tombstones.still(&view, path) => {
                        return Ok(Some(OpenAttempt::Other(place)));
                    }
                    Ok(Some(_)) => {}
                    Err(error) => return Err(self.veiled(who, path, error).await),
                },
            }
        };
        let ancestors: Arc<[AccessNode]> = ancestors.into();
        let question = |action: &Action| Question {
            action: *action,
            path: path.to_string(),
            target: Some(target.node.clone()),
            ancestors: ancestors.clone(),
        };
        let questions: Vec<Question> = actions.iter().map(question).collect();
        if let Err(error) = self.authorizer.require(who, &questions).await {
            return Err(self.denied(who, path, &ancestors, error).await);
        }
        Ok(Some(OpenAttempt::File(target, source, part)))
    }

    /// Opens a file where each directory on the way has to be asked for: before, and once more
    /// afterwards, as opening it may have waited long for its turn. The range is that of the bytes,
    /// if they are not all that was wanted.
    async fn open_apart(
        &self,
        view: &View,
        who: &Identity,
        path: &FilePath,
        wanted: WantedBytes,
        condition: &Condition,
    ) -> Result<Option<(WalkedWay, Option<ByteRange>)>> {
        let Some((mount, rest)) = self.mounts.owner(path) else {
            return Ok(None);
        };
        let storage = mount.storage();
        loop {
            let Some(ancestors) = self.way_for(who, path).await? else {
                return Ok(None);
            };
            let before = self.records_at(view, path).await?;
            let read = async |range| {
                self.read_visible(path, &*storage, rest, range, condition.clone())
                    .await
            };
            let (found, part) = match wanted {
                WantedBytes::Whole => (read(None).await, None),
                WantedBytes::Range(range) => (read(Some(range)).await, None),
                WantedBytes::RangeOrWhole(range) => match read(Some(range)).await {
                    // What the answer says of the file is not in the error.
                    Err(error) if matches!(error.kind(), ErrorKind::RangeNotSatisfiable { .. }) => {
                        (read(None).await, None)
                    }
                    read => (read, Some(range)),
                },
            };
            let found = found.map(|(attributes, source)| (attributes, Some(source)));
            let after = self.records_at(view, path).await?;
            if self.is_still_the_way(path, &ancestors).await? {
                let way = WalkedWay {
                    ancestors,
                    found,
                    records: (before, after),
                };
                return Ok(Some((way, part)));
            }
        }
    }

    /// Whether the directories on the way to a path are these, as far as they are recorded.
    async fn is_still_the_way(&self, path: &FilePath, found: &[AccessNode]) -> Result<bool> {
        for (directory, node) in path.ancestors().iter().zip(found) {
            let recorded = self.recorded_directory(directory, node).await?;
            if recorded.is_some_and(|recorded| recorded != *node) {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The directories on the way to a path; if they cannot be found out, only a caller who can
    /// reach the path learns why.
    async fn way_for(&self, who: &Identity, path: &FilePath) -> Result<Option<Vec<AccessNode>>> {
        match self.way_to(path).await {
            Ok(way) => Ok(way),
            Err(error) => Err(self.veiled(who, path, error).await),
        }
    }

    /// Opens an object, unless it does not exist although it is stored.
    async fn read_visible(
        &self,
        path: &FilePath,
        storage: &dyn Storage,
        rest: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)> {
        loop {
            let view = self.tombstones.view();
            let read = if view.hides(path) {
                Err(refuse(ErrorKind::NotFound, path, "does not exist"))
            } else {
                storage.read(rest, range, condition.clone()).await
            };
            if self.tombstones.still(&view, path) {
                return read;
            }
        }
    }
}

#[cfg(test)]
mod tests;
