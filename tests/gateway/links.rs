//! `/v1/links`: who may make which links, who looks after them, and who learns of them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::link::{Made, ask, cut, get, get_when_free, head, info, make};
use crate::harness::{ALICE_KEY, Gateway, Setup, bytes, eventually};

#[tokio::test]
async fn what_makes_no_link_says_why() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    for (wanted, why) in [
        (
            json!({"path": "/a", "max_download": 1}),
            "did you mean 'max_downloads'?",
        ),
        (json!({"path": "/a", "max_downloads": 0}), "from 1 to 10000"),
        (
            json!({"path": "/a", "expiry_seconds": 30 * 86_400 + 1}),
            "from 1 to 2592000",
        ),
        (json!({"path": "/a", "filename": "a/b"}), "has a slash"),
        (json!({"path": "/../a"}), "'..'"),
        (json!({"expiry_seconds": 1}), "`path`"),
        (json!([]), "not what makes a link"),
    ] {
        let detail = ask(&alice, &wanted).await.detail(400, "BAD_REQUEST");
        assert!(detail.contains(why), "{wanted}: {detail}");
    }
    let text = alice
        .call("POST", "/v1/links/generate")
        .header("content-type", "text/plain")
        .body("{}");
    text.await.problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn a_link_needs_the_right_to_share_a_file() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    alice.put("/d/private", "x").await.is(201);
    alice
        .patch("/d/private", &json!({"mode": "0600"}))
        .await
        .is(200);
    ask(&bob, &json!({"path": "/d/private"}))
        .await
        .problem(403, "PERMISSION_DENIED");
    ask(&gateway.stranger(), &json!({"path": "/d/private"}))
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    ask(&alice, &json!({"path": "/d"}))
        .await
        .problem(409, "IS_A_DIRECTORY");
    ask(&alice, &json!({"path": "/d/none"}))
        .await
        .problem(404, "FILE_NOT_FOUND");
    // Whoever may share hands on what they may read, to anybody.
    let link = make(&alice, json!({"path": "/d/private"})).await;
    assert_eq!(get(&gateway, &link).await.is(200).body, b"x");
}

#[tokio::test]
async fn people_look_after_their_own_links_and_administrators_after_all() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let admin = gateway.admin();
    alice.put("/a", "x").await.is(201);
    let mut hers = Vec::new();
    for _ in 0..5 {
        hers.push(make(&alice, json!({"path": "/a", "max_downloads": 2})).await);
    }
    let his = make(&bob, json!({"path": "/a", "filename": "b"})).await;
    let url = |link: &Made| format!("/v1/links/{}", link.id);
    for method in ["GET", "DELETE"] {
        bob.call(method, &url(&hers[0]))
            .await
            .problem(404, "FILE_NOT_FOUND");
        bob.call(method, "/v1/links/nonsense")
            .await
            .problem(404, "FILE_NOT_FOUND");
        gateway
            .stranger()
            .call(method, &url(&hers[0]))
            .await
            .problem(401, "AUTHENTICATION_FAILED");
    }
    let listed = bob.call("GET", "/v1/links").await.is(200);
    assert!(
        !listed.text().contains(&his.token) && !listed.text().contains(&his.token[22..]),
        "{}",
        listed.text()
    );
    let listed = listed.json();
    assert_eq!(listed["next"], Value::Null);
    let item = &listed["items"][0];
    assert_eq!(
        (&item["id"], &item["path"], &item["filename"]),
        (&json!(his.id), &json!("/a"), &json!("b"))
    );
    assert_eq!(
        (&item["max_downloads"], &item["downloads"]),
        (&json!(1), &json!(0))
    );
    assert!(
        item["created"].is_string() && item["expires"].is_string(),
        "{item}"
    );

    let mut seen = Vec::new();
    let mut target = "/v1/links?limit=2".to_owned();
    loop {
        let page = alice.call("GET", &target).await.is(200);
        seen.extend(page.entries("id"));
        let Some((next, _)) = page.header("link").split_once('>') else {
            break;
        };
        target = next.trim_start_matches('<').to_owned();
        assert!(
            target.ends_with(page.json()["next"].as_str().expect("a cursor")),
            "{target}"
        );
    }
    seen.sort();
    let mut expected: Vec<String> = hers.iter().map(|link| link.id.clone()).collect();
    expected.sort();
    assert_eq!(seen, expected);

    alice
        .call("GET", "/v1/links?all=true")
        .await
        .problem(403, "PERMISSION_DENIED");
    alice
        .call("GET", "/v1/links?after=x")
        .await
        .problem(400, "BAD_REQUEST");
    alice
        .call("GET", "/v1/links?limit=0")
        .await
        .problem(400, "BAD_REQUEST");
    assert_eq!(
        admin
            .call("GET", "/v1/links?all=true")
            .await
            .is(200)
            .entries("id")
            .len(),
        6
    );
    assert!(
        admin
            .call("GET", "/v1/links")
            .await
            .is(200)
            .entries("id")
            .is_empty()
    );
    admin.call("GET", &url(&his)).await.is(200);
    admin.call("DELETE", &url(&his)).await.is(204);
    get(&gateway, &his).await.problem(410, "GONE");
}

