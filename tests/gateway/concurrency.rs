//! Many at once, on one path.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures_util::future::join_all;
use serde_json::json;
use tokio::time::interval;

use crate::harness::{Client, Gateway, Reply, bytes, sha256_hex};

/// A version of a file that can be told from all others by its length alone.
fn version(number: usize) -> Vec<u8> {
    bytes(number as u64, 50_000 + number * 1000)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_7_concurrent_writers_of_one_path_all_succeed() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let replies =
        join_all((0..40).map(|number| alice.put("/a", version(number)).into_future())).await;
    let created = replies.iter().filter(|reply| reply.status == 201).count();
    let replaced = replies.iter().filter(|reply| reply.status == 200).count();
    assert_eq!(
        (created, replaced),
        (1, 39),
        "{:?}",
        replies.iter().map(|reply| reply.text()).collect::<Vec<_>>()
    );
    let last = alice.get("/a").await.is(200);
    let winner = replies
        .iter()
        .position(|reply| reply.etag() == last.etag())
        .expect("one of the writers");
    assert!(
        last.body == version(winner),
        "the bytes of one writer under the tag of another"
    );
    assert_eq!(gateway.everything_in("files"), ["a"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_5_readers_see_one_whole_version() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a", version(0)).await.is(201);
    let digests: Arc<Vec<String>> =
        Arc::new((0..25).map(|number| sha256_hex(&version(number))).collect());
    let done = Arc::new(AtomicBool::new(false));

    let reader = |_| {
        let alice = alice.clone();
        let digests = digests.clone();
        let done = done.clone();
        tokio::spawn(async move {
            let mut seen = Vec::new();
            while !done.load(Ordering::Relaxed) {
                let got = alice.get("/a").await.is(200);
                let digest = sha256_hex(&got.body);
                let number = digests
                    .iter()
                    .position(|known| *known == digest)
                    .expect("one whole version");
                assert_eq!(got.header("content-length"), got.body.len().to_string());
                assert_eq!(got.header("x-callfs-size"), got.body.len().to_string());
                seen.push((number, got.etag()));
            }
            seen
        })
    };
    let readers: Vec<_> = (0..4).map(reader).collect();
    for _ in 0..4 {
        let writes =
            join_all((1..25).map(|number| alice.put("/a", version(number)).into_future())).await;
        assert!(
            writes.iter().all(|reply| reply.status == 200),
            "a write failed"
        );
    }
    done.store(true, Ordering::Relaxed);
    let mut tags: Vec<(usize, String)> = Vec::new();
    for reader in readers {
        tags.extend(reader.await.expect("the reader saw whole versions only"));
    }
    assert!(!tags.is_empty());
    tags.sort_unstable();
    tags.dedup();
    for (number, tag) in &tags {
        let same = tags
            .iter()
            .filter(|(other, known)| known == tag && other != number);
        assert_eq!(same.count(), 0, "one tag for two versions");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_creators_one_succeeds() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let posts =
        join_all((0..20).map(|number| alice.post("/a", version(number)).into_future())).await;
    let created: Vec<usize> = (0..20)
        .filter(|number| posts[*number].status == 201)
        .collect();
    assert_eq!(created.len(), 1);
    posts
        .iter()
        .filter(|reply| reply.status != 201)
        .for_each(|reply| drop(reply.problem(409, "FILE_ALREADY_EXISTS")));
    assert!(
        alice.get("/a").await.is(200).body == version(created[0]),
        "the bytes of another creator"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn if_match_loses_no_update() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/counter", "0").await.is(201);
    let add_one = |_| {
        let alice = alice.clone();
        async move {
            loop {
                let got = alice.get("/counter").await.is(200);
                let number: u32 = got.text().parse().expect("a number");
                let put = alice
                    .put("/counter", (number + 1).to_string())
                    .header("if-match", &got.etag())
                    .await;
                match put.status {
                    200 => break,
                    _ => drop(put.problem(412, "PRECONDITION_FAILED")),
                }
            }
        }
    };
    join_all((0..12).map(add_one)).await;
    assert_eq!(alice.get("/counter").await.is(200).body, b"12");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_below_a_directory_that_moves_lose_nothing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.make("/one").await.is(201);
    let writes = (0..30).map(|number| {
        let alice = alice.clone();
        async move {
            let body = number.to_string();
            alice.put(&format!("/one/{number}"), body).await.status
        }
    });
    let moves = async {
        for _ in 0..10 {
            let there = alice.patch("/one", &json!({"name": "two"})).await;
            let back = alice.patch("/two", &json!({"name": "one"})).await;
            assert!(
                matches!((there.status, back.status), (200 | 409, 200 | 404 | 409)),
                "{} {}",
                there.text(),
                back.text()
            );
        }
    };
    let (written, ()) = tokio::join!(join_all(writes), moves);
    for (number, status) in written.iter().enumerate() {
        assert_eq!(*status, 201, "write {number}");
        let body = number.to_string();
        let one = alice.get(&format!("/one/{number}")).await;
        let two = alice.get(&format!("/two/{number}")).await;
        assert!(
            one.body == body.as_bytes() || two.body == body.as_bytes(),
            "{number} is lost"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn defect_11_a_lock_conflict_waits_instead_of_failing() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/docs/a", "0").await.is(201);
    let mixed = (0..60).map(|number| {
        let alice = alice.clone();
        async move {
            let reply = match number % 3 {
                0 => alice.put("/docs/a", number.to_string()).await,
                1 => alice.patch("/docs/a", &json!({"mode": "0640"})).await,
                _ => alice.get("/docs/a").await,
            };
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
    });
    join_all(mixed).await;
}

/// Ways to ask what is in a directory: the target, and what it accepts.
const LISTINGS: [(&str, &str); 7] = [
    ("/v1/directories/DIR", "application/json"),
    ("/v1/directories/DIR?recursive=true", "application/json"),
    ("/v1/directories/DIR", "application/x-ndjson"),
    ("/v1/directories/DIR?recursive=true", "application/x-ndjson"),
    ("/v1/files/DIR/", "application/json"),
    ("/v1/files/DIR/", "text/html"),
    ("/v1/directories/?recursive=true", "application/json"),
];

async fn ask(client: &Client, listing: (&str, &str), directory: &str) -> Option<Reply> {
    let (target, accept) = listing;
    let call = client.call("GET", &target.replace("DIR", directory));
    call.header("accept", accept).attempt().await.ok()
}

/// What a listing names, under the name that the directory `a` has.
fn named(reply: &Reply, accept: &str) -> Vec<String> {
    let text = String::from_utf8_lossy(&reply.body);
    let mut named: Vec<String> = match accept {
        "application/json" => reply.entries("path"),
        "text/html" => {
            let links = text.split("href=\"").skip(1);
            links
                .filter_map(|link| link.split('"').next())
                .map(ToOwned::to_owned)
                .collect()
        }
        _ => {
            let path = |line: &str| {
                let entry: serde_json::Value = serde_json::from_str(line).expect("a whole line");
                entry["path"].as_str().expect("a path").to_owned()
            };
            text.lines().map(path).collect()
        }
    };
    for name in &mut named {
        if name.starts_with("/b") {
            name.replace_range(..2, "/a");
        }
    }
    named
}

/// Four readers, for each way to ask, while something moves `/a` to `/b` and back, again and again.
/// A transfer may break off; an answer that is complete tells all, or that nothing is there.
async fn listings_are_whole(gateway: &Gateway, mut moved: impl AsyncFnMut(bool)) {
    // Permissions are none of this: what another program moves has other ones.
    let admin = gateway.admin();
    for listing in LISTINGS {
        let reply = ask(&admin, listing, "a").await.expect("an answer").is(200);
        let expected = Arc::new(named(&reply, listing.1));
        let done = Arc::new(AtomicBool::new(false));
        let reader = |number: usize| {
            let admin = admin.clone();
            let expected = expected.clone();
            let done = done.clone();
            tokio::spawn(async move {
                let mut seen = 0;
                for directory in ["a", "b"].into_iter().cycle().skip(number) {
                    if done.load(Ordering::Relaxed) {
                        break;
                    }
                    let Some(reply) = ask(&admin, listing, directory).await else {
                        continue;
                    };
                    if reply.status == 404 {
                        reply.problem(404, "FILE_NOT_FOUND");
                        continue;
                    }
                    if reply.status == 423 {
                        // It was overtaken again and again, which the answer says.
                        reply.problem(423, "LOCKED");
                        continue;
                    }
                    let reply = reply.is(200);
                    assert_eq!(named(&reply, listing.1), *expected, "{listing:?}");
                    seen += 1;
                }
                seen
            })
        };
        let readers: Vec<_> = (0..4).map(reader).collect();
        for _ in 0..40 {
            moved(true).await;
            moved(false).await;
        }
        done.store(true, Ordering::Relaxed);
        let mut seen = 0;
        for reader in readers {
            seen += reader.await.expect("whole listings only");
        }
        assert!(seen > 0, "{listing:?} was never answered");
    }
}

async fn fill(gateway: &Gateway) {
    for number in 0..20 {
        let path = format!("/a/{number:02}");
        gateway.admin().put(&path, "x").await.is(201);
    }
    for number in 0..5 {
        let path = format!("/a/sub/deep/{number}");
        gateway.admin().put(&path, "x").await.is(201);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_whole_or_not_there_while_its_directory_is_renamed() {
    let gateway = Gateway::start().await;
    fill(&gateway).await;
    let admin = gateway.admin();
    let moved = async |there: bool| {
        let (from, to) = if there { ("/a", "/b") } else { ("/b", "/a") };
        let wanted = json!({"destination": to});
        admin.patch(from, &wanted).await.is(200);
    };
    listings_are_whole(&gateway, moved).await;
}

/// By another program, which tells the gateway nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_listing_is_whole_or_not_there_while_another_program_renames_its_directory() {
    let gateway = Gateway::start().await;
    fill(&gateway).await;
    let files = gateway.path("files");
    // Slower than a listing, which is made again when it is overtaken.
    let mut pace = interval(Duration::from_millis(10));
    let moved = async |there: bool| {
        let (from, to) = if there { ("a", "b") } else { ("b", "a") };
        pace.tick().await;
        std::fs::rename(files.join(from), files.join(to)).expect("renamed");
    };
    listings_are_whole(&gateway, moved).await;
}
