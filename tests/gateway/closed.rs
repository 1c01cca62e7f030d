//! Behind a directory that the caller may not enter: every request is answered the same way,
//! whatever is there, and an answer under way ends once it is closed.

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;

use serde_json::json;

use crate::harness::link::ask;
use crate::harness::{BOB_KEY, Call, Client, Gateway, Raw, Reply};

/// Makes something at a path on disk.
type Make = fn(&Path);
/// Asks something about a path of the gateway.
type Ask = fn(&Client, &str) -> Call;

/// What can be at the path `/private/x` on disk.
const STATES: [(&str, Make); 11] = [
    ("nothing", |_| ()),
    ("a file", |at| fs::write(at, "secret").expect("made")),
    ("an empty file", |at| fs::write(at, "").expect("made")),
    ("a directory", |at| fs::create_dir(at).expect("made")),
    ("a directory with a file", |at| {
        fs::create_dir(at).expect("made");
        fs::write(at.join("y"), "secret").expect("made");
    }),
    ("a tree", |at| {
        fs::create_dir_all(at.join("y/z")).expect("made");
    }),
    ("a link to a file", |at| {
        symlink("../open", at).expect("made")
    }),
    ("a link to itself", |at| symlink("x", at).expect("made")),
    ("a link out of the folder", |at| {
        symlink("../../../etc/passwd", at).expect("made");
    }),
    ("a link to nothing", |at| {
        symlink("nothing", at).expect("made")
    }),
    ("a socket", |at| {
        drop(UnixListener::bind(at).expect("made"));
    }),
];

/// Everything that can be asked about a path.
const ASKED: [(&str, Ask); 26] = [
    ("GET", |bob, path| bob.get(path)),
    ("GET of a directory", |bob, path| {
        bob.get(&format!("{path}/"))
    }),
    ("GET as a page", |bob, path| {
        bob.get(path).header("accept", "text/html")
    }),
    ("GET if it has no tag", |bob, path| {
        bob.get(path).header("if-none-match", "*")
    }),
    ("GET of a range", |bob, path| {
        bob.get(path).header("range", "bytes=0-1")
    }),
    ("HEAD", |bob, path| bob.head(path)),
    ("HEAD of a directory", |bob, path| {
        bob.head(&format!("{path}/"))
    }),
    ("a listing", |bob, path| bob.list(path, "recursive=true")),
    ("a streamed listing", |bob, path| {
        bob.list(path, "").header("accept", "application/x-ndjson")
    }),
    ("PUT", |bob, path| bob.put(path, "x")),
    ("PUT of nothing", |bob, path| bob.put(path, "")),
    ("PUT if it is not there", |bob, path| {
        bob.put(path, "x").header("if-none-match", "*")
    }),
    ("PUT if it is there", |bob, path| {
        bob.put(path, "x").header("if-match", "*")
    }),
    ("POST", |bob, path| bob.post(path, "x")),
    ("a directory", |bob, path| bob.make(path)),
    ("DELETE", |bob, path| bob.delete(path)),
    ("DELETE of a directory", |bob, path| {
        bob.delete(&format!("{path}/"))
    }),
    ("DELETE of a tree", |bob, path| {
        bob.call("DELETE", &format!("/v1/files{path}?recursive=true"))
    }),
    ("a mode", |bob, path| {
        bob.patch(path, &json!({"mode": "0777"}))
    }),
    ("a move from there", |bob, path| {
        bob.patch(path, &json!({"destination": "/bobs-new"}))
    }),
    ("a move to there", |bob, path| {
        bob.patch("/bobs", &json!({"destination": path}))
    }),
    ("a move over it", |bob, path| {
        bob.patch(
            "/bobs",
            &json!({"destination": path, "overwrite": true, "create_parents": true}),
        )
    }),
    ("a copy from there", |bob, path| {
        bob.copy("PUT", path, "/bobs-new")
    }),
    ("a copy to there", |bob, path| {
        bob.copy("PUT", "/bobs", path)
    }),
    ("a new copy to there", |bob, path| {
        bob.copy("POST", "/bobs-tree", path)
    }),
    ("a link", |bob, path| ask(bob, &json!({"path": path}))),
];

/// All of an answer but the time.
fn whole(reply: &Reply) -> String {
    let mut lines: Vec<String> = reply
        .headers
        .iter()
        .filter(|(name, _)| *name != "date")
        .map(|(name, value)| format!("{name}: {value:?}"))
        .collect();
    lines.sort_unstable();
    format!("{} {} {}", reply.status, lines.join("\n"), reply.text())
}

