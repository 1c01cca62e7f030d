//! Storages whose directories exist as long as an object is below them, as in S3: each look is a
//! request over a network, so a look that cannot change the outcome is left out.

use std::time::Duration;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::path::FilePath;

use crate::Engine;
use crate::lookup::path::{Lookup, Sighting, bare_directory};
use crate::lookup::records::Records;

/// How long the attributes of an earlier look are used.
const FRESH: Duration = Duration::from_secs(2);

impl Engine {
    /// The same place as it is now, judged by current records and the attributes that were seen;
    /// none if the storage has to be asked again. Every change of a gateway changes the revision of
    /// the record. Changes by other programs are not locked out in any case.
    pub(crate) async fn find_again(&self, before: &Lookup) -> Result<Option<Lookup>> {
        let Lookup { path, .. } = before;
        let view = self.tombstones.view();
        if !self.is_implied(path) || before.began.elapsed() > FRESH || !view.is_quiet() {
            return Ok(None);
        }
        let records = self.records_at(&view, path).await?;
        if records.own().map(|own| own.revision) != before.revision {
            return Ok(None);
        }
        let mut directories = path.ancestors();
        directories.truncate(before.ancestors.len());
        let mut missing = before.missing.as_slice();
        while let Some((first, rest)) = missing.split_first() {
            if self
                .records_at(&view, first)
                .await?
                .of_directory()
                .is_none()
            {
                break;
            }
            directories.push(first.clone());
            missing = rest;
        }
        let way = self.way(&directories).await?;
        let ancestors: Option<Vec<_>> = way.into_iter().collect();
        let Some(ancestors) = ancestors.filter(|_| self.tombstones.still(&view, path)) else {
            return Ok(None);
        };
        let target = before.target.as_ref();
        let target = target.map(|target| self.judged(path, target.attributes.clone(), records));
        Ok(Some(Lookup {
            path: path.clone(),
            ancestors,
            missing: missing.to_vec(),
            obstacle: before.obstacle.clone(),
            target,
            bare: before.bare && missing.len() == before.missing.len(),
            began: before.began,
            revision: before.revision,
        }))
    }

    /// Whether the directories on the way to whatever is at a path exist because of it.
    pub(super) fn is_implied(&self, path: &FilePath) -> bool {
        let owner = self.mounts.owner(path);
        owner.is_some_and(|(mount, _)| mount.storage().abilities().implicit_directories)
    }

    /// What exists at a path that may hold another one. The storage is not asked about a directory
    /// that has a record, and lists one entry of any other.
    pub(super) async fn look_for_directory(
        &self,
        path: &FilePath,
    ) -> Result<(Option<Sighting>, Records)> {
        if !self.is_implied(path) {
            return self.look_with_records(path).await;
        }
        let view = self.tombstones.view();
        let records = self.records_at(&view, path).await?;
        let (storage, rest) = self.backend(path)?;
        let exists = match records.of_directory() {
            _ if !view.is_quiet() => None,
            Some(_) => Some(true),
            None if self.mounts.any_within(path) => Some(true),
            None => match storage.list(rest, None, 1).await {
                Ok(page) if !page.entries.is_empty() => Some(true),
                Err(error) if error.kind() == ErrorKind::NotFound => Some(false),
                _ => None,
            },
        };
        let seen = exists.map(|exists| {
            exists.then(|| Sighting {
                attributes: bare_directory(),
                bare: false,
            })
        });
        match seen {
            Some(seen) if self.tombstones.still(&view, path) => Ok((seen, records)),
            _ => self.look_with_records(path).await,
        }
    }
}
