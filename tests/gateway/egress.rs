//! What leaves: a component reaches what was granted, signed by the gateway, and nothing else.

use std::time::{Duration, Instant};

use crate::harness::{Gateway, Mount, Setup, Tls, Upstream, bytes, eventually, spelled};

/// `caller` at `/caller` with these lines of configuration, beside `localfs` at `/`.
fn caller(lines: &str) -> Setup {
    Setup::default()
        .plugin("caller", callfs_test_components::CALLER)
        .mount(Mount::folder("/", "files"))
        .mount(Mount::new("/caller", "caller").with(lines))
}

/// One that may reach a server.
fn granted(upstream: &Upstream) -> Setup {
    caller(&format!("grants.http = [\"{}\"]", upstream.origin()))
}

/// A request was refused for a reason: with a 403 that says it, counted each time, and logged.
async fn is_refused(gateway: &Gateway, request: &str, reason: &str, said: &str) {
    let before = Refused::now(gateway, reason).await;
    let detail = gateway
        .admin()
        .get(&spelled(request))
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(detail.contains(said), "{request}: {detail}");
    let after = Refused::now(gateway, reason).await;
    // The gateway may ask a component more than once; each of its requests is one.
    assert!(
        after.for_it > before.for_it,
        "{request} is not counted as {reason}"
    );
    assert_eq!(
        after.for_it - before.for_it,
        after.in_all - before.in_all,
        "{request}"
    );
    let reason = format!("reason=\"{reason}\"");
    let is_it = |line: &str| {
        line.contains("refused a request") && line.contains(&reason) && line.contains(said)
    };
    eventually("a line in the log", async || {
        gateway.log().lines().any(is_it).then_some(())
    })
    .await;
}

/// How many requests of `caller` were refused.
struct Refused {
    for_it: f64,
    in_all: f64,
}

impl Refused {
    async fn now(gateway: &Gateway, reason: &str) -> Self {
        let metrics = gateway.metrics().await;
        let labels = [("plugin", "caller"), ("reason", reason)];
        let outcome = [("plugin", "caller"), ("outcome", "refused")];
        Self {
            for_it: metrics.sum("callfs_plugin_http_refused_total", &labels),
            in_all: metrics.sum("callfs_plugin_http_requests_total", &outcome),
        }
    }
}

#[tokio::test]
async fn a_granted_origin_is_reached_and_its_answer_served() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream).start().await;
    let admin = gateway.admin();
    let origin = upstream.origin();
    let reply = admin
        .get(&spelled(&format!(
            "GET\n\nx-own: a value\n\n{origin}/a%2Bb%20c/../d?e=f"
        )))
        .await
        .is(200);
    assert_eq!(
        (&*reply.body, reply.header("content-length")),
        (&b"ok\n"[..], "3")
    );
    let asked = upstream.asked_for("/a%2Bb%20c/../d?e=f").await;
    assert_eq!(
        (asked.method.as_str(), asked.header("x-own")),
        ("GET", "a value")
    );
    assert_eq!(asked.header("host"), origin.trim_start_matches("http://"));
    assert!(
        asked.header("user-agent").starts_with("callfs/"),
        "{asked:?}"
    );
    assert_eq!(
        asked.header("authorization"),
        "",
        "nobody asked for a signature"
    );
    assert_eq!(
        admin
            .get(&spelled(&format!("GET\n\n\n{origin}/chunked")))
            .await
            .is(200)
            .body,
        b"hello"
    );
    let problem = admin
        .get(&spelled(&format!("GET\n\n\n{origin}/missing")))
        .await
        .detail(502, "PLUGIN_FAILED");
    assert!(problem.contains("answered 404"), "{problem}");
    let metrics = gateway.metrics().await;
    let count = |outcome| {
        metrics.sum(
            "callfs_plugin_http_requests_total",
            &[("plugin", "caller"), ("outcome", outcome)],
        )
    };
    assert_eq!((count("2xx"), count("4xx")), (2.0, 1.0));
    assert_eq!(
        metrics.sum(
            "callfs_plugin_http_request_seconds_count",
            &[("plugin", "caller")]
        ),
        3.0
    );
}

