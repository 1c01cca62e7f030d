//! The directories on the way to a path, each judged as what it is now.
//!
//! A directory that is recorded as an object is looked at, because another program may have put
//! another one in its place. A storage that can look at a whole way at once is asked for that: then
//! what it found is a way that there was. Elsewhere each directory is a look of its own.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::AccessNode;
use callfs_model::metadata::Record;
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use callfs_model::storage::{Attributes, EntryKind, ReadOptions};

use crate::Engine;
use crate::lookup::implied::SoughtPath;
use crate::lookup::records::Records;
use crate::recovery::tombstones::View;

/// What one look found on the way to a path, and there.
pub(super) struct WalkedWay {
    /// The directories that exist, the root first.
    pub(super) ancestors: Vec<AccessNode>,
    /// What is at the path, with its bytes if those were asked for, or why there is nothing.
    pub(super) found: Result<(Attributes, Option<Source>)>,
    /// What is recorded at the path: before it was looked at, and afterwards.
    pub(super) records: (Records, Records),
}

impl Engine {
    /// Looks at a path and all directories on the way to it at once, in the state of a view; none
    /// if they have to be asked for one by one.
    pub(super) async fn look_along(
        &self,
        view: &View,
        path: &FilePath,
        read: Option<&ReadOptions>,
    ) -> Result<Option<WalkedWay>> {
        let Some((mount, rest)) = self.mounts.owner(path) else {
            return Ok(None);
        };
        let storage = mount.storage();
        let ruled_out = self.mounts.any_within(path)
            || view.hides(path)
            || storage.abilities().implicit_directories;
        if ruled_out {
            return Ok(None);
        }
        let directories = path.ancestors();
        let (above, within) = directories.split_at(mount.path.depth().min(directories.len()));
        let mut ancestors = Vec::with_capacity(directories.len());
        for directory in above {
            match self.directory(directory).await? {
                Some(node) => ancestors.push(node),
                None => return Ok(None),
            }
        }
        let before = self.records_along(view, within).await?;
        let own_before = self.records_at(view, path).await?;
        let Some(walked) = storage.walk(rest, read).await else {
            return Ok(None);
        };
        let own_after = self.records_at(view, path).await?;
        let after = self.records_along(view, within).await?;
        let seen = walked.directories.len();
        if within
            .get(seen)
            .is_some_and(|next| self.mounts.any_within(next))
        {
            // It is there because of what is mounted below it.
            return Ok(None);
        }
        let looks = within.iter().zip(walked.directories);
        for ((directory, attributes), (before, after)) in looks.zip(before.into_iter().zip(after)) {
            match self.judged_between(directory, attributes, before, after) {
                Some(node) => ancestors.push(node),
                // It changed hands meanwhile.
                None => return Ok(None),
            }
        }
        Ok(Some(WalkedWay {
            ancestors,
            found: walked.found,
            records: (own_before, own_after),
        }))
    }

    /// A directory and those on the way to it, the root first, as they are now, as far as they
    /// exist: by one look, where their storage was delegated, so that a look is no call. None if
    /// they have to be asked for one by one.
    pub(crate) async fn way_now(&self, directory: &FilePath) -> Result<Option<Vec<AccessNode>>> {
        let owner = self.mounts.owner(directory);
        if owner.is_none_or(|(mount, _)| mount.storage().undelegated().is_none()) {
            return Ok(None);
        }
        let view = self.tombstones.view();
        let Some(seen) = self.look_along(&view, directory, None).await? else {
            return Ok(None);
        };
        let mut way = seen.ancestors;
        match seen.found {
            Ok((attributes, _)) if attributes.kind == EntryKind::Directory => {
                let (before, after) = seen.records;
                let node = self.judged_between(directory, attributes, before, after);
                let Some(node) = node else {
                    return Ok(None);
                };
                way.push(node);
            }
            Ok(_) => {}
            Err(error)
                if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(_) => return Ok(None),
        }
        Ok(self.tombstones.still(&view, directory).then_some(way))
    }

    /// Makes what is known of a directory and those on the way to it, the root first, what they are
    /// now; one that is gone stays what it was.
    pub(crate) async fn refresh_way(
        &self,
        directory: &FilePath,
        way: &mut [AccessNode],
    ) -> Result<()> {
        let mut seen = self.way_now(directory).await?.map(Vec::into_iter);
        let directories = directory.ancestors().into_iter().chain([directory.clone()]);
        for (directory, node) in directories.zip(way) {
            let now = match &mut seen {
                Some(seen) => seen.next(),
                None => self.directory(&directory).await?,
            };
            if let Some(now) = now {
                *node = now;
            }
        }
        Ok(())
    }

