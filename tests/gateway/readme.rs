//! The tour of the README, and the walk of the SDK's, run as they are written by somebody who
//! pastes them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use crate::harness::{Process, command, repository, tool};
use crate::sdk::{for_projects, workshop};

/// The lines of every fenced block of commands under a heading, one after the other.
pub(crate) fn commands(text: &str, heading: &str) -> Vec<String> {
    let after = text.split_once(heading).expect("the heading is there").1;
    let section = after
        .split_once("\n## ")
        .map_or(after, |(section, _)| section);
    let blocks = section.split("```sh\n").skip(1);
    blocks
        .map(|block| block.split_once("```").expect("it ends").0.to_owned())
        .collect()
}

/// What a shell prints that gets these lines, in a folder; all of them must succeed.
pub(crate) fn pasted(bash: &mut Command, dir: &Path, script: &str) -> String {
    let output = bash
        .args(["-euo", "pipefail", "-c", script])
        .current_dir(dir)
        .output()
        .expect("bash");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
    stdout.into_owned()
}

#[test]
fn the_tour_with_curl_works_as_written() {
    let readme = fs::read_to_string(repository().join("README.md")).expect("readable");
    let mut blocks = commands(&readme, "## A tour with curl");
    assert!(blocks.len() > 3, "{blocks:?}");
    let has_rclone = tool("rclone").is_some();
    blocks.retain(|block| has_rclone || !block.starts_with("rclone"));
    let tour = blocks.concat();

    let dir = tempfile::tempdir().expect("a temporary folder");
    let mut serve = command(dir.path());
    serve
        .env("CALLFS_METRICS__LISTEN", "127.0.0.1:0")
        .args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut serve);
    let base = process.listens();
    assert!(tour.contains("http://127.0.0.1:8443"), "{tour}");
    let script = tour.replace("http://127.0.0.1:8443", &base);
    let stdout = pasted(&mut Command::new("bash"), dir.path(), &script);
    for shown in [
        "201 Created",
        "hello, world",
        "\"name\":\"hello.txt\"",
        "/notes/greeting.txt",
        "204 No Content",
        "\"path\":\"/notes\"",
        "/download/",
    ] {
        assert!(stdout.contains(shown), "{shown} is not in\n{stdout}");
    }
    assert!(!stdout.contains("\"code\""), "a problem: {stdout}");
    if has_rclone {
        let copied = fs::read_to_string(dir.path().join("backup/greeting.txt"));
        assert_eq!(copied.expect("rclone copied the tree"), "hello, world\n");
    }
}

#[test]
fn the_walk_to_a_backend_works_as_written() {
    let readme = fs::read_to_string(repository().join("sdk/README.md")).expect("readable");
    let mut blocks = commands(&readme, "## Twenty minutes to a backend of your own");
    // Whoever has no rustup has the target from elsewhere: components were compiled for it already.
    let path = std::env::var_os("PATH").expect("a path");
    let has_rustup = std::env::split_paths(&path).any(|folder| folder.join("rustup").is_file());
    blocks.retain(|block| has_rustup || !block.starts_with("rustup"));
    let serve = blocks
        .iter()
        .position(|block| block.starts_with("callfs serve "))
        .expect("a gateway is started");

    let dir = workshop().join("walk");
    let _ = fs::remove_dir_all(&dir);
    fs::create_dir_all(&dir).expect("writable");
    symlink(repository(), dir.join("callfs")).expect("a checkout");
    // The versions that are here already, and what was made of them.
    let lock = repository().join("Cargo.lock");
    let target = workshop().join("target");
    fs::create_dir_all(&target).expect("writable");
    let at_hand = format!(
        "cp '{}' Cargo.lock\nln -s '{}' target\n",
        lock.display(),
        target.display()
    );
    let here = |block: &String| {
        if block.contains("plugin new") {
            format!("{block}{at_hand}")
        } else {
            block.clone()
        }
    };
    let shell = || {
        let mut bash = Command::new("bash");
        for_projects(&mut bash);
        let programs = Path::new(env!("CARGO_BIN_EXE_callfs"))
            .parent()
            .expect("in a folder");
        let path = std::env::join_paths(
            [programs.to_owned()]
                .into_iter()
                .chain(std::env::split_paths(&path)),
        );
        bash.env("PATH", path.expect("a path"))
            .env_remove("CARGO_TARGET_DIR")
            .env_remove("CALLFS");
        bash
    };
    let said = pasted(
        &mut shell(),
        &dir,
        &blocks[..serve].iter().map(here).collect::<String>(),
    );
    for shown in [
        "test files_come_back_until_they_are_removed ... ok",
        "kind:          storage",
    ] {
        assert!(said.contains(shown), "{shown} is not in\n{said}");
    }

    let project = dir.join("notes");
    let mut gateway = command(&project);
    gateway
        .env("CALLFS_METRICS__LISTEN", "127.0.0.1:0")
        .args(blocks[serve].split_whitespace().skip(1));
    let mut process = Process::start(gateway.args(["--listen", "127.0.0.1:0"]));
    let script = blocks[serve + 1..]
        .concat()
        .replace("http://127.0.0.1:8443", &process.listens());
    let said = pasted(&mut shell(), &project, &script);
    for shown in [
        "201 Created",
        "hello\n",
        "403 Forbidden",
        "what ends in .keep is never removed",
        "204 No Content",
    ] {
        assert!(said.contains(shown), "{shown} is not in\n{said}");
    }
    assert_eq!(
        fs::read_to_string(project.join("files/today/list.keep")).expect("kept"),
        "mine\n"
    );
}
