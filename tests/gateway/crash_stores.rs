//! kill -9 at random points of a mixed workload, on every store: what was answered is there,
//! nothing is torn, and afterwards the metadata store and the storage agree.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{
    Client, Gateway, Setup, bytes, command, eventually, on_every_store, sha256_hex, succeeds,
};

on_every_store! {
    two_hundred_kills_lose_nothing
}

const KILLS: u64 = 200;
/// Checked as a whole after so many.
const CHECKED: u64 = 20;
const CLIENTS: u64 = 4;

/// Files below a client's directory, by the checksum of their content.
type Tree = BTreeMap<String, String>;

/// One client, who alone works in a directory, and so knows what has to be there.
struct Worker {
    home: String,
    random: Random,
    /// What has to be there.
    sure: Tree,
    /// What may be there instead: the last change was not answered.
    instead: Option<Tree>,
}

/// xorshift: the same operations in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}

impl Worker {
    fn new(number: u64) -> Self {
        let random = Random(0x9e37_79b9_7f4a_7c15 ^ (number + 1) << 17);
        Self {
            home: format!("/c{number}"),
            random,
            sure: Tree::new(),
            instead: None,
        }
    }

    /// Changes things until it is not answered.
    async fn work(mut self, client: Client, killed: Arc<AtomicBool>) -> Self {
        while !killed.load(Ordering::SeqCst) {
            let (call, after) = self.next(&client);
            match call.attempt().await {
                Ok(reply) if (200..300).contains(&reply.status) => self.sure = after,
                Ok(reply) if reply.status < 500 => {
                    panic!("{}: {} {}", self.home, reply.status, reply.text())
                }
                // Not answered, or by a service whose end has begun.
                _ => {
                    self.instead = Some(after);
                    break;
                }
            }
        }
        self
    }

    /// The next change, and what is there after it.
    fn next(&mut self, client: &Client) -> (crate::harness::Call, Tree) {
        let mut after = self.sure.clone();
        let known: Vec<String> = self.sure.keys().cloned().collect();
        let any = (!known.is_empty())
            .then(|| known[self.random.below(known.len() as u64) as usize].clone());
        let name = format!("d{}/{}", self.random.below(3), self.random.below(4));
        let at = |name: &str| format!("{}/{name}", self.home);
        match (self.random.below(8), any) {
            (0, Some(gone)) => {
                after.remove(&gone);
                (client.delete(&at(&gone)), after)
            }
            (1, Some(from)) if !after.contains_key(&name) => {
                let content = after.remove(&from).expect("known");
                after.insert(name.clone(), content);
                let document = json!({"destination": at(&name), "create_parents": true});
                (client.patch(&at(&from), &document), after)
            }
            (2, Some(from)) if !after.contains_key(&name) => {
                after.insert(name.clone(), after[&from].clone());
                (client.copy("PUT", &at(&from), &at(&name)), after)
            }
            (3, Some(inside)) => {
                let directory = inside.split('/').next().expect("a directory").to_owned();
                after.retain(|name, _| !name.starts_with(&format!("{directory}/")));
                (
                    client.call(
                        "DELETE",
                        &format!("/v1/files{}?recursive=true", at(&directory)),
                    ),
                    after,
                )
            }
            (4, Some(inside)) => {
                let directory = inside.split('/').next().expect("a directory").to_owned();
                let to = format!("d{}", self.random.below(3));
                let taken = after.keys().any(|name| name.starts_with(&format!("{to}/")));
                if taken {
                    return self.put(client, name, after);
                }
                let moved = |name: &String| {
                    name.strip_prefix(&format!("{directory}/"))
                        .map(|rest| format!("{to}/{rest}"))
                };
                after = after
                    .iter()
                    .map(|(name, content)| (moved(name).unwrap_or(name.clone()), content.clone()))
                    .collect();
                // An empty directory may be left there.
                (
                    client.patch(
                        &at(&directory),
                        &json!({"destination": at(&to), "overwrite": true}),
                    ),
                    after,
                )
            }
            _ => self.put(client, name, after),
        }
    }

    fn put(
        &mut self,
        client: &Client,
        name: String,
        mut after: Tree,
    ) -> (crate::harness::Call, Tree) {
        let content = bytes(self.random.0, 1 + self.random.below(40_000) as usize);
        after.insert(name.clone(), sha256_hex(&content));
        (client.put(&format!("{}/{name}", self.home), content), after)
    }

    /// What is there is what was answered, or that and the change that was not.
    async fn check(&mut self, client: &Client, kill: u64) {
        let mut found = Tree::new();
        // A server that recovers from the kill may say for a while that it cannot answer in time.
        let listed = eventually("the store to answer", async || {
            let listed = client.list(&self.home, "recursive=true&type=file").await;
            (listed.status != 503).then_some(listed)
        })
        .await;
        if listed.status == 200 {
            for path in listed.entries("path") {
                let got = client.get(&path).await.is(200);
                assert_eq!(got.header("x-callfs-owner"), "alice", "kill {kill}: {path}");
                found.insert(
                    path[self.home.len() + 1..].to_owned(),
                    sha256_hex(&got.body),
                );
            }
        } else {
            listed.problem(404, "FILE_NOT_FOUND");
        }
        let instead = self.instead.take();
        let fits = found == self.sure
            || instead.as_ref() == Some(&found)
            || self.is_partly_removed(&instead, &found);
        assert!(
            fits,
            "kill {kill}, {}: found {found:#?}\nanswered {:#?}\nor {instead:#?}",
            self.home, self.sure
        );
        self.sure = found;
    }

    /// A recursive removal that was not answered may have removed some of it.
    fn is_partly_removed(&self, instead: &Option<Tree>, found: &Tree) -> bool {
        let Some(after) = instead else { return false };
        let kept = after
            .iter()
            .all(|(name, content)| found.get(name) == Some(content));
        let known = found
            .iter()
            .all(|(name, content)| self.sure.get(name) == Some(content));
        kept && known
    }
}

async fn two_hundred_kills_lose_nothing(url: String) {
    let mut gateway = Setup::default().metadata(&url).start().await;
    let mut workers: Vec<Worker> = (0..CLIENTS).map(Worker::new).collect();
    let mut random = Random(0x2545_f491_4f6c_dd1d);
    for kill in 1..=KILLS {
        let killed = Arc::new(AtomicBool::new(false));
        let working: Vec<_> = workers
            .drain(..)
            .map(|worker| tokio::spawn(worker.work(gateway.alice(), killed.clone())))
            .collect();
        // At a random moment: that is what this is about.
        let moment = Instant::now() + Duration::from_micros(5_000 + random.below(100_000));
        tokio::time::sleep_until(moment.into()).await;
        gateway.kill();
        killed.store(true, Ordering::SeqCst);
        for worker in working {
            workers.push(worker.await.expect("no panic"));
        }
        gateway = gateway.restart();
        for worker in &mut workers {
            worker.check(&gateway.alice(), kill).await;
        }
        if kill % CHECKED == 0 {
            gateway = agrees(gateway);
        }
    }
}

/// The metadata store and the storage agree.
fn agrees(mut gateway: Gateway) -> Gateway {
    gateway.stop();
    let dir = gateway.path("");
    let checked = succeeds(
        command(&dir)
            .arg("fsck")
            .arg("--config")
            .arg(dir.join("callfs.toml")),
    );
    let said = String::from_utf8_lossy(&checked.stdout).into_owned();
    assert!(said.contains("Nothing is wrong."), "{said}");
    gateway.restart()
}
