//! kill -9.

use std::collections::BTreeSet;

use serde_json::json;

use crate::harness::{Gateway, Mount, Setup, bytes, eventually};

const UPLOADS: usize = 1000;
/// Killed after so many were answered, so that some are answered, some are under way and some have
/// not begun.
const ANSWERED: usize = 300;

/// What number `number` uploads: of different sizes, some of which take more than one chunk.
fn content(number: usize) -> Vec<u8> {
    bytes(number as u64, 1 + (number * 7919) % 200_000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_put_that_was_answered_is_there_whole_and_nothing_else() {
    put_and_kill(Gateway::start().await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_same_holds_of_a_mount_that_is_flushed_in_the_background() {
    let mount = Mount::folder("/", "files").with("durability = \"relaxed\"");
    put_and_kill(Setup::default().mount(mount).start().await).await;
}

async fn put_and_kill(mut gateway: Gateway) {
    let alice = gateway.alice();
    // Some exist already, one at least in each directory, so that versions are replaced, too.
    for number in (0..UPLOADS).step_by(97) {
        alice.put(&path(number), "the old content").await.is(201);
    }
    let (answers, mut answered) = tokio::sync::mpsc::unbounded_channel();
    let uploads: Vec<_> = (0..UPLOADS)
        .map(|number| {
            let alice = alice.clone();
            let answers = answers.clone();
            tokio::spawn(async move {
                // Whoever is not answered, because the gateway is dead, has no claim.
                if let Ok(reply) = alice.put(&path(number), content(number)).attempt().await
                    && matches!(reply.status, 200 | 201)
                {
                    let _ = answers.send((number, reply.etag()));
                }
            })
        })
        .collect();
    drop(answers);
    let mut claims = Vec::new();
    while claims.len() < ANSWERED {
        claims.push(answered.recv().await.expect("an answer"));
    }
    gateway.kill();
    while let Some(claim) = answered.recv().await {
        claims.push(claim);
    }
    for upload in uploads {
        upload.await.expect("no upload panics");
    }
    assert!(
        claims.len() < UPLOADS,
        "the kill came too late to mean anything"
    );

    let gateway = gateway.restart();
    let alice = gateway.alice();
    for (number, etag) in &claims {
        let got = alice.get(&path(*number)).await.is(200);
        assert!(
            got.body == content(*number),
            "{} of {} was answered and is not whole",
            path(*number),
            claims.len()
        );
        assert_eq!(got.etag(), *etag);
        assert_eq!(got.header("x-callfs-owner"), "alice");
    }
    let mut listed = BTreeSet::new();
    for directory in 0..10 {
        listed.extend(
            alice
                .list(&format!("/d{directory}"), "")
                .await
                .is(200)
                .entries("path"),
        );
    }
    for number in 0..UPLOADS {
        let got = alice.get(&path(number)).await;
        match got.status {
            200 => {
                let whole = got.body == content(number) || got.body == b"the old content";
                assert!(whole, "{} is half-written", path(number));
                assert_eq!(
                    got.header("x-callfs-owner"),
                    "alice",
                    "{} is ownerless",
                    path(number)
                );
            }
            404 => assert!(
                !listed.contains(&path(number)),
                "{} is listed and not there",
                path(number)
            ),
            _ => panic!("{}: {}", path(number), got.text()),
        }
    }
    let known: BTreeSet<String> = (0..10)
        .map(|directory| format!("d{directory}"))
        .chain((0..UPLOADS).map(|number| path(number)[1..].into()))
        .collect();
    eventually("temporary files to be swept", async || {
        gateway
            .everything_in("files")
            .iter()
            .all(|name| known.contains(name))
            .then_some(())
    })
    .await;
}

fn path(number: usize) -> String {
    format!("/d{}/{number}", number % 10)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rename_is_whole_or_has_not_happened() {
    let mut gateway = Gateway::start().await;
    gateway
        .alice()
        .put("/one/deep/a.txt", "content")
        .header("content-type", "text/x-a")
        .await
        .is(201);
    gateway
        .alice()
        .patch("/one/deep/a.txt", &json!({"mode": "0640"}))
        .await
        .is(200);
    for round in 0..10 {
        let alice = gateway.alice();
        let renames = tokio::spawn(async move {
            let names = [("/one", "two"), ("/two", "one")];
            for (from, to) in names.into_iter().cycle() {
                if alice
                    .patch(from, &json!({"name": to}))
                    .attempt()
                    .await
                    .is_err()
                {
                    return;
                }
            }
        });
        let renamed = gateway.path("files/two");
        eventually("a rename", async || renamed.exists().then_some(())).await;
        gateway.kill();
        renames.await.expect("renames until the end");
        gateway = gateway.restart();
        let alice = gateway.alice();
        let names = alice.get("/").await.is(200).entries("name");
        assert_eq!(names.len(), 1, "round {round}: {names:?}");
        let got = alice
            .get(&format!("/{}/deep/a.txt", names[0]))
            .await
            .is(200);
        assert_eq!(got.body, b"content");
        assert_eq!(
            (got.header("x-callfs-owner"), got.header("content-type")),
            ("alice", "text/x-a"),
            "round {round}"
        );
        assert!(
            got.header("x-callfs-mode").ends_with("640"),
            "round {round}: {:?}",
            got.headers
        );
        if names[0] == "two" {
            alice.patch("/two", &json!({"name": "one"})).await.is(200);
        }
    }
}
