//! `PATCH` of `mtime`: a time that somebody gives a file.

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
