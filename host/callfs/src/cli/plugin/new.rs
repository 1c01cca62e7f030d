//! `callfs plugin new`: a project that compiles, passes its tests, and can be mounted.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::template::{TemplateKind, Values, files};
use crate::cli::{CommandFailure, say};

#[derive(Debug, clap::Args)]
pub(super) struct NewPluginArguments {
    /// The name under which it will be mounted: lower case, digits and dashes.
    name: String,
    /// What it is to be.
    #[arg(long)]
    kind: TemplateKind,
    /// The folder of the SDK in a checkout of CallFS; otherwise the project takes it from
    /// crates.io.
    #[arg(long, value_name = "PATH")]
    sdk: Option<PathBuf>,
    /// Where to put the project; otherwise into a new folder of its name.
    dir: Option<PathBuf>,
}

/// Names that cargo or the compiler keep to themselves, and those of what a project depends on.
const TAKEN: [&str; 12] = [
    "alloc",
    "callfs",
    "callfs-harness",
    "callfs-sdk",
    "core",
    "proc-macro",
    "schemars",
    "serde",
    "std",
    "subtle",
    "test",
    "wit-bindgen",
];
const MAX_NAME: usize = 64;

pub(super) fn run(arguments: NewPluginArguments) -> Result<(), CommandFailure> {
    let NewPluginArguments {
        name,
        kind,
        sdk,
        dir,
    } = arguments;
    check(&name).map_err(CommandFailure::Usage)?;
    let sdk = sdk.as_deref().map(checkout).transpose()?;
    let dir = dir.unwrap_or_else(|| PathBuf::from(&name));
    occupy(&dir)?;
    let values = Values::new(&name, sdk.as_deref());
    for (path, text) in files(kind, &values) {
        write(&dir.join(path), &text)?;
    }
    say(&next(&name, kind, &dir, sdk.is_some()));
    Ok(())
}

/// Whether a component can have that name.
fn check(name: &str) -> Result<(), String> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let well_formed = name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(plain);
    if !well_formed || name.ends_with('-') || name.len() > MAX_NAME {
        let rule = format!(
            "give lower case, digits and dashes, at most {MAX_NAME}, a letter first, like \
             'my-storage'"
        );
        return Err(format!("'{name}' is no name for a plugin: {rule}"));
    }
    if TAKEN.contains(&name) {
        return Err(format!(
            "'{name}' is the name of something else that the project needs; give another"
        ));
    }
    Ok(())
}

/// The SDK in a checkout, as an absolute path.
fn checkout(sdk: &Path) -> Result<PathBuf, CommandFailure> {
    let found = fs::canonicalize(sdk).ok().filter(|sdk| {
        let is_ours = |manifest: &str, name: &str| {
            fs::read_to_string(sdk.join(manifest))
                .is_ok_and(|text| text.contains(&format!("name = \"{name}\"")))
        };
        is_ours("Cargo.toml", "callfs-sdk") && is_ours("harness/Cargo.toml", "callfs-harness")
    });
    found.ok_or_else(|| {
        let message = format!(
            "there is no SDK in '{}'; give the folder 'sdk' of a checkout of CallFS",
            sdk.display()
        );
        CommandFailure::Usage(message)
    })
}

/// Makes the folder, which must hold nothing.
fn occupy(dir: &Path) -> Result<(), CommandFailure> {
    let cannot = |cause: std::io::Error| {
        CommandFailure::failed(format!("cannot make the folder {}", dir.display()), cause)
    };
    fs::create_dir_all(dir).map_err(|cause| match cause.kind() {
        ErrorKind::AlreadyExists => CommandFailure::Usage(format!(
            "'{}' is a file; give another folder",
            dir.display()
        )),
        _ => cannot(cause),
    })?;
    match fs::read_dir(dir).map_err(cannot)?.next() {
        None => Ok(()),
        Some(_) => Err(CommandFailure::Usage(format!(
            "the folder '{}' is not empty; give another",
            dir.display()
        ))),
    }
}

fn write(file: &Path, text: &str) -> Result<(), CommandFailure> {
    let written =
        fs::create_dir_all(file.parent().unwrap_or(file)).and_then(|()| fs::write(file, text));
    written
        .map_err(|cause| CommandFailure::failed(format!("cannot write {}", file.display()), cause))
}

/// What to do with it.
fn next(name: &str, kind: TemplateKind, dir: &Path, has_checkout: bool) -> String {
    let mut text = format!(
        "made {} in {}\n\nNext:\n\n  cd {}\n  cargo test          # with a real gateway around \
         it: this program, on the PATH or as CALLFS=…\n  cargo wasm          # the component: \
         target/wasm32-wasip2/release/{}.wasm\n\nThen see README.md.",
        kind.phrase(),
        dir.display(),
        dir.display(),
        name.replace('-', "_"),
    );
    if !has_checkout {
        text.push_str(
            "\n\nIt takes callfs-sdk and callfs-harness from crates.io. If cargo does not find \
             them there, they are not \
             published yet:\nremove the folder and make it again with --sdk CHECKOUT/sdk, from a \
             checkout of \
             https://github.com/callfs/callfs.",
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_crates_and_of_mounts() {
        for good in ["s3", "my-storage", "a", "x-1"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        let long = "a".repeat(65);
        for bad in [
            "",
            "My",
            "1a",
            "-a",
            "a-",
            "a_b",
            "a b",
            "a\"",
            "../a",
            "ä",
            "serde",
            "test",
            long.as_str(),
        ] {
            assert!(check(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn says_where_the_sdk_comes_from_only_if_that_may_fail() {
        let text = |checkout| next("a-b", TemplateKind::Storage, Path::new("here"), checkout);
        assert!(
            text(true).starts_with("made a storage in here\n"),
            "{}",
            text(true)
        );
        assert!(
            text(true).contains("release/a_b.wasm") && !text(true).contains("--sdk"),
            "{}",
            text(true)
        );
        assert!(
            text(false).contains("--sdk CHECKOUT/sdk"),
            "{}",
            text(false)
        );
    }
}
