//! A path within a folder, as a component may have made it up: checked here once, trusted
//! afterwards.

use std::fmt;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::path::{MAX_PATH, PathError, check_name};

/// The name that a folder keeps for itself, in every directory: a folder may lie within another
/// one.
pub(super) const RESERVED: &str = ".callfs-staging";

/// Names joined by `/`; empty for the folder itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct FolderPath(Arc<str>);

impl FolderPath {
    pub(super) fn parse(path: &str) -> Result<Self> {
        let bad = |message: String| Error::new(ErrorKind::BadRequest, message);
        if path.starts_with('/') {
            return Err(bad(format!(
                "the path '{path}' within a folder must not start with '/'"
            )));
        }
        if path.len() >= MAX_PATH {
            return Err(bad(PathError::TooLong(path.len() + 1).to_string()));
        }
        if !path.is_empty() {
            path.split('/')
                .try_for_each(check_name)
                .map_err(|error| bad(error.to_string()))?;
        }
        if path.split('/').any(is_reserved) {
            return Err(bad(format!(
                "the name '{RESERVED}' is reserved for uploads in progress; choose another one"
            )));
        }
        Ok(Self(path.into()))
    }

    pub(super) fn as_str(&self) -> &str {
        &self.0
    }

    /// The directory that holds it, and its name there; an error for the folder itself.
    pub(super) fn split(&self) -> Result<(&str, &str)> {
        if self.0.is_empty() {
            return Err(Error::new(
                ErrorKind::BadRequest,
                "the served folder itself cannot be changed",
            ));
        }
        Ok(self.0.rsplit_once('/').unwrap_or(("", &self.0)))
    }

    /// Whether this is below `other`.
    pub(super) fn is_below(&self, other: &FolderPath) -> bool {
        self.0
            .strip_prefix(&*other.0)
            .is_some_and(|rest| rest.starts_with('/'))
    }
}

/// Some filesystems do not tell upper case from lower.
pub(super) fn is_reserved(name: &str) -> bool {
    name.eq_ignore_ascii_case(RESERVED)
}

impl fmt::Display for FolderPath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            f.write_str("the folder")
        } else {
            write!(f, "'{}'", self.0)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keeps_what_is_canonical() {
        for path in [
            "",
            "a",
            "a/b.txt",
            "ä/日本",
            "..a/.b/c.",
            ".callfs-staging2",
        ] {
            assert_eq!(FolderPath::parse(path).expect(path).as_str(), path);
        }
    }

    #[test]
    fn refuses_what_is_not() {
        let long = "x".repeat(256);
        let deep = "x/".repeat(2048) + "x";
        for path in [
            "/", "/a", "a/", "a//b", ".", "..", "a/../b", "a\0b", "a\n", "a/\u{7f}", "\u{85}",
            &long, &deep,
        ] {
            assert_eq!(
                FolderPath::parse(path).expect_err(path).kind(),
                ErrorKind::BadRequest,
                "{path:?}"
            );
        }
        for path in [
            ".callfs-staging",
            ".callfs-staging/x",
            "a/.callfs-staging",
            ".CALLFS-Staging",
        ] {
            assert!(
                FolderPath::parse(path)
                    .expect_err(path)
                    .message()
                    .contains("reserved"),
                "{path}"
            );
        }
    }

    #[test]
    fn splits() {
        assert_eq!(
            FolderPath::parse("a/b/c")
                .expect("good")
                .split()
                .expect("not the folder"),
            ("a/b", "c")
        );
        assert_eq!(
            FolderPath::parse("a")
                .expect("good")
                .split()
                .expect("not the folder"),
            ("", "a")
        );
        assert_eq!(
            FolderPath::parse("")
                .expect("good")
                .split()
                .expect_err("the folder")
                .kind(),
            ErrorKind::BadRequest
        );
        let place = |path| FolderPath::parse(path).expect("good");
        assert!(place("a/b").is_below(&place("a")) && !place("ab").is_below(&place("a")));
        assert!(!place("a").is_below(&place("a")));
    }
}
