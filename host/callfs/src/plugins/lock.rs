//! `plugins.lock`: what the components in the operator's folder are and may be granted, as somebody
//! accepted it.
//!
//! A component that is the same, imports no more and is granted no more is held to be accepted;
//! anything else is a [`Difference`] that people can read. It does not know how a component is
//! looked into, or what a grant allows.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Its name in the folder of components.
pub const LOCK_FILE: &str = "plugins.lock";

const HEADER: &str = "\
# What each component in this folder is and may be granted, as somebody accepted it. One that is \
                      another, imports more or
# is granted more is refused until `callfs plugin accept` has shown the difference and recorded it \
                      here.
";

/// What was accepted, by the names of components.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lock {
    #[serde(default)]
    component: BTreeMap<String, Pin>,
}

/// What a component is, and what it is granted in all its mounts together.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pin {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// What it says is its version: for people, and never compared.
    #[serde(default)]
    pub version: String,
    /// Everything that it imports.
    #[serde(default)]
    pub imports: BTreeSet<String>,
    /// What it is granted.
    #[serde(default, skip_serializing_if = "Granted::is_nothing")]
    pub grants: Granted,
}

/// Grants, as far as they can be told from each other without looking at the machine.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Granted {
    /// Origins that requests may go to.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub http: BTreeMap<String, PinnedReach>,
    /// Names of credentials that requests may be signed with.
    #[serde(skip_serializing_if = "BTreeSet::is_empty")]
    pub credentials: BTreeSet<String>,
    /// Folders by the names under which the component knows them.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub directories: BTreeMap<String, PinnedAccess>,
}

/// What may be done in a folder; the larger one includes the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinnedAccess {
    /// Look.
    ReadOnly,
    /// Everything.
    ReadWrite,
}

/// Which addresses an origin may have; the larger one includes the smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PinnedReach {
    /// Those of the public internet.
    Public,
    /// Any.
    Private,
}

