//! Memory stays flat, whatever the size.

use futures_util::StreamExt;
use reqwest::Body;
use sha2::{Digest, Sha256};

use crate::harness::{Client, Gateway, Generated};

const LARGE_MIB: u64 = 4096;
const ALLOWED: u64 = 64 << 20;

async fn download(alice: &Client, path: &str) -> (u64, String) {
    let response = alice.get(path).streamed().await;
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let mut hasher = Sha256::new();
    let mut size = 0;
    while let Some(chunk) = stream.next().await {
        let chunk = chunk.expect("the download is not cut");
        size += chunk.len() as u64;
        hasher.update(&chunk);
    }
    (size, hex::encode(hasher.finalize()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn four_gibibytes_up_and_down_stay_within_64_mebibytes_and_never_enter_a_guest() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.put("/small", "x").await.is(201);
    alice.get("/small").await.is(200);
    let idle = gateway.process().peak_memory();
    let before = gateway.metrics().await;

    let large = Generated::mebibytes(LARGE_MIB);
    let put = alice
        .put("/large", Body::wrap_stream(large.stream()))
        .await
        .is(201);
    let uploaded = gateway.process().peak_memory() - idle;
    assert!(uploaded <= ALLOWED, "an upload took {} MiB", uploaded >> 20);

    let (size, digest) = download(&alice, "/large").await;
    assert_eq!((size, digest), (large.size(), large.sha256_hex()));
    assert_eq!(alice.head("/large").await.is(200).etag(), put.etag());
    let downloaded = gateway.process().peak_memory() - idle;
    assert!(
        downloaded <= ALLOWED,
        "a download took {} MiB",
        downloaded >> 20
    );

    let after = gateway.metrics().await;
    let carried = |how: &str| {
        let labels = [("plugin", "localfs"), ("carrier", how)];
        after.sum("callfs_plugin_bytes_total", &labels)
            - before.sum("callfs_plugin_bytes_total", &labels)
    };
    assert!(
        carried("native") >= 2.0 * large.size() as f64,
        "{} bytes natively",
        carried("native")
    );
    assert!(
        carried("guest") == 0.0,
        "{} bytes through a guest",
        carried("guest")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn clients_that_do_not_read_cost_nothing() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    let large = Generated::mebibytes(256);
    alice
        .put("/large", Body::wrap_stream(large.stream()))
        .await
        .is(201);
    let idle = gateway.process().peak_memory();
    let mut waiting = Vec::new();
    for _ in 0..50 {
        let mut raw = gateway.raw().await;
        raw.head("GET", "/v1/files/large", &[]).await;
        assert_eq!(raw.answer_head().await.status, 200);
        waiting.push(raw);
    }
    // Beside them, somebody who does read.
    assert_eq!(download(&alice, "/large").await.0, large.size());
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= ALLOWED, "grown by {} MiB", grown >> 20);
}
