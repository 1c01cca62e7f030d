//! `DELETE /v1/files/{path}`.

use serde_json::json;

use crate::harness::{Call, Client, Gateway, Mount, Setup, encode, eventually};

fn delete_tree(client: &Client, path: &str) -> Call {
    client.call(
        "DELETE",
        &format!("/v1/files{}?recursive=true", encode(path)),
    )
}

#[tokio::test]
async fn a_file_is_gone() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    assert!(alice.delete("/docs/a.txt").await.is(204).body.is_empty());
    alice
        .get("/docs/a.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    alice
        .delete("/docs/a.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(gateway.everything_in("files"), ["docs"]);
}

#[tokio::test]
async fn what_comes_after_a_file_inherits_nothing_from_it() {
    let gateway = Gateway::start().await;
    gateway
        .alice()
        .put("/a", "x")
        .header("content-type", "text/x-alice")
        .await
        .is(201);
    gateway.alice().delete("/a").await.is(204);
    gateway.bob().put("/a", "y").await.is(201);
    let head = gateway.bob().head("/a").await.is(200);
    assert_eq!(
        (head.header("x-callfs-owner"), head.header("content-type")),
        ("bob", "application/octet-stream")
    );
}

#[tokio::test]
async fn defect_8_what_was_deleted_is_gone_at_once_and_its_name_is_free() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for round in 0..20 {
        let body = format!("round {round}");
        // Whatever remembers names and records has seen this one in every state.
        alice.get("/docs/a").await.problem(404, "FILE_NOT_FOUND");
        alice.post("/docs/a", body.clone()).await.is(201);
        alice
            .post("/docs/a", "x")
            .await
            .problem(409, "FILE_ALREADY_EXISTS");
        assert_eq!(gateway.bob().get("/docs/a").await.is(200).text(), body);
        assert_eq!(alice.list("/docs", "").await.is(200).entries("name"), ["a"]);
        match round % 3 {
            0 => alice.delete("/docs/a").await.is(204),
            1 => delete_tree(&alice, "/docs").await.is(204),
            // Another program, which tells nobody.
            _ => {
                std::fs::remove_file(gateway.path("files/docs/a")).expect("it was there");
                alice.head("/docs/a").await.is(404)
            }
        };
        alice.head("/docs/a").await.is(404);
        gateway
            .bob()
            .get("/docs/a")
            .await
            .problem(404, "FILE_NOT_FOUND");
        alice.delete("/docs/a").await.problem(404, "FILE_NOT_FOUND");
        alice
            .patch("/docs/a", &json!({"name": "b"}))
            .await
            .problem(404, "FILE_NOT_FOUND");
        if round % 3 != 1 {
            assert_eq!(
                alice.list("/docs", "").await.is(200).entries("name"),
                [] as [&str; 0]
            );
        }
    }
}

#[tokio::test]
async fn defect_11_a_directory_that_is_not_empty_is_refused_and_says_so() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "x").await.is(201);
    let detail = alice
        .delete("/docs")
        .await
        .detail(409, "DIRECTORY_NOT_EMPTY");
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
    alice
        .delete("/a")
        .header("if-match", &old)
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice.delete("/a").header("if-match", &new).await.is(204);
}

#[tokio::test]
async fn roots_stay() {
    let gateway = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/archive", "second"))
        .start()
        .await;
    for path in ["/", "/archive"] {
        let refused = gateway.admin().delete(path).await;
        assert!(
            (400..500).contains(&refused.status),
            "{path}: {}",
            refused.text()
        );
        gateway.admin().get(path).await.is(200);
    }
}

#[tokio::test]
async fn a_tree_is_removed_on_request_only() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for path in [
        "/docs/a.txt",
        "/docs/b/c.txt",
        "/docs/b/d/e.txt",
        "/docs.txt",
    ] {
        alice.put(path, "x").await.is(201);
    }
    alice.make("/docs/empty").await.is(201);
    for query in ["", "?recursive=false", "?recursive=0"] {
        alice
            .call("DELETE", &format!("/v1/files/docs{query}"))
            .await
            .problem(409, "DIRECTORY_NOT_EMPTY");
    }
    for query in ["?recursive=perhaps", "?recursive=2", "?force=true"] {
        alice
            .call("DELETE", &format!("/v1/files/docs{query}"))
            .await
            .problem(400, "BAD_REQUEST");
    }
    assert!(delete_tree(&alice, "/docs").await.is(204).body.is_empty());
    assert_eq!(gateway.everything_in("files"), ["docs.txt"]);
    delete_tree(&alice, "/docs")
        .await
        .problem(404, "FILE_NOT_FOUND");
    delete_tree(&alice, "/docs.txt").await.is(204);
    // Whoever comes after inherits nothing.
    gateway.bob().put("/docs/b/c.txt", "y").await.is(201);
    assert_eq!(
        gateway
            .bob()
            .head("/docs/b")
            .await
            .is(200)
            .header("x-callfs-owner"),
        "bob"
    );
}