    async fn records_along(&self, view: &View, directories: &[FilePath]) -> Result<Vec<Records>> {
        let mut records = Vec::with_capacity(directories.len());
        for directory in directories {
            records.push(self.records_at(view, directory).await?);
        }
        Ok(records)
    }

    fn judged_between(
        &self,
        directory: &FilePath,
        attributes: Attributes,
        before: Records,
        after: Records,
    ) -> Option<AccessNode> {
        if !before.agree_with(&after) {
            return None;
        }
        let records = self.records_of(directory, &attributes, before, after)?;
        Some(self.judged(directory, attributes, records).node)
    }

    /// The directories on the way to a path, the root first; none if one of them does not exist.
    pub(crate) async fn way_to(&self, path: &FilePath) -> Result<Option<Vec<AccessNode>>> {
        let way = self.way(&path.ancestors()).await?;
        Ok(way.into_iter().collect())
    }

    /// The same of these, each of which is in the one before; none for those that do not exist.
    /// Where directories are implied, something has to be in the last one, or is asked for next.
    pub(super) async fn way(&self, directories: &[FilePath]) -> Result<Vec<Option<AccessNode>>> {
        let mut way = Vec::with_capacity(directories.len());
        for directory in directories {
            way.push(self.directory(directory).await?);
        }
        Ok(way)
    }

    /// A directory as the permission model sees it. Its storage is asked only where the record does
    /// not say everything: there is none, it is of an object, or other programs may have closed the
    /// directory.
    pub(crate) async fn directory(&self, path: &FilePath) -> Result<Option<AccessNode>> {
        self.directory_unless(path, |record| {
            record.object.is_none() && !self.keeps_modes(path)
        })
        .await
    }

    /// The same where its storage may have failed: what is recorded has to do then.
    pub(super) async fn directory_as_recorded(
        &self,
        path: &FilePath,
    ) -> Result<Option<AccessNode>> {
        if self.keeps_modes(path)
            && let Ok(found) = self.directory(path).await
        {
            return Ok(found);
        }
        self.directory_unless(path, |_| true).await
    }

    /// Whether the storage of a path may keep modes, by which other programs close what is there.
    fn keeps_modes(&self, path: &FilePath) -> bool {
        let owner = self.mounts.owner(path);
        owner.is_some_and(|(mount, _)| mount.storage().abilities().modes)
    }

    async fn directory_unless(
        &self,
        path: &FilePath,
        believed: impl FnOnce(&Record) -> bool,
    ) -> Result<Option<AccessNode>> {
        let view = self.tombstones.view();
        if view.hides(path) {
            return Ok(None);
        }
        let records = self.records_at(&view, path).await?;
        let record = records.of_directory();
        let believed = match record {
            Some(record) => believed(record),
            None => !records.are_in_doubt() && records.own().is_none() && self.is_implied(path),
        };
        if believed || path.is_root() {
            return Ok(Some(self.node(path, EntryKind::Directory, record, None)));
        }
        let SoughtPath { seen, records, .. } = self.look_with_records(path).await?;
        let directory = seen.filter(|seen| seen.attributes.kind == EntryKind::Directory);
        Ok(directory.map(|seen| self.judged(path, seen.attributes, records).node))
    }

    /// A directory that was found to be this, as it is now: looked at where its storage was
    /// delegated, so that a look is no call, and else as its record says. None if nothing more is
    /// known of it.
    pub(crate) async fn directory_now(
        &self,
        path: &FilePath,
        found: &AccessNode,
    ) -> Result<Option<AccessNode>> {
        let owner = self.mounts.owner(path);
        if owner.is_none_or(|(mount, _)| mount.storage().undelegated().is_none()) {
            return self.recorded_directory(path, found).await;
        }
        loop {
            let view = self.tombstones.view();
            let now = self.directory(path).await?;
            if self.tombstones.still(&view, path) {
                return Ok(now);
            }
        }
    }

    /// A directory that was found to be this, as its record says now, if it has one, or as the
    /// records say that it may have while it moves. What its storage has closed is looked at again.
    pub(crate) async fn recorded_directory(
        &self,
        path: &FilePath,
        found: &AccessNode,
    ) -> Result<Option<AccessNode>> {
        loop {
            let view = self.tombstones.view();
            let records = self.records_at(&view, path).await?;
            let record = records.of_directory();
            let node =
                record.map(|record| self.node(path, EntryKind::Directory, Some(record), None));
            let node = match node {
                Some(node) if node == *found => Some(node),
                None if !records.are_in_doubt() => None,
                // The record may be of another directory.
                _ => self.directory(path).await?,
            };
            if self.tombstones.still(&view, path) {
                return Ok(node);
            }
        }
    }
}
