//! Heads of requests that are not as they must be: each is answered like any other failure, and
//! nothing is done for it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::harness::{Gateway, Raw, RawReply};

/// A request that asks for the answer to have a certain id.
fn request(line: &str, fields: &str) -> Vec<u8> {
    format!("{line}\r\nX-Request-Id: mine\r\n{fields}\r\n").into_bytes()
}

async fn ends(raw: &mut Raw) -> bool {
    raw.read(1).await.is_empty()
}

/// What every answer has.
#[track_caller]
fn is_complete(reply: &RawReply, what: &str) {
    assert_eq!(reply.header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(reply.header("cache-control"), "no-store", "{what}");
    assert_eq!(
        reply.header("content-type"),
        "application/problem+json",
        "{what}"
    );
    assert!(!reply.header("date").is_empty(), "{what}");
    assert!(
        !reply.header("content-security-policy").is_empty(),
        "{what}"
    );
    assert!(!reply.header("x-request-id").is_empty(), "{what}");
    assert_eq!(reply.header("connection"), "close", "{what}");
}

#[tokio::test]
async fn a_target_with_a_fragment_is_for_no_file() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/report", "precious").await.is(201);
    alice.put("/other", "other").await.is(201);
    let targets = [
        "/v1/files/report#1.txt",
        "/v1/files/report#",
        "/v1/files/#/report",
        "/v1/files/report?from=/other#a",
        "/v1/files/report?recursive=true#a",
        "http://x/v1/files/report#1.txt",
    ];
    for target in targets {
        for method in ["GET", "HEAD", "PUT", "POST", "PATCH", "DELETE", "OPTIONS"] {
            let mut raw = gateway.raw().await;
            raw.head(method, target, &["X-Request-Id: mine", "Content-Length: 0"])
                .await;
            let reply = if method == "HEAD" {
                raw.answer_head().await
            } else {
                raw.answer().await
            };
            let what = format!("{method} {target}");
            assert_eq!(reply.status, 400, "{what}");
            is_complete(&reply, &what);
            assert_eq!(reply.header("x-request-id"), "mine", "{what}");
            if method != "HEAD" {
                let detail = reply.detail(400, "BAD_REQUEST");
                assert!(detail.contains("%23"), "{what}: {detail}");
            }
            assert!(ends(&mut raw).await, "{what}");
        }
    }
    assert_eq!(alice.get("/report").await.is(200).body, b"precious");
    assert_eq!(gateway.everything_in("files"), ["other", "report"]);
    // Escaped it is part of a name.
    alice.put("/report#1.txt", "another").await.is(201);
    alice.delete("/report#1.txt").await.is(204);
    assert_eq!(alice.get("/report").await.is(200).body, b"precious");
}

#[tokio::test]
async fn a_head_that_cannot_be_served_is_a_problem_like_any_other() {
    let gateway = Gateway::start().await;
    let host = "Host: x\r\n";
    let long = |length: usize| "x".repeat(length);
    let chunked = |codings: &str| {
        request(
            "PUT /v1/files/a HTTP/1.1",
            &format!("{host}Transfer-Encoding: {codings}\r\n"),
        )
    };
    let table = [
        ("no host", request("GET / HTTP/1.1", ""), 400, "BAD_REQUEST"),
        (
            "two hosts",
            request("GET / HTTP/1.1", "Host: x\r\nHost: x\r\n"),
            400,
            "BAD_REQUEST",
        ),
        (
            "a bad host",
            request("GET / HTTP/1.1", "Host: a b\r\n"),
            400,
            "BAD_REQUEST",
        ),
        ("a coding", chunked("gzip, chunked"), 501, "NOT_IMPLEMENTED"),
        (
            "chunked twice",
            chunked("chunked, chunked"),
            400,
            "BAD_REQUEST",
        ),
        ("no end", chunked("gzip"), 400, "BAD_REQUEST"),
        (
            "two lengths",
            request(
                "PUT /v1/files/a HTTP/1.1",
                "Host: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n",
            ),
            400,
            "BAD_REQUEST",
        ),
        (
            "a long target",
            request(&format!("GET /{} HTTP/1.1", long(70_000)), host),
            414,
            "URI_TOO_LONG",
        ),
        (
            "a long field",
            request("GET / HTTP/1.1", &format!("{host}A: {}\r\n", long(500_000))),
            431,
            "HEADERS_TOO_LARGE",
        ),
        (
            "many fields",
            request(
                "GET / HTTP/1.1",
                &format!("{host}{}", "A: b\r\n".repeat(200)),
            ),
            431,
            "HEADERS_TOO_LARGE",
        ),
        (
            "no target",
            request("GET v1 HTTP/1.1", host),
            400,
            "BAD_REQUEST",
        ),
        ("no version", b"GET /\r\n\r\n".to_vec(), 400, "BAD_REQUEST"),
        (
            "a later version",
            request("GET / HTTP/3.0", host),
            400,
            "BAD_REQUEST",
        ),
        (
            "no field",
            request("GET / HTTP/1.1", "a b: c\r\n"),
            400,
            "BAD_REQUEST",
        ),
        (
            "TLS",
            b"\x16\x03\x01\x02\x00\x01\x00\x01".to_vec(),
            400,
            "BAD_REQUEST",
        ),
        (
            "HTTP/2",
            b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_vec(),
            400,
            "BAD_REQUEST",
        ),
    ];
    for (what, bytes, status, code) in table {
        // Alone, and after a request that is served on the same connection.
        for before in ["", "GET /health HTTP/1.1\r\nHost: x\r\n\r\n"] {
            let mut raw = gateway.raw().await;
            let sent = [before.as_bytes(), &bytes].concat();
            // What is refused before it was read whole may not be taken whole.
            drop(raw.attempt(&sent).await);
            if !before.is_empty() {
                assert_eq!(raw.answer().await.status, 200, "{what}");
            }
            let reply = raw.answer().await;
            assert_eq!(reply.status, status, "{what}: {}", reply.text());
            reply.detail(status, code);
            is_complete(&reply, what);
            assert!(ends(&mut raw).await, "{what}");
        }
    }
    assert_eq!(gateway.everything_in("files"), [""; 0]);
}

