//! `PATCH` of `mtime`, and `X-CallFS-MTime` of an upload or a copy: the time that a client gives a
//! file.

use serde_json::json;

use crate::harness::Setup;

#[tokio::test]
async fn a_time_that_was_set_is_told_everywhere_and_holds_as_long_as_the_bytes() {
    let mut gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    for path in ["/docs/a.txt", "/flat/docs/a.txt"] {
        let alice = gateway.alice();
        alice
            .put(path, "x")
            .header("content-type", "text/x-a")
            .await
            .is(201);
        let etag = alice.head(path).await.is(200).etag();
        let changed = alice
            .patch(path, &json!({"mtime": "1994-11-06T09:49:37.5+01:00"}))
            .await
            .is(200);
        assert_eq!(changed.json()["mtime"], "1994-11-06T08:49:37.5Z");
        gateway.stop();
        gateway = gateway.restart();
        let alice = gateway.alice();
        for reply in [
            alice.head(path).await.is(200),
            alice.get(path).await.is(200),
        ] {
            assert_eq!(
                reply.header("last-modified"),
                "Sun, 06 Nov 1994 08:49:37 GMT"
            );
            assert_eq!(reply.header("x-callfs-mtime"), "1994-11-06T08:49:37.5Z");
            assert_eq!(
                (reply.etag(), reply.header("content-type")),
                (etag.clone(), "text/x-a")
            );
        }
        let directory = path.trim_end_matches("/a.txt");
        assert_eq!(
            alice.get(directory).await.is(200).entries("mtime"),
            ["1994-11-06T08:49:37.5Z"]
        );
        let since = |name, date| alice.get(path).header(name, date);
        since("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")
            .await
            .is(304);
        since("if-modified-since", "Sun, 06 Nov 1994 08:49:36 GMT")
            .await
            .is(200);
        since("if-unmodified-since", "Sun, 06 Nov 1994 08:49:36 GMT")
            .await
            .problem(412, "PRECONDITION_FAILED");
        // Other attributes leave it alone, another name keeps it, and other bytes end it.
        alice.patch(path, &json!({"mode": "0640"})).await.is(200);
        alice.patch(path, &json!({"name": "b.txt"})).await.is(200);
        let moved = format!("{directory}/b.txt");
        assert_eq!(
            alice.head(&moved).await.is(200).header("x-callfs-mtime"),
            "1994-11-06T08:49:37.5Z"
        );
        alice.put(&moved, "y").await.is(200);
        assert!(alice.head(&moved).await.is(200).header("x-callfs-mtime") > "2024");
    }
}

#[tokio::test]
async fn only_owners_set_times_and_only_of_files() {
    let gateway = Setup::default().start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/docs/a.txt", "x").await.is(201);
    let time = json!({"mtime": "1994-11-06T08:49:37Z"});
    bob.patch("/docs/a.txt", &time)
        .await
        .problem(403, "PERMISSION_DENIED");
    let detail = alice.patch("/docs", &time).await.detail(422, "UNSUPPORTED");
    assert!(detail.contains("'/docs' is a directory"), "{detail}");
    for bad in ["yesterday", "1994-11-06", "3000-01-01T00:00:00Z"] {
        alice
            .patch("/docs/a.txt", &json!({"mtime": bad}))
            .await
            .problem(400, "BAD_REQUEST");
    }
    alice
        .patch("/docs/a.txt", &json!({"mtime": 784111777}))
        .await
        .problem(400, "BAD_REQUEST");
    gateway
        .admin()
        .patch(
            "/docs/a.txt",
            &json!({"mtime": "1994-11-06T08:49:37Z", "owner": "bob"}),
        )
        .await
        .is(200);
    let head = bob.head("/docs/a.txt").await.is(200);
    assert_eq!(
        (head.header("x-callfs-mtime"), head.header("x-callfs-owner")),
        ("1994-11-06T08:49:37Z", "bob")
    );
}

#[tokio::test]
async fn an_upload_brings_its_time_with_it() {
    let mut gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    for root in ["", "/flat"] {
        let (a, b) = (format!("{root}/docs/a"), format!("{root}/docs/b"));
        // In this order: the time as it is given, and as it is told.
        for (given, told) in [
            ("1994-11-06T09:49:37.5+01:00", "1994-11-06T08:49:37.5Z"),
            ("784111777", "1994-11-06T08:49:37Z"),
            ("784111777.123456789", "1994-11-06T08:49:37.123456789Z"),
            ("-1.5", "1969-12-31T23:59:58.5Z"),
            ("4102444800", "2100-01-01T00:00:00Z"),
        ] {
            let alice = gateway.alice();
            for (method, path, status) in [("POST", &a, 201), ("PUT", &a, 200)] {
                let call = alice.call(method, &format!("/v1/files{path}")).body(given);
                let stored = call.header("x-callfs-mtime", given).await.is(status);
                assert_eq!(stored.header("x-callfs-mtime"), told, "{method} {given}");
            }
            let copy = alice.copy("POST", &a, &b).header("x-callfs-mtime", given);
            assert_eq!(copy.await.is(201).header("x-callfs-mtime"), told, "{given}");
            for path in [&a, &b] {
                let got = alice.get(path).await.is(200);
                assert_eq!(got.header("x-callfs-mtime"), told, "{given}");
                assert_eq!(got.body, given.as_bytes());
            }
            gateway.stop();
            gateway = gateway.restart();
            let alice = gateway.alice();
            for path in [&a, &b] {
                assert_eq!(alice.head(path).await.header("x-callfs-mtime"), told);
                alice.delete(path).await.is(204);
            }
        }
    }
}

#[tokio::test]
async fn a_time_to_come_is_kept_and_never_told_as_a_validator() {
    let gateway = Setup::default().start().await;
    let alice = gateway.alice();
    let put = alice.put("/a", "x").header("x-callfs-mtime", "4102444800");
    let stored = put.await.is(201);
    assert_eq!(stored.header("x-callfs-mtime"), "2100-01-01T00:00:00Z");
    let got = alice.get("/a").await.is(200);
    assert!(!got.header("last-modified").contains("2100"));
    // The bytes that come next have a time of their own, and so has a copy.
    alice.copy("POST", "/a", "/b").await.is(201);
    alice.put("/a", "y").await.is(200);
    for path in ["/a", "/b"] {
        let told = alice.head(path).await.is(200);
        assert!(!told.header("x-callfs-mtime").starts_with("2100"), "{path}");
    }
}

#[tokio::test]
async fn a_time_that_makes_no_sense_stores_nothing() {
    let gateway = Setup::default().start().await;
    let alice = gateway.alice();
    alice.put("/from", "x").await.is(201);
    for bad in [
        "yesterday",
        "1994-11-06",
        "1e9",
        "9223372037",
        "1.0000000001",
    ] {
        for call in [
            alice.put("/a", "x"),
            alice.post("/a", "x"),
            alice.copy("POST", "/from", "/a"),
        ] {
            let detail = call.header("x-callfs-mtime", bad).await;
            let detail = detail.detail(400, "BAD_REQUEST");
            assert!(detail.contains("RFC 3339"), "{bad}: {detail}");
        }
        alice.head("/a").await.is(404);
    }
    alice.make("/d").await.is(201);
    for call in [alice.make("/e"), alice.copy("POST", "/d", "/e")] {
        let refused = call.header("x-callfs-mtime", "784111777").await;
        refused.problem(422, "UNSUPPORTED");
        alice.head("/e").await.is(404);
    }
}
