//! The smallest complete storage: files in the memory of one instance.
//!
//! An instance's memory is its own and ends with it, so this is mounted with `limits = { instances
//! = 1 }`, and forgets everything when the host replaces that instance: at a restart, after a
//! failure, a caller who left in the middle of a call, or tens of thousands of calls. A slow upload
//! keeps the one instance, and everybody else waits for it. It shows all that a backend can do, and
//! is no place to keep anything.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};
use std::rc::Rc;
use std::time::{SystemTime, UNIX_EPOCH};

use callfs_sdk::{
    Attributes, Condition, ConfigError, Copy, Directories, Entry, Error, Kind, MAX_PIECE, Page,
    Plugin, ReadOptions, Rename, Result, Source, Storage, Write, WriteOptions, Written,
};

/// The largest file: an instance hands over at most 4 MiB in one call (see `Source::from_bytes`),
/// and this hands a file over as a whole, so that nobody who downloads keeps the one instance.
const LARGEST: u64 = 3 << 20;
/// What a file or directory takes beside its path and its bytes, roughly.
const ENTRY: u64 = 256;

struct Memory {
    capacity: u64,
    /// Everything but the root, by path.
    nodes: RefCell<BTreeMap<String, Node>>,
    /// The next instance counts from one again, so etags also name the instance.
    instance: u64,
    version: Cell<u64>,
}

#[derive(Clone)]
struct Node {
    attributes: Attributes,
    bytes: Rc<Vec<u8>>,
}

#[derive(serde::Deserialize, schemars::JsonSchema)]
struct Config {
    /// How many bytes fit, names included; well below the memory limit of an instance, which holds
    /// each upload twice.
    #[serde(default = "sixteen_mebibytes")]
    capacity: u64,
}

fn sixteen_mebibytes() -> u64 {
    16 << 20
}

impl Plugin for Memory {
    const NAME: &'static str = "memory";
    const VERSION: &'static str = env!("CARGO_PKG_VERSION");
    const SUMMARY: &'static str =
        "keeps files in memory until the instance is replaced; mount it with one instance";
    const FEATURES: &'static [&'static str] = &["conditional-write"];
    type Config = Config;

    fn configure(config: Config) -> Result<Self, ConfigError> {
        let instance = RandomState::new().hash_one(());
        Ok(Self {
            capacity: config.capacity,
            nodes: RefCell::default(),
            instance,
            version: Cell::new(0),
        })
    }
}

impl Storage for Memory {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        if path.is_empty() {
            Ok(Attributes::directory())
        } else {
            Ok(self.node(path)?.attributes)
        }
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        let Node { attributes, bytes } = self.file(path)?;
        if !options.condition.holds(Some(&attributes)) {
            return Err(Error::PreconditionFailed);
        }
        let part = match options.range {
            Some(range) => range.within(attributes.size)?,
            None => 0..attributes.size,
        };
        // The host copies them: whoever downloads does not keep the instance.
        let source = Source::from_bytes(&bytes[part.start as usize..part.end as usize]);
        Ok((attributes, source))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        if !path.is_empty() && !self.node(path)?.is_directory() {
            return Err(Error::NotADirectory);
        }
        let below = below(path);
        let nodes = self.nodes.borrow();
        let rest = nodes.range(below.clone() + after.unwrap_or_default()..);
        let inside = rest.map_while(|(path, node)| Some((path.strip_prefix(&below)?, node)));
        let wanted = inside
            .filter(|(name, _)| !name.contains('/') && after.is_none_or(|after| *name > after));
        let entry = |(name, node): (&str, &Node)| Entry {
            name: name.into(),
            attributes: node.attributes.clone(),
            link: false,
        };
        Ok(Page::cut(
            wanted.map(entry).take(limit as usize + 1).collect(),
            limit,
        ))
    }
}

impl Write for Memory {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        let announced = body.size().unwrap_or(0);
        self.admit(announced)?;
        let mut bytes = Vec::with_capacity(announced as usize);
        while let Some(piece) = body.read(MAX_PIECE).await? {
            self.admit((bytes.len() + piece.len()) as u64)?;
            bytes.extend(piece);
        }
        // From here on nothing waits, so nothing comes in between.
        self.put(path, bytes.into(), options.content_type, &options.condition)
            .map(Written::Done)
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        let stored = self.file(path)?;
        if !condition.holds(Some(&stored.attributes)) {
            return Err(Error::PreconditionFailed);
        }
        self.nodes.borrow_mut().remove(path);
        Ok(())
    }
}

impl Directories for Memory {
    async fn make(&self, path: &str, _mode: Option<u32>) -> Result<Attributes> {
        self.room_for(path)?;
        if path.is_empty() || self.nodes.borrow().contains_key(path) {
            return Err(Error::AlreadyExists);
        }
        let attributes = Attributes {
            modified: now(),
            ..Attributes::directory()
        };
        let node = Node {
            attributes: attributes.clone(),
            bytes: Rc::default(),
        };
        self.nodes.borrow_mut().insert(path.into(), node);
        Ok(attributes)
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        if !self.node(path)?.is_directory() {
            return Err(Error::NotADirectory);
        }
        if !self.is_empty(path) {
            return Err(Error::DirectoryNotEmpty);
        }
        self.nodes.borrow_mut().remove(path);
        Ok(())
    }
}