/// Each says what is wrong with it, and where the request was going as far as that can be told.
#[tokio::test]
async fn a_first_line_is_refused_for_what_is_wrong_with_it() {
    const FILE: &str = "/v1/files/a";
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", "precious").await.is(201);
    let authorities = [
        ("http://", "no host"),
        ("https://:80", "no host"),
        ("http://u@x", "user information"),
        ("http://u:p@x:80", "user information"),
        ("http://x:http", "malformed host or port"),
        ("http://x:65536", "malformed host or port"),
        ("http://[::1", "malformed host or port"),
        ("http://x|y", "malformed host or port"),
        ("ftp://x", "scheme"),
    ];
    let whole = authorities.map(|(start, word)| (format!("{start}{FILE}"), word));
    let whole = whole.map(|(target, word)| (format!("DELETE {target} HTTP/1.1"), 400, word, FILE));
    let method = |length: usize| format!("{} {FILE} HTTP/1.1", "X".repeat(length));
    let long_target = format!("GET {FILE}{} HTTP/1.1", "x".repeat(40_000));
    let others = [
        (
            "GET  HTTP/1.1".into(),
            400,
            "target of the request is empty",
            "/",
        ),
        ("GET HTTP/1.1".into(), 400, "no target", "/"),
        (format!("GET {FILE}"), 400, "no version", "/"),
        (format!("GET {FILE} b HTTP/1.1"), 400, "'%20'", FILE),
        (
            format!("GET {FILE}\tb HTTP/1.1"),
            400,
            "percent-encoded",
            "/",
        ),
        (
            format!("GET {FILE} HTTP/3.0"),
            400,
            "no other version",
            FILE,
        ),
        ("GET x:80 HTTP/1.1".into(), 400, "starts with '/'", "/"),
        ("CONNECT x:80 HTTP/1.1".into(), 501, "CONNECT", "/"),
        (format!("CONNECT {FILE} HTTP/1.1"), 501, "CONNECT", FILE),
        (method(33), 501, "method", FILE),
        (method(40_000), 501, "method", FILE),
        (method(70_000), 501, "method", "/"),
        (long_target, 414, "target", "/"),
    ];
    for (line, status, word, instance) in whole.into_iter().chain(others) {
        let what = &line[..line.len().min(60)];
        let mut raw = gateway.raw().await;
        // What is refused before it was read whole may not be taken whole.
        drop(raw.attempt(&request(&line, "Host: x\r\n")).await);
        let reply = raw.answer().await;
        let code = match status {
            400 => "BAD_REQUEST",
            414 => "URI_TOO_LONG",
            _ => "NOT_IMPLEMENTED",
        };
        let detail = reply.detail(status, code);
        assert!(detail.contains(word), "{what}: {detail}");
        is_complete(&reply, what);
        let problem: serde_json::Value = serde_json::from_slice(&reply.body).expect("JSON");
        // The target of a line that is longer than any head may not have been read.
        if line.len() <= 64 << 10 {
            assert_eq!(problem["instance"], instance, "{what}: {problem}");
        }
        assert!(ends(&mut raw).await, "{what}");
    }
    assert_eq!(alice.get("/a").await.is(200).body, b"precious");
}

