//! The only way a path enters CallFS.
//!
//! A [`FilePath`] is absolute, canonical UTF-8: `/`, or names joined by single slashes without one
//! at the end. Whoever holds one need not check it again. It knows nothing of mounts, disks or
//! permissions.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// The longest name, in bytes.
pub const MAX_NAME: usize = 255;
/// The longest path, in bytes, its first slash included.
pub const MAX_PATH: usize = 4096;

/// An absolute, canonical path. Cheap to clone; ordered by its bytes.
///
/// The directories on the way to a path share its text: the 2,047 of the deepest path would
/// otherwise take 4 MiB for each request that names it.
#[derive(Clone)]
pub struct FilePath {
    text: Arc<str>,
    /// How much of the text it is.
    length: usize,
}

/// Why a text is not a path.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// It has to start at the root.
    #[error("a path must start with '/'")]
    Relative,
    /// Two slashes in a row.
    #[error("the path has an empty name ('//'); write one slash")]
    EmptyName,
    /// `.` or `..`.
    #[error("the path has a '{0}' segment; give the path without it")]
    DotSegment(String),
    /// A byte below 0x20, 0x7f, or U+0080 to U+009f.
    #[error("the path has the control character U+{0:04X}")]
    ControlCharacter(u32),
    /// More than [`MAX_NAME`] bytes.
    #[error("a name of {0} bytes is longer than the {MAX_NAME} that are allowed")]
    NameTooLong(usize),
    /// More than [`MAX_PATH`] bytes.
    #[error("the path of {0} bytes is longer than the {MAX_PATH} that are allowed")]
    TooLong(usize),
    /// Not UTF-8 after percent-decoding.
    #[error("the path is not valid UTF-8 after percent-decoding")]
    NotUtf8,
}

impl FilePath {
    /// `/`.
    pub fn root() -> Self {
        Self::of("/")
    }

    /// A canonical path from a text that starts with `/`. One trailing slash is accepted and
    /// dropped.
    pub fn parse(text: &str) -> Result<Self, PathError> {
        let names = text.strip_prefix('/').ok_or(PathError::Relative)?;
        let names = names.strip_suffix('/').unwrap_or(names);
        if names.is_empty() {
            return if text.len() <= 1 {
                Ok(Self::root())
            } else {
                Err(PathError::EmptyName)
            };
        }
        if names.len() + 1 > MAX_PATH {
            return Err(PathError::TooLong(names.len() + 1));
        }
        names.split('/').try_for_each(check_name)?;
        Ok(Self::of(&text[..names.len() + 1]))
    }

    /// The path of a name in this directory.
    pub fn join(&self, name: &str) -> Result<Self, PathError> {
        if name.contains('/') || name.is_empty() {
            return Err(PathError::EmptyName);
        }
        check_name(name)?;
        let joined = if self.is_root() {
            format!("/{name}")
        } else {
            format!("{self}/{name}")
        };
        if joined.len() > MAX_PATH {
            Err(PathError::TooLong(joined.len()))
        } else {
            Ok(Self::of(&joined))
        }
    }

    /// With the leading slash.
    pub fn as_str(&self) -> &str {
        &self.text[..self.length]
    }

    /// The same, for whoever keeps it: it shares no longer text.
    pub fn compact(&self) -> Self {
        if self.length == self.text.len() {
            self.clone()
        } else {
            Self::of(self.as_str())
        }
    }

    fn of(text: &str) -> Self {
        Self {
            length: text.len(),
            text: text.into(),
        }
    }

    /// The directory whose path ends before a slash of this one.
    fn up_to(&self, slash: usize) -> Self {
        Self {
            text: self.text.clone(),
            length: slash.max(1),
        }
    }

    /// Whether this is `/`.
    pub fn is_root(&self) -> bool {
        self.as_str() == "/"
    }

    /// The last name; empty for the root.
    pub fn name(&self) -> &str {
        self.as_str().rsplit('/').next().unwrap_or_default()
    }

    /// The directory that holds this; none for the root.
    pub fn parent(&self) -> Option<Self> {
        if self.is_root() {
            return None;
        }
        self.as_str().rfind('/').map(|slash| self.up_to(slash))
    }

    /// Every directory on the way: the root first, the parent last; empty for the root.
    pub fn ancestors(&self) -> Vec<Self> {
        if self.is_root() {
            return Vec::new();
        }
        let slashes = self.as_str().match_indices('/');
        slashes.map(|(slash, _)| self.up_to(slash)).collect()
    }

    /// How many names it has; 0 for the root.
    pub fn depth(&self) -> usize {
        if self.is_root() {
            0
        } else {
            self.as_str().matches('/').count()
        }
    }

