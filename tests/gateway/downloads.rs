//! `/download/{token}`: a use of a link costs what it gives, no more and no less.

use std::time::Duration;

use serde_json::json;
use tokio::time::{Instant, interval};

use crate::harness::link::{cut, get, get_when_free, head, info, make};
use crate::harness::{ALICE_KEY, DEADLINE, Gateway, Raw, Setup, bytes, eventually};

#[tokio::test]
async fn a_link_is_made_used_once_and_gone() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let put = alice
        .put("/d/größe.txt", "hello")
        .header("content-type", "text/x-a")
        .await
        .is(201);
    let link = make(
        &alice,
        json!({"path": "/d/größe.txt", "expiry_seconds": 60}),
    )
    .await;
    let made = link.reply.json();
    assert_eq!(
        link.reply.header("location"),
        format!("/v1/links/{}", link.id)
    );
    assert_eq!(link.reply.header("cache-control"), "no-store");
    assert_eq!(
        made["url"],
        format!("http://{}{}", gateway.authority(), link.target)
    );
    assert_eq!(
        (&made["path"], &made["max_downloads"]),
        (&json!("/d/größe.txt"), &json!(1))
    );
    assert!(
        made["expires"]
            .as_str()
            .is_some_and(|time| time.ends_with('Z')),
        "{made}"
    );

    let got = get(&gateway, &link).await.is(200);
    assert_eq!(got.body, b"hello");
    assert_eq!(
        (got.etag(), got.header("content-type")),
        (put.etag(), "text/x-a")
    );
    let disposition = "attachment; filename=\"gr__e.txt\"; filename*=UTF-8''gr%C3%B6%C3%9Fe.txt";
    for (name, value) in [
        ("content-disposition", disposition),
        ("content-length", "5"),
        ("accept-ranges", "bytes"),
        ("cache-control", "private, no-store, no-transform"),
        ("referrer-policy", "no-referrer"),
        ("x-robots-tag", "noindex"),
        ("x-content-type-options", "nosniff"),
    ] {
        assert_eq!(got.header(name), value, "{name}");
    }
    let own = got
        .headers
        .keys()
        .filter(|name| name.as_str().starts_with("x-callfs-"))
        .collect::<Vec<_>>();
    assert!(
        own.is_empty(),
        "strangers learn nothing but the file: {own:?}"
    );
    for target in [
        link.target.clone(),
        format!("{}?utm_source=mail", link.target),
    ] {
        let spent = gateway.stranger().call("GET", &target).await;
        assert!(
            spent.detail(410, "GONE").contains("was used 1 of 1 times"),
            "{}",
            spent.text()
        );
        assert_eq!(spent.json()["instance"], "/download/{token}");
    }
    assert_eq!(info(&alice, &link).await["downloads"], 1);
    alice.get("/d/größe.txt").await.is(200);
}

#[tokio::test]
async fn a_link_may_be_used_as_often_as_it_says() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    alice.put("/empty", "").await.is(201);
    for path in ["/a", "/empty"] {
        let link = make(&alice, json!({"path": path, "max_downloads": 3})).await;
        for number in 0..3 {
            assert_eq!(info(&alice, &link).await["downloads"], number);
            get(&gateway, &link).await.is(200);
        }
        get(&gateway, &link).await.problem(410, "GONE");
        head(&gateway, &link).await.is(410);
        assert_eq!(info(&alice, &link).await["downloads"], 3);
    }
}

