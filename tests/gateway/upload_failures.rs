//! Uploads that fail, each in its own way: the right answer, what was there untouched, nothing left
//! behind, and a server that serves on.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest, Sha256};

use crate::harness::{Client, Gateway, Raw, Setup, bytes, eventually, skip, tool};

/// More than fits, on the disk and under the cap of these tests.
const TOO_MUCH: usize = 6 << 20;

/// How a body is sent.
#[derive(Debug, Clone, Copy)]
enum How {
    Announced,
    Chunked,
}

/// Sends as much of a body as the gateway takes; the rest of a request that was refused is of no
/// interest.
async fn send(raw: &mut Raw, path: &str, how: How, body: &[u8], more: &[&str]) {
    let length = format!("Content-Length: {}", body.len());
    let framing = if matches!(how, How::Announced) {
        &length
    } else {
        "Transfer-Encoding: chunked"
    };
    raw.head(
        "PUT",
        &format!("/v1/files{path}"),
        &[&[framing], more].concat(),
    )
    .await;
    for piece in body.chunks(256 << 10) {
        let framed = match how {
            How::Announced => piece.to_vec(),
            How::Chunked => [format!("{:x}\r\n", piece.len()).as_bytes(), piece, b"\r\n"].concat(),
        };
        if raw.attempt(&framed).await.is_err() {
            return;
        }
    }
    if matches!(how, How::Chunked) {
        let _ = raw.attempt(b"0\r\n\r\n").await;
    }
}

/// Alice's file, of which every test sees whether it is still the same.
async fn kept(gateway: &Gateway) -> (Client, String) {
    let alice = gateway.alice();
    let etag = alice
        .put("/docs/kept", "old")
        .header("content-type", "text/x-old")
        .await
        .is(201)
        .etag();
    (alice, etag)
}

/// Nothing changed but what is named, nothing lies around, and the next upload is as good as any.
async fn all_is_as_before(gateway: &Gateway, alice: &Client, etag: &str, folder: &str) {
    eventually("the upload to end", async || {
        (!gateway.works_in(folder)).then_some(())
    })
    .await;
    let clean = || gateway.everything_in(folder) == ["docs", "docs/kept"];
    eventually("the rest to vanish", async || clean().then_some(())).await;
    let got = alice.get("/docs/kept").await.is(200);
    assert_eq!(
        (got.etag(), got.body.as_slice(), got.header("content-type")),
        (etag.into(), &b"old"[..], "text/x-old")
    );
    alice.head("/new").await.is(404);
    // A record of a file that is not there would make it somebody's: what bob makes is his.
    gateway.bob().put("/new/deep/a", "bob").await.is(201);
    for path in ["/new", "/new/deep", "/new/deep/a"] {
        assert_eq!(
            gateway
                .bob()
                .head(path)
                .await
                .is(200)
                .header("x-callfs-owner"),
            "bob",
            "{path}"
        );
    }
    gateway
        .bob()
        .call("DELETE", "/v1/files/new?recursive=true")
        .await
        .is(204);
}

#[tokio::test]
async fn a_body_with_another_digest() {
    let gateway = Gateway::start().await;
    let (alice, etag) = kept(&gateway).await;
    let body = bytes(1, 700_000);
    let digest = BASE64_STANDARD.encode(Sha256::digest(b"another"));
    let announced = format!("Content-Digest: sha-256=:{digest}:");
    for how in [How::Announced, How::Chunked] {
        for path in ["/docs/kept", "/new/deep/a"] {
            let mut raw = gateway.raw().await;
            send(&mut raw, path, how, &body, &[&announced]).await;
            raw.answer().await.detail(400, "DIGEST_MISMATCH");
            all_is_as_before(&gateway, &alice, &etag, "files").await;
        }
    }
}

