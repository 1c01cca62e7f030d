//! Other programs use the served folder, too. What they put in the place of something is theirs,
//! and what they change in place stays whose it was.

use std::fs::{self, File, FileTimes, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

use serde_json::json;

use crate::harness::{Client, Gateway};

fn chmod(gateway: &Gateway, at: &str, mode: u32) {
    let permissions = fs::Permissions::from_mode(mode);
    fs::set_permissions(gateway.path(at), permissions).expect("set");
}

/// Makes a file elsewhere and moves it into the served folder.
fn plant(gateway: &Gateway, at: &str, bits: u32) {
    fs::write(gateway.path("planted"), "foreign").expect("written");
    chmod(gateway, "planted", bits);
    let to = gateway.path(&format!("files/{at}"));
    fs::rename(gateway.path("planted"), to).expect("moved");
}

async fn owner(who: &Client, at: &str) -> String {
    let head = who.head(at).await.is(200);
    head.header("x-callfs-owner").to_owned()
}

#[tokio::test]
async fn a_file_that_another_program_puts_in_the_place_of_one_is_not_its_owners() {
    let gateway = Gateway::start().await;
    let (alice, bob, admin) = (gateway.alice(), gateway.bob(), gateway.admin());
    for way in ["removed and made", "removed, asked for and made", "renamed"] {
        alice.put("/inbox", "hers").await.is(201);
        match way {
            "renamed" => plant(&gateway, "inbox", 0o600),
            _ => {
                fs::remove_file(gateway.path("files/inbox")).expect("removed");
                if way != "removed and made" {
                    alice.get("/inbox").await.problem(404, "FILE_NOT_FOUND");
                }
                // Very likely with the inode that has just become free.
                fs::write(gateway.path("files/inbox"), "foreign").expect("written");
                chmod(&gateway, "files/inbox", 0o600);
            }
        }
        for who in [&alice, &bob] {
            who.get("/inbox").await.problem(403, "PERMISSION_DENIED");
            who.put("/inbox", "x")
                .await
                .problem(403, "PERMISSION_DENIED");
            let opened = who.patch("/inbox", &json!({"mode": "0666"})).await;
            opened.problem(403, "PERMISSION_DENIED");
        }
        chmod(&gateway, "files/inbox", 0o644);
        assert_eq!(bob.get("/inbox").await.is(200).body, b"foreign", "{way}");
        assert_eq!(owner(&bob, "/inbox").await, "root", "{way}");
        admin.delete("/inbox").await.is(204);
    }
}

#[tokio::test]
async fn a_directory_that_another_program_puts_in_the_place_of_one_is_closed_as_on_disk() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    for way in ["removed and made", "renamed"] {
        alice.put("/dir/in/hers", "hers").await.is(201);
        fs::remove_dir_all(gateway.path("files/dir")).expect("removed");
        let made = match way {
            "renamed" => "elsewhere",
            _ => "files/dir",
        };
        fs::create_dir_all(gateway.path(&format!("{made}/in"))).expect("made");
        fs::write(gateway.path(&format!("{made}/in/a")), "foreign").expect("written");
        chmod(&gateway, made, 0o700);
        if way == "renamed" {
            fs::rename(gateway.path(made), gateway.path("files/dir")).expect("moved");
        }
        for who in [&alice, &bob] {
            for at in ["/dir/in/a", "/dir/in/hers", "/dir/none", "/dir/in/none"] {
                who.get(at).await.problem(403, "PERMISSION_DENIED");
                who.put(at, "x").await.problem(403, "PERMISSION_DENIED");
                who.delete(at).await.problem(403, "PERMISSION_DENIED");
            }
            who.list("/dir", "").await.problem(403, "PERMISSION_DENIED");
            who.list("/dir/in", "")
                .await
                .problem(403, "PERMISSION_DENIED");
            let all = who.list("/", "recursive=true").await.is(200);
            assert!(!all.text().contains("/dir/in"), "{}", all.text());
            let moved = who.patch("/dir", &json!({"name": "mine"})).await;
            moved.problem(403, "PERMISSION_DENIED");
        }
        assert_eq!(
            gateway.admin().get("/dir/in/a").await.is(200).body,
            b"foreign"
        );
        let all = "/v1/files/dir?recursive=true";
        gateway.admin().call("DELETE", all).await.is(204);
    }
}

