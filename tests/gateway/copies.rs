//! `POST` and `PUT /v1/files/{path}?from=/source`: copies on the server.

use serde_json::json;

use crate::harness::{Client, Gateway, Setup, bytes};

async fn flat() -> Gateway {
    let gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    gateway
}

/// Below `/src` of each mount.
async fn planted(alice: &Client, mount: &str) -> String {
    let src = format!("{mount}/src");
    for (at, says) in [
        ("a.txt", "1"),
        ("deep/er/b.txt", "2"),
        ("deep/c", "3"),
        ("ä %41/d", "4"),
    ] {
        alice.put(&format!("{src}/{at}"), says).await.is(201);
    }
    alice.make(&format!("{src}/empty")).await.is(201);
    src
}

async fn tree(client: &Client, at: &str) -> Vec<String> {
    let paths = client
        .list(at, "recursive=true")
        .await
        .is(200)
        .entries("path");
    paths
        .iter()
        .map(|path| path[at.len() + 1..].to_owned())
        .collect()
}

const ALL: [&str; 8] = [
    "a.txt",
    "deep",
    "deep/c",
    "deep/er",
    "deep/er/b.txt",
    "empty",
    "ä %41",
    "ä %41/d",
];

#[tokio::test]
async fn files_are_copied_within_and_between_mounts() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let content = bytes(1, 300_000);
    for from in ["/a b/+.txt", "/flat/a b/+.txt"] {
        alice
            .put(from, content.clone())
            .header("content-type", "text/x-a")
            .await
            .is(201);
        alice.patch(from, &json!({"mode": "1764"})).await.is(200);
        for to in ["/new/b.txt", "/flat/new/b.txt"] {
            let copied = bob
                .copy("POST", from, to)
                .header("want-repr-digest", "sha-256=1")
                .await
                .is(201);
            assert_eq!(copied.header("location"), format!("/v1/files{to}"));
            let got = bob
                .get(to)
                .header("want-repr-digest", "sha-256=1")
                .await
                .is(200);
            assert!(got.body == content, "{from} {to}");
            assert_eq!(got.etag(), copied.etag());
            assert_eq!(got.header("repr-digest"), copied.header("repr-digest"));
            assert!(got.header("repr-digest").starts_with("sha-256=:"));
            assert_eq!(
                (got.header("x-callfs-owner"), got.header("content-type")),
                ("bob", "text/x-a")
            );
            assert_eq!(got.header("x-callfs-mode"), "0744");
            bob.copy("POST", from, to)
                .await
                .problem(409, "FILE_ALREADY_EXISTS");
            bob.delete(to).await.is(204);
        }
    }
}

