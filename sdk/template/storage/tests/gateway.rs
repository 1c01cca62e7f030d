//! The component in the real gateway.

use callfs_harness::storage;
use serde_json::json;

#[test]
fn files_come_back_until_they_are_removed() {
    let gateway = storage().folder("/").start();
    gateway.put("/notes/hello.txt", "hello, world").is(201);
    assert_eq!(
        gateway.get("/notes/hello.txt").is(200).text(),
        "hello, world"
    );
    assert_eq!(
        gateway.get_range("/notes/hello.txt", 7, 11).is(206).text(),
        "world"
    );
    assert_eq!(
        gateway.list("/").is(200).paths(),
        ["/notes", "/notes/hello.txt"]
    );
    gateway.delete("/notes/hello.txt").is(204);
    gateway.get("/notes/hello.txt").is(404);
}

#[test]
fn hidden_names_do_not_exist() {
    let gateway = storage()
        .folder("/")
        .config(json!({ "hide": ["secret"] }))
        .start();
    std::fs::write(gateway.folder("/").join("secret"), "hidden").expect("writable");
    std::fs::write(gateway.folder("/").join("shown"), "shown").expect("writable");
    assert_eq!(gateway.list("/").is(200).paths(), ["/shown"]);
    gateway.get("/secret").is(404);
    gateway.put("/secret", "mine").is(403);
}

/// `callfs plugin check` tries out everything that the component claims.
#[test]
fn it_keeps_what_it_promises() {
    storage().folder("/").check(&[]);
}
