//! Components are replaced while the gateway runs, and nobody notices but those who ask for the new
//! one.

use std::fs::{self, File};
use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::future::join_all;

use crate::harness::{
    ALICE_KEY, Gateway, Raw, Setup, built_in, bytes, edited, eventually, marked, sha256_hex,
};

const FIRST: &str = "edition: first, hello\n";
const OTHER: &str = "edition: other, hello\n";

fn other_edition() -> Vec<u8> {
    edited(
        callfs_test_components::EDITION,
        b"edition: first",
        b"edition: other",
    )
}

async fn says(gateway: &Gateway) -> String {
    gateway.alice().get("/edition/says").await.is(200).text()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_fails_while_components_are_replaced_under_load() {
    const CLIENTS: usize = 16;
    let gateway = Setup::edition().start().await;
    let over = AtomicBool::new(false);
    let rounds = AtomicU64::new(0);
    let client = async |number: usize| {
        let alice = gateway.alice();
        let path = format!("/of-{number}");
        for round in 0.. {
            let written = format!("{number} in round {round}");
            assert!(matches!(
                alice.put(&path, written.clone()).await.status,
                200 | 201
            ));
            assert_eq!(alice.get(&path).await.is(200).text(), written);
            let said = alice.get("/edition/says").await.is(200).text();
            assert!(said == FIRST || said == OTHER, "{said}");
            alice.list("/", "limit=5").await.is(200);
            gateway
                .stranger()
                .call("GET", "/health/ready")
                .await
                .is(200);
            rounds.fetch_add(1, Ordering::Relaxed);
            if over.load(Ordering::Relaxed) {
                return;
            }
        }
    };
    let operator = async {
        for turn in 0..10 {
            let (edition, expected) = match turn % 2 {
                0 => (other_edition(), OTHER),
                _ => (callfs_test_components::EDITION.to_vec(), FIRST),
            };
            gateway
                .reloaded("ok", async || gateway.install("edition", &edition))
                .await;
            assert_eq!(says(&gateway).await, expected, "turn {turn}");
            let localfs = marked(built_in("localfs"), &format!("turn {turn}"));
            gateway
                .reloaded("ok", async || gateway.install("localfs", &localfs))
                .await;
            let labels = [("plugin", "localfs"), ("sha256", &*sha256_hex(&localfs))];
            assert_eq!(
                gateway.metrics().await.sum("callfs_plugin_info", &labels),
                1.0,
                "turn {turn}"
            );
            let before = rounds.load(Ordering::Relaxed);
            eventually("everybody to go on", async || {
                (rounds.load(Ordering::Relaxed) > before + CLIENTS as u64).then_some(())
            })
            .await;
        }
        over.store(true, Ordering::Relaxed);
    };
    tokio::join!(join_all((0..CLIENTS).map(client)), operator);
    assert_eq!(gateway.reloads("ok").await, 20);
    let metrics = gateway.metrics().await;
    for status in ["closed", "500", "502", "503"] {
        assert_eq!(
            metrics.sum("callfs_http_requests_total", &[("status", status)]),
            0.0,
            "{status}"
        );
    }
    for plugin in ["edition", "localfs"] {
        eventually("the generations before to be dropped", async || {
            let left = gateway
                .metrics()
                .await
                .sum("callfs_plugin_generations", &[("plugin", plugin)]);
            (left == 1.0).then_some(())
        })
        .await;
    }
    let line = gateway.logged("a new generation serves").await;
    for part in [
        "mount /edition",
        "1.0.0",
        &sha256_hex(callfs_test_components::EDITION),
        &sha256_hex(&other_edition()),
    ] {
        assert!(line.contains(part), "no {part} in {line}");
    }
}

#[tokio::test]
async fn what_is_broken_is_refused_and_the_old_one_stays() {
    let gateway = Setup::edition().start().await;
    let edition = callfs_test_components::EDITION;
    let broken: [(&str, &[u8], &str); 6] = [
        (
            "truncated",
            &edition[..edition.len() / 2],
            "does not compile",
        ),
        ("empty", b"", "not a WebAssembly component"),
        (
            "a core module",
            b"\0asm\x01\0\0\0",
            "core WebAssembly module",
        ),
        (
            "of another kind",
            built_in("api-keys"),
            "configured as 'storage'",
        ),
        (
            "of a newer contract",
            callfs_test_components::NEWER,
            "update CallFS",
        ),
        (
            "without its grant",
            callfs_test_components::FLAT,
            "no directory is granted",
        ),
    ];
    for (what, component, said) in broken {
        gateway
            .reloaded("refused", async || gateway.install("edition", component))
            .await;
        let line = gateway.logged(said).await;
        assert!(
            line.contains("stays as it was") && line.contains("edition"),
            "{what}: {line}"
        );
        assert_eq!(says(&gateway).await, FIRST, "{what}");
        gateway
            .stranger()
            .call("GET", "/health/ready")
            .await
            .is(200);
    }
    // One that is good is not taken while another one is not.
    gateway
        .reloaded("refused", async || {
            gateway.install("localfs", &marked(built_in("localfs"), "good"))
        })
        .await;
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_generations", &[("plugin", "localfs")]),
        1.0
    );
    gateway
        .reloaded("ok", async || gateway.install("edition", &other_edition()))
        .await;
    assert_eq!(says(&gateway).await, OTHER);
    let served = [
        ("plugin", "localfs"),
        ("sha256", &*sha256_hex(&marked(built_in("localfs"), "good"))),
    ];
    assert_eq!(
        gateway.metrics().await.sum("callfs_plugin_info", &served),
        1.0
    );
}

