//! Finds the program `callfs`.

use std::env;
use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The program in a folder, deaf to what whoever runs the tests has configured for gateways of
/// their own.
pub(crate) fn command(folder: &Path) -> Command {
    let found = find(
        env::var_os("CALLFS").as_deref(),
        env::var_os("PATH").as_deref(),
    );
    let mut command = Command::new(found.unwrap_or_else(|message| panic!("{message}")));
    for (name, _) in
        env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CALLFS_"))
    {
        command.env_remove(name);
    }
    command
        .current_dir(folder)
        .env("XDG_CONFIG_HOME", folder.join("no-config"))
        .env("NO_COLOR", "1");
    command
}

/// Where the variable says, else on the path.
fn find(variable: Option<&OsStr>, path: Option<&OsStr>) -> Result<PathBuf, String> {
    let missing = match variable {
        Some(file) if Path::new(file).is_file() => return Ok(file.into()),
        Some(file) => format!(
            "there is no program '{}', where CALLFS says it is",
            file.display()
        ),
        None => {
            let mut programs = path
                .into_iter()
                .flat_map(env::split_paths)
                .map(|folder| folder.join("callfs"));
            match programs.find(|program| program.is_file()) {
                Some(program) => return Ok(program),
                None => "there is no program 'callfs' on the PATH".into(),
            }
        }
    };
    Err(format!(
        "{missing}\nIn a checkout of https://github.com/callfs/callfs, `cargo install --locked \
         --path host/callfs` installs it; or say where it is: CALLFS=/path/to/callfs cargo test"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_variable_wins_and_what_is_missing_is_told_with_what_to_do() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().as_os_str();
        let program = folder.path().join("callfs");
        let missing = find(None, Some(path)).expect_err("missing");
        assert!(
            missing.contains("on the PATH") && missing.contains("cargo install"),
            "{missing}"
        );
        std::fs::write(&program, "").expect("written");
        assert_eq!(find(None, Some(path)), Ok(program.clone()));
        assert_eq!(find(Some(program.as_os_str()), None), Ok(program));
        let missing = find(Some(OsStr::new("/no/such/callfs")), Some(path)).expect_err("missing");
        assert!(
            missing.contains("'/no/such/callfs'") && missing.contains("CALLFS=/path/to/callfs"),
            "{missing}"
        );
    }
}
