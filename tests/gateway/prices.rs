//! No request costs more than it brought: requests that were made to be expensive, what they may
//! take of memory and of processor time, and what the real binary takes.
//!
//! Each row has a gateway of its own, because the kernel remembers the largest resident set alone.
//! The bounds are several times what is taken, and a fraction of what was taken before there were
//! limits.

use std::fs;
use std::path::Path;
use std::time::Duration;

use futures_util::future::join_all;

use crate::harness::{
    ADMIN_KEY, ALICE_KEY, BOB_KEY, Gateway, Mount, Raw, Setup, encode, eventually,
};

const MIB: u64 = 1 << 20;

/// What comes of a request.
#[derive(Clone, Copy)]
enum Outcome {
    /// An answer with one of these, which is read.
    Answered(&'static [u16]),
    /// The same, of which the head alone is read.
    Unread(&'static [u16]),
    /// Nothing, because the request never ends.
    Nothing,
    /// The end of the connection, with an answer if the client still reads one.
    Refused,
}

/// Requests that are made at the same time, as bytes on connections of their own.
struct Adversary {
    name: &'static str,
    setup: fn() -> Setup,
    /// What is on disk before the gateway starts.
    prepare: fn(&Path),
    connections: usize,
    request: Vec<u8>,
    outcome: Outcome,
    memory: u64,
    processor: Duration,
}

impl Adversary {
    fn new(name: &'static str, connections: usize, request: Vec<u8>, outcome: Outcome) -> Self {
        Self {
            name,
            setup: Setup::default,
            prepare: |_| {},
            connections,
            request,
            outcome,
            memory: 48 * MIB,
            processor: Duration::from_secs(2),
        }
    }
}

fn head(method: &str, target: &str, key: &str, headers: &[String]) -> Vec<u8> {
    let mut head = format!("{method} {target} HTTP/1.1\r\nHost: x\r\n");
    head += &format!("Authorization: Bearer {key}\r\n");
    for line in headers {
        head += line;
        head += "\r\n";
    }
    (head + "\r\n").into_bytes()
}

fn with_body(method: &str, target: &str, key: &str, header: &str, body: &[u8]) -> Vec<u8> {
    let headers = [header.to_owned(), format!("Content-Length: {}", body.len())];
    [head(method, target, key, &headers), body.to_vec()].concat()
}

/// A dictionary of distinct names, as long as the head of a request may be.
fn dictionary() -> String {
    let mut names = String::new();
    let mut number = 0;
    while names.len() < 60_000 {
        names += &format!("a{number:x}=1,");
        number += 1;
    }
    names + "sha-256=1"
}

fn closed_folder(files: &Path) {
    use std::os::unix::fs::PermissionsExt;
    fs::create_dir(files.join("c")).expect("a folder");
    let closed = fs::Permissions::from_mode(0o755);
    fs::set_permissions(files.join("c"), closed).expect("its mode");
}

fn names_of_one_letter(files: &Path) {
    fs::create_dir(files.join("many")).expect("a folder");
    for number in 0..2000 {
        let name = format!("{}{number:04}", "a".repeat(236));
        fs::write(files.join("many").join(name), "").expect("a file");
    }
}

fn long_paths(files: &Path) {
    let mut folder = files.join("long");
    for _ in 0..14 {
        folder.push("n".repeat(200));
    }
    fs::create_dir_all(&folder).expect("folders");
    for number in 0..10_000 {
        fs::write(folder.join(format!("{number:06}")), "").expect("a file");
    }
}

fn deep_tree(files: &Path) {
    // Removing it takes a descriptor for each level.
    fs::create_dir_all(files.join("d/".repeat(500))).expect("folders");
}

/// Its mounts are two, so that a move from one to the other takes it apart.
fn two_mounts() -> Setup {
    Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/far", "second"))
}

/// Five hundred levels with three files in each.
fn deep_tree_of_files(files: &Path) {
    let mut folder = files.join("t");
    for _ in 0..500 {
        fs::create_dir(&folder).expect("a folder");
        for name in ["a", "b", "e"] {
            fs::write(folder.join(name), "").expect("a file");
        }
        folder.push("d");
    }
}

/// In each directory there is more than a page of names after the one that leads further down.
fn deep_tree_of_full_directories(files: &Path) {
    let mut folder = files.to_owned();
    for _ in 0..100 {
        for number in 0..1000 {
            let name = format!("{}{number:04}", "n".repeat(200));
            fs::write(folder.join(name), "").expect("a file");
        }
        folder.push("d");
        fs::create_dir(&folder).expect("a folder");
    }
}

fn adversaries() -> Vec<Adversary> {
    use Outcome::{Answered, Nothing, Refused, Unread};

    let deep = "/a".repeat(2040);
    let body = |header: &str| {
        let header = format!("{header}: {}", dictionary());
        with_body("PUT", "/v1/files/x", ALICE_KEY, &header, b"x")
    };
    let mut pieces = head(
        "PUT",
        "/v1/files/pieces",
        ALICE_KEY,
        &["Transfer-Encoding: chunked".into()],
    );
    pieces.extend(b"1\r\nx\r\n".repeat(60_000));
    pieces.extend(b"0\r\n\r\n");
    let unfinished = |length| {
        let mut head = b"GET / HTTP/1.1\r\nHost: x\r\nX: ".to_vec();
        head.resize(length, b'x');
        head
    };
    let pattern = encode(&format!("{}b", "*a".repeat(500)));
    let globbed = format!("/v1/directories/many?glob={pattern}");
    let page = |target: &str| head("GET", target, ALICE_KEY, &[]);
    let refused_put = with_body("PUT", &format!("/v1/files/c{deep}"), BOB_KEY, "X: x", b"x");
    let allowed_put = with_body("PUT", &format!("/v1/files{deep}"), ALICE_KEY, "X: x", b"x");
    let json = "Content-Type: application/json";
    let far = br#"{"destination":"/far/t"}"#;
    let moved = with_body("PATCH", "/v1/files/t", ADMIN_KEY, json, far);
    let copied = with_body("POST", "/v1/files/copy?from=/t", ADMIN_KEY, "X: x", b"");
    let removed = head("DELETE", "/v1/files/t?recursive=true", ADMIN_KEY, &[]);
    let in_deep_tree = |name, request, status, seconds| Adversary {
        setup: two_mounts,
        prepare: deep_tree_of_files,
        processor: Duration::from_secs(seconds),
        ..Adversary::new(name, 1, request, Answered(status))
    };
    vec![
        Adversary {
            prepare: closed_folder,
            ..Adversary::new(
                "a deep upload without the right to it",
                8,
                refused_put,
                Answered(&[403]),
            )
        },
        Adversary::new(
            "a deep upload with all rights",
            8,
            allowed_put,
            Answered(&[400]),
        ),
        Adversary::new(
            "a read of a deep path that is missing",
            20,
            page(&format!("/v1/files{deep}")),
            Answered(&[404]),
        ),
        Adversary::new(
            "a long Content-Digest",
            8,
            body("Content-Digest"),
            Answered(&[400]),
        ),
        Adversary::new(
            "a long Want-Repr-Digest",
            8,
            body("Want-Repr-Digest"),
            Answered(&[200, 201]),
        ),
        Adversary::new(
            "an upload in pieces of one byte",
            4,
            pieces,
            Answered(&[200, 201]),
        ),
        Adversary::new("heads that never end", 400, unfinished(60_000), Nothing),
        Adversary::new("heads that are too long", 400, unfinished(400_000), Refused),
        Adversary {
            prepare: names_of_one_letter,
            processor: Duration::from_secs(5),
            ..Adversary::new(
                "a pattern that matches slowly",
                2,
                page(&globbed),
                Answered(&[200]),
            )
        },
        Adversary {
            prepare: long_paths,
            memory: 320 * MIB,
            processor: Duration::from_secs(20),
            ..Adversary::new(
                "pages of long paths that are not read",
                20,
                page("/v1/directories/long?recursive=true&limit=10000"),
                Unread(&[200]),
            )
        },
        Adversary {
            prepare: deep_tree,
            processor: Duration::from_secs(8),
            ..Adversary::new(
                "listings of a tree of five hundred levels",
                2,
                page("/v1/directories/?recursive=true&limit=10000"),
                Answered(&[200]),
            )
        },
        // A file of a deep tree is a path that is walked from the root: the entries times the
        // depth, and no more.
        in_deep_tree("the removal of a deep tree", removed, &[204], 5),
        in_deep_tree("a copy of a deep tree", copied, &[201], 9),
        in_deep_tree("a move of a deep tree to another mount", moved, &[200], 10),
        Adversary {
            prepare: deep_tree_of_full_directories,
            memory: 96 * MIB,
            processor: Duration::from_secs(10),
            ..Adversary::new(
                "listings that hold names of many levels",
                4,
                page("/v1/directories/?recursive=true&limit=99"),
                Answered(&[200]),
            )
        },
    ]
}

/// Sends the request, and reads as much of the answer as this client does.
async fn made(authority: String, adversary: &Adversary) -> Raw {
    let mut raw = Raw::connect(&authority, "").await;
    // The answer may come, and the connection end, before all of it was sent.
    let _ = raw.attempt(&adversary.request).await;
    let answer = match adversary.outcome {
        Outcome::Answered(status) => Some((status, raw.answer().await)),
        Outcome::Unread(status) => Some((status, raw.answer_head().await)),
        Outcome::Nothing => None,
        Outcome::Refused => {
            raw.read(1).await;
            None
        }
    };
    if let Some((status, answer)) = answer {
        let name = adversary.name;
        let expected = status.contains(&answer.status);
        assert!(expected, "{name}: {} {}", answer.status, answer.text());
    }
    raw
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_request_takes_memory_or_processor_time_out_of_proportion() {
    for adversary in adversaries() {
        let dir = (adversary.setup)().prepare();
        (adversary.prepare)(&dir.path().join("files"));
        let mut gateway = Gateway::start_in(dir, &[]);
        gateway.alice().get("/").await.is(200);
        gateway.bob().get("/").await.is(200);
        let memory = gateway.process().peak_memory();
        let processor = gateway.process().processor_time();
        let authority = gateway.authority();
        let requests = (0..adversary.connections).map(|_| made(authority.clone(), &adversary));
        let mut held = join_all(requests).await;
        if matches!(adversary.outcome, Outcome::Nothing) {
            let wanted = adversary.connections as f64;
            let mut ended = 0;
            let what = format!("{wanted} connections to be open at the same time");
            eventually(&what, async || {
                let open = gateway.metrics().await.sum("callfs_http_connections", &[]);
                if open >= wanted {
                    return Some(());
                }
                // On a machine that stood still for longer than a head may take, some were ended.
                for raw in held.iter_mut().filter(|raw| raw.has_ended()) {
                    ended += 1;
                    eprintln!("connection {ended} is made again; {open} are open");
                    *raw = made(authority.clone(), &adversary).await;
                }
                None
            })
            .await;
        }
        // Beside them, everything else goes on.
        gateway.alice().put("/beside", "x").await.is(201);
        let memory = gateway.process().peak_memory() - memory;
        let processor = gateway.process().processor_time() - processor;
        drop(held);
        let name = adversary.name;
        eprintln!("{name}: {} MiB, {processor:?}", memory / MIB);
        assert!(memory <= adversary.memory, "{name}: {} MiB", memory / MIB);
        assert!(processor <= adversary.processor, "{name}: {processor:?}");
    }
}

#[tokio::test]
async fn one_address_has_a_bounded_number_of_connections() {
    let gateway = Setup::default()
        .server("max_connections_per_address = 3")
        .start()
        .await;
    let refused = async || {
        let labels = [("limit", "address")];
        gateway
            .metrics()
            .await
            .sum("callfs_http_connections_refused_total", &labels)
    };
    let before = refused().await;
    let mut held = Vec::new();
    for _ in 0..3 {
        let mut raw = gateway.raw().await;
        raw.head("GET", "/v1/files/", &[]).await;
        assert_eq!(raw.answer().await.status, 200);
        held.push(raw);
    }
    let mut more = gateway.raw().await;
    // Closed at once, before or after these bytes arrive.
    let _ = more.attempt(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n").await;
    eventually("the connection to be refused", async || {
        (refused().await > before).then_some(())
    })
    .await;
    drop(held.pop());
    eventually("room for another", async || {
        let mut raw = gateway.raw().await;
        let asked = raw
            .attempt(b"GET /health/live HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            .await;
        (asked.is_ok() && !raw.read(1000).await.is_empty()).then_some(())
    })
    .await;
}
