//! The component in the real gateway.

use callfs_harness::{Setup, authenticator};
use serde_json::json;

const ALICE: &str = "token-of-alice-0123456789";

fn setup() -> Setup {
    let alice = json!({ "token": ALICE, "user": "alice", "groups": ["staff"] });
    authenticator().config(json!({ "tokens": [alice] }))
}

#[test]
fn a_token_says_who_somebody_is() {
    let gateway = setup().start();
    let alice = gateway.client(Some(ALICE));
    alice.put("/hello.txt", "hello").is(201);
    let file = alice.get("/hello.txt").is(200);
    assert_eq!(
        (file.header("x-callfs-owner"), file.header("x-callfs-group")),
        ("alice", "staff")
    );
}

#[test]
fn nobody_else_is_recognised() {
    let gateway = setup().start();
    gateway
        .client(Some("another-token-0123456789"))
        .get("/")
        .is(401);
    gateway.client(None).get("/").is(401);
}

/// `callfs plugin check` tries out everything that the component claims.
#[test]
fn it_keeps_what_it_promises() {
    setup().check(&["--credential", &format!("bearer:{ALICE}")]);
}
