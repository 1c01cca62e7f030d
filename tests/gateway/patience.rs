//! Timeouts are idle timeouts.

use std::time::Duration;

use tokio::time::interval;

use crate::harness::{Gateway, Setup, bytes};

const PIECE: usize = 256 << 10;
const PIECES: usize = 64;
/// A client that takes a piece this often needs more than three times what any timeout allows.
const PACE: Duration = Duration::from_millis(100);

async fn hasty() -> Gateway {
    let limits = r#"call_timeout = "2s", cpu_time = "1s""#;
    Setup::default()
        .server(r#"idle_timeout = "2s""#)
        .limits(limits)
        .start()
        .await
}

#[tokio::test]
async fn defect_6_a_slow_steady_download_outlives_every_timeout() {
    let gateway = hasty().await;
    let content = bytes(6, PIECE * PIECES);
    gateway.alice().put("/large", content.clone()).await.is(201);
    let mut slow = gateway.raw().await;
    slow.head("GET", "/v1/files/large", &[]).await;
    assert_eq!(
        slow.answer_head().await.header("content-length"),
        content.len().to_string()
    );
    let mut got = Vec::new();
    let mut pace = interval(PACE);
    while got.len() < content.len() {
        pace.tick().await;
        let until = got.len() + PIECE.min(content.len() - got.len());
        while got.len() < until {
            let more = slow.read(until - got.len()).await;
            assert!(
                !more.is_empty(),
                "cut after {} of {} bytes",
                got.len(),
                content.len()
            );
            got.extend(more);
        }
    }
    assert!(got == content, "other bytes");
}

#[tokio::test]
async fn defect_6_a_slow_steady_upload_outlives_every_timeout() {
    let gateway = hasty().await;
    let content = bytes(7, PIECE * PIECES);
    let mut slow = gateway.raw().await;
    slow.head(
        "PUT",
        "/v1/files/large",
        &[&format!("Content-Length: {}", content.len())],
    )
    .await;
    let mut pace = interval(PACE);
    for piece in content.chunks(PIECE) {
        pace.tick().await;
        slow.send(piece).await;
    }
    assert_eq!(slow.answer().await.status, 201);
    assert!(
        gateway.alice().get("/large").await.is(200).body == content,
        "other bytes"
    );
}
