//! Finds components by name: those that are part of the gateway, and those in the operator's
//! folder, which replace the former where the names are equal.
//!
//! A component is a file `NAME.wasm`. Nothing is read or checked before somebody asks for it;
//! `sandbox` does that.

mod lock;
mod watch;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::{fs, io};

pub use lock::{
    Difference, Granted, LOCK_FILE, Lock, LockError, Pin, PinnedAccess, PinnedReach, Sign,
};
pub use watch::FolderWatch;

/// Every component that can be mounted.
#[derive(Debug, Clone)]
pub struct Catalogue {
    found: BTreeMap<String, Found>,
}

/// A component that can be mounted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The name under which it is mounted.
    pub name: String,
    /// Where it comes from.
    pub origin: PluginOrigin,
}

/// Where a component comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PluginOrigin {
    /// It is part of the gateway.
    Builtin,
    /// It is a file in the operator's folder.
    File(PathBuf),
}

/// Why a component cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum CatalogueError {
    /// The folder cannot be read.
    #[error("cannot read the plugin folder {}: {source}", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The file cannot be read.
    #[error("cannot read the plugin {}: {source}", file.display())]
    File {
        /// The file.
        file: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Anybody on the machine can put a component there, which may be one that knows callers.
    #[error(
        "{} is writable by every local user, who could replace a component: run chmod o-w {}",
        path.display(),
        path.display()
    )]
    Exposed {
        /// The folder, or a file in it.
        path: PathBuf,
    },
    /// There is none of that name.
    #[error(
        "there is no plugin '{name}'; {hint}put {name}.wasm into the plugin folder, or use one \
         of: {known}"
    )]
    Unknown {
        /// The name.
        name: String,
        /// What was probably meant.
        hint: String,
        /// What there is.
        known: String,
    },
}

impl Catalogue {
    /// The built-in components, and those in a folder.
    pub fn open(folder: Option<&Path>) -> Result<Self, CatalogueError> {
        let builtin = |name: &str| Found {
            name: name.into(),
            origin: PluginOrigin::Builtin,
        };
        let mut found: BTreeMap<_, _> = callfs_plugins::BUILTINS
            .iter()
            .map(|b| (b.name.to_owned(), builtin(b.name)))
            .collect();
        if let Some(folder) = folder {
            let cannot = |source| CatalogueError::Folder {
                folder: folder.into(),
                source,
            };
            let files = files(folder).map_err(cannot)?;
            let paths = files.iter().filter_map(|file| match &file.origin {
                PluginOrigin::File(path) => Some(path.as_path()),
                PluginOrigin::Builtin => None,
            });
            for path in std::iter::once(folder).chain(paths) {
                if fs::metadata(path).map_err(cannot)?.permissions().mode() & 0o002 != 0 {
                    return Err(CatalogueError::Exposed { path: path.into() });
                }
            }
            found.extend(files.into_iter().map(|file| (file.name.clone(), file)));
        }
        Ok(Self { found })
    }

    /// Adds components, in the place of those of their names.
    pub fn extend(&mut self, found: impl IntoIterator<Item = Found>) {
        self.found
            .extend(found.into_iter().map(|found| (found.name.clone(), found)));
    }

    /// All of them, by name.
    pub fn entries(&self) -> impl Iterator<Item = &Found> {
        self.found.values()
    }

    /// The one of a name.
    pub fn get(&self, name: &str) -> Result<&Found, CatalogueError> {
        self.found.get(name).ok_or_else(|| self.unknown(name))
    }

    fn unknown(&self, name: &str) -> CatalogueError {
        let nearest = self
            .found
            .keys()
            .min_by_key(|known| strsim::damerau_levenshtein(known, name));
        let nearest = nearest.filter(|known| strsim::damerau_levenshtein(known, name) <= 3);
        CatalogueError::Unknown {
            name: name.into(),
            hint: nearest
                .map(|known| format!("did you mean '{known}'? otherwise "))
                .unwrap_or_default(),
            known: self
                .found
                .keys()
                .map(String::as_str)
                .collect::<Vec<_>>()
                .join(", "),
        }
    }
}

impl Found {
    /// A component in a file of any name.
    pub fn file(file: &Path) -> Self {
        let name = file
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        Self {
            name,
            origin: PluginOrigin::File(file.into()),
        }
    }

    /// The component, in the binary format.
    pub fn read(&self) -> Result<Cow<'static, [u8]>, CatalogueError> {
        match &self.origin {
            PluginOrigin::File(file) => match fs::read(file) {
                Ok(bytes) => Ok(Cow::Owned(bytes)),
                Err(source) => Err(CatalogueError::File {
                    file: file.clone(),
                    source,
                }),
            },
            PluginOrigin::Builtin => {
                let builtin = callfs_plugins::BUILTINS
                    .iter()
                    .find(|builtin| builtin.name == self.name);
                Ok(Cow::Borrowed(
                    builtin.map(|builtin| builtin.component).unwrap_or_default(),
                ))
            }
        }
    }
}

fn files(folder: &Path) -> io::Result<Vec<Found>> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder)? {
        let file = entry?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "wasm")
            && file.is_file()
        {
            found.push(Found::file(&file));
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_replaces_the_builtin_of_its_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("localfs.wasm");
        fs::write(&file, b"\0asm").expect("written");
        fs::write(folder.path().join("notes.txt"), b"").expect("written");
        let catalogue = Catalogue::open(Some(folder.path())).expect("opened");
        assert_eq!(
            catalogue.get("localfs").expect("found").origin,
            PluginOrigin::File(file)
        );
        assert_eq!(
            catalogue.get("unix").expect("found").origin,
            PluginOrigin::Builtin
        );
        assert_eq!(
            catalogue
                .get("localfs")
                .expect("found")
                .read()
                .expect("read")
                .as_ref(),
            b"\0asm"
        );
        assert_eq!(catalogue.entries().count(), callfs_plugins::BUILTINS.len());
    }

    #[test]
    fn nothing_is_taken_from_where_everyone_may_write() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("api-keys.wasm");
        fs::write(&file, b"\0asm").expect("written");
        let table = [
            (folder.path(), [0o700, 0o755, 0o775], [0o777, 0o1777, 0o702]),
            (file.as_path(), [0o600, 0o644, 0o664], [0o666, 0o646, 0o602]),
        ];
        for (path, closed, open) in table {
            let with = |mode| {
                fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed");
                Catalogue::open(Some(folder.path())).map(drop)
            };
            for mode in open {
                let refused = with(mode)
                    .expect_err("everyone may write there")
                    .to_string();
                assert!(refused.contains(&format!("chmod o-w {}", path.display())));
            }
            for mode in closed {
                with(mode).expect("closed");
            }
        }
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let catalogue = Catalogue::open(None).expect("opened");
        let error = catalogue.get("localf").expect_err("unknown").to_string();
        assert!(
            error.contains("did you mean 'localfs'?")
                && error.contains("api-keys, localfs, owner, s3, unix, webdav"),
            "{error}"
        );
    }
}
