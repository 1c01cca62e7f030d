//! The first run of a newcomer: no configuration, one command, and lines to paste.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use crate::harness::{Client, Process, command};

/// `callfs serve` with nothing but ports of its own.
fn serve(dir: &Path, arguments: &[&str]) -> (Process, String) {
    let mut command = command(dir);
    command.env("CALLFS_METRICS__LISTEN", "127.0.0.1:0");
    let mut process = Process::start(
        command
            .arg("serve")
            .args(arguments)
            .args(["--listen", "127.0.0.1:0"]),
    );
    let base = process.listens();
    process.metrics();
    (process, base)
}

/// Every file below a folder.
fn files(folder: &Path) -> Vec<std::path::PathBuf> {
    let entries = fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path());
    entries
        .flat_map(|path| {
            if path.is_dir() {
                files(&path)
            } else {
                vec![path]
            }
        })
        .collect()
}

/// The same without the gateway's own directory for uploads under way.
fn served(folder: &Path) -> Vec<std::path::PathBuf> {
    let mut found = files(folder);
    found.retain(|path| !path.starts_with(folder.join(".callfs-staging")));
    found
}

#[tokio::test]
async fn the_printed_lines_work_as_they_are() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (mut process, base) = serve(dir.path(), &[]);
    let said = crate::harness::eventually_now("curl lines", || {
        let said = format!("{}\n{}", process.stdout(), process.stderr());
        (said.matches("curl ").count() >= 4).then_some(said)
    });
    let lines: Vec<&str> = said
        .lines()
        .map(str::trim)
        .filter(|line| line.contains("curl "))
        .collect();
    let script = format!("set -e\n{}\n", lines.join("\necho\n"));
    let output = Command::new("sh")
        .arg("-c")
        .arg(&script)
        .current_dir(dir.path())
        .output()
        .expect("sh");
    let stdout = String::from_utf8_lossy(&output.stdout);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script}\n{stdout}\n{stderr}");
    assert!(
        !stdout.contains("\"code\""),
        "a problem: {script}\n{stdout}"
    );
    // They store a file, read it, list it and remove it.
    assert!(
        stdout.contains("hello\n") && stdout.contains("/hello.txt"),
        "{script}\n{stdout}"
    );
    assert_eq!(
        served(&dir.path().join("callfs-data/files")),
        [] as [std::path::PathBuf; 0]
    );
    assert!(base.starts_with("http://127.0.0.1:"), "{base}");
    process.terminate();
    assert!(process.wait().success());
}

#[tokio::test]
async fn the_generated_key_is_kept_for_its_owner_only() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let (process, base) = serve(dir.path(), &[]);
    let kept = |dir: &Path| {
        let candidates = files(&dir.join("callfs-data")).into_iter();
        let key = candidates.filter(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().contains("key"))
        });
        key.collect::<Vec<_>>()
    };
    let keys = kept(dir.path());
    assert_eq!(keys.len(), 1, "{keys:?}");
    let mode = fs::metadata(&keys[0]).expect("there").permissions().mode();
    assert_eq!(mode & 0o777, 0o600, "{mode:o}");
    let key = fs::read_to_string(&keys[0])
        .expect("readable")
        .trim()
        .to_owned();
    assert!(key.len() >= 16);
    Client::new(&base, Some(&key))
        .put("/a.txt", "x")
        .await
        .is(201);
    assert_eq!(
        fs::read(dir.path().join("callfs-data/files/a.txt")).expect("stored"),
        b"x"
    );
    drop(process);

    // The second run uses the same key, and does not show it again.
    let (process, base) = serve(dir.path(), &[]);
    Client::new(&base, Some(&key)).get("/a.txt").await.is(200);
    assert!(
        !process.stderr().contains(&key) && !process.stdout().contains(&key),
        "shown twice"
    );
}

#[tokio::test]
async fn a_folder_on_the_command_line_is_served() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    fs::create_dir(dir.path().join("mine")).expect("a folder");
    fs::write(dir.path().join("mine/a.txt"), "mine").expect("writable");
    let (_process, base) = serve(dir.path(), &["mine"]);
    let key = files(&dir.path().join("callfs-data"))
        .into_iter()
        .find(|path| path.to_string_lossy().contains("key"));
    let key = fs::read_to_string(key.expect("a key")).expect("readable");
    assert_eq!(
        Client::new(&base, Some(key.trim()))
            .get("/a.txt")
            .await
            .is(200)
            .body,
        b"mine"
    );
    let left = served(&dir.path().join("mine"));
    assert_eq!(
        left,
        [dir.path().join("mine/a.txt")],
        "nothing else is put into the served folder"
    );
}
