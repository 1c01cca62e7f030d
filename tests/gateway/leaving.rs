//! Clients that leave as soon as they have sent all of their request: some close their side and
//! read the answer, some close the connection, some are gone with a reset. What was sent whole is
//! carried out; what was not leaves everything as it was.

use serde_json::json;

use crate::harness::{Gateway, Mount, Raw, S3, bytes, eventually};

/// Where files lie: a folder of this machine, a component that stores by itself, a bucket.
const MOUNTS: [&str; 3] = ["", "/flat", "/s3"];

/// How a client leaves.
#[derive(Debug, Clone, Copy)]
enum Leaves {
    ClosingItsSide,
    Closing,
    Resetting,
}

const WAYS: [Leaves; 3] = [Leaves::ClosingItsSide, Leaves::Closing, Leaves::Resetting];

/// How the end of a body is told.
#[derive(Debug, Clone, Copy)]
enum Framing {
    Length,
    Chunks,
}

/// A request that changes something.
struct ChangeRequest {
    method: &'static str,
    target: String,
    media_type: &'static str,
    body: Option<String>,
    outcome: Outcome,
}

/// What is true once a change was made.
#[derive(Debug)]
enum Outcome {
    File(String, String),
    Directory(String),
    Nothing(String),
    Link(String),
}

impl Leaves {
    /// Leaves; the connection, if the client still reads.
    async fn leave(self, mut raw: Raw) -> Option<Raw> {
        match self {
            Self::ClosingItsSide => {
                raw.close_side().await;
                Some(raw)
            }
            Self::Closing => None,
            Self::Resetting => {
                raw.reset();
                None
            }
        }
    }
}

impl Framing {
    /// The header line about a body, and the body as it is sent.
    fn of(self, body: &str) -> (String, String) {
        match self {
            Self::Length => (format!("Content-Length: {}", body.len()), body.to_owned()),
            Self::Chunks => {
                let chunk = format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len());
                ("Transfer-Encoding: chunked".to_owned(), chunk)
            }
        }
    }
}

impl Outcome {
    async fn holds(&self, gateway: &Gateway) -> bool {
        let admin = gateway.admin();
        match self {
            Self::File(path, content) => admin.get(path).await.body == content.as_bytes(),
            Self::Directory(path) => admin.list(path, "").await.status == 200,
            Self::Nothing(path) => admin.head(path).await.status == 404,
            Self::Link(path) => {
                let links = admin.call("GET", "/v1/links?limit=1000").await.is(200);
                links.entries("path").contains(path)
            }
        }
    }
}

/// Every way to change something in a directory that holds `old`.
fn changes(at: &str) -> Vec<ChangeRequest> {
    const JSON: &str = "application/json";
    const BYTES: &str = "application/octet-stream";
    let file = |path: &str| format!("/v1/files{path}");
    let old = format!("{at}/old");
    let new = format!("{at}/new");
    let change = |method, target, media_type, body, outcome| ChangeRequest {
        method,
        target,
        media_type,
        body,
        outcome,
    };
    let written = || Outcome::File(new.clone(), "what was sent".into());
    let sent = || Some("what was sent".to_owned());
    let moved = json!({ "destination": new }).to_string();
    let mode = json!({ "mode": "0640" }).to_string();
    let shared = json!({ "path": old }).to_string();
    vec![
        change("PUT", file(&new), BYTES, sent(), written()),
        change(
            "PUT",
            file(&old),
            BYTES,
            sent(),
            Outcome::File(old.clone(), "what was sent".into()),
        ),
        change("POST", file(&new), BYTES, sent(), written()),
        change(
            "POST",
            format!("{}/", file(&new)),
            BYTES,
            None,
            Outcome::Directory(new.clone()),
        ),
        change(
            "PUT",
            format!("{}?from={old}", file(&new)),
            BYTES,
            None,
            Outcome::File(new.clone(), "old".into()),
        ),
        change(
            "PATCH",
            file(&old),
            JSON,
            Some(moved),
            Outcome::File(new.clone(), "old".into()),
        ),
        change(
            "PATCH",
            file(&old),
            JSON,
            Some(mode),
            Outcome::File(old.clone(), "old".into()),
        ),
        change(
            "DELETE",
            file(&old),
            BYTES,
            None,
            Outcome::Nothing(old.clone()),
        ),
        change(
            "POST",
            "/v1/links/generate".to_owned(),
            JSON,
            Some(shared),
            Outcome::Link(old.clone()),
        ),
    ]
}

