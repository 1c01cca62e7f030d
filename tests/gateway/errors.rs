//! Bad input: each has its own clear message and code, and nothing is lost.

use std::collections::BTreeMap;

use crate::harness::{Client, Gateway};

/// A file and a directory that no bad request may harm.
async fn with_something_to_lose() -> (Gateway, Client) {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a.txt", "precious").await.is(201);
    (gateway, alice)
}

async fn is_unharmed(gateway: &Gateway) {
    assert_eq!(
        gateway.alice().get("/docs/a.txt").await.is(200).body,
        b"precious"
    );
    assert_eq!(gateway.everything_in("files"), ["docs", "docs/a.txt"]);
}

#[tokio::test]
async fn every_bad_path_has_a_message_of_its_own() {
    let (gateway, _) = with_something_to_lose().await;
    let too_long = format!("/v1/files{}", "/x".repeat(2500));
    let long_name = format!("/v1/files/{}", "x".repeat(256));
    let table = [
        ("a path of 5,000 bytes", too_long.as_str(), "4096"),
        ("a name of 256 bytes", &long_name, "255"),
        ("a plain ..", "/v1/files/docs/../../etc/passwd", "'..'"),
        ("an encoded ..", "/v1/files/docs/%2e%2e/a.txt", "'..'"),
        ("a NUL", "/v1/files/docs/a%00.txt", "U+0000"),
        ("a newline", "/v1/files/docs/a%0a.txt", "U+000A"),
        ("not UTF-8", "/v1/files/docs/%ff%fe", "UTF-8"),
        ("an empty name", "/v1/files/docs//a.txt", "empty"),
    ];
    let mut details = BTreeMap::new();
    for (what, target, word) in table {
        for (method, body) in [("GET", ""), ("PUT", "x"), ("DELETE", "")] {
            let mut raw = gateway.raw().await;
            raw.head(
                method,
                target,
                &[&format!("Content-Length: {}", body.len())],
            )
            .await;
            raw.send(body.as_bytes()).await;
            let detail = raw.answer().await.detail(400, "BAD_REQUEST");
            assert!(detail.contains(word), "{method} of {what}: {detail}");
            details.insert(what, detail);
        }
    }
    let mut different: Vec<&String> = details.values().collect();
    different.sort_unstable();
    different.dedup();
    // '..' plain and encoded are one mistake.
    assert_eq!(different.len(), table.len() - 1, "{details:#?}");
    is_unharmed(&gateway).await;
}

#[tokio::test]
async fn defect_11_a_type_mismatch_says_what_is_what() {
    let (gateway, alice) = with_something_to_lose().await;
    let replaced = alice.put("/docs", "x").await;
    let detail = replaced.detail(409, "IS_A_DIRECTORY");
    assert!(detail.contains("/docs"), "{detail}");
    for reply in [
        alice.put("/docs/a.txt/b", "x").await,
        alice.get("/docs/a.txt/b").await,
        alice.make("/docs/a.txt/b").await,
        alice.delete("/docs/a.txt/b").await,
    ] {
        assert!(matches!(reply.status, 400 | 404 | 409), "{}", reply.text());
        let problem = reply.json();
        assert!(
            matches!(
                problem["code"].as_str(),
                Some("NOT_A_DIRECTORY" | "FILE_NOT_FOUND")
            ),
            "{problem}"
        );
    }
    alice
        .list("/docs/a.txt", "")
        .await
        .problem(400, "NOT_A_DIRECTORY");
    alice
        .post("/docs", "x")
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
    is_unharmed(&gateway).await;
}

#[tokio::test]
async fn a_bad_key_does_nothing() {
    let (gateway, _) = with_something_to_lose().await;
    let nobody = gateway.client(Some("not-the-key-of-anyone"));
    nobody
        .delete("/docs/a.txt")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    nobody
        .put("/docs/a.txt", "x")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    nobody
        .put("/new", "x")
        .await
        .problem(401, "AUTHENTICATION_FAILED");
    is_unharmed(&gateway).await;
}

#[tokio::test]
async fn a_route_or_method_that_is_none_says_so() {
    let (gateway, alice) = with_something_to_lose().await;
    for target in ["/", "/v1", "/v1/nothing", "/v2/files/a", "/etc/passwd"] {
        let reply = alice.call("GET", target).await;
        assert_eq!(reply.status, 404, "{target}");
        assert_eq!(
            reply.header("content-type"),
            "application/problem+json",
            "{target}"
        );
    }
    let wrong = alice.call("TRACE", "/v1/files/docs/a.txt").await;
    assert_eq!(wrong.status, 405, "{}", wrong.text());
    let allowed: Vec<&str> = wrong.header("allow").split(',').map(str::trim).collect();
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(allowed.contains(&method), "{allowed:?}");
    }
    is_unharmed(&gateway).await;
}

#[tokio::test]
async fn a_header_that_makes_no_sense_is_refused_before_anything_happens() {
    let (gateway, _) = with_something_to_lose().await;
    for header in [
        "If-Match: unquoted",
        "Content-Type: nonsense",
        "Content-Length: many",
    ] {
        let mut raw = gateway.raw().await;
        let length = if header.starts_with("Content-Length") {
            "X-Other: 1"
        } else {
            "Content-Length: 1"
        };
        raw.head("PUT", "/v1/files/docs/a.txt", &[header, length])
            .await;
        // A gateway that has hung up already has refused.
        let _ = raw.attempt(b"x").await;
        let status = raw.answer_head().await.status;
        assert!(matches!(status, 400 | 412), "{header}: {status}");
    }
    is_unharmed(&gateway).await;
}

#[tokio::test]
async fn a_problem_never_tells_where_files_really_are() {
    let (gateway, alice) = with_something_to_lose().await;
    let secret = gateway.path("").display().to_string();
    for reply in [
        alice.get("/nothing").await,
        alice.put("/docs", "x").await,
        alice.delete("/docs").await,
        alice.get("/docs/a.txt/b").await,
        alice.put("/docs/a.txt/b", "x").await,
    ] {
        assert!(
            !reply.text().contains(secret.trim_end_matches('/')),
            "{}",
            reply.text()
        );
    }
}
