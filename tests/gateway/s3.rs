//! A bucket of S3 as a mount: what the REST API promises holds there, too.

use reqwest::Body;
use serde_json::json;

use crate::harness::{Gateway, Mount, S3, Setup, bytes};

async fn open(gateway: &Gateway) {
    gateway
        .admin()
        .patch("/s3", &json!({"mode": "1777"}))
        .await
        .is(200);
}

/// A body of unknown length.
fn chunked(bytes: &[u8]) -> Body {
    let pieces: Vec<_> = bytes
        .chunks(100_000)
        .map(|piece| Ok::<_, std::io::Error>(piece.to_vec()))
        .collect();
    Body::wrap_stream(futures_util::stream::iter(pieces))
}

#[tokio::test]
async fn objects_are_written_read_and_removed() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    open(&gateway).await;
    let alice = gateway.alice();
    let content = bytes(1, 300_000);
    let put = alice
        .put("/s3/docs/a.bin", content.clone())
        .header("content-type", "text/x-a")
        .await
        .is(201);
    let got = alice.get("/s3/docs/a.bin").await.is(200);
    assert!(got.body == content);
    assert_eq!(
        (got.etag(), got.header("content-type")),
        (put.etag(), "text/x-a")
    );
    assert_eq!(
        (got.header("x-callfs-owner"), got.header("x-callfs-size")),
        ("alice", "300000")
    );
    assert!(!got.header("last-modified").is_empty());
    assert_eq!(
        alice
            .head("/s3/docs/a.bin")
            .await
            .is(200)
            .header("content-length"),
        "300000"
    );
    assert_eq!(
        s3.objects()["docs/a.bin"]["kept"]["content_type"],
        "text/x-a",
        "S3 itself knows the type"
    );
    let digest = alice
        .get("/s3/docs/a.bin")
        .header("want-repr-digest", "sha-256=1")
        .await
        .is(200);
    assert!(digest.header("repr-digest").starts_with("sha-256=:"));

    let replaced = alice.put("/s3/docs/a.bin", "new").await.is(200);
    assert_ne!(replaced.etag(), put.etag());
    assert_eq!(alice.get("/s3/docs/a.bin").await.is(200).body, b"new");
    alice
        .post("/s3/docs/a.bin", "again")
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
    alice.get("/s3/docs").await.is(200);
    alice
        .put("/s3/docs", "x")
        .await
        .problem(409, "IS_A_DIRECTORY");
    alice
        .get("/s3/docs/missing")
        .await
        .problem(404, "FILE_NOT_FOUND");
    alice
        .delete("/s3/docs/missing")
        .await
        .problem(404, "FILE_NOT_FOUND");
    alice
        .delete("/s3/docs")
        .await
        .problem(409, "DIRECTORY_NOT_EMPTY");
    alice.delete("/s3/docs/a.bin").await.is(204);
    alice
        .get("/s3/docs/a.bin")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert_eq!(s3.keys(), [] as [&str; 0]);
}

#[tokio::test]
async fn ranges_and_conditions_of_reads_are_exact() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    open(&gateway).await;
    let alice = gateway.alice();
    let content = bytes(2, 10_000);
    let etag = alice.put("/s3/a", content.clone()).await.is(201).etag();
    for (range, part) in [
        ("0-0", 0..1),
        ("100-199", 100..200),
        ("9990-", 9990..10_000),
        ("-5", 9995..10_000),
        ("0-99999", 0..10_000),
    ] {
        let got = alice
            .get("/s3/a")
            .header("range", &format!("bytes={range}"))
            .await
            .is(206);
        assert!(got.body == content[part.clone()], "{range}");
        assert_eq!(
            got.header("content-range"),
            format!("bytes {}-{}/10000", part.start, part.end - 1)
        );
        assert_eq!(got.etag(), etag);
    }
    let several = alice
        .get("/s3/a")
        .header("range", "bytes=0-1,5000-5001")
        .await
        .is(206);
    assert!(
        several
            .header("content-type")
            .starts_with("multipart/byteranges"),
        "{:?}",
        several.headers
    );
    let beyond = alice.get("/s3/a").header("range", "bytes=10000-").await;
    beyond.problem(416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(beyond.header("content-range"), "bytes */10000");
    alice
        .get("/s3/a")
        .header("if-none-match", &etag)
        .await
        .is(304);
    alice
        .get("/s3/a")
        .header("if-match", "\"other\"")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice
        .get("/s3/a")
        .header("if-match", &format!("\"other\", {etag}"))
        .await
        .is(200);
    alice
        .get("/s3/a")
        .header("if-range", "\"other\"")
        .header("range", "bytes=0-1")
        .await
        .is(200);

    alice.put("/s3/empty", "").await.is(201);
    assert_eq!(
        alice
            .get("/s3/empty")
            .await
            .is(200)
            .header("content-length"),
        "0"
    );
    alice
        .get("/s3/empty")
        .header("range", "bytes=0-")
        .await
        .problem(416, "RANGE_NOT_SATISFIABLE");
}

