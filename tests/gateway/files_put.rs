//! `POST` and `PUT /v1/files/{path}`.

use std::fs;
use std::time::{Duration, Instant};

use crate::harness::{Gateway, Setup, bytes, encode, eventually, sha256_hex};

#[tokio::test]
async fn post_creates_and_never_replaces() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let made = alice.post("/docs/deep/a.txt", "first").await.is(201);
    assert!(
        made.header("location")
            .ends_with("/v1/files/docs/deep/a.txt"),
        "{:?}",
        made.headers
    );
    assert_eq!(
        made.etag(),
        alice.get("/docs/deep/a.txt").await.is(200).etag()
    );
    let detail = alice
        .post("/docs/deep/a.txt", "second")
        .await
        .detail(409, "FILE_ALREADY_EXISTS");
    assert!(detail.contains("/docs/deep/a.txt"), "{detail}");
    assert_eq!(alice.get("/docs/deep/a.txt").await.is(200).body, b"first");
}

#[tokio::test]
async fn parents_are_made_and_belong_to_their_maker() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a/b/c.txt", "x").await.is(201);
    for parent in ["/a", "/a/b"] {
        let head = alice.head(parent).await.is(200);
        assert_eq!(
            (head.header("x-callfs-owner"), head.header("x-callfs-group")),
            ("alice", "staff"),
            "{parent}"
        );
    }
}

#[tokio::test]
async fn post_with_a_slash_at_the_end_makes_a_directory() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.make("/docs/new").await.is(201);
    alice.make("/docs/new").await.is(200);
    assert_eq!(
        alice
            .head("/docs/new")
            .await
            .is(200)
            .header("x-callfs-type"),
        "directory"
    );
    alice.put("/docs/file", "x").await.is(201);
    alice
        .make("/docs/file")
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
}

#[tokio::test]
async fn preconditions_of_directories() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .make("/d")
        .header("if-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    assert!(gateway.everything_in("files").is_empty());
    alice.make("/d").header("if-none-match", "*").await.is(201);
    alice
        .make("/d")
        .header("if-none-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice.make("/d").header("if-match", "*").await.is(200);
    alice
        .make("/d")
        .header("if-match", "\"another\"")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice
        .make("/e")
        .header("if-match", "unquoted")
        .await
        .problem(400, "BAD_REQUEST");
    assert_eq!(gateway.everything_in("files"), ["d"]);
}

#[tokio::test]
async fn put_creates_and_replaces() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let first = alice
        .put("/a.txt", "first")
        .header("content-type", "text/x-one")
        .await
        .is(201)
        .etag();
    let second = alice
        .put("/a.txt", "the second")
        .header("content-type", "text/x-two")
        .await
        .is(200)
        .etag();
    assert_ne!(first, second);
    let got = alice.get("/a.txt").await.is(200);
    assert_eq!(
        (got.etag(), got.header("content-type")),
        (second, "text/x-two")
    );
    assert_eq!(got.body, b"the second");
    assert_eq!(
        fs::read(gateway.path("files/a.txt")).expect("stored as it is"),
        b"the second"
    );
}

#[tokio::test]
async fn preconditions_of_writes() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/a", "x")
        .header("if-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    let first = alice
        .put("/a", "1")
        .header("if-none-match", "*")
        .await
        .is(201)
        .etag();
    alice
        .put("/a", "x")
        .header("if-none-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    let second = alice
        .put("/a", "2")
        .header("if-match", &first)
        .await
        .is(200)
        .etag();
    alice
        .put("/a", "x")
        .header("if-match", &first)
        .await
        .problem(412, "PRECONDITION_FAILED");
    assert_eq!(alice.get("/a").await.is(200).etag(), second);
    alice
        .put("/a", "3")
        .header("if-match", &format!("{first}, {second}"))
        .await
        .is(200);
    assert_eq!(alice.get("/a").await.is(200).body, b"3");
}

#[tokio::test]
async fn put_into_a_directory_takes_the_name_from_content_disposition() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let named = r#"attachment; filename="named.txt""#;
    alice
        .call("PUT", "/v1/files/docs/")
        .header("content-disposition", named)
        .body("x")
        .await
        .is(201);
    assert_eq!(alice.get("/docs/named.txt").await.is(200).body, b"x");
    let detail = alice
        .call("PUT", "/v1/files/docs/")
        .body("x")
        .await
        .detail(400, "BAD_REQUEST");
    assert!(
        detail.to_lowercase().contains("content-disposition"),
        "{detail}"
    );
    let escape = r#"attachment; filename="../escape.txt""#;
    alice
        .call("PUT", "/v1/files/docs/")
        .header("content-disposition", escape)
        .body("x")
        .await
        .problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn defect_13_a_chunked_upload_is_invisible_until_it_is_complete() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let mut upload = gateway.raw().await;
    upload
        .head("PUT", "/v1/files/a.txt", &["Transfer-Encoding: chunked"])
        .await;
    let half = bytes(1, 300_000);
    upload.chunk(&half).await;
    eventually("the upload to begin", async || {
        gateway.works_in("files").then_some(())
    })
    .await;
    alice.get("/a.txt").await.problem(404, "FILE_NOT_FOUND");
    assert_eq!(
        alice.get("/").await.is(200).entries("name"),
        [] as [&str; 0]
    );
    upload.chunk(b", and the rest").await;
    upload.send(b"0\r\n\r\n").await;
    assert_eq!(upload.answer().await.status, 201);
    assert!(
        alice.get("/a.txt").await.is(200).body == [half.as_slice(), b", and the rest"].concat()
    );
}

