//! `PATCH` with `exchange`: what is at two paths changes places in one step, so that a directory is
//! published in the place of another one while clients read it.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::harness::{Client, Gateway, Setup};

fn with(other: &str) -> Value {
    json!({"destination": other, "exchange": true})
}

#[tokio::test]
async fn a_directory_is_published_in_the_place_of_another_one() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for (at, says) in [
        ("/site/index.html", "old"),
        ("/site/old/page", "old page"),
        ("/staging/next/index.html", "new"),
        ("/staging/next/new/page", "new page"),
    ] {
        alice
            .put(at, says)
            .header("content-type", "text/x-a")
            .await
            .is(201);
    }
    let closed = json!({"mode": "0600"});
    alice.patch("/staging/next/new/page", &closed).await.is(200);

    let moved = alice.patch("/staging/next", &with("/site")).await.is(200);
    assert_eq!(moved.json()["path"], "/site");
    assert_eq!(moved.header("content-location"), "/v1/files/site");
    let index = alice
        .get("/site/index.html")
        .header("want-repr-digest", "sha-256=1")
        .await
        .is(200);
    assert_eq!(
        (index.text().as_str(), index.header("content-type")),
        ("new", "text/x-a")
    );
    assert!(index.header("repr-digest").starts_with("sha-256=:"));
    let page = alice.get("/site/new/page").await.is(200);
    assert_eq!(page.header("x-callfs-mode"), "0600");
    alice
        .get("/site/old/page")
        .await
        .problem(404, "FILE_NOT_FOUND");
    let bob = gateway.bob().get("/site/new/page").await;
    bob.problem(403, "PERMISSION_DENIED");

    // What was published before is under the name of the new one, until it is removed.
    let old = alice.get("/staging/next/old/page").await.is(200);
    assert_eq!(old.text(), "old page");
    alice
        .call("DELETE", "/v1/files/staging/next?recursive=true")
        .await
        .is(204);
    assert_eq!(
        gateway.everything_in("files"),
        [
            "site",
            "site/index.html",
            "site/new",
            "site/new/page",
            "staging"
        ]
    );
}

#[tokio::test]
async fn a_file_changes_places_with_a_file_or_a_directory() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/d/a", "a").await.is(201);
    alice.put("/d/b", "b").await.is(201);
    alice.put("/tree/in", "in").await.is(201);
    let etag = alice.head("/d/a").await.is(200).header("etag").to_owned();
    // Another name in the same directory.
    let swap = json!({"name": "b", "exchange": true});
    alice.patch("/d/a", &swap).await.is(200);
    assert_eq!(alice.get("/d/a").await.is(200).text(), "b");
    let moved = alice.get("/d/b").await.is(200);
    assert_eq!((moved.text().as_str(), moved.header("etag")), ("a", &*etag));
    alice.patch("/d/b", &with("/tree")).await.is(200);
    assert_eq!(alice.get("/tree").await.is(200).text(), "a");
    assert_eq!(alice.get("/d/b/in").await.is(200).text(), "in");
}

/// Reads until told to stop; every answer is of the one tree or of the other. Answers how many
/// there were.
async fn reads_one_or_the_other(who: Client, done: &AtomicBool) -> usize {
    let mut reads = 0;
    while !done.load(Ordering::SeqCst) {
        for at in ["/live/file", "/work/next/file"] {
            let file = who.get(at).await.is(200).text();
            assert!(["one", "other"].contains(&file.as_str()), "{at}: {file}");
        }
        for at in ["/live", "/work/next"] {
            let names = who.list(at, "limit=100").await.is(200).entries("name");
            let whole = [["deep", "file", "of-one"], ["deep", "file", "of-other"]];
            assert!(whole.iter().any(|whole| names == *whole), "{at}: {names:?}");
        }
        for at in ["/live/deep/er/file", "/work/next/deep/er/file"] {
            who.head(at).await.is(200);
        }
        reads += 1;
    }
    reads
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_find_the_old_or_the_new_tree_and_never_a_mixture_or_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for (at, tree) in [("/live", "one"), ("/work/next", "other")] {
        for name in ["file", "deep/er/file", &format!("of-{tree}")] {
            alice.put(&format!("{at}/{name}"), tree).await.is(201);
        }
    }
    let done = AtomicBool::new(false);
    let exchanges = async {
        for round in 0..60 {
            let (one, other) = match round % 3 {
                0 => ("/work/next", "/live"),
                _ => ("/live", "/work/next"),
            };
            alice.patch(one, &with(other)).await.is(200);
        }
        done.store(true, Ordering::SeqCst);
    };
    let (_, one, two) = tokio::join!(
        exchanges,
        reads_one_or_the_other(gateway.bob(), &done),
        reads_one_or_the_other(gateway.carol(), &done),
    );
    assert!(one >= 3 && two >= 3, "{one} {two}");
    // An even number of them.
    assert_eq!(alice.get("/live/file").await.is(200).text(), "one");
}

