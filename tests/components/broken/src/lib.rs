//! A storage that keeps the contract but for one promise, which its configuration names: what
//! `callfs plugin check` has to find. It serves a granted folder, and carries out its writes
//! itself.

use callfs_sdk::directories::Directory;
use callfs_sdk::{
    Attributes, Condition, ConfigError, Copy, Directories, Entry, Error, Kind, MAX_PIECE, Page,
    Plugin, ReadOptions, Rename, Result, Source, Storage, Write, WriteOptions, Written,
};

struct Broken {
    folder: Directory,
    sin: Sin,
}

/// What to do wrong.
#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// The promise that is broken.
    sin: Sin,
}

#[derive(Clone, Copy, PartialEq, Eq, serde::Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Sin {
    /// All of them are kept.
    None,
    /// Names are listed backwards.
    WrongOrder,
    /// The last name of a page is listed on the next one as well.
    DuplicateNames,
    /// Names beyond the first page are not listed.
    OnePage,
    /// What came of a body that failed is stored.
    NonAtomicWrite,
    /// The whole is sent instead of a part.
    IgnoresRange,
    /// The part is one byte off.
    ShiftsRange,
    /// Objects are said to be larger than they are.
    LiesOnSize,
    /// Every condition holds.
    IgnoresCondition,
    /// A directory that is read is an argument that makes no sense.
    WrongError,
    /// Every version has the same etag.
    SameEtag,
    /// Every object has the same name.
    SameObject,
    /// The name of an object tells where it is.
    ObjectByPath,
    /// Listings do not name objects.
    UnnamedInLists,
    /// Upper and lower case are the same.
    FoldsCase,
    /// A removed object stays.
    KeepsRemoved,
    /// A moved object stays where it was as well.
    CopiesInsteadOfMoving,
    /// A body that takes more than a piece makes it fail for good.
    Traps,
    /// The same of a list of one name.
    TrapsInLists,
    /// The same of a download, once all of it was read.
    TrapsAtEnd,
    /// What was read to its end turns out to be damaged.
    FailsAtEnd,
}

impl Plugin for Broken {
    const NAME: &'static str = "broken";
    const VERSION: &'static str = "0.0.1";
    const SUMMARY: &'static str = "breaks one promise of the contract";
    const FEATURES: &'static [&'static str] = &["conditional-write"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let folder = Directory::open("/").map_err(|error| ConfigError::at("", error.message()))?;
        Ok(Self {
            folder,
            sin: config.sin,
        })
    }
}

impl Broken {
    fn path(&self, path: &str) -> String {
        if self.sin == Sin::FoldsCase {
            path.to_lowercase()
        } else {
            path.into()
        }
    }

    fn condition(&self, condition: Condition) -> Condition {
        if self.sin == Sin::IgnoresCondition {
            Condition::Always
        } else {
            condition
        }
    }

    fn told(&self, path: &str, mut attributes: Attributes) -> Attributes {
        if self.sin == Sin::SameEtag && attributes.kind == Kind::File {
            attributes.etag = Some("always".into());
        }
        let object = attributes
            .extra
            .iter_mut()
            .find_map(|(name, value)| (name == "object").then_some(value));
        match (self.sin, object) {
            (Sin::SameObject, Some(object)) => *object = "always".into(),
            (Sin::ObjectByPath, Some(object)) => *object = format!("{object}-{}", path.len()),
            _ => {}
        }
        attributes
    }

    fn listed(&self, directory: &str, entry: Entry) -> Entry {
        let path = match directory {
            "" => entry.name.clone(),
            directory => format!("{directory}/{}", entry.name),
        };
        let mut attributes = self.told(&path, entry.attributes);
        if self.sin == Sin::UnnamedInLists {
            attributes.extra.retain(|(name, _)| name != "object");
        }
        Entry {
            attributes,
            ..entry
        }
    }
}

/// The same bytes, and then no good end.
fn ends_badly(source: Source, sin: Sin) -> Source {
    Source::produce(source.size(), async move |sink| {
        while let Some(piece) = source.read(MAX_PIECE).await? {
            sink.write(piece).await?;
        }
        if sin == Sin::TrapsAtEnd {
            panic!("a component that panics after its last byte");
        }
        Err(Error::other("DAMAGED", "the tail does not match"))
    })
}

