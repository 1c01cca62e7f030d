//! A storage that works like an object store: each object is one file of a granted folder, named by
//! its whole path, and a directory exists as long as something is below it. It copies objects and
//! cannot rename anything.
//!
//! A slash is `%2F` in a key and `%` is `%25`. So everything below a directory is one range of
//! keys: from after `directory%2E`, which no key starts with, to before `directory%2G`. `keys`
//! keeps them.

mod keys;

use std::collections::BTreeMap;

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, Condition, ConfigError, Copy, Entry, Error, Kind, NoConfig, Page, Plugin,
    ReadOptions, Result, Source, Storage, Write, WriteOptions, Written,
};

use crate::keys::Keys;

struct Flat {
    keys: Keys,
}

impl Plugin for Flat {
    const NAME: &'static str = "flat";
    const VERSION: &'static str = "0.0.1";
    const SUMMARY: &'static str = "keeps objects under whole paths, like an object store";
    const FEATURES: &'static [&'static str] =
        &["conditional-write", "carried-write", "implicit-directories"];
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        let folder = Directory::open("/").map_err(|error| ConfigError::at("", error.message()))?;
        Ok(Self {
            keys: Keys::in_folder(folder),
        })
    }
}

impl Storage for Flat {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        if path.is_empty() {
            return Ok(directory());
        }
        match self.keys.folder().stat(keys::file(&key(path))).await {
            Ok(attributes) => Ok(object(attributes)),
            Err(Error::NotFound) => {
                let below = below(path);
                let first = self.keys.after(Some(before(path)), 1).await?;
                first
                    .first()
                    .filter(|(key, _)| key.starts_with(&below))
                    .map(|_| directory())
                    .ok_or(Error::NotFound)
            }
            Err(error) => Err(error),
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        match self
            .keys
            .folder()
            .read(keys::file(&key(path)), options.range)
            .await
        {
            Ok((attributes, _)) if !options.condition.holds(Some(&attributes)) => {
                Err(Error::PreconditionFailed)
            }
            Ok((attributes, source)) => Ok((object(attributes), source)),
            Err(Error::NotFound) => self.stat(path).await.and(Err(Error::IsADirectory)),
            Err(error) => Err(error),
        }
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let below = below(path);
        let mut names: BTreeMap<String, Attributes> = BTreeMap::new();
        let mut next = if path.is_empty() {
            None
        } else {
            Some(before(path))
        };
        'pages: loop {
            let page = self.keys.after(next.take(), keys::PAGE).await?;
            let last = page.last().map(|(key, _)| key.clone());
            for (key, attributes) in page {
                let Some(rest) = key.strip_prefix(&below) else {
                    break 'pages;
                };
                match rest.split_once("%2F") {
                    None => drop(names.insert(name(rest), object(attributes))),
                    Some((first, _)) => {
                        // Past everything in it.
                        names.insert(name(first), directory());
                        next = Some(format!("{below}{first}%2G"));
                        continue 'pages;
                    }
                }
            }
            match last {
                Some(last) => next = Some(last),
                None => break,
            }
        }
        if names.is_empty() && !path.is_empty() {
            return self.stat(path).await.and(Err(Error::NotADirectory));
        }
        let entry = |(name, attributes)| Entry {
            name,
            attributes,
            link: false,
        };
        let wanted = names
            .into_iter()
            .filter(|(name, _)| after.is_none_or(|after| name.as_str() > after));
        Ok(Page::cut(
            wanted.take(limit as usize + 1).map(entry).collect(),
            limit,
        ))
    }
}

impl Write for Flat {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        let file = self.keys.place_for(&key(path)).await?;
        self.keys
            .folder()
            .write(&file, body, &options.condition, None)
            .map(Written::Carried)
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        match self
            .keys
            .folder()
            .remove_file(keys::file(&key(path)), condition)
            .await
        {
            Err(Error::NotFound) => self.stat(path).await.and(Err(Error::IsADirectory)),
            removed => removed,
        }
    }
}

impl Copy for Flat {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        let file = self.keys.place_for(&key(to)).await?;
        self.keys
            .folder()
            .copy(&keys::file(&key(from)), &file, &condition)
            .map(Written::Carried)
    }
}

/// The key for a path.
fn key(path: &str) -> String {
    path.replace('%', "%25").replace('/', "%2F")
}

/// A name out of one.
fn name(key: &str) -> String {
    key.replace("%25", "%")
}

/// What the keys of everything below a directory start with.
fn below(path: &str) -> String {
    if path.is_empty() {
        String::new()
    } else {
        format!("{}%2F", key(path))
    }
}

/// The text after which they come.
fn before(path: &str) -> String {
    format!("{}%2E", key(path))
}

fn object(attributes: Attributes) -> Attributes {
    Attributes {
        mode: None,
        ..attributes
    }
}

fn directory() -> Attributes {
    let etag = None;
    let modified = None;
    let mode = None;
    let content_type = None;
    Attributes {
        kind: Kind::Directory,
        size: 0,
        etag,
        modified,
        mode,
        content_type,
        extra: vec![],
    }
}

callfs_sdk::export!(Flat: Storage + Write + Copy);
