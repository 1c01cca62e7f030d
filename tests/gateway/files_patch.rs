//! `PATCH /v1/files/{path}`: rename, move, change attributes.

use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::Gateway;

#[tokio::test]
async fn a_file_gets_another_name() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/docs/a.txt", "content")
        .header("content-type", "text/x-a")
        .await
        .is(201);
    let renamed = alice
        .patch("/docs/a.txt", &json!({"name": "b.txt"}))
        .await
        .is(200);
    assert_eq!(renamed.json()["path"], "/docs/b.txt");
    alice
        .get("/docs/a.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    let got = alice.get("/docs/b.txt").await.is(200);
    assert_eq!(got.body, b"content");
    assert_eq!(
        (got.header("x-callfs-owner"), got.header("content-type")),
        ("alice", "text/x-a")
    );
}

#[tokio::test]
async fn a_directory_moves_with_everything_in_it() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/deep/er/a.txt", "a").await.is(201);
    alice.put("/docs/b.txt", "b").await.is(201);
    gateway
        .bob()
        .put("/docs2/not-me.txt", "bob's")
        .await
        .is(201);
    let moved = alice
        .patch(
            "/docs",
            &json!({"destination": "/archive/2024", "create_parents": true}),
        )
        .await
        .is(200);
    assert_eq!(moved.json()["path"], "/archive/2024");
    assert_eq!(
        alice.get("/archive/2024/deep/er/a.txt").await.is(200).body,
        b"a"
    );
    assert_eq!(
        alice
            .head("/archive/2024/b.txt")
            .await
            .is(200)
            .header("x-callfs-owner"),
        "alice"
    );
    alice
        .get("/docs/b.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(alice.get("/docs2/not-me.txt").await.is(200).body, b"bob's");
}

#[tokio::test]
async fn what_is_at_the_destination_is_replaced_only_on_demand() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "a").await.is(201);
    alice.put("/b", "b").await.is(201);
    alice
        .patch("/a", &json!({"destination": "/b"}))
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
    alice
        .patch("/a", &json!({"name": "b"}))
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
    assert_eq!(alice.get("/b").await.is(200).body, b"b");
    alice
        .patch("/a", &json!({"destination": "/b", "overwrite": true}))
        .await
        .is(200);
    assert_eq!(alice.get("/b").await.is(200).body, b"a");
    alice.get("/a").await.problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn parents_of_the_destination_are_made_only_on_demand() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "a").await.is(201);
    let detail = alice
        .patch("/a", &json!({"destination": "/new/b"}))
        .await
        .detail(404, "FILE_NOT_FOUND");
    assert!(detail.contains("/new"), "{detail}");
    assert_eq!(alice.get("/a").await.is(200).body, b"a");
    alice
        .patch(
            "/a",
            &json!({"destination": "/new/b", "create_parents": true}),
        )
        .await
        .is(200);
    assert_eq!(alice.get("/new/b").await.is(200).body, b"a");
}

#[tokio::test]
async fn a_patch_must_make_sense() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a", "a").await.is(201);
    let nonsense = [
        json!({}),
        json!({"name": "b", "destination": "/b"}),
        json!({"name": "b/c"}),
        json!({"name": ""}),
        json!({"name": ".."}),
        json!({"destination": "relative"}),
        json!({"nmae": "b"}),
        json!({"mode": "rwxr-xr-x"}),
        json!({"mode": "17777"}),
        json!(["name"]),
    ];
    for document in nonsense {
        alice
            .patch("/docs/a", &document)
            .await
            .problem(400, "BAD_REQUEST");
    }
    alice
        .call("PATCH", "/v1/files/docs/a")
        .body("{")
        .await
        .problem(400, "BAD_REQUEST");
    alice
        .patch("/docs", &json!({"destination": "/docs/inside"}))
        .await
        .problem(400, "BAD_REQUEST");
    assert_eq!(alice.get("/docs/a").await.is(200).body, b"a");
    alice
        .patch("/nothing", &json!({"name": "b"}))
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn moving_onto_itself_changes_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "a").await.is(201);
    alice
        .patch("/a", &json!({"name": "a", "overwrite": true}))
        .await;
    assert_eq!(alice.get("/a").await.is(200).body, b"a");
}

