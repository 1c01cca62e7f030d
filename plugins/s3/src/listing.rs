//! A page of a directory in byte order of its names, made of pages of keys.
//!
//! S3 sorts by key, and there a directory is its name and a slash: `foo-bar` comes before `foo/`,
//! and the name `foo` before both. So of the names before the last one of a page, some may be
//! missing: directories whose name that last one starts with, and whose slash comes later. They are
//! few, and asked for one by one. Nothing but the page is held.

use std::collections::BTreeMap;

use callfs_sdk::{Attributes, Entry, Page, Result};

/// S3 answers no more keys at a time.
const MAX_KEYS: u32 = 1000;
/// How many keys are asked for beyond the names that are wanted: with those that follow, fewer
/// directories could be missing.
const SPARE: u32 = 8;

/// The keys in one directory.
pub(crate) trait Keys {
    /// A page of at most `limit` of them, in byte order of the keys.
    async fn page(&self, from: From<'_>, limit: u32) -> Result<KeyPage>;

    /// Whether there is any below a directory in it.
    async fn has_directory(&self, name: &str) -> Result<bool>;
}

/// Where a page begins.
#[derive(Debug, Clone, Copy)]
pub(crate) enum From<'a> {
    /// With the first key after that of this name, or with the first at all.
    After(Option<&'a str>),
    /// Where the one before ended.
    Token(&'a str),
}

/// A page of keys.
#[derive(Debug, Default)]
pub(crate) struct KeyPage {
    /// Those that are objects in this directory, by name.
    pub(crate) files: Vec<(String, Attributes)>,
    /// Names of those that are directories in it.
    pub(crate) directories: Vec<String>,
    /// There is a key for the directory itself, or for something in it that can have no name.
    pub(crate) other: bool,
    /// What the next page begins with, if there is one.
    pub(crate) next: Option<String>,
}

/// A page of names; none if nothing is there that a directory is made of. A file wins over a
/// directory of the same name.
pub(crate) async fn list(
    keys: &impl Keys,
    after: Option<&str>,
    limit: u32,
) -> Result<Option<Page>> {
    let limit = limit.max(1);
    let mut exists = false;
    let mut token: Option<String> = None;
    loop {
        let from = token.as_deref().map_or(From::After(after), From::Token);
        let KeyPage {
            files,
            directories,
            other,
            next,
        } = keys
            .page(from, limit.saturating_add(SPARE).min(MAX_KEYS))
            .await?;
        exists |= other || !files.is_empty() || !directories.is_empty();
        let mut names: BTreeMap<String, Attributes> = BTreeMap::new();
        names.extend(
            directories
                .into_iter()
                .map(|name| (name, Attributes::directory())),
        );
        names.extend(files);
        names.retain(|name, _| after.is_none_or(|after| name.as_str() > after));
        let last = names.last_key_value().map(|(name, _)| name.clone());
        match (last, next) {
            // Everything on the page was seen on the one before.
            (None, Some(next)) => token = Some(next),
            (Some(last), next) => {
                if next.is_some() {
                    let end = names.keys().nth(limit as usize - 1).cloned();
                    complete(keys, &mut names, &last, after, end.as_deref()).await?;
                }
                let more = next.is_some() || names.len() > limit as usize;
                let entries = names.into_iter().take(limit as usize);
                let entries = entries.map(|(name, attributes)| Entry {
                    name,
                    attributes,
                    link: false,
                });
                return Ok(Some(Page {
                    entries: entries.collect(),
                    more,
                }));
            }
            (None, None) => {
                return Ok(exists.then(|| Page {
                    entries: Vec::new(),
                    more: false,
                }));
            }
        }
    }
}

/// Adds the directories before the last name, and before the `end` of what is wanted, whose keys
/// come after that name.
async fn complete(
    keys: &impl Keys,
    names: &mut BTreeMap<String, Attributes>,
    last: &str,
    after: Option<&str>,
    end: Option<&str>,
) -> Result<()> {
    for (at, _) in last
        .bytes()
        .enumerate()
        .skip(1)
        .filter(|(_, byte)| *byte < b'/')
    {
        // It is in ASCII, so a character begins here.
        let start = &last[..at];
        if !names.contains_key(start)
            && after.is_none_or(|after| start > after)
            && end.is_none_or(|end| start < end)
            && keys.has_directory(start).await?
        {
            names.insert(start.to_owned(), Attributes::directory());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
