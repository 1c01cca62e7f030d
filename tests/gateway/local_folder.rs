//! A folder that other tools use, too.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::process::Command;
use std::time::Duration;

use serde_json::json;
use tokio::time::timeout;

use crate::harness::{DEADLINE, Gateway, Setup};

fn cp(from: &std::path::Path, to: &std::path::Path) {
    assert!(
        Command::new("cp")
            .arg(from)
            .arg(to)
            .status()
            .expect("cp")
            .success()
    );
}

#[tokio::test]
async fn what_cp_puts_there_is_listed_served_renamed_and_replaced() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let admin = gateway.admin();
    fs::write(gateway.path("outside.txt"), "by cp").expect("writable");
    fs::create_dir_all(gateway.path("files/folder/deep")).expect("writable");
    cp(
        &gateway.path("outside.txt"),
        &gateway.path("files/folder/deep/a.txt"),
    );
    fs::set_permissions(
        gateway.path("files/folder/deep/a.txt"),
        fs::Permissions::from_mode(0o644),
    )
    .expect("mode");

    let listed = alice
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    assert_eq!(listed, ["/folder", "/folder/deep", "/folder/deep/a.txt"]);
    let got = alice.get("/folder/deep/a.txt").await.is(200);
    assert_eq!(got.body, b"by cp");
    assert_eq!(
        (got.header("x-callfs-owner"), got.header("content-type")),
        ("root", "text/plain; charset=utf-8")
    );
    let first = got.etag();

    // It belongs to root, and alice is a user like any other.
    alice
        .put("/folder/deep/a.txt", "x")
        .await
        .problem(403, "PERMISSION_DENIED");
    admin.put("/folder/deep/a.txt", "replaced").await.is(200);
    let got = alice.get("/folder/deep/a.txt").await.is(200);
    assert_eq!(got.body, b"replaced");
    assert_ne!(got.etag(), first);
    admin
        .patch("/folder/deep", &json!({"destination": "/deep"}))
        .await
        .is(200);
    assert_eq!(
        fs::read(gateway.path("files/deep/a.txt")).expect("moved"),
        b"replaced"
    );
    admin.delete("/deep/a.txt").await.is(204);
    admin.delete("/deep").await.is(204);
    assert_eq!(gateway.everything_in("files"), ["folder"]);
}

#[tokio::test]
async fn what_other_tools_change_under_the_gateway_is_seen_at_once() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let first = alice
        .put("/a.txt", "by alice")
        .header("content-type", "text/x-alice")
        .await
        .is(201)
        .etag();
    fs::write(gateway.path("replacement"), "by somebody").expect("writable");
    fs::rename(gateway.path("replacement"), gateway.path("files/a.txt")).expect("renamed");
    let got = alice.get("/a.txt").await.is(200);
    assert_eq!(
        (got.body.as_slice(), got.header("content-length")),
        (b"by somebody".as_slice(), "11")
    );
    assert_ne!(got.etag(), first);
    alice.get("/a.txt").header("if-match", &first).await.is(412);
    fs::remove_file(gateway.path("files/a.txt")).expect("removed");
    alice.get("/a.txt").await.problem(404, "FILE_NOT_FOUND");
    assert_eq!(
        alice.get("/").await.is(200).entries("name"),
        [] as [&str; 0]
    );
}

#[tokio::test]
async fn the_mode_on_disk_counts_for_what_nobody_uploaded() {
    let gateway = Gateway::start().await;
    fs::write(gateway.path("files/private.txt"), "x").expect("writable");
    fs::set_permissions(
        gateway.path("files/private.txt"),
        fs::Permissions::from_mode(0o600),
    )
    .expect("mode");
    gateway
        .alice()
        .get("/private.txt")
        .await
        .problem(403, "PERMISSION_DENIED");
    assert!(
        gateway
            .admin()
            .head("/private.txt")
            .await
            .is(200)
            .header("x-callfs-mode")
            .ends_with("600")
    );
}