#[tokio::test]
async fn links_name_the_url_that_clients_use() {
    let gateway = Setup::default()
        .server("external_url = \"https://files.example.org/fs/\"")
        .start()
        .await;
    gateway.alice().put("/a", "x").await.is(201);
    let link = make(&gateway.alice(), json!({"path": "/a"})).await;
    assert_eq!(
        link.reply.json()["url"],
        format!("https://files.example.org/fs{}", link.target)
    );
}

#[tokio::test]
async fn what_is_no_link_is_not_found_and_what_was_one_is_gone() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    let link = make(&alice, json!({"path": "/a"})).await;
    let mut forged = link.token.clone();
    forged.replace_range(63..64, if link.token.ends_with('A') { "B" } else { "A" });
    for token in [
        forged.as_str(),
        "x",
        &"A".repeat(64),
        &link.token[1..],
        &link.id,
    ] {
        gateway
            .stranger()
            .call("GET", &format!("/download/{token}"))
            .await
            .problem(404, "FILE_NOT_FOUND");
    }
    gateway
        .stranger()
        .call("GET", "/download/")
        .await
        .problem(404, "NOT_FOUND");
    alice
        .call("DELETE", &format!("/v1/links/{}", link.id))
        .await
        .is(204);
    get(&gateway, &link).await.problem(410, "GONE");
    head(&gateway, &link).await.is(410);
    alice
        .call("DELETE", &format!("/v1/links/{}", link.id))
        .await
        .problem(404, "FILE_NOT_FOUND");

    let link = make(&alice, json!({"path": "/a", "expiry_seconds": 1})).await;
    eventually("the link to expire", async || {
        (head(&gateway, &link).await.status != 200).then_some(())
    })
    .await;
    assert!(
        get(&gateway, &link)
            .await
            .detail(410, "GONE")
            .contains("expired")
    );
}

#[tokio::test]
async fn a_link_survives_a_restart_and_another_secret_ends_it() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    let link = make(&alice, json!({"path": "/a", "max_downloads": 2})).await;
    gateway.stop();
    let mut gateway = gateway.restart();
    get(&gateway, &link).await.is(200);
    gateway.stop();
    fs::remove_file(gateway.path("callfs-data/link.secret"))
        .expect("it was made at the first start");
    let gateway = gateway.restart();
    get(&gateway, &link).await.problem(404, "FILE_NOT_FOUND");
}

/// Every file below a folder, as bytes.
fn contents(folder: &Path, found: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder)
        .expect("readable")
        .map(|entry| entry.expect("readable").path())
    {
        if entry.is_dir() {
            contents(&entry, found);
        } else {
            found.insert(
                entry.display().to_string(),
                fs::read(&entry).unwrap_or_default(),
            );
        }
    }
}

