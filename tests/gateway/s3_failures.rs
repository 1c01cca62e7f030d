//! A bucket whose server dies, refuses, or is not the right one; and clients that go away.

use futures_util::StreamExt;
use reqwest::Body;
use serde_json::json;

use crate::harness::{Generated, Mount, S3, Setup, bytes, eventually};

/// More than is sent in one request, so that it goes in parts.
const LARGE_MIB: u64 = 400;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_the_middle_of_an_upload_leaves_the_old_object() {
    // In parts of known length, in parts that are collected, and in one request.
    for (known, mebibytes) in [(true, LARGE_MIB), (false, LARGE_MIB), (true, 60)] {
        let mut s3 = S3::start();
        let gateway = s3.setup().start().await;
        let admin = gateway.admin();
        admin.put("/s3/a", "old").await.is(201);
        let body = Generated::mebibytes(mebibytes);
        let (killed, dead) = tokio::sync::watch::channel(false);
        let upload = |path: &str| {
            let dead = dead.clone();
            let pieces = body.stream().enumerate().then(move |(number, piece)| {
                let mut dead = dead.clone();
                async move {
                    // The second half comes when the server is dead.
                    if number as u64 == mebibytes / 2 {
                        dead.wait_for(|dead| *dead)
                            .await
                            .expect("somebody kills it");
                    }
                    piece
                }
            });
            let call = admin.put(path, Body::wrap_stream(pieces));
            if known {
                call.header("content-length", &body.size().to_string())
            } else {
                call
            }
        };
        let replace = upload("/s3/a");
        let create = upload("/s3/new");
        let uploads = tokio::spawn(async { tokio::join!(replace.attempt(), create.attempt()) });
        eventually("some of both to arrive", async || {
            (s3.arrived() > mebibytes << 19).then_some(())
        })
        .await;
        s3.kill();
        killed.send(true).expect("both wait");
        let (replaced, created) = uploads.await.expect("no panic");
        // A gateway that has nothing to do with the rest of a body may close instead of reading it.
        for reply in [replaced, created].into_iter().flatten() {
            assert!(
                matches!(reply.status, 502..=504),
                "{} {}",
                reply.status,
                reply.text()
            );
        }
        admin.get("/s3/a").await.problem(503, "BACKEND_UNAVAILABLE");
        s3.restart();
        assert_eq!(admin.get("/s3/a").await.is(200).body, b"old");
        admin.get("/s3/new").await.problem(404, "FILE_NOT_FOUND");
        assert_eq!(admin.get("/s3").await.is(200).entries("name"), ["a"]);
        assert_eq!(s3.keys(), ["a"]);
        admin.put("/s3/a", "new").await.is(200);
        assert_eq!(admin.get("/s3/a").await.is(200).body, b"new");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_dies_in_the_middle_of_a_download_cuts_the_body() {
    let mut s3 = S3::with(|bucket| bucket.sparse("large", 2 << 30, b"x"));
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    let mut response = admin.get("/s3/large").streamed().await;
    assert_eq!(response.status(), 200);
    let mut arrived = response.chunk().await.expect("bytes").expect("some").len() as u64;
    s3.kill();
    let cut = loop {
        match response.chunk().await {
            Ok(Some(chunk)) => arrived += chunk.len() as u64,
            Ok(None) => break false,
            Err(_) => break true,
        }
    };
    assert!(
        cut && arrived < 2 << 30,
        "the client learns that {arrived} bytes are not all"
    );
    s3.restart();
    assert_eq!(
        admin
            .get("/s3/large")
            .header("range", "bytes=0-0")
            .await
            .is(206)
            .body,
        b"x"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_client_that_goes_away_leaves_nothing() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    gateway
        .admin()
        .patch("/s3", &json!({"mode": "1777"}))
        .await
        .is(200);
    gateway.alice().put("/s3/old", "old").await.is(201);
    let length = format!("Content-Length: {}", LARGE_MIB << 20);
    for (target, head) in [
        ("/v1/files/s3/old", length.as_str()),
        ("/v1/files/s3/new", "Transfer-Encoding: chunked"),
    ] {
        let mut raw = gateway.raw().await;
        raw.head("PUT", target, &[head]).await;
        let piece = bytes(9, 1 << 20);
        for _ in 0..20 {
            if head.starts_with("Content") {
                raw.send(&piece).await
            } else {
                raw.chunk(&piece).await
            }
        }
        eventually("an upload in parts", async || {
            (s3.open_uploads() == 1).then_some(())
        })
        .await;
        drop(raw);
        eventually("the upload to be given up", async || {
            (s3.open_uploads() == 0).then_some(())
        })
        .await;
        eventually("its parts to be gone", async || {
            (s3.arrived() < 1 << 20).then_some(())
        })
        .await;
    }
    assert_eq!(s3.keys(), ["old"]);
    assert_eq!(gateway.alice().get("/s3/old").await.is(200).body, b"old");
    gateway
        .alice()
        .get("/s3/new")
        .await
        .problem(404, "FILE_NOT_FOUND");
}

/// The component's time is up when the client has paused for too long: it can still give up what it
/// began.
#[tokio::test]
async fn a_client_that_pauses_for_too_long_leaves_nothing() {
    let s3 = S3::start();
    let mount = s3
        .mount("/s3", "")
        .with("limits = { call_timeout = \"2s\" }");
    let gateway = S3::credentials(
        Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(mount),
    )
    .start()
    .await;
    gateway.admin().put("/s3/old", "old").await.is(201);
    gateway
        .admin()
        .patch("/s3", &json!({"mode": "1777"}))
        .await
        .is(200);
    let mut raw = gateway.raw().await;
    raw.head(
        "PUT",
        "/v1/files/s3/new",
        &[&format!("Content-Length: {}", LARGE_MIB << 20)],
    )
    .await;
    let piece = bytes(9, 1 << 20);
    for _ in 0..20 {
        raw.send(&piece).await;
    }
    eventually("an upload in parts", async || {
        (s3.open_uploads() == 1).then_some(())
    })
    .await;
    eventually("the upload to be given up", async || {
        (s3.open_uploads() == 0).then_some(())
    })
    .await;
    gateway
        .alice()
        .get("/s3/new")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(s3.keys(), ["old"]);
}

#[tokio::test]
async fn what_a_killed_gateway_left_is_removed_by_the_next_upload_of_that_key() {
    const DAY: u64 = 24 * 60 * 60;
    let s3 = S3::with(|bucket| {
        bucket.upload("old-one", "a", 2 * DAY);
        bucket.upload("of-another-key", "ab", 2 * DAY);
        bucket.upload("of-somebody-else", "a", 60);
    });
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount("/s3", ", part_size = \"5MiB\""));
    let gateway = S3::credentials(setup).start().await;
    let pieces = bytes(1, 6 << 20)
        .chunks(100_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect::<Vec<_>>();
    gateway
        .admin()
        .put(
            "/s3/a",
            Body::wrap_stream(futures_util::stream::iter(pieces)),
        )
        .await
        .is(201);
    assert_eq!(
        s3.open_uploads(),
        2,
        "that of another key, and one that may be under way"
    );
}

#[tokio::test]
async fn a_wrong_secret_and_a_wrong_bucket_are_said_without_secrets() {
    let s3 = S3::start();
    let secret = "not-the-secret-key-that-it-takes";
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount("/s3", ""));
    let gateway = S3::credential(setup, secret).start().await;
    let detail = gateway
        .admin()
        .put("/s3/a", "x")
        .await
        .detail(403, "PERMISSION_DENIED");
    assert!(
        detail.contains("S3 refused") && !detail.contains(secret),
        "{detail}"
    );
    assert!(!gateway.log().contains(secret));

    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount_of("no-such-bucket", "/s3", ""));
    let gateway = S3::credentials(setup).start().await;
    let detail = gateway
        .admin()
        .put("/s3/a", "x")
        .await
        .detail(503, "BACKEND_UNAVAILABLE");
    assert!(
        detail.contains("'no-such-bucket'") && detail.contains("NoSuchBucket"),
        "{detail}"
    );
    gateway
        .admin()
        .get("/s3/a")
        .await
        .problem(503, "BACKEND_UNAVAILABLE");
    gateway.admin().get("/").await.is(200);
}

#[tokio::test]
async fn a_bad_configuration_is_refused_at_the_start() {
    let s3 = S3::start();
    for (more, key) in [
        (", part_size = \"1MiB\"", "config.part_size"),
        (", root = \"/a\"", "config.root"),
        (", colour = \"red\"", "config.colour"),
    ] {
        let setup = Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(s3.mount("/s3", more));
        let dir = S3::credentials(setup).prepare();
        let mut command = crate::harness::command(dir.path());
        let mut process = crate::harness::Process::start(
            command
                .arg("serve")
                .arg("--config")
                .arg(dir.path().join("callfs.toml")),
        );
        assert_eq!(process.wait().code(), Some(78), "{more}");
        let said = process.stderr();
        assert!(said.contains(key), "{said}");
    }
}
