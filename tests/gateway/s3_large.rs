//! Large objects in a bucket: natively, in parts, and with flat memory.

use futures_util::StreamExt;
use reqwest::Body;

use crate::harness::{Client, Generated, S3};

const LARGE_MIB: u64 = 5 << 10;
const ALLOWED: u64 = 96 << 20;

/// Downloads, and counts what arrives; every block must be the one that belongs there.
async fn download(client: &Client, path: &str) -> u64 {
    let response = client.get(path).streamed().await;
    assert_eq!(response.status(), 200);
    let mut stream = response.bytes_stream();
    let mut size = 0_u64;
    // Blocks are a MiB, and begin with their number.
    let mut number = 0_u64;
    let mut seen = Vec::with_capacity(8);
    while let Some(chunk) = stream.next().await {
        let mut chunk = &chunk.expect("the download is not cut")[..];
        while !chunk.is_empty() {
            let within = (size % (1 << 20)) as usize;
            let step = if within < 8 {
                (8 - within).min(chunk.len())
            } else {
                ((1 << 20) - within).min(chunk.len())
            };
            if within < 8 {
                seen.extend_from_slice(&chunk[..step]);
                if seen.len() == 8 {
                    assert_eq!(seen, number.to_le_bytes(), "block {number}");
                    (number, seen) = (number + 1, Vec::with_capacity(8));
                }
            }
            size += step as u64;
            chunk = &chunk[step..];
        }
    }
    size
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn five_gibibytes_up_and_down_stay_flat_and_never_enter_the_guest() {
    let s3 = S3::start();
    let mut gateway = s3.setup().start().await;
    let admin = gateway.admin();
    admin.put("/s3/small", "x").await.is(201);
    admin.get("/s3/small").await.is(200);
    let idle = gateway.process().peak_memory();
    let before = gateway.metrics().await;

    let large = Generated::mebibytes(LARGE_MIB);
    let body = Body::wrap_stream(large.stream());
    let put = admin
        .put("/s3/large", body)
        .header("content-length", &large.size().to_string())
        .await
        .is(201);
    assert!(
        put.etag().ends_with("-320\""),
        "in parts of 16 MiB: {}",
        put.etag()
    );
    let uploaded = gateway.process().peak_memory() - idle;
    assert!(uploaded <= ALLOWED, "an upload took {} MiB", uploaded >> 20);

    assert_eq!(download(&admin, "/s3/large").await, large.size());
    let downloaded = gateway.process().peak_memory() - idle;
    assert!(
        downloaded <= ALLOWED,
        "a download took {} MiB",
        downloaded >> 20
    );

    let after = gateway.metrics().await;
    let carried = |direction: &str, how: &str| {
        let labels = [("plugin", "s3"), ("direction", direction), ("carrier", how)];
        after.sum("callfs_plugin_bytes_total", &labels)
            - before.sum("callfs_plugin_bytes_total", &labels)
    };
    for direction in ["read", "write"] {
        let native = carried(direction, "native");
        let guest = carried(direction, "guest");
        assert!(
            native >= large.size() as f64,
            "{native} bytes natively ({direction})"
        );
        assert!(
            guest < f64::from(1 << 20),
            "{guest} bytes through the guest ({direction})"
        );
    }
    assert_eq!(s3.open_uploads(), 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_body_of_unknown_length_takes_the_memory_of_a_part_and_as_much_time_as_it_needs() {
    let s3 = S3::start();
    // Moving these bytes through the guest takes more processor time than a call has that moves
    // none.
    let mut gateway = s3.setup().start().await;
    let admin = gateway.admin();
    admin.put("/s3/small", "x").await.is(201);
    let idle = gateway.process().peak_memory();
    let large = Generated::mebibytes(1 << 10);
    admin
        .put("/s3/large", Body::wrap_stream(large.stream()))
        .await
        .is(201);
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= ALLOWED, "grown by {} MiB", grown >> 20);
    assert_eq!(download(&admin, "/s3/large").await, large.size());
}

#[tokio::test]
async fn an_object_that_is_too_large_for_one_copy_is_copied_in_parts() {
    const SIZE: u64 = (6 << 30) + 12_345;
    let s3 = S3::with(|bucket| bucket.sparse("large", SIZE, b"the beginning"));
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    admin.copy("POST", "/s3/large", "/s3/copy").await.is(201);
    assert_eq!(
        admin
            .head("/s3/copy")
            .await
            .is(200)
            .header("content-length"),
        SIZE.to_string()
    );
    assert_eq!(
        admin
            .get("/s3/copy")
            .header("range", "bytes=0-12")
            .await
            .is(206)
            .body,
        b"the beginning"
    );
    let pieces = s3.objects()["copy"]["extents"]
        .as_array()
        .expect("extents")
        .clone();
    let mut next = 0;
    for piece in &pieces {
        assert_eq!(piece["start"], next, "{pieces:?}");
        next += piece["length"].as_u64().expect("a length");
    }
    assert_eq!((next, pieces.len(), s3.open_uploads()), (SIZE, 25, 0));
}