async fn start() -> (Gateway, S3) {
    let s3 = S3::start();
    let setup = s3
        .setup()
        .plugin("flat", callfs_test_components::FLAT)
        .mount(Mount::new("/flat", "flat").granting("second"));
    (setup.start().await, s3)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_sent_whole_is_carried_out() {
    let (gateway, _s3) = start().await;
    let mut number = 0;
    for mount in MOUNTS {
        for framing in [Framing::Length, Framing::Chunks] {
            for leaves in WAYS {
                for index in 0..changes("").len() {
                    number += 1;
                    let at = format!("{mount}/{number}");
                    let old = format!("{at}/old");
                    gateway.admin().put(&old, "old").await.is(201);
                    let change = changes(&at).swap_remove(index);
                    carried_out(&gateway, change, framing, leaves).await;
                }
            }
        }
    }
}

async fn carried_out(gateway: &Gateway, change: ChangeRequest, framing: Framing, leaves: Leaves) {
    let ChangeRequest {
        method,
        target,
        media_type,
        body,
        outcome,
    } = change;
    let what = format!("{method} {target}, {framing:?}, {leaves:?}: {outcome:?}");
    let (told, sent) = match &body {
        Some(body) => framing.of(body),
        None => Framing::Length.of(""),
    };
    let media_type = format!("Content-Type: {media_type}");
    let mut raw = gateway.raw_admin().await;
    raw.head(method, &target, &[&told, &media_type]).await;
    raw.send(sent.as_bytes()).await;
    if let Some(mut raw) = leaves.leave(raw).await {
        let answer = raw.answer_head().await;
        assert!((200..300).contains(&answer.status), "{what}: {answer:?}");
    }
    eventually(&what, async || outcome.holds(gateway).await.then_some(())).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_not_sent_whole_leaves_everything_as_it_was() {
    const CUT: [(&str, &str); 6] = [
        ("Content-Length: 9", "eight by"),
        ("Content-Length: 9", ""),
        ("Transfer-Encoding: chunked", "8\r\neight by"),
        ("Transfer-Encoding: chunked", "8\r\neight by\r\n"),
        ("Transfer-Encoding: chunked", "8\r\neight by\r\n0\r\n"),
        ("Transfer-Encoding: chunked", ""),
    ];
    let (gateway, _s3) = start().await;
    let mut number = 0;
    for mount in MOUNTS {
        let old = format!("{mount}/cut/old");
        let etag = gateway.admin().put(&old, "old").await.is(201).etag();
        for (told, sent) in CUT {
            for leaves in WAYS {
                for (method, name) in [("PUT", "old"), ("PUT", "new"), ("POST", "new")] {
                    let target = format!("/v1/files{mount}/cut/{name}");
                    let id = format!("cut-{number}");
                    number += 1;
                    let mut raw = gateway.raw_admin().await;
                    let named = format!("X-Request-ID: {id}");
                    raw.head(method, &target, &[told, &named]).await;
                    raw.send(sent.as_bytes()).await;
                    if let Some(mut raw) = leaves.leave(raw).await {
                        let answer = raw.answer().await;
                        answer.detail(400, "BAD_REQUEST");
                    }
                    // It is logged, with the id of the request, at the level that is usual.
                    let what = format!("{target}, {told}, {leaves:?}");
                    eventually(&what, async || {
                        let log = gateway.log();
                        let is_it = |line: &str| {
                            let names = line.split(['=', ' ', '"']).any(|word| word == id);
                            names && line.contains("ended before it was complete")
                        };
                        log.lines().any(is_it).then_some(())
                    })
                    .await;
                }
            }
        }
        let kept = gateway.admin().get(&old).await.is(200);
        assert_eq!((kept.etag(), kept.body.as_slice()), (etag, &b"old"[..]));
        let listed = gateway.admin().list(&format!("{mount}/cut"), "").await;
        assert_eq!(listed.is(200).entries("name"), ["old"]);
    }
}

/// `ffmpeg -method PUT` writes a playlist and its segments: each on a connection of its own, in
/// chunks, and never reads an answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_player_finds_all_segments_that_an_encoder_wrote() {
    let gateway = Gateway::start().await;
    let content = |number: u64| bytes(number, 300_000);
    for number in 0..7 {
        let mut raw = gateway.raw().await;
        let target = format!("/v1/files/live/{number}.ts");
        let headers = [
            "User-Agent: Lavf/61.7.100",
            "Accept: */*",
            "Connection: close",
            "Icy-MetaData: 1",
            "Transfer-Encoding: chunked",
        ];
        raw.head("PUT", &target, &headers).await;
        for piece in content(number).chunks(32 << 10) {
            raw.chunk(piece).await;
        }
        raw.send(b"0\r\n\r\n").await;
        drop(raw);
    }
    for number in 0..7 {
        let path = format!("/live/{number}.ts");
        eventually(&path, async || {
            let got = gateway.alice().get(&path).await;
            (got.status == 200 && got.body == content(number)).then_some(())
        })
        .await;
    }
}

#[tokio::test]
async fn a_client_that_closed_its_side_reads_all_of_its_answers() {
    let gateway = Gateway::start().await;
    let content = bytes(1, 2 << 20);
    gateway.alice().put("/large", content.clone()).await.is(201);

    let mut raw = gateway.raw().await;
    raw.head("GET", "/v1/files/large", &[]).await;
    raw.close_side().await;
    let answer = raw.answer().await;
    assert!(answer.status == 200 && answer.body == content);
    assert!(raw.read(1).await.is_empty(), "it was the last answer");

    // One request behind the other.
    let mut raw = gateway.raw().await;
    raw.send_whole("PUT", "/v1/files/a", b"first").await;
    raw.send_whole("PUT", "/v1/files/b", b"second").await;
    raw.head("GET", "/v1/files/a", &[]).await;
    raw.close_side().await;
    assert_eq!(raw.answer().await.status, 201);
    assert_eq!(raw.answer().await.status, 201);
    assert_eq!(raw.answer().await.text(), "first");
    assert!(raw.read(1).await.is_empty(), "it was the last answer");
    assert_eq!(gateway.alice().get("/b").await.is(200).body, b"second");

    // There is nothing to wait for.
    let mut raw = gateway.raw().await;
    raw.close_side().await;
    assert!(raw.read(1).await.is_empty());
}
