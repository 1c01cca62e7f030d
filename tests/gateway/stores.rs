//! What must be so on every store of the metadata store.

use serde_json::json;

use crate::harness::{Setup, on_every_store};

on_every_store! {
    owners_modes_types_and_links_are_kept
    defect_1_a_rename_is_exact_in_case
    defect_2_children_of_names_that_are_not_ascii_follow_whole
    defect_4_bytes_follow_their_names_to_another_storage
    defect_8_what_was_deleted_can_be_made_again
}

async fn owners_modes_types_and_links_are_kept(index: String) {
    let mut gateway = Setup::on(&index).start().await;
    let alice = gateway.alice();
    alice
        .put("/docs/a.bin", "content")
        .header("content-type", "text/x-a")
        .await
        .is(201);
    alice
        .patch("/docs/a.bin", &json!({"mode": "0640"}))
        .await
        .is(200);
    let link = alice
        .call("POST", "/v1/links/generate")
        .header("content-type", "application/json");
    let link = link
        .body(json!({"path": "/docs/a.bin", "expiry_seconds": 600}).to_string())
        .await
        .is(201)
        .json();
    let token = link["token"].as_str().expect("a token").to_owned();
    gateway.stop();
    let gateway = gateway.restart();
    let got = gateway.alice().get("/docs/a.bin").await.is(200);
    assert_eq!(
        (got.header("content-type"), got.header("x-callfs-owner")),
        ("text/x-a", "alice")
    );
    gateway
        .carol()
        .get("/docs/a.bin")
        .await
        .problem(403, "PERMISSION_DENIED");
    gateway.bob().get("/docs/a.bin").await.is(200);
    let download = async || {
        gateway
            .stranger()
            .call("GET", &format!("/download/{token}"))
            .await
    };
    assert_eq!(download().await.is(200).body, b"content");
    assert_eq!(download().await.status, 410);
}

async fn defect_1_a_rename_is_exact_in_case(index: String) {
    let gateway = Setup::on(&index).start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/docs/private.txt", "of alice").await.is(201);
    alice
        .patch("/docs/private.txt", &json!({"mode": "0600"}))
        .await
        .is(200);
    bob.put("/DOCS/of-bob.txt", "of bob").await.is(201);
    bob.patch("/DOCS", &json!({"name": "Archive"}))
        .await
        .is(200);
    assert_eq!(bob.get("/Archive/of-bob.txt").await.is(200).body, b"of bob");
    assert_eq!(
        alice.get("/docs/private.txt").await.is(200).body,
        b"of alice"
    );
    bob.get("/docs/private.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    assert_eq!(
        alice.list("/docs", "").await.is(200).entries("name"),
        ["private.txt"]
    );
}

async fn defect_2_children_of_names_that_are_not_ascii_follow_whole(index: String) {
    let gateway = Setup::on(&index).start().await;
    let alice = gateway.alice();
    for name in ["größe/日本語/файл.txt", "größe/🦀.txt"] {
        alice
            .put(&format!("/{name}"), name.to_owned())
            .header("content-type", "text/x-a")
            .await
            .is(201);
        alice
            .patch(&format!("/{name}"), &json!({"mode": "0600"}))
            .await
            .is(200);
    }
    for (from, to) in [
        ("/größe", "x"),
        ("/x", "länger als vorher"),
        ("/länger als vorher", "größe"),
    ] {
        alice.patch(from, &json!({"name": to})).await.is(200);
        for name in ["日本語/файл.txt", "🦀.txt"] {
            let got = alice.get(&format!("/{to}/{name}")).await.is(200);
            assert_eq!(got.body, format!("größe/{name}").as_bytes());
            assert_eq!(
                (got.header("content-type"), got.header("x-callfs-owner")),
                ("text/x-a", "alice"),
                "{to}/{name}"
            );
            gateway
                .bob()
                .get(&format!("/{to}/{name}"))
                .await
                .problem(403, "PERMISSION_DENIED");
        }
    }
}

async fn defect_4_bytes_follow_their_names_to_another_storage(index: String) {
    let gateway = Setup::on(&index).start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    let alice = gateway.alice();
    for number in 0..30 {
        alice
            .put(
                &format!("/tree/{}/{number}", number % 3),
                format!("content {number}"),
            )
            .await
            .is(201);
    }
    alice
        .patch("/tree/1/1", &json!({"mode": "0600"}))
        .await
        .is(200);
    for (from, to) in [("/tree", "/flat/tree"), ("/flat/tree", "/back")] {
        alice.patch(from, &json!({"destination": to})).await.is(200);
        for number in 0..30 {
            let got = alice
                .get(&format!("{to}/{}/{number}", number % 3))
                .await
                .is(200);
            assert_eq!(
                (got.text(), got.header("x-callfs-owner")),
                (format!("content {number}"), "alice")
            );
        }
        gateway
            .bob()
            .get(&format!("{to}/1/1"))
            .await
            .problem(403, "PERMISSION_DENIED");
        alice.get(from).await.problem(404, "FILE_NOT_FOUND");
    }
    let left: Vec<String> = gateway.everything_in("second");
    assert!(left.is_empty(), "{left:?}");
}

async fn defect_8_what_was_deleted_can_be_made_again(index: String) {
    let gateway = Setup::on(&index).start().await;
    let alice = gateway.alice();
    for round in 0..20 {
        alice.post("/again.txt", format!("{round}")).await.is(201);
        alice
            .post("/again.txt", "twice")
            .await
            .problem(409, "FILE_ALREADY_EXISTS");
        assert_eq!(
            alice.get("/again.txt").await.is(200).text(),
            format!("{round}")
        );
        alice.delete("/again.txt").await.is(204);
        alice.get("/again.txt").await.problem(404, "FILE_NOT_FOUND");
    }
}