#[tokio::test]
async fn defect_10_the_token_is_in_no_log_no_metric_and_no_file() {
    for format in ["text", "json"] {
        let log = format!("[log]\nlevel = \"debug\"\nformat = \"{format}\"\nrequests = true");
        let mut gateway = Setup::default().more(&log).start().await;
        let alice = gateway.alice();
        alice.put("/a", bytes(12, 8 << 20)).await.is(201);
        let link = make(&alice, json!({"path": "/a"})).await;
        let revoked = make(&alice, json!({"path": "/a"})).await;
        let missing = make(&alice, json!({"path": "/a"})).await;
        head(&gateway, &link).await.is(200);
        get(&gateway, &link)
            .header("range", "bytes=9000000-")
            .await
            .is(416);
        cut(&gateway, &link, 1000).await;
        get_when_free(&gateway, &link, None).await.is(200);
        get(&gateway, &link).await.problem(410, "GONE");
        alice
            .call("DELETE", &format!("/v1/links/{}", revoked.id))
            .await
            .is(204);
        get(&gateway, &revoked).await.problem(410, "GONE");
        alice.delete("/a").await.is(204);
        get(&gateway, &missing).await.problem(404, "FILE_NOT_FOUND");
        // What people do by mistake.
        let stranger = gateway.stranger();
        for target in [
            format!("/download/{}x", link.token),
            format!("/download/{}", &link.token[..40]),
            format!("/download/{}/", link.token),
            format!("/Download/{}", link.token),
            format!("/callfs/download/{}", link.token),
            format!("//download/{}", link.token),
        ] {
            let reply = stranger.call("GET", &target).await.is(404);
            assert!(
                !reply.text().contains(&link.token[..20]),
                "{target}: {}",
                reply.text()
            );
        }
        stranger.call("PUT", &link.target).await.is(405);
        alice
            .call("DELETE", &format!("/v1/links/{}", link.token))
            .await
            .is(404);
        let metrics = gateway.metrics().await;
        assert!(
            metrics.sum(
                "callfs_http_requests_total",
                &[("route", "download"), ("status", "200")]
            ) >= 2.0
        );
        let admin = gateway.admin().call("GET", "/metrics").await.is(200).text();

        gateway.stop();
        let stdout = gateway.process().stdout();
        let stderr = gateway.log();
        assert!(
            stderr.contains("/download/{token}"),
            "the requests are logged:\n{stderr}"
        );
        let mut found = BTreeMap::new();
        contents(&gateway.path(""), &mut found);
        assert!(
            found.keys().any(|name| name.ends_with("metadata.db")),
            "{:?}",
            found.keys()
        );
        found.extend(
            [("stdout", stdout), ("stderr", stderr), ("metrics", admin)]
                .map(|(n, t)| (n.into(), t.into())),
        );
        for link in [&link, &revoked, &missing] {
            // The signature alone, its beginning, and the beginning of the whole.
            for part in [
                &link.token[22..],
                &link.token[22..38],
                &link.token[..22],
                &link.token[48..],
            ] {
                for (name, content) in &found {
                    let leaked = content
                        .windows(part.len())
                        .any(|window| window == part.as_bytes());
                    assert!(!leaked, "{format}: a token is in {name}");
                }
            }
        }
    }
}

#[tokio::test]
async fn a_link_gives_the_file_the_name_that_its_maker_wants() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a.txt", "x").await.is(201);
    let link = make(
        &alice,
        json!({"path": "/a.txt", "filename": "letter to bob.txt"}),
    )
    .await;
    let got = gateway
        .stranger()
        .call("GET", &format!("{}?utm_source=mail", link.target))
        .await
        .is(200);
    assert_eq!(
        got.header("content-disposition"),
        "attachment; filename=\"letter to bob.txt\""
    );
}

#[tokio::test]
async fn a_link_gives_what_its_maker_may_read_and_share_now() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let link_of =
        async |maker, path: &str| make(maker, json!({"path": path, "max_downloads": 100})).await;
    let is_over = async |link: &Made, secret: &str| {
        for reply in [get(&gateway, link).await, head(&gateway, link).await] {
            assert_eq!(reply.status, 410, "{}", reply.text());
            let shown = format!("{:?} {}", reply.headers, reply.text());
            for hidden in ["permission", "denied", secret] {
                assert!(!shown.contains(hidden), "{hidden} in {shown}");
            }
        }
        let part = get(&gateway, link).header("range", "bytes=0-0").await;
        part.problem(410, "GONE");
    };
    // The file is closed and rewritten.
    bob.put("/bobs-file", "open").await.is(201);
    let link = link_of(&alice, "/bobs-file").await;
    assert_eq!(get(&gateway, &link).await.is(200).body, b"open");
    bob.patch("/bobs-file", &json!({"mode": "0600"}))
        .await
        .is(200);
    bob.put("/bobs-file", "closed").await.is(200);
    is_over(&link, "bobs-file").await;
    bob.patch("/bobs-file", &json!({"mode": "0644"}))
        .await
        .is(200);
    assert_eq!(get(&gateway, &link).await.is(200).body, b"closed");
    // Another file takes its place.
    alice.put("/alices-file", "mine").await.is(201);
    let link = link_of(&alice, "/alices-file").await;
    alice.delete("/alices-file").await.is(204);
    bob.put("/alices-file", "bob's").await.is(201);
    bob.patch("/alices-file", &json!({"mode": "0600"}))
        .await
        .is(200);
    is_over(&link, "alices-file").await;
    // In another directory, where it is readable and out of reach.
    alice.put("/place/thing", "mine").await.is(201);
    let link = link_of(&alice, "/place/thing").await;
    alice.delete("/place/thing").await.is(204);
    alice.delete("/place").await.is(204);
    bob.put("/place/thing", "bob's").await.is(201);
    bob.patch("/place", &json!({"mode": "0700"})).await.is(200);
    is_over(&link, "place").await;
    bob.delete("/place/thing").await.is(204);
    is_over(&link, "place").await;
}