/// Two at once, again and again: exactly one gets the file.
async fn race(gateway: &Gateway, path: &str, content: &[u8], rounds: usize) {
    let alice = gateway.alice();
    for _ in 0..rounds {
        let link = make(&alice, json!({"path": path})).await;
        let (one, other) = tokio::join!(get(gateway, &link), get(gateway, &link));
        let (winner, loser) = if one.status == 200 {
            (one, other)
        } else {
            (other, one)
        };
        assert_eq!(winner.status, 200, "{}", winner.text());
        assert!(winner.body == content, "not the whole file");
        assert!(
            matches!(loser.status, 410 | 423),
            "{}: {}",
            loser.status,
            loser.text()
        );
        if loser.status == 423 {
            loser.problem(423, "LOCKED");
            assert!(
                loser
                    .header("retry-after")
                    .parse::<u64>()
                    .is_ok_and(|seconds| (1..=30).contains(&seconds))
            );
        }
        get(gateway, &link).await.problem(410, "GONE");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_racing_downloads_exactly_one_succeeds_a_thousand_times() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let small = bytes(1, 2_000);
    let large = bytes(2, 3 << 20);
    alice.put("/small", small.clone()).await.is(201);
    alice.put("/large", large.clone()).await.is(201);
    let small = (0..8).map(|_| race(&gateway, "/small", &small, 122));
    let all = futures_util::future::join_all(small);
    tokio::join!(all, race(&gateway, "/large", &large, 24));
}

#[tokio::test]
async fn defect_10_only_a_download_that_was_handed_over_costs_a_use_and_a_broken_one_resumes() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    // Sockets hold up to four MiB of each download that is cut, which counts as handed over.
    let content = bytes(3, 32 << 20);
    let etag = alice.put("/big", content.clone()).await.is(201).etag();
    let link = make(&alice, json!({"path": "/big"})).await;
    // The file cannot be opened.
    alice
        .patch("/big", &json!({"name": "elsewhere"}))
        .await
        .is(200);
    get(&gateway, &link).await.problem(404, "FILE_NOT_FOUND");
    alice
        .patch("/elsewhere", &json!({"name": "big"}))
        .await
        .is(200);
    // The client goes away.
    for _ in 0..2 {
        cut(&gateway, &link, 100_000).await;
        eventually("the download to be noticed as broken", async || {
            (!gateway.works_in("files")).then_some(())
        })
        .await;
        assert_eq!(info(&alice, &link).await["downloads"], 0);
    }
    let rest = get_when_free(&gateway, &link, Some("bytes=100000-"))
        .await
        .is(206);
    assert!(rest.body == content[100_000..], "not the rest");
    assert_eq!(rest.etag(), etag);
    get(&gateway, &link).await.problem(410, "GONE");
    assert_eq!(info(&alice, &link).await["downloads"], 1);
}

#[tokio::test]
async fn what_takes_nothing_takes_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let content = bytes(4, 1000);
    let etag = alice
        .put("/secret-name", content.clone())
        .await
        .is(201)
        .etag();
    let link = make(
        &alice,
        json!({"path": "/secret-name", "filename": "public"}),
    )
    .await;
    for _ in 0..5 {
        let got = head(&gateway, &link).await.is(200);
        assert_eq!(
            (got.etag(), got.header("content-length")),
            (etag.clone(), "1000")
        );
        assert_eq!(
            got.header("content-disposition"),
            "attachment; filename=\"public\""
        );
        get(&gateway, &link)
            .header("if-none-match", &etag)
            .await
            .is(304);
        let failed = get(&gateway, &link).header("if-match", "\"other\"").await;
        failed.problem(412, "PRECONDITION_FAILED");
        let beyond = get(&gateway, &link).header("range", "bytes=1000-").await;
        beyond.problem(416, "RANGE_NOT_SATISFIABLE");
        assert_eq!(beyond.header("content-range"), "bytes */1000");
        assert!(
            !(failed.text() + &beyond.text()).contains("secret-name"),
            "the path is nobody's business"
        );
        gateway
            .stranger()
            .call("POST", &link.target)
            .await
            .problem(405, "METHOD_NOT_ALLOWED");
    }
    assert_eq!(info(&alice, &link).await["downloads"], 0);
    let digest = get(&gateway, &link)
        .header("want-repr-digest", "sha-256=1")
        .await
        .is(200);
    assert!(digest.header("repr-digest").starts_with("sha-256=:"));
}

