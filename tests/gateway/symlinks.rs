//! Symbolic links that an operator puts into a served folder: what clients reach over them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};

use serde_json::json;

use crate::harness::link::{self, ask};
use crate::harness::{Call, Client, Gateway, Mount, Setup};

fn link_to(gateway: &Gateway, at: &str, target: &str) {
    symlink(target, gateway.path(&format!("files/{at}"))).expect("a link");
}

fn chmod(gateway: &Gateway, at: &str, mode: u32) {
    let at = gateway.path(&format!("files/{at}"));
    fs::set_permissions(at, fs::Permissions::from_mode(mode)).expect("set");
}

/// Asks something about a path that leads over a link.
type Ask = fn(&Client, &str) -> Call;

const ASKED: [(&str, Ask); 15] = [
    ("GET", |bob, path| bob.get(path)),
    ("GET of a range", |bob, path| {
        bob.get(path).header("range", "bytes=0-1")
    }),
    ("HEAD", |bob, path| bob.head(path)),
    ("a listing", |bob, path| bob.list(path, "")),
    ("a streamed listing", |bob, path| {
        bob.list(path, "recursive=true")
            .header("accept", "application/x-ndjson")
    }),
    ("PUT", |bob, path| bob.put(path, "x")),
    ("POST", |bob, path| bob.post(path, "x")),
    ("a directory", |bob, path| bob.make(path)),
    ("DELETE", |bob, path| bob.delete(path)),
    ("a mode", |bob, path| {
        bob.patch(path, &json!({"mode": "0777"}))
    }),
    ("a move from there", |bob, path| {
        bob.patch(path, &json!({"destination": "/bobs-new"}))
    }),
    ("a move to there", |bob, path| {
        bob.patch("/bobs", &json!({"destination": path, "overwrite": true}))
    }),
    ("a copy from there", |bob, path| {
        bob.copy("PUT", path, "/bobs-new")
    }),
    ("a copy to there", |bob, path| {
        bob.copy("PUT", "/bobs", path)
    }),
    ("a link", |bob, path| ask(bob, &json!({"path": path}))),
];

#[tokio::test]
async fn a_link_leads_past_no_closed_directory() {
    let gateway = Gateway::start().await;
    let (alice, bob, admin) = (gateway.alice(), gateway.bob(), gateway.admin());
    bob.put("/bobs", "bob's").await.is(201);
    bob.make("/pub").await.is(201);
    alice.put("/hers/in/key", "SECRET").await.is(201);
    fs::create_dir_all(gateway.path("files/operators/in")).expect("made");
    fs::write(gateway.path("files/operators/in/key"), "SECRET").expect("written");
    // Closed by its record, and closed on disk; the directory itself, and one on the way to it.
    for (closed, target) in [
        ("hers", "hers/in"),
        ("hers/in", "hers/in"),
        ("operators", "operators/in"),
        ("operators/in", "operators/in"),
    ] {
        if closed.starts_with("hers") {
            let change = json!({"mode": "0700"});
            alice.patch(&format!("/{closed}"), &change).await.is(200);
        } else {
            chmod(&gateway, closed, 0o700);
        }
        for (at, to) in [("x", "key"), ("y", "none"), ("z", ".")] {
            link_to(&gateway, &format!("pub/{at}"), &format!("../{target}/{to}"));
        }
        for (what, asked) in ASKED {
            let known = asked(&bob, "/pub/x").await;
            assert_eq!(known.status, 403, "{what}: {}", known.text());
            // Nothing shows what is there.
            let unknown = asked(&bob, "/pub/y").await;
            assert_eq!(unknown.status, 403, "{what}: {}", unknown.text());
            for path in ["/pub/z/key", "/pub/z/none"] {
                let below = asked(&bob, path).await;
                assert_eq!(below.status, 403, "{what} of {path}: {}", below.text());
            }
        }
        for path in ["/pub/x", "/pub/z/key"] {
            assert_eq!(admin.get(path).await.is(200).text(), "SECRET", "{closed}");
        }
        for at in ["x", "y", "z"] {
            fs::remove_file(gateway.path(&format!("files/pub/{at}"))).expect("removed");
        }
        let open = json!({"mode": "0755"});
        admin.patch(&format!("/{closed}"), &open).await.is(200);
    }
}

#[tokio::test]
async fn a_listing_shows_nothing_of_what_a_link_leads_to_in_a_closed_directory() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    alice.put("/hers/key", vec![b'x'; 12_345]).await.is(201);
    link_to(&gateway, "link", "hers/key");
    let listed = async |who: &Client| {
        let reply = who.list("/", "").await.is(200);
        reply.text().replace(' ', "")
    };
    let size = "\"size\":12345";
    let open = listed(&bob).await;
    assert!(open.contains(size), "{open}");
    alice.patch("/hers", &json!({"mode": "0700"})).await.is(200);
    let closed = listed(&bob).await;
    assert!(closed.contains("/link"), "{closed}");
    assert!(!closed.contains(size), "{closed}");
    let own = listed(&alice).await;
    assert!(own.contains(size), "{own}");
}