#[tokio::test]
async fn every_request_behind_a_closed_directory_has_one_answer_whatever_is_there() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/open", "open").await.is(201);
    alice.make("/private").await.is(201);
    alice
        .patch("/private", &json!({"mode": "0700"}))
        .await
        .is(200);
    bob.put("/bobs", "bob's").await.is(201);
    bob.put("/bobs-tree/a", "bob's").await.is(201);

    let at = gateway.path("files/private/x");
    let paths = ["/private/x", "/private/x/y", "/private/x/y/z"];
    let mut first: Vec<String> = Vec::new();
    for (state, make) in STATES {
        make(&at);
        let asked = paths
            .iter()
            .flat_map(|path| ASKED.map(|(what, call)| (what, path, call)));
        for (number, (what, path, call)) in asked.enumerate() {
            let reply = call(&bob, path).header("x-request-id", "same").await;
            assert_eq!(
                reply.status,
                403,
                "{what} {path}, {state}: {}",
                reply.text()
            );
            if !what.starts_with("HEAD") {
                let detail = reply.detail(403, "PERMISSION_DENIED");
                assert!(detail.contains("'/private'"), "{what} {path}: {detail}");
            }
            let answer = whole(&reply);
            match first.get(number) {
                Some(first) => assert_eq!(*first, answer, "{what} {path}, {state}"),
                None => first.push(answer),
            }
        }
        if at.is_dir() && !at.is_symlink() {
            fs::remove_dir_all(&at).expect("removed");
        } else if at.is_symlink() || at.exists() {
            fs::remove_file(&at).expect("removed");
        }
    }
    assert_eq!(first.len(), ASKED.len() * paths.len());
    assert_eq!(bob.get("/bobs").await.is(200).body, b"bob's");
}

#[tokio::test]
async fn what_is_recorded_behind_a_closed_directory_shows_no_more() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.make("/private/inner").await.is(201);
    alice.put("/private/inner/file", "secret").await.is(201);
    alice
        .patch("/private", &json!({"mode": "0700"}))
        .await
        .is(200);
    alice
        .patch("/private/inner", &json!({"mode": "0755"}))
        .await
        .is(200);
    bob.put("/bobs", "bob's").await.is(201);
    bob.put("/bobs-tree/a", "bob's").await.is(201);
    for (what, call) in ASKED {
        let mut answers = Vec::new();
        for name in ["inner", "other", "inner/file", "inner/none", "none/none"] {
            let path = format!("/private/{name}");
            let reply = call(&bob, &path).header("x-request-id", "same").await;
            // The document names the path that was asked for, and is as long.
            let length = format!("content-length: {:?}", reply.header("content-length"));
            let text = whole(&reply).replace(&length, "").replace(&path, "?");
            answers.push(text);
        }
        for answer in &answers {
            assert_eq!(*answer, answers[0], "{what}");
        }
    }
}

/// More than the buffers of a connection hold.
const MANY: usize = 40_000;

/// A gateway with a directory of many names, and a streamed listing of it that bob has begun.
async fn listing() -> (Gateway, Raw) {
    let gateway = Gateway::start().await;
    gateway.alice().make("/d").await.is(201);
    for number in 0..MANY {
        fs::write(gateway.path(&format!("files/d/{number:05}")), "").expect("made");
    }
    let mut raw = Raw::connect(&gateway.authority(), BOB_KEY).await;
    raw.head(
        "GET",
        "/v1/directories/d?limit=0",
        &["Accept: application/x-ndjson"],
    )
    .await;
    assert_eq!(raw.answer_head().await.status, 200);
    (gateway, raw)
}

/// What else comes, which must not be all.
async fn is_cut(mut raw: Raw) {
    let mut rest = Vec::new();
    loop {
        let more = raw.read(1 << 20).await;
        if more.is_empty() {
            break;
        }
        rest.extend(more);
    }
    let text = String::from_utf8_lossy(&rest);
    assert!(text.contains("/d/00000"), "it had begun");
    assert!(!text.contains("created-later"), "{} bytes", text.len());
    assert!(!text.ends_with("0\r\n\r\n"), "it ended as if it were whole");
}

#[tokio::test]
async fn a_listing_under_way_ends_when_its_directory_is_closed() {
    let (gateway, raw) = listing().await;
    let alice = gateway.alice();
    alice.patch("/d", &json!({"mode": "0700"})).await.is(200);
    alice.put("/d/created-later", "x").await.is(201);
    is_cut(raw).await;
}

#[tokio::test]
async fn a_listing_under_way_ends_when_its_readers_key_is_removed() {
    let (gateway, raw) = listing().await;
    gateway.rewrite(BOB_KEY, "key-of-nobody-0123456789");
    gateway.reloaded("ok", async || gateway.hang_up()).await;
    gateway.alice().put("/d/created-later", "x").await.is(201);
    is_cut(raw).await;
}