#[tokio::test]
async fn an_upload_that_is_cut_leaves_no_trace() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/old.txt", "the old content").await.is(201);
    for (headers, path) in [
        ("Content-Length: 1000000", "/docs/old.txt"),
        ("Transfer-Encoding: chunked", "/new/a.txt"),
    ] {
        let before = gateway.everything_in("files");
        let mut upload = gateway.raw().await;
        upload
            .head("PUT", &format!("/v1/files{path}"), &[headers])
            .await;
        if headers.starts_with("Transfer") {
            upload.chunk(&bytes(1, 300_000)).await;
        } else {
            upload.send(&bytes(1, 300_000)).await;
        }
        eventually("the upload to begin", async || {
            gateway.works_in("files").then_some(())
        })
        .await;
        drop(upload);
        eventually("the upload to end", async || {
            (!gateway.works_in("files")).then_some(())
        })
        .await;
        eventually("the trace to vanish", async || {
            (gateway.everything_in("files") == before).then_some(())
        })
        .await;
    }
    assert_eq!(
        alice.get("/docs/old.txt").await.is(200).body,
        b"the old content"
    );
    alice.get("/new").await.problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn a_client_that_waits_for_leave_is_told_before_it_sends() {
    let gateway = Gateway::start().await;
    let mut allowed = gateway.raw().await;
    let expecting = ["Content-Length: 5", "Expect: 100-continue"];
    allowed.head("PUT", "/v1/files/a.txt", &expecting).await;
    assert_eq!(allowed.answer_head().await.status, 100);
    allowed.send(b"hello").await;
    assert_eq!(allowed.answer().await.status, 201);

    gateway.admin().put("/private/x", "x").await.is(201);
    let mut refused = gateway.raw().await;
    refused
        .head("PUT", "/v1/files/private/a.txt", &expecting)
        .await;
    assert_eq!(
        refused.answer_head().await.status,
        403,
        "refused before the body was asked for"
    );
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_as_early_as_it_is_known() {
    let gateway = Setup::default()
        .server(r#"max_upload = "1KiB""#)
        .start()
        .await;
    let alice = gateway.alice();
    alice.put("/fits", bytes(1, 1024)).await.is(201);

    let mut announced = gateway.raw().await;
    announced
        .head("PUT", "/v1/files/announced", &["Content-Length: 1025"])
        .await;
    let detail = announced.answer().await.detail(413, "PAYLOAD_TOO_LARGE");
    assert!(
        detail.contains("1024") || detail.contains("1 KiB") || detail.contains("1KiB"),
        "{detail}"
    );

    let mut chunked = gateway.raw().await;
    chunked
        .head("PUT", "/v1/files/chunked", &["Transfer-Encoding: chunked"])
        .await;
    chunked.chunk(&bytes(1, 1025)).await;
    chunked.answer().await.detail(413, "PAYLOAD_TOO_LARGE");

    eventually("the rest to vanish", async || {
        (gateway.everything_in("files") == ["fits"]).then_some(())
    })
    .await;
}

#[tokio::test]
async fn defect_12_names_are_decoded_once_and_none_is_reserved() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .call("PUT", "/v1/files/my%20file%20(1).txt")
        .body("x")
        .await
        .is(201);
    assert_eq!(gateway.everything_in("files"), ["my file (1).txt"]);
    alice
        .call("PUT", "/v1/files/ws/a.txt")
        .body("in ws")
        .await
        .is(201);
    assert_eq!(alice.get("/ws/a.txt").await.is(200).body, b"in ws");
}

#[tokio::test]
async fn names_survive_whatever_they_hold() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let mut names = vec![
        "a+b",
        "a%20b",
        "a%2Fb",
        "100%",
        "ä",
        "a\u{308}",
        "日本語",
        "😀",
        "a?b",
        "a#b",
        "a;b=c",
        "a:b",
        "..a",
        "a..",
        "...",
        "-rf",
        "*",
        "'quoted'",
        "\"quoted\"",
        "back\\slash",
        " ",
        "health",
        "v1",
        "metrics",
        "links",
        ".hidden",
        "a\u{a0}b",
    ];
    let long = "x".repeat(255);
    names.push(&long);
    for name in &names {
        let path = format!("/names/{name}");
        alice.put(&path, sha256_hex(name.as_bytes())).await.is(201);
        assert_eq!(
            alice.get(&path).await.is(200).text(),
            sha256_hex(name.as_bytes()),
            "{name}"
        );
    }
    names.sort_unstable();
    assert_eq!(alice.get("/names").await.is(200).entries("name"), names);
    let mut on_disk = gateway.everything_in("files/names");
    on_disk.sort_unstable();
    assert_eq!(on_disk, names);
    for name in &names {
        let encoded = encode(name);
        alice
            .call("DELETE", &format!("/v1/files/names/{encoded}"))
            .await
            .is(204);
    }
}

#[tokio::test]
async fn an_upload_may_not_stand_still() {
    let gateway = Setup::default()
        .server(r#"idle_timeout = "1s""#)
        .start()
        .await;
    let mut upload = gateway.raw().await;
    let sent = Instant::now();
    upload
        .head("PUT", "/v1/files/a.txt", &["Content-Length: 1000"])
        .await;
    upload.send(b"only this").await;
    // Either an answer (408) or the end of the connection, within the deadline of every read.
    let said = String::from_utf8_lossy(&upload.read(4096).await).into_owned();
    assert!(
        sent.elapsed() >= Duration::from_secs(1),
        "refused after {:?}, before the timeout",
        sent.elapsed()
    );
    assert!(
        said.is_empty() || said.starts_with("HTTP/1.1 408") || said.starts_with("HTTP/1.1 400"),
        "{said}"
    );
    eventually("the trace to vanish", async || {
        gateway.everything_in("files").is_empty().then_some(())
    })
    .await;
}
