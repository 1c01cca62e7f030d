//! Storages whose directories exist as long as an object is below them, as in S3: each look is a
//! request over a network, so a look that cannot change the outcome is left out.

use std::time::{Duration, Instant};

use callfs_model::error::{ErrorKind, Result};
use callfs_model::path::FilePath;
use callfs_model::storage::ListingPage;

use crate::Engine;
use crate::lookup::name_order::just_before;
use crate::lookup::path::{Lookup, Sighting, bare_directory};
use crate::lookup::records::Records;

/// How long the attributes of an earlier look are used.
const FRESH: Duration = Duration::from_secs(2);

/// A path that was looked for.
pub(super) struct SoughtPath {
    /// What is there.
    pub(super) seen: Option<Sighting>,
    /// What is recorded of it.
    pub(super) records: Records,
    /// The revision of its record before it was looked at: if the record still has it, no gateway
    /// has changed since then what was seen.
    pub(super) revision: Option<u64>,
    /// The directory that it is in, or would be in, was seen to have entries.
    pub(super) is_parent_there: bool,
}

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
            behind: None,
        }))
    }

    /// Whether the directories on the way to whatever is at a path exist because of it.
    pub(super) fn is_implied(&self, path: &FilePath) -> bool {
        let owner = self.mounts.owner(path);
        owner.is_some_and(|(mount, _)| mount.storage().abilities().implicit_directories)
    }

    /// A path that is about to be written. Unless something is recorded there, its parent is listed
    /// from its name on, which mostly shows as well that the parent is there; what only a look at
    /// the object itself tells, as its media type, is left out.
    pub(crate) async fn find_to_write(&self, path: &FilePath) -> Result<Lookup> {
        let began = Instant::now();
        let view = self.tombstones.view();
        let records = self.records_at(&view, path).await?;
        // What is recorded is mostly there, and servers charge more for a listing than for a look
        // at an object.
        if records.own().is_none()
            && let Some(sought) = self.look_in_parent(path).await?
        {
            let place = self.find_around(path, began, sought).await?;
            if self.tombstones.still(&view, path) {
                return Ok(place);
            }
        }
        self.find(path).await
    }

    /// What exists at a path that may hold another one. The storage is not asked about a directory
    /// that has a record, and shows any other in a listing of its parent.
    pub(super) async fn look_for_directory(&self, path: &FilePath) -> Result<SoughtPath> {
        if let Some(sought) = self.look_in_parent(path).await? {
            return Ok(sought);
        }
        self.look_with_records(path).await
    }

    /// The same by one request at most; none if that does not tell.
    async fn look_in_parent(&self, path: &FilePath) -> Result<Option<SoughtPath>> {
        let view = self.tombstones.view();
        if !self.is_implied(path) || !view.is_quiet() {
            return Ok(None);
        }
        let mut records = self.records_at(&view, path).await?;
        let revision = records.own_revision();
        let mut seen = Some(implied_directory());
        let mut is_parent_there = false;
        if records.of_directory().is_none() && !self.mounts.any_within(path) {
            let (storage, rest) = self.backend(path)?;
            let (parent, name) = rest.rsplit_once('/').unwrap_or(("", rest));
            let listed = storage
                .list(parent, just_before(name).as_deref(), 1)
                .await
                .map(|page| page.entries.into_iter().next());
            let entry = match listed {
                Ok(Some(entry)) if entry.name.as_str() < name => return Ok(None),
                Ok(entry) => entry,
                Err(error) => match error.kind() {
                    ErrorKind::NotFound | ErrorKind::NotADirectory => None,
                    // It is down for a closer look as well.
                    ErrorKind::BackendUnavailable | ErrorKind::BackendTimeout => return Err(error),
                    _ => return Ok(None),
                },
            };
            let after = self.records_at(&view, path).await?;
            if !records.agree_with(&after) {
                return Ok(None);
            }
            records = after;
            is_parent_there = entry.is_some();
            seen = entry
                .filter(|entry| entry.name == name)
                .map(|entry| Sighting {
                    attributes: entry.attributes,
                    bare: false,
                });
        }
        let sought = SoughtPath {
            seen,
            records,
            revision,
            is_parent_there,
        };
        Ok(self.tombstones.still(&view, path).then_some(sought))
    }

    /// A directory that a page of its names shows to be there, with that page, or that there is
    /// nothing to list; none if asking for the page does not tell. A page with names is all that is
    /// asked for, so an object with the key of the directory itself is not seen, unless it is
    /// recorded.
    pub(super) async fn find_by_listing(
        &self,
        path: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Option<(Lookup, Option<ListingPage>)>> {
        let began = Instant::now();
        let view = self.tombstones.view();
        if !self.is_implied(path) || !view.is_quiet() {
            return Ok(None);
        }
        let way = self.way_to(path).await?;
        let before = self.records_at(&view, path).await?;
        if before.own().is_some() && before.of_directory().is_none() {
            return Ok(None);
        }
        let (storage, rest) = self.backend(path)?;
        let page = match storage.list(rest, after, limit).await {
            Ok(page) if page.entries.is_empty() => {
                // Names that come before show the directory, too.
                let first = match after {
                    Some(_) => storage.list(rest, None, 1).await.ok(),
                    None => None,
                };
                if first.is_none_or(|first| first.entries.is_empty()) {
                    return Ok(None);
                }
                Some(page)
            }
            Ok(page) => Some(page),
            Err(error) if error.kind().is_retryable() => return Err(error),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(_) => return Ok(None),
        };
        let records = self.records_at(&view, path).await?;
        let is_known = records.of_directory().is_some() || self.mounts.any_within(path);
        if !before.agree_with(&records) || (page.is_none() && is_known) {
            return Ok(None);
        }
        let seen = page.as_ref().map(|_| implied_directory());
        let sought = SoughtPath::alone(seen, records, before.own_revision());
        let place = self.find_around(path, began, sought).await?;
        // The names were fetched before the directories on the way are judged: they are to be the
        // same as before that.
        let is_same = page.is_none() || way.as_ref() == Some(&place.ancestors);
        let found = is_same && self.tombstones.still(&view, path);
        Ok(found.then_some((place, page)))
    }

    /// What is at a path where no file could be opened, for this reason; none if that takes a look
    /// at the object.
    pub(super) async fn find_instead(
        &self,
        path: &FilePath,
        began: Instant,
        reason: ErrorKind,
        records: Records,
    ) -> Result<Option<Lookup>> {
        if !self.is_implied(path) {
            return Ok(None);
        }
        let sought = match reason {
            ErrorKind::IsADirectory => {
                let revision = records.own_revision();
                Some(SoughtPath::alone(
                    Some(implied_directory()),
                    records,
                    revision,
                ))
            }
            // It may be a directory all the same.
            ErrorKind::NotFound => self.look_in_parent(path).await?,
            _ => None,
        };
        match sought {
            Some(sought) => self.find_around(path, began, sought).await.map(Some),
            None => Ok(None),
        }
    }
}

impl SoughtPath {
    /// What was seen of the path alone.
    pub(super) fn alone(seen: Option<Sighting>, records: Records, revision: Option<u64>) -> Self {
        Self {
            seen,
            records,
            revision,
            is_parent_there: false,
        }
    }
}

/// A directory that exists because of what is in it.
fn implied_directory() -> Sighting {
    Sighting {
        attributes: bare_directory(),
        bare: false,
    }
}

#[cfg(test)]
mod tests;