#[tokio::test]
async fn bodies_flow_in_both_directions_past_the_component() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream)
        .limits(r#"memory = "2MiB""#)
        .start()
        .await;
    let sent = bytes(7, 8 << 20);
    let path = spelled(&format!("PUT\n\n\n{}/kept", upstream.origin()));
    gateway.admin().put(&path, sent.clone()).await.is(200);
    let asked = upstream.asked_for("/kept").await;
    assert_eq!(
        (asked.header("content-length"), asked.body.len()),
        ("8388608", 8 << 20)
    );
    assert!(asked.body == sent, "other bytes");
    let metrics = gateway.metrics().await;
    let native = |direction| {
        let labels = [
            ("plugin", "caller"),
            ("direction", direction),
            ("carrier", "native"),
        ];
        metrics.sum("callfs_plugin_bytes_total", &labels)
    };
    assert_eq!(native("write"), f64::from(8 << 20));
    // Without an announced length it goes in chunks.
    let path = spelled(&format!("POST\n\n\n{}/flowing", upstream.origin()));
    let body = reqwest::Body::wrap_stream(futures_util::stream::iter(vec![
        Ok::<_, std::io::Error>("one "),
        Ok("two"),
    ]));
    gateway.admin().put(&path, body).await.is(200);
    let asked = upstream.asked_for("/flowing").await;
    assert_eq!(
        (asked.header("transfer-encoding"), &*asked.body),
        ("chunked", &b"one two"[..])
    );
}

#[tokio::test]
async fn what_was_not_granted_is_out_of_reach() {
    let upstream = Upstream::start().await;
    let other = Upstream::start().await;
    let gateway = granted(&upstream).start().await;
    let port = upstream.port();
    let origin = upstream.origin();
    for (uri, said) in [
        (
            format!("{}/", other.origin()),
            format!("add \"{}\" to grants.http", other.origin()),
        ),
        (
            "http://example.org/".into(),
            "add \"http://example.org\" to grants.http".into(),
        ),
        (format!("https://127.0.0.1:{port}/"), "grants.http".into()),
        (format!("http://127.0.0.2:{port}/"), "grants.http".into()),
        (
            format!("http://[::ffff:127.0.0.1]:{port}/"),
            "grants.http".into(),
        ),
        (format!("http://[::1]:{port}/"), "grants.http".into()),
        (format!("http://localhost:{port}/"), "grants.http".into()),
        (
            "http://169.254.169.254/latest/meta-data/".into(),
            "grants.http".into(),
        ),
        (format!("http://2130706433:{port}/"), "one spelling".into()),
        (format!("http://0x7f000001:{port}/"), "one spelling".into()),
        (format!("http://0x7f.0.0.1:{port}/"), "one spelling".into()),
        (format!("http://0177.0.0.1:{port}/"), "one spelling".into()),
        (format!("http://127.1:{port}/"), "one spelling".into()),
        (format!("{origin}0/"), "port between".into()),
    ] {
        is_refused(&gateway, &format!("GET\n\n\n{uri}"), "origin", &said).await;
    }
    for userinfo in [
        format!("http://user:pass@127.0.0.1:{port}/"),
        format!("http://127.0.0.1:{port}@example.org/"),
    ] {
        is_refused(
            &gateway,
            &format!("GET\n\n\n{userinfo}"),
            "user_info",
            "user name",
        )
        .await;
    }
    is_refused(
        &gateway,
        &format!("CONNECT\n\n\n{origin}/"),
        "method",
        "CONNECT",
    )
    .await;
    for header in [
        "host: other",
        "Host: other",
        "connection: upgrade",
        "transfer-encoding: chunked",
        "upgrade: h2c",
    ] {
        is_refused(
            &gateway,
            &format!("GET\n\n{header}\n\n{origin}/"),
            "header",
            "set by the gateway",
        )
        .await;
    }
    assert!(
        !gateway.log().contains("user:pass") && !gateway.log().contains("meta-data"),
        "{}",
        gateway.log()
    );
    assert!(
        upstream.asked().is_empty() && other.connections() == 0,
        "{:?}",
        upstream.asked()
    );
}

#[tokio::test]
async fn what_is_no_request_is_an_error_and_no_trap() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream).start().await;
    let origin = upstream.origin();
    for request in [
        "GET\n\n\n".into(),
        "GET\n\n\n/only/a/path".into(),
        "GET\n\n\nfile:///etc/passwd".into(),
        format!("GET\n\n\n{origin}/ü"),
        format!("GET\n\n\n{origin}/a b"),
        format!("G T\n\n\n{origin}/"),
        format!("\n\n\n{origin}/"),
        format!("GET\n\nb d: x\n\n{origin}/"),
        format!("GET\n\nx-split: a\rhost: b\n\n{origin}/"),
        format!("GET\n\ncontent-length: 5\n\n{origin}/"),
        format!("GET\n\ncontent-length: five\n\n{origin}/"),
    ] {
        gateway
            .admin()
            .get(&spelled(&request))
            .await
            .problem(400, "BAD_REQUEST");
    }
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_traps_total", &[]),
        0.0
    );
    assert!(upstream.asked().is_empty(), "{:?}", upstream.asked());
}