/// What is recorded of a directory says nothing of another one, whatever of its objects are there.
#[tokio::test]
async fn a_directory_that_takes_recorded_objects_in_is_closed_as_on_disk() {
    let gateway = Gateway::start().await;
    let (alice, bob, admin) = (gateway.alice(), gateway.bob(), gateway.admin());
    // Which directory is replaced, and what moves from the old one into the new one.
    for (replaced, kept) in [("top", "mid"), ("top/mid", "low"), ("top/mid/low", "file")] {
        alice.put("/top/mid/low/file", "hers").await.is(201);
        assert_eq!(bob.get("/top/mid/low/file").await.is(200).body, b"hers");
        let at = |name: &str| gateway.path(&format!("files/{name}"));
        fs::rename(at(replaced), gateway.path("old")).expect("moved");
        fs::create_dir(at(replaced)).expect("made");
        chmod(&gateway, &format!("files/{replaced}"), 0o700);
        let moved = at(replaced).join(kept);
        fs::rename(gateway.path("old").join(kept), moved).expect("moved");
        for who in [&alice, &bob] {
            let file = "/top/mid/low/file";
            who.get(file).await.problem(403, "PERMISSION_DENIED");
            assert_eq!(who.head(file).await.status, 403, "{replaced}");
            let part = who.get(file).header("range", "bytes=0-0").await;
            part.problem(403, "PERMISSION_DENIED");
            who.put(file, "x").await.problem(403, "PERMISSION_DENIED");
            who.delete(file).await.problem(403, "PERMISSION_DENIED");
            let listed = who.list("/top/mid/low", "").await;
            listed.problem(403, "PERMISSION_DENIED");
            let all = who.list("/", "recursive=true").await.is(200);
            assert!(!all.text().contains("low/file"), "{}", all.text());
            let copied = who.copy("POST", file, "/copy").await;
            copied.problem(403, "PERMISSION_DENIED");
            let change = json!({"name": "mine"});
            who.patch(file, &change)
                .await
                .problem(403, "PERMISSION_DENIED");
        }
        assert_eq!(admin.get("/top/mid/low/file").await.is(200).body, b"hers");
        fs::remove_dir(gateway.path("old")).expect("empty");
        let all = "/v1/files/top?recursive=true";
        admin.call("DELETE", all).await.is(204);
    }
}

#[tokio::test]
async fn a_listing_enters_no_directory_that_was_closed_meanwhile() {
    const MANY: usize = 30_000;
    let gateway = Gateway::start().await;
    gateway.alice().put("/s/zz/old", "x").await.is(201);
    fs::create_dir(gateway.path("files/s/aa")).expect("made");
    for number in 0..MANY {
        let name = format!("files/s/aa/{number:06}");
        File::create_new(gateway.path(&name)).expect("made");
    }
    let mut reader = gateway.raw().await;
    let fields = ["Accept: application/x-ndjson", "Connection: close"];
    let target = "/v1/directories/s?recursive=true&limit=0";
    reader.head("GET", target, &fields).await;
    assert_eq!(reader.answer_head().await.status, 200);
    // It is in the large directory now: what sockets hold are some thousand lines.
    fs::rename(gateway.path("files/s/zz"), gateway.path("old")).expect("moved");
    fs::create_dir(gateway.path("closed")).expect("made");
    fs::write(gateway.path("closed/SECRET"), "x").expect("written");
    chmod(&gateway, "closed", 0o700);
    fs::rename(gateway.path("closed"), gateway.path("files/s/zz")).expect("moved");
    let mut listed = Vec::new();
    loop {
        let more = reader.read(64 << 10).await;
        if more.is_empty() {
            break;
        }
        listed.extend(more);
    }
    let listed = String::from_utf8_lossy(&listed);
    assert!(listed.contains(&format!("{:06}", MANY - 1)), "it broke off");
    assert!(!listed.contains("SECRET"), "it was shown what is closed");
}