#[tokio::test]
async fn attributes_change() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let admin = gateway.admin();
    alice.put("/a", "a").await.is(201);
    alice.patch("/a", &json!({"mode": "0600"})).await.is(200);
    assert!(
        alice
            .head("/a")
            .await
            .is(200)
            .header("x-callfs-mode")
            .ends_with("600")
    );
    gateway
        .bob()
        .get("/a")
        .await
        .problem(403, "PERMISSION_DENIED");

    gateway
        .bob()
        .patch("/a", &json!({"mode": "0666"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    alice
        .patch("/a", &json!({"owner": "bob"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    admin
        .patch(
            "/a",
            &json!({"owner": "bob", "group": "guests", "mode": "0640"}),
        )
        .await
        .is(200);
    let head = gateway.bob().head("/a").await.is(200);
    assert_eq!(
        (head.header("x-callfs-owner"), head.header("x-callfs-group")),
        ("bob", "guests")
    );
    assert_eq!(gateway.carol().get("/a").await.is(200).body, b"a");
    alice.get("/a").await.problem(403, "PERMISSION_DENIED");
}

/// The bits that run a file as its owner or group never reach a disk, so they are not recorded
/// either; the others do.
#[tokio::test]
async fn a_mode_has_the_bits_that_a_disk_is_given() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/d/a", "a").await.is(201);
    let on_disk = |path: &str| {
        let held = std::fs::metadata(gateway.path("files").join(path)).expect("there");
        held.permissions().mode() & 0o7777
    };
    for path in ["d/a", "d"] {
        let patch = |mode: &str| alice.patch(&format!("/{path}"), &json!({ "mode": mode }));
        for (mode, bits) in [("0750", 0o750), ("1755", 0o1755), ("01700", 0o1700)] {
            let told = patch(mode).await.is(200).json();
            assert_eq!(told["mode"], format!("{bits:04o}"), "{path}: {told}");
            assert_eq!(on_disk(path), bits, "{path}");
        }
        for mode in ["4755", "2755", "6755", "02000", "7777", "07777", "17777"] {
            let detail = patch(mode).await.detail(400, "BAD_REQUEST");
            assert!(detail.contains("at most \"1777\""), "{mode}: {detail}");
        }
        let told = alice.head(&format!("/{path}")).await.is(200);
        assert_eq!(told.header("x-callfs-mode"), "1700", "{path}");
        assert_eq!(on_disk(path), 0o1700, "{path}");
    }
}

#[tokio::test]
async fn defect_1_a_rename_touches_no_path_of_another_case() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/DOCS/a.txt", "alice's").await.is(201);
    bob.put("/docs/a.txt", "bob's").await.is(201);
    bob.patch("/docs/a.txt", &json!({"mode": "0600"}))
        .await
        .is(200);

    alice
        .patch("/DOCS", &json!({"name": "moved"}))
        .await
        .is(200);
    let bobs = bob.get("/docs/a.txt").await.is(200);
    assert_eq!(
        (bobs.body.as_slice(), bobs.header("x-callfs-owner")),
        (b"bob's".as_slice(), "bob")
    );
    alice
        .get("/docs/a.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    assert_eq!(alice.get("/moved/a.txt").await.is(200).body, b"alice's");
    alice
        .get("/moved/A.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn defect_1_a_rename_takes_underscores_and_percents_literally() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/d_c%/a.txt", "alice's").await.is(201);
    bob.put("/docs/a.txt", "bob's")
        .header("content-type", "text/x-bob")
        .await
        .is(201);
    alice
        .patch("/d_c%", &json!({"name": "moved"}))
        .await
        .is(200);
    let bobs = bob.get("/docs/a.txt").await.is(200);
    assert_eq!(
        (bobs.header("x-callfs-owner"), bobs.header("content-type")),
        ("bob", "text/x-bob")
    );
}

#[tokio::test]
async fn defect_2_renaming_a_directory_with_a_non_ascii_name_keeps_its_children() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/Überblick 日本/ä/b.txt", "content")
        .header("content-type", "text/x-b")
        .await
        .is(201);
    alice
        .patch("/Überblick 日本/ä/b.txt", &json!({"mode": "0640"}))
        .await
        .is(200);
    for (from, to) in [("Überblick 日本", "plain"), ("plain", "é")] {
        alice
            .patch(&format!("/{from}"), &json!({"name": to}))
            .await
            .is(200);
        let got = alice.get(&format!("/{to}/ä/b.txt")).await.is(200);
        assert_eq!(got.body, b"content");
        assert_eq!(
            (got.header("x-callfs-owner"), got.header("content-type")),
            ("alice", "text/x-b")
        );
        assert!(
            got.header("x-callfs-mode").ends_with("640"),
            "{:?}",
            got.headers
        );
        assert_eq!(alice.get("/").await.is(200).entries("name"), [to]);
    }
}

#[tokio::test]
async fn defect_3_a_destination_is_a_path_like_any_other() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "a").await.is(201);
    alice.put("/victim.txt", "victim").await.is(201);
    for destination in [
        "/docs/../victim.txt",
        "/./victim.txt",
        "//victim.txt",
        "/docs/x/../../victim.txt",
        "/victim.txt\u{0}",
    ] {
        for overwrite in [false, true] {
            let document =
                json!({"destination": destination, "overwrite": overwrite, "create_parents": true});
            alice
                .patch("/docs/a.txt", &document)
                .await
                .problem(400, "BAD_REQUEST");
        }
    }
    assert_eq!(alice.get("/victim.txt").await.is(200).body, b"victim");
    assert_eq!(alice.get("/docs/a.txt").await.is(200).body, b"a");
    assert_eq!(
        gateway.everything_in("files"),
        ["docs", "docs/a.txt", "victim.txt"]
    );
}
