//! `callfs link`.

use std::fs;
use std::process::Output;

use serde_json::Value;

use crate::harness::{ALICE_KEY, Gateway, command};

/// `callfs link` with the key of somebody.
fn run(gateway: &Gateway, key: &str, arguments: &[&str]) -> (i32, String, String) {
    let server = format!("http://{}", gateway.authority());
    let mut command = command(&gateway.path(""));
    let command = command
        .env("CALLFS_KEY", key)
        .arg("link")
        .args(arguments)
        .args(["--server", &server]);
    let Output {
        status,
        stdout,
        stderr,
    } = command.output().expect("the binary runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (status.code().unwrap_or(-1), text(stdout), text(stderr))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_make_list_and_revoke_links() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/notes/a.txt", "hello").await.is(201);
    let create = [
        "create",
        "/notes/a.txt",
        "--expires",
        "1h",
        "--downloads",
        "2",
        "--filename",
        "b.txt",
    ];
    let (code, stdout, stderr) = run(&gateway, ALICE_KEY, &create);
    assert_eq!((code, stderr.as_str()), (0, ""));
    let url = stdout.trim_end();
    let target = url
        .strip_prefix(&format!("http://{}", gateway.authority()))
        .expect("the URL alone")
        .to_owned();
    let got = gateway.stranger().call("GET", &target).await.is(200);
    assert_eq!(
        (got.body.as_slice(), got.header("content-disposition")),
        (&b"hello"[..], "attachment; filename=\"b.txt\"")
    );

    let (code, stdout, stderr) = run(&gateway, ALICE_KEY, &["list"]);
    assert_eq!((code, stderr.as_str()), (0, ""));
    assert!(
        stdout.contains("1/2") && stdout.contains("/notes/a.txt"),
        "{stdout}"
    );
    assert!(!stdout.contains(&target[10..]), "no token: {stdout}");
    let (_, json, _) = run(&gateway, ALICE_KEY, &["list", "--json"]);
    let links: Value = serde_json::from_str(&json).expect("JSON");
    let id = links[0]["id"].as_str().expect("an id").to_owned();
    assert!(stdout.starts_with(&id), "{stdout}");

    let (code, stdout, stderr) = run(&gateway, ALICE_KEY, &["revoke", &id]);
    assert_eq!((code, stdout.as_str(), stderr.as_str()), (0, "", ""));
    gateway
        .stranger()
        .call("GET", &target)
        .await
        .problem(410, "GONE");

    for (arguments, target, uses) in [
        (
            &["--inline", "--unlimited", "--expires", "1h"][..],
            "/notes/a.txt",
            "unlimited",
        ),
        (&["--unlimited", "--expires", "1h"], "/notes", "unlimited"),
        (&["--inline"], "/notes/a.txt", "1/1"),
    ] {
        let create = [&["create", target][..], arguments].concat();
        let (code, stdout, stderr) = run(&gateway, ALICE_KEY, &create);
        assert_eq!((code, stderr.as_str()), (0, ""), "{create:?}");
        let url = stdout.trim_end();
        let (_, token) = url.split_once("/download/").expect("a URL");
        let got = gateway.stranger();
        let got = got.call("GET", &format!("/download/{token}")).await.is(200);
        match target {
            "/notes" => assert_eq!(got.entries("path"), ["/a.txt"]),
            _ => assert!(got.header("content-disposition").starts_with("inline; ")),
        }
        let (_, listed, _) = run(&gateway, ALICE_KEY, &["list"]);
        let line = listed.lines().last().unwrap_or_default();
        assert!(line.contains(uses), "{line}");
        let path = if target == "/notes" {
            "/notes/"
        } else {
            target
        };
        assert!(line.ends_with(path), "{line}");
    }

    for (key, arguments, status, said) in [
        (
            ALICE_KEY,
            &["create", "/a", "--unlimited"][..],
            2,
            "--expires",
        ),
        (
            ALICE_KEY,
            &["create", "/a", "--unlimited", "--downloads", "2"],
            2,
            "cannot be used with",
        ),
        (
            ALICE_KEY,
            &["create", "/none"],
            1,
            "error: '/none' does not exist",
        ),
        (ALICE_KEY, &["create", "/notes"], 1, "is a directory"),
        (
            ALICE_KEY,
            &["revoke", &id],
            1,
            "there is no link of this id",
        ),
        (ALICE_KEY, &["list", "--all"], 1, "only administrators"),
        ("not-a-key", &["list"], 1, "error: "),
        (ALICE_KEY, &["revoke", "x"], 2, "32 hexadecimal digits"),
        (
            ALICE_KEY,
            &["create", "/a", "--expires", "soon"],
            2,
            "a time such as",
        ),
    ] {
        let (code, stdout, stderr) = run(&gateway, key, arguments);
        assert_eq!(
            (code, stdout.as_str()),
            (status, ""),
            "{arguments:?}: {stderr}"
        );
        assert!(stderr.contains(said), "{arguments:?}: {stderr}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_commands_find_gateway_and_key_by_themselves() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/a", "x").await.is(201);
    let server = format!("http://{}/", gateway.authority());
    fs::write(gateway.path("alice.key"), format!("{ALICE_KEY}\n")).expect("writable");
    let run = |server: Option<&str>, arguments: &[&str]| {
        let mut command = command(&gateway.path(""));
        if let Some(server) = server {
            command.env("CALLFS_SERVER__EXTERNAL_URL", server);
        }
        let output = command
            .args(["link", "create", "/a", "--config", "callfs.toml"])
            .args(arguments)
            .output();
        let output = output.expect("the binary runs");
        (
            output.status.code(),
            String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned(),
        )
    };
    let (code, said) = run(Some(&server), &["--key-file", "alice.key"]);
    assert!(
        code == Some(0) && said.starts_with("http://127.0.0.1:"),
        "{said}"
    );
    let (code, said) = run(Some(&server), &[]);
    assert!(
        code == Some(2) && said.contains("give --key-file, or set CALLFS_KEY"),
        "{said}"
    );
    let (code, said) = run(None, &["--key-file", "alice.key"]);
    assert!(
        code == Some(2) && said.contains("give --server URL"),
        "{said}"
    );
    fs::write(gateway.path("callfs-data/admin.key"), ALICE_KEY).expect("as after a first run");
    assert_eq!(run(Some(&server), &[]).0, Some(0));
    let (code, said) = run(Some("http://127.0.0.1:1"), &[]);
    assert!(
        code == Some(1) && said.contains("cannot ask the gateway at http://127.0.0.1:1"),
        "{said}"
    );
}