#[tokio::test]
async fn a_link_is_used_with_the_groups_and_the_rank_of_its_maker() {
    let gateway = Gateway::start().await;
    let bob = gateway.bob();
    bob.put("/of-staff", "staff").await.is(201);
    bob.patch("/of-staff", &json!({"mode": "0640"}))
        .await
        .is(200);
    bob.put("/of-bob", "bob").await.is(201);
    bob.patch("/of-bob", &json!({"mode": "0600"})).await.is(200);
    let many = |path: &str| json!({"path": path, "max_downloads": 100});
    let by_alice = make(&gateway.alice(), many("/of-staff")).await;
    let by_admin = make(&gateway.admin(), many("/of-bob")).await;
    let gateway = gateway.restart();
    assert_eq!(get(&gateway, &by_alice).await.is(200).body, b"staff");
    assert_eq!(get(&gateway, &by_admin).await.is(200).body, b"bob");
    let bob = gateway.bob();
    bob.patch("/of-staff", &json!({"mode": "0600"}))
        .await
        .is(200);
    get(&gateway, &by_alice).await.problem(410, "GONE");
}

/// What SECURITY.md says of it: the identity is recorded with the link, and revoking ends it.
#[tokio::test]
async fn a_link_of_a_maker_who_lost_a_group_or_the_key_ends_when_it_is_revoked() {
    for (what, from, to) in [
        (
            "the group",
            r#"user = "alice", groups = ["staff"]"#,
            r#"user = "alice", groups = []"#,
        ),
        ("the key", ALICE_KEY, "another-key-0123456789"),
    ] {
        let gateway = Gateway::start().await;
        let bob = gateway.bob();
        bob.put("/of-staff", "staff").await.is(201);
        let mode = |mode: &str| json!({ "mode": mode });
        bob.patch("/of-staff", &mode("0640")).await.is(200);
        let many = json!({"path": "/of-staff", "max_downloads": 100});
        let link = make(&gateway.alice(), many.clone()).await;
        let other = make(&gateway.alice(), many).await;
        gateway.rewrite(from, to);
        gateway.reloaded("ok", async || gateway.hang_up()).await;
        let direct = gateway.alice().get("/of-staff").await;
        assert!(
            matches!(direct.status, 401 | 403),
            "{what}: {}",
            direct.status
        );
        assert_eq!(get(&gateway, &link).await.is(200).body, b"staff", "{what}");

        let one = format!("/v1/links/{}", link.id);
        gateway.admin().call("DELETE", &one).await.is(204);
        let revoked = get(&gateway, &link).await;
        assert!(
            matches!(revoked.status, 404 | 410),
            "{what}: {}",
            revoked.status
        );
        assert_eq!(get(&gateway, &other).await.is(200).body, b"staff", "{what}");
        bob.patch("/of-staff", &mode("0600")).await.is(200);
        get(&gateway, &other).await.problem(410, "GONE");
    }
}

#[tokio::test]
async fn one_use_never_gives_the_same_bytes_without_end() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", bytes(1, 100)).await.is(201);
    let link = make(&alice, json!({"path": "/a"})).await;
    let mut got = 0;
    for _ in 0..20 {
        let part = get(&gateway, &link).header("range", "bytes=0-98").await;
        match part.status {
            206 => got += part.body.len(),
            _ => drop(part.problem(423, "LOCKED")),
        }
    }
    assert!((99..=200).contains(&got), "{got} bytes");
    // What is missing is still to be had, and is the end.
    let rest = get_when_free(&gateway, &link, Some("bytes=99-")).await;
    assert_eq!(rest.is(206).body, &bytes(1, 100)[99..]);
    get_when_free(&gateway, &link, None)
        .await
        .problem(410, "GONE");
}

#[tokio::test]
async fn what_is_loaded_ahead_of_a_reader_takes_no_use() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    let link = make(&alice, json!({"path": "/a"})).await;
    for (name, value) in [
        ("sec-purpose", "prefetch"),
        ("sec-purpose", "prefetch;prerender"),
        ("sec-purpose", "prefetch;anonymous-client-ip"),
        ("purpose", "prefetch"),
        ("purpose", "preview"),
        ("x-purpose", "preview"),
        ("x-moz", "prefetch"),
    ] {
        let ahead = get(&gateway, &link).header(name, value).await;
        ahead.problem(423, "LOCKED");
        assert_eq!(ahead.header("cache-control"), "no-store");
        // Nothing is told of the link, not even whether there is one.
        let none = gateway.stranger().call("GET", "/download/none");
        none.header(name, value).await.problem(423, "LOCKED");
        head(&gateway, &link).header(name, value).await.is(200);
        assert_eq!(info(&alice, &link).await["downloads"], 0);
    }
    assert_eq!(get(&gateway, &link).await.is(200).body, b"x");
}