#[tokio::test]
async fn conditions_may_be_about_both_paths() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let etag = async |at: &str, says: &'static str| {
        let put = alice.put(at, says).await.is(201);
        put.header("etag").to_owned()
    };
    let a = etag("/a", "a").await;
    let b = etag("/b", "b").await;
    let both =
        |other: &str| json!({"destination": "/b", "exchange": true, "destination_if_match": other});
    for (ours, theirs) in [(&b, &b), (&a, &a)] {
        let refused = alice.patch("/a", &both(theirs)).header("if-match", ours);
        refused.await.problem(412, "PRECONDITION_FAILED");
        assert_eq!(alice.get("/a").await.is(200).text(), "a");
    }
    let exchanged = alice.patch("/a", &both(&b)).header("if-match", &a);
    exchanged.await.is(200);
    assert_eq!(alice.get("/a").await.is(200).text(), "b");
}

#[tokio::test]
async fn what_cannot_change_places_says_why_and_stays() {
    let gateway = Setup::flat().start().await;
    let admin = gateway.admin();
    for at in ["/live/deep/page", "/next/page", "/flat/one", "/flat/two"] {
        admin.put(at, at).await.is(201);
    }
    for (one, other, status, code, said) in [
        (
            "/live",
            "/live/deep",
            400,
            "BAD_REQUEST",
            "within the other",
        ),
        (
            "/live/deep",
            "/live",
            400,
            "BAD_REQUEST",
            "within the other",
        ),
        ("/", "/live", 400, "BAD_REQUEST", "root"),
        ("/live", "/", 400, "BAD_REQUEST", "within the other"),
        ("/live", "/none", 404, "FILE_NOT_FOUND", "'/none'"),
        ("/none", "/live", 404, "FILE_NOT_FOUND", "'/none'"),
        ("/live", "/flat", 403, "PERMISSION_DENIED", "mount point"),
        ("/live", "/flat/one", 422, "UNSUPPORTED", "different mounts"),
        ("/flat/one", "/flat/two", 422, "UNSUPPORTED", "in one step"),
    ] {
        let detail = admin.patch(one, &with(other)).await.detail(status, code);
        assert!(detail.contains(said), "{one} {other}: {detail}");
    }
    let replaced = json!({"destination": "/next", "exchange": true, "overwrite": true});
    let detail = admin.patch("/live", &replaced).await;
    assert!(detail.detail(400, "BAD_REQUEST").contains("overwrite"));
    for at in ["/live/deep/page", "/next/page", "/flat/one", "/flat/two"] {
        assert_eq!(admin.get(at).await.is(200).text(), at);
    }
}

#[tokio::test]
async fn who_may_move_only_one_side_exchanges_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/alices/tree/x", "alice's").await.is(201);
    bob.put("/bobs/tree/x", "bob's").await.is(201);
    for (who, one, other) in [
        (&bob, "/bobs/tree", "/alices/tree"),
        (&bob, "/alices/tree", "/bobs/tree"),
        (&alice, "/alices/tree", "/bobs/tree"),
    ] {
        let refused = who.patch(one, &with(other)).await;
        refused.problem(403, "PERMISSION_DENIED");
    }
    assert_eq!(alice.get("/alices/tree/x").await.is(200).text(), "alice's");
    gateway
        .admin()
        .patch("/alices/tree", &with("/bobs/tree"))
        .await
        .is(200);
    let here = alice.get("/bobs/tree/x").await.is(200);
    assert_eq!(
        (here.text().as_str(), here.header("x-callfs-owner")),
        ("alice's", "alice")
    );
}

#[tokio::test]
async fn what_was_refused_is_not_made_up_for_after_it_was_asked_for_again() {
    let mut gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    alice.put("/d/x", "alice's").await.is(201);
    bob.put("/e/x", "bob's").await.is(201);
    // While the folder is away nothing tells what has become of an exchange.
    let served = gateway.path("files");
    let away = gateway.path("away");
    std::fs::rename(&served, &away).expect("moved away");
    let admin = gateway.admin();
    assert_eq!(admin.patch("/d", &with("/e")).await.status, 503);
    std::fs::rename(&away, &served).expect("moved back");
    admin.patch("/d", &with("/e")).await.is(200);
    gateway.stop();
    let gateway = gateway.restart();
    for (path, owner) in [
        ("/d", "bob"),
        ("/d/x", "bob"),
        ("/e", "alice"),
        ("/e/x", "alice"),
    ] {
        let found = gateway.admin().head(path).await.is(200);
        assert_eq!(found.header("x-callfs-owner"), owner, "{path}");
    }
}
