//! kill -9 in the middle of moves across mounts and of copies of directories.

use std::collections::BTreeMap;

use serde_json::json;

use crate::harness::{Client, Gateway, Setup, bytes, sha256_hex};

/// Every test kills this often at least, and goes on until enough kills have left a half-done
/// change on the disk.
const ROUNDS: u64 = 14;
const HITS: u64 = 3;
/// After so many rounds a test gives up: it hardly ever kills in the middle of a change.
const MOST_ROUNDS: u64 = 150;
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
        client
            .put(&path, bytes(number, 1 + (number as usize * 7919) % 60_000))
            .await
            .is(201);
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

/// Bytes of all files in a folder, the hidden and the unfinished ones too.
fn bytes_in(gateway: &Gateway, folder: &str) -> u64 {
    let folder_path = gateway.path(folder);
    let size = |name: String| match std::fs::metadata(folder_path.join(name)) {
        Ok(found) if found.is_file() => found.len(),
        _ => 0,
    };
    gateway.everything_in(folder).into_iter().map(size).sum()
}

/// A number of names that is more than none and less than all of the tree, another one each round.
fn share(round: u64) -> usize {
    1 + usize::from(bytes(round, 8)[0]) * (FILES as usize - 1) / 256
}

/// Kills once so much of a change has happened on the disk, or when it is over.
async fn kill_when(
    gateway: &mut Gateway,
    change: tokio::task::JoinHandle<()>,
    enough: impl Fn(&Gateway) -> bool,
) {
    while !enough(gateway) && !change.is_finished() {
        tokio::task::yield_now().await;
    }
    gateway.kill();
    change.await.expect("a request");
}

async fn start() -> Gateway {
    let gateway = Setup::flat().start().await;
    gateway
        .admin()
        .patch("/flat", &json!({"mode": "1777"}))
        .await
        .is(200);
    gateway
}

fn patch(
    client: Client,
    from: &str,
    to: &str,
    document: serde_json::Value,
) -> tokio::task::JoinHandle<()> {
    let from = from.to_owned();
    let to = to.to_owned();
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
    let mut paths = ["/tree", "/flat/tree"];
    // Kills that left some of the tree in both places: of those moves, how many were undone, and
    // how many finished.
    let mut round = 0;
    let mut undone = 0;
    let mut finished = 0;
    while round < ROUNDS || undone < HITS || finished < HITS {
        assert!(
            round < MOST_ROUNDS,
            "{undone} torn moves were undone and {finished} finished in {round} rounds"
        );
        let [from, to] = paths;
        let (near, far) = if from == "/tree" { (0, 1) } else { (1, 0) };
        // Half of them while it is being built, the others while the source is being removed: early
        // enough that some of it is left when the process ends.
        let built = share(round);
        let left = FILES as usize - 1 - built / 2;
        let change = patch(gateway.alice(), from, to, json!({}));
        kill_when(&mut gateway, change, |gateway| {
            let now = on_disk(gateway, "tree");
            if round % 2 == 0 {
                now[far] >= built
            } else {
                now[near] <= left
            }
        })
        .await;
        let torn = on_disk(&gateway, "tree").iter().all(|names| *names > 0);
        gateway = gateway.restart();
        let alice = gateway.alice();
        let source = tree(&alice, from).await;
        let destination = tree(&alice, to).await;
        let at_source = source == whole && destination.is_empty();
        assert!(
            at_source || (source.is_empty() && destination == whole),
            "round {round}: {source:?} {destination:?}"
        );
        let losing = if at_source { far } else { near };
        assert_eq!(
            on_disk(&gateway, "tree")[losing],
            0,
            "round {round}: something hidden is left"
        );
        undone += u64::from(torn && at_source);
        finished += u64::from(torn && !at_source);
        if !at_source {
            paths.reverse();
        }
        round += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_is_at_one_of_its_paths_whole() {
    let mut gateway = start().await;
    let content = bytes(5, 3_000_000);
    let size = content.len() as u64;
    gateway.alice().put("/file", content.clone()).await.is(201);
    let mut paths = ["/file", "/flat/file"];
    // Kills that left the whole source, and bytes at the destination that were not there before.
    let mut round = 0;
    let mut torn = 0;
    while round < ROUNDS || torn < HITS {
        assert!(
            round < MOST_ROUNDS,
            "{torn} moves were torn in {round} rounds"
        );
        let [from, to] = paths;
        let (near, far) = if from == "/file" {
            ("files", "second")
        } else {
            ("second", "files")
        };
        let over = round % 4 == 3;
        if over {
            gateway.alice().put(to, "the old one").await.is(201);
        }
        let before = bytes_in(&gateway, far);
        let change = patch(gateway.alice(), from, to, json!({"overwrite": over}));
        // While the bytes arrive, when all of them have arrived, or while the source is being
        // removed.
        let arrived = u64::from(bytes(round + 100, 8)[0]) * size / 256;
        kill_when(&mut gateway, change, |gateway| match round % 3 {
            0 => bytes_in(gateway, far) > before + arrived,
            1 => bytes_in(gateway, far) >= before + size,
            _ => bytes_in(gateway, near) < size,
        })
        .await;
        torn += u64::from(bytes_in(&gateway, near) >= size && bytes_in(&gateway, far) > before);
        gateway = gateway.restart();
        let alice = gateway.alice();
        let source = alice.get(from).await;
        let destination = alice.get(to).await;
        let at_source = source.body == content;
        let at_destination = destination.body == content;
        assert!(
            at_source || at_destination,
            "round {round}: {} {}",
            source.status,
            destination.status
        );
        assert!(
            at_source || source.status == 404,
            "round {round}: {}",
            source.text()
        );
        if over {
            assert!(
                at_destination || destination.body == b"the old one",
                "round {round}: {}",
                destination.text()
            );
        } else {
            assert!(
                at_source != at_destination && (at_destination || destination.status == 404),
                "round {round}"
            );
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
        round += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_copy_of_a_directory_is_whole_or_nothing() {
    let mut gateway = start().await;
    let whole = plant(&gateway.alice(), "/tree").await;
    // Kills that left some of the copy on the disk, of which nothing is left after the restart.
    let mut round = 0;
    let mut torn = 0;
    while round < ROUNDS || torn < HITS {
        assert!(
            round < MOST_ROUNDS,
            "{torn} copies were torn in {round} rounds"
        );
        let (to, top, far) = if round % 2 == 0 {
            ("/flat/copy", "copy", 1)
        } else {
            ("/copy", "copy", 0)
        };
        let built = share(round + 200);
        let alice = gateway.alice();
        let change =
            tokio::spawn(async move { drop(alice.copy("POST", "/tree", to).attempt().await) });
        kill_when(&mut gateway, change, |gateway| {
            on_disk(gateway, top)[far] >= built
        })
        .await;
        let begun = on_disk(&gateway, top)[far] > 0;
        gateway = gateway.restart();
        let alice = gateway.alice();
        assert_eq!(tree(&alice, "/tree").await, whole, "round {round}");
        let copied = tree(&alice, to).await;
        assert!(
            copied.is_empty() || copied == whole,
            "round {round}: {copied:?}"
        );
        torn += u64::from(begun && copied.is_empty());
        if copied.is_empty() {
            assert_eq!(
                on_disk(&gateway, top),
                [0, 0],
                "round {round}: something hidden is left"
            );
        } else {
            alice
                .call("DELETE", &format!("/v1/files{to}?recursive=true"))
                .await
                .is(204);
        }
        round += 1;
    }
}
