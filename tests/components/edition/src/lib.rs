//! A storage with one file, `says`, that tells which edition of the component serves and what it is
//! told to say. `numbered` beside it flows through guest memory. Tests make the second edition by
//! changing the name in the binary.

use callfs_sdk::{
    Attributes, ConfigError, Entry, Error, Kind, Page, Plugin, ReadOptions, Result, Source, Storage,
};

/// The name of this edition: the tests look for these bytes, so they are kept together.
static EDITION: [u8; 14] = *b"edition: first";
/// Bytes in `numbered`.
const SIZE: u64 = 8 << 20;
/// Bytes in a piece of it.
const PIECE: u64 = 64 << 10;

struct Edition {
    says: String,
}

/// What it is told.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// What it says besides its edition.
    #[serde(default)]
    says: String,
    /// It crashes instead of taking its configuration.
    #[serde(default)]
    trap: bool,
}

impl Plugin for Edition {
    const NAME: &'static str = "edition";
    const VERSION: &'static str = "1.0.0";
    const SUMMARY: &'static str = "tells which edition of it serves";
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        assert!(!config.trap, "as it was told");
        let edition = std::hint::black_box(&EDITION);
        Ok(Self {
            says: format!("{}, {}\n", String::from_utf8_lossy(edition), config.says),
        })
    }
}

impl Storage for Edition {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        match path {
            "" => Ok(attributes(Kind::Directory, 0, "")),
            "says" => Ok(attributes(Kind::File, self.says.len() as u64, &self.says)),
            "numbered" => Ok(attributes(Kind::File, SIZE, "")),
            _ => Err(Error::NotFound),
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        let attributes = self.stat(path).await?;
        let size = attributes.size;
        let range = options.range.map_or(0..size, |range| {
            range.start..range.end.unwrap_or(size).min(size)
        });
        match path {
            "says" => {
                let bytes = self
                    .says
                    .as_bytes()
                    .get(range.start as usize..range.end as usize);
                Ok((
                    attributes,
                    Source::from_bytes(bytes.ok_or(Error::InvalidRange(size))?),
                ))
            }
            "numbered" => Ok((attributes, numbered(range))),
            _ => Err(Error::IsADirectory),
        }
    }

    async fn list(&self, path: &str, after: Option<&str>, _: u32) -> Result<Page> {
        if !path.is_empty() {
            return Err(Error::NotADirectory);
        }
        let mut entries = Vec::new();
        for name in ["numbered", "says"]
            .into_iter()
            .filter(|name| after.is_none_or(|after| after < *name))
        {
            entries.push(Entry {
                name: name.into(),
                attributes: self.stat(name).await?,
                link: false,
            });
        }
        Ok(Page {
            entries,
            more: false,
        })
    }
}

/// A part of a file in which every byte tells its place: `place % 251`.
fn numbered(range: std::ops::Range<u64>) -> Source {
    Source::produce(Some(range.end - range.start), async move |sink| {
        for start in range.clone().step_by(PIECE as usize) {
            let places = start..range.end.min(start + PIECE);
            sink.write(places.map(|place| (place % 251) as u8).collect())
                .await?;
        }
        Ok(())
    })
}

fn attributes(kind: Kind, size: u64, content: &str) -> Attributes {
    let digest = content.bytes().fold(0_u64, |digest, byte| {
        digest.wrapping_mul(31).wrapping_add(byte.into())
    });
    Attributes {
        kind,
        size,
        etag: Some(format!("{digest:x}-{size:x}")),
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

callfs_sdk::export!(Edition: Storage);
