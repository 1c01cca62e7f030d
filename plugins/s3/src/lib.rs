//! A bucket of S3, or of anything that speaks its protocol, as storage.
//!
//! Bodies move natively in both directions: this component sends heads, reads what is small, and
//! hands the rest over. A directory exists as long as a key below it does.

mod bucket;
mod condition;
mod config;
mod copy;
mod key;
mod listing;
mod multipart;
mod object;
mod page;
mod part;
mod refusal;
mod remove;
mod retry;
mod write;

use callfs_sdk::{
    Attributes, Condition, ConfigError, Copy, Error, Page, Plugin, ReadOptions, Result, Source,
    Storage, Write, WriteOptions, Written,
};

use crate::bucket::Bucket;
use crate::config::Config;
use crate::key::Key;

/// A bucket, or what is below a prefix of it.
struct S3 {
    bucket: Bucket,
}

impl Plugin for S3 {
    const NAME: &'static str = "s3";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "serves a bucket of S3, or of anything that speaks its protocol";
    const FEATURES: &'static [&'static str] = &["implicit-directories"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        Ok(Self {
            bucket: Bucket::new(config)?,
        })
    }

    fn features(&self) -> Vec<&'static str> {
        let conditional = self.bucket.conditional.then_some("conditional-write");
        Self::FEATURES.iter().copied().chain(conditional).collect()
    }
}

impl Storage for S3 {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        let bucket = &self.bucket;
        let directory = async || match bucket.has_directory(path).await {
            Ok(false) if !path.is_empty() => Err(Error::NotFound),
            answered => answered.map(|_| Attributes::directory()),
        };
        match bucket.key(path) {
            None => directory().await,
            Some(key) if key.is_too_long() => Err(Error::NotFound),
            Some(key) => match object::head(bucket, &key).await? {
                Some(found) => Ok(found.attributes),
                None => directory().await,
            },
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        // S3 knows keys alone: whether it is a directory is found out in a listing, by the host.
        object::get(&self.bucket, &self.readable(path)?, options).await
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let listed = listing::list(&page::Directory::new(&self.bucket, path), after, limit).await?;
        match listed {
            Some(page) => Ok(page),
            None if path.is_empty() || after.is_some() => Ok(Page {
                entries: Vec::new(),
                more: false,
            }),
            None => match object::head(&self.bucket, &self.readable(path)?).await? {
                Some(_) => Err(Error::NotADirectory),
                None => Err(Error::NotFound),
            },
        }
    }
}

impl Write for S3 {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        write::write(&self.bucket, &self.writable(path)?, body, options)
            .await
            .map(Written::Done)
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        match remove::remove(&self.bucket, &self.readable(path)?, condition).await {
            Err(Error::NotFound) => Err(self.absent(path).await?),
            removed => removed,
        }
    }
}

impl Copy for S3 {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        let source = self.readable(from)?;
        let key = self.writable(to)?;
        match copy::copy(&self.bucket, &source, &key, condition).await {
            Err(Error::NotFound) => Err(self.absent(from).await?),
            copied => copied.map(Written::Done),
        }
    }
}

impl S3 {
    /// The key of an object that may exist.
    fn readable(&self, path: &str) -> Result<Key> {
        let key = self.bucket.key(path).ok_or(Error::IsADirectory)?;
        if key.is_too_long() {
            Err(Error::NotFound)
        } else {
            Ok(key)
        }
    }

    /// The key of an object that may be made.
    fn writable(&self, path: &str) -> Result<Key> {
        let key = self.bucket.key(path).ok_or(Error::IsADirectory)?;
        if key.is_too_long() {
            Err(Error::InvalidArgument(format!(
                "S3 takes names of at most {} bytes in all",
                self.bucket.room()
            )))
        } else {
            Ok(key)
        }
    }

    /// What a path without an object is.
    async fn absent(&self, path: &str) -> Result<Error> {
        let directory = self.bucket.has_directory(path).await?;
        Ok(if directory {
            Error::IsADirectory
        } else {
            Error::NotFound
        })
    }
}

callfs_sdk::export!(S3: Storage + Write + Copy);
