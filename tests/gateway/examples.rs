//! The examples of the SDK, mounted: one that keeps files in memory, and one that encrypts them.

use std::fs;

use reqwest::Body;

use crate::harness::{
    Client, Generated, Mount, Process, Setup, bytes, command, eventually, sha256_hex, succeeds,
};

const SECRET: &str = "a secret that only these tests know";

/// `memory` at `/`, with so many bytes of room.
fn memory(capacity: u32) -> Setup {
    let mount = Mount::new("/", "memory")
        .with("limits.instances = 1")
        .with(&format!("config.capacity = {capacity}"));
    Setup::default()
        .plugin("memory", callfs_test_components::MEMORY)
        .mount(mount)
}

/// `encrypted` at a path, with `$DIR/files` granted.
fn encrypted_at(path: &str, secret: &str) -> Setup {
    let mount = Mount::new(path, "encrypted")
        .granting("files")
        .with(&format!("config.key = \"{secret}\""));
    Setup::default()
        .plugin("encrypted", callfs_test_components::ENCRYPTED)
        .mount(mount)
}

/// `encrypted` at `/`.
fn encrypted(secret: &str) -> Setup {
    encrypted_at("/", secret)
}

/// What any storage can do whose files and directories can be written, moved and copied.
async fn works_like_any_other(alice: &Client) {
    alice.put("/a/b/x.txt", "one").await.is(201);
    alice.put("/a/b/x.txt", "two!").await.is(200);
    let read = alice.get("/a/b/x.txt").await.is(200);
    assert_eq!(
        (read.body.as_slice(), read.header("content-length")),
        (b"two!".as_slice(), "4")
    );
    let stale = alice
        .put("/a/b/x.txt", "three")
        .header("if-match", "\"stale\"")
        .await;
    stale.problem(412, "PRECONDITION_FAILED");
    alice
        .put("/a/b/x.txt", "three")
        .header("if-match", &read.etag())
        .await
        .is(200);
    assert_ne!(alice.get("/a/b/x.txt").await.is(200).etag(), read.etag());
    alice
        .put("/a/b/x.txt", "four")
        .header("if-none-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice.get("/a").header("range", "bytes=0-0").await.is(200);
    alice.get("/a/b/none").await.problem(404, "FILE_NOT_FOUND");
    alice
        .get("/a/b/x.txt/y")
        .await
        .problem(400, "NOT_A_DIRECTORY");

    alice.copy("POST", "/a/b/x.txt", "/a/copy").await.is(201);
    alice.copy("POST", "/a", "/c").await.is(201);
    assert_eq!(alice.get("/c/copy").await.is(200).body, b"three");
    alice
        .patch("/a", &serde_json::json!({"destination": "/moved"}))
        .await
        .is(200);
    assert_eq!(alice.get("/moved/b/x.txt").await.is(200).body, b"three");
    alice.get("/a").await.problem(404, "FILE_NOT_FOUND");

    alice.put("/empty", "").await.is(201);
    assert_eq!(alice.get("/empty").await.is(200).body, b"");
    let listing = alice.list("/", "recursive=true&limit=3").await.is(200);
    assert_eq!(listing.entries("path"), ["/c", "/c/b", "/c/b/x.txt"]);
    let listing = alice.list("/", "recursive=true&type=file").await.is(200);
    let sizes: Vec<u64> = listing.json()["items"]
        .as_array()
        .expect("entries")
        .iter()
        .map(size)
        .collect();
    assert_eq!(
        listing.entries("path"),
        [
            "/c/b/x.txt",
            "/c/copy",
            "/empty",
            "/moved/b/x.txt",
            "/moved/copy"
        ]
    );
    assert_eq!(sizes, [5, 5, 0, 5, 5]);

    alice
        .delete("/moved")
        .await
        .problem(409, "DIRECTORY_NOT_EMPTY");
    alice
        .call("DELETE", "/v1/files/moved?recursive=true")
        .await
        .is(204);
    alice.delete("/c/copy").await.is(204);
    assert_eq!(alice.get("/").await.is(200).entries("name"), ["c", "empty"]);
}

fn size(entry: &serde_json::Value) -> u64 {
    entry["size"].as_u64().expect("a size")
}

/// Parts of a file whose content is known, each as the client asks for it.
async fn has_parts(alice: &Client, path: &str, content: &[u8], parts: &[(usize, usize)]) {
    for &(first, last) in parts {
        let part = alice
            .get(path)
            .header("range", &format!("bytes={first}-{last}"))
            .await
            .is(206);
        assert!(
            part.body == content[first..=last],
            "{first}-{last}: {} other bytes",
            part.body.len()
        );
        assert_eq!(
            part.header("content-range"),
            format!("bytes {first}-{last}/{}", content.len())
        );
    }
    let beyond = alice
        .get(path)
        .header("range", &format!("bytes={}-", content.len()))
        .await;
    beyond.problem(416, "RANGE_NOT_SATISFIABLE");
}

#[tokio::test]
async fn memory_works_like_any_other_storage() {
    let gateway = memory(1 << 20).start().await;
    works_like_any_other(&gateway.alice()).await;
}

#[tokio::test]
async fn memory_hands_out_parts() {
    let gateway = memory(1 << 20).start().await;
    let content = bytes(1, 100_000);
    gateway.alice().put("/x", content.clone()).await.is(201);
    has_parts(
        &gateway.alice(),
        "/x",
        &content,
        &[(0, 0), (5, 70_000), (99_999, 99_999)],
    )
    .await;
}

#[tokio::test]
async fn memory_is_bounded_and_says_so() {
    let gateway = memory(1 << 20).start().await;
    let alice = gateway.alice();
    alice.put("/half", bytes(1, 600_000)).await.is(201);
    alice
        .put("/more", bytes(2, 600_000))
        .await
        .problem(507, "INSUFFICIENT_STORAGE");
    let unannounced =
        futures_util::stream::iter((0..10).map(|_| Ok::<_, std::io::Error>(bytes(3, 60_000))));
    alice
        .put("/more", Body::wrap_stream(unannounced))
        .await
        .problem(507, "INSUFFICIENT_STORAGE");
    alice.get("/more").await.problem(404, "FILE_NOT_FOUND");
    assert!(
        alice.get("/half").await.is(200).body == bytes(1, 600_000),
        "it was touched"
    );
    alice.delete("/half").await.is(204);
    alice.put("/more", bytes(2, 600_000)).await.is(201);
}

/// Nothing that a client reads may keep the one instance, or the next call would wait for it.
#[tokio::test]
async fn one_instance_is_enough_for_downloads_that_stand_still_and_copies_beside_them() {
    let gateway = memory(8 << 20).start().await;
    let alice = gateway.alice();
    let content = bytes(4, 3 << 20);
    alice.put("/large", content.clone()).await.is(201);
    let mut standing = gateway.raw().await;
    standing.head("GET", "/v1/files/large", &[]).await;
    assert_eq!(standing.answer_head().await.status, 200);
    alice.copy("PUT", "/large", "/copy").await.is(201);
    assert!(
        alice.get("/copy").await.is(200).body == content,
        "other bytes"
    );
    assert_eq!(
        alice.get("/").await.is(200).entries("name"),
        ["copy", "large"]
    );
}

#[tokio::test]
async fn encrypted_works_like_any_other_storage() {
    let gateway = encrypted(SECRET).start().await;
    works_like_any_other(&gateway.alice()).await;
}

#[tokio::test]
async fn encrypted_hands_out_parts_of_any_chunks() {
    let gateway = encrypted(SECRET).start().await;
    let alice = gateway.alice();
    let content = bytes(6, 3 * 65_536 + 17);
    alice.put("/x", content.clone()).await.is(201);
    assert!(alice.get("/x").await.is(200).body == content, "other bytes");
    let parts = [
        (0, 0),
        (65_535, 65_536),
        (65_536, 131_071),
        (1, 196_623),
        (196_608, 196_624),
        (196_624, 196_624),
    ];
    has_parts(&alice, "/x", &content, &parts).await;
    for size in [65_535, 65_536, 65_537, 131_072] {
        alice.put("/edge", content[..size].to_vec()).await;
        assert!(
            alice.get("/edge").await.is(200).body == content[..size],
            "{size}"
        );
        assert_eq!(
            alice.head("/edge").await.is(200).header("content-length"),
            size.to_string()
        );
    }
}

#[tokio::test]
async fn nothing_readable_is_in_the_folder_but_names() {
    let gateway = encrypted(SECRET).start().await;
    let alice = gateway.alice();
    for path in ["/one", "/two"] {
        alice.put(path, "attack at dawn, ".repeat(8)).await.is(201);
    }
    let one = fs::read(gateway.path("files/one"));
    let two = fs::read(gateway.path("files/two"));
    let one = one.expect("stored");
    let two = two.expect("stored");
    assert_eq!(one.len(), 27 + 128 + 16);
    assert!(
        !one.windows(6)
            .any(|window| window == b"attack" || window == b"dawn, ")
    );
    assert_ne!(one[27..], two[27..], "equal files look different");
}

/// Whatever somebody does to the file, a client never gets other bytes and never a whole answer.
#[tokio::test]
async fn what_was_tampered_with_never_is_a_complete_answer() {
    let gateway = encrypted(SECRET).start().await;
    let alice = gateway.alice();
    let content = bytes(8, 3 * 65_536 + 17);
    alice.put("/x", content.clone()).await.is(201);
    alice.put("/other", bytes(9, content.len())).await.is(201);
    let file = gateway.path("files/x");
    let whole = fs::read(&file).expect("stored");
    let other = fs::read(gateway.path("files/other")).expect("stored");
    let chunk = |number: usize| 27 + number * 65_552..(27 + (number + 1) * 65_552).min(whole.len());
    let flipped = |at: usize| {
        let mut bytes = whole.clone();
        bytes[at] ^= 1;
        bytes
    };
    let swapped = [
        &whole[..27],
        &whole[chunk(1)],
        &whole[chunk(0)],
        &whole[chunk(2)],
        &whole[chunk(3)],
    ]
    .concat();
    let foreign = [
        &whole[..chunk(1).start],
        &other[chunk(1)],
        &whole[chunk(1).end..],
    ]
    .concat();
    let doctored = [
        ("a bit of the first chunk", flipped(30)),
        ("a bit of the third chunk", flipped(chunk(2).start + 9)),
        ("the last bit", flipped(whole.len() - 1)),
        ("a bit of the header", flipped(20)),
        ("the magic", flipped(0)),
        ("two chunks swapped", swapped),
        ("a chunk of another file", foreign),
        ("the last chunk cut off", whole[..chunk(3).start].to_vec()),
        (
            "all but the first chunk cut off",
            whole[..chunk(0).end].to_vec(),
        ),
        (
            "cut in the middle of a chunk",
            whole[..chunk(2).start + 1000].to_vec(),
        ),
        (
            "another file altogether",
            b"plain text of some length, longer than a header and a tag".to_vec(),
        ),
        ("nothing left", Vec::new()),
    ];
    for (what, bytes) in doctored {
        fs::write(&file, bytes).expect("writable");
        match alice.get("/x").attempt().await {
            Err(_) => {}
            Ok(reply) => assert!(
                reply.status >= 400,
                "{what}: {} with {} bytes",
                reply.status,
                reply.body.len()
            ),
        }
        let mut raw = gateway.raw().await;
        raw.head("GET", "/v1/files/x", &["Connection: close"]).await;
        let mut answer = Vec::new();
        while let more = raw.read(1 << 20).await
            && !more.is_empty()
        {
            answer.extend(more);
        }
        let head = answer
            .windows(4)
            .position(|window| window == b"\r\n\r\n")
            .map_or(answer.len(), |at| at + 4);
        let (head, body) = answer.split_at(head);
        let whole_answer = body.len() == content.len();
        assert!(
            !head.starts_with(b"HTTP/1.1 2") || (content.starts_with(body) && !whole_answer),
            "{what}: wrong bytes"
        );
    }
    fs::write(&file, &whole).expect("writable");
    assert!(alice.get("/x").await.is(200).body == content, "other bytes");
}

/// The last chunk is where a file that was cut or extended differs from a whole one.
#[tokio::test]
async fn a_damaged_tail_is_never_a_complete_answer() {
    let gateway = encrypted(SECRET).start().await;
    let alice = gateway.alice();
    for size in [0, 1, 65_535, 65_536, 65_537, 131_072] {
        alice.put("/x", bytes(5, size)).await;
        alice.get("/x").await.is(200);
        let file = gateway.path("files/x");
        let mut stored = fs::read(&file).expect("stored");
        *stored.last_mut().expect("a tag") ^= 1;
        fs::write(&file, stored).expect("writable");
        if let Ok(reply) = alice.get("/x").attempt().await {
            assert!(reply.status >= 400, "{size}: {}", reply.status);
        }
    }
}

#[tokio::test]
async fn another_key_opens_nothing_and_says_so() {
    let gateway = encrypted(SECRET).start().await;
    gateway.alice().put("/x", "secret").await.is(201);
    let toml = fs::read_to_string(gateway.path("callfs.toml")).expect("readable");
    let other = toml.replace(SECRET, "another secret of enough characters");
    fs::write(gateway.path("callfs.toml"), other).expect("writable");
    let gateway = gateway.restart();
    let reply = gateway.alice().get("/x").await;
    assert!(reply.status >= 500, "{}", reply.text());
    assert!(reply.text().contains("another key"), "{}", reply.text());
    assert_eq!(
        gateway.alice().list("/", "").await.is(200).json()["items"][0]["size"],
        6
    );
}

#[tokio::test]
async fn files_that_were_not_encrypted_are_listed_and_not_opened() {
    let gateway = encrypted(SECRET).start().await;
    fs::write(gateway.path("files/plain"), "as it is").expect("writable");
    gateway.admin().put("/mine", "x").await.is(201);
    let listing = gateway.admin().list("/", "").await.is(200);
    assert_eq!(listing.entries("name"), ["mine", "plain"]);
    assert_eq!(listing.entries("type"), ["file", "special"]);
    let reply = gateway.admin().get("/plain").await;
    assert!(
        reply.status >= 400 && !reply.text().contains("as it is"),
        "{}",
        reply.text()
    );
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_old_file() {
    let gateway = encrypted(SECRET).start().await;
    let alice = gateway.alice();
    alice.put("/x", "old").await.is(201);
    let before = gateway.everything_in("files");
    let mut raw = gateway.raw().await;
    raw.head("PUT", "/v1/files/x", &["Content-Length: 10000000"])
        .await;
    raw.send(&bytes(1, 1 << 20)).await;
    eventually("the upload to arrive", async || {
        gateway.works_in("files").then_some(())
    })
    .await;
    drop(raw);
    eventually("the upload to be given up", async || {
        (!gateway.works_in("files")).then_some(())
    })
    .await;
    assert_eq!(gateway.everything_in("files"), before);
    assert_eq!(alice.get("/x").await.is(200).body, b"old");
}

#[tokio::test]
async fn directories_move_into_the_encrypted_mount_and_out_again() {
    let gateway = encrypted_at("/safe", SECRET)
        .mount(Mount::folder("/", "second"))
        .start()
        .await;
    let admin = gateway.admin();
    let content = bytes(3, 200_000);
    admin.put("/d/x", content.clone()).await.is(201);
    admin
        .patch("/d", &serde_json::json!({"destination": "/safe/d"}))
        .await
        .is(200);
    assert!(
        admin.get("/safe/d/x").await.is(200).body == content,
        "other bytes"
    );
    assert!(
        fs::read(gateway.path("files/d/x")).expect("stored") != content,
        "not encrypted"
    );
    admin
        .patch("/safe/d", &serde_json::json!({"destination": "/back"}))
        .await
        .is(200);
    assert!(
        fs::read(gateway.path("second/back/x")).expect("stored") == content,
        "other bytes"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hundred_mebibytes_stream_through_a_few_in_the_guest() {
    // Time of the processor is time by the clock where others keep it busy, and this is about
    // memory.
    let mut gateway = encrypted(SECRET)
        .limits(r#"cpu_time = "60s""#)
        .start()
        .await;
    let alice = gateway.alice();
    alice.put("/small", "x").await.is(201);
    alice.get("/small").await.is(200);
    let idle = gateway.process().peak_memory();
    let large = Generated::mebibytes(100);
    alice
        .put("/large", Body::wrap_stream(large.stream()))
        .await
        .is(201);
    let read = alice.get("/large").await.is(200);
    assert_eq!(
        (read.body.len() as u64, sha256_hex(&read.body)),
        (large.size(), large.sha256_hex())
    );
    let metrics = gateway.metrics().await;
    let guest = metrics.sum("callfs_plugin_memory_bytes_max", &[("plugin", "encrypted")]);
    assert!(
        guest > 0.0 && guest <= f64::from(8 << 20),
        "{guest} bytes of guest memory"
    );
    let through = metrics.sum(
        "callfs_plugin_bytes_total",
        &[("plugin", "encrypted"), ("carrier", "guest")],
    );
    assert!(
        through >= 2.0 * large.size() as f64,
        "{through} bytes through the guest"
    );
    let grown = gateway.process().peak_memory() - idle;
    assert!(grown <= 64 << 20, "grown by {} MiB", grown >> 20);
}

#[tokio::test]
async fn a_gateway_is_refused_whose_key_is_too_short() {
    let dir = encrypted("short").prepare();
    let mut command = command(dir.path());
    let mut process = Process::start(
        command
            .arg("serve")
            .arg("--config")
            .arg(dir.path().join("callfs.toml")),
    );
    assert_eq!(process.wait().code(), Some(78));
    let said = process.stderr();
    assert!(
        said.contains("config.key") && !said.contains("\"short\""),
        "{said}"
    );
}

#[test]
fn encrypted_keeps_what_it_promises() {
    let dir = encrypted(SECRET).prepare();
    succeeds(command(dir.path()).args([
        "plugin",
        "check",
        "--mount",
        "/",
        "--callfs-config",
        "callfs.toml",
    ]));
}

/// Everything but what its one instance cannot do: it forgets all when somebody leaves in the
/// middle of a call, and holds no file of more than 3 MiB.
#[test]
fn memory_keeps_what_it_promises() {
    let dir = memory(16 << 20).prepare();
    for only in [
        "-wrong-kind",
        "listing-",
        "names-",
        "rename-",
        "-condition",
        "write-",
        "etag",
        "replace",
        "race-",
        "stat-",
    ] {
        let checked = [
            "plugin",
            "check",
            "--mount",
            "/",
            "--callfs-config",
            "callfs.toml",
            "--only",
            only,
        ];
        succeeds(command(dir.path()).args(checked));
    }
}