#[tokio::test]
async fn conditions_of_writes_hold_against_writers_that_are_not_this_mount() {
    for conditional in [true, false] {
        let s3 = S3::start();
        let more = format!(", conditional_writes = {conditional}");
        let setup = Setup::default().mount(Mount::folder("/", "files"));
        let setup = setup
            .mount(s3.mount("/s3", &more))
            .mount(s3.mount("/other", &more));
        let gateway = S3::credentials(setup).start().await;
        let admin = gateway.admin();
        let etag = admin.put("/s3/a", "one").await.is(201).etag();
        let second = admin.put("/other/a", "two").await.is(200).etag();
        admin
            .put("/s3/a", "three")
            .header("if-match", &etag)
            .await
            .problem(412, "PRECONDITION_FAILED");
        admin
            .put("/s3/a", "three")
            .header("if-none-match", "*")
            .await
            .problem(412, "PRECONDITION_FAILED");
        admin
            .delete("/s3/a")
            .header("if-match", &etag)
            .await
            .problem(412, "PRECONDITION_FAILED");
        admin
            .put("/s3/a", "three")
            .header("if-match", &format!("{etag}, {second}"))
            .await
            .is(200);
        assert_eq!(admin.get("/other/a").await.is(200).body, b"three");
        let current = admin.head("/other/a").await.is(200).etag();
        admin
            .delete("/s3/a")
            .header("if-match", &current)
            .await
            .is(204);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_many_who_create_one_object_through_two_mounts_one_succeeds() {
    let s3 = S3::start();
    let setup = Setup::default().mount(Mount::folder("/", "files"));
    let more = ", conditional_writes = true";
    let setup = setup
        .mount(s3.mount("/s3", more))
        .mount(s3.mount("/other", more));
    let gateway = S3::credentials(setup).start().await;
    for round in 0..5 {
        let puts = (0..16).map(|number| {
            let mount = if number % 2 == 0 { "s3" } else { "other" };
            let call = gateway
                .admin()
                .put(&format!("/{mount}/race-{round}"), vec![number; 100_000]);
            async move { call.header("if-none-match", "*").await.status }
        });
        let statuses = futures_util::future::join_all(puts).await;
        let created = statuses.iter().filter(|status| **status == 201).count();
        assert_eq!(created, 1, "round {round}: {statuses:?}");
        assert!(
            statuses
                .iter()
                .all(|status| matches!(status, 201 | 412 | 409)),
            "{statuses:?}"
        );
    }
}

#[tokio::test]
async fn bodies_of_any_length_arrive_whole_known_or_not() {
    let s3 = S3::start();
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount("/s3", ", part_size = \"5MiB\""));
    let gateway = S3::credentials(setup).start().await;
    let admin = gateway.admin();
    const PART: usize = 5 << 20;
    for length in [
        0,
        1,
        100_000,
        PART - 1,
        PART,
        PART + 1,
        2 * PART,
        2 * PART + 12_345,
    ] {
        let content = bytes(length as u64, length);
        for (how, body) in [
            ("known", Body::from(content.clone())),
            ("unknown", chunked(&content)),
        ] {
            let put = admin
                .put("/s3/a", body)
                .header("content-type", "text/x-a")
                .await;
            assert!(
                matches!(put.status, 200 | 201),
                "{length} {how}: {}",
                put.text()
            );
            let got = admin.get("/s3/a").await.is(200);
            assert!(got.body == content, "{length} {how}");
            assert_eq!(
                (got.etag(), got.header("content-type")),
                (put.etag(), "text/x-a"),
                "{length} {how}"
            );
            assert_eq!(
                s3.objects()["a"]["kept"]["content_type"],
                "text/x-a",
                "{length} {how}"
            );
        }
    }
    // Known and larger than what is sent in one request.
    let content = bytes(77, (64 << 20) + 1);
    let put = admin.put("/s3/a", content.clone()).await.is(200);
    assert!(put.etag().ends_with("-13\""), "in parts: {}", put.etag());
    assert!(admin.get("/s3/a").await.is(200).body == content);
    assert_eq!(s3.open_uploads(), 0);
}

#[tokio::test]
async fn a_body_with_another_digest_is_stored_nowhere() {
    let s3 = S3::start();
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount("/s3", ", part_size = \"5MiB\""));
    let gateway = S3::credentials(setup).start().await;
    let admin = gateway.admin();
    admin.put("/s3/a", "old").await.is(201);
    let wrong = "sha-256=:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=:";
    let large = bytes(5, (64 << 20) + 1);
    for body in [
        Body::from("new"),
        chunked(b"new"),
        chunked(&bytes(3, 6 << 20)),
        Body::from(large),
    ] {
        admin
            .put("/s3/a", body)
            .header("content-digest", wrong)
            .await
            .problem(400, "DIGEST_MISMATCH");
        assert_eq!(admin.get("/s3/a").await.is(200).body, b"old");
    }
    assert_eq!((s3.open_uploads(), s3.keys()), (0, vec!["a".to_owned()]));
}

