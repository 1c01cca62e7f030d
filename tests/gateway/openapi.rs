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
        let allowed = refused
            .header("allow")
            .split(',')
            .map(|method| method.trim().to_lowercase());
        assert_eq!(allowed.collect::<BTreeSet<_>>(), documented, "{path}");
    }
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
    for (path, item) in document["paths"].as_object().expect("paths") {
        for (method, operation) in item.as_object().expect("operations") {
            let reply = gateway
                .stranger()
                .call(&method.to_uppercase(), &filled(path))
                .await;
            let needs_a_key = operation["security"]
                .as_array()
                .is_some_and(|schemes| !schemes.is_empty());
            assert_eq!(
                reply.status == 401,
                needs_a_key,
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
