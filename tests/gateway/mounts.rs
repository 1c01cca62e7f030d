//! Several mounts: the longest prefix wins, and users see one tree.

use std::fs;

use serde_json::json;

use crate::harness::{Gateway, Mount, Setup};

async fn three() -> Gateway {
    Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/archive", "second"))
        .mount(Mount::folder("/archive/deep/er", "third"))
        .start()
        .await
}

#[tokio::test]
async fn the_longest_prefix_owns_a_path() {
    let gateway = three().await;
    let admin = gateway.admin();
    for (path, file) in [
        ("/a.txt", "files/a.txt"),
        ("/archive/a.txt", "second/a.txt"),
        ("/archive/deep/er/a.txt", "third/a.txt"),
        ("/archived.txt", "files/archived.txt"),
        ("/archive/deep/erase.txt", "second/deep/erase.txt"),
    ] {
        admin.put(path, path.to_owned()).await.is(201);
        assert_eq!(fs::read_to_string(gateway.path(file)).expect(path), path);
        assert_eq!(admin.get(path).await.is(200).text(), path);
    }
}

#[tokio::test]
async fn mounts_are_listed_where_they_are() {
    let gateway = three().await;
    let admin = gateway.admin();
    admin.put("/z.txt", "x").await.is(201);
    admin.put("/archive/a.txt", "x").await.is(201);
    admin.put("/archive/deep/er/b.txt", "x").await.is(201);
    let root = admin.get("/").await.is(200);
    assert_eq!(root.entries("name"), ["archive", "z.txt"]);
    assert_eq!(root.entries("type"), ["directory", "file"]);
    assert_eq!(
        admin.get("/archive").await.is(200).entries("name"),
        ["a.txt", "deep"]
    );
    assert_eq!(
        admin.get("/archive/deep").await.is(200).entries("name"),
        ["er"]
    );
    let mut all = admin
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    all.sort_unstable();
    let expected = [
        "/archive",
        "/archive/a.txt",
        "/archive/deep",
        "/archive/deep/er",
        "/archive/deep/er/b.txt",
        "/z.txt",
    ];
    assert_eq!(all, expected);
}

#[tokio::test]
async fn what_a_mount_covers_is_not_seen() {
    let dir = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/archive", "second"))
        .prepare();
    fs::create_dir(dir.path().join("files/archive")).expect("a folder");
    fs::write(dir.path().join("files/archive/covered.txt"), "x").expect("writable");
    let gateway = Gateway::start_in(dir, &[]);
    gateway
        .admin()
        .get("/archive/covered.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(
        gateway.admin().get("/").await.is(200).entries("name"),
        ["archive"]
    );
}

#[tokio::test]
async fn a_move_to_another_mount_moves_the_bytes() {
    let gateway = three().await;
    let admin = gateway.admin();
    admin.put("/docs/a.txt", "content").await.is(201);
    admin
        .patch("/docs", &json!({"destination": "/archive/moved"}))
        .await
        .is(200);
    assert_eq!(
        admin.get("/archive/moved/a.txt").await.is(200).body,
        b"content"
    );
    assert_eq!(gateway.everything_in("files"), [] as [&str; 0]);
    assert_eq!(gateway.everything_in("second"), ["moved", "moved/a.txt"]);
}

#[tokio::test]
async fn defect_4_a_directory_with_a_mount_inside_keeps_names_and_bytes_together() {
    let gateway = three().await;
    let admin = gateway.admin();
    admin.put("/archive/deep/er/a.txt", "a").await.is(201);
    let moved = admin
        .patch("/archive/deep", &json!({"name": "other"}))
        .await;
    assert!(
        (400..500).contains(&moved.status),
        "{} {}",
        moved.status,
        moved.text()
    );
    assert_eq!(admin.get("/archive/deep/er/a.txt").await.is(200).body, b"a");
}