#[tokio::test]
async fn parts_add_up_to_one_use() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let content = bytes(5, 1000);
    let etag = alice.put("/a", content.clone()).await.is(201).etag();
    let link = make(&alice, json!({"path": "/a"})).await;
    let part = async |range: &str| {
        get_when_free(&gateway, &link, Some(range))
            .await
            .is(206)
            .body
    };
    assert!(part("bytes=500-").await == content[500..]);
    assert!(part("bytes=0-99").await == content[..100]);
    let several = get_when_free(&gateway, &link, Some("bytes=100-199,300-399"))
        .await
        .is(206);
    assert!(
        several
            .header("content-type")
            .starts_with("multipart/byteranges"),
        "{:?}",
        several.headers
    );
    assert_eq!(info(&alice, &link).await["downloads"], 0);
    let stale = get(&gateway, &link)
        .header("range", "bytes=400-")
        .header("if-range", "\"other\"");
    assert_eq!(
        stale.attempt().await.expect("answered").status,
        200,
        "the whole, for it may be another version"
    );
    get(&gateway, &link).await.problem(410, "GONE");
    assert!(!etag.is_empty());

    let link = make(&alice, json!({"path": "/a"})).await;
    for range in ["bytes=0-499", "bytes=500-999"] {
        get_when_free(&gateway, &link, Some(range)).await.is(206);
    }
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn after_the_grace_time_nothing_is_left_of_a_broken_download() {
    let gateway = Setup::default()
        .more("[links]\ngrace = \"300ms\"")
        .start()
        .await;
    let alice = gateway.alice();
    let content = bytes(6, 1000);
    alice.put("/a", content.clone()).await.is(201);
    // Once the first half is forgotten, the second half does not complete a use. No request can ask
    // for the first half without renewing it, so an attempt that came too early is repeated
    // with another link and a longer pause.
    let mut pause = Duration::from_millis(500);
    let link = loop {
        let link = make(&alice, json!({"path": "/a"})).await;
        get_when_free(&gateway, &link, Some("bytes=0-499"))
            .await
            .is(206);
        tokio::time::sleep(pause).await;
        get_when_free(&gateway, &link, Some("bytes=500-999"))
            .await
            .is(206);
        if info(&alice, &link).await["downloads"] == 0 {
            break link;
        }
        pause *= 2;
        assert!(
            pause < DEADLINE / 2,
            "the first half still counts after {:?}",
            pause / 2
        );
    };
    assert!(get_when_free(&gateway, &link, None).await.is(200).body == content);
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn a_running_download_keeps_its_use_beyond_the_time_it_was_taken_for() {
    const TAKEN_FOR: Duration = Duration::from_secs(6);
    let gateway = Setup::default()
        .more("[links]\ngrace = \"6s\"")
        .start()
        .await;
    let alice = gateway.alice();
    alice.put("/big", bytes(7, 16 << 20)).await.is(201);
    let link = make(&alice, json!({"path": "/big"})).await;
    let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
    raw.head("GET", &link.target, &[]).await;
    assert_eq!(raw.answer_head().await.status, 200);
    // The use was taken before the answer began, so it is free by then unless it was renewed.
    let over = Instant::now() + TAKEN_FOR;
    let mut pace = interval(Duration::from_millis(50));
    while Instant::now() < over {
        pace.tick().await;
        get(&gateway, &link).await.problem(423, "LOCKED");
    }
    get(&gateway, &link).await.problem(423, "LOCKED");
    drop(raw);
    get_when_free(&gateway, &link, None).await.is(200);
}

#[tokio::test]
async fn kill_9_during_a_download_leaves_the_use_to_others() {
    let mut gateway = Setup::default()
        .more("[links]\ngrace = \"2s\"")
        .start()
        .await;
    let alice = gateway.alice();
    let content = bytes(8, 8 << 20);
    alice.put("/big", content.clone()).await.is(201);
    let link = make(&alice, json!({"path": "/big"})).await;
    let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
    raw.head("GET", &link.target, &[]).await;
    assert_eq!(raw.answer_head().await.status, 200);
    gateway.kill();
    let gateway = gateway.restart();
    assert!(get_when_free(&gateway, &link, None).await.is(200).body == content);
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn a_download_that_broke_off_as_the_service_stopped_can_be_resumed() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    let content = bytes(9, 8 << 20);
    alice.put("/big", content.clone()).await.is(201);
    let link = make(&alice, json!({"path": "/big"})).await;
    cut(&gateway, &link, 4096).await;
    // At once: the end of the download has to be recorded on the way down.
    gateway.stop();
    let gateway = gateway.restart();
    let rest = get(&gateway, &link)
        .header("range", "bytes=4096-")
        .await
        .is(206);
    assert!(rest.body == content[4096..]);
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn a_download_that_the_shutdown_cuts_can_be_resumed() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    let content = bytes(13, 8 << 20);
    alice.put("/big", content.clone()).await.is(201);
    let link = make(&alice, json!({"path": "/big"})).await;
    let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
    raw.head("GET", &link.target, &[]).await;
    assert_eq!(raw.answer_head().await.status, 200);
    assert!(!raw.read(4096).await.is_empty());
    // This client takes no more and does not go away either, so it is cut when the time to finish
    // is over.
    gateway.stop();
    let gateway = gateway.restart();
    let rest = get(&gateway, &link)
        .header("range", "bytes=1-")
        .await
        .is(206);
    assert!(rest.body == content[1..]);
    get(&gateway, &link).await.problem(410, "GONE");
    drop(raw);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_starts_anew() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", bytes(10, 1000)).await.is(201);
    let link = make(&alice, json!({"path": "/a"})).await;
    get(&gateway, &link)
        .header("range", "bytes=0-499")
        .await
        .is(206);
    let newer = bytes(11, 1000);
    alice.put("/a", newer.clone()).await.is(200);
    get_when_free(&gateway, &link, Some("bytes=500-"))
        .await
        .is(206);
    assert!(
        get_when_free(&gateway, &link, None).await.is(200).body == newer,
        "half of each is no whole"
    );
    get(&gateway, &link).await.problem(410, "GONE");
}

#[tokio::test]
async fn a_file_that_is_gone_costs_no_use() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/hidden/a", "x").await.is(201);
    let link = make(&alice, json!({"path": "/hidden/a"})).await;
    alice.delete("/hidden/a").await.is(204);
    for reply in [get(&gateway, &link).await, head(&gateway, &link).await] {
        assert_eq!(reply.status, 404);
        assert!(!reply.text().contains("hidden"), "{}", reply.text());
    }
    alice.make("/hidden/a").await.is(200 + 1);
    get(&gateway, &link).await.problem(404, "FILE_NOT_FOUND");
    alice.delete("/hidden/a").await.is(204);
    alice.put("/hidden/a", "back").await.is(201);
    assert_eq!(get(&gateway, &link).await.is(200).body, b"back");
}

