//! Links that lead to a directory: what a client that has one sees of it, and what it never sees.

use std::fs;
use std::os::unix::fs::symlink;

use serde_json::json;

use crate::harness::link::{Made, ask, get, head, info, make};
use crate::harness::{ALICE_KEY, Client, Gateway, Raw, Setup};

async fn share(maker: &Client, path: &str) -> Made {
    let wanted = json!({"path": path, "unlimited": true, "expiry_seconds": 3600});
    make(maker, wanted).await
}

async fn tree(gateway: &Gateway, root: &str) -> Client {
    let alice = gateway.alice();
    for name in ["a.txt", "deep/b.txt", "deep/er/c d.txt", "z"] {
        alice.put(&format!("{root}/{name}"), name).await.is(201);
    }
    alice.put("/outside/o", "outside").await.is(201);
    alice
}

#[tokio::test]
async fn everything_below_it_can_be_listed_and_read() {
    let gateway = Setup::flat().start().await;
    let admin = gateway.admin();
    admin.patch("/flat", &json!({"mode": "1777"})).await.is(200);
    for root in ["/docs", "/flat/docs"] {
        let alice = gateway.alice();
        for name in ["a.txt", "deep/b.txt", "deep/er/c d.txt"] {
            alice.put(&format!("{root}/{name}"), name).await.is(201);
        }
        let link = share(&alice, root).await;
        let made = link.reply.json();
        assert_eq!(
            (&made["type"], &made["path"]),
            (&json!("directory"), &json!(root))
        );
        let url = made["url"].as_str().expect("a URL");
        assert!(url.ends_with(&format!("{}/", link.target)), "{url}");
        let at = |below: &str| {
            gateway
                .stranger()
                .call("GET", &format!("{}{below}", link.target))
        };
        for below in ["", "/"] {
            let listing = at(below).await.is(200);
            assert_eq!(listing.header("content-type"), "application/json");
            assert_eq!(listing.entries("path"), ["/a.txt", "/deep"]);
            assert_eq!(listing.entries("type"), ["file", "directory"]);
        }
        for below in ["/deep", "/deep/"] {
            let listing = at(below).await.is(200);
            assert_eq!(listing.entries("name"), ["b.txt", "er"]);
            assert_eq!(listing.entries("path"), ["/deep/b.txt", "/deep/er"]);
        }
        for (below, body) in [
            ("/a.txt", "a.txt"),
            ("/deep/b.txt", "deep/b.txt"),
            ("/deep/er/c%20d.txt", "deep/er/c d.txt"),
        ] {
            let got = at(below).await.is(200);
            assert_eq!(got.body, body.as_bytes());
            let disposition = got.header("content-disposition");
            assert!(disposition.starts_with("attachment; "), "{disposition}");
            let known = at(below).header("if-none-match", &got.etag()).await;
            known.is(304);
            let target = format!("{}{below}", link.target);
            let head = gateway.stranger().call("HEAD", &target).await.is(200);
            assert_eq!(head.header("content-length"), body.len().to_string());
        }
        let part = at("/a.txt").header("range", "bytes=0-0").await.is(206);
        assert_eq!(part.body, b"a");
        head(&gateway, &link).await.is(200);
        for missing in ["/none", "/deep/none", "/a.txt/", "/a.txt/x", "/none/"] {
            at(missing).await.problem(404, "FILE_NOT_FOUND");
        }
        // Its uses are not counted.
        let told = info(&alice, &link).await;
        assert_eq!(
            (&told["max_downloads"], &told["downloads"]),
            (&json!(null), &json!(null))
        );
        let id = format!("/v1/links/{}", link.id);
        alice.call("DELETE", &id).await.is(204);
        for below in ["", "/", "/deep", "/a.txt"] {
            at(below).await.problem(410, "GONE");
        }
    }
}

