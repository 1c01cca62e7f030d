//! `callfs plugin new`: what it writes compiles, passes its own tests around the real gateway, and
//! is well-formed; what it must not write, it refuses.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::harness::{command, repository, succeeds};

/// Where projects are made and compiled: the same place in every run, so that only the first
/// compiles what they depend on.
pub(crate) fn workshop() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("projects")
}

/// A fresh project.
fn project(kind: &str) -> PathBuf {
    let dir = workshop().join(format!("my-{kind}"));
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(workshop()).expect("writable");
    let name = format!("my-{kind}");
    let sdk = repository().join("sdk");
    let mut new = command(&workshop());
    succeeds(
        new.args(["plugin", "new", &name, "--kind", kind, "--sdk"])
            .arg(sdk),
    );
    // The versions that are here already.
    fs::copy(repository().join("Cargo.lock"), dir.join("Cargo.lock")).expect("writable");
    dir
}

/// Cargo in a project, without a network.
fn cargo(project: &Path) -> Command {
    let mut cargo = Command::new(std::env::var_os("CARGO").expect("cargo runs the tests"));
    for_projects(&mut cargo);
    cargo.current_dir(project);
    cargo
}

/// What everything needs that compiles projects or starts what tests them.
pub(crate) fn for_projects(command: &mut Command) {
    command
        .env("CARGO_TARGET_DIR", workshop().join("target"))
        .env("CARGO_NET_OFFLINE", "true");
    command
        .env("CARGO_PROFILE_DEV_DEBUG", "0")
        .env("CARGO_INCREMENTAL", "0");
    command.env(
        "XDG_CACHE_HOME",
        Path::new(env!("CARGO_TARGET_TMPDIR")).join("cache"),
    );
    command.env("CALLFS", env!("CARGO_BIN_EXE_callfs"));
}

/// Makes a project and does with it what its README says; then holds it to what every Rust project
/// is held to.
fn holds(kind: &str, tests: &[&str]) {
    let project = project(kind);
    let tested = succeeds(cargo(&project).arg("test"));
    let said = String::from_utf8_lossy(&tested.stdout).into_owned();
    for test in tests.iter().chain(&["it_keeps_what_it_promises"]) {
        assert!(
            said.contains(&format!("test {test} ... ok\n")),
            "no {test} in\n{said}"
        );
    }
    succeeds(cargo(&project).arg("wasm"));
    let component = workshop().join(format!("target/wasm32-wasip2/release/my_{kind}.wasm"));
    let inspected = succeeds(command(&project).args(["plugin", "inspect"]).arg(component));
    let inspected = String::from_utf8_lossy(&inspected.stdout).into_owned();
    assert!(
        inspected.contains(&format!("name:          my-{kind}\n")),
        "{inspected}"
    );
    assert!(
        inspected.contains(&format!("kind:          {kind}\n")),
        "{inspected}"
    );

    // Its own style is that of rustfmt, and not of the repository in which it may lie here.
    fs::write(project.join("rustfmt.toml"), "").expect("writable");
    succeeds(cargo(&project).args(["fmt", "--check"]));
    succeeds(cargo(&project).args(["clippy", "--all-targets", "--", "-D", "warnings"]));
}

#[test]
fn a_new_storage_works() {
    let unit = "tests::whole_names_are_hidden_wherever_they_are";
    holds(
        "storage",
        &[
            unit,
            "files_come_back_until_they_are_removed",
            "hidden_names_do_not_exist",
        ],
    );
}

#[test]
fn a_new_authenticator_works() {
    let unit = "tests::a_token_comes_alone_or_as_a_password";
    holds(
        "authenticator",
        &[
            unit,
            "a_token_says_who_somebody_is",
            "nobody_else_is_recognised",
        ],
    );
}

#[test]
fn a_new_authorizer_works() {
    holds(
        "authorizer",
        &["tests::who_may_do_what", "a_group_shares_and_owners_remove"],
    );
}

/// Runs the command where it must fail; answers what it said.
fn refused(dir: &Path, arguments: &[&str]) -> String {
    let Output { status, stderr, .. } = command(dir)
        .args(["plugin", "new", "--kind", "storage"])
        .args(arguments)
        .output()
        .expect("it starts");
    assert_eq!(status.code(), Some(2), "{arguments:?}");
    String::from_utf8_lossy(&stderr).into_owned()
}

#[test]
fn nothing_is_overwritten_and_no_odd_name_is_taken() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join("mine")).expect("writable");
    fs::write(dir.path().join("mine/notes.txt"), "mine").expect("writable");
    fs::write(dir.path().join("file"), "mine").expect("writable");
    assert!(refused(dir.path(), &["mine"]).contains("not empty"));
    assert!(refused(dir.path(), &["other", "mine"]).contains("not empty"));
    assert!(refused(dir.path(), &["other", "file"]).contains("is a file"));
    assert!(refused(dir.path(), &["Mine"]).contains("lower case"));
    assert!(refused(dir.path(), &["../up"]).contains("lower case"));
    assert!(refused(dir.path(), &["other", "--sdk", "mine"]).contains("checkout"));
    let mut left: Vec<_> = fs::read_dir(dir.path())
        .expect("readable")
        .map(|entry| entry.expect("readable").file_name())
        .collect();
    left.sort();
    assert_eq!(left, ["file", "mine"], "a refusal leaves nothing behind");
    assert_eq!(
        fs::read_dir(dir.path().join("mine"))
            .expect("readable")
            .count(),
        1
    );
}

#[test]
fn without_a_checkout_it_depends_on_what_is_published_and_says_what_to_do_until_then() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let made = succeeds(command(dir.path()).args([
        "plugin",
        "new",
        "mine",
        "--kind",
        "authorizer",
        "somewhere/else",
    ]));
    assert!(String::from_utf8_lossy(&made.stderr).contains("--sdk CHECKOUT/sdk"));
    let manifest = fs::read_to_string(dir.path().join("somewhere/else/Cargo.toml")).expect("made");
    assert!(
        manifest.contains("name = \"mine\"") && manifest.contains("callfs-sdk = \"0.1\""),
        "{manifest}"
    );
}