#[tokio::test]
async fn a_name_that_leads_to_an_internal_address_is_refused_unless_that_is_granted() {
    let upstream = Upstream::start().await;
    let named = format!("http://localhost:{}", upstream.port());
    let gateway = caller(&format!("grants.http = [\"{named}\"]"))
        .start()
        .await;
    is_refused(
        &gateway,
        &format!("GET\n\n\n{named}/"),
        "address",
        "private = true",
    )
    .await;
    assert_eq!(upstream.connections(), 0);
    let gateway = caller(&format!(
        "grants.http = [ {{ origin = \"{named}\", private = true }} ]"
    ))
    .start()
    .await;
    assert_eq!(
        gateway
            .admin()
            .get(&spelled(&format!("GET\n\n\n{named}/")))
            .await
            .is(200)
            .body,
        b"ok\n"
    );
}

#[tokio::test]
async fn a_connection_to_an_internal_address_serves_only_those_who_were_granted_one() {
    let upstream = Upstream::start().await;
    let named = format!("http://localhost:{}", upstream.port());
    let gateway = caller(&format!(
        "grants.http = [ {{ origin = \"{named}\", private = true }} ]"
    ))
    .mount(Mount::new("/second", "caller").with(&format!("grants.http = [\"{named}\"]")))
    .start()
    .await;
    let request = spelled(&format!("GET\n\n\n{named}/"));
    gateway.admin().get(&request).await.is(200);
    let second = request.replacen("/caller/", "/second/", 1);
    let detail = gateway
        .admin()
        .get(&second)
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(detail.contains("private = true"), "{detail}");
}

#[tokio::test]
async fn tls_is_spoken_with_who_is_known() {
    let upstream = Upstream::start().await;
    let known = Tls::before(&upstream, "127.0.0.1").await;
    let unknown = Tls::before(&upstream, "127.0.0.1").await;
    let misnamed = Tls::before(&upstream, "example.org").await;
    let origin = |tls: &Tls| format!("https://127.0.0.1:{}", tls.port());
    let origins = [&known, &unknown, &misnamed].map(|tls| format!("\"{}\"", origin(tls)));
    let dir = caller(&format!("grants.http = [{}]", origins.join(", "))).prepare();
    // What the system trusts is in the file that SSL_CERT_FILE names.
    let trusted = [known.certificate(), misnamed.certificate()].concat();
    std::fs::write(dir.path().join("trusted.pem"), trusted).expect("writable");
    let variable = format!("SSL_CERT_FILE={}", dir.path().join("trusted.pem").display());
    let gateway = Gateway::start_under(dir, &["env", &variable]);
    let get = |tls: &Tls, path: &str| {
        gateway
            .admin()
            .get(&spelled(&format!("GET\n\n\n{}{path}", origin(tls))))
    };
    assert_eq!(get(&known, "/well").await.is(200).body, b"ok\n");
    for tls in [&unknown, &misnamed] {
        let detail = get(tls, "/never").await.detail(503, "BACKEND_UNAVAILABLE");
        assert!(detail.contains("cannot be reached"), "{detail}");
    }
    gateway.logged("certificate").await;
    let asked: Vec<_> = upstream
        .asked()
        .into_iter()
        .map(|asked| asked.target)
        .collect();
    assert!(
        !asked.is_empty() && asked.iter().all(|target| target == "/well"),
        "{asked:?}"
    );
}

#[tokio::test]
async fn a_redirect_is_followed_where_it_may_go() {
    let upstream = Upstream::start().await;
    let other = Upstream::start().await;
    let origin = upstream.origin();
    let elsewhere = other.origin();
    let gateway = granted(&upstream).start().await;
    let admin = gateway.admin();
    let get = |target: &str| spelled(&format!("GET\n\n\n{origin}{target}"));
    admin.get(&get("/redirect?/there")).await.is(200);
    upstream.asked_for("/there").await;
    is_refused(
        &gateway,
        &format!("GET\n\n\n{origin}/redirect?{elsewhere}/"),
        "origin",
        &elsewhere,
    )
    .await;
    is_refused(
        &gateway,
        &format!("GET\n\n\n{origin}/redirect?http://169.254.169.254/"),
        "origin",
        "169.254",
    )
    .await;
    is_refused(
        &gateway,
        &format!("GET\n\n\n{origin}/redirect?{origin}/redirect?{elsewhere}/"),
        "origin",
        &elsewhere,
    )
    .await;
    let before = upstream.asked().len();
    let detail = admin
        .get(&get("/redirect?redirect"))
        .await
        .detail(503, "BACKEND_UNAVAILABLE");
    assert!(detail.contains("in circles"), "{detail}");
    let turns = upstream.asked().len() - before;
    assert!(
        turns > 0 && turns % 6 == 0,
        "a request and five redirects, not {turns}"
    );
    let detail = admin
        .put(&spelled(&format!("PUT\n\n\n{origin}/redirect?/there")), "x")
        .await
        .detail(502, "PLUGIN_FAILED");
    assert!(
        detail.contains("answered 302"),
        "a body is not sent twice: {detail}"
    );
    assert_eq!(other.connections(), 0);
}