    /// What is left of this path below `directory`, without a leading slash: empty if they are
    /// equal, none if it is elsewhere.
    pub fn below<'a>(&'a self, directory: &FilePath) -> Option<&'a str> {
        if directory.is_root() {
            return Some(&self.as_str()[1..]);
        }
        let rest = self.as_str().strip_prefix(directory.as_str())?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    }

    /// Whether this is `directory` or in it, however deep.
    pub fn is_within(&self, directory: &FilePath) -> bool {
        self.below(directory).is_some()
    }

    /// This path after its ancestor (or itself) `from` became `to`; none if it is not within
    /// `from`.
    pub fn moved(&self, from: &FilePath, to: &FilePath) -> Option<Result<Self, PathError>> {
        let rest = self.below(from)?;
        let moved = match (to.is_root(), rest.is_empty()) {
            (_, true) => return Some(Ok(to.clone())),
            (true, false) => format!("/{rest}"),
            (false, false) => format!("{to}/{rest}"),
        };
        Some(if moved.len() > MAX_PATH {
            Err(PathError::TooLong(moved.len()))
        } else {
            Ok(Self::of(&moved))
        })
    }
}

/// Whether a name may be part of a path.
pub fn check_name(name: &str) -> Result<(), PathError> {
    match name {
        "" => return Err(PathError::EmptyName),
        "." | ".." => return Err(PathError::DotSegment(name.into())),
        _ if name.len() > MAX_NAME => return Err(PathError::NameTooLong(name.len())),
        _ => {}
    }
    match name.chars().find(|c| c.is_control()) {
        Some(c) => Err(PathError::ControlCharacter(c.into())),
        None => Ok(()),
    }
}

impl PartialEq for FilePath {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for FilePath {}

impl PartialOrd for FilePath {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for FilePath {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_str().cmp(other.as_str())
    }
}

impl Hash for FilePath {
    fn hash<H: Hasher>(&self, hasher: &mut H) {
        self.as_str().hash(hasher);
    }
}

impl fmt::Display for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for FilePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl serde::Serialize for FilePath {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> serde::Deserialize<'de> for FilePath {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::parse(text).expect("a good path")
    }

    #[test]
    fn keeps_what_is_canonical() {
        for text in [
            "/",
            "/a",
            "/a/b.txt",
            "/ä/日本",
            "/ws/x",
            "/a b/%20",
            "/..a/.b/c.",
        ] {
            assert_eq!(path(text).as_str(), text);
        }
        assert_eq!(path("/a/").as_str(), "/a");
    }

    #[test]
    fn refuses_what_is_not() {
        let refused = |text: &str| FilePath::parse(text).expect_err(text);
        assert_eq!(refused(""), PathError::Relative);
        assert_eq!(refused("a"), PathError::Relative);
        assert_eq!(refused("//"), PathError::EmptyName);
        assert_eq!(refused("/a//b"), PathError::EmptyName);
        assert_eq!(refused("/a/../b"), PathError::DotSegment("..".into()));
        assert_eq!(refused("/a/."), PathError::DotSegment(".".into()));
        assert_eq!(refused("/a\0"), PathError::ControlCharacter(0));
        assert_eq!(refused("/a\u{7f}"), PathError::ControlCharacter(0x7f));
        assert_eq!(
            refused(&format!("/{}", "x".repeat(256))),
            PathError::NameTooLong(256)
        );
        assert_eq!(refused(&"/x".repeat(2500)), PathError::TooLong(5000));
        assert!(FilePath::parse(&format!("/{}", "x".repeat(255))).is_ok());
        assert!(FilePath::parse(&"/x".repeat(2048)).is_ok());
    }

    #[test]
    fn knows_its_relatives() {
        assert_eq!(
            path("/a/b/c").ancestors(),
            [path("/"), path("/a"), path("/a/b")]
        );
        assert_eq!(path("/a").parent(), Some(FilePath::root()));
        assert_eq!(FilePath::root().parent(), None);
        assert!(FilePath::root().ancestors().is_empty());
        let parent = path("/a/b").parent().expect("not the root");
        assert_eq!((parent.as_str(), parent.name()), ("/a", "a"));
        assert_eq!(parent.join("b"), Ok(path("/a/b")));
        assert_eq!((&*parent.compact().text, parent.compact()), ("/a", parent));
        assert_eq!(path("/a/b").below(&path("/a")), Some("b"));
        assert_eq!(path("/ab").below(&path("/a")), None);
        assert_eq!(path("/a").below(&FilePath::root()), Some("a"));
        assert_eq!(path("/A/b").below(&path("/a")), None);
    }

    #[test]
    fn moves_by_bytes_not_characters() {
        let moved = path("/ä/ö/x")
            .moved(&path("/ä"), &path("/plain"))
            .expect("within")
            .expect("short enough");
        assert_eq!(moved.as_str(), "/plain/ö/x");
        assert_eq!(path("/äb").moved(&path("/ä"), &path("/z")), None);
    }
}