#[tokio::test]
async fn what_is_changed_in_place_or_by_the_gateway_stays_whose_it_was() {
    let gateway = Gateway::start().await;
    let (alice, bob) = (gateway.alice(), gateway.bob());
    alice.put("/own", "1").await.is(201);
    alice.put("/own", "2").await.is(200);
    let change = json!({"mode": "0600", "mtime": "1994-11-06T08:49:37Z"});
    alice.patch("/own", &change).await.is(200);
    let mut file = OpenOptions::new()
        .append(true)
        .open(gateway.path("files/own"))
        .expect("opened");
    file.write_all(b"+").expect("written");
    assert_eq!(alice.get("/own").await.is(200).body, b"2+");
    bob.get("/own").await.problem(403, "PERMISSION_DENIED");
    alice.put("/own", "3").await.is(200);
    alice.patch("/own", &json!({"name": "moved"})).await.is(200);
    let gateway = gateway.restart();
    assert_eq!(gateway.alice().get("/moved").await.is(200).body, b"3");
    assert_eq!(owner(&gateway.alice(), "/moved").await, "alice");
    let denied = gateway.bob().get("/moved").await;
    denied.problem(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_restored_folder_is_whose_it_was() {
    let mut gateway = Gateway::start().await;
    gateway.alice().put("/d/own", "hers").await.is(201);
    let closed = json!({"mode": "0700"});
    gateway.alice().patch("/d", &closed).await.is(200);
    gateway.stop();
    // As a backup tool does: other objects under the same names, also of the staging directory.
    let served = gateway.path("files");
    let backup = gateway.path("backup");
    let copied = std::process::Command::new("cp")
        .arg("-a")
        .args([&served, &backup])
        .status()
        .expect("runs");
    assert!(copied.success());
    fs::remove_dir_all(&served).expect("removed");
    fs::rename(&backup, &served).expect("moved");
    let gateway = gateway.restart_with(&["--accept-folders"]);
    assert_eq!(owner(&gateway.alice(), "/d/own").await, "alice");
    assert_eq!(gateway.alice().get("/d/own").await.is(200).body, b"hers");
    let denied = gateway.bob().get("/d/own").await;
    denied.problem(403, "PERMISSION_DENIED");
}

#[tokio::test]
async fn a_digest_is_never_that_of_other_bytes() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let told = async |at: &str| {
        let reply = alice.get(at).header("want-repr-digest", "sha-256=1").await;
        reply.is(200).header("repr-digest").to_owned()
    };
    alice.put("/a", "0123456789").await.is(201);
    let right = told("/a").await;
    assert!(right.starts_with("sha-256="), "{right}");
    alice.patch("/a", &json!({"mode": "0600"})).await.is(200);
    assert_eq!(told("/a").await, right, "another mode");
    alice.patch("/a", &json!({"name": "b"})).await.is(200);
    assert_eq!(told("/b").await, right, "another name");

    let on_disk = gateway.path("files/b");
    let before = fs::metadata(&on_disk).expect("there");
    let file = OpenOptions::new().write(true).open(&on_disk);
    let mut file = file.expect("opened");
    file.write_all(b"other").expect("written");
    set_back(&file, &before);
    assert_eq!(alice.get("/b").await.is(200).body, b"other56789");
    for change in [json!({"mode": "0640"}), json!({"mode": "0600"})] {
        assert_eq!(told("/b").await, "");
        alice.patch("/b", &change).await.is(200);
    }
    assert_eq!(told("/b").await, "");
}

#[tokio::test]
async fn bytes_that_another_program_wrote_are_another_version_whatever_time_it_set() {
    let gateway = Gateway::start().await;
    let alice = gateway.alice();
    let etag = async |at: &str| alice.head(at).await.is(200).etag();
    let known = alice.put("/a", "0123456789").await.is(201).etag();
    alice.copy("POST", "/a", "/copy").await.is(201);
    let copied = etag("/copy").await;
    for mode in ["0600", "0664"] {
        for at in ["/a", "/copy"] {
            alice.patch(at, &json!({"mode": mode})).await.is(200);
        }
    }
    alice.patch("/a", &json!({"name": "b"})).await.is(200);
    alice.patch("/copy", &json!({"name": "c"})).await.is(200);
    // What the gateway does itself to a name or a mode changes no version.
    assert_eq!(etag("/b").await, known);
    assert_eq!(etag("/c").await, copied);

    let on_disk = gateway.path("files/b");
    let before = fs::metadata(&on_disk).expect("there");
    let file = OpenOptions::new().write(true).open(&on_disk);
    let mut file = file.expect("opened");
    file.write_all(b"other").expect("written");
    // Within one tick of the kernel's clock nothing tells the two apart.
    let changed = |of: &fs::Metadata| (of.ctime(), of.ctime_nsec());
    while changed(&fs::metadata(&on_disk).expect("there")) == changed(&before) {
        set_back(&file, &before);
    }
    set_back(&file, &before);
    let read = alice.get("/b").header("if-none-match", &known).await;
    assert_eq!(read.is(200).body, b"other56789");
    let resumed = alice.get("/b").header("range", "bytes=5-");
    let resumed = resumed.header("if-range", &known).await;
    assert_eq!(resumed.is(200).body, b"other56789");
    let put = alice.put("/b", "lost").header("if-match", &known).await;
    put.problem(412, "PRECONDITION_FAILED");
    let deleted = alice.delete("/b").header("if-match", &known).await;
    deleted.problem(412, "PRECONDITION_FAILED");
    let open = alice.patch("/b", &json!({"mode": "0644"})).await.is(200);
    assert_eq!(open.etag(), etag("/b").await);
    let now = etag("/b").await;
    let again = alice.get("/b").header("if-none-match", &now).await;
    again.is(304);
    let part = alice.get("/b").header("range", "bytes=5-");
    let part = part.header("if-range", &now).await;
    assert_eq!(part.is(206).body, b"56789");
    let replaced = alice.put("/b", "hers").header("if-match", &now).await;
    assert_eq!(replaced.is(200).etag(), etag("/b").await);
}

/// Gives a file the time that it had.
fn set_back(file: &File, before: &fs::Metadata) {
    let times = FileTimes::new().set_modified(before.modified().expect("a time"));
    file.set_times(times).expect("set back");
}