#[tokio::test]
async fn what_is_open_is_reached_over_links_as_by_its_own_path() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    alice.put("/hers/in/key", "open").await.is(201);
    bob.make("/pub").await.is(201);
    link_to(&gateway, "pub/file", "../hers/in/key");
    link_to(&gateway, "pub/dir", "../hers");
    link_to(&gateway, "pub/again", "dir/in");
    for path in ["/pub/file", "/pub/dir/in/key", "/pub/again/key"] {
        let got = bob.get(path).await.is(200);
        assert_eq!(got.text(), "open", "{path}");
        assert_eq!(got.etag(), bob.head(path).await.is(200).etag(), "{path}");
        let part = bob.get(path).header("range", "bytes=1-2").await;
        assert_eq!(part.is(206).text(), "pe", "{path}");
        let made = link::make(&bob, json!({"path": path})).await;
        assert_eq!(link::get(&gateway, &made).await.is(200).text(), "open");
        // The record of the file itself counts, too.
        let own = "/hers/in/key";
        alice.patch(own, &json!({"mode": "0600"})).await.is(200);
        bob.get(path).await.problem(403, "PERMISSION_DENIED");
        alice.patch(own, &json!({"mode": "0644"})).await.is(200);
    }
    let listed = bob.list("/pub/dir", "").await.is(200);
    assert_eq!(listed.entries("path"), ["/pub/dir/in"]);
    bob.delete("/pub/file").await.is(204);
    bob.get("/hers/in/key").await.is(200);
}

/// The link goes through a name that is another user's directory then.
#[tokio::test]
async fn a_link_that_leads_elsewhere_after_a_rename_opens_nothing() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    alice.make("/team").await.is(201);
    alice.patch("/team", &json!({"mode": "0777"})).await.is(200);
    for (link, target, paths) in [
        ("link", "../t/key", ["/team/t2/link", "/team/t2/link/key"]),
        ("all", "../t", ["/team/t2/all/key", "/team/t2/all/none"]),
    ] {
        bob.put("/team/t/key2", "bob's").await.is(201);
        link_to(&gateway, &format!("team/t/{link}"), target);
        bob.patch("/team/t", &json!({"name": "t2"})).await.is(200);
        alice.put("/team/t/key", "SECRET").await.is(201);
        let closed = json!({"mode": "0700"});
        alice.patch("/team/t", &closed).await.is(200);
        for path in paths {
            let got = bob.get(path).await;
            assert_eq!(got.status, 403, "{path}: {}", got.text());
            assert_eq!(bob.head(path).await.status, 403, "{path}");
            bob.copy("PUT", path, "/bobs")
                .await
                .problem(403, "PERMISSION_DENIED");
        }
        if link == "link" {
            // It holds the link.
            let copied = bob.copy("POST", "/team/t2", "/team/copy").await;
            copied.problem(403, "PERMISSION_DENIED");
            bob.get("/team/copy").await.problem(404, "FILE_NOT_FOUND");
        }
        for name in ["t", "t2"] {
            fs::remove_dir_all(gateway.path(&format!("files/team/{name}"))).expect("removed");
        }
    }
}

#[tokio::test]
async fn a_link_in_the_place_of_a_file_does_not_lend_its_owners_rights() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    fs::create_dir(gateway.path("files/rootdir")).expect("made");
    fs::write(gateway.path("files/rootdir/k"), "SECRET").expect("written");
    chmod(&gateway, "rootdir", 0o700);
    alice.put("/hers", "hers").await.is(201);
    fs::remove_file(gateway.path("files/hers")).expect("removed");
    link_to(&gateway, "hers", "rootdir/k");
    for who in [&alice, &bob] {
        who.get("/hers").await.problem(403, "PERMISSION_DENIED");
        who.put("/hers", "x")
            .await
            .problem(403, "PERMISSION_DENIED");
        let change = json!({"mode": "0777"});
        who.patch("/hers", &change)
            .await
            .problem(403, "PERMISSION_DENIED");
    }
    chmod(&gateway, "rootdir", 0o755);
    assert_eq!(bob.get("/hers").await.is(200).text(), "SECRET");
}

#[tokio::test]
async fn a_link_to_what_another_mount_hides_is_for_administrators() {
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/far", "second"));
    let gateway = setup.start().await;
    fs::create_dir(gateway.path("files/far")).expect("made");
    fs::write(gateway.path("files/far/hidden"), "hidden").expect("written");
    link_to(&gateway, "link", "far/hidden");
    let denied = gateway.bob().get("/link").await;
    denied.problem(403, "PERMISSION_DENIED");
    let read = gateway.admin().get("/link").await.is(200);
    assert_eq!(read.text(), "hidden");
}
