//! Finds the program `callfs`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where the variable says, else on the path.
pub(crate) fn find() -> PathBuf {
    let file = match env::var_os("CALLFS") {
        Some(file) => Some(PathBuf::from(file)).filter(|file| file.is_file()),
        None => env::var_os("PATH")
            .and_then(|path| env::split_paths(&path).map(|folder| folder.join("callfs")).find(|file| file.is_file())),
    };
    file.unwrap_or_else(|| {
        let where_to = match env::var_os("CALLFS") {
            Some(file) => format!("there is no program {}, where CALLFS says it is", file.display()),
            None => "there is no program `callfs` on the PATH".into(),
        };
        panic!(
            "{where_to}\nIn a checkout of https://github.com/callfs/callfs, `cargo install --locked --path host` installs \
             it; or say where it is: CALLFS=/path/to/callfs cargo test"
        )
    })
}

/// The program in a folder, deaf to what whoever runs the tests has configured for gateways of their own.
pub(crate) fn command(folder: &Path) -> Command {
    let mut command = Command::new(find());
    for (name, _) in env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CALLFS_")) {
        command.env_remove(name);
    }
    command.current_dir(folder).env("XDG_CONFIG_HOME", folder.join("no-config")).env("NO_COLOR", "1");
    command
}
