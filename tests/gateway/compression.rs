//! Compression on the way out: what clients get that accept it, and that nothing else changes for
//! them: conditions, ranges, links and digests.

use std::fs;
use std::io::Read;
use std::process::Command;

use serde_json::json;

use crate::harness::{ALICE_KEY, Client, Gateway, Reply, Setup, link, succeeds, tool};

const CODINGS: [&str; 3] = ["zstd", "br", "gzip"];

/// A gateway that compresses stored files, too.
async fn with_files() -> Gateway {
    let setup = Setup::default().server("compression.files = true");
    setup.start().await
}

/// Text of some length.
fn text() -> String {
    (0..5000).map(|line| format!("line {line}\n")).collect()
}

fn decoded(reply: &Reply) -> Vec<u8> {
    let bytes = reply.body.as_slice();
    let mut decoded = Vec::new();
    let read = match reply.header("content-encoding") {
        "zstd" => zstd::stream::read::Decoder::new(bytes)
            .expect("a decoder")
            .read_to_end(&mut decoded),
        "br" => brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded),
        "gzip" => flate2::read::GzDecoder::new(bytes).read_to_end(&mut decoded),
        "" => return reply.body.clone(),
        other => panic!("{other} was not asked for"),
    };
    read.expect("complete");
    decoded
}

async fn accepting(who: &Client, method: &str, target: &str, codings: &str) -> Reply {
    let call = who.call(method, target);
    call.header("accept-encoding", codings).await
}

/// The members of all `Vary` fields, in lower case.
fn varies(reply: &Reply) -> Vec<String> {
    let fields = reply.headers.get_all("vary").iter();
    fields
        .flat_map(|field| field.to_str().unwrap_or_default().split(','))
        .map(|name| name.trim().to_lowercase())
        .collect()
}

#[tokio::test]
async fn every_coding_decodes_to_the_same_bytes_and_head_says_the_same() {
    let gateway = with_files().await;
    let alice = gateway.alice();
    alice.put("/a.txt", text()).await.is(201);
    for number in 0..40 {
        alice.put(&format!("/many/file-{number}"), "").await.is(201);
    }
    for (target, accept) in [
        ("/v1/files/a.txt", "*/*"),
        ("/v1/files/many/", "application/json"),
        ("/v1/files/many/", "text/html"),
        ("/v1/directories/many", "application/json"),
        ("/v1/directories/many", "application/x-ndjson"),
        ("/openapi.json", "*/*"),
        ("/docs/scalar.js", "*/*"),
    ] {
        let plain = alice.call("GET", target).header("accept", accept).await;
        let plain = plain.is(200);
        assert_eq!(plain.header("content-encoding"), "", "{target}");
        assert!(
            varies(&plain).contains(&"accept-encoding".into()),
            "{target}"
        );
        for coding in CODINGS {
            let ask = |method| {
                let call = alice.call(method, target).header("accept", accept);
                call.header("accept-encoding", coding)
            };
            let sent = ask("GET").await.is(200);
            let what = format!("{target} as {accept} in {coding}");
            assert_eq!(sent.header("content-encoding"), coding, "{what}");
            assert!(decoded(&sent) == plain.body, "{what}");
            assert!(sent.body.len() < plain.body.len(), "{what}");
            assert_eq!(varies(&sent), varies(&plain), "{what}");
            assert_eq!(sent.header("content-length"), "", "{what}");
            assert_eq!(sent.header("accept-ranges"), "", "{what}");
            assert_eq!(sent.header("content-type"), plain.header("content-type"));
            let head = ask("HEAD").await.is(200);
            for name in [
                "content-encoding",
                "content-length",
                "content-type",
                "etag",
                "accept-ranges",
                "last-modified",
                "x-callfs-size",
            ] {
                assert_eq!(head.header(name), sent.header(name), "{name} of {what}");
            }
            assert_eq!(varies(&head), varies(&sent), "{what}");
        }
    }
}