#[tokio::test]
async fn what_a_component_streams_can_be_shared_too() {
    const STREAMED: usize = 1 << 20;
    // One instance: the file as a whole must be let go of before a part of it can be opened.
    let gateway = Setup::hostile().limits("instances = 1").start().await;
    let alice = gateway.alice();
    let numbered: Vec<u8> = (0..STREAMED).map(|place| (place % 251) as u8).collect();
    let link = make(&alice, json!({"path": "/hostile/numbered"})).await;
    let several = get(&gateway, &link)
        .header("range", "bytes=700000-799999,5-9")
        .await
        .is(206);
    assert!(
        several
            .header("content-type")
            .starts_with("multipart/byteranges"),
        "{:?}",
        several.headers
    );
    let first = get_when_free(&gateway, &link, Some("bytes=0-699999"))
        .await
        .is(206);
    assert!(first.body == numbered[..700_000]);
    assert_eq!(info(&alice, &link).await["downloads"], 0);
    let last = get_when_free(&gateway, &link, Some("bytes=800000-"))
        .await
        .is(206);
    assert!(last.body == numbered[800_000..]);
    get(&gateway, &link).await.problem(410, "GONE");
    let link = make(&alice, json!({"path": "/hostile/numbered"})).await;
    assert!(get(&gateway, &link).await.is(200).body == numbered);
    get(&gateway, &link).await.problem(410, "GONE");
}
