//! Who a caller is.

use crate::harness::{Gateway, Raw};

#[tokio::test]
async fn strangers_are_asked_for_a_key_and_learn_nothing() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/there.txt", "x").await.is(201);
    let stranger = gateway.stranger();
    let there = stranger.get("/there.txt").await;
    let nothing = stranger.get("/nothing.txt").await;
    for reply in [&there, &nothing] {
        let detail = reply.detail(401, "AUTHENTICATION_FAILED");
        assert!(
            reply.header("www-authenticate").contains("Bearer"),
            "{:?}",
            reply.headers
        );
        assert!(!detail.contains(".txt"), "{detail}");
    }
    let said = |reply: &crate::harness::Reply| {
        let mut problem = reply.json();
        for member in ["request_id", "instance"] {
            problem[member].take();
        }
        problem
    };
    assert_eq!(said(&there), said(&nothing));
    for (method, target) in [
        ("PUT", "/v1/files/a"),
        ("POST", "/v1/files/a/"),
        ("PATCH", "/v1/files/there.txt"),
        ("DELETE", "/v1/files/there.txt"),
        ("GET", "/v1/directories/"),
    ] {
        stranger
            .call(method, target)
            .await
            .problem(401, "AUTHENTICATION_FAILED");
    }
    stranger.head("/there.txt").await.is(401);
}

#[tokio::test]
async fn a_wrong_key_is_no_key() {
    let gateway = Gateway::start().await;
    let alices = "key-of-alice-0123456789";
    for key in [
        "wrong",
        "key-of-alice-012345678",
        "key-of-alice-01234567890",
        "KEY-OF-ALICE-0123456789",
        "alice",
        "-",
    ] {
        gateway
            .client(Some(key))
            .get("/")
            .await
            .problem(401, "AUTHENTICATION_FAILED");
    }
    gateway.client(Some(alices)).get("/").await.is(200);
    assert!(!gateway.log().contains(alices), "a key is in the log");
}

#[tokio::test]
async fn basic_takes_the_key_as_its_password() {
    let gateway = Gateway::start().await;
    // "alice:key-of-alice-0123456789" and "alice:wrong".
    let right = "Basic YWxpY2U6a2V5LW9mLWFsaWNlLTAxMjM0NTY3ODk=";
    gateway
        .stranger()
        .get("/")
        .header("authorization", right)
        .await
        .is(200);
    let wrong = gateway
        .stranger()
        .get("/")
        .header("authorization", "Basic YWxpY2U6d3Jvbmc=")
        .await;
    wrong.problem(401, "AUTHENTICATION_FAILED");
}

#[tokio::test]
async fn an_authorization_header_that_is_none_is_refused() {
    let gateway = Gateway::start().await;
    for value in [
        "Bearer",
        "Bearer ",
        "Basic ???",
        "Digest username=\"alice\"",
        "key-of-alice-0123456789",
        "",
    ] {
        let reply = gateway
            .stranger()
            .get("/")
            .header("authorization", value)
            .await;
        reply.problem(401, "AUTHENTICATION_FAILED");
    }
    let mut not_text = Raw::connect(&gateway.authority(), "\u{1f511}").await;
    not_text.head("GET", "/v1/files/", &[]).await;
    assert_eq!(not_text.answer().await.status, 401);
}
