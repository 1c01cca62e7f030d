//! SIGHUP reads the configuration again: what is about components holds at once, what is not is
//! named.

use std::fs;

use crate::harness::{ALICE_KEY, BOB_KEY, Gateway, Setup, command};

const DAVE_KEY: &str = "key-of-dave-0123456789";

async fn hang_up(gateway: &Gateway, outcome: &str) {
    gateway.reloaded(outcome, async || gateway.hang_up()).await;
}

#[tokio::test]
async fn components_are_told_anew() {
    let gateway = Setup::edition().start().await;
    hang_up(&gateway, "unchanged").await;
    gateway.rewrite(r#"config.says = "hello""#, r#"config.says = "bye""#);
    hang_up(&gateway, "ok").await;
    assert_eq!(
        gateway.alice().get("/edition/says").await.is(200).text(),
        "edition: first, bye\n"
    );
    assert_eq!(gateway.reloads("ok").await, 1);
    // Only what differs is loaded.
    gateway.logged("a new generation serves").await;
    assert_eq!(gateway.log().matches("a new generation serves").count(), 1);
    // A mount may get another component.
    gateway.rewrite(
        "component = \"edition\"\nconfig.says = \"bye\"",
        "component = \"localfs\"\ngrants.directories = [ { host = \"second\" } ]",
    );
    hang_up(&gateway, "ok").await;
    gateway
        .alice()
        .get("/edition/says")
        .await
        .problem(404, "FILE_NOT_FOUND");
    gateway.admin().put("/edition/new", "x").await.is(201);
    assert_eq!(fs::read(gateway.path("second/new")).expect("stored"), b"x");
}

#[tokio::test]
async fn grants_change() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/first", "x").await.is(201);
    gateway.rewrite("/files\"", "/second\"");
    hang_up(&gateway, "ok").await;
    alice.get("/first").await.problem(404, "FILE_NOT_FOUND");
    alice.put("/other", "y").await.is(201);
    assert_eq!(
        fs::read(gateway.path("second/other")).expect("stored"),
        b"y"
    );
    assert!(
        fs::read_dir(gateway.path("files/.callfs-staging"))
            .expect("there")
            .count()
            <= 2,
        "the old folder is let go"
    );
    gateway.rewrite("access = \"read-write\"", "access = \"read-only\"");
    hang_up(&gateway, "ok").await;
    assert_eq!(alice.get("/other").await.is(200).text(), "y");
    alice
        .put("/more", "z")
        .await
        .problem(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_key_that_is_removed_ends_at_once_and_a_new_one_begins() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let dave = gateway.client(Some(DAVE_KEY));
    for _ in 0..3 {
        alice.get("/").await.is(200);
        bob.get("/").await.is(200);
        dave.get("/").await.is(401);
    }
    gateway.rewrite(BOB_KEY, DAVE_KEY);
    hang_up(&gateway, "ok").await;
    bob.get("/").await.problem(401, "AUTHENTICATION_FAILED");
    dave.put("/of-bob", "x").await.is(201);
    assert_eq!(
        dave.head("/of-bob").await.is(200).header("x-callfs-owner"),
        "bob"
    );
    alice.get("/").await.is(200);
    // A second authenticator, asked after the first.
    gateway.rewrite(
        "[authorizer]",
        &format!(
            "[[authenticator]]\ncomponent = \"api-keys\"\nconfig.keys = [ {{ user = \"bob\", key \
             = \"{BOB_KEY}\" }} ]\n[authorizer]"
        ),
    );
    hang_up(&gateway, "ok").await;
    bob.get("/").await.is(200);
    // And it is gone again.
    gateway.rewrite(BOB_KEY, "key-of-nobody-0123456789");
    gateway.rewrite(ALICE_KEY, "key-of-nobody-else-0123456789");
    hang_up(&gateway, "ok").await;
    bob.get("/").await.is(401);
    alice.get("/").await.is(401);
}

#[tokio::test]
async fn the_authorizer_changes() {
    let gateway = Gateway::start().await;
    gateway.alice().put("/of-alice", "x").await.is(201);
    gateway
        .alice()
        .patch("/of-alice", &serde_json::json!({ "mode": "600" }))
        .await
        .is(200);
    gateway.bob().get("/of-alice").await.is(403);
    gateway.rewrite("component = \"unix\"", "component = \"owner\"");
    hang_up(&gateway, "ok").await;
    // Modes mean nothing to this one.
    gateway.bob().get("/of-alice").await.is(200);
    gateway.bob().delete("/of-alice").await.is(403);
    gateway
        .stranger()
        .call("GET", "/health/ready")
        .await
        .is(200);
    gateway.rewrite("component = \"owner\"", "component = \"localfs\"");
    hang_up(&gateway, "refused").await;
    gateway.bob().get("/of-alice").await.is(200);
}

#[tokio::test]
async fn a_configuration_that_makes_no_sense_is_refused_as_a_whole() {
    let gateway = Setup::edition().start().await;
    let good = fs::read_to_string(gateway.path("callfs.toml")).expect("readable");
    for (from, to) in [
        (r#"config.says = "hello""#, "config.says = "),
        ("[plugins]", "[plugins]\ndri = 1"),
        ("component = \"unix\"", "component = 1"),
        (
            BOB_KEY,
            "\" } , { user = \"bob\", key = { file = \"no-such-file\" } }, { user = \"x\", key = \
             \"0123456789012345",
        ),
    ] {
        let changed = good
            .replacen(from, to, 1)
            .replacen("\"hello\"", "\"bye\"", 1);
        fs::write(gateway.path("callfs.toml"), &changed).expect("writable");
        hang_up(&gateway, "refused").await;
        let mut check = command(&gateway.path(""));
        let check = check
            .args(["config", "check", "--config"])
            .arg(gateway.path("callfs.toml"))
            .output()
            .expect("runs");
        let said = String::from_utf8_lossy(&check.stderr)
            .trim_start_matches("error: ")
            .trim()
            .to_owned();
        let first = said.lines().next().expect("a reason");
        assert_eq!(check.status.code(), Some(78), "{said}");
        gateway.logged(&first.replace('"', "\\\"")).await;
        assert_eq!(
            gateway.alice().get("/edition/says").await.is(200).text(),
            "edition: first, hello\n"
        );
        gateway.bob().get("/").await.is(200);
    }
    fs::write(gateway.path("callfs.toml"), &good).expect("writable");
    hang_up(&gateway, "unchanged").await;
}

#[tokio::test]
async fn what_waits_for_a_restart_is_named() {
    let gateway = Setup::edition().start().await;
    gateway.rewrite(
        "[server]",
        "[log]\nrequests = true\n[server]\nidle_timeout = \"7s\"",
    );
    gateway.rewrite(r#"config.says = "hello""#, r#"config.says = "bye""#);
    let more = "\n[[mount]]\npath = \"/more\"\ncomponent = \"localfs\"\ngrants.directories = [ { \
                host = \"third\" } ]\n";
    let text = fs::read_to_string(gateway.path("callfs.toml")).expect("readable");
    fs::write(gateway.path("callfs.toml"), text + more).expect("writable");
    hang_up(&gateway, "ok").await;
    let line = gateway.logged("waits for a restart").await;
    assert!(
        line.contains("server.idle_timeout, log.requests, mount /more (new)"),
        "{line}"
    );
    assert_eq!(
        gateway.alice().get("/edition/says").await.is(200).text(),
        "edition: first, bye\n"
    );
    gateway
        .alice()
        .get("/more")
        .await
        .problem(404, "FILE_NOT_FOUND");
    // Neither does a mount end that is taken out.
    let text = fs::read_to_string(gateway.path("callfs.toml")).expect("readable");
    let without = text.replace("path = \"/edition\"", "path = \"/elsewhere\"");
    fs::write(gateway.path("callfs.toml"), without).expect("writable");
    hang_up(&gateway, "unchanged").await;
    gateway.logged("mount /edition (removed)").await;
    gateway.alice().get("/edition/says").await.is(200);
}

#[tokio::test]
async fn more_memory_than_there_was_at_the_start_takes_a_restart() {
    let gateway = Setup::edition().start().await;
    let less = r#"config.says = "hello""#;
    gateway.rewrite(less, "config.says = \"bye\"\nlimits.memory = \"65MiB\"");
    hang_up(&gateway, "refused").await;
    let line = gateway.logged("limits.memory is 68157440 bytes").await;
    assert!(
        line.contains("mount /edition") && line.contains("restart"),
        "{line}"
    );
    gateway.rewrite("65MiB", "16MiB");
    hang_up(&gateway, "ok").await;
    assert_eq!(
        gateway.alice().get("/edition/says").await.is(200).text(),
        "edition: first, bye\n"
    );
}
