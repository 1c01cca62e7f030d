//! `HEAD` says what `GET` says (RFC 9110 section 9.3.2), whatever the answer is.

use serde_json::json;

use crate::harness::{Gateway, bytes};

/// What differs from one request to the next, and what is about the transfer alone (RFC 9112
/// section 6.1).
const NOT_OF_THE_FILE: [&str; 3] = ["date", "x-request-id", "transfer-encoding"];
/// What of a listing is known only once it was made, and may be left out.
const OF_CONTENT: [&str; 2] = ["content-length", "link"];

#[tokio::test]
async fn every_header_of_a_get_is_on_the_head() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice
        .put("/docs/a b.txt", bytes(1, 5000))
        .header("content-type", "text/x-mine; charset=utf-8")
        .await
        .is(201);
    alice.put("/docs/empty", "").await.is(201);
    alice.put("/docs/c", "x").await.is(201);
    gateway.admin().put("/closed/a", "x").await.is(201);
    gateway
        .admin()
        .patch("/closed", &json!({"mode": "0700"}))
        .await
        .is(200);
    std::fs::write(gateway.path("files/adopted.html"), "<p>").expect("writable");
    let etag = alice.get("/docs/a b.txt").await.is(200).etag();
    let modified = alice
        .get("/docs/a b.txt")
        .await
        .is(200)
        .header("last-modified")
        .to_owned();
    let none: (&str, &str) = ("accept", "*/*");
    let table = [
        ("/v1/files/docs/a%20b.txt", none, 200),
        ("/v1/files/docs/a%20b.txt?download", none, 200),
        (
            "/v1/files/docs/a%20b.txt",
            ("want-repr-digest", "sha-256=1"),
            200,
        ),
        (
            "/v1/files/docs/a%20b.txt",
            ("if-none-match", etag.as_str()),
            304,
        ),
        (
            "/v1/files/docs/a%20b.txt",
            ("if-modified-since", &modified),
            304,
        ),
        ("/v1/files/docs/a%20b.txt", ("if-match", "\"other\""), 412),
        ("/v1/files/docs/a%20b.txt", ("if-match", "other"), 400),
        (
            "/v1/files/docs/a%20b.txt",
            ("authorization", "Bearer nobody"),
            401,
        ),
        ("/v1/files/docs/a%20b.txt/", none, 400),
        ("/v1/files/docs/a%20b.txt?limit=1", none, 200),
        ("/v1/files/docs/a%20b.txt?what=%ff", none, 200),
        ("/v1/files/docs/a%20b.txt?what&download=True", none, 200),
        ("/v1/files/docs/a%20b.txt?download=maybe", none, 400),
        ("/v1/files//docs/./a%20b.txt", none, 200),
        ("/v1/files/docs/empty", none, 200),
        ("/v1/files/adopted.html", none, 200),
        ("/v1/files/docs", none, 200),
        ("/v1/files/docs/", none, 200),
        ("/v1/files/docs?limit=1", none, 200),
        ("/v1/files/docs?limit=0", none, 400),
        ("/v1/files/docs?what", none, 400),
        ("/v1/files/docs//", none, 200),
        ("/v1/directories//docs", none, 200),
        ("/v1/files/docs", ("if-none-match", "*"), 304),
        ("/v1/files/docs", ("accept", "text/html"), 200),
        ("/v1/files/docs/", ("accept", "text/html"), 200),
        ("/v1/files/nothing", none, 404),
        ("/v1/files/closed/a", none, 403),
        ("/v1/directories/docs", none, 200),
        ("/v1/directories/docs?limit=1", none, 200),
        (
            "/v1/directories/docs",
            ("accept", "application/x-ndjson"),
            200,
        ),
        ("/v1/directories/docs/empty", none, 400),
        ("/v1/nothing", none, 404),
        ("/health/ready", none, 200),
        ("/metrics", ("authorization", "Bearer nobody"), 401),
    ];
    for (target, (name, value), status) in table {
        // A second `Authorization` would be another request.
        let who = if name == "authorization" {
            gateway.stranger()
        } else {
            alice.clone()
        };
        let get = who.call("GET", target).header(name, value).await;
        let head = who.call("HEAD", target).header(name, value).await;
        let what = format!("{target} with {name}: {value}");
        assert_eq!(
            (get.status, head.status),
            (status, status),
            "{what}: {}",
            get.text()
        );
        assert!(head.body.is_empty(), "{what}: {}", head.text());
        let is_listing = [
            "application/json",
            "application/x-ndjson",
            "text/html; charset=utf-8",
        ]
        .contains(&get.header("content-type"));
        for (name, _) in &get.headers {
            let got = get.headers.get_all(name);
            let said = head.headers.get_all(name);
            let left_out =
                is_listing && OF_CONTENT.contains(&name.as_str()) && said.iter().next().is_none();
            if !NOT_OF_THE_FILE.contains(&name.as_str()) && !left_out {
                assert!(
                    got.iter().eq(said.iter()),
                    "{what}: {name}: {:?}, then {:?}",
                    get.headers,
                    head.headers
                );
            }
        }
        for (name, _) in &head.headers {
            assert!(
                get.headers.contains_key(name),
                "{what}: only HEAD says {name}"
            );
        }
    }
}