#[tokio::test]
async fn a_link_that_leaves_the_folder_leads_nowhere() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    fs::create_dir(gateway.path("outside")).expect("a folder");
    fs::write(gateway.path("outside/secret.txt"), "secret").expect("writable");
    symlink(
        gateway.path("outside/secret.txt"),
        gateway.path("files/absolute"),
    )
    .expect("a link");
    symlink("../outside/secret.txt", gateway.path("files/relative")).expect("a link");
    symlink("../outside", gateway.path("files/folder")).expect("a link");
    symlink("..", gateway.path("files/up")).expect("a link");
    symlink("/proc/self/environ", gateway.path("files/proc")).expect("a link");
    symlink("loop", gateway.path("files/loop")).expect("a link");
    symlink("nowhere", gateway.path("files/dangling")).expect("a link");

    let before = gateway.everything_in("outside");
    for path in [
        "/absolute",
        "/relative",
        "/proc",
        "/loop",
        "/dangling",
        "/folder/secret.txt",
        "/up/outside/secret.txt",
        "/up/callfs.toml",
    ] {
        let reply = admin.get(path).await;
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
        assert!(
            !reply.text().contains("secret\n") && reply.text() != "secret",
            "{path}"
        );
    }
    for path in ["/folder", "/up"] {
        let listing = admin.list(path, "recursive=true").await;
        assert!(
            !listing.text().contains("secret.txt") && !listing.text().contains("callfs.toml"),
            "{}",
            listing.text()
        );
    }
    let everything = admin.list("/", "recursive=true").await.is(200);
    assert!(
        !everything.text().contains("secret.txt"),
        "{}",
        everything.text()
    );
    for path in ["/folder/new.txt", "/up/outside/new.txt", "/up/new.txt"] {
        let reply = admin.put(path, "x").await;
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
    }
    for path in ["/folder/secret.txt", "/up/outside/secret.txt"] {
        let reply = admin.delete(path).await;
        assert!(
            (400..500).contains(&reply.status),
            "{path}: {} {}",
            reply.status,
            reply.text()
        );
    }
    admin.delete("/folder").await;
    assert_eq!(gateway.everything_in("outside"), before);
    assert_eq!(
        fs::read(gateway.path("outside/secret.txt")).expect("still there"),
        b"secret"
    );
}

#[tokio::test]
async fn replacing_a_link_that_leaves_the_folder_does_not_write_through_it() {
    let gateway = Gateway::start().await;
    fs::write(gateway.path("outside.txt"), "outside").expect("writable");
    symlink("../outside.txt", gateway.path("files/a")).expect("a link");
    gateway.admin().put("/a", "inside").await;
    assert_eq!(
        fs::read(gateway.path("outside.txt")).expect("still there"),
        b"outside"
    );
}

#[tokio::test]
async fn a_link_that_stays_inside_is_followed_and_walked_only_once() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    admin.put("/real/a.txt", "content").await.is(201);
    symlink("real/a.txt", gateway.path("files/file")).expect("a link");
    symlink("real", gateway.path("files/folder")).expect("a link");
    symlink("..", gateway.path("files/real/up")).expect("a link");
    assert_eq!(admin.get("/file").await.is(200).body, b"content");
    assert_eq!(admin.get("/folder/a.txt").await.is(200).body, b"content");
    let listed = admin
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    assert_eq!(
        listed.iter().filter(|path| path.ends_with("a.txt")).count(),
        1,
        "{listed:?}"
    );
}

