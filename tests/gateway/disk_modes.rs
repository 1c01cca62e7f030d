//! Permission bits on the disk: other programs close by them what clients made, and the gateway
//! keeps them as they are recorded.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use serde_json::json;

use crate::harness::link::{self, ask};
use crate::harness::{Call, Client, Gateway};

fn chmod(gateway: &Gateway, at: &str, mode: u32) {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(gateway.path(at), permissions).expect("set");
}

/// Asks something about a directory and a file in it.
type Attempt = fn(&Client, &str, &str) -> Call;

/// What is refused where a directory is closed, and whether it is where only the file is.
const REFUSED: [(&str, bool, Attempt); 11] = [
    ("GET", true, |bob, _, file| bob.get(file)),
    ("GET of a range", true, |bob, _, file| {
        bob.get(file).header("range", "bytes=0-1")
    }),
    ("HEAD", true, |bob, _, file| bob.head(file)),
    ("PUT", true, |bob, _, file| bob.put(file, "x")),
    ("a copy", true, |bob, _, file| {
        bob.copy("PUT", file, "/copy")
    }),
    ("a link", true, |bob, _, file| {
        ask(bob, &json!({"path": file}))
    }),
    ("a listing", false, |bob, directory, _| {
        bob.list(directory, "")
    }),
    ("PUT into it", false, |bob, directory, _| {
        bob.put(&format!("{directory}/new"), "x")
    }),
    ("a directory in it", false, |bob, directory, _| {
        bob.make(&format!("{directory}/new"))
    }),
    ("a rename", false, |bob, _, file| {
        bob.patch(file, &json!({"name": "renamed"}))
    }),
    ("DELETE", false, |bob, _, file| bob.delete(file)),
];

#[tokio::test]
async fn what_another_program_closes_is_closed_until_it_gets_a_new_mode() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    let (directory, file) = ("/top/mid/low", "/top/mid/low/file");
    alice.put(file, "hers").await.is(201);
    for at in ["/top", "/top/mid", directory, file] {
        alice.patch(at, &json!({"mode": "0777"})).await.is(200);
    }
    let link = link::make(&bob, json!({"path": file, "max_downloads": 1000})).await;
    for (closed, mode) in [
        (file, 0o600),
        (file, 0o711),
        (directory, 0o700),
        ("/top/mid", 0o700),
        ("/top", 0o700),
        ("/top", 0o000),
    ] {
        assert_eq!(bob.get(file).await.is(200).body, b"hers");
        link::get(&gateway, &link).await.is(200);
        chmod(&gateway, &format!("files{closed}"), mode);
        let shown = format!("{mode:04o}");
        let head = gateway.admin().head(closed).await.is(200);
        assert_eq!(head.header("x-callfs-mode"), shown, "{closed}");
        for (what, of_a_file, attempt) in REFUSED {
            if of_a_file || closed != file {
                let reply = attempt(&bob, directory, file).await;
                assert_eq!(reply.status, 403, "{what} of {closed} with {mode:o}");
            }
        }
        let downloaded = link::get(&gateway, &link).await;
        assert!(
            matches!(downloaded.status, 403 | 410),
            "a download of {closed}: {}",
            downloaded.status
        );
        let all = bob.list("/", "recursive=true").await.is(200);
        assert_eq!(
            all.text().contains("low/file"),
            closed == file,
            "{closed} is closed"
        );
        alice.patch(closed, &json!({"mode": "0777"})).await.is(200);
        let on_disk = fs::metadata(gateway.path(&format!("files{closed}")));
        let mode = on_disk.expect("there").permissions().mode();
        assert_eq!(mode & 0o7777, 0o777, "{closed}");
    }
}

#[tokio::test]
async fn what_the_gateway_stores_itself_is_as_open_as_it_is_recorded() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    let mode = async |at: &str| {
        let head = alice.head(at).await.is(200);
        head.header("x-callfs-mode").to_owned()
    };
    alice.put("/d/closed", "hers").await.is(201);
    let closed = json!({"mode": "0600"});
    alice.patch("/d/closed", &closed).await.is(200);
    alice.put("/d/open", "hers").await.is(201);
    let open = json!({"mode": "0666"});
    alice.patch("/d/open", &open).await.is(200);
    // The storage copies by itself, and a copy begins with the mode of its source.
    alice.copy("PUT", "/d/closed", "/d/open").await.is(200);
    assert_eq!(mode("/d/open").await, "0666");
    bob.put("/d/open", "bob's").await.is(200);
    assert_eq!(mode("/d/open").await, "0666");
    alice
        .patch("/d/open", &json!({"name": "moved"}))
        .await
        .is(200);
    assert_eq!(mode("/d/moved").await, "0666");
    alice.patch("/d", &json!({"mode": "1777"})).await.is(200);
    alice.copy("POST", "/d", "/copy").await.is(201);
    bob.put("/d/bobs", "x").await.is(201);
    let gateway = gateway.restart();
    let (alice, bob) = (gateway.alice(), gateway.bob());
    bob.put("/d/moved", "bob's").await.is(200);
    assert_eq!(bob.get("/copy/moved").await.is(200).body, b"bob's");
    let directory = alice.head("/d").await.is(200);
    assert_eq!(directory.header("x-callfs-mode"), "1777");
}
