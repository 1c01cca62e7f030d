//! `/health`, `/metrics`, request ids, and the way down.

use crate::harness::{Gateway, Setup, eventually};

#[tokio::test]
async fn health_is_for_everyone() {
    let gateway = Gateway::start().await;
    for target in ["/health", "/health/live", "/health/ready"] {
        let reply = gateway.stranger().call("GET", target).await.is(200);
        assert_eq!(reply.json()["status"], "ok", "{target}");
    }
}

#[tokio::test]
async fn a_request_id_is_taken_if_well_formed_and_made_otherwise() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let taken = alice
        .get("/")
        .header("x-request-id", "mine-0123.4_5")
        .await
        .is(200);
    assert_eq!(taken.header("x-request-id"), "mine-0123.4_5");
    let long = "x".repeat(1000);
    for odd in ["has a space", "<script>", &long, "\"quoted\""] {
        let made = alice.get("/").header("x-request-id", odd).await.is(200);
        assert!(!made.header("x-request-id").is_empty());
        assert_ne!(made.header("x-request-id"), odd);
    }
    let one = alice.get("/").await.is(200);
    let two = alice.get("/").await.is(200);
    assert_ne!(one.header("x-request-id"), two.header("x-request-id"));
    let missing = alice
        .get("/nothing")
        .header("x-request-id", "find-me-in-the-log")
        .await;
    assert_eq!(
        missing.problem(404, "FILE_NOT_FOUND")["request_id"],
        "find-me-in-the-log"
    );
}

#[tokio::test]
async fn security_headers_are_on_every_answer() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/a.html", "<script>alert(1)</script>")
        .await
        .is(201);
    for reply in [
        alice.get("/a.html").await,
        alice.get("/nothing").await,
        gateway.stranger().get("/a.html").await,
        alice.call("GET", "/nowhere").await,
        alice.call("GET", "/health").await,
    ] {
        assert_eq!(
            reply.header("x-content-type-options"),
            "nosniff",
            "{:?}",
            reply.headers
        );
        assert_eq!(
            reply.header("x-frame-options"),
            "DENY",
            "{:?}",
            reply.headers
        );
        assert!(
            !reply.header("content-security-policy").is_empty(),
            "{:?}",
            reply.headers
        );
        assert!(
            !reply.header("referrer-policy").is_empty(),
            "{:?}",
            reply.headers
        );
    }
}

#[tokio::test]
async fn defect_14_metrics_count_what_happened() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let before = gateway.metrics().await;
    for number in 0..7 {
        alice.put(&format!("/{number}"), "x").await.is(201);
    }
    alice.get("/nothing").await.problem(404, "FILE_NOT_FOUND");
    eventually("eight more requests to be counted", async || {
        let after = gateway.metrics().await;
        let rise = after.sum("callfs_http_requests_total", &[])
            - before.sum("callfs_http_requests_total", &[]);
        (rise >= 8.0).then_some(())
    })
    .await;
}

#[tokio::test]
async fn defect_14_every_metric_that_is_declared_moves() {
    let gateway = Setup::hostile().start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    alice.get("/a").await.is(200);
    alice.get("/hostile/ok").await.is(200);
    alice.get("/hostile/streamed").await.is(200);
    alice
        .get("/hostile/trap")
        .await
        .problem(502, "PLUGIN_FAILED");
    gateway
        .reloaded("unchanged", async || gateway.hang_up())
        .await;
    let metrics = gateway.metrics().await;
    let still: Vec<&str> = metrics
        .names()
        .into_iter()
        .filter(|name| {
            name.starts_with("callfs_")
                && !name.ends_with("_bucket")
                && metrics.sum(name, &[]) == 0.0
        })
        // Nothing goes on now, no request had to wait, and every log line was written.
        .filter(|name| {
            !["in_flight", "waits", "lost"]
                .iter()
                .any(|part| name.contains(part))
        })
        .collect();
    assert_eq!(still, [] as [&str; 0], "declared and never moved");
}

#[tokio::test]
async fn metrics_on_the_main_listener_need_a_key() {
    let gateway = Gateway::start().await;
    gateway
        .stranger()
        .call("GET", "/metrics")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    assert!(
        gateway
            .admin()
            .call("GET", "/metrics")
            .await
            .is(200)
            .text()
            .contains("callfs_")
    );
}

#[tokio::test]
async fn a_polite_end_lets_a_download_finish() {
    let mut gateway = Gateway::start().await;
    let content = crate::harness::bytes(3, 8 << 20);
    gateway.alice().put("/large", content.clone()).await.is(201);
    let mut slow = gateway.raw().await;
    slow.head("GET", "/v1/files/large", &[]).await;
    assert_eq!(slow.answer_head().await.status, 200);
    let mut got = slow.read(1000).await;
    gateway.process().terminate();
    while got.len() < content.len() {
        let more = slow.read(1 << 20).await;
        assert!(!more.is_empty(), "cut after {} bytes", got.len());
        got.extend(more);
    }
    assert!(got == content, "other bytes");
    drop(slow);
    assert!(gateway.process().wait().success());
}
