//! `callfs fsck` on what a gateway left.

use std::fs;
use std::process::Output;

use serde_json::{Value, json};

use crate::harness::{Gateway, command};

/// `callfs fsck` with the configuration of a gateway.
fn fsck(gateway: &Gateway, arguments: &[&str]) -> (i32, String, String) {
    let mut command = command(&gateway.path(""));
    let Output {
        status,
        stdout,
        stderr,
    } = command
        .arg("fsck")
        .args(arguments)
        .arg("--config")
        .arg(gateway.path("callfs.toml"))
        .output()
        .expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damage_is_found_then_repaired_and_the_gateway_goes_on() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    for file in ["/notes/kept.txt", "/notes/gone.txt", "/dir/a", "/turned"] {
        alice.put(file, "text").await.is(201);
    }
    let (code, stdout, stderr) = fsck(&gateway, &[]);
    assert_eq!((code, stdout.as_str()), (1, ""), "a gateway runs: {stderr}");
    assert!(
        stderr.contains("another gateway uses the metadata store"),
        "{stderr}"
    );
    gateway.stop();
    let (code, stdout, stderr) = fsck(&gateway, &[]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(stdout.ends_with("Nothing is wrong.\n"), "{stdout}");

    fs::remove_file(gateway.path("files/notes/gone.txt")).expect("removed");
    fs::remove_dir_all(gateway.path("files/dir")).expect("removed");
    fs::remove_file(gateway.path("files/turned")).expect("removed");
    fs::create_dir(gateway.path("files/turned")).expect("made");
    fs::write(gateway.path("files/new.txt"), "new").expect("written");
    for _ in 0..2 {
        let (code, stdout, stderr) = fsck(&gateway, &[]);
        assert_eq!(code, 1, "a look repairs nothing");
        assert!(
            stderr.contains("error: 4 ") && stderr.contains("--repair"),
            "{stderr}"
        );
        for said in [
            "/notes/gone.txt: a file of 'alice' is recorded, and nothing is stored\n",
            "3 records have nothing stored.\n",
            "/turned: a file is recorded, and a directory is there\n",
        ] {
            assert!(stdout.contains(said), "no {said:?} in {stdout}");
        }
    }
    let (code, stdout, _) = fsck(&gateway, &["/notes", "--json"]);
    let lines: Vec<Value> = stdout
        .lines()
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    assert_eq!((code, lines.len()), (1, 2), "{stdout}");
    assert_eq!(
        (
            &lines[0]["finding"]["path"],
            &lines[0]["finding"]["problem"]
        ),
        (&json!("/notes/gone.txt"), &json!("dangling"))
    );
    assert_eq!(
        lines[1]["summary"]["problems"]["dangling"],
        json!({"found": 1, "repaired": 0})
    );

    let (code, stdout, stderr) = fsck(&gateway, &["--repair", "--adopt"]);
    assert_eq!((code, stderr.as_str()), (0, ""), "{stdout}");
    assert!(
        stdout.contains("3 records have nothing stored; repaired.\n"),
        "{stdout}"
    );
    let (code, stdout, _) = fsck(&gateway, &[]);
    assert_eq!((code, stdout.lines().count()), (0, 2), "{stdout}");

    let gateway = gateway.restart();
    let alice = gateway.alice();
    alice
        .get("/notes/gone.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(
        alice
            .get("/notes/kept.txt")
            .await
            .is(200)
            .header("x-callfs-owner"),
        "alice"
    );
    assert_eq!(gateway.admin().get("/new.txt").await.is(200).text(), "new");
}

#[test]
fn what_makes_no_sense_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    for arguments in [&["fsck", "relative"][..], &["fsck", "--adopt"]] {
        let status = command(dir.path())
            .args(arguments)
            .output()
            .expect("it runs")
            .status;
        assert_eq!(status.code(), Some(2), "{arguments:?}");
    }
}