#[tokio::test]
async fn stored_files_are_left_alone_unless_configured_and_nothing_is_with_no_coding() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/a.txt", text()).await.is(201);
    let file = accepting(&alice, "GET", "/v1/files/a.txt", "gzip, br, zstd").await;
    assert_eq!(file.header("content-encoding"), "");
    assert_eq!(file.header("content-length"), text().len().to_string());
    assert!(varies(&file).is_empty(), "{:?}", file.headers);
    let document = accepting(&alice, "GET", "/openapi.json", "gzip").await;
    assert_eq!(document.header("content-encoding"), "gzip");

    let off = Setup::default().server("compression = { files = true, codings = [] }");
    let off = off.start().await;
    let document = accepting(&off.alice(), "GET", "/openapi.json", "gzip").await;
    assert_eq!(document.header("content-encoding"), "");
    assert!(varies(&document).is_empty(), "{:?}", document.headers);
}

#[tokio::test]
async fn what_would_gain_nothing_or_must_stay_as_it_is_does() {
    let gateway = with_files().await;
    let alice = gateway.alice();
    for (path, body) in [
        ("/small.txt", "small".to_owned()),
        ("/a.txt", text()),
        ("/a.png", text()),
    ] {
        alice.put(path, body).await.is(201);
    }
    let coding = async |path: &str, name: &str, value: &str| {
        let call = alice.get(path).header("accept-encoding", "gzip");
        let reply = call.header(name, value).await;
        reply.header("content-encoding").to_owned()
    };
    let nothing = ("x-nothing", "");
    for (path, (name, value), expected) in [
        ("/a.txt", nothing, "gzip"),
        ("/small.txt", nothing, ""),
        ("/a.png", nothing, ""),
        ("/a.txt", ("cache-control", "no-transform"), ""),
        ("/a.txt", ("range", "bytes=0-9999"), ""),
    ] {
        assert_eq!(coding(path, name, value).await, expected, "{path}, {name}");
    }
    // It is of the bytes as they are stored, and was asked for.
    let call = alice.get("/a.txt").header("accept-encoding", "gzip");
    let digest = call.header("want-repr-digest", "sha-256=1").await.is(200);
    let coding = digest.header("content-encoding");
    assert_eq!(coding.is_empty(), !digest.header("repr-digest").is_empty());
    assert_eq!(decoded(&digest), text().into_bytes());
}

#[tokio::test]
async fn a_version_that_was_read_compressed_is_known_and_can_be_replaced() {
    let gateway = with_files().await;
    let alice = gateway.alice();
    let written = alice.put("/a.txt", text()).await.is(201).etag();
    for coding in CODINGS {
        let read = accepting(&alice, "GET", "/v1/files/a.txt", coding).await;
        let etag = read.etag();
        assert_ne!(etag, written, "other bytes have another strong tag");
        let again = |accepted: &str| {
            let call = alice.get("/a.txt").header("if-none-match", &etag);
            call.header("accept-encoding", accepted)
        };
        let unchanged = again(coding).await.is(304);
        assert_eq!(unchanged.etag(), etag);
        assert_eq!(varies(&unchanged), varies(&read));
        for name in ["content-encoding", "content-type", "accept-ranges"] {
            assert_eq!(unchanged.header(name), "", "{name}");
        }
        // A client that does not take the coding does not have those bytes.
        assert_eq!(again("identity").await.is(200).etag(), written);
        let identity = alice.get("/a.txt").header("if-none-match", &written).await;
        assert_eq!(identity.is(304).etag(), written);
    }
    let replaced = |etag: &str, more: &str| {
        let body = text() + more;
        alice.put("/a.txt", body).header("if-match", etag)
    };
    let mut etag = written;
    for coding in CODINGS {
        replaced("\"another-gzip\"", coding)
            .await
            .problem(412, "PRECONDITION_FAILED");
        let read = accepting(&alice, "GET", "/v1/files/a.txt", coding).await;
        let next = replaced(&read.etag(), coding).await.is(200).etag();
        assert_ne!(next, etag);
        replaced(&read.etag(), "too late")
            .await
            .problem(412, "PRECONDITION_FAILED");
        etag = next;
    }
    let read = accepting(&alice, "GET", "/v1/files/a.txt", "br").await;
    let removed = alice.delete("/a.txt").header("if-match", &read.etag());
    removed.await.is(204);
}

