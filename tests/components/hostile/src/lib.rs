//! A storage that misbehaves on demand: the path says how. `ok` is a file like any other,
//! `files/...` is a granted folder, `streamed` and `numbered` flow through guest memory; everything
//! else is what a component must not be able to do to the gateway.

mod misbehave;
mod streams;

use std::ops::Range;

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, ByteRange, ConfigError, Entry, Error, Kind, NoConfig, Page, Plugin, ReadOptions,
    Result, Source, Storage,
};

/// What `ok` says.
const CONTENT: &[u8] = b"ok\n";

struct Hostile {
    folder: Directory,
}

impl Plugin for Hostile {
    const NAME: &'static str = "hostile";
    const VERSION: &'static str = "0.0.1";
    const SUMMARY: &'static str = "misbehaves on demand";
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        let folder = Directory::open("/").map_err(|error| ConfigError::at("", error.message()))?;
        Ok(Self { folder })
    }
}

impl Storage for Hostile {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        misbehave::on_demand(path).await;
        match path {
            "" | "names" | "halfway" => Ok(attributes(Kind::Directory, 0)),
            "files" => self.folder.stat(String::new()).await,
            "ok" => Ok(attributes(Kind::File, CONTENT.len() as u64)),
            "streamed" | "cut" | "numbered" => Ok(attributes(Kind::File, streams::SIZE)),
            "tail" | "tail-unannounced" | "tail-panic" | "tail-panic-unannounced" | "busy" => {
                Ok(attributes(Kind::File, streams::SIZE))
            }
            "endless" | "endless-unannounced" | "endless-open" | "endless-open-unannounced" => {
                Ok(attributes(Kind::File, streams::SIZE))
            }
            "large" => Ok(attributes(Kind::File, streams::LARGE)),
            "tail-empty" => Ok(attributes(Kind::File, 0)),
            "long-etag" => Ok(Attributes {
                etag: Some("e".repeat(3_900_000)),
                content_type: Some("text/".to_owned() + &"t".repeat(5000)),
                ..attributes(Kind::File, CONTENT.len() as u64)
            }),
            "short" | "long" => Ok(attributes(Kind::File, CONTENT.len() as u64)),
            _ => match path.strip_prefix("files/") {
                Some(inside) => self.folder.stat(inside.into()).await,
                None => Err(Error::NotFound),
            },
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        if let Some(inside) = path.strip_prefix("files/") {
            return self.folder.read(inside.into(), options.range).await;
        }
        let attributes = self.stat(path).await?;
        let source = match path {
            "ok" | "long-etag" => Source::from_bytes(CONTENT),
            "tail" => streams::damaged(streams::SIZE, true),
            "tail-unannounced" => streams::damaged(streams::SIZE, false),
            "tail-empty" => streams::damaged(0, true),
            "tail-panic" => streams::panicking(true),
            "tail-panic-unannounced" => streams::panicking(false),
            "endless" => streams::endless(true, false),
            "endless-unannounced" => streams::endless(false, false),
            "endless-open" => streams::endless(true, true),
            "endless-open-unannounced" => streams::endless(false, true),
            // A second copy, as it were.
            "busy" => {
                let folder = Directory::open("/")
                    .map_err(|error| Error::Unavailable(error.message().to_owned()))?;
                streams::busy(async move || {
                    // What is not written is found missing by the test.
                    let _ = folder.make("after".into(), None).await;
                })
            }
            "streamed" => streams::complete(),
            "numbered" => streams::numbered(part(options.range)),
            "large" => streams::numbered(0..streams::LARGE),
            "cut" => streams::cut(),
            "short" => Source::from_bytes(&CONTENT[1..]),
            "long" => Source::from_bytes(&CONTENT.repeat(1000)),
            _ => return Err(Error::IsADirectory),
        };
        Ok((attributes, source))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let names: &[&str] = match path {
            "" => &["ok"],
            "names" => &["../../etc/passwd", "a/b", "", ".", "..", "nul\0"],
            "halfway" if after.is_none() => {
                let entry = |name: &str| Entry {
                    name: name.into(),
                    attributes: attributes(Kind::File, 0),
                    link: false,
                };
                return Ok(Page {
                    entries: ["a", "b", "c"].map(entry).into(),
                    more: true,
                });
            }
            "halfway" => {
                // The test decides when the listing fails: by then it has read the first page.
                while self.folder.stat("go".into()).await.is_err() {}
                misbehave::on_demand("trap").await;
                &[]
            }
            "files" => {
                let entries = self
                    .folder
                    .list(String::new(), after.map(Into::into), limit)
                    .await?;
                return Ok(Page {
                    more: entries.len() == limit as usize,
                    entries,
                });
            }
            _ => return Err(Error::NotADirectory),
        };
        let entry = |name: &&str| Entry {
            name: (*name).into(),
            attributes: attributes(Kind::File, CONTENT.len() as u64),
            link: false,
        };
        let rest = names
            .iter()
            .filter(|name| after.is_none_or(|after| **name > after));
        Ok(Page {
            entries: rest.map(entry).collect(),
            more: false,
        })
    }
}

/// The part of a stream that is asked for.
fn part(range: Option<ByteRange>) -> Range<u64> {
    range.map_or(0..streams::SIZE, |range| {
        range.start..range.end.unwrap_or(streams::SIZE).min(streams::SIZE)
    })
}

fn attributes(kind: Kind, size: u64) -> Attributes {
    Attributes {
        kind,
        size,
        etag: Some("hostile".into()),
        modified: Some(0),
        mode: Some(if kind == Kind::Directory {
            0o755
        } else {
            0o644
        }),
        content_type: None,
        extra: vec![],
    }
}

callfs_sdk::export!(Hostile: Storage);