impl Storage for Broken {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        let attributes = self.told(path, self.folder.stat(self.path(path)).await?);
        let lie = u64::from(self.sin == Sin::LiesOnSize && attributes.kind == Kind::File);
        Ok(Attributes {
            size: attributes.size + lie,
            ..attributes
        })
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        let mut range = options.range;
        match (self.sin, &mut range) {
            (Sin::IgnoresRange, range) => *range = None,
            (Sin::ShiftsRange, Some(range)) if range.start > 0 => {
                range.start -= 1;
                range.end = range.end.map(|end| end - 1);
            }
            _ => {}
        }
        let (attributes, source) = match self.folder.read(self.path(path), range).await {
            Err(Error::IsADirectory) if self.sin == Sin::WrongError => {
                return Err(Error::InvalidArgument("this makes no sense".into()));
            }
            opened => opened?,
        };
        let source = match self.sin {
            Sin::TrapsAtEnd | Sin::FailsAtEnd => ends_badly(source, self.sin),
            _ => source,
        };
        let attributes = self.told(path, attributes);
        if self.condition(options.condition).holds(Some(&attributes)) {
            Ok((attributes, source))
        } else {
            Err(Error::PreconditionFailed)
        }
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        if self.sin == Sin::TrapsInLists && limit == 1 {
            panic!("a component that panics over one name");
        }
        let more = limit.saturating_add(1);
        let entries = self
            .folder
            .list(self.path(path), after.map(Into::into), more)
            .await?;
        let told = entries.into_iter().map(|entry| self.listed(path, entry));
        let mut page = Page::cut(told.collect(), limit);
        match self.sin {
            Sin::WrongOrder => page.entries.reverse(),
            Sin::DuplicateNames => {
                let last = page.entries.last().cloned();
                page.entries.extend(last);
            }
            Sin::OnePage => page.more = false,
            _ => {}
        }
        Ok(page)
    }
}

impl Write for Broken {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        let path = self.path(path);
        let condition = self.condition(options.condition);
        if self.sin == Sin::NonAtomicWrite {
            let mut came = Vec::new();
            while let Ok(Some(piece)) = body.read(MAX_PIECE).await {
                came.extend(piece);
            }
            let transfer =
                self.folder
                    .write(&path, Source::from_bytes(&came), &condition, options.mode)?;
            return callfs_sdk::Transfer::finish(transfer)
                .await
                .map(Written::Done);
        }
        if self.sin == Sin::Traps && body.size().is_none_or(|size| size > u64::from(MAX_PIECE)) {
            panic!("a component that panics over a large body");
        }
        let transfer = self.folder.write(&path, body, &condition, options.mode)?;
        let attributes = callfs_sdk::Transfer::finish(transfer).await?;
        Ok(Written::Done(self.told(&path, attributes)))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        if self.sin == Sin::KeepsRemoved && !path.contains("last") {
            let found = self.folder.stat(self.path(path)).await?;
            return if found.kind == Kind::Directory {
                Err(Error::IsADirectory)
            } else {
                Ok(())
            };
        }
        self.folder
            .remove_file(self.path(path), self.condition(condition))
            .await
    }
}

impl Directories for Broken {
    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        let made = self.folder.make(self.path(path), mode).await?;
        Ok(self.told(path, made))
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.folder.remove_directory(self.path(path)).await
    }
}

impl Rename for Broken {
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        let condition = self.condition(condition);
        if self.sin == Sin::CopiesInsteadOfMoving
            && self.folder.stat(self.path(from)).await?.kind == Kind::File
        {
            let transfer = self
                .folder
                .copy(&self.path(from), &self.path(to), &condition)?;
            return callfs_sdk::Transfer::finish(transfer).await.map(drop);
        }
        self.folder
            .rename(self.path(from), self.path(to), condition)
            .await
    }
}

impl Copy for Broken {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        let transfer =
            self.folder
                .copy(&self.path(from), &self.path(to), &self.condition(condition))?;
        callfs_sdk::Transfer::finish(transfer)
            .await
            .map(|attributes| Written::Done(self.told(to, attributes)))
    }
}

callfs_sdk::export!(Broken: Storage + Write + Directories + Rename + Copy);