#[tokio::test]
async fn pipes_sockets_and_devices_neither_hang_nor_open() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    let fifo = gateway.path("files/fifo");
    assert!(
        Command::new("mkfifo")
            .arg(&fifo)
            .status()
            .expect("mkfifo")
            .success()
    );
    let _socket = UnixListener::bind(gateway.path("files/socket")).expect("a socket");
    // Only root may make a device; everybody else has nothing to fear of one.
    let device = Command::new("mknod")
        .arg(gateway.path("files/device"))
        .args(["c", "1", "5"])
        .output()
        .expect("mknod");
    let mut names = vec!["fifo", "socket"];
    if device.status.success() {
        names.push("device");
    }
    for name in &names {
        let path = format!("/{name}");
        let get = timeout(DEADLINE / 4, admin.get(&path).into_future())
            .await
            .expect("no hang");
        assert!(
            (400..500).contains(&get.status),
            "{name}: {} {}",
            get.status,
            get.text()
        );
        let head = timeout(DEADLINE / 4, admin.head(&path).into_future())
            .await
            .expect("no hang");
        assert!(head.status < 500, "{name}: {}", head.status);
        let below = timeout(
            DEADLINE / 4,
            admin.put(&format!("{path}/a"), "x").into_future(),
        )
        .await
        .expect("no hang");
        assert!(
            (400..500).contains(&below.status),
            "{name}: {} {}",
            below.status,
            below.text()
        );
    }
    let listed = timeout(Duration::from_secs(15), admin.get("/").into_future())
        .await
        .expect("no hang")
        .is(200);
    let mut listed = listed.entries("name");
    listed.retain(|name| names.contains(&name.as_str()));
    names.sort_unstable();
    assert_eq!(listed, names, "listed, and never opened");
}

#[tokio::test]
async fn a_name_that_is_not_utf8_harms_nothing() {
    use std::os::unix::ffi::OsStrExt;
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    let odd = std::ffi::OsStr::from_bytes(b"odd-\xff");
    fs::write(gateway.path("files").join(odd), "x").expect("writable");
    fs::write(gateway.path("files/even"), "x").expect("writable");
    assert!(
        admin
            .get("/")
            .await
            .is(200)
            .entries("name")
            .contains(&"even".to_owned())
    );
    admin.get("/even").await.is(200);
}

#[tokio::test]
async fn a_directory_that_holds_only_names_that_are_not_served_says_so() {
    use std::os::unix::ffi::OsStrExt;
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    for (directory, name) in [
        ("undecodable", b"odd-\xff".as_slice()),
        ("control", b"a\nb"),
        ("served-by-itself", b".callfs-staging"),
    ] {
        let folder = gateway.path("files").join(directory);
        fs::create_dir(&folder).expect("writable");
        fs::write(folder.join(std::ffi::OsStr::from_bytes(name)), "x").expect("writable");
        for query in ["", "?recursive=true"] {
            let problem = admin
                .call("DELETE", &format!("/v1/files/{directory}{query}"))
                .await
                .problem(409, "DIRECTORY_NOT_EMPTY");
            let detail = problem["detail"].as_str().unwrap_or_default();
            assert!(
                detail.contains("names that are not served"),
                "{directory}{query}: {detail}"
            );
        }
        assert!(folder.is_dir());
    }
}

#[tokio::test]
async fn temporary_files_of_a_dead_gateway_are_swept_and_never_listed() {
    let mut gateway = Gateway::start().await;
    let mut upload = gateway.raw().await;
    upload
        .head("PUT", "/v1/files/docs/a.txt", &["Content-Length: 1000000"])
        .await;
    upload.send(&[b'x'; 100_000]).await;
    crate::harness::eventually("the upload to begin", async || {
        gateway.works_in("files").then_some(())
    })
    .await;
    let listed = gateway
        .admin()
        .list("/", "recursive=true")
        .await
        .is(200)
        .entries("path");
    assert!(listed.iter().all(|path| path == "/docs"), "{listed:?}");
    gateway.kill();
    let gateway = gateway.restart();
    crate::harness::eventually("the sweep", async || {
        gateway
            .everything_in("files")
            .iter()
            .all(|name| name == "docs")
            .then_some(())
    })
    .await;
    assert!(gateway.admin().get("/docs/a.txt").await.status == 404);
}

