//! `GET /v1/directories/{path}`.

use crate::harness::{Client, Gateway};

async fn tree() -> (Gateway, Client) {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    for path in ["/a/1.txt", "/a/b/2.txt", "/a/b/c/3.txt", "/a.txt", "/B/4.txt"] {
        alice.put(path, "12345").await.is(201);
    }
    (gateway, alice)
}

#[tokio::test]
async fn a_listing_says_what_it_is() {
    let (_gateway, alice) = tree().await;
    let listing = alice.list("/a", "").await.is(200);
    let json = listing.json();
    assert_eq!(json["path"], "/a");
    assert_eq!(json["type"], "directory");
    assert_eq!(json["recursive"], false);
    assert_eq!(json["count"], 2);
    assert_eq!(listing.entries("name"), ["1.txt", "b"]);
    assert_eq!(listing.entries("path"), ["/a/1.txt", "/a/b"]);
    assert_eq!(json["items"][0]["size"], 5);
    assert_eq!(json["items"][0]["owner"], "alice");
}

#[tokio::test]
async fn the_root_is_a_directory_with_or_without_a_slash() {
    let (_gateway, alice) = tree().await;
    for target in ["/v1/directories", "/v1/directories/"] {
        assert_eq!(alice.call("GET", target).await.is(200).entries("name"), ["B", "a", "a.txt"], "{target}");
    }
    assert_eq!(alice.call("GET", "/v1/directories/a/").await.is(200).entries("name"), ["1.txt", "b"]);
}

#[tokio::test]
async fn recursion_goes_as_deep_as_asked_in_byte_order() {
    let (_gateway, alice) = tree().await;
    let all = alice.list("/", "recursive=true").await.is(200).entries("path");
    let expected = ["/B", "/B/4.txt", "/a", "/a.txt", "/a/1.txt", "/a/b", "/a/b/2.txt", "/a/b/c", "/a/b/c/3.txt"];
    assert_eq!(all, expected);
    let two = alice.list("/", "recursive=true&max_depth=2").await.is(200).entries("path");
    assert_eq!(two, ["/B", "/B/4.txt", "/a", "/a.txt", "/a/1.txt", "/a/b"]);
    let one = alice.list("/", "recursive=true&max_depth=1").await.is(200).entries("name");
    assert_eq!(one, ["B", "a", "a.txt"]);
}

#[tokio::test]
async fn names_come_in_byte_order() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let mut names = ["z", "Z", "ä", "a", "a b", "a.b", "a-b", "_", "10", "9", "日本"];
    for name in names {
        alice.put(&format!("/{name}"), "x").await.is(201);
    }
    names.sort_unstable();
    assert_eq!(alice.list("/", "").await.is(200).entries("name"), names);
}

#[tokio::test]
async fn a_file_is_no_directory() {
    let (_gateway, alice) = tree().await;
    let detail = alice.list("/a.txt", "").await.detail(400, "NOT_A_DIRECTORY");
    assert!(detail.contains("/a.txt"), "{detail}");
    alice.list("/nothing", "").await.problem(404, "FILE_NOT_FOUND");
}

#[tokio::test]
async fn a_query_must_make_sense() {
    let (_gateway, alice) = tree().await;
    for query in ["max_depth=deep", "max_depth=-1", "recursive=perhaps", "recursvie=true"] {
        alice.list("/", query).await.problem(400, "BAD_REQUEST");
    }
}

#[tokio::test]
async fn large_directories_are_complete() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    std::fs::create_dir(gateway.path("files/many")).expect("a folder");
    let expected: Vec<String> = (0..2500).map(|number| format!("{number:05}")).collect();
    for name in &expected {
        std::fs::write(gateway.path("files/many").join(name), "x").expect("writable");
    }
    let mut found = Vec::new();
    let mut target = "/v1/directories/many".to_owned();
    loop {
        let page = alice.call("GET", &target).await.is(200);
        let entries = page.entries("name");
        assert!(!entries.is_empty(), "an empty page after {} entries", found.len());
        found.extend(entries);
        match page.json()["next"].as_str() {
            Some(next) => target = format!("/v1/directories/many?after={}", crate::harness::encode(next)),
            None => break,
        }
    }
    assert_eq!(found, expected);
}
