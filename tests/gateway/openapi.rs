//! The OpenAPI document, as it is served.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::harness::Gateway;

#[tokio::test]
async fn it_is_for_everyone_and_the_one_in_the_repository() {
    let gateway = Gateway::start().await;
    let reply = gateway
        .stranger()
        .call("GET", "/openapi.json")
        .await
        .is(200);
    assert_eq!(reply.header("content-type"), "application/json");
    let reviewed: Value =
        serde_json::from_str(include_str!("../../host/http/openapi.json")).expect("JSON");
    assert!(reply.json() == reviewed);
    assert_eq!(
        gateway
            .stranger()
            .call("HEAD", "/openapi.json")
            .await
            .is(200)
            .body,
        b""
    );
}

/// What a path answers and the document leaves out: HEAD, which goes with every GET; what cannot do
/// anything to the root; and what a slash at the end of a path does not change.
fn left_out(path: &str) -> &'static [&'static str] {
    match path {
        "/v1/files/" => &["post", "delete"],
        "/v1/files/{path}/" => &["get", "head", "patch", "delete"],
        _ => &["head"],
    }
}

#[tokio::test]
async fn it_says_of_every_path_just_what_can_be_done_there() {
    let gateway = Gateway::start().await;
    let document = gateway
        .stranger()
        .call("GET", "/openapi.json")
        .await
        .is(200)
        .json();
    let paths = document["paths"].as_object().expect("paths");
    assert!(paths.len() > 5, "{paths:?}");
    for (path, item) in paths {
        let documented: BTreeSet<String> = item
            .as_object()
            .expect("operations")
            .keys()
            .cloned()
            .collect();
        let refused = gateway.alice().call("TRACE", &filled(path)).await;
        refused.problem(405, "METHOD_NOT_ALLOWED");
        let allowed: BTreeSet<String> = refused
            .header("allow")
            .split(',')
            .map(|method| method.trim().to_lowercase())
            .collect();
        assert!(documented.is_subset(&allowed), "{path}: {documented:?}");
        let missing: Vec<&String> = allowed
            .difference(&documented)
            .filter(|method| !left_out(path).contains(&method.as_str()))
            .collect();
        assert!(missing.is_empty(), "{path}: {missing:?}");
    }
}

#[tokio::test]
async fn what_it_leaves_out_of_the_root_does_nothing() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    admin
        .call("DELETE", "/v1/files/")
        .await
        .problem(400, "BAD_REQUEST");
    // It is there already, as always.
    admin.call("POST", "/v1/files/").await.is(200);
}

#[tokio::test]
async fn it_says_what_needs_a_key() {
    let gateway = Gateway::start().await;
    let document = gateway
        .stranger()
        .call("GET", "/openapi.json")
        .await
        .is(200)
        .json();
    let is_needed = |security: &Value| !security.as_array().expect("a list").is_empty();
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let reply = gateway
                .stranger()
                .call(&method.to_uppercase(), &filled(path))
                .await;
            // An operation says only what differs from the document as a whole.
            let security = operation.get("security").unwrap_or(&document["security"]);
            assert_eq!(
                reply.status == 401,
                is_needed(security),
                "{method} {path}: {}",
                reply.status
            );
        }
    }
}

/// A path with something in the place of every parameter.
fn filled(path: &str) -> String {
    ["{path}", "{id}", "{token}", "{file}"]
        .into_iter()
        .fold(path.to_owned(), |path, name| path.replace(name, "a.txt"))
}
