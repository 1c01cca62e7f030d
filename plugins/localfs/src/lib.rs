//! A granted folder of the host as storage.
//!
//! It delegates the folder to the host, which then serves it without a call. Asked nevertheless, it
//! names files and lets the host open, move and replace them; no byte of a file passes through it.

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, Condition, ConfigError, Copy, Delegate, Delegation, Directories, Error, Exchange,
    Modes, Page, Plugin, ReadOptions, Rename, Result, Source, Storage, Write, WriteOptions,
    Written,
};

/// A folder.
struct LocalFs {
    folder: Directory,
    /// The name under which it was granted.
    name: String,
}

/// What to serve.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Name (`guest`) of the granted folder to serve.
    #[serde(default = "root")]
    folder: String,
}

fn root() -> String {
    "/".into()
}

impl Plugin for LocalFs {
    const NAME: &'static str = "localfs";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = "serves a granted folder of this machine";
    const FEATURES: &'static [&'static str] = &["conditional-write", "carried-write"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let folder = Directory::open(&config.folder).map_err(|error| match error {
            Error::NotFound => {
                let granted = callfs_sdk::directories::granted().join(", ");
                let message = format!(
                    "no folder is granted under the name '{}'; granted: {granted}",
                    config.folder
                );
                ConfigError::at("folder", message)
            }
            error => ConfigError::at("folder", error.message()),
        })?;
        Ok(Self {
            folder,
            name: config.folder,
        })
    }
}

impl Storage for LocalFs {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        self.folder.stat(path.into()).await
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        let (attributes, source) = self.folder.read(path.into(), options.range).await?;
        match options.condition {
            Condition::Always => Ok((attributes, source)),
            Condition::EtagIn(etags)
                if attributes
                    .etag
                    .as_ref()
                    .is_some_and(|etag| etags.contains(etag)) =>
            {
                Ok((attributes, source))
            }
            Condition::Absent | Condition::EtagIn(_) => Err(Error::PreconditionFailed),
        }
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        let after = after.map(Into::into);
        let mut entries = self
            .folder
            .list(path.into(), after, limit.saturating_add(1))
            .await?;
        let more = entries.len() > limit as usize;
        entries.truncate(limit as usize);
        Ok(Page { entries, more })
    }
}

impl Write for LocalFs {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        self.folder
            .write(path, body, &options.condition, options.mode)
            .map(Written::Carried)
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.folder.remove_file(path.into(), condition).await
    }
}

impl Directories for LocalFs {
    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.folder.make(path.into(), mode).await
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.folder.remove_directory(path.into()).await
    }
}

impl Modes for LocalFs {
    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.folder.set_mode(path.into(), mode).await
    }
}

impl Rename for LocalFs {
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.folder.rename(from.into(), to.into(), condition).await
    }
}

impl Exchange for LocalFs {
    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        self.folder.exchange(one.into(), other.into()).await
    }
}

impl Copy for LocalFs {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        self.folder.copy(from, to, &condition).map(Written::Carried)
    }
}

impl Delegate for LocalFs {
    fn delegations(&self) -> Vec<Delegation> {
        vec![Delegation {
            path: String::new(),
            directory: self.name.clone(),
            changes: true,
        }]
    }
}

callfs_sdk::export!(
    LocalFs: Storage + Write + Directories + Modes + Rename + Exchange + Copy + Delegate
);
