//! `webdav`: OpenDAL's service inside a component, in front of a real server that asks for a
//! password.

use std::fs;
use std::path::PathBuf;

use futures_util::StreamExt;
use reqwest::Body;
use serde_json::json;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use crate::harness::dav::{Dav, PASSWORD, USER};
use crate::harness::{
    Gateway, Generated, Mount, Setup, bytes, command, encode, eventually, succeeds,
};

/// A gateway in front of a server, and the folder that the server serves.
struct World {
    gateway: Gateway,
    dav: Option<Dav>,
    folder: TempDir,
}

impl World {
    /// `webdav` at `/dav` beside `localfs` at `/`; none if there is no server to be had.
    async fn start() -> Option<Self> {
        Self::limited("").await
    }

    /// The same within limits; everybody may write there.
    async fn limited(limits: &str) -> Option<Self> {
        let world = Self::start_with(PASSWORD, limits).await?;
        world
            .gateway
            .admin()
            .patch("/dav", &json!({ "mode": "1777" }))
            .await
            .is(200);
        Some(world)
    }

    async fn start_with(password: &str, limits: &str) -> Option<Self> {
        let folder = tempfile::Builder::new()
            .prefix("callfs-dav-")
            .tempdir()
            .expect("a temporary folder");
        let dav = Dav::serve(folder.path())?;
        let origin = dav.origin();
        let mount = Mount::new("/dav", "webdav")
            .with(&format!(
                r#"config = {{ endpoint = "{origin}", credential = "dav" }}"#
            ))
            .with(&format!(r#"grants.http = ["{origin}"]"#))
            .with(r#"grants.credentials = ["dav"]"#);
        let slot = format!(
            "[credentials.dav]\nkind = \"basic\"\nuser = \"{USER}\"\npassword = \"{password}\""
        );
        let setup = Setup::default()
            .mount(Mount::folder("/", "files"))
            .mount(mount)
            .limits(limits)
            .more(&slot);
        Some(Self {
            gateway: setup.start().await,
            dav: Some(dav),
            folder,
        })
    }

    fn path(&self, inside: &str) -> PathBuf {
        self.folder.path().join(inside)
    }

    /// Uploads in progress, and what is left of others.
    fn staged(&self) -> Vec<PathBuf> {
        let entries = fs::read_dir(self.path(".callfs-staging"))
            .into_iter()
            .flatten()
            .filter_map(Result::ok);
        entries.map(|entry| entry.path()).collect()
    }

    async fn carried(&self, direction: &str, carrier: &str) -> f64 {
        let labels = [
            ("plugin", "webdav"),
            ("direction", direction),
            ("carrier", carrier),
        ];
        self.gateway
            .metrics()
            .await
            .sum("callfs_plugin_bytes_total", &labels)
    }
}

#[tokio::test]
async fn files_are_written_read_replaced_and_removed() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    let put = alice.put("/dav/a.txt", "hello").await.is(201);
    let got = alice.get("/dav/a.txt").await.is(200);
    assert_eq!((got.text().as_str(), got.etag()), ("hello", put.etag()));
    assert_eq!(alice.head("/dav/a.txt").await.is(200).etag(), put.etag());
    assert_eq!(
        fs::read(world.path("a.txt")).expect("the server has it"),
        b"hello"
    );
    alice
        .get("/dav/a.txt")
        .header("if-none-match", &put.etag())
        .await
        .is(304);

    alice
        .put("/dav/a.txt", "other")
        .header("if-match", "\"another\"")
        .await
        .problem(412, "PRECONDITION_FAILED");
    let replaced = alice
        .put("/dav/a.txt", "replaced")
        .header("if-match", &put.etag())
        .await
        .is(200);
    assert_ne!(replaced.etag(), put.etag());
    alice
        .put("/dav/a.txt", "other")
        .header("if-none-match", "*")
        .await
        .problem(412, "PRECONDITION_FAILED");
    alice
        .post("/dav/a.txt", "other")
        .await
        .problem(409, "FILE_ALREADY_EXISTS");
    assert_eq!(alice.get("/dav/a.txt").await.is(200).text(), "replaced");

    alice.put("/dav/empty", "").await.is(201);
    assert!(alice.get("/dav/empty").await.is(200).body.is_empty());
    alice
        .put(
            "/dav/chunked",
            Body::wrap_stream(Generated::mebibytes(3).stream()),
        )
        .await
        .is(201);
    assert_eq!(
        fs::metadata(world.path("chunked")).expect("there").len(),
        3 << 20
    );

    alice.delete("/dav/a.txt").await.is(204);
    alice.get("/dav/a.txt").await.problem(404, "FILE_NOT_FOUND");
    alice
        .delete("/dav/a.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    assert!(!world.path("a.txt").exists());
    assert_eq!(world.staged(), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn parts_of_files_are_read() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    let content = bytes(1, 1_000_000);
    alice.put("/dav/a", content.clone()).await.is(201);
    let parts = [
        ("bytes=0-9", 0..10),
        ("bytes=500000-", 500_000..1_000_000),
        ("bytes=-7", 999_993..1_000_000),
    ];
    for (range, expected) in parts {
        let part = alice.get("/dav/a").header("range", range).await.is(206);
        assert!(part.body == content[expected], "{range}");
    }
    let beyond = alice.get("/dav/a").header("range", "bytes=1000000-").await;
    beyond.problem(416, "RANGE_NOT_SATISFIABLE");
    assert_eq!(beyond.header("content-range"), "bytes */1000000");
    let several = alice
        .get("/dav/a")
        .header("range", "bytes=0-1,999998-999999")
        .await
        .is(206);
    assert!(
        several
            .header("content-type")
            .starts_with("multipart/byteranges")
    );
}

#[tokio::test]
async fn directories_are_made_listed_moved_and_removed() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    alice.make("/dav/docs").await.is(201);
    alice.make("/dav/docs").await.is(200);
    alice.put("/dav/docs/deep/er/a", "1").await.is(201);
    alice.put("/dav/docs/b", "2").await.is(201);
    assert_eq!(
        alice
            .list("/dav/docs", "recursive=true")
            .await
            .is(200)
            .entries("path")
            .len(),
        4
    );
    alice.put("/dav/docs/b/c", "3").await.is(400);
    alice.put("/dav/docs", "3").await.is(409);
    alice
        .delete("/dav/docs")
        .await
        .problem(409, "DIRECTORY_NOT_EMPTY");

    alice
        .patch("/dav/docs", &json!({ "destination": "/dav/moved" }))
        .await
        .is(200);
    alice.get("/dav/docs").await.problem(404, "FILE_NOT_FOUND");
    assert_eq!(alice.get("/dav/moved/deep/er/a").await.is(200).text(), "1");
    alice.put("/dav/in-the-way/x", "4").await.is(201);
    let refused = alice
        .patch(
            "/dav/moved",
            &json!({ "destination": "/dav/in-the-way", "overwrite": true }),
        )
        .await;
    assert!(refused.status >= 400, "{}", refused.status);
    assert_eq!(alice.get("/dav/in-the-way/x").await.is(200).text(), "4");

    alice
        .call("DELETE", "/v1/files/dav/moved?recursive=true")
        .await
        .is(204);
    assert!(!world.path("moved").exists());
    assert_eq!(
        alice.list("/dav", "").await.is(200).entries("name"),
        ["in-the-way"]
    );
}

#[tokio::test]
async fn files_are_copied_and_moved_here_and_to_other_mounts() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    alice.put("/dav/a", "1").await.is(201);
    alice.copy("POST", "/dav/a", "/dav/b").await.is(201);
    alice.copy("PUT", "/dav/a", "/dav/b").await.is(200);
    alice.copy("POST", "/dav/a", "/local").await.is(201);
    alice
        .copy("POST", "/local", "/dav/from-local")
        .await
        .is(201);
    alice.patch("/dav/a", &json!({ "name": "c" })).await.is(200);
    alice
        .patch(
            "/local",
            &json!({ "destination": "/dav/c", "overwrite": true }),
        )
        .await
        .is(200);
    assert_eq!(
        alice.list("/dav", "").await.is(200).entries("name"),
        ["b", "c", "from-local"]
    );
    for path in ["/dav/b", "/dav/c", "/dav/from-local"] {
        assert_eq!(alice.get(path).await.is(200).text(), "1", "{path}");
    }
    alice.get("/local").await.problem(404, "FILE_NOT_FOUND");
    assert!(world.staged().is_empty());
}

#[tokio::test]
async fn any_name_is_a_name() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    let mut names = [
        "a b", "100%", "a%41", "a+b", "a&b;c=d", "a#b?", "it's", "<b>\"q\"", "ä", "日本", " a ",
        ".hidden", "a:b",
    ];
    names.sort_unstable();
    for name in names {
        let path = format!("/dav/{name}");
        alice.put(&path, name).await.is(201);
        assert_eq!(alice.get(&path).await.is(200).text(), name);
        assert_eq!(
            fs::read_to_string(world.path(name)).expect("under the same name"),
            name
        );
        let inside = format!("/dav/{name} folder/{name}");
        let moved = format!("/dav/{name} moved");
        alice.put(&inside, name).await.is(201);
        alice
            .patch(
                &format!("/dav/{name} folder"),
                &json!({ "destination": moved }),
            )
            .await
            .is(200);
        assert_eq!(
            alice.get(&format!("{moved}/{name}")).await.is(200).text(),
            name
        );
        alice
            .call(
                "DELETE",
                &format!("/v1/files{}?recursive=true", encode(&moved)),
            )
            .await
            .is(204);
    }
    assert_eq!(alice.list("/dav", "").await.is(200).entries("name"), names);
    alice
        .put("/dav/.callfs-staging/a", "mine")
        .await
        .problem(400, "BAD_REQUEST");
}

#[tokio::test]
async fn pages_of_a_directory_are_in_order_and_complete() {
    let Some(world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    let mut names: Vec<String> = (0..250)
        .map(|number| format!("file {number}.txt"))
        .collect();
    names.sort_unstable();
    for name in &names {
        fs::write(world.path(name), name).expect("writable");
    }
    let mut found = Vec::new();
    let mut query = "limit=70".to_owned();
    loop {
        let page = alice.list("/dav", &query).await.is(200);
        let entries = page.entries("name");
        assert!(entries.len() <= 70);
        found.extend(entries);
        match page.json()["next"].as_str() {
            Some(next) => query = format!("limit=70&after={}", encode(next)),
            None => break,
        }
    }
    assert_eq!(found, names);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_large_file_passes_beside_the_component() {
    let Some(world) = World::limited(r#"memory = "8MiB""#).await else {
        return;
    };
    let alice = world.gateway.alice();
    let large = Generated::mebibytes(200);
    for announced in [true, false] {
        let read = world.carried("read", "native").await;
        let written = world.carried("write", "native").await;
        let call = alice.put("/dav/large", Body::wrap_stream(large.stream()));
        let call = if announced {
            call.header("content-length", &large.size().to_string())
        } else {
            call
        };
        let put = call.await;
        assert!(put.status < 300, "{}", put.text());
        let response = alice.get("/dav/large").streamed().await;
        assert_eq!(
            response.headers()["content-length"],
            large.size().to_string()
        );
        let mut stream = response.bytes_stream();
        let mut hasher = Sha256::new();
        while let Some(piece) = stream.next().await {
            hasher.update(piece.expect("the download is not cut"));
        }
        assert_eq!(hex::encode(hasher.finalize()), large.sha256_hex());
        assert!(world.carried("read", "native").await - read >= large.size() as f64);
        assert!(world.carried("write", "native").await - written >= large.size() as f64);
    }
    let guest = world.carried("read", "guest").await + world.carried("write", "guest").await;
    assert!(guest < 1e6, "{guest} bytes went through the component");
    assert!(world.staged().is_empty());
}

#[tokio::test]
async fn an_upload_that_breaks_off_leaves_the_old_content() {
    // One instance, because each clears away what itself has left.
    let Some(world) = World::limited("instances = 1").await else {
        return;
    };
    let alice = world.gateway.alice();
    let etag = alice.put("/dav/kept", "old").await.is(201).etag();
    for (framing, path) in [
        ("Content-Length: 5000000", "kept"),
        ("Transfer-Encoding: chunked", "new"),
    ] {
        let mut raw = world.gateway.raw().await;
        raw.head("PUT", &format!("/v1/files/dav/{path}"), &[framing])
            .await;
        let body = bytes(2, 1 << 20);
        if framing.starts_with("Content") {
            raw.send(&body).await
        } else {
            raw.chunk(&body).await
        }
        let arrived = || {
            world
                .staged()
                .iter()
                .any(|path| fs::metadata(path).is_ok_and(|file| file.len() > 0))
        };
        eventually("some of it to arrive at the server", async || {
            arrived().then_some(())
        })
        .await;
        assert_eq!(fs::read(world.path("kept")).expect("there"), b"old");
        drop(raw);
        // The server may finish what broke off after it was told to remove it.
        let swept = async || {
            alice.put("/dav/other", "small").await;
            world.staged().is_empty().then_some(())
        };
        eventually("the rest to vanish", swept).await;
    }
    let kept = alice.get("/dav/kept").await.is(200);
    assert_eq!((kept.text().as_str(), kept.etag()), ("old", etag));
    alice.head("/dav/new").await.is(404);
    alice
        .put("/dav/kept", "wrong")
        .header(
            "content-digest",
            &format!("sha-256=:{}:", "A".repeat(43) + "="),
        )
        .await
        .is(400);
    assert_eq!(alice.get("/dav/kept").await.is(200).text(), "old");
    assert!(world.staged().is_empty());
}

#[tokio::test]
async fn a_server_that_dies_is_unavailable_and_back_again() {
    let Some(mut world) = World::start().await else {
        return;
    };
    let alice = world.gateway.alice();
    alice.put("/dav/kept", "old").await.is(201);
    alice
        .put(
            "/dav/large",
            Body::wrap_stream(Generated::mebibytes(64).stream()),
        )
        .await
        .is(201);

    // In the middle of a download: it is cut, and does not look complete.
    let mut download = alice.get("/dav/large").streamed().await.bytes_stream();
    download
        .next()
        .await
        .expect("a piece")
        .expect("of the file");
    // And of an upload.
    let mut raw = world.gateway.raw().await;
    raw.head("PUT", "/v1/files/dav/kept", &["Content-Length: 5000000"])
        .await;
    raw.send(&bytes(3, 1 << 20)).await;
    eventually("some of it to arrive", async || {
        (!world.staged().is_empty()).then_some(())
    })
    .await;
    let mut dav = world.dav.take().expect("it runs");
    dav.kill();
    let mut rest = 0;
    let cut = loop {
        match download.next().await {
            Some(Ok(piece)) => rest += piece.len(),
            end => break end,
        }
    };
    assert!(
        matches!(cut, Some(Err(_))),
        "the download ended well after {rest} more bytes"
    );
    let _ = raw.attempt(&bytes(3, 4_000_000)).await;
    raw.answer().await.detail(503, "BACKEND_UNAVAILABLE");

    let folder = world.folder.path().to_owned();
    let _dav = dav
        .without(&folder, async || {
            alice
                .get("/dav/kept")
                .await
                .problem(503, "BACKEND_UNAVAILABLE");
            alice
                .put("/dav/kept", "new")
                .await
                .problem(503, "BACKEND_UNAVAILABLE");
            alice
                .list("/dav", "")
                .await
                .problem(503, "BACKEND_UNAVAILABLE");
        })
        .await;
    assert_eq!(alice.get("/dav/kept").await.is(200).text(), "old");
    alice.put("/dav/kept", "new").await.is(200);
    assert_eq!(alice.get("/dav/kept").await.is(200).text(), "new");
}

#[tokio::test]
async fn a_wrong_password_is_refused_and_told_to_nobody() {
    let Some(world) = World::start_with("another-password", "").await else {
        return;
    };
    let alice = world.gateway.alice();
    fs::write(world.path("a"), "secret").expect("writable");
    for reply in [
        alice.get("/dav/a").await,
        alice.put("/dav/b", "x").await,
        alice.list("/dav", "").await,
    ] {
        assert!(reply.status >= 400, "{}", reply.status);
        let said = reply.text();
        assert!(
            !said.contains("another-password") && !said.contains("secret"),
            "{said}"
        );
    }
    assert!(!world.gateway.log().contains("another-password"));
}

/// Any other service is a few lines as well: those that the SDK shows are those of a component that
/// is compiled.
#[test]
fn the_lines_in_the_documentation_make_a_component() {
    let documentation = include_str!("../../sdk/src/opendal.rs");
    let shown = documentation
        .split("//! ```")
        .nth(1)
        .expect("an example")
        .lines()
        .skip(1);
    let shown: Vec<&str> = shown
        .map(|line| line.trim_start_matches("//!").trim_start_matches(' '))
        .collect();
    let compiled = include_str!("../components/swift/src/lib.rs");
    let compiled: Vec<&str> = compiled.lines().skip(2).map(str::trim_start).collect();
    assert_eq!(shown, compiled);

    let world = Setup::default()
        .plugin("swift", callfs_test_components::SWIFT)
        .prepare();
    let component = world.path().join("plugins/swift.wasm");
    let mut inspect = command(world.path());
    let said = succeeds(inspect.args(["plugin", "inspect"]).arg(component)).stdout;
    let said = String::from_utf8_lossy(&said);
    for expected in [
        "serves a container of OpenStack Swift",
        "storage-write",
        "storage-copy",
        "implicit-directories",
    ] {
        assert!(said.contains(expected), "{said}");
    }
}
