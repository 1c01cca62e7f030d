//! Where the file is: reads the URL and makes what is missing, for this user only. It does not open
//! the database.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use callfs_model::error::{Error, ErrorKind, Result};

/// The file that a URL names, absolute and there. SQLite gives its log and its index the same mode.
pub(super) fn prepare(url: &str) -> Result<PathBuf> {
    let name = parse(url)?;
    // Absolute, so that SQLite takes no name for a URI, and a later change of the working directory
    // changes nothing.
    let file = std::path::absolute(name).map_err(|cause| cannot("find", Path::new(name), cause))?;
    if let Some(directory) = file.parent() {
        let made = DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(directory);
        made.map_err(|cause| cannot("make the directory", directory, cause))?;
    }
    let opened = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .open(&file);
    opened.map_err(|cause| cannot("open", &file, cause))?;
    Ok(file)
}

fn parse(url: &str) -> Result<&str> {
    let wrong = |why: &str| {
        let message = format!("the metadata url '{url}' {why}; give sqlite:path/to.db");
        Error::new(ErrorKind::BadRequest, message)
    };
    let name = url
        .strip_prefix("sqlite:")
        .ok_or_else(|| wrong("does not start with 'sqlite:'"))?;
    let name = name.strip_prefix("//").unwrap_or(name);
    match name {
        "" => Err(wrong("names no file")),
        ":memory:" => Err(wrong("would forget everything at the end")),
        _ if name.ends_with('/') => Err(wrong("names a directory")),
        _ if name.contains(['?', '\0']) => Err(wrong("has more than a file name in it")),
        _ => Ok(name),
    }
}

fn cannot(what: &str, path: &Path, cause: io::Error) -> Error {
    let kind = match cause.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => ErrorKind::InsufficientStorage,
        _ => ErrorKind::Internal,
    };
    Error::new(
        kind,
        format!(
            "cannot {what} {} of the metadata store: {cause}",
            path.display()
        ),
    )
    .because(cause)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn makes_what_is_missing_for_this_user_only() {
        let directory = tempfile::tempdir().expect("a directory");
        let nested = directory.path().join("a/b");
        let file = prepare(&format!("sqlite:{}/index.db", nested.display())).expect("made");
        let mode = |path: &Path| path.metadata().expect("there").permissions().mode() & 0o777;
        assert_eq!((mode(&file), mode(&nested)), (0o600, 0o700));
    }

    #[test]
    fn reads_urls() {
        assert_eq!(parse("sqlite:data/m.db").expect("good"), "data/m.db");
        assert_eq!(parse("sqlite:///var/m.db").expect("good"), "/var/m.db");
        for url in [
            "",
            "m.db",
            "postgres:x",
            "sqlite:",
            "sqlite::memory:",
            "sqlite:m.db?mode=ro",
            "sqlite:dir/",
        ] {
            assert_eq!(parse(url).expect_err(url).kind(), ErrorKind::BadRequest);
        }
    }

    #[test]
    fn says_what_is_in_the_way() {
        let directory = tempfile::tempdir().expect("a directory");
        std::fs::write(directory.path().join("file"), "").expect("written");
        let error = prepare(&format!(
            "sqlite:{}/file/index.db",
            directory.path().display()
        ))
        .expect_err("in the way");
        assert!(
            error.message().starts_with("cannot make the directory"),
            "{error}"
        );
    }
}
