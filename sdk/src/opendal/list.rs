//! Listing: whatever order a service has, pages in byte order of names.
//!
//! A service that can start after a name lists whole paths in byte order, which is not that of
//! names: `a!` comes before `a/x`, and `a` is the smaller name. So a page that ends at `a!` asks
//! whether there is a directory `a`. Any other service is listed from the beginning for each page,
//! of which the smallest names are kept.

use std::collections::BTreeMap;

use opendal_core::options::ListOptions;

use super::adapter::{Adapter, STAGING, check};
use crate::attributes::{Attributes, Entry, Kind, Page};
use crate::error::{Error, Result};

impl Adapter {
    pub(super) async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        check(path)?;
        let prefix = if path.is_empty() {
            String::new()
        } else {
            super::adapter::directory(path)
        };
        let can = self.service().capability_dyn();
        let options = ListOptions {
            limit: can.list_with_limit.then_some(limit as usize + 1),
            start_after: after
                .filter(|_| can.list_with_start_after)
                .map(|after| format!("{prefix}{after}")),
            ..ListOptions::default()
        };
        let mut names = Names {
            wanted: limit as usize + 1,
            ordered: can.list_with_start_after,
            ..Names::default()
        };
        self.exchange.begin();
        let directory = if prefix.is_empty() { "/" } else { &prefix };
        let listed = self
            .service()
            .list_dyn(self.context(), directory, options.into());
        let mut listed = listed.map_err(|error| self.failure(error))?;
        let mut exists = path.is_empty();
        while !names.is_full() {
            let Some(entry) = listed
                .next_dyn()
                .await
                .map_err(|error| self.failure(error))?
            else {
                break;
            };
            let (entry, metadata) = entry.into_parts();
            exists |= entry == directory;
            let name = entry
                .strip_prefix(&prefix)
                .map(|rest| rest.strip_suffix('/').unwrap_or(rest));
            let Some(name) = name.filter(|name| !name.is_empty() && !name.contains('/')) else {
                continue;
            };
            exists = true;
            names.meet(name, after, self.attributes(&metadata));
        }
        if !exists && self.found(path).await?.kind != Kind::Directory {
            return Err(Error::NotADirectory);
        }
        for name in names.hidden(after) {
            if self.look(&format!("{prefix}{name}")).await?.is_some() {
                names.meet(&name, after, Attributes::directory());
            }
        }
        Ok(names.page(limit))
    }
}

/// The smallest names that were met.
#[derive(Default)]
struct Names {
    kept: BTreeMap<String, Attributes>,
    wanted: usize,
    /// Whether they come in byte order of their paths, so that the first are enough.
    ordered: bool,
    last: String,
}

impl Names {
    fn is_full(&self) -> bool {
        self.ordered && self.kept.len() >= self.wanted
    }

    fn meet(&mut self, name: &str, after: Option<&str>, attributes: Attributes) {
        name.clone_into(&mut self.last);
        if name == STAGING || after.is_some_and(|after| name <= after) {
            return;
        }
        // Where an object and a directory have one name, the name is that of the object.
        match self.kept.get_mut(name) {
            Some(kept) if kept.kind == Kind::Directory => *kept = attributes,
            Some(_) => {}
            None => drop(self.kept.insert(name.to_owned(), attributes)),
        }
        if self.kept.len() > self.wanted {
            self.kept.pop_last();
        }
    }

    /// Names of directories that may exist and would come later, although they belong before the
    /// last one met.
    fn hidden(&self, after: Option<&str>) -> Vec<String> {
        if !self.is_full() {
            return Vec::new();
        }
        let ends = self
            .last
            .bytes()
            .enumerate()
            .skip(1)
            .filter(|(_, byte)| *byte < b'/')
            .map(|(end, _)| end);
        let names = ends.map(|end| &self.last[..end]);
        let unmet = names.filter(|name| {
            after.is_none_or(|after| *name > after) && !self.kept.contains_key(*name)
        });
        unmet.map(str::to_owned).collect()
    }

    fn page(self, limit: u32) -> Page {
        let entry = |(name, attributes)| Entry {
            name,
            attributes,
            link: false,
        };
        Page::cut(self.kept.into_iter().map(entry).collect(), limit)
    }
}
