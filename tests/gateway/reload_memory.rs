//! Generations go without a trace: not in memory, not among threads and descriptors.

use std::fs;

use crate::harness::{Gateway, Setup, built_in, edited, eventually, marked};

/// What nine hundred reloads may leave behind, for an allocator that keeps some for each thread:
/// less than a hundredth of what the generations had.
const ALLOWED: u64 = 16 << 20;

struct Left {
    memory: u64,
    threads: u64,
    descriptors: u64,
    mappings: u64,
}

/// What the gateway has when it has nothing to do.
async fn left(gateway: &mut Gateway) -> Left {
    eventually("all generations before to be dropped", async || {
        let metrics = gateway.metrics().await;
        let generations = metrics.sum("callfs_plugin_generations", &[]);
        (generations == 4.0).then_some(())
    })
    .await;
    let process = gateway.process();
    let threads = process.threads();
    let descriptors = process.descriptors();
    let mappings = process.mappings();
    Left {
        memory: process.memory(),
        threads,
        descriptors,
        mappings,
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_reloads_leave_nothing_behind() {
    let mut gateway = Setup::edition().start().await;
    let alice = gateway.alice();
    let config = fs::read_to_string(gateway.path("callfs.toml")).expect("readable");
    let editions = [
        callfs_test_components::EDITION.to_vec(),
        edited(
            callfs_test_components::EDITION,
            b"edition: first",
            b"edition: other",
        ),
    ];
    let mut after_a_hundred = None;
    for round in 1..=1000_u64 {
        // Every component gets a new generation, two of them with other code.
        let turn = round as usize % 2;
        let other = format!("{round}\"");
        gateway.install("edition", &editions[turn]);
        gateway.install("localfs", &marked(built_in("localfs"), &turn.to_string()));
        let changed = config.replace("hello\"", &other);
        let changed = changed.replace(
            "cpu_time = \"1s\"",
            &format!("cpu_time = \"{}ms\"", 1000 + turn),
        );
        fs::write(gateway.path("callfs.toml"), changed).expect("writable");
        gateway.hang_up();
        let expected = format!("edition: {}, {round}\n", ["first", "other"][turn]);
        eventually("the new generation", async || {
            (alice.get("/edition/says").await.is(200).text() == expected).then_some(())
        })
        .await;
        if round % 10 == 0 {
            alice.put(&format!("/{round}"), "x").await.is(201);
        }
        if round == 100 {
            after_a_hundred = Some(left(&mut gateway).await);
        }
    }
    let before = after_a_hundred.expect("measured");
    // Threads for what may block end by themselves when there was nothing to do for a while, and
    // give back what they had.
    eventually("idle threads to end", async || {
        (gateway.process().threads() <= before.threads + 2).then_some(())
    })
    .await;
    let after = left(&mut gateway).await;
    assert_eq!(gateway.reloads("refused").await, 0, "{}", gateway.log());
    assert!(gateway.reloads("ok").await >= 1000);
    eprintln!(
        "{} KiB after 100 reloads, {} KiB after 1000",
        before.memory >> 10,
        after.memory >> 10
    );
    let grown = after.memory.saturating_sub(before.memory);
    assert!(
        grown < ALLOWED,
        "grown by {} KiB from {} KiB",
        grown >> 10,
        before.memory >> 10
    );
    assert!(
        after.descriptors <= before.descriptors + 8,
        "{} files, {} before",
        after.descriptors,
        before.descriptors
    );
    assert!(
        after.mappings <= before.mappings + 100,
        "{} mappings, {} before",
        after.mappings,
        before.mappings
    );
    let staging = fs::read_dir(gateway.path("files/.callfs-staging"))
        .expect("there")
        .count();
    assert!(staging <= 3, "{staging} names in the staging directory");
}