#[tokio::test]
async fn a_tree_with_something_denied_in_it_stays_whole() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/docs/a.txt", "x").await.is(201);
    alice.put("/docs/open/b.txt", "x").await.is(201);
    for path in ["/docs", "/docs/open"] {
        alice.patch(path, &json!({"mode": "0777"})).await.is(200);
    }
    bob.put("/docs/open/bobs/c.txt", "x").await.is(201);
    let before = gateway.everything_in("files");
    let detail = delete_tree(&alice, "/docs")
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(detail.contains("/docs/open/bobs/c.txt"), "{detail}");
    assert_eq!(gateway.everything_in("files"), before);
    bob.patch("/docs/open/bobs", &json!({"mode": "0700"}))
        .await
        .is(200);
    let detail = delete_tree(&alice, "/docs")
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(
        !detail.contains("c.txt"),
        "tells what is behind a closed door: {detail}"
    );
    assert_eq!(gateway.everything_in("files"), before);
    gateway
        .carol()
        .call("DELETE", "/v1/files/docs?recursive=true")
        .await
        .problem(403, "PERMISSION_DENIED");
    delete_tree(&gateway.admin(), "/docs").await.is(204);
    assert_eq!(gateway.everything_in("files"), [] as [&str; 0]);
}

#[tokio::test]
async fn links_in_a_tree_are_removed_and_never_followed() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    admin.put("/docs/a.txt", "x").await.is(201);
    admin.put("/kept/b.txt", "x").await.is(201);
    for (target, link) in [
        ("../kept", "docs/inside"),
        ("/", "docs/outside"),
        ("none", "docs/dangling"),
        ("kept", "top"),
    ] {
        std::os::unix::fs::symlink(target, gateway.path("files").join(link)).expect("a link");
    }
    delete_tree(&admin, "/docs").await.is(204);
    delete_tree(&admin, "/top").await.is(204);
    assert_eq!(gateway.everything_in("files"), ["kept", "kept/b.txt"]);
}

#[tokio::test]
async fn a_tree_that_holds_a_mount_stays() {
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/docs/archive", "second"));
    let gateway = setup.start().await;
    let admin = gateway.admin();
    admin.put("/docs/a.txt", "x").await.is(201);
    admin.put("/docs/archive/b.txt", "x").await.is(201);
    for path in ["/", "/docs", "/docs/archive"] {
        let refused = delete_tree(&admin, path).await;
        assert!(
            (400..500).contains(&refused.status),
            "{path}: {}",
            refused.text()
        );
    }
    assert!(
        delete_tree(&admin, "/docs")
            .await
            .detail(403, "PERMISSION_DENIED")
            .contains("mount point")
    );
    admin.get("/docs/a.txt").await.is(200);
    admin.get("/docs/archive/b.txt").await.is(200);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_removal_goes_on_without_its_client_and_excludes_others_meanwhile() {
    let gateway = Gateway::start().await;
    for number in 0..3_000 {
        let folder = gateway.path(&format!("files/large/{:02}", number % 30));
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(folder.join(number.to_string()), "x").expect("writable");
    }
    let admin = gateway.admin();
    let first = gateway.path("files/large/00/0");
    let removal = tokio::spawn(async move { delete_tree(&admin, "/large").await });
    eventually("the removal to begin", async || {
        (!first.exists()).then_some(())
    })
    .await;
    removal.abort();
    // It waits for the end of the removal, and is not removed.
    gateway.admin().put("/large/new.txt", "new").await.is(201);
    assert_eq!(gateway.everything_in("files"), ["large", "large/new.txt"]);
}