#[tokio::test]
async fn a_body_over_the_cap() {
    let gateway = Setup::default()
        .server(r#"max_upload = "1MiB""#)
        .start()
        .await;
    let (alice, etag) = kept(&gateway).await;
    for how in [How::Announced, How::Chunked] {
        for path in ["/docs/kept", "/new/deep/a"] {
            let mut raw = gateway.raw().await;
            send(&mut raw, path, how, &bytes(1, TOO_MUCH), &[]).await;
            raw.answer().await.detail(413, "PAYLOAD_TOO_LARGE");
            all_is_as_before(&gateway, &alice, &etag, "files").await;
        }
    }
}

#[tokio::test]
async fn a_chunked_body_that_is_cut_or_breaks_its_framing() {
    let gateway = Gateway::start().await;
    let (alice, etag) = kept(&gateway).await;
    for path in ["/docs/kept", "/new/deep/a"] {
        // In the middle of a chunk, between two, in the middle of the last, and where no size is.
        for end in ["40000\r\nonly this", "", "0\r\n", "what\r\n"] {
            let mut raw = gateway.raw().await;
            raw.head(
                "PUT",
                &format!("/v1/files{path}"),
                &["Transfer-Encoding: chunked"],
            )
            .await;
            raw.chunk(&bytes(1, 300_000)).await;
            eventually("the upload to begin", async || {
                gateway.works_in("files").then_some(())
            })
            .await;
            raw.send(end.as_bytes()).await;
            drop(raw);
            all_is_as_before(&gateway, &alice, &etag, "files").await;
        }
    }
}

/// A client that cannot encode its body is told so, and not that its connection broke.
#[tokio::test]
async fn a_chunk_that_is_malformed_is_called_so() {
    let gateway = Gateway::start().await;
    let (alice, etag) = kept(&gateway).await;
    for path in ["/docs/kept", "/new/deep/a"] {
        for end in [
            "what\r\n",
            "-4\r\nfour\r\n",
            "4\r\nfourfour\r\n",
            "\r\n",
            "4\nfour",
        ] {
            let mut raw = gateway.raw().await;
            raw.head(
                "PUT",
                &format!("/v1/files{path}"),
                &["Transfer-Encoding: chunked"],
            )
            .await;
            raw.chunk(&bytes(1, 300_000)).await;
            raw.send(end.as_bytes()).await;
            let detail = raw.answer().await.detail(400, "BAD_REQUEST");
            assert!(detail.contains("chunked coding"), "{end:?}: {detail}");
            all_is_as_before(&gateway, &alice, &etag, "files").await;
        }
    }
}

#[tokio::test]
async fn a_disk_that_is_full() {
    let Some(mut gateway) = on_a_small_disk() else {
        return;
    };
    let (alice, etag) = kept(&gateway).await;
    let folder = format!(
        "/proc/{}/root{}",
        gateway.process().id(),
        gateway.path("files").display()
    );
    for how in [How::Announced, How::Chunked] {
        for path in ["/docs/kept", "/new/deep/a"] {
            let mut raw = gateway.raw().await;
            send(&mut raw, path, how, &bytes(1, TOO_MUCH), &[]).await;
            let detail = raw.answer().await.detail(507, "INSUFFICIENT_STORAGE");
            assert!(detail.contains("room"), "{how:?}: {detail}");
            // Seen from inside of the mount namespace of the gateway.
            all_is_as_before(&gateway, &alice, &etag, &folder).await;
        }
    }
    // What fits is stored, and what has no room beside it is still refused.
    alice.put("/docs/large", bytes(2, 3 << 20)).await.is(201);
    alice
        .put("/docs/more", bytes(3, 3 << 20))
        .await
        .problem(507, "INSUFFICIENT_STORAGE");
    assert!(alice.get("/docs/large").await.is(200).body == bytes(2, 3 << 20));
    alice.delete("/docs/large").await.is(204);
    alice.put("/docs/more", bytes(3, 3 << 20)).await.is(201);
}

/// A gateway whose folder is a disk of four MiB that only it can see.
fn on_a_small_disk() -> Option<Gateway> {
    const THEN: &str = r#"mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@""#;
    let launcher = |folder| ["unshare", "--mount", "sh", "-c", THEN, folder];
    let [name, arguments @ ..] = launcher("/mnt");
    if !tool(name)?
        .args(arguments)
        .arg("true")
        .output()
        .is_ok_and(|tried| tried.status.success())
    {
        skip("this user may not mount a disk that only one process sees");
        return None;
    }
    let dir = Setup::default().prepare();
    let folder = dir.path().join("files").display().to_string();
    Some(Gateway::start_under(dir, &launcher(&folder)))
}
