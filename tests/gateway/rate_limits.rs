//! Limits on how often one client may ask. The periods are so long that no test is about time.

use crate::harness::{Gateway, Setup};

async fn limited(line: &str) -> Gateway {
    Setup::default().top(line).start().await
}

#[tokio::test]
async fn without_limits_nothing_is_counted_or_told() {
    let gateway = Gateway::start().await;
    let reply = gateway.alice().get("/").await.is(200);
    assert_eq!(
        (reply.header("ratelimit"), reply.header("ratelimit-policy")),
        ("", "")
    );
}

#[tokio::test]
async fn an_address_is_limited_whoever_asks_even_with_wrong_keys() {
    let gateway = limited("rate_limits.per_ip = { requests = 3, per = \"1h\" }").await;
    let guess = gateway.client(Some("a-guess")).get("/").await;
    guess.problem(401, "AUTHENTICATION_FAILED");
    assert_eq!(guess.header("ratelimit-policy"), "\"ip\";q=3;w=3600");
    assert_eq!(guess.header("ratelimit"), "\"ip\";r=2;t=1200");
    gateway.stranger().call("GET", "/nowhere").await.is(404);
    gateway.alice().put("/a.txt", "x").await.is(201);
    // Not even a good key helps now, and nothing is carried out.
    let refused = gateway.alice().put("/b.txt", "x").await;
    refused.problem(429, "RATE_LIMIT_EXCEEDED");
    let wait: u64 = refused.header("retry-after").parse().expect("seconds");
    assert!((1..=1200).contains(&wait), "{wait}");
    assert_eq!(refused.header("ratelimit"), "\"ip\";r=0;t=3600");
    assert_eq!(gateway.everything_in("files"), ["a.txt"]);
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("callfs_http_rate_limited_total", &[("limit", "ip")]),
        1.0
    );
}

#[tokio::test]
async fn health_is_never_refused() {
    let gateway = limited("rate_limits.per_ip = { requests = 1, per = \"1h\" }").await;
    for _ in 0..3 {
        for target in ["/health", "/health/live", "/health/ready"] {
            let reply = gateway.stranger().call("GET", target).await.is(200);
            assert_eq!(reply.header("ratelimit"), "");
        }
    }
    gateway.alice().get("/").await.is(200);
    gateway
        .alice()
        .get("/")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");
    gateway
        .stranger()
        .call("GET", "/healthy")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn an_identity_is_limited_and_nobody_else() {
    let gateway =
        limited("rate_limits.per_identity = { requests = 1, per = \"1h\", burst = 2 }").await;
    let first = gateway.alice().get("/").await.is(200);
    assert_eq!(first.header("ratelimit-policy"), "\"identity\";q=2;w=7200");
    assert_eq!(first.header("ratelimit"), "\"identity\";r=1;t=3600");
    gateway.alice().put("/a.txt", "x").await.is(201);
    gateway
        .alice()
        .put("/b.txt", "x")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");
    gateway.alice().head("/a.txt").await.is(429);
    gateway.bob().get("/").await.is(200);
    // Strangers are nobody, and there is no limit by address here.
    for _ in 0..3 {
        let reply = gateway.stranger().get("/").await.is(401);
        assert_eq!(reply.header("ratelimit"), "");
    }
    assert_eq!(gateway.everything_in("files"), ["a.txt"]);
}

#[tokio::test]
async fn both_limits_are_told() {
    let both = "rate_limits = { per_ip = { requests = 9, per = \"9s\" }, per_identity = { \
                requests = 8, per = \"8s\" } }";
    let gateway = limited(both).await;
    let reply = gateway.alice().get("/").await.is(200);
    assert_eq!(
        reply.header("ratelimit-policy"),
        "\"ip\";q=9;w=9, \"identity\";q=8;w=8"
    );
    assert_eq!(
        reply.header("ratelimit"),
        "\"ip\";r=8;t=1, \"identity\";r=7;t=1"
    );
}

#[tokio::test]
async fn only_a_trusted_proxy_is_believed_about_its_clients() {
    let one = "rate_limits.per_ip = { requests = 1, per = \"1h\" }";
    let from =
        |gateway: &Gateway, name: &str, value: &str| gateway.alice().get("/").header(name, value);
    let gateway = limited(one).await;
    from(&gateway, "x-forwarded-for", "192.0.2.1").await.is(200);
    from(&gateway, "x-forwarded-for", "192.0.2.2")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");

    let gateway = Setup::default()
        .top(one)
        .server("trusted_proxies = [\"127.0.0.1/32\"]")
        .start()
        .await;
    from(&gateway, "x-forwarded-for", "192.0.2.1").await.is(200);
    from(&gateway, "x-forwarded-for", "192.0.2.2").await.is(200);
    from(&gateway, "forwarded", "for=192.0.2.3").await.is(200);
    from(&gateway, "x-forwarded-for", "2001:db8::1")
        .await
        .is(200);
    // What a client claims stands to the left of what the proxy adds.
    from(&gateway, "x-forwarded-for", "198.51.100.7, 192.0.2.1")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");
    from(
        &gateway,
        "forwarded",
        "for=198.51.100.7, for=\"192.0.2.2:80\"",
    )
    .await
    .problem(429, "RATE_LIMIT_EXCEEDED");
    from(&gateway, "x-forwarded-for", "2001:db8::2")
        .await
        .problem(429, "RATE_LIMIT_EXCEEDED");
}

#[tokio::test]
async fn a_refused_upload_does_not_cost_the_connection() {
    let gateway = limited("rate_limits.per_ip = { requests = 1, per = \"1h\" }").await;
    gateway.alice().get("/").await.is(200);
    let mut raw = gateway.raw().await;
    for _ in 0..2 {
        raw.send_whole("PUT", "/v1/files/a.txt", b"four").await;
        raw.answer().await.detail(429, "RATE_LIMIT_EXCEEDED");
    }
}
