//! `DELETE /v1/files/{path}`.

use crate::harness::{Gateway, Mount, Setup};

#[tokio::test]
async fn a_file_is_gone() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    assert!(alice.delete("/docs/a.txt").await.is(204).body.is_empty());
    alice.get("/docs/a.txt").await.problem(404, "FILE_NOT_FOUND");
    alice.delete("/docs/a.txt").await.problem(404, "FILE_NOT_FOUND");
    assert_eq!(gateway.everything_in("files"), ["docs"]);
}

#[tokio::test]
async fn what_comes_after_a_file_inherits_nothing_from_it() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/a", "x").header("content-type", "text/x-alice").await.is(201);
    gateway.alice().delete("/a").await.is(204);
    gateway.bob().put("/a", "y").await.is(201);
    let head = gateway.bob().head("/a").await.is(200);
    assert_eq!((head.header("x-callfs-owner"), head.header("content-type")), ("bob", "application/octet-stream"));
}

#[tokio::test]
async fn defect_11_a_directory_that_is_not_empty_is_refused_and_says_so() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    let detail = alice.delete("/docs").await.detail(409, "DIRECTORY_NOT_EMPTY");
    assert!(detail.contains("/docs"), "{detail}");
    assert_eq!(alice.get("/docs/a.txt").await.is(200).body, b"x");
    alice.delete("/docs/a.txt").await.is(204);
    alice.delete("/docs").await.is(204);
    assert_eq!(gateway.everything_in("files"), [] as [&str; 0]);
}

#[tokio::test]
async fn if_match_guards_a_delete() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let old = alice.put("/a", "1").await.is(201).etag();
    let new = alice.put("/a", "2").await.is(200).etag();
    alice.delete("/a").header("if-match", &old).await.problem(412, "PRECONDITION_FAILED");
    alice.delete("/a").header("if-match", &new).await.is(204);
}

#[tokio::test]
async fn roots_stay() {
    let gateway =
        Setup::default().mount(Mount::folder("/", "files")).mount(Mount::folder("/archive", "second")).start().await;
    for path in ["/", "/archive"] {
        let refused = gateway.admin().delete(path).await;
        assert!((400..500).contains(&refused.status), "{path}: {}", refused.text());
        gateway.admin().get(path).await.is(200);
    }
}
