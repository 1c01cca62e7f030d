//! The README's tour, run as it is written by somebody who pastes it.

use std::fs;
use std::process::Command;

use crate::harness::{Process, command, repository, tool};

/// The lines of every fenced block of commands under a heading, one after the other.
fn commands(text: &str, heading: &str) -> Vec<String> {
    let after = text.split_once(heading).expect("the heading is there").1;
    let section = after.split_once("\n## ").map_or(after, |(section, _)| section);
    let blocks = section.split("```sh\n").skip(1);
    blocks.map(|block| block.split_once("```").expect("it ends").0.to_owned()).collect()
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
    serve.env("CALLFS_METRICS__LISTEN", "127.0.0.1:0").args(["serve", "--listen", "127.0.0.1:0"]);
    let mut process = Process::start(&mut serve);
    let base = process.listens();
    assert!(tour.contains("http://127.0.0.1:8443"), "{tour}");
    let script = tour.replace("http://127.0.0.1:8443", &base);
    let output = Command::new("bash").args(["-euo", "pipefail", "-c", &script]).current_dir(dir.path()).output();
    let output = output.expect("bash");
    let (stdout, stderr) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
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