#[tokio::test]
async fn copies_and_moves_go_inside_and_between_mounts() {
    let s3 = S3::start();
    let gateway = s3.setup().start().await;
    open(&gateway).await;
    let alice = gateway.alice();
    let bob = gateway.bob();
    let content = bytes(4, 200_000);
    for (from, to) in [
        ("/s3/x/a b+", "/s3/y/ä%41"),
        ("/s3/x2/a", "/y2/a"),
        ("/x3/a", "/s3/y3/a"),
    ] {
        alice
            .put(from, content.clone())
            .header("content-type", "text/x-a")
            .await
            .is(201);
        bob.copy("POST", from, to).await.is(201);
        let got = bob.get(to).await.is(200);
        assert!(got.body == content, "{from} {to}");
        assert_eq!(
            (got.header("content-type"), got.header("x-callfs-owner")),
            ("text/x-a", "bob")
        );
        let moved = format!("{to} moved");
        bob.patch(to, &json!({"destination": moved})).await.is(200);
        bob.get(to).await.problem(404, "FILE_NOT_FOUND");
        assert!(bob.get(&moved).await.is(200).body == content);
    }
    // Whole directories, with names that must not be mistaken.
    for (from, to) in [
        ("/s3/tree", "/moved"),
        ("/moved", "/s3/back"),
        ("/s3/back", "/s3/again"),
    ] {
        if from == "/s3/tree" {
            for name in ["a", "deep/er/b", "deep-er", "deep/c d"] {
                alice
                    .put(&format!("{from}/{name}"), name.to_owned())
                    .await
                    .is(201);
            }
        }
        alice.patch(from, &json!({"destination": to})).await.is(200);
        alice.get(from).await.problem(404, "FILE_NOT_FOUND");
        let all = alice
            .list(to, "recursive=true")
            .await
            .is(200)
            .entries("path");
        let names = ["a", "deep", "deep-er", "deep/c d", "deep/er", "deep/er/b"];
        let mut sorted = all.clone();
        sorted.sort_unstable();
        assert_eq!(sorted, names.map(|name| format!("{to}/{name}")));
        for name in ["a", "deep/er/b", "deep-er", "deep/c d"] {
            assert_eq!(
                alice.get(&format!("{to}/{name}")).await.is(200).text(),
                name
            );
        }
    }
    alice
        .call("DELETE", "/v1/files/s3/again?recursive=true")
        .await
        .is(204);
    assert!(
        s3.keys()
            .iter()
            .all(|key| !key.starts_with("again") && !key.starts_with("tree")),
        "{:?}",
        s3.keys()
    );
}

