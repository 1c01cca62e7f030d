//! A storage that transforms: the files of a granted folder are encrypted, one chunk in memory at a
//! time.
//!
//! Who has the folder and not the key learns the names, the sizes and the times of files, and can
//! remove a file, or put another or an older one that was encrypted with the same key in its place;
//! they cannot read one, nor make one that opens. A file that does not open ends in an error, never
//! in other bytes. One that was not encrypted is listed as `special` if its size shows it, and not
//! opened.

mod cipher;
mod layout;
mod sealing;

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, ByteRange, Condition, ConfigError, Copy, Directories, Error, Kind, Page, Plugin,
    ReadOptions, Rename, Result, Source, Storage, Transfer, Write, WriteOptions, Written,
};

use crate::cipher::{FileCipher, Key};
use crate::layout::{CHUNK, HEADER, Layout};
use crate::sealing::{Opening, seal};

/// How often a file is opened again that is replaced just then.
const ATTEMPTS: usize = 10;
const MIN_SECRET: usize = 32;

struct Encrypted {
    folder: Directory,
    key: Key,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Name (`guest`) of the granted folder that holds the encrypted files.
    #[serde(default = "root")]
    folder: String,
    /// The secret, at least 32 characters that nobody can guess, as `openssl rand -hex 32` prints.
    /// Without it, nothing can be read again.
    key: String,
}

fn root() -> String {
    "/".into()
}

impl Plugin for Encrypted {
    const NAME: &'static str = "encrypted";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "encrypts the files of a granted folder";
    const FEATURES: &'static [&'static str] = &["conditional-write"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        if config.key.len() < MIN_SECRET {
            return Err(ConfigError::at(
                "key",
                "it is too short: give at least 32 characters that nobody can guess",
            ));
        }
        let folder = Directory::open(&config.folder)
            .map_err(|error| ConfigError::at("folder", error.message()))?;
        Ok(Self {
            folder,
            key: Key::from_secret(&config.key),
        })
    }
}

impl Storage for Encrypted {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        Ok(decrypted(self.folder.stat(path.into()).await?))
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        for _ in 0..ATTEMPTS {
            let (stored, cipher) = self.open(path).await?;
            if !options.condition.holds(Some(&stored)) {
                return Err(Error::PreconditionFailed);
            }
            let layout = Layout::of_stored(stored.size).ok_or_else(foreign)?;
            let part = match options.range {
                Some(range) => range.within(layout.size)?,
                None => 0..layout.size,
            };
            let chunks = layout.chunks_of(&part);
            let (again, sealed) = self
                .folder
                .read(path.into(), Some(layout.place(&chunks)))
                .await?;
            if again.etag != stored.etag {
                continue;
            }
            let mut opening = Opening::new(cipher, layout, sealed, chunks.clone());
            // Within the call, so that a wrong key is an answer and not a download that breaks off.
            let mut piece = opening.next().await?;
            let mut skip = (part.start - chunks.start * CHUNK) as usize;
            let mut left = part.end - part.start;
            let source = Source::produce(Some(left), async move |sink| {
                while left > 0 {
                    piece.drain(..skip);
                    piece.truncate(left.min(CHUNK) as usize);
                    (skip, left) = (0, left - piece.len() as u64);
                    sink.write(piece).await?;
                    piece = if left > 0 {
                        opening.next().await?
                    } else {
                        Vec::new()
                    };
                }
                Ok(())
            });
            return Ok((decrypted(stored), source));
        }
        Err(Error::Unavailable(
            "the file is replaced again and again".into(),
        ))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let mut entries = self
            .folder
            .list(path.into(), after.map(Into::into), limit.saturating_add(1))
            .await?;
        for entry in &mut entries {
            entry.attributes = decrypted(entry.attributes.clone());
        }
        Ok(Page::cut(entries, limit))
    }
}

impl Write for Encrypted {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        let cipher = self.key.fresh()?;
        let size = body.size().map(|size| Layout { size }.stored());
        let sealed = Source::produce(size, async move |sink| seal(&cipher, &body, sink).await);
        let transfer = self
            .folder
            .write(path, sealed, &options.condition, options.mode)?;
        // Carried by the host alone, it would answer with the size of what is stored.
        Ok(Written::Done(decrypted(Transfer::finish(transfer).await?)))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.folder.remove_file(path.into(), condition).await
    }
}

impl Directories for Encrypted {
    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.folder.make(path.into(), mode).await
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.folder.remove_directory(path.into()).await
    }
}

impl Rename for Encrypted {
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.folder.rename(from.into(), to.into(), condition).await
    }
}

impl Copy for Encrypted {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        let transfer = self.folder.copy(from, to, &condition)?;
        Ok(Written::Done(decrypted(Transfer::finish(transfer).await?)))
    }
}

impl Encrypted {
    /// Opens a file as far as its header, with the attributes of what is stored.
    async fn open(&self, path: &str) -> Result<(Attributes, FileCipher)> {
        let header = ByteRange {
            start: 0,
            end: Some(HEADER),
        };
        let (stored, source) =
            self.folder
                .read(path.into(), Some(header))
                .await
                .map_err(|error| match error {
                    Error::InvalidRange(_) => foreign(),
                    error => error,
                })?;
        let mut bytes = Vec::new();
        while let Some(piece) = source.read(HEADER as u32).await? {
            bytes.extend(piece);
        }
        Ok((stored, self.key.of(&bytes).ok_or_else(foreign)?))
    }
}

/// What is stored, as callers see it.
fn decrypted(stored: Attributes) -> Attributes {
    match (stored.kind, Layout::of_stored(stored.size)) {
        (Kind::File, Some(Layout { size })) => Attributes { size, ..stored },
        (Kind::File, None) => Attributes {
            kind: Kind::Special,
            size: 0,
            ..stored
        },
        _ => stored,
    }
}

fn foreign() -> Error {
    Error::other(
        "NOT_ENCRYPTED",
        "the file was not encrypted by this storage",
    )
}

callfs_sdk::export!(Encrypted: Storage + Write + Directories + Rename + Copy);

#[cfg(test)]
mod tests {
    use callfs_sdk::testing::configure;

    use super::*;

    #[test]
    fn a_short_secret_is_refused_and_not_repeated() {
        let error = configure::<Encrypted>(r#"{"key": "hunter2"}"#)
            .err()
            .expect("too short");
        assert_eq!(error.path, "key");
        assert!(!error.message.contains("hunter2"), "{error}");
        assert_eq!(
            configure::<Encrypted>("{}")
                .err()
                .map(|error| error.message),
            Some("missing field `key`".into())
        );
    }

    #[test]
    fn sizes_are_those_of_the_content() {
        let size = |stored| {
            (
                decrypted(Attributes::file(stored)).kind,
                decrypted(Attributes::file(stored)).size,
            )
        };
        assert_eq!(size(27 + 16), (Kind::File, 0));
        assert_eq!(size(27 + 5 + 16), (Kind::File, 5));
        assert_eq!(size(5), (Kind::Special, 0));
        assert_eq!(decrypted(Attributes::directory()), Attributes::directory());
    }
}
