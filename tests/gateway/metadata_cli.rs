//! `callfs metadata`: a metadata store that moves.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Output, Stdio};

use serde_json::json;

use crate::harness::{Gateway, command, link};

/// `callfs metadata` with the configuration of a gateway, and a file as its input.
fn metadata(gateway: &Gateway, arguments: &[&str], input: Option<&str>) -> (i32, String, String) {
    let input = input.map_or_else(Stdio::null, |file| {
        fs::File::open(gateway.path(file)).expect("there").into()
    });
    let mut command = command(&gateway.path(""));
    let command = command
        .arg("metadata")
        .args(arguments)
        .arg("--config")
        .arg(gateway.path("callfs.toml"));
    let Output {
        status,
        stdout,
        stderr,
    } = command.stdin(input).output().expect("it runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

/// Puts the metadata store of a gateway that was stopped aside, so that the next one is new.
fn take_index_away(gateway: &Gateway) {
    let files = fs::read_dir(gateway.path(""))
        .expect("readable")
        .filter_map(Result::ok);
    let index = files.filter(|file| file.file_name().to_string_lossy().starts_with("metadata."));
    let removed = index
        .map(|file| fs::remove_file(file.path()).expect("removed"))
        .count();
    assert!(removed > 0, "there was a metadata store");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_is_there_in_the_index_it_was_imported_into() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/ä/日 1.bin", "text")
        .header("content-type", "text/x-odd")
        .await
        .is(201);
    alice.put("/plain", "text").await.is(201);
    alice
        .patch("/plain", &json!({"mode": "0600"}))
        .await
        .is(200);
    let made = link::make(&alice, json!({"path": "/plain", "max_downloads": 2})).await;
    link::get(&gateway, &made).await.is(200);
    let before = gateway
        .admin()
        .list("/", "recursive=true")
        .await
        .is(200)
        .json();
    let (code, _, stderr) = metadata(&gateway, &["export"], None);
    assert_eq!(code, 1, "a gateway runs");
    assert!(
        stderr.contains("another gateway uses the metadata store"),
        "{stderr}"
    );
    gateway.stop();

    let (code, stdout, stderr) = metadata(&gateway, &["export", "dump.ndjson"], None);
    assert_eq!((code, stdout.as_str()), (0, ""), "{stderr}");
    assert_eq!(stderr, "exported 3 records and 1 link\n");
    let mode = fs::metadata(gateway.path("dump.ndjson"))
        .expect("there")
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let dump = fs::read_to_string(gateway.path("dump.ndjson")).expect("text");
    assert!(!dump.contains(&made.token), "no token is in a dump");

    let (code, _, stderr) = metadata(&gateway, &["import", "dump.ndjson"], None);
    assert!(
        code == 1 && stderr.contains("not empty") && stderr.contains("--replace"),
        "{stderr}"
    );
    fs::write(gateway.path("half.ndjson"), &dump[..dump.len() - 20]).expect("written");
    let (code, _, stderr) = metadata(&gateway, &["import", "half.ndjson", "--replace"], None);
    assert!(
        code == 1 && stderr.contains("nothing was changed"),
        "{stderr}"
    );
    let (code, again, _) = metadata(&gateway, &["export", "-"], None);
    let lines = |dump: &str| {
        dump.lines()
            .skip(1)
            .map(ToOwned::to_owned)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        (code, lines(&again)),
        (0, lines(&dump)),
        "a refused import left everything"
    );

    take_index_away(&gateway);
    let (code, _, stderr) = metadata(&gateway, &["import"], Some("half.ndjson"));
    assert!(
        code == 1 && stderr.contains("standard input, and nothing was changed"),
        "{stderr}"
    );
    let (code, _, stderr) = metadata(&gateway, &["import"], Some("dump.ndjson"));
    assert_eq!(code, 0, "{stderr}");
    let gateway = gateway.restart();
    assert_eq!(
        gateway
            .admin()
            .list("/", "recursive=true")
            .await
            .is(200)
            .json(),
        before
    );
    let got = gateway.alice().get("/ä/日 1.bin").await.is(200);
    assert_eq!(
        (got.header("x-callfs-owner"), got.header("content-type")),
        ("alice", "text/x-odd")
    );
    gateway
        .bob()
        .get("/plain")
        .await
        .problem(403, "PERMISSION_DENIED");
    link::get(&gateway, &made).await.is(200);
    link::get(&gateway, &made).await.problem(410, "GONE");
}