#[tokio::test]
async fn a_server_that_misbehaves_costs_one_request() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream)
        .limits(r#"instances = 1, call_timeout = "2s""#)
        .start()
        .await;
    let get = |path: &str| {
        gateway
            .admin()
            .get(&spelled(&format!("GET\n\n\n{}{path}", upstream.origin())))
    };
    for (path, outcome) in [
        ("/stall", "timeout"),
        ("/reset", "interrupted"),
        ("/close", "interrupted"),
        ("/garbage", "malformed"),
        ("/bomb", "malformed"),
    ] {
        let start = Instant::now();
        get(path).await.problem(503, "BACKEND_UNAVAILABLE");
        assert!(
            start.elapsed() < Duration::from_secs(20),
            "{path}: {:?}",
            start.elapsed()
        );
        let metrics = gateway.metrics().await;
        let counted = metrics.sum("callfs_plugin_http_requests_total", &[("outcome", outcome)]);
        assert!(counted >= 1.0, "{path} is no {outcome}");
        assert_eq!(get("/well").await.is(200).body, b"ok\n", "after {path}");
    }
    for path in ["/reset-in-body", "/short", "/cut"] {
        match get(path).attempt().await {
            // The connection was cut: the client knows.
            Err(_) => {}
            Ok(reply) => assert!(
                reply.status >= 400,
                "{path}: {} with {} bytes",
                reply.status,
                reply.body.len()
            ),
        }
        assert_eq!(get("/well").await.is(200).body, b"ok\n", "after {path}");
    }
    // None of it was the component's fault, and its only instance is still there.
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_traps_total", &[]),
        0.0
    );
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unavailable() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream).start().await;
    let request = spelled(&format!("GET\n\n\n{}/", upstream.origin()));
    drop(upstream);
    eventually("the port to be closed", async || {
        let reply = gateway.admin().get(&request).await;
        (reply.status == 503).then(|| reply.problem(503, "BACKEND_UNAVAILABLE"))
    })
    .await;
    gateway.logged("cannot be reached").await;
}

#[tokio::test]
async fn connections_are_used_again() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream).start().await;
    for turn in 0..20 {
        gateway
            .admin()
            .get(&spelled(&format!("GET\n\n\n{}/{turn}", upstream.origin())))
            .await
            .is(200);
    }
    assert_eq!(upstream.asked().len(), 20);
    assert!(
        upstream.connections() <= 2,
        "{} connections for 20 requests",
        upstream.connections()
    );
}

#[tokio::test]
async fn slow_uploads_leave_instances_to_others() {
    let upstream = Upstream::start().await;
    let gateway = granted(&upstream).limits("instances = 4").start().await;
    let mut uploads = Vec::new();
    for number in 0..4 {
        let mut upload = gateway.raw_admin().await;
        let target = format!(
            "/v1/files{}",
            spelled(&format!("PUT\n\n\n{}/{number}", upstream.origin()))
        );
        upload.head("PUT", &target, &["Content-Length: 10"]).await;
        upload.send(b"begun").await;
        uploads.push(upload);
    }
    eventually("three uploads to arrive", async || {
        (upstream.asked().len() == 3).then_some(())
    })
    .await;
    eventually("the fourth to wait", async || {
        (gateway
            .metrics()
            .await
            .sum("callfs_plugin_waits_total", &[("plugin", "caller")])
            >= 1.0)
            .then_some(())
    })
    .await;
    let start = Instant::now();
    assert_eq!(
        gateway.admin().get("/caller/ok").await.is(200).body,
        b"ok\n"
    );
    assert!(
        start.elapsed() < Duration::from_secs(5),
        "{:?}",
        start.elapsed()
    );
    for upload in &mut uploads {
        upload.send(b"ended").await;
    }
    for upload in &mut uploads {
        assert_eq!(upload.answer().await.status, 200);
    }
}