#[tokio::test]
async fn a_component_that_crashes_over_its_configuration_is_refused() {
    let gateway = Setup::edition().start().await;
    gateway.rewrite(r#"config.says = "hello""#, "config.trap = true");
    gateway
        .reloaded("refused", async || gateway.hang_up())
        .await;
    let line = gateway.logged("does not take its configuration").await;
    assert!(line.contains("cannot mount /edition"), "{line}");
    assert_eq!(says(&gateway).await, FIRST);
    // What was wanted is tried again with the next file, and is as wrong as before.
    gateway
        .reloaded("refused", async || {
            gateway.install("edition", &other_edition())
        })
        .await;
    assert_eq!(says(&gateway).await, FIRST);
    gateway.rewrite("config.trap = true", r#"config.says = "hello""#);
    gateway.reloaded("ok", async || gateway.hang_up()).await;
    assert_eq!(says(&gateway).await, OTHER);
}

#[tokio::test]
async fn a_file_that_is_being_written_is_loaded_when_it_is_whole() {
    let gateway = Setup::edition().start().await;
    let next = other_edition();
    let path = gateway.path("plugins/edition.wasm");
    let (half, rest) = next.split_at(next.len() / 2);
    let mut file = File::create(&path).expect("writable");
    file.write_all(half).expect("written");
    // Even who asks for it meanwhile gets none of it.
    gateway
        .reloaded("refused", async || gateway.hang_up())
        .await;
    assert_eq!(says(&gateway).await, FIRST);
    gateway
        .reloaded("ok", async || {
            file.write_all(rest).expect("written");
            drop(file);
        })
        .await;
    assert_eq!(says(&gateway).await, OTHER);
}

#[tokio::test]
async fn a_file_that_vanishes_changes_nothing_and_one_that_appears_replaces_the_built_in() {
    let gateway = Setup::edition().start().await;
    let alice = gateway.alice();
    alice.put("/a", "x").await.is(201);
    gateway
        .reloaded("unchanged", async || {
            fs::remove_file(gateway.path("plugins/edition.wasm")).expect("removed");
            fs::remove_file(gateway.path("plugins/localfs.wasm")).expect("removed");
        })
        .await;
    gateway.logged("the file of a plugin is gone").await;
    assert_eq!(
        (says(&gateway).await, alice.get("/a").await.is(200).text()),
        (FIRST.into(), "x".into())
    );
    // It cannot be loaded anew, not even with settings that are right.
    gateway.rewrite(r#"config.says = "hello""#, r#"config.says = "bye""#);
    gateway
        .reloaded("refused", async || gateway.hang_up())
        .await;
    gateway.logged("put it back").await;
    gateway
        .reloaded("ok", async || gateway.install("edition", &other_edition()))
        .await;
    assert_eq!(says(&gateway).await, "edition: other, bye\n");

    let owner = marked(built_in("owner"), "mine");
    gateway
        .reloaded("unchanged", async || gateway.install("owner", &owner))
        .await;
    let unix = marked(built_in("unix"), "mine");
    gateway
        .reloaded("ok", async || gateway.install("unix", &unix))
        .await;
    assert_eq!(
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_info", &[("sha256", &sha256_hex(&unix))]),
        1.0
    );
    alice.get("/a").await.is(200);
}

/// Reads what is left of a body.
async fn rest(raw: &mut Raw, size: usize) -> Vec<u8> {
    let mut body = Vec::with_capacity(size);
    while body.len() < size {
        let more = raw.read(size - body.len()).await;
        assert!(!more.is_empty(), "cut after {} bytes", body.len());
        body.extend(more);
    }
    body
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn downloads_outlive_the_component_that_they_began_on() {
    // Fewer than the three quarters of 64 instances that clients who read may keep.
    const EACH: usize = 40;
    const SIZE: usize = 8 << 20;
    let gateway = Setup::edition().start().await;
    let stored = bytes(3, SIZE);
    gateway.alice().put("/large", stored.clone()).await.is(201);
    let numbered: Vec<u8> = (0..SIZE).map(|place| (place % 251) as u8).collect();
    let mut downloads = Vec::new();
    for (path, expected) in [
        ("/v1/files/large", &stored),
        ("/v1/files/edition/numbered", &numbered),
    ] {
        for _ in 0..EACH {
            let mut raw = Raw::connect(&gateway.authority(), ALICE_KEY).await;
            raw.head("GET", path, &[]).await;
            assert_eq!(raw.answer_head().await.status, 200, "{path}");
            downloads.push((raw, expected));
        }
    }
    let mut upload = Raw::connect(&gateway.authority(), ALICE_KEY).await;
    upload
        .head("PUT", "/v1/files/slow", &["Transfer-Encoding: chunked"])
        .await;
    let begun = bytes(4, 1 << 20);
    upload.chunk(&begun).await;
    eventually("the upload to begin", async || {
        gateway.works_in("files/.callfs-staging").then_some(())
    })
    .await;

    gateway
        .reloaded("unchanged", async || {
            fs::remove_file(gateway.path("plugins/edition.wasm")).expect("removed");
            fs::remove_file(gateway.path("plugins/localfs.wasm")).expect("removed");
        })
        .await;
    gateway
        .reloaded("ok", async || gateway.install("edition", &other_edition()))
        .await;
    gateway
        .reloaded("ok", async || {
            gateway.install("localfs", &marked(built_in("localfs"), "two"))
        })
        .await;
    assert_eq!(says(&gateway).await, OTHER);
    let generations = async |plugin| {
        gateway
            .metrics()
            .await
            .sum("callfs_plugin_generations", &[("plugin", plugin)])
    };
    assert_eq!(
        generations("edition").await,
        2.0,
        "the one before is still needed"
    );

    upload.chunk(b"ended on the other").await;
    upload.send(b"0\r\n\r\n").await;
    assert_eq!(upload.answer().await.status, 201);
    let whole = [&begun, &b"ended on the other"[..]].concat();
    assert!(
        gateway.alice().get("/slow").await.is(200).body == whole,
        "the upload has other bytes"
    );
    let all = downloads
        .iter_mut()
        .map(async |(raw, expected)| (rest(raw, SIZE).await, *expected));
    for (body, expected) in join_all(all).await {
        assert!(
            sha256_hex(&body) == sha256_hex(expected),
            "a download got other bytes"
        );
    }
    drop(downloads);
    for plugin in ["edition", "localfs"] {
        eventually("the generation before to be dropped", async || {
            (generations(plugin).await == 1.0).then_some(())
        })
        .await;
    }
}
