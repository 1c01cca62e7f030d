//! What a run without configuration needs and does not find: a folder for its data, one to serve,
//! and a key.
//!
//! Nothing is made for a section that somebody configured, and nothing that exists is changed.

use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{ErrorKind, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use super::announcement::{AdminKey, Announcement};
use super::{CommandFailure, key};
use crate::config::{DATA_DIR, Layers};

/// Makes what is missing, and tells what there is to announce.
pub(super) fn prepare(layers: &Layers) -> Result<Announcement, CommandFailure> {
    prepare_in(layers, Path::new(DATA_DIR))
}

fn prepare_in(layers: &Layers, data: &Path) -> Result<Announcement, CommandFailure> {
    let files = data.join("files");
    let serves_default = layers.is_built_in("mount");
    if serves_default {
        make(&files)?;
    }
    let key = if layers.is_built_in("authenticator") {
        Some(admin_key(data)?)
    } else {
        None
    };
    let folder = layers
        .folder()
        .map(PathBuf::from)
        .or_else(|| serves_default.then_some(files));
    Ok(Announcement { key, folder })
}

/// The key that is kept, or a new one. It appears whole or not at all, and of two runs that race
/// one makes it.
fn admin_key(data: &Path) -> Result<AdminKey, CommandFailure> {
    let file = data.join("admin.key");
    if file.exists() {
        return Ok(AdminKey { file, fresh: None });
    }
    make(data)?;
    let fresh = key::generate()?;
    let draft = data.join(format!(".admin.key.{}", std::process::id()));
    let written = write(&draft, &fresh).and_then(|()| fs::hard_link(&draft, &file));
    let removed = fs::remove_file(&draft);
    let cannot = |cause| {
        CommandFailure::failed(
            format!("cannot keep the admin key in {}", file.display()),
            cause,
        )
    };
    match written {
        Ok(()) => removed
            .map(|()| AdminKey {
                fresh: Some(fresh),
                file: file.clone(),
            })
            .map_err(cannot),
        Err(cause) if cause.kind() == ErrorKind::AlreadyExists && file.exists() => {
            Ok(AdminKey { file, fresh: None })
        }
        Err(cause) => Err(cannot(cause)),
    }
}

fn write(file: &Path, key: &str) -> std::io::Result<()> {
    let mut draft = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(file)?;
    draft.write_all(format!("{key}\n").as_bytes())?;
    draft.sync_all()
}

/// A folder for this user only.
fn make(folder: &Path) -> Result<(), CommandFailure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|cause| {
        CommandFailure::failed(
            format!("cannot make the folder {}", folder.display()),
            cause,
        )
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;
    use crate::config::LoadOptions;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("exists").permissions().mode() & 0o777
    }

    #[test]
    fn makes_the_key_once_and_for_this_user_only() {
        let here = tempfile::tempdir().expect("a folder");
        let data = here.path().join("callfs-data");
        let layers = Layers::read(&LoadOptions::default()).expect("built-in");
        let first = prepare_in(&layers, &data).expect("made");
        let second = prepare_in(&layers, &data).expect("found");

        let fresh = first
            .key
            .and_then(|key| key.fresh)
            .expect("printed on the run that made it");
        assert_eq!(
            fs::read_to_string(data.join("admin.key")).expect("kept"),
            format!("{fresh}\n")
        );
        assert_eq!(second.key.expect("is there").fresh, None);
        assert_eq!((mode(&data), mode(&data.join("admin.key"))), (0o700, 0o600));
        assert_eq!(
            fs::read_dir(&data).expect("readable").count(),
            2,
            "only the key and the files"
        );
    }

    #[test]
    fn makes_nothing_for_what_is_configured() {
        let here = tempfile::tempdir().expect("a folder");
        let data = here.path().join("callfs-data");
        let mut options = LoadOptions::default();
        for section in ["CALLFS_AUTHENTICATOR", "CALLFS_MOUNT"] {
            options.variables.insert(
                section.into(),
                r#"[{ path = "/", component = "x" }]"#.into(),
            );
        }
        let announcement =
            prepare_in(&Layers::read(&options).expect("readable"), &data).expect("nothing to do");
        assert!(announcement.key.is_none() && !data.exists());
    }
}
