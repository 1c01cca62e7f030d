//! A component that misbehaves costs its own request, and nobody else's.

use std::time::{Duration, Instant};

use futures_util::future::join_all;

use crate::harness::{Gateway, Generated, Reply, Setup, bytes, eventually};

/// The status and code of a component that failed, naming it.
#[track_caller]
fn failed(reply: &Reply) {
    let problem = match reply.status {
        503 => reply.problem(503, "BACKEND_TIMEOUT"),
        _ => reply.problem(502, "PLUGIN_FAILED"),
    };
    assert!(
        problem["detail"]
            .as_str()
            .is_some_and(|detail| detail.contains("hostile")),
        "{problem}"
    );
    assert_eq!(problem["plugin"], "hostile", "{problem}");
}

/// The plugin still serves, and so does everything beside it.
async fn all_is_well(gateway: &Gateway) {
    assert_eq!(
        gateway.alice().get("/hostile/ok").await.is(200).body,
        b"ok\n"
    );
    gateway.alice().put("/beside", "x").await;
    assert_eq!(gateway.alice().get("/beside").await.is(200).body, b"x");
    gateway
        .stranger()
        .call("GET", "/health/ready")
        .await
        .is(200);
}

/// The plugin serves again, by itself; until then it says when.
async fn recovers(gateway: &Gateway) {
    eventually("the plugin to recover", async || {
        let reply = gateway.alice().get("/hostile/ok").await;
        assert!(
            reply.status == 200 || !reply.header("retry-after").is_empty(),
            "{}",
            reply.text()
        );
        (reply.status == 200).then_some(())
    })
    .await;
    all_is_well(gateway).await;
}

#[tokio::test]
async fn a_trap_is_a_502_that_names_the_plugin() {
    let gateway = Setup::hostile().start().await;
    for _ in 0..5 {
        failed(&gateway.alice().get("/hostile/trap").await);
        all_is_well(&gateway).await;
    }
    assert!(
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_traps_total", &[("plugin", "hostile")])
            >= 5.0
    );
}

