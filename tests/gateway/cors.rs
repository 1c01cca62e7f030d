//! Pages of other sites in a browser. Requests are as a browser sends them.

use crate::harness::{Call, Gateway, Reply, Setup};

const APP: &str = "https://app.example.org";
const EVIL: &str = "https://evil.example";
/// "alice:key-of-alice-0123456789", as a browser remembers it.
const REMEMBERED: &str = "Basic YWxpY2U6a2V5LW9mLWFsaWNlLTAxMjM0NTY3ODk=";

async fn with_origins(origins: &str) -> Gateway {
    let line = format!("cors = {{ origins = [{origins}], max_age = \"10m\" }}");
    Setup::default().server(&line).start().await
}

fn preflight(gateway: &Gateway, origin: &str, method: &str) -> Call {
    let call = gateway.stranger().call("OPTIONS", "/v1/files/a.txt");
    call.header("origin", origin)
        .header("access-control-request-method", method)
        .header("access-control-request-headers", "authorization,if-match")
}

fn listed(list: &str, item: &str) -> bool {
    list.split(',')
        .any(|other| other.trim().eq_ignore_ascii_case(item))
}

/// Of several fields, each lists something.
fn varies_by_origin(reply: &Reply) -> bool {
    reply
        .headers
        .get_all("vary")
        .iter()
        .any(|list| list.to_str().is_ok_and(|list| listed(list, "origin")))
}

#[tokio::test]
async fn it_is_off_unless_configured() {
    let gateway = Gateway::start().await;
    let reply = gateway.alice().get("/").header("origin", APP).await.is(200);
    assert_eq!(reply.header("access-control-allow-origin"), "");
    assert!(!varies_by_origin(&reply), "{:?}", reply.headers);
    preflight(&gateway, APP, "PUT")
        .await
        .problem(405, "METHOD_NOT_ALLOWED");
}

#[tokio::test]
async fn a_preflight_needs_no_key_and_allows_what_the_api_uses() {
    let gateway = with_origins(&format!("\"{APP}\"")).await;
    let reply = preflight(&gateway, APP, "PUT").await.is(204);
    assert_eq!(reply.header("access-control-allow-origin"), APP);
    assert_eq!(reply.header("access-control-max-age"), "600");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert!(!reply.header("x-request-id").is_empty());
    for method in ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"] {
        assert!(
            listed(reply.header("access-control-allow-methods"), method),
            "{method}"
        );
    }
    for name in [
        "authorization",
        "content-type",
        "if-match",
        "range",
        "content-digest",
        "x-callfs-mtime",
        "x-request-id",
    ] {
        assert!(
            listed(reply.header("access-control-allow-headers"), name),
            "{name}"
        );
    }
    assert!(
        listed(reply.header("vary"), "origin"),
        "{:?}",
        reply.headers
    );
}

#[tokio::test]
async fn a_page_of_a_named_origin_may_read_and_change() {
    let gateway = with_origins(&format!("\"{APP}\", \"http://localhost:3000\"")).await;
    let alice = gateway.alice();
    let put = alice
        .put("/a.txt", "x")
        .header("origin", APP)
        .header("sec-fetch-site", "cross-site")
        .await
        .is(201);
    assert_eq!(put.header("access-control-allow-origin"), APP);
    let got = alice
        .get("/a.txt")
        .header("origin", "http://localhost:3000")
        .await
        .is(200);
    assert_eq!(
        got.header("access-control-allow-origin"),
        "http://localhost:3000"
    );
    for name in [
        "etag",
        "last-modified",
        "accept-ranges",
        "x-request-id",
        "x-callfs-owner",
        "x-callfs-mtime",
    ] {
        assert!(!got.header(name).is_empty(), "{name} is not even sent");
        assert!(
            listed(got.header("access-control-expose-headers"), name),
            "{name}"
        );
    }
    // It has to understand failures as well.
    let missing = alice.get("/nothing").header("origin", APP).await;
    missing.problem(404, "FILE_NOT_FOUND");
    assert_eq!(missing.header("access-control-allow-origin"), APP);
    // A listing varies by more than its origin.
    let list = alice.list("/", "").header("origin", APP).await.is(200);
    let varies: Vec<_> = list
        .headers
        .get_all("vary")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .collect();
    assert_eq!(
        varies.join(", ").to_lowercase(),
        "accept, accept-encoding, origin"
    );
}

#[tokio::test]
async fn a_page_of_another_origin_may_not() {
    let gateway = with_origins(&format!("\"{APP}\"")).await;
    let refused = preflight(&gateway, EVIL, "PUT").await;
    refused.problem(405, "METHOD_NOT_ALLOWED");
    assert_eq!(refused.header("access-control-allow-origin"), "");
    for origin in [
        EVIL,
        "null",
        "https://app.example.org.evil.example",
        "http://app.example.org",
    ] {
        let reply = gateway
            .alice()
            .get("/")
            .header("origin", origin)
            .await
            .is(200);
        assert_eq!(reply.header("access-control-allow-origin"), "", "{origin}");
        assert!(varies_by_origin(&reply), "{origin}: {:?}", reply.headers);
        let put = gateway
            .alice()
            .put("/a.txt", "x")
            .header("origin", origin)
            .header("sec-fetch-site", "cross-site");
        put.await.problem(403, "PERMISSION_DENIED");
    }
    assert!(gateway.everything_in("files").is_empty());
}

#[tokio::test]
async fn any_origin_may_come_with_a_key_but_not_with_what_a_browser_remembers() {
    let gateway = with_origins("\"*\"").await;
    let from_anywhere = |call: Call| {
        call.header("origin", EVIL)
            .header("sec-fetch-site", "cross-site")
    };
    let reply = from_anywhere(gateway.alice().put("/a.txt", "x"))
        .await
        .is(201);
    assert_eq!(reply.header("access-control-allow-origin"), "*");
    assert_eq!(reply.header("access-control-allow-credentials"), "");
    assert_eq!(
        preflight(&gateway, EVIL, "PUT")
            .await
            .is(204)
            .header("access-control-allow-origin"),
        "*"
    );
    let forged = from_anywhere(
        gateway
            .stranger()
            .post("/b.txt", "x")
            .header("authorization", REMEMBERED),
    )
    .await;
    forged.problem(403, "PERMISSION_DENIED");
    assert_eq!(gateway.everything_in("files"), ["a.txt"]);
}
