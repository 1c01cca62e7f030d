//! `callfs plugin check` of the components that need a server: what they claim holds before each
//! server that there is.

use std::path::Path;
use std::process::Output;

use crate::harness::dav::{Dav, PASSWORD, USER};
use crate::harness::{Client, Garage, Gateway, Mount, S3, Setup, command, eventually};

/// Checks a mount as it is configured; all that it claims holds.
#[track_caller]
fn keeps_what_it_claims(dir: &Path, mount: &str) {
    let report = check(dir, mount);
    assert!(
        report.contains("holds        concurrent-readers") && report.contains(", 0 fail, "),
        "{report}"
    );
}

/// The report on a mount as it is configured, which agrees with the exit code.
#[track_caller]
fn check(dir: &Path, mount: &str) -> String {
    let mut command = command(dir);
    let config = dir.join("callfs.toml");
    command
        .args(["plugin", "check", "--mount", mount, "--callfs-config"])
        .arg(config);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let stdout = String::from_utf8_lossy(&stdout);
    let stderr = String::from_utf8_lossy(&stderr);
    let code = if stdout.contains(", 0 fail, ") { 0 } else { 1 };
    assert_eq!(status.code(), Some(code), "{stdout}\n{stderr}");
    stdout.into_owned()
}

#[test]
fn s3_keeps_what_it_claims() {
    let s3 = S3::start();
    keeps_what_it_claims(s3.setup().prepare().path(), "/s3");
}

#[test]
fn s3_with_conditions_keeps_what_it_claims() {
    let s3 = S3::start();
    let mount = s3.mount("/s3", ", conditional_writes = true");
    let setup = S3::credentials(
        Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(mount),
    );
    keeps_what_it_claims(setup.prepare().path(), "/s3");
}

/// Everything but what the server cannot do: rclone answers with one version's length and another's
/// bytes while a file is replaced, also to whoever asks it directly, and no client of it can tell.
#[test]
fn webdav_keeps_what_it_claims() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(dav) = Dav::serve_alone(folder.path()) else {
        return;
    };
    let origin = dav.origin();
    let mount = Mount::new("/dav", "webdav")
        .with(&format!(
            r#"config = {{ endpoint = "{origin}", credential = "dav" }}"#
        ))
        .with(&format!(
            r#"grants = {{ http = ["{origin}"], credentials = ["dav"] }}"#
        ));
    let slot = format!(
        "[credentials.dav]\nkind = \"basic\"\nuser = \"{USER}\"\npassword = \"{PASSWORD}\""
    );
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(mount)
        .more(&slot);
    let report = check(setup.prepare().path(), "/dav");
    let failed = report
        .lines()
        .filter_map(|line| line.strip_prefix("FAILS")?.split_whitespace().next());
    assert!(
        failed.clone().all(|name| name == "concurrent-readers"),
        "{report}"
    );
    assert!(report.contains("holds        round-trip-large"), "{report}");
}

/// A gateway whose `/s3` is there, and everybody may write there.
async fn open(setup: Setup) -> Gateway {
    let gateway = setup.start().await;
    eventually("the bucket to be there", async || {
        let ready = gateway.stranger().call("GET", "/health/ready").await;
        (ready.status == 200).then_some(())
    })
    .await;
    gateway
        .admin()
        .patch("/s3", &serde_json::json!({ "mode": "1777" }))
        .await
        .is(200);
    gateway
}

/// What any S3 server does, whoever wrote it.
async fn serves_objects(alice: &Client) {
    alice.put("/s3/b c+d%.txt", "first").await.is(201);
    alice.put("/s3/b c+d%.txt", "the second").await.is(200);
    let read = alice.get("/s3/b c+d%.txt").await.is(200);
    assert_eq!(read.body, b"the second");
    let part = alice
        .get("/s3/b c+d%.txt")
        .header("range", "bytes=4-6")
        .await
        .is(206);
    assert_eq!(
        (part.body.as_slice(), part.header("content-range")),
        (b"sec".as_slice(), "bytes 4-6/10")
    );
    alice
        .put("/s3/b c+d%.txt", "x")
        .header("if-none-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice
        .put("/s3/b c+d%.txt", "third")
        .header("if-match", &read.etag())
        .await
        .is(200);
    // In parts: larger than one request holds.
    let large = vec![b'x'; 70 << 20];
    alice.put("/s3/large", large.clone()).await.is(201);
    assert_eq!(alice.get("/s3/large").await.is(200).body, large);
    alice.copy("POST", "/s3/large", "/s3/copy").await.is(201);
    assert_eq!(
        alice
            .get("/s3/copy")
            .header("range", "bytes=-3")
            .await
            .is(206)
            .body,
        b"xxx"
    );
    alice
        .patch(
            "/s3/b c+d%.txt",
            &serde_json::json!({ "destination": "/s3/moved" }),
        )
        .await
        .is(200);
    assert_eq!(alice.get("/s3/moved").await.is(200).body, b"third");
    alice
        .get("/s3/b c+d%.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(
        alice.get("/s3").await.is(200).entries("name"),
        ["copy", "large", "moved"]
    );
    alice.delete("/s3/moved").await.is(204);
    alice.get("/s3/moved").await.problem(404, "FILE_NOT_FOUND");
}

/// It answers 500 for the prefixes that its folders are, and has names of 180 bytes at most: only
/// its objects count here.
#[tokio::test]
async fn s3s_fs_serves_objects() {
    let s3 = S3::of_s3s_fs();
    let gateway = open(s3.setup()).await;
    serves_objects(&gateway.alice()).await;
}

/// The server of these tests, and garage where `CALLFS_TEST_GARAGE` names the program.
#[tokio::test]
async fn full_servers_serve_objects_and_directories() {
    let s3 = S3::start();
    serves_objects_and_directories(s3.setup()).await;
    if let Some(garage) = Garage::start() {
        serves_objects_and_directories(garage.setup()).await;
        keeps_what_it_claims(garage.setup().prepare().path(), "/s3");
    }
}

async fn serves_objects_and_directories(setup: Setup) {
    let gateway = open(setup).await;
    let alice = gateway.alice();
    serves_objects(&alice).await;
    alice.put("/s3/a/b/c", "deep").await.is(201);
    alice
        .patch("/s3/a", &serde_json::json!({ "destination": "/s3/moved" }))
        .await
        .is(200);
    assert_eq!(alice.get("/s3/moved/b/c").await.is(200).body, b"deep");
    alice.get("/s3/a").await.problem(404, "FILE_NOT_FOUND");
    alice
        .call("DELETE", "/v1/files/s3/moved?recursive=true")
        .await
        .is(204);
}
