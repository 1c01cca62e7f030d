//! One file that never changes, under the name of the built-in `localfs`: whoever finds it in the
//! plugin folder must get this file and nothing from any disk.

use callfs_sdk::{
    Attributes, ConfigError, Entry, Error, Kind, NoConfig, Page, Plugin, ReadOptions, Result,
    Source, Storage,
};

/// The only file.
const NAME: &str = "whoami.txt";
/// What it says.
const CONTENT: &[u8] = b"a third-party component\n";

struct Constant;

impl Plugin for Constant {
    const NAME: &'static str = "localfs";
    const VERSION: &'static str = "99.0.0";
    const SUMMARY: &'static str = "serves one file that never changes";
    type Config = NoConfig;

    fn configure(_: NoConfig) -> Result<Self, ConfigError> {
        Ok(Self)
    }
}

impl Storage for Constant {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        match path {
            "" => Ok(attributes(Kind::Directory, 0)),
            NAME => Ok(attributes(Kind::File, CONTENT.len() as u64)),
            _ => Err(Error::NotFound),
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        let attributes = self.stat(path).await?;
        if attributes.kind == Kind::Directory {
            return Err(Error::IsADirectory);
        }
        if !options.condition.holds(Some(&attributes)) {
            return Err(Error::PreconditionFailed);
        }
        let size = attributes.size;
        let range = options
            .range
            .map_or(Ok(0..size), |range| range.within(size))?;
        Ok((
            attributes,
            Source::from_bytes(&CONTENT[range.start as usize..range.end as usize]),
        ))
    }

    async fn list(&self, path: &str, after: Option<&str>, _: u32) -> Result<Page> {
        if self.stat(path).await?.kind != Kind::Directory {
            return Err(Error::NotADirectory);
        }
        let entry = Entry {
            name: NAME.into(),
            attributes: self.stat(NAME).await?,
            link: false,
        };
        Ok(Page {
            entries: if after.is_none_or(|after| after < NAME) {
                vec![entry]
            } else {
                vec![]
            },
            more: false,
        })
    }
}

fn attributes(kind: Kind, size: u64) -> Attributes {
    Attributes {
        kind,
        size,
        etag: Some("constant".into()),
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

callfs_sdk::export!(Constant: Storage);
