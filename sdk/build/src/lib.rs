//! Compiles component crates for `wasm32-wasip2` from a build script.
//!
//! Components get a target directory of their own (`components` beside the profiles), because cargo
//! holds a lock on the one that is being built.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The target of every component.
pub const TARGET: &str = "wasm32-wasip2";

/// The folder of the crate whose build script runs.
///
/// It is asked for when the script runs: a script that was compiled in another clone of the
/// repository may be used again where both share a target directory.
#[must_use]
pub fn manifest_dir() -> PathBuf {
    env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default().into()
}

/// Compiles packages of the workspace at `workspace` and answers where the components are, in the
/// same order.
///
/// # Panics
///
/// If cargo fails: a build script has nobody else to tell.
pub fn components(workspace: &Path, packages: &[&str]) -> Vec<PathBuf> {
    ensure_target();
    let target_dir = target_dir();
    let mut cargo = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(workspace).args([
        "build",
        "--profile",
        "component",
        "--target",
        TARGET,
        "--target-dir",
    ]);
    cargo.arg(&target_dir);
    for package in packages {
        cargo.args(["--package", package]);
    }
    for (name, _) in env::vars_os() {
        // What cargo tells a build script about the host's build would be taken for settings of
        // this one.
        let name = name.to_string_lossy().into_owned();
        let inherited = [
            "RUSTFLAGS",
            "RUSTC_WRAPPER",
            "RUSTC_WORKSPACE_WRAPPER",
            "RUSTC_LINKER",
        ];
        if inherited.contains(&name.as_str())
            || name.starts_with("CARGO_CFG_")
            || name.starts_with("CARGO_FEATURE_")
        {
            cargo.env_remove(name);
        }
    }
    // An empty value wins over what a user's configuration of cargo says for the host.
    cargo.env("CARGO_ENCODED_RUSTFLAGS", "");
    let status = cargo
        .status()
        .unwrap_or_else(|error| panic!("cannot run cargo: {error}"));
    assert!(
        status.success(),
        "cannot compile the components {packages:?}"
    );
    let built = target_dir.join(TARGET).join("component");
    packages
        .iter()
        .map(|package| built.join(format!("{}.wasm", package.replace('-', "_"))))
        .collect()
}

/// Adds the target to the toolchain if it is missing. A toolchain that did not come from rustup has
/// to bring it.
///
/// # Panics
///
/// If the target is missing and cannot be added.
fn ensure_target() {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let asked = Command::new(rustc)
        .args(["--print", "target-libdir", "--target", TARGET])
        .output();
    let libraries = asked
        .ok()
        .and_then(|output| String::from_utf8(output.stdout).ok());
    if libraries.is_some_and(|libraries| Path::new(libraries.trim()).is_dir()) {
        return;
    }
    // Adds the target alone: left to itself, rustup first updates the whole toolchain.
    let mut rustup = Command::new(env::var_os("RUSTUP").unwrap_or_else(|| "rustup".into()));
    rustup
        .args(["target", "add", TARGET])
        .env("RUSTUP_AUTO_INSTALL", "0");
    let added = rustup.status().is_ok_and(|status| status.success());
    assert!(
        added,
        "the target {TARGET}, for which components are compiled, is missing and cannot be added; \
         install it: rustup target add {TARGET}"
    );
}

/// Tells cargo to run the build script again when something that these components are made of
/// changes.
pub fn rerun_if_changed(workspace: &Path, components: &[PathBuf]) {
    let shared = [
        "sdk/src",
        "sdk/build",
        "sdk/Cargo.toml",
        "wit",
        "Cargo.toml",
        "Cargo.lock",
    ];
    for path in shared
        .iter()
        .map(|shared| workspace.join(shared))
        .chain(components.iter().cloned())
    {
        println!("cargo::rerun-if-changed={}", path.display());
    }
}

/// `components` in the target directory: four levels above `OUT_DIR`, which is
/// `<profile>/build/<package>/out`.
fn target_dir() -> PathBuf {
    let out = PathBuf::from(
        env::var_os("OUT_DIR")
            .unwrap_or_else(|| panic!("OUT_DIR is not set: call this from a build script")),
    );
    out.ancestors().nth(4).unwrap_or(&out).join("components")
}
