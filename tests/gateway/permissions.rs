//! What a caller may do: the two authorizers, over HTTP.

use serde_json::json;

use crate::harness::{Gateway, Setup};

#[tokio::test]
async fn unix_everyone_creates_in_the_root_and_only_owners_remove() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/alices.txt", "x").await.is(201);
    bob.put("/bobs.txt", "x").await.is(201);
    assert_eq!(bob.get("/alices.txt").await.is(200).body, b"x");
    bob.put("/alices.txt", "y")
        .await
        .problem(403, "PERMISSION_DENIED");
    bob.delete("/alices.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    bob.patch("/alices.txt", &json!({"name": "mine"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    bob.patch(
        "/bobs.txt",
        &json!({"name": "alices.txt", "overwrite": true}),
    )
    .await
    .problem(403, "PERMISSION_DENIED");
    assert_eq!(alice.get("/alices.txt").await.is(200).body, b"x");
    gateway.admin().delete("/alices.txt").await.is(204);
}

#[tokio::test]
async fn unix_groups_and_others() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let carol = gateway.carol();
    alice.put("/a", "x").await.is(201);
    for (mode, bobs, carols) in [
        ("0664", (200, 200), (200, 403)),
        ("0640", (200, 403), (403, 403)),
        ("0606", (403, 403), (200, 200)),
    ] {
        alice.patch("/a", &json!({"mode": mode})).await.is(200);
        assert_eq!(
            (bob.get("/a").await.status, bob.put("/a", "y").await.status),
            bobs,
            "bob, {mode}"
        );
        assert_eq!(
            (
                carol.get("/a").await.status,
                carol.put("/a", "y").await.status
            ),
            carols,
            "carol, {mode}"
        );
    }
}

#[tokio::test]
async fn unix_a_closed_directory_closes_everything_below_it() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let carol = gateway.carol();
    alice.put("/home/alice/open/a.txt", "x").await.is(201);
    alice
        .patch("/home/alice", &json!({"mode": "0700"}))
        .await
        .is(200);
    for path in [
        "/home/alice/open/a.txt",
        "/home/alice/open",
        "/home/alice/nothing",
    ] {
        carol.get(path).await.problem(403, "PERMISSION_DENIED");
    }
    carol
        .put("/home/alice/open/b.txt", "x")
        .await
        .problem(403, "PERMISSION_DENIED");
    carol.list("/", "recursive=true").await.is(200);
    let listed = carol
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    assert!(
        !listed.iter().any(|path| path.starts_with("/home/alice/")),
        "{listed:?}"
    );
}

#[tokio::test]
async fn unix_a_file_may_be_read_without_the_names_beside_it() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let carol = gateway.carol();
    alice.put("/drop/known.txt", "x").await.is(201);
    alice.patch("/drop", &json!({"mode": "0711"})).await.is(200);
    carol.get("/drop").await.problem(403, "PERMISSION_DENIED");
    carol
        .list("/drop", "")
        .await
        .problem(403, "PERMISSION_DENIED");
    carol.get("/drop/known.txt").await.is(200);
}

#[tokio::test]
async fn moving_needs_both_ends() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.make("/alices").await.is(201);
    bob.put("/bobs/a.txt", "x").await.is(201);
    bob.patch("/bobs/a.txt", &json!({"destination": "/alices/a.txt"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    alice
        .patch("/bobs/a.txt", &json!({"destination": "/alices/a.txt"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    assert_eq!(bob.get("/bobs/a.txt").await.is(200).body, b"x");
}

#[tokio::test]
async fn permissions_survive_a_restart() {
    let mut gateway = Gateway::start().await;
    gateway
        .alice()
        .put("/private.txt", "x")
        .header("content-type", "text/x-a")
        .await
        .is(201);
    gateway
        .alice()
        .patch("/private.txt", &json!({"mode": "0600"}))
        .await
        .is(200);
    let etag = gateway.alice().head("/private.txt").await.is(200).etag();
    gateway.stop();
    let gateway = gateway.restart();
    gateway
        .bob()
        .get("/private.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    let head = gateway.alice().head("/private.txt").await.is(200);
    assert_eq!(
        (head.etag(), head.header("content-type")),
        (etag, "text/x-a")
    );
}

#[tokio::test]
async fn owner_anyone_reads_and_creates_and_owners_do_the_rest() {
    let gateway = Setup::default().authorizer("owner").start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/docs/a.txt", "x").await.is(201);
    bob.get("/docs/a.txt").await.is(200);
    bob.put("/docs/b.txt", "x").await.is(201);
    bob.put("/docs/a.txt", "y")
        .await
        .problem(403, "PERMISSION_DENIED");
    bob.delete("/docs/a.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    alice.put("/docs/a.txt", "y").await.is(200);
    alice.delete("/docs/a.txt").await.is(204);
    gateway.admin().delete("/docs/b.txt").await.is(204);
}