/// RFC 9112 section 3.2.2: whatever `Host` says.
#[tokio::test]
async fn a_whole_uri_is_served_like_its_path() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/a", "precious").await.is(201);
    for target in [
        "http://other/v1/files/a",
        "HTTP://other:/v1/files/a",
        "https://files.example.org:8080/v1/files/a",
        "http://[::1]:80/v1/files/a?download",
    ] {
        let mut raw = gateway.raw().await;
        raw.head("GET", target, &[]).await;
        let reply = raw.answer().await;
        assert_eq!(
            (reply.status, &reply.body[..]),
            (200, &b"precious"[..]),
            "{target}"
        );
    }
    // A host is sent nevertheless.
    let mut raw = gateway.raw().await;
    raw.send(b"GET http://other/v1/files/a HTTP/1.1\r\n\r\n")
        .await;
    let detail = raw.answer().await.detail(400, "BAD_REQUEST");
    assert!(detail.contains("'host'"), "{detail}");
}

#[tokio::test]
async fn a_name_with_a_colon_can_be_asked_for_after_a_dot() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/d/a:b", "1").await.is(201);
    for target in [
        "/v1/files/./d/a:b",
        "/v1/files/d/./a:b",
        "/v1/files/d/%2e/a:b",
        "/v1/files/././d/./a:b",
    ] {
        let mut raw = gateway.raw().await;
        raw.head("GET", target, &[]).await;
        let reply = raw.answer().await;
        assert_eq!(
            (reply.status, &reply.body[..]),
            (200, &b"1"[..]),
            "{target}"
        );
    }
    for target in ["/v1/files/d/.", "/v1/directories/./d/./"] {
        let mut raw = gateway.raw().await;
        raw.head("GET", target, &[]).await;
        let reply = raw.answer().await;
        assert!(reply.text().contains("a:b"), "{target}: {}", reply.text());
    }
    for target in ["/v1/files/./../d", "/v1/files/d/./../d/a:b"] {
        let mut raw = gateway.raw().await;
        raw.head("GET", target, &[]).await;
        let detail = raw.answer().await.detail(400, "BAD_REQUEST");
        assert!(detail.contains("'..'"), "{target}: {detail}");
    }
}

#[tokio::test]
async fn nothing_was_last_modified_later_than_its_date() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let beyond = UNIX_EPOCH + Duration::from_secs(9_300_000_000);
    for (name, time) in [
        ("soon", SystemTime::now() + Duration::from_secs(3600)),
        ("2200", UNIX_EPOCH + Duration::from_secs(7_260_000_000)),
        ("2264", beyond),
    ] {
        let path = format!("/{name}");
        alice.put(&path, "x").await.is(201);
        let file = std::fs::File::options()
            .write(true)
            .open(gateway.path(&format!("files/{name}")))
            .expect("the file");
        file.set_modified(time).expect("a time");
        let got = alice.get(&path).await.is(200);
        let date = |field: &str| httpdate::parse_http_date(got.header(field)).ok();
        match date("last-modified") {
            Some(modified) => assert!(Some(modified) <= date("date"), "{:?}", got.headers),
            None => assert_eq!(time, beyond, "{:?}", got.headers),
        }
        let listed = alice.list("/", "").await.is(200).json();
        let items = listed["items"].as_array().expect("items");
        let entry = items.iter().find(|item| item["name"] == name);
        let told = &entry.expect("listed")["mtime"];
        // No time is told rather than a wrong one.
        assert_eq!(told.is_null(), time == beyond, "{told}");
    }
}

#[tokio::test]
async fn guessed_text_says_that_it_is_utf_8() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/größe.txt", "größe").await.is(201);
    let type_of = async |path: &str| {
        let got = alice.get(path).await.is(200);
        got.header("content-type").to_owned()
    };
    assert_eq!(type_of("/größe.txt").await, "text/plain; charset=utf-8");
    alice
        .put("/given.txt", "gr\u{f6}\u{df}e")
        .header("content-type", "text/plain")
        .await
        .is(201);
    assert_eq!(type_of("/given.txt").await, "text/plain");
}