/// Why a component is not taken for one that was accepted.
#[derive(Debug, thiserror::Error)]
pub enum LockError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", file.display())]
    Unreadable {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file makes no sense.
    #[error("{} is broken: {message}; correct it, or remove it and run `callfs plugin \
             accept`", file.display())]
    Broken {
        /// The file.
        file: PathBuf,
        /// Where, and what is wrong.
        message: String,
    },
    /// The component is not what was accepted.
    #[error(
        "the plugin '{plugin}' is not what {LOCK_FILE} says ({difference}); `callfs plugin accept \
         {plugin}` shows this and records it if you agree"
    )]
    Differs {
        /// Name of the component.
        plugin: String,
        /// In one line.
        difference: String,
    },
}

/// What is there no more, and what is new: lines of a difference.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Difference {
    /// Each with what it says.
    pub lines: Vec<(Sign, String)>,
}

/// Which side of a difference a line is on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sign {
    /// It was accepted, and is no more.
    Gone,
    /// It was not accepted.
    New,
}

impl Lock {
    /// The one in a folder, if there is one.
    pub fn read(folder: &Path) -> Result<Option<Self>, LockError> {
        let file = folder.join(LOCK_FILE);
        let text = match fs::read_to_string(&file) {
            Ok(text) => text,
            // A link that leads nowhere is a lock that cannot be read.
            Err(cause)
                if cause.kind() == ErrorKind::NotFound && fs::symlink_metadata(&file).is_err() =>
            {
                return Ok(None);
            }
            Err(source) => return Err(LockError::Unreadable { file, source }),
        };
        let broken = |error: toml::de::Error| LockError::Broken {
            file,
            message: error.to_string().trim_end().into(),
        };
        toml::from_str(&text).map(Some).map_err(broken)
    }

    /// Puts it into a folder, in one step.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let table = toml::to_string_pretty(self).map_err(io::Error::other)?;
        let draft = folder.join(format!(".{LOCK_FILE}.{}", std::process::id()));
        let written = || {
            let mut file = File::create(&draft)?;
            file.write_all(format!("{HEADER}\n{table}").as_bytes())?;
            file.sync_all()?;
            fs::rename(&draft, folder.join(LOCK_FILE))?;
            File::open(folder)?.sync_all()
        };
        written().inspect_err(|_| {
            // What was not renamed is of no use.
            let _ = fs::remove_file(&draft);
        })
    }

    /// Fails unless this very component was accepted, whatever it imports or is granted: that is
    /// known without looking into it.
    pub fn check_digest(&self, plugin: &str, sha256: &str) -> Result<(), LockError> {
        let accepted = self.get(plugin);
        if accepted.is_some_and(|accepted| accepted.sha256 == sha256) {
            return Ok(());
        }
        let difference = match accepted {
            Some(accepted) => format!("- sha256 {}, + sha256 {sha256}", accepted.sha256),
            None => "it is not there".into(),
        };
        Err(LockError::Differs {
            plugin: plugin.into(),
            difference,
        })
    }

    /// Fails with what differs, unless all that a component is and has was accepted.
    pub fn check(&self, plugin: &str, found: &Pin) -> Result<(), LockError> {
        let accepted = self.get(plugin);
        if accepted.is_some_and(|accepted| accepted.covers(found)) {
            return Ok(());
        }
        let difference = match accepted {
            Some(accepted) => Difference::between(Some(accepted), Some(found)).in_one_line(),
            None => "it is not there".into(),
        };
        Err(LockError::Differs {
            plugin: plugin.into(),
            difference,
        })
    }

    /// What was accepted of a component.
    pub fn get(&self, plugin: &str) -> Option<&Pin> {
        self.component.get(plugin)
    }

    /// Accepts a component.
    pub fn insert(&mut self, plugin: &str, pin: Pin) {
        self.component.insert(plugin.into(), pin);
    }

    /// Forgets a component.
    pub fn remove(&mut self, plugin: &str) {
        self.component.remove(plugin);
    }

    /// Names of all components that were accepted.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.component.keys().map(String::as_str)
    }
}

impl Pin {
    /// Whether another one is the same component with no more than this.
    fn covers(&self, other: &Self) -> bool {
        self.sha256 == other.sha256
            && other.imports.is_subset(&self.imports)
            && self.grants.cover(&other.grants)
    }

    /// Everything about it in lines.
    fn lines(&self) -> Vec<String> {
        let Self {
            sha256,
            version,
            imports,
            grants,
        } = self;
        let mut lines = vec![format!("sha256 {sha256}"), format!("version {version}")];
        lines.extend(imports.iter().map(|import| format!("imports {import}")));
        let access = |access: &PinnedAccess| {
            if *access == PinnedAccess::ReadWrite {
                "read-write"
            } else {
                "read-only"
            }
        };
        let directories = grants.directories.iter();
        lines.extend(
            directories.map(|(name, may)| format!("is granted the folder {name} {}", access(may))),
        );
        let reach = |reach: &PinnedReach| {
            if *reach == PinnedReach::Private {
                " at any address"
            } else {
                ""
            }
        };
        lines.extend(
            grants
                .http
                .iter()
                .map(|(origin, at)| format!("is granted requests to {origin}{}", reach(at))),
        );
        lines.extend(
            grants
                .credentials
                .iter()
                .map(|name| format!("is granted the credential {name}")),
        );
        lines
    }
}

impl Granted {
    fn is_nothing(&self) -> bool {
        *self == Self::default()
    }

    /// Adds a folder; what may be done in it is the most of what anybody says.
    pub fn add_directory(&mut self, name: &str, access: PinnedAccess) {
        let known = self.directories.entry(name.into()).or_insert(access);
        *known = access.max(*known);
    }

    /// Adds an origin, likewise.
    pub fn add_origin(&mut self, origin: &str, reach: PinnedReach) {
        let known = self.http.entry(origin.into()).or_insert(reach);
        *known = reach.max(*known);
    }

    fn cover(&self, other: &Self) -> bool {
        let may = |(name, access): (&String, &PinnedAccess)| {
            self.directories
                .get(name)
                .is_some_and(|most| access <= most)
        };
        let reaches = |(origin, reach): (&String, &PinnedReach)| {
            self.http.get(origin).is_some_and(|most| reach <= most)
        };
        other.http.iter().all(reaches)
            && other.credentials.is_subset(&self.credentials)
            && other.directories.iter().all(may)
    }
}

impl Difference {
    /// Between what was accepted and what was found.
    pub fn between(accepted: Option<&Pin>, found: Option<&Pin>) -> Self {
        let lines = |pin: Option<&Pin>| pin.map(Pin::lines).unwrap_or_default();
        let before = lines(accepted);
        let after = lines(found);
        let gone = before
            .iter()
            .filter(|line| !after.contains(line))
            .map(|line| (Sign::Gone, line.clone()));
        let new = after
            .iter()
            .filter(|line| !before.contains(line))
            .map(|line| (Sign::New, line.clone()));
        Self {
            lines: gone.chain(new).collect(),
        }
    }

    fn in_one_line(&self) -> String {
        let signed = |(sign, line): &(Sign, String)| match sign {
            Sign::Gone => format!("- {line}"),
            Sign::New => format!("+ {line}"),
        };
        self.lines.iter().map(signed).collect::<Vec<_>>().join(", ")
    }
}

#[cfg(test)]
mod tests;