impl Rename for Memory {
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        let moved = self.node(from)?;
        self.room_for(to)?;
        if to.starts_with(&below(from)) {
            return Err(Error::InvalidArgument(
                "a directory cannot be moved into itself".into(),
            ));
        }
        let replaced = self.nodes.borrow().get(to).cloned();
        match &replaced {
            _ if !condition.holds(replaced.as_ref().map(|node| &node.attributes)) => {
                return Err(refusal(&condition));
            }
            Some(node) if node.is_directory() && !moved.is_directory() => {
                return Err(Error::IsADirectory);
            }
            Some(node) if !node.is_directory() && moved.is_directory() => {
                return Err(Error::NotADirectory);
            }
            Some(_) if from != to && !self.is_empty(to) => return Err(Error::DirectoryNotEmpty),
            _ => {}
        }
        let inside = |path: &String| path == from || path.starts_with(&below(from));
        let longer = to.len().saturating_sub(from.len());
        self.admit(
            (longer
                * self
                    .nodes
                    .borrow()
                    .keys()
                    .filter(|path| inside(path))
                    .count()) as u64,
        )?;
        let mut nodes = self.nodes.borrow_mut();
        let taken: Vec<_> = nodes.extract_if(.., |path, _| inside(path)).collect();
        nodes.extend(
            taken
                .into_iter()
                .map(|(path, node)| (format!("{to}{}", &path[from.len()..]), node)),
        );
        Ok(())
    }
}

impl Copy for Memory {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        let Node { attributes, bytes } = self.file(from)?;
        self.put(to, bytes, attributes.content_type, &condition)
            .map(Written::Done)
    }
}

impl Memory {
    fn put(
        &self,
        path: &str,
        bytes: Rc<Vec<u8>>,
        content_type: Option<String>,
        when: &Condition,
    ) -> Result<Attributes> {
        let stored = self.nodes.borrow().get(path).cloned();
        if !when.holds(stored.as_ref().map(|node| &node.attributes)) {
            return Err(refusal(when));
        }
        if path.is_empty() || stored.is_some_and(|node| node.is_directory()) {
            return Err(Error::IsADirectory);
        }
        self.room_for(path)?;
        self.admit(bytes.len() as u64)?;
        self.version.set(self.version.get() + 1);
        let etag = Some(format!("{:x}-{}", self.instance, self.version.get()));
        let attributes = Attributes {
            etag,
            modified: now(),
            content_type,
            ..Attributes::file(bytes.len() as u64)
        };
        self.nodes.borrow_mut().insert(
            path.into(),
            Node {
                attributes: attributes.clone(),
                bytes,
            },
        );
        Ok(attributes)
    }

    /// What a path names, or why it names nothing.
    fn node(&self, path: &str) -> Result<Node> {
        let nodes = self.nodes.borrow();
        nodes.get(path).cloned().ok_or_else(|| {
            let mut ancestors = path
                .match_indices('/')
                .filter_map(|(slash, _)| nodes.get(&path[..slash]));
            if ancestors.any(|node| !node.is_directory()) {
                Error::NotADirectory
            } else {
                Error::NotFound
            }
        })
    }

    fn file(&self, path: &str) -> Result<Node> {
        if path.is_empty() || self.node(path)?.is_directory() {
            Err(Error::IsADirectory)
        } else {
            self.node(path)
        }
    }

    fn is_empty(&self, path: &str) -> bool {
        let below = below(path);
        self.nodes
            .borrow()
            .range(below.clone()..)
            .next()
            .is_none_or(|(next, _)| !next.starts_with(&below))
    }

    /// Whether something can be put there: in a directory, and its path still fits.
    fn room_for(&self, path: &str) -> Result<()> {
        if let Some((parent, _)) = path.rsplit_once('/')
            && !self.node(parent)?.is_directory()
        {
            return Err(Error::NotADirectory);
        }
        self.admit(path.len() as u64)
    }

    /// Whether so many bytes more fit. What a write replaces is there until it is whole, so it
    /// counts.
    fn admit(&self, more: u64) -> Result<()> {
        let taken =
            |(path, node): (&String, &Node)| ENTRY + path.len() as u64 + node.bytes.len() as u64;
        let used: u64 = self.nodes.borrow().iter().map(taken).sum();
        if more > LARGEST || used.saturating_add(ENTRY).saturating_add(more) > self.capacity {
            return Err(Error::InsufficientStorage);
        }
        Ok(())
    }
}

impl Node {
    fn is_directory(&self) -> bool {
        self.attributes.kind == Kind::Directory
    }
}

/// What the paths of everything in a directory start with.
fn below(directory: &str) -> String {
    if directory.is_empty() {
        String::new()
    } else {
        format!("{directory}/")
    }
}

fn refusal(condition: &Condition) -> Error {
    if *condition == Condition::Absent {
        Error::AlreadyExists
    } else {
        Error::PreconditionFailed
    }
}

fn now() -> Option<i64> {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
    i64::try_from(since.as_nanos()).ok()
}

callfs_sdk::export!(Memory: Storage + Write + Directories + Rename + Copy);

#[cfg(test)]
mod tests;
