//! What a link may be asked to be: shown by browsers, used without limit, embedded by other sites.

use serde_json::{Value, json};

use crate::harness::link::{ask, get, head, info, make};
use crate::harness::{Gateway, Setup, bytes, eventually};

#[tokio::test]
async fn what_cannot_be_meant_is_refused() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/d/a", "x").await.is(201);
    for (wanted, status, code, why) in [
        (
            json!({"path": "/d/a", "unlimited": true}),
            400,
            "BAD_REQUEST",
            "'expiry_seconds'",
        ),
        (
            json!({"path": "/d/a", "unlimited": true, "expiry_seconds": 9, "max_downloads": 2}),
            400,
            "BAD_REQUEST",
            "not both",
        ),
        (
            json!({"path": "/d/a", "disposition": "embed"}),
            400,
            "BAD_REQUEST",
            "`inline`",
        ),
        (
            json!({"path": "/d/a", "unlimted": true}),
            400,
            "BAD_REQUEST",
            "did you mean 'unlimited'?",
        ),
        (json!({"path": "/d"}), 409, "IS_A_DIRECTORY", "'unlimited'"),
        (
            json!({"path": "/d", "max_downloads": 5}),
            409,
            "IS_A_DIRECTORY",
            "'unlimited'",
        ),
        (
            json!({"path": "/d", "unlimited": true, "expiry_seconds": 9, "filename": "x"}),
            400,
            "BAD_REQUEST",
            "'filename' is for files",
        ),
    ] {
        let detail = ask(&alice, &wanted).await.detail(status, code);
        assert!(detail.contains(why), "{wanted}: {detail}");
    }
    let none = alice.call("GET", "/v1/links").await.is(200);
    assert!(none.entries("id").is_empty());
}

#[tokio::test]
async fn a_link_says_what_it_gives() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    for (wanted, disposition, most, unlimited) in [
        (json!({"path": "/a"}), "attachment", json!(1), false),
        (
            json!({"path": "/a", "disposition": "attachment", "max_downloads": 3}),
            "attachment",
            json!(3),
            false,
        ),
        (
            json!({"path": "/a", "disposition": "inline", "unlimited": false}),
            "inline",
            json!(1),
            false,
        ),
        (
            json!({"path": "/a", "unlimited": true, "expiry_seconds": 60}),
            "attachment",
            Value::Null,
            true,
        ),
    ] {
        let link = make(&alice, wanted.clone()).await;
        for told in [link.reply.json(), info(&alice, &link).await] {
            assert_eq!(told["type"], "file", "{wanted}");
            assert_eq!(told["disposition"], disposition, "{wanted}");
            assert_eq!(told["max_downloads"], most, "{wanted}");
            assert_eq!(told["unlimited"], unlimited, "{wanted}");
            assert!(told["expires"].is_string(), "{wanted}");
        }
        let got = get(&gateway, &link).await.is(200);
        let shown = got.header("content-disposition");
        assert_eq!(shown, format!("{disposition}; filename=\"a\""), "{wanted}");
    }
}

#[tokio::test]
async fn a_link_without_limit_is_used_until_it_expires_or_is_revoked() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a.png", bytes(7, 5000)).await.is(201);
    let wanted = |seconds: u32| {
        json!({
            "path": "/a.png", "unlimited": true, "expiry_seconds": seconds, "disposition": "inline",
        })
    };
    let link = make(&alice, wanted(3600)).await;
    let short = make(&alice, wanted(1)).await;
    let gateway = gateway.restart();
    let alice = gateway.alice();
    for _ in 0..5 {
        let got = get(&gateway, &link).await.is(200);
        assert_eq!(got.body, bytes(7, 5000));
        // A browser may keep it, and asks each time whether it may show it still.
        assert_eq!(
            got.header("cache-control"),
            "private, no-cache, no-transform"
        );
        let again = get(&gateway, &link).header("if-none-match", &got.etag());
        again.await.is(304);
        // The same part again and again, which no use would give.
        for _ in 0..5 {
            let part = get(&gateway, &link).header("range", "bytes=1-4998");
            assert_eq!(part.await.is(206).body.len(), 4998);
        }
        head(&gateway, &link).await.is(200);
    }
    assert_eq!(info(&alice, &link).await["downloads"], Value::Null);
    eventually("the link to expire", async || {
        (head(&gateway, &short).await.status == 410).then_some(())
    })
    .await;
    alice
        .call("DELETE", &format!("/v1/links/{}", link.id))
        .await
        .is(204);
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn what_is_shown_in_a_browser_is_sealed() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let put = alice.put("/page.html", "<script>alert(1)</script>");
    put.header("content-type", "text/html").await.is(201);
    let link = make(
        &alice,
        json!({"path": "/page.html", "disposition": "inline"}),
    )
    .await;
    let got = get(&gateway, &link).await.is(200);
    let policy = got.header("content-security-policy");
    assert!(
        policy.contains("default-src 'none'") && policy.contains("sandbox"),
        "{policy}"
    );
    assert_eq!(got.header("x-content-type-options"), "nosniff");
}

#[tokio::test]
async fn origins_that_cors_allows_embed_links() {
    const APP: &str = "https://app.example.org";
    const EVIL: &str = "https://evil.example";
    // In this order: the configuration, the origin that a request names, and the policies of a link
    // and of a file that needs a key. A browser names no origin without `crossorigin`.
    let table = [
        ("", None, "same-origin", "same-origin"),
        ("", Some(APP), "same-origin", "same-origin"),
        ("\"*\"", None, "cross-origin", "same-origin"),
        ("\"*\"", Some(EVIL), "cross-origin", "same-origin"),
        (
            "\"https://app.example.org\"",
            None,
            "same-origin",
            "same-origin",
        ),
        (
            "\"https://app.example.org\"",
            Some(APP),
            "cross-origin",
            "cross-origin",
        ),
        (
            "\"https://app.example.org\"",
            Some(EVIL),
            "same-origin",
            "same-origin",
        ),
    ];
    for (origins, origin, of_link, of_file) in table {
        let setup = match origins {
            "" => Setup::default(),
            _ => Setup::default().server(&format!("cors = {{ origins = [{origins}] }}")),
        };
        let gateway = setup.start().await;
        let alice = gateway.alice();
        alice.put("/a.png", "x").await.is(201);
        let wanted = json!({"path": "/a.png", "unlimited": true, "expiry_seconds": 60});
        let link = make(&alice, wanted).await;
        for (call, policy) in [
            (get(&gateway, &link), of_link),
            (alice.get("/a.png"), of_file),
        ] {
            let call = match origin {
                Some(origin) => call.header("origin", origin),
                None => call,
            };
            let got = call.await.is(200);
            let told = got.header("cross-origin-resource-policy");
            assert_eq!(told, policy, "{origins} {origin:?}");
        }
    }
}