#[tokio::test]
async fn empty_directories_and_prefixes_are_directories() {
    let s3 = S3::start();
    let setup = Setup::default().mount(Mount::folder("/", "files"));
    let setup = setup
        .mount(s3.mount("/s3", ", root = \"pre fix/x\""))
        .mount(s3.mount("/all", ""));
    let gateway = S3::credentials(setup).start().await;
    let admin = gateway.admin();
    admin.make("/s3/empty").await.is(201);
    admin.put("/s3/d/a", "x").await.is(201);
    assert_eq!(
        admin.get("/s3").await.is(200).entries("name"),
        ["d", "empty"]
    );
    assert_eq!(s3.keys(), ["pre fix/x/d/a"]);
    assert_eq!(
        admin.get("/all/pre fix/x").await.is(200).entries("name"),
        ["d"]
    );
    admin.delete("/s3/empty").await.is(204);
    admin.delete("/s3/d/a").await.is(204);
    assert_eq!(s3.keys(), [] as [&str; 0]);
}

#[tokio::test]
async fn new_objects_are_stored_as_configured() {
    let s3 = S3::start();
    let more = ", part_size = \"5MiB\", server_side_encryption = \"aws:kms\", kms_key_id = \
                \"key-1\", storage_class = \"STANDARD_IA\"";
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(s3.mount("/s3", more));
    let gateway = S3::credentials(setup).start().await;
    let admin = gateway.admin();
    admin.put("/s3/one", "x").await.is(201);
    admin
        .put("/s3/parts", chunked(&bytes(1, 6 << 20)))
        .await
        .is(201);
    admin.copy("POST", "/s3/one", "/s3/copy").await.is(201);
    let objects = s3.objects();
    for key in ["one", "parts", "copy"] {
        let kept = &objects[key]["kept"];
        assert_eq!(
            (&kept["encryption"], &kept["kms_key"]),
            (&json!("aws:kms"), &json!("key-1")),
            "{key}"
        );
        assert_eq!(kept["storage_class"], "STANDARD_IA", "{key}");
    }
}

/// The bytes are those that are stored, so the answer says how they are coded (RFC 9110 section
/// 8.4), and nobody stores them where nothing would.
#[tokio::test]
async fn an_object_that_is_stored_in_a_coding_is_served_as_such() {
    let coded = b"not really gzip";
    let s3 = S3::with(|prepared| {
        prepared.coded("page.html", "gzip", coded);
        prepared.object("plain.html");
    });
    let gateway = s3.setup().start().await;
    let admin = gateway.admin();
    for reply in [
        admin.get("/s3/page.html").await.is(200),
        admin.head("/s3/page.html").await.is(200),
        admin
            .get("/s3/page.html")
            .header("range", "bytes=0-2")
            .await
            .is(206),
    ] {
        assert_eq!(reply.header("content-encoding"), "gzip");
    }
    let whole = admin
        .get("/s3/page.html")
        .header("accept-encoding", "gzip")
        .await;
    assert_eq!(
        whole.is(200).header("content-length"),
        coded.len().to_string()
    );
    let plain = admin.head("/s3/plain.html").await.is(200);
    assert_eq!(plain.header("content-encoding"), "");
    let elsewhere = admin.copy("PUT", "/s3/page.html", "/page.html").await;
    elsewhere.problem(422, "UNSUPPORTED");
    admin.get("/page.html").await.is(404);
    admin
        .copy("PUT", "/s3/page.html", "/s3/copy.html")
        .await
        .is(201);
    let copy = admin.head("/s3/copy.html").await.is(200);
    assert_eq!(copy.header("content-encoding"), "gzip");
}
