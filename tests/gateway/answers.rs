//! What the answer to a change tells: the version and the time that the next request needs, so that
//! no client has to ask for them, and none can be told those of a later version.

use serde_json::json;

use crate::harness::{Client, Reply, Setup};

/// The headers that say the same in the answer to a change and in the next HEAD.
const TOLD: [&str; 3] = ["etag", "last-modified", "x-callfs-mtime"];

async fn assert_told(client: &Client, what: &str, path: &str, reply: &Reply) {
    let head = client.head(path).await.is(200);
    for name in TOLD {
        assert_eq!(reply.header(name), head.header(name), "{what}: {name}");
    }
    if head.header("x-callfs-type") == "file" {
        assert!(reply.etag().len() > 2, "{what}");
    }
}

#[tokio::test]
async fn every_change_tells_the_version_that_it_made() {
    let gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    let alice = gateway.alice();
    for root in ["", "/flat"] {
        let at = |name: &str| format!("{root}/docs/{name}");
        let (a, b, c, d) = (at("a"), at("b"), at("c"), at("d"));
        // In this order: what it is, where the outcome is, its status, and whether it has a body.
        let table = [
            ("POST", &a, 201, false, alice.post(&a, "x")),
            ("PUT, replacing", &a, 200, false, alice.put(&a, "xy")),
            ("PUT, new", &b, 201, false, alice.put(&b, "xyz")),
            ("copy by POST", &c, 201, false, alice.copy("POST", &a, &c)),
            ("copy by PUT", &c, 200, false, alice.copy("PUT", &b, &c)),
            ("move", &d, 200, true, {
                alice.patch(&c, &json!({"destination": d}))
            }),
            ("move, replacing", &b, 200, true, {
                alice.patch(&d, &json!({"name": "b", "overwrite": true}))
            }),
            ("move, to where it is", &b, 200, true, {
                alice.patch(&b, &json!({"name": "b"}))
            }),
            ("mode", &b, 200, true, {
                alice.patch(&b, &json!({"mode": "0640"}))
            }),
            ("time", &b, 200, true, {
                alice.patch(&b, &json!({"mtime": "1994-11-06T08:49:37.5Z"}))
            }),
        ];
        for (what, path, status, has_entry, call) in table {
            let reply = call.await.is(status);
            assert_told(&alice, what, path, &reply).await;
            if has_entry {
                let entry = reply.json();
                assert_eq!(entry["path"], path.as_str(), "{what}");
                let etag = reply.etag();
                assert_eq!(entry["etag"], etag.trim_matches('"'), "{what}");
                let listed = alice.get(&at("")).await.is(200).json();
                let listed = listed.as_array().expect("entries");
                assert!(listed.contains(&entry), "{what}: {entry}");
            }
            // The next change needs nothing but that.
            let locked = alice.patch(path, &json!({"mode": "0644"}));
            locked.header("if-match", &reply.etag()).await.is(200);
        }
    }
}

#[tokio::test]
async fn directories_and_moves_between_mounts_tell_it_too() {
    let gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    let alice = gateway.alice();
    let made = alice.make("/docs").await.is(201);
    assert_told(&alice, "mkdir", "/docs", &made).await;
    alice.put("/docs/a", "x").await.is(201);
    for (from, to) in [
        ("/docs/a", "/flat/a"),
        ("/flat/a", "/docs/b"),
        ("/docs", "/moved"),
        ("/moved", "/flat/moved"),
    ] {
        let what = format!("{from} to {to}");
        let moved = alice.patch(from, &json!({"destination": to})).await.is(200);
        assert_eq!(moved.json()["path"], to);
        assert_told(&alice, &what, to, &moved).await;
    }
}