#[tokio::test]
async fn put_replaces_by_a_copy() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    for (from, to) in [
        ("/a", "/flat/b"),
        ("/flat/a", "/b"),
        ("/a2", "/b2"),
        ("/flat/a2", "/flat/b2"),
    ] {
        alice
            .put(from, "new")
            .header("content-type", "text/x-a")
            .await
            .is(201);
        bob.put(to, "the old one").await.is(201);
        bob.patch(to, &json!({"mode": "0666"})).await.is(200);
        let etag = bob.head(to).await.is(200).etag();
        let refused = alice
            .copy("PUT", from, to)
            .header("if-none-match", "*")
            .await;
        refused.problem(412, "PRECONDITION_FAILED");
        alice
            .copy("PUT", from, to)
            .header("if-match", "\"other\"")
            .await
            .problem(412, "PRECONDITION_FAILED");
        assert_eq!(bob.get(to).await.is(200).body, b"the old one");
        let copied = alice
            .copy("PUT", from, to)
            .header("if-match", &etag)
            .await
            .is(200);
        let got = bob.get(to).await.is(200);
        assert_eq!(
            (got.body.as_slice(), got.etag()),
            (&b"new"[..], copied.etag())
        );
        assert_eq!(
            (got.header("x-callfs-owner"), got.header("x-callfs-mode")),
            ("bob", "0666")
        );
        assert_eq!(got.header("content-type"), "text/x-a");
        alice
            .copy("PUT", from, &format!("{to}-new"))
            .header("if-none-match", "*")
            .await
            .is(201);
        alice
            .patch(to, &json!({"mode": "0600"}))
            .await
            .problem(403, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn directories_are_copied_whole() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    for mount in ["", "/flat"] {
        let src = planted(&alice, mount).await;
        for to in ["/new/dst", "/flat/new/dst"] {
            let copied = bob.copy("POST", &src, to).await.is(201);
            assert_eq!(copied.header("location"), format!("/v1/files{to}"));
            assert_eq!(tree(&bob, to).await, ALL, "{src} {to}");
            for (at, says) in [
                ("a.txt", "1"),
                ("deep/er/b.txt", "2"),
                ("deep/c", "3"),
                ("ä %41/d", "4"),
            ] {
                let got = bob.get(&format!("{to}/{at}")).await.is(200);
                assert_eq!(
                    (got.text().as_str(), got.header("x-callfs-owner")),
                    (says, "bob")
                );
            }
            bob.copy("POST", &src, to)
                .await
                .problem(409, "FILE_ALREADY_EXISTS");
            bob.copy("PUT", &src, to)
                .await
                .problem(409, "DIRECTORY_NOT_EMPTY");
            bob.make("/empty-one").await.is(201);
            bob.copy("PUT", &format!("{src}/"), "/empty-one/")
                .await
                .is(200);
            assert_eq!(tree(&bob, "/empty-one").await, ALL);
            for gone in ["/empty-one", to] {
                bob.call("DELETE", &format!("/v1/files{gone}?recursive=true"))
                    .await
                    .is(204);
            }
        }
        assert_eq!(tree(&alice, &src).await, ALL);
    }
}

#[tokio::test]
async fn a_private_file_refuses_the_whole_and_leaves_nothing() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    for mount in ["", "/flat"] {
        let src = planted(&alice, mount).await;
        alice
            .patch(&format!("{src}/deep/er/b.txt"), &json!({"mode": "0600"}))
            .await
            .is(200);
        let before = (
            gateway.everything_in("files"),
            gateway.everything_in("second"),
        );
        for to in ["/new/dst", "/flat/new/dst"] {
            let detail = bob
                .copy("POST", &src, to)
                .await
                .detail(403, "PERMISSION_DENIED");
            assert!(detail.contains("/deep/er/b.txt"), "{detail}");
            bob.get(to).await.problem(404, "FILE_NOT_FOUND");
            bob.get(&format!("{to}/a.txt"))
                .await
                .problem(404, "FILE_NOT_FOUND");
            assert_eq!(
                (
                    gateway.everything_in("files"),
                    gateway.everything_in("second")
                ),
                before
            );
        }
        bob.copy("POST", &format!("{src}/deep/er/b.txt"), "/b")
            .await
            .problem(403, "PERMISSION_DENIED");
    }
}

#[tokio::test]
async fn a_copy_must_make_sense() {
    let gateway = flat().await;
    let alice = gateway.alice();
    let src = planted(&alice, "").await;
    let bad = |call: &str, target: &str| {
        let call = alice.call(call, target);
        async move { call.await.detail(400, "BAD_REQUEST") }
    };
    for method in ["POST", "PUT"] {
        assert!(
            bad(method, "/v1/files/src?from=/src")
                .await
                .contains("onto itself")
        );
        assert!(
            bad(method, "/v1/files/src/deep/in?from=/src")
                .await
                .contains("into itself")
        );
        assert!(
            bad(method, "/v1/files/x?from=src")
                .await
                .contains("must start with '/'")
        );
        assert!(
            bad(method, "/v1/files/x?from=/src/../a")
                .await
                .contains("'..'")
        );
        assert!(
            bad(method, "/v1/files/x?from=/src&form=1")
                .await
                .contains("'form'")
        );
        let with_body = alice
            .copy(method, "/src/a.txt", "/x")
            .body("bytes")
            .await
            .detail(400, "BAD_REQUEST");
        assert!(with_body.contains("without a body"), "{with_body}");
        let digest = alice
            .copy(method, "/src/a.txt", "/x")
            .header("content-digest", "sha-256=:AAAA:")
            .await;
        assert!(digest.detail(400, "BAD_REQUEST").contains("content-digest"));
        alice
            .copy(method, "/nothing", "/x")
            .await
            .problem(404, "FILE_NOT_FOUND");
        alice
            .copy(method, "/src/a.txt", "/x/")
            .await
            .problem(400, "NOT_A_DIRECTORY");
        alice
            .copy(method, "/src/a.txt/", "/x")
            .await
            .problem(400, "NOT_A_DIRECTORY");
    }
    alice
        .copy("PUT", "/src/a.txt", "/src/deep")
        .await
        .problem(409, "IS_A_DIRECTORY");
    alice
        .copy("PUT", "/src/deep", "/src/a.txt")
        .await
        .problem(400, "NOT_A_DIRECTORY");
    std::os::unix::fs::symlink("deep", gateway.path("files/src/link")).expect("a link");
    let detail = alice
        .copy("POST", &src, "/flat/dst")
        .await
        .detail(422, "UNSUPPORTED");
    assert!(detail.contains("'/src/link'"), "{detail}");
    alice.get("/flat/dst").await.problem(404, "FILE_NOT_FOUND");
    assert_eq!(gateway.everything_in("second"), [] as [&str; 0]);
}