#[tokio::test]
async fn an_endless_loop_ends_within_its_limit() {
    let gateway = Setup::hostile()
        .limits(r#"cpu_time = "500ms""#)
        .start()
        .await;
    let start = Instant::now();
    failed(&gateway.alice().get("/hostile/loop").await);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    all_is_well(&gateway).await;
}

#[tokio::test]
async fn a_call_that_waits_for_nothing_ends_within_its_limit() {
    let gateway = Setup::hostile()
        .limits(r#"call_timeout = "1s""#)
        .start()
        .await;
    let start = Instant::now();
    failed(&gateway.alice().get("/hostile/stall").await);
    assert!(
        start.elapsed() < Duration::from_secs(15),
        "{:?}",
        start.elapsed()
    );
    all_is_well(&gateway).await;
}

#[tokio::test]
async fn memory_without_end_ends_at_the_limit() {
    let mut gateway = Setup::hostile().limits(r#"memory = "32MiB""#).start().await;
    all_is_well(&gateway).await;
    let idle = gateway.process().peak_memory();
    for way in ["alloc", "deep", "hoard"] {
        for _ in 0..3 {
            failed(&gateway.alice().get(&format!("/hostile/{way}")).await);
        }
        all_is_well(&gateway).await;
    }
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown < 256 << 20, "grown by {} MiB", grown >> 20);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_requests_succeed_beside_those_that_fail() {
    let gateway = Setup::hostile()
        .limits(r#"cpu_time = "500ms""#)
        .start()
        .await;
    let alice = gateway.alice();
    let bad = [
        "loop", "trap", "alloc", "loop", "deep", "trap", "loop", "alloc",
    ];
    let bad = join_all(bad.map(|way| alice.get(&format!("/hostile/{way}")).into_future()));
    let good = join_all((0..100).map(|_| alice.get("/hostile/ok").into_future()));
    let (bad, good) = tokio::join!(bad, good);
    bad.iter().for_each(failed);
    for reply in good {
        assert_eq!(reply.is(200).body, b"ok\n");
    }
    all_is_well(&gateway).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn loops_on_every_thread_do_not_starve_anybody() {
    let gateway = Setup::hostile().limits(r#"cpu_time = "2s""#).start().await;
    let alice = gateway.alice();
    let loops = tokio::spawn({
        let alice = alice.clone();
        async move { join_all((0..8).map(|_| alice.get("/hostile/loop").into_future())).await }
    });
    let mut slowest = Duration::ZERO;
    while !loops.is_finished() {
        let start = Instant::now();
        gateway.stranger().call("GET", "/health/live").await.is(200);
        alice.put("/beside", "x").await;
        slowest = slowest.max(start.elapsed());
    }
    loops.await.expect("answers").iter().for_each(failed);
    assert!(
        slowest < Duration::from_secs(5),
        "somebody waited {slowest:?}"
    );
}

#[tokio::test]
async fn when_all_instances_are_out_callers_wait_or_are_told_when_to_come_again() {
    let gateway = Setup::hostile()
        .limits(r#"instances = 2, cpu_time = "30s", call_timeout = "2s""#)
        .start()
        .await;
    let alice = gateway.alice();
    let replies = join_all((0..12).map(|_| alice.get("/hostile/loop").into_future())).await;
    for reply in &replies {
        assert!(matches!(reply.status, 502 | 503), "{}", reply.text());
        if reply.json()["code"] == "BACKEND_UNAVAILABLE" {
            assert!(
                !reply.header("retry-after").is_empty(),
                "{:?}",
                reply.headers
            );
        }
    }
    recovers(&gateway).await;
}

#[tokio::test]
async fn a_download_in_flight_survives_its_plugin() {
    // One instance: the one that opened the file is the one that traps.
    let gateway = Setup::hostile().limits("instances = 1").start().await;
    let content = bytes(5, 32 << 20);
    std::fs::write(gateway.path("hostile/large"), &content).expect("writable");
    let mut download = gateway.raw().await;
    download
        .head("GET", "/v1/files/hostile/files/large", &[])
        .await;
    assert_eq!(download.answer_head().await.status, 200);
    let mut got = download.read(10_000).await;
    for _ in 0..3 {
        failed(&gateway.alice().get("/hostile/trap").await);
    }
    while got.len() < content.len() {
        let more = download.read(1 << 20).await;
        assert!(!more.is_empty(), "cut after {} bytes", got.len());
        got.extend(more);
    }
    assert!(got == content, "other bytes");
}

#[tokio::test]
async fn bytes_may_flow_through_a_guest() {
    let gateway = Setup::hostile().start().await;
    let got = gateway.alice().get("/hostile/streamed").await.is(200);
    assert!(
        got.body == vec![b's'; 1 << 20],
        "{} other bytes",
        got.body.len()
    );
}

#[tokio::test]
async fn a_source_that_breaks_its_promise_is_never_a_complete_answer() {
    let gateway = Setup::hostile().start().await;
    for path in ["cut", "short", "long"] {
        match gateway
            .alice()
            .get(&format!("/hostile/{path}"))
            .attempt()
            .await
        {
            // The connection was cut: the client knows.
            Err(_) => {}
            Ok(reply) => assert!(
                reply.status >= 500,
                "{path}: {} with {} bytes",
                reply.status,
                reply.body.len()
            ),
        }
    }
    all_is_well(&gateway).await;
}

#[tokio::test]
async fn names_that_are_none_do_not_get_out() {
    let gateway = Setup::hostile().start().await;
    for reply in [
        gateway.alice().get("/hostile/names").await,
        gateway
            .alice()
            .list("/hostile/names", "recursive=true")
            .await,
    ] {
        if reply.status == 200 {
            let names = reply.entries("name");
            assert!(
                names
                    .iter()
                    .all(|name| !name.contains(['/', '\0'])
                        && ![".", "..", ""].contains(&name.as_str())),
                "{names:?}"
            );
        } else {
            failed(&reply);
        }
    }
}

#[tokio::test]
async fn a_chatterbox_does_not_fill_the_log() {
    let gateway = Setup::hostile().start().await;
    gateway.alice().get("/hostile/chatter").await;
    gateway.logged("chatter ").await;
    let lines = gateway
        .log()
        .lines()
        .filter(|line| line.contains("chatter "))
        .count();
    assert!((1..2000).contains(&lines), "{lines} of 10,000 lines");
    all_is_well(&gateway).await;
}

#[tokio::test]
async fn a_component_that_cannot_write_says_so() {
    let gateway = Setup::hostile().start().await;
    let admin = gateway.admin();
    for reply in [
        admin
            .put("/hostile/new", Generated::mebibytes(1).sha256_hex())
            .await,
        admin.make("/hostile/new").await,
        admin.delete("/hostile/ok").await,
        admin
            .patch("/hostile/ok", &serde_json::json!({"name": "new"}))
            .await,
    ] {
        let problem = reply.problem(422, "UNSUPPORTED");
        assert!(
            problem["detail"]
                .as_str()
                .is_some_and(|detail| detail.contains("hostile")),
            "{problem}"
        );
    }
}

/// A check at the end of a file is worth as much as what is done with its outcome.
#[tokio::test]
async fn an_error_after_the_last_byte_is_never_a_complete_answer() {
    let gateway = Setup::hostile().start().await;
    for path in [
        "tail",
        "tail-unannounced",
        "tail-empty",
        "tail-panic",
        "tail-panic-unannounced",
    ] {
        for range in [None, Some("bytes=0-")] {
            let mut call = gateway.alice().get(&format!("/hostile/{path}"));
            if let Some(range) = range {
                call = call.header("range", range);
            }
            if let Ok(reply) = call.attempt().await {
                assert!(
                    reply.status >= 400,
                    "{path}: {} with {} bytes",
                    reply.status,
                    reply.body.len()
                );
            }
        }
    }
    all_is_well(&gateway).await;
    gateway.logged("a response was cut short").await;
    gateway.logged("the tail does not match").await;
}

/// A component that never says how its stream ended holds up nothing: neither the client, whose
/// download is cut, nor those who wait for its instance.
#[tokio::test]
async fn a_stream_that_never_ends_is_cut_within_the_limit() {
    let gateway = Setup::hostile()
        .limits(r#"call_timeout = "1s", instances = 1"#)
        .start()
        .await;
    for path in [
        "endless",
        "endless-unannounced",
        "endless-open",
        "endless-open-unannounced",
    ] {
        let start = Instant::now();
        let call = gateway.alice().get(&format!("/hostile/{path}"));
        if let Ok(reply) = call.attempt().await {
            let size = reply.body.len();
            assert!(
                reply.status >= 400,
                "{path}: {} with {size} bytes",
                reply.status
            );
        }
        let took = start.elapsed();
        assert!(took < Duration::from_secs(15), "{path}: {took:?}");
        eventually("the instance to serve again", async || {
            let reply = gateway.alice().get("/hostile/ok").await;
            (reply.status == 200).then_some(())
        })
        .await;
    }
    let log = gateway.log();
    assert!(log.contains("a response was cut short"), "{log}");
    assert!(log.contains("did not end its stream within 1s"), "{log}");
}

/// What a component does after its last byte is waited for, and its instance serves again.
#[tokio::test]
async fn an_instance_that_streamed_finishes_and_serves_again() {
    let gateway = Setup::hostile().limits("instances = 1").start().await;
    let alice = gateway.alice();
    alice.get("/hostile/busy").await.is(200);
    assert!(gateway.path("hostile/after").is_dir());
    let instances = async |state: &str| {
        let labels = [("plugin", "hostile"), ("state", state)];
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_instances", &labels)
    };
    for path in ["streamed", "numbered", "busy", "streamed"] {
        alice.get(&format!("/hostile/{path}")).await.is(200);
        eventually("the instance to come back", async || {
            (instances("busy").await == 0.0).then_some(())
        })
        .await;
        assert_eq!(instances("idle").await, 1.0, "after {path}");
    }
    // So does one whose reader went away.
    let mut raw = gateway.raw().await;
    raw.head("GET", "/v1/files/hostile/streamed", &[]).await;
    assert_eq!(raw.answer_head().await.status, 200);
    drop(raw);
    eventually("the instance to come back", async || {
        (instances("idle").await == 1.0).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn readers_of_streams_leave_instances_to_others() {
    let gateway = Setup::hostile().limits("instances = 8").start().await;
    let mut slow = Vec::new();
    for _ in 0..12 {
        let mut raw = gateway.raw().await;
        raw.head("GET", "/v1/files/hostile/large", &[]).await;
        slow.push(raw);
    }
    eventually("the streams to begin", async || {
        let labels = [("plugin", "hostile"), ("state", "busy")];
        let busy = gateway
            .metrics()
            .await
            .sum("callfs_plugin_instances", &labels);
        // Three quarters of eight; those who ask for a seventh wait without an instance.
        (busy == 6.0).then_some(())
    })
    .await;
    for _ in 0..5 {
        gateway.alice().get("/hostile/ok").await.is(200);
        gateway.alice().head("/hostile/streamed").await.is(200);
    }
    // Whoever had to wait is served as soon as another has read.
    let read = slow
        .into_iter()
        .map(|mut raw| async move { raw.answer().await.status });
    assert_eq!(join_all(read).await, [200; 12]);
}

#[tokio::test]
async fn validators_of_any_length_do_not_become_headers() {
    let gateway = Setup::hostile().start().await;
    let reply = gateway.alice().get("/hostile/long-etag").await.is(200);
    assert_eq!(reply.body, b"ok\n");
    assert_eq!(reply.header("etag"), "");
    assert!(reply.header("content-type").len() < 100);
}
