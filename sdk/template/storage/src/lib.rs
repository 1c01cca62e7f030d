//! A storage: a granted folder, without the names that it hides.
//!
//! It decides and lets the host carry: no byte of a file passes through this component. Replace the
//! calls of `folder` by whatever you want to serve.

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, Condition, ConfigError, Directories, Error, Page, Plugin, ReadOptions, Result,
    Source, Storage, Write, WriteOptions, Written,
};

/// How many entries are fetched at a time.
const PAGE: u32 = 1000;

struct Folder {
    folder: Directory,
    hidden: Hidden,
}

/// What operators say in `config`; `callfs plugin inspect` prints these comments.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// Name (`guest`) of the granted folder.
    #[serde(default = "root")]
    folder: String,
    /// Names of files and directories that do not exist here, wherever they are.
    #[serde(default)]
    hide: Vec<String>,
}

fn root() -> String {
    "/".into()
}

impl Plugin for Folder {
    const NAME: &'static str = env!("CARGO_PKG_NAME");
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str = env!("CARGO_PKG_DESCRIPTION");
    // The folder checks conditions by itself, and the host carries every write.
    const FEATURES: &'static [&'static str] = &["conditional-write", "carried-write"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let hidden = Hidden::new(config.hide)?;
        let folder = Directory::open(&config.folder);
        let folder = folder.map_err(|error| ConfigError::at("folder", error.message()))?;
        Ok(Self { folder, hidden })
    }
}

impl Storage for Folder {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        self.hidden.absent(path)?;
        self.folder.stat(path.into()).await
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        self.hidden.absent(path)?;
        let (attributes, source) = self.folder.read(path.into(), options.range).await?;
        if !options.condition.holds(Some(&attributes)) {
            return Err(Error::PreconditionFailed);
        }
        // Untouched: the host moves the bytes after this call is over.
        Ok((attributes, source))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        self.hidden.absent(path)?;
        let mut entries = Vec::new();
        let mut after = after.map(str::to_owned);
        // One more than asked for tells whether more follow.
        while entries.len() <= limit as usize {
            let page = self.folder.list(path.into(), after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.name.clone());
            let shown = |entry: &callfs_sdk::Entry| !self.hidden.hides(&entry.name);
            entries.extend(page.into_iter().filter(shown));
        }
        Ok(Page::cut(entries, limit))
    }
}

impl Write for Folder {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        self.hidden.refuse(path)?;
        let transfer = self
            .folder
            .write(path, body, &options.condition, options.mode)?;
        Ok(Written::Carried(transfer))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.hidden.absent(path)?;
        self.folder.remove_file(path.into(), condition).await
    }
}

impl Directories for Folder {
    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.hidden.refuse(path)?;
        self.folder.make(path.into(), mode).await
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.hidden.absent(path)?;
        self.folder.remove_directory(path.into()).await
    }
}

/// Names that do not exist here.
struct Hidden(Vec<String>);

impl Hidden {
    fn new(names: Vec<String>) -> Result<Self, ConfigError> {
        match names
            .iter()
            .position(|name| name.is_empty() || name.contains('/'))
        {
            Some(at) => Err(ConfigError::at(
                format!("hide[{at}]"),
                "it is no name of a file",
            )),
            None => Ok(Self(names)),
        }
    }

    /// Whether any name on a path is one of them.
    fn hides(&self, path: &str) -> bool {
        path.split('/')
            .any(|name| self.0.iter().any(|hidden| hidden == name))
    }

    /// What does not exist cannot be found.
    fn absent(&self, path: &str) -> Result<()> {
        if self.hides(path) {
            Err(Error::NotFound)
        } else {
            Ok(())
        }
    }

    /// Nor can it be made.
    fn refuse(&self, path: &str) -> Result<()> {
        if self.hides(path) {
            return Err(Error::AccessDenied(
                "names that are hidden here cannot be used".into(),
            ));
        }
        Ok(())
    }
}

callfs_sdk::export!(Folder: Storage + Write + Directories);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_are_hidden_wherever_they_are() {
        let hidden = Hidden::new(vec![".git".into()]).expect("a name");
        for path in [".git", "a/.git", ".git/config", "a/.git/b"] {
            assert!(hidden.hides(path), "{path}");
        }
        for path in ["", "git", ".github", "a/x.git"] {
            assert!(!hidden.hides(path), "{path}");
        }
    }

    #[test]
    fn what_is_no_name_is_refused_with_its_place() {
        let refused = Hidden::new(vec!["a".into(), "b/c".into()]).err();
        assert_eq!(refused.map(|error| error.path), Some("hide[1]".into()));
    }
}