#[tokio::test]
async fn ranges_count_the_bytes_of_the_file() {
    let gateway = with_files().await;
    let alice = gateway.alice();
    let written = alice.put("/a.txt", text()).await.is(201).etag();
    let compressed = accepting(&alice, "GET", "/v1/files/a.txt", "gzip")
        .await
        .etag();
    let part = |etag: &str| {
        let call = alice.get("/a.txt").header("accept-encoding", "gzip");
        let call = call.header("range", "bytes=10-19");
        call.header("if-range", etag)
    };
    let sent = part(&written).await.is(206);
    assert_eq!(sent.body, &text().as_bytes()[10..20]);
    assert_eq!(sent.header("content-encoding"), "");
    assert_eq!(sent.etag(), written);
    // What the client has are compressed bytes, to which no part can be added.
    let whole = part(&compressed).await.is(200);
    assert_eq!(whole.header("content-encoding"), "");
    assert_eq!(whole.body, text().as_bytes());
}

#[tokio::test]
async fn a_link_hands_over_the_bytes_of_the_file() {
    let gateway = with_files().await;
    let alice = gateway.alice();
    alice.put("/a.txt", text()).await.is(201);
    let link = link::make(&alice, json!({"path": "/a.txt"})).await;
    let got = accepting(&gateway.stranger(), "GET", &link.target, "gzip").await;
    assert_eq!(got.is(200).body, text().as_bytes());
}

#[tokio::test]
async fn a_stream_of_lines_is_compressed_as_they_are_found() {
    let gateway = Gateway::start().await;
    for number in 0..30 {
        fs::create_dir_all(gateway.path(&format!("files/d{number}"))).expect("writable");
        for name in 0..100 {
            let file = format!("files/d{number}/file-{name}");
            fs::write(gateway.path(&file), "").expect("writable");
        }
    }
    let target = "/v1/directories/?recursive=true&limit=0";
    for coding in CODINGS {
        let call = gateway.alice().call("GET", target);
        let call = call.header("accept", "application/x-ndjson");
        let all = call.header("accept-encoding", coding).await.is(200);
        assert_eq!(all.header("transfer-encoding"), "chunked");
        let lines = decoded(&all).iter().filter(|byte| **byte == b'\n').count();
        assert_eq!(lines, 30 + 30 * 100, "{coding}");
    }
}

#[tokio::test]
async fn curl_reads_compressed_and_replaces_what_it_has_read() {
    let curl = || -> Option<Command> {
        let mut curl = tool("curl")?;
        curl.args(["--silent", "--show-error", "--fail", "--noproxy", "*"]);
        curl.args(["--header", &format!("Authorization: Bearer {ALICE_KEY}")]);
        Some(curl)
    };
    let Some(mut read) = curl() else { return };
    let gateway = with_files().await;
    gateway.alice().put("/a.txt", text()).await.is(201);
    let url = format!("http://{}/v1/files/a.txt", gateway.authority());
    let etag = gateway.path("etag");
    let received = succeeds(
        read.arg("--compressed")
            .arg("--etag-save")
            .arg(&etag)
            .arg(&url),
    );
    assert_eq!(received.stdout, text().as_bytes());
    let etag_of_read = fs::read_to_string(&etag).expect("saved");
    let coding = etag_of_read.trim().trim_matches('"').rsplit('-').next();
    assert!(
        coding.is_some_and(|coding| CODINGS.contains(&coding)),
        "{etag_of_read}"
    );

    let status = |arguments: &[&str]| {
        let mut curl = curl().expect("as before");
        curl.args(["--write-out", "%{http_code}", "--output", "/dev/null"]);
        let sent = succeeds(curl.args(arguments).arg(&url));
        String::from_utf8_lossy(&sent.stdout).into_owned()
    };
    let saved = etag.to_str().expect("text");
    let compare = ["--compressed", "--etag-compare", saved];
    assert_eq!(status(&compare), "304");
    let if_match = format!("If-Match: {}", etag_of_read.trim());
    let replace = [
        "--header",
        &if_match,
        "--request",
        "PUT",
        "--data-binary",
        "new",
    ];
    assert_eq!(status(&replace), "200");
    assert_eq!(gateway.alice().get("/a.txt").await.body, b"new");
}
