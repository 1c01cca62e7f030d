//! kill -9 in the middle of moves across mounts and of copies of directories.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::json;

use crate::harness::{Client, Gateway, Setup, bytes, sha256_hex};

const ROUNDS: u64 = 14;
const FILES: u64 = 24;

/// What is below a path, by its checksum; nothing if nothing is there.
type Tree = BTreeMap<String, String>;

async fn tree(client: &Client, at: &str) -> Tree {
    let mut tree = Tree::new();
    let listed = client.list(at, "recursive=true&type=file").await;
    if listed.status == 200 {
        for path in listed.entries("path") {
            let got = client.get(&path).await.is(200);
            assert_eq!(got.header("x-callfs-owner"), "alice", "{path}");
            tree.insert(path[at.len()..].to_owned(), sha256_hex(&got.body));
        }
    } else {
        listed.problem(404, "FILE_NOT_FOUND");
    }
    tree
}

async fn plant(client: &Client, at: &str) -> Tree {
    for number in 0..FILES {
        let path = format!("{at}/d{}/{number}", number % 3);
        client.put(&path, bytes(number, 1 + (number as usize * 7919) % 60_000)).await.is(201);
    }
    client.make(&format!("{at}/empty")).await.is(201);
    tree(client, at).await
}

/// Names in the folders of both mounts that belong to a name in their roots.
fn on_disk(gateway: &Gateway, top: &str) -> [usize; 2] {
    let count = |folder: &str, slash: &str| {
        let is_of = |name: &&String| *name == top || name.starts_with(&format!("{top}{slash}"));
        gateway.everything_in(folder).iter().filter(is_of).count()
    };
    [count("files", "/"), count("second", "%2F")]
}

/// Kills once so much of a change has happened on the disk, or when it is over.
async fn kill_when(gateway: &mut Gateway, change: tokio::task::JoinHandle<()>, enough: impl Fn(&Gateway) -> bool) {
    while !enough(gateway) && !change.is_finished() {
        tokio::task::yield_now().await;
    }
    gateway.kill();
    change.await.expect("a request");
}

async fn start() -> Gateway {
    let gateway = Setup::flat().start().await;
    gateway.admin().patch("/flat", &json!({"mode": "1777"})).await.is(200);
    gateway
}

fn patch(client: Client, from: &str, to: &str, document: serde_json::Value) -> tokio::task::JoinHandle<()> {
    let (from, to) = (from.to_owned(), to.to_owned());
    tokio::spawn(async move {
        let mut document = document;
        document["destination"] = to.into();
        // Whoever is not answered has no claim.
        let _ = client.patch(&from, &document).attempt().await;
    })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_is_at_one_of_its_paths_whole() {
    let mut gateway = start().await;
    let whole = plant(&gateway.alice(), "/tree").await;
    let (mut paths, mut moved) = (["/tree", "/flat/tree"], 0);
    for round in 0..ROUNDS {
        let [from, to] = paths;
        let (near, far) = if from == "/tree" { (0, 1) } else { (1, 0) };
        let before = on_disk(&gateway, "tree")[near];
        // Half of them while it is being built, the others while the source is being removed.
        let share = (bytes(round, 8)[0] as usize * (before + 1)) / 256;
        let change = patch(gateway.alice(), from, to, json!({}));
        kill_when(&mut gateway, change, |gateway| {
            let now = on_disk(gateway, "tree");
            if round % 2 == 0 { now[far] >= share } else { now[near] <= share }
        })
        .await;
        gateway = gateway.restart();
        let alice = gateway.alice();
        let (source, destination) = (tree(&alice, from).await, tree(&alice, to).await);
        let at_source = source == whole && destination.is_empty();
        assert!(at_source || (source.is_empty() && destination == whole), "round {round}: {source:?} {destination:?}");
        let losing = if at_source { far } else { near };
        assert_eq!(on_disk(&gateway, "tree")[losing], 0, "round {round}: something hidden is left");
        if !at_source {
            moved += 1;
            paths.reverse();
        }
    }
    assert!(moved > 0 && moved < ROUNDS, "{moved} of {ROUNDS} moves had happened: the kills mean nothing");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_at_one_of_its_paths_whole() {
    let mut gateway = start().await;
    let content = bytes(5, 3_000_000);
    gateway.alice().put("/file", content.clone()).await.is(201);
    let mut paths = ["/file", "/flat/file"];
    let began = std::time::Instant::now();
    gateway.alice().patch("/file", &json!({"destination": "/flat/file"})).await.is(200);
    let usual = began.elapsed();
    gateway.alice().patch("/flat/file", &json!({"destination": "/file"})).await.is(200);
    for round in 0..ROUNDS {
        let [from, to] = paths;
        let over = round % 4 == 3;
        if over {
            gateway.alice().put(to, "the old one").await.is(201);
        }
        let change = patch(gateway.alice(), from, to, json!({"overwrite": over}));
        // Any moment of it will do.
        let moment = usual.mul_f64(f64::from(bytes(round + 100, 8)[0]) / 200.0);
        tokio::time::sleep(moment.max(Duration::from_micros(1))).await;
        kill_when(&mut gateway, change, |_| true).await;
        gateway = gateway.restart();
        let alice = gateway.alice();
        let (source, destination) = (alice.get(from).await, alice.get(to).await);
        let (at_source, at_destination) = (source.body == content, destination.body == content);
        assert!(at_source || at_destination, "round {round}: {} {}", source.status, destination.status);
        assert!(at_source || source.status == 404, "round {round}: {}", source.text());
        if over {
            assert!(at_destination || destination.body == b"the old one", "round {round}: {}", destination.text());
        } else {
            assert!(at_source != at_destination && (at_destination || destination.status == 404), "round {round}");
        }
        let on_disk = on_disk(&gateway, "file").iter().sum::<usize>();
        assert_eq!(
            on_disk,
            usize::from(source.status == 200) + usize::from(destination.status == 200),
            "round {round}"
        );
        if at_source && destination.status == 200 {
            alice.delete(to).await.is(204);
        }
        if !at_source {
            paths.reverse();
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_directory_is_whole_or_nothing() {
    let mut gateway = start().await;
    let whole = plant(&gateway.alice(), "/tree").await;
    for round in 0..ROUNDS {
        let (to, top, far) = if round % 2 == 0 { ("/flat/copy", "copy", 1) } else { ("/copy", "copy", 0) };
        let share = bytes(round + 200, 8)[0] as usize * 30 / 256;
        let alice = gateway.alice();
        let change = tokio::spawn(async move { drop(alice.copy("POST", "/tree", to).attempt().await) });
        kill_when(&mut gateway, change, |gateway| on_disk(gateway, top)[far] >= share).await;
        gateway = gateway.restart();
        let alice = gateway.alice();
        assert_eq!(tree(&alice, "/tree").await, whole, "round {round}");
        let copied = tree(&alice, to).await;
        assert!(copied.is_empty() || copied == whole, "round {round}: {copied:?}");
        if copied.is_empty() {
            assert_eq!(on_disk(&gateway, top), [0, 0], "round {round}: something hidden is left");
        } else {
            alice.call("DELETE", &format!("/v1/files{to}?recursive=true")).await.is(204);
        }
    }
}