#[tokio::test]
async fn a_listing_tells_nothing_of_what_is_above_and_of_owners() {
    let gateway = Gateway::start().await;
    let alice = tree(&gateway, "/private/place").await;
    let link = share(&alice, "/private/place").await;
    let at = |below: &str| {
        gateway
            .stranger()
            .call("GET", &format!("{}{below}", link.target))
    };
    for accept in ["application/json", "text/html"] {
        for below in ["/", "/deep/", "/deep/er/", "/a.txt", "/none"] {
            let got = at(below).header("accept", accept).await;
            let shown = format!("{:?} {}", got.headers, got.text());
            for hidden in ["private", "place", "alice", "x-callfs-", "mode", "owner"] {
                let shown = shown.replace("cache-control\": \"private", "");
                assert!(!shown.contains(hidden), "{below}: {hidden} in {shown}");
            }
        }
    }
    let page = at("?fields=sha256,content_type&limit=1&utm_source=mail")
        .await
        .is(200);
    let json = page.json();
    let entry = json[0].as_object().expect("an entry");
    let members: Vec<&str> = entry.keys().map(String::as_str).collect();
    let mut expected = [
        "name",
        "path",
        "type",
        "size",
        "mtime",
        "etag",
        "sha256",
        "content_type",
    ];
    expected.sort_unstable();
    let mut members = members;
    members.sort_unstable();
    assert_eq!(members, expected);
    // Page by page, each where the one before says.
    let mut seen = page.entries("path");
    let mut page = page;
    while let Some((next, _)) = page.header("link").split_once('>') {
        let next = next.trim_start_matches('<').to_owned();
        page = gateway.stranger().call("GET", &next).await.is(200);
        seen.extend(page.entries("path"));
    }
    assert_eq!(seen, ["/a.txt", "/deep", "/z"]);
    at("?limit=0").await.problem(400, "BAD_REQUEST");
    at("?fields=owner2").await.problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn browsers_get_a_page_of_links_that_lead_on() {
    let gateway = Gateway::start().await;
    let alice = tree(&gateway, "/docs").await;
    let link = share(&alice, "/docs").await;
    let at = |below: &str| {
        let call = gateway
            .stranger()
            .call("GET", &format!("{}{below}", link.target));
        call.header("accept", "text/html,*/*;q=0.8")
    };
    // The page is at the address with a slash, to which the client is led.
    for below in ["", "/deep"] {
        let page = at(below).await.is(200);
        assert!(page.text().contains("<table>"), "{}", page.text());
    }
    let page = at("/").await.is(200);
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(
        page.header("content-security-policy")
            .contains("default-src 'none'")
    );
    assert_eq!(page.header("vary"), "accept");
    let text = page.text();
    assert!(
        text.contains("<title>/</title>") && !text.contains("../"),
        "{text}"
    );
    let deep = at("/deep/").await.is(200).text();
    assert!(
        deep.contains("<title>/deep</title>") && deep.contains("../"),
        "{deep}"
    );
    assert!(deep.contains("er/\">er/</a>"), "{deep}");
}

#[tokio::test]
async fn nothing_leads_out_of_it() {
    let gateway = Gateway::start().await;
    let alice = tree(&gateway, "/docs").await;
    symlink("/etc/passwd", gateway.path("files/docs/passwd")).expect("a link out of it");
    for (link, target) in [("up", ".."), ("over", "../outside/o"), ("inside", "deep")] {
        symlink(target, gateway.path(&format!("files/docs/{link}"))).expect("a link");
    }
    fs::write(gateway.path("secret"), "secret").expect("beside what is served");
    let link = share(&alice, "/docs").await;
    for below in [
        "/../outside/o",
        "/deep/../../outside/o",
        "/%2e%2e/outside/o",
        "/..%2foutside%2fo",
        "/.%2e/outside/o",
        "/..",
        "/../../secret",
        "//outside/o",
        "/\\..\\outside",
        "/passwd",
        "/up/",
        "/up/outside/o",
        "/up/docs/../outside/o",
        "/over",
    ] {
        let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
        raw.head("GET", &format!("{}{below}", link.target), &[])
            .await;
        let answer = raw.answer_head().await;
        assert!(
            matches!(answer.status, 400 | 404),
            "{below}: {}",
            answer.status
        );
    }
    // A symbolic link to what is in the directory is followed.
    let inside = format!("{}/inside/b.txt", link.target);
    let got = gateway.stranger().call("GET", &inside).await.is(200);
    assert_eq!(got.body, b"deep/b.txt");
    // A file link has nothing below it, and no address in the other's place.
    let file = make(&alice, json!({"path": "/docs/a.txt", "max_downloads": 9})).await;
    for below in ["/", "/a.txt", "/x"] {
        let target = format!("{}{below}", file.target);
        let got = gateway.stranger().call("GET", &target).await;
        got.problem(404, "FILE_NOT_FOUND");
    }
}

#[tokio::test]
async fn it_gives_what_its_maker_may_read_and_share_now() {
    let gateway = Gateway::start().await;
    let bob = gateway.bob();
    let alice = gateway.alice();
    bob.put("/team/open", "open").await.is(201);
    bob.put("/team/closed", "closed").await.is(201);
    bob.put("/team/shut/x", "x").await.is(201);
    let closed = json!({"mode": "0600"});
    bob.patch("/team/closed", &closed).await.is(200);
    bob.patch("/team/shut", &json!({"mode": "0700"}))
        .await
        .is(200);
    let link = share(&alice, "/team").await;
    let at = |below: &str| {
        gateway
            .stranger()
            .call("GET", &format!("{}{below}", link.target))
    };
    at("/open").await.is(200);
    for below in ["/closed", "/shut", "/shut/", "/shut/x", "/shut/none"] {
        at(below).await.problem(404, "FILE_NOT_FOUND");
        let target = format!("{}{below}", link.target);
        gateway.stranger().call("HEAD", &target).await.is(404);
    }
    bob.patch("/team/closed", &json!({"mode": "0644"}))
        .await
        .is(200);
    assert_eq!(at("/closed").await.is(200).body, b"closed");
    bob.patch("/team", &json!({"mode": "0700"})).await.is(200);
    get(&gateway, &link).await.problem(410, "GONE");
    at("/").await.problem(410, "GONE");
    at("/open").await.problem(404, "FILE_NOT_FOUND");
    let wanted = json!({"path": "/team", "unlimited": true, "expiry_seconds": 60});
    ask(&alice, &wanted).await.problem(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn it_leads_to_a_path_and_to_a_directory() {
    let gateway = Gateway::start().await;
    let alice = tree(&gateway, "/docs").await;
    let link = share(&alice, "/docs").await;
    let at = |below: &str| {
        gateway
            .stranger()
            .call("GET", &format!("{}{below}", link.target))
    };
    alice
        .patch("/docs", &json!({"name": "moved"}))
        .await
        .is(200);
    for below in ["", "/", "/a.txt"] {
        at(below).await.problem(404, "FILE_NOT_FOUND");
    }
    // A file in its place is not what was shared.
    alice.put("/docs", "a file").await.is(201);
    for below in ["", "/", "/a.txt"] {
        at(below).await.problem(404, "FILE_NOT_FOUND");
    }
    head(&gateway, &link).await.is(404);
    alice.delete("/docs").await.is(204);
    alice
        .patch("/moved", &json!({"name": "docs"}))
        .await
        .is(200);
    at("/a.txt").await.is(200);
    // The same the other way round.
    let file = make(&alice, json!({"path": "/docs/z", "max_downloads": 9})).await;
    alice.delete("/docs/z").await.is(204);
    alice.put("/docs/z/inside", "x").await.is(201);
    get(&gateway, &file).await.problem(404, "FILE_NOT_FOUND");
    let below = format!("{}/inside", file.target);
    let below = gateway.stranger().call("GET", &below).await;
    below.problem(404, "FILE_NOT_FOUND");
}
