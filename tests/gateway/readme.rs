//! The README's tour, run as it is written by somebody who pastes it.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::harness::{Process, command};

/// The lines of the first fenced block after a heading.
fn block<'a>(text: &'a str, heading: &str) -> &'a str {
    let after = text.split_once(heading).expect("the heading is there").1;
    let inside = after.split_once("```sh\n").expect("a block of commands").1;
    inside.split_once("```").expect("it ends").0
}

#[test]
fn the_tour_with_curl_works_as_written() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("in a repository");
    let readme = fs::read_to_string(repository.join("README.md")).expect("readable");
    let tour = block(&readme, "## A tour with curl");

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
    for shown in ["201 Created", "hello, world", "\"name\":\"hello.txt\"", "/notes/greeting.txt", "204 No Content"] {
        assert!(stdout.contains(shown), "{shown} is not in\n{stdout}");
    }
    assert!(!stdout.contains("\"code\""), "a problem: {stdout}");
}
