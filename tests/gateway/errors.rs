//! Bad input: each has its own clear message and code, and nothing is lost.

use std::collections::BTreeMap;

use crate::harness::{ALICE_KEY, Client, Gateway, Setup, link};

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
    for target in ["/v1", "/v1/nothing", "/v2/files/a", "/etc/passwd"] {
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

/// Nothing is done by one of two values, whichever of them it would be. Each row is a method, a
/// target, a field and two values of it.
#[tokio::test]
async fn a_field_that_has_one_value_is_refused_if_it_is_given_twice() {
    const FILE: &str = "/v1/files/docs/a.txt";
    const FOLDER: &str = "/v1/files/docs/";
    const OLD: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const LATER: &str = "Sun, 13 Sep 2099 12:26:40 GMT";
    let gateway = Setup::default()
        .server("cors = { origins = [\"https://a.example\"], max_age = \"10m\" }")
        .start()
        .await;
    gateway.alice().put("/docs/a.txt", "precious").await.is(201);
    let shared = serde_json::json!({"path": "/docs/a.txt", "max_downloads": 1});
    let link = link::make(&gateway.alice(), shared).await;
    let key = format!("Bearer {ALICE_KEY}");
    let authority = gateway.authority();
    let mut table: Vec<(&str, &str, &str, [&str; 2])> = vec![
        ("PUT", FILE, "Content-Type", ["text/plain", "text/html"]),
        (
            "PATCH",
            FILE,
            "Content-Type",
            ["application/json", "text/plain"],
        ),
        (
            "PUT",
            FOLDER,
            "Content-Disposition",
            ["attachment; filename=a.txt", "attachment; filename=b.txt"],
        ),
        ("PUT", FILE, "Content-Range", ["bytes 0-0/1", "bytes 0-0/2"]),
        ("PUT", FILE, "Content-Length", ["0", "1"]),
    ];
    for target in [FILE, &link.target] {
        table.push(("GET", target, "Range", ["bytes=0-0", "bytes=1-1"]));
        table.push(("GET", target, "If-Range", ["\"a\"", OLD]));
        table.push(("GET", target, "If-Modified-Since", [OLD, LATER]));
        table.push(("GET", target, "If-Unmodified-Since", [LATER, OLD]));
    }
    for method in ["PUT", "POST", "PATCH", "DELETE"] {
        table.push((method, FILE, "If-Unmodified-Since", [LATER, OLD]));
        table.push((method, FILE, "If-Modified-Since", [OLD, LATER]));
    }
    for method in ["GET", "PUT", "POST", "PATCH", "DELETE"] {
        table.push((method, FILE, "Authorization", [&key, "Bearer of-nobody"]));
        table.push((method, FILE, "Host", [&authority, "b.example"]));
        table.push((method, FILE, "Origin", ["https://a.example", "null"]));
    }
    for (method, target, field, values) in table {
        for [first, second] in [values, [values[1], values[0]], [values[0]; 2]] {
            let mut head = format!("{method} {target} HTTP/1.1\r\n");
            for (name, value) in [("Host", authority.as_str()), ("Authorization", &key)] {
                if name != field {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
            }
            head.push_str(&format!("{field}: {first}\r\n{field}: {second}\r\n\r\n"));
            let mut raw = gateway.raw().await;
            raw.send(head.as_bytes()).await;
            let what = format!("{method} {target} {field}: {first}, {second}");
            let reply = raw.answer().await;
            assert_eq!(reply.status, 400, "{what}: {}", reply.text());
            let detail = reply.detail(400, "BAD_REQUEST").to_lowercase();
            assert!(detail.contains(&field.to_lowercase()), "{what}: {detail}");
        }
    }
    is_unharmed(&gateway).await;
    // No use of the link was taken either.
    assert_eq!(link::get(&gateway, &link).await.is(200).body, b"precious");
}

/// The members of a list may come in several lines.
#[tokio::test]
async fn a_list_may_be_given_in_several_lines() {
    let (_gateway, alice) = with_something_to_lose().await;
    let etag = alice.get("/docs/a.txt").await.is(200).etag();
    for (field, values, status) in [
        ("if-match", ["\"other\"", etag.as_str()], 200),
        ("if-match", ["\"other\"", "\"another\""], 412),
        ("if-none-match", ["\"other\"", &etag], 304),
        ("accept", ["text/html;q=0.1", "application/json"], 200),
        ("want-repr-digest", ["sha-256=1", "sha-512=1"], 200),
        ("cache-control", ["no-cache", "no-store"], 200),
    ] {
        let call = alice.get("/docs/a.txt").header(field, values[0]);
        call.header(field, values[1]).await.is(status);
    }
    let coded = alice
        .put("/docs/a.txt", "precious")
        .header("content-encoding", "identity");
    coded.header("content-encoding", "identity").await.is(200);
    let coded = alice
        .put("/docs/a.txt", "x")
        .header("content-encoding", "identity");
    let detail = coded
        .header("content-encoding", "gzip")
        .await
        .detail(400, "BAD_REQUEST");
    assert!(detail.contains("content-encoding"), "{detail}");
    assert_eq!(alice.get("/docs/a.txt").await.is(200).body, b"precious");
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
