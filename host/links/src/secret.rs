//! The secret that links are signed with: given, or kept in a file that is made when it is missing.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::Path;

/// Fewer characters could be guessed.
const MIN_LENGTH: usize = 32;

/// A secret, which is never shown.
#[derive(Clone)]
pub struct Secret(String);

impl Secret {
    /// This text, if it is long enough.
    pub fn of(text: &str) -> io::Result<Self> {
        if text.len() >= MIN_LENGTH {
            return Ok(Self(text.to_owned()));
        }
        let message = format!("it has fewer than {MIN_LENGTH} characters; give a longer one");
        Err(io::Error::new(ErrorKind::InvalidData, message))
    }

    /// What a file has; without the file, a new secret that is kept there for this user only. It
    /// appears whole or not at all, and of two processes that race one makes it.
    pub fn kept_in(file: &Path) -> io::Result<Self> {
        match fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => make(file)?,
            found => return Self::of(found?.trim_end_matches(['\n', '\r'])),
        }
        Self::of(fs::read_to_string(file)?.trim_end())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(***)")
    }
}

fn make(file: &Path) -> io::Result<()> {
    if let Some(folder) = file.parent().filter(|folder| *folder != Path::new("")) {
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(folder)?;
    }
    let mut bits = [0; 32];
    getrandom::fill(&mut bits).map_err(|error| io::Error::other(error.to_string()))?;
    let draft = file.with_extension(format!("draft-{}", std::process::id()));
    let mut kept = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(&draft)?;
    let written = kept
        .write_all(format!("{}\n", hex::encode(bits)).as_bytes())
        .and_then(|()| kept.sync_all());
    let placed = written.and_then(|()| fs::hard_link(&draft, file));
    fs::remove_file(&draft)?;
    match placed {
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
        placed => placed,
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_secret_is_made_once_and_for_this_user_only() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("data/link.secret");
        let made = Secret::kept_in(&file).expect("made");
        assert_eq!(Secret::kept_in(&file).expect("found").bytes(), made.bytes());
        assert_eq!(made.bytes().len(), 64);
        assert_eq!(
            file.metadata().expect("there").permissions().mode() & 0o777,
            0o600
        );
        assert_eq!(
            fs::read_dir(folder.path().join("data"))
                .expect("readable")
                .count(),
            1
        );
        assert_eq!(format!("{made:?}"), "Secret(***)");
    }

    #[test]
    fn a_short_secret_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("link.secret");
        fs::write(&file, "short\n").expect("written");
        let error = Secret::kept_in(&file).expect_err("too short").to_string();
        assert!(
            error.contains("32 characters") && !error.contains("short\n"),
            "{error}"
        );
    }
}