#[tokio::test]
async fn the_directory_for_uploads_is_out_of_reach() {
    let gateway = Gateway::start().await;
    let admin = gateway.admin();
    assert!(gateway.path("files/.callfs-staging").is_dir());
    assert_eq!(
        admin.get("/").await.is(200).entries("name"),
        [] as [&str; 0]
    );
    // Wherever it is: a granted folder may lie within another one.
    for path in [
        "/.callfs-staging",
        "/.callfs-staging/lock",
        "/.callfs-staging/new.txt",
        "/docs/.callfs-staging",
    ] {
        for reply in [
            admin.get(path).await,
            admin.put(path, "x").await,
            admin.delete(path).await,
        ] {
            assert!(
                (400..500).contains(&reply.status),
                "{path}: {} {}",
                reply.status,
                reply.text()
            );
        }
    }
    admin
        .put("/docs/.callfs-staging.txt", "a name like any other")
        .await
        .is(201);
}

#[tokio::test]
async fn a_read_only_grant_is_read_only() {
    let mount = crate::harness::Mount::new("/", "localfs").with(
        r#"grants.directories = [ { host = "$DIR/files", guest = "/", access = "read-only" } ]"#,
    );
    let dir = Setup::default().mount(mount).prepare();
    fs::write(dir.path().join("files/a.txt"), "content").expect("writable");
    let gateway = Gateway::start_in(dir, &[]);
    let admin = gateway.admin();
    assert_eq!(admin.get("/a.txt").await.is(200).body, b"content");
    for reply in [
        admin.put("/a.txt", "x").await,
        admin.put("/new.txt", "x").await,
        admin.make("/new").await,
        admin.delete("/a.txt").await,
        admin.patch("/a.txt", &json!({"name": "b.txt"})).await,
    ] {
        assert!(
            (400..500).contains(&reply.status),
            "{} {}",
            reply.status,
            reply.text()
        );
    }
    assert_eq!(gateway.everything_in("files"), ["a.txt"]);
}

#[tokio::test]
async fn a_mode_is_the_same_on_disk_so_losing_the_records_publishes_nothing() {
    let mut gateway = Gateway::start().await;
    let alice = gateway.alice();
    alice.make("/d").await.is(201);
    for path in ["/d/patched", "/d/replaced", "/d/moved"] {
        alice.put(path, "secret").await.is(201);
        alice.patch(path, &json!({"mode": "0600"})).await.is(200);
    }
    alice.put("/d/replaced", "another secret").await.is(200);
    alice
        .patch("/d/moved", &json!({"name": "renamed"}))
        .await
        .is(200);
    alice.make("/closed").await.is(201);
    alice.put("/closed/inside", "secret").await.is(201);
    alice
        .patch("/closed", &json!({"mode": "0700"}))
        .await
        .is(200);
    // A copy by the storage has the mode of its source at first.
    alice.put("/open", "another secret").await.is(201);
    alice.copy("PUT", "/open", "/d/patched").await.is(200);
    let private = ["/d/patched", "/d/replaced", "/d/renamed", "/closed/inside"];
    for (path, mode) in [
        ("d/patched", 0o600),
        ("d/replaced", 0o600),
        ("closed", 0o700),
    ] {
        let held = fs::metadata(gateway.path("files").join(path)).expect("there");
        assert_eq!(held.permissions().mode() & 0o7777, mode, "{path}");
    }
    gateway.stop();
    for file in fs::read_dir(gateway.path("")).expect("a folder") {
        let file = file.expect("an entry").path();
        if file.to_string_lossy().contains("metadata.db") {
            fs::remove_file(file).expect("removed");
        }
    }
    let gateway = gateway.restart();
    for path in private {
        gateway.bob().get(path).await.is(403);
        gateway.admin().get(path).await.is(200);
    }
}
