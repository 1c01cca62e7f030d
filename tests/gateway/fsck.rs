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

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_disk_below_the_served_folder_that_is_not_mounted_is_not_forgotten() {
    let mut gateway = Gateway::start().await;
    for file in ["/sub/one.txt", "/sub/deep/two.txt", "/other/three.txt"] {
        gateway.alice().put(file, "text").await.is(201);
    }
    let private = json!({"mode": "0600"});
    gateway
        .alice()
        .patch("/sub/one.txt", &private)
        .await
        .is(200);
    gateway.stop();
    let sub = gateway.path("files/sub");
    let disk = gateway.path("disk");
    // As without its disk: the mount point is there, and nothing is in it.
    fs::rename(&sub, &disk).expect("moved");
    fs::create_dir(&sub).expect("made");
    for arguments in [
        &[][..],
        &["--repair"],
        &["--repair", "--adopt"],
        &["--repair", "/sub"],
        &["--repair", "--adopt", "/sub"],
    ] {
        let (code, stdout, stderr) = fsck(&gateway, arguments);
        assert_eq!(code, 1, "{arguments:?}: {stdout}{stderr}");
        for said in [
            "/sub: the directory is empty, and the metadata store has 3 records below it; is its \
             disk mounted?",
            "--accept-empty",
            "1 directory is empty and has records below it",
        ] {
            assert!(
                stdout.contains(said),
                "{arguments:?}: no {said:?} in {stdout}"
            );
        }
        assert!(!stdout.contains("repaired"), "{arguments:?}: {stdout}");
    }
    let (_, stdout, _) = fsck(&gateway, &["--json"]);
    assert!(stdout.contains(r#""problem":"emptied""#), "{stdout}");

    // With the disk it is as before.
    fs::remove_dir(&sub).expect("removed");
    fs::rename(&disk, &sub).expect("moved back");
    let (code, stdout, stderr) = fsck(&gateway, &[]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    let mut gateway = gateway.restart();
    let kept = gateway.alice().get("/sub/one.txt").await.is(200);
    assert_eq!(kept.header("x-callfs-owner"), "alice");
    assert_eq!(gateway.bob().get("/sub/one.txt").await.status, 403);
    gateway.stop();

    // And what is really gone is forgotten once that is said.
    fs::remove_dir_all(&sub).expect("removed");
    fs::create_dir(&sub).expect("made");
    let (code, stdout, stderr) = fsck(&gateway, &["--repair", "--accept-empty", "/sub"]);
    assert_eq!(code, 0, "{stdout}{stderr}");
    assert!(
        stdout.contains("3 records have nothing stored; repaired."),
        "{stdout}"
    );
}

/// A file of SQLite that a gateway left.
struct LeftStore {
    what: &'static str,
    damage: fn(&mut Vec<u8>),
    said: &'static [&'static str],
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metadata_store_that_cannot_be_used_is_named_with_the_way_out() {
    let damages = [
        LeftStore {
            what: "a format that only a later SQLite may write",
            damage: |bytes| bytes[18] = 9,
            said: &["cannot be written", "read-write", "callfs metadata export"],
        },
        LeftStore {
            what: "a path that is not UTF-8",
            damage: |bytes| {
                let path = b"/zz/last~";
                let places: Vec<usize> = (0..bytes.len() - path.len())
                    .filter(|at| bytes[*at..].starts_with(path))
                    .collect();
                assert!(!places.is_empty(), "it is recorded");
                for place in places {
                    bytes[place + path.len() - 1] = 0xff;
                }
            },
            said: &[
                "is malformed",
                "is not UTF-8",
                "sqlite3",
                "callfs metadata import",
            ],
        },
    ];
    for LeftStore { what, damage, said } in damages {
        let mut gateway = Gateway::start().await;
        gateway.alice().put("/zz/last~", "text").await.is(201);
        gateway.stop();
        let file = gateway.path("metadata.db");
        let whole = fs::read(&file).expect("there");
        let mut damaged = whole.clone();
        damage(&mut damaged);
        fs::write(&file, damaged).expect("written");
        for arguments in [&["serve"][..], &["fsck"], &["fsck", "--repair"]] {
            let output = command(&gateway.path(""))
                .args(arguments)
                .args(["--config", "callfs.toml"])
                .output()
                .expect("it runs");
            let text = String::from_utf8_lossy(&output.stderr).into_owned();
            assert_eq!(
                output.status.code(),
                Some(1),
                "{what} {arguments:?}: {text}"
            );
            for part in said.iter().chain(&["metadata.db", "backup"]) {
                assert!(
                    text.contains(part),
                    "{what} {arguments:?}: no {part} in {text}"
                );
            }
            assert!(output.stdout.is_empty(), "{what} {arguments:?}");
        }
        fs::write(&file, whole).expect("restored");
        let (code, stdout, stderr) = fsck(&gateway, &[]);
        assert_eq!(code, 0, "{what}: {stdout}{stderr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_metadata_store_that_cannot_be_written_can_be_saved() {
    let mut gateway = Gateway::start().await;
    gateway.alice().put("/notes/a.txt", "text").await.is(201);
    gateway.stop();
    let file = gateway.path("metadata.db");
    let mut bytes = fs::read(&file).expect("there");
    bytes[18] = 9;
    fs::write(&file, bytes).expect("written");
    let callfs = |arguments: &[&str]| {
        let mut command = command(&gateway.path(""));
        let arguments = arguments.iter().chain(&["--config", "callfs.toml"]);
        let output = command.args(arguments).output().expect("it runs");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{said}");
    };
    callfs(&["metadata", "export", "dump.ndjson"]);
    for file in fs::read_dir(gateway.path("")).expect("readable") {
        let file = file.expect("readable");
        if file.file_name().to_string_lossy().starts_with("metadata.") {
            fs::remove_file(file.path()).expect("removed");
        }
    }
    callfs(&["metadata", "import", "dump.ndjson"]);
    callfs(&["fsck"]);
    let gateway = gateway.restart();
    let kept = gateway.alice().get("/notes/a.txt").await.is(200);
    assert_eq!(kept.header("x-callfs-owner"), "alice");
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
