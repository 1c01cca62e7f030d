//! Served folders: one that is missing or was exchanged is not taken for one that was emptied, and
//! no older order to delete meets newer files.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::{Gateway, Mount, Process, S3, Setup, command, eventually};

/// A command with the configuration of a gateway; its exit code and all that it said.
fn run(dir: &Path, arguments: &[&str]) -> (i32, String) {
    let Output {
        status,
        stdout,
        stderr,
    } = command(dir)
        .args(arguments)
        .args(["--config", "callfs.toml"])
        .output()
        .expect("it runs");
    let said = [stdout, stderr].concat();
    (
        status.code().unwrap_or(-1),
        String::from_utf8_lossy(&said).into_owned(),
    )
}

/// A gateway that stored a file of alice and was stopped.
async fn stopped() -> Gateway {
    let mut gateway = Gateway::start().await;
    gateway.alice().put("/notes/a.txt", "text").await.is(201);
    gateway.stop();
    gateway
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_gone_is_neither_made_nor_forgotten() {
    let mut gateway = stopped().await;
    let folder = gateway.path("files");
    let aside = gateway.path("files.real");
    for empty in [false, true] {
        fs::rename(&folder, &aside).expect("moved");
        if empty {
            // As a mount point is without its disk.
            fs::create_dir(&folder).expect("made");
        }
        for arguments in [
            &["serve"][..],
            &["fsck"],
            &["fsck", "--json"],
            &["fsck", "--repair"],
            &["fsck", "--repair", "--adopt"],
        ] {
            let (code, said) = run(&gateway.path(""), arguments);
            assert_eq!(code, 1, "{arguments:?} {empty}: {said}");
            for part in ["files", "its disk mounted", "--accept-empty"] {
                assert!(
                    said.contains(part),
                    "{arguments:?} {empty}: no {part} in {said}"
                );
            }
            let left = fs::read_dir(&folder).map(Iterator::count);
            assert_eq!(left.ok(), empty.then_some(0), "{arguments:?}: {said}");
        }
        if empty {
            fs::remove_dir(&folder).expect("removed");
        }
        fs::rename(&aside, &folder).expect("moved back");
        gateway = gateway.restart();
        let kept = gateway.alice().get("/notes/a.txt").await.is(200);
        assert_eq!(kept.header("x-callfs-owner"), "alice");
        gateway.stop();
    }
}

/// A folder that may not be changed has no sign of having been served: that it is empty is enough.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_is_only_read_is_not_forgotten_either() {
    let mut gateway = stopped().await;
    let config = gateway.path("callfs.toml");
    let text = fs::read_to_string(&config).expect("there");
    let read_only = text.replacen("read-write", "read-only", 1);
    assert_ne!(text, read_only, "{text}");
    fs::write(&config, read_only).expect("written");
    let folder = gateway.path("files");
    fs::rename(&folder, gateway.path("files.real")).expect("moved");
    fs::create_dir(&folder).expect("made");
    for arguments in [&["serve"][..], &["fsck"], &["fsck", "--repair"]] {
        let (code, said) = run(&gateway.path(""), arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        for part in ["is empty", "its disk mounted", "--accept-empty"] {
            assert!(said.contains(part), "{arguments:?}: no {part} in {said}");
        }
    }
    fs::remove_dir(&folder).expect("removed");
    fs::rename(gateway.path("files.real"), &folder).expect("moved back");
    gateway = gateway.restart();
    let kept = gateway.alice().get("/notes/a.txt").await.is(200);
    assert_eq!(kept.header("x-callfs-owner"), "alice");
}

/// What is recorded of a bucket is not forgotten because another one, or none of it, is there.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bucket_that_is_empty_is_warned_of_and_not_repaired() {
    let mut s3 = S3::start();
    let mut gateway = s3.setup().start().await;
    gateway.admin().put("/s3/a/file", "x").await.is(201);
    gateway.stop();
    s3.lose_everything();
    let (code, said) = run(&gateway.path(""), &["fsck", "--repair"]);
    assert_eq!(code, 1, "{said}");
    for part in ["the mount /s3", "is it the right one?", "--accept-empty"] {
        assert!(said.contains(part), "no {part} in {said}");
    }
    let mut gateway = gateway.restart();
    let said = gateway.process().stderr();
    assert!(
        said.contains("nothing is in the storage of the mount /s3"),
        "{said}"
    );
    gateway.stop();
    let (code, said) = run(&gateway.path(""), &["fsck", "--repair", "--accept-empty"]);
    assert_eq!(code, 0, "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_emptied_is_served_and_repaired() {
    // By somebody who left the staging directory, which says that it is still the same folder.
    let gateway = stopped().await;
    fs::remove_dir_all(gateway.path("files/notes")).expect("removed");
    let mut gateway = gateway.restart();
    gateway
        .alice()
        .get("/notes/a.txt")
        .await
        .problem(404, "FILE_NOT_FOUND");
    gateway.stop();
    // And by an operator who says that the files are gone.
    fs::remove_dir_all(gateway.path("files")).expect("removed");
    fs::create_dir(gateway.path("files")).expect("made");
    let (code, said) = run(&gateway.path(""), &["fsck", "--repair", "--accept-empty"]);
    assert_eq!(code, 0, "{said}");
    assert!(
        said.contains("2 records have nothing stored; repaired."),
        "{said}"
    );

    let gateway = stopped().await;
    fs::remove_dir_all(gateway.path("files")).expect("removed");
    let mut serve = command(&gateway.path(""));
    let arguments = ["serve", "--config", "callfs.toml", "--accept-empty"];
    let mut process = Process::start(serve.args(arguments));
    process.listens();
    let said = process.stderr();
    assert!(
        said.contains("made a folder to serve that was missing"),
        "{said}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_empty_index_over_a_folder_with_files_is_said_loudly() {
    let mut gateway = Gateway::start().await;
    let loud = "the metadata store has no record of what is in this folder";
    assert!(
        !gateway.log().contains(loud),
        "nothing is in it: {}",
        gateway.log()
    );
    gateway.alice().put("/secret.txt", "text").await.is(201);
    gateway.stop();
    let gateway = gateway.restart();
    assert!(!gateway.log().contains(loud), "{}", gateway.log());
    let mut gateway = gateway;
    gateway.stop();
    for file in fs::read_dir(gateway.path("")).expect("readable") {
        let file = file.expect("readable");
        if file.file_name().to_string_lossy().starts_with("metadata.") {
            fs::remove_file(file.path()).expect("removed");
        }
    }
    let is_loud = |log: &str| {
        let mut lines = log.lines().filter(|line| line.contains(loud));
        lines.any(|line| line.contains("WARN") && line.contains("files"))
    };
    // Nor is an empty file one that says that nothing is wrong.
    fs::write(gateway.path("metadata.db"), "").expect("written");
    for arguments in [&["fsck"][..], &["fsck", "--json"]] {
        let (code, said) = run(&gateway.path(""), arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        assert!(is_loud(&said), "{arguments:?}: {said}");
        for part in [
            "no record of anything in the folder of the mount /",
            "callfs metadata import",
            "--repair --adopt",
        ] {
            assert!(said.contains(part), "{arguments:?}: no {part} in {said}");
        }
        assert!(!said.contains("Nothing is wrong"), "{arguments:?}: {said}");
    }
    let mut gateway = gateway.restart();
    let log = gateway.log();
    assert!(is_loud(&log), "{log}");
    gateway.stop();
    // Who says that the files are new has them recorded, and nothing is wrong any more.
    for arguments in [&["fsck", "--repair", "--adopt"][..], &["fsck"]] {
        let (code, said) = run(&gateway.path(""), arguments);
        assert_eq!(code, 0, "{arguments:?}: {said}");
        assert!(said.contains("Nothing is wrong"), "{arguments:?}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_with_different_metadata_do_not_share_a_folder() {
    let first = Gateway::start().await;
    let folder = first.path("files").display().to_string();
    let shared = Mount::new("/", "localfs").with(&format!(
        "grants.directories = [ {{ host = \"{folder}\" }} ]"
    ));
    let dir = Setup::default().mount(shared).prepare();
    let (code, said) = run(dir.path(), &["serve"]);
    assert_eq!(code, 1, "{said}");
    assert!(
        said.contains("another gateway that runs serves the folder") && said.contains(&folder),
        "{said}"
    );
    drop(first);
}

/// A configuration that serves a folder of another gateway, with further keys of the grant.
fn serving(folder: &Path, keys: &str) -> tempfile::TempDir {
    let host = folder.display();
    let grant = format!("grants.directories = [ {{ host = \"{host}\"{keys} }} ]");
    Setup::default()
        .mount(Mount::new("/", "localfs").with(&grant))
        .prepare()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_gateways_do_not_serve_a_folder_and_one_in_it() {
    for (first, second) in [
        ("files", "files/sub"),
        ("files", "files/a/b/c/d"),
        ("files/sub", "files"),
        ("files/a/b", "files"),
    ] {
        let mut gateway = Setup::default()
            .mount(Mount::folder("/", first))
            .start()
            .await;
        let folder = gateway.path(second);
        fs::create_dir_all(&folder).expect("made");
        let dir = serving(&folder, "");
        // Nor after it ended: it may be started again.
        for stopped in [false, true] {
            if stopped {
                gateway.stop();
            }
            let (code, said) = run(dir.path(), &["serve"]);
            assert_eq!(code, 1, "{first} {second}: {said}");
            let served = gateway.path(first).display().to_string();
            let served = served.as_str();
            for part in [served, "could be read by the other", "overlap = true"] {
                assert!(said.contains(part), "{first} {second}: no {part} in {said}");
            }
        }
        for keys in [", access = \"read-only\"", ", overlap = true"] {
            let dir = serving(&folder, keys);
            let mut serve = command(dir.path());
            let mut process = Process::start(serve.args(["serve", "--config", "callfs.toml"]));
            process.listens();
        }
    }
}

#[test]
fn one_gateway_does_not_serve_a_folder_twice() {
    let cases: [(&str, &str, &str); 4] = [
        ("second", "second", "is also"),
        ("second", "link", "is also"),
        ("second/sub", "second", "holds"),
        ("second", "second/new", "is in"),
    ];
    for (one, other, how) in cases {
        for (keys, code) in [
            ("", 78),
            (", access = \"read-only\"", 0),
            (", overlap = true", 0),
        ] {
            let mount = |path: &str, folder: &str, keys: &str| {
                Mount::new(path, "localfs").with(&format!(
                    "grants.directories = [ {{ host = \"$DIR/{folder}\"{keys} }} ]"
                ))
            };
            let dir = Setup::default()
                .mount(Mount::folder("/", "files"))
                .mount(mount("/one", one, ""))
                .mount(mount("/other", other, keys))
                .prepare();
            fs::create_dir(dir.path().join("second/sub")).expect("made");
            if keys.contains("read-only") {
                // A folder that is only read is not made.
                fs::create_dir(dir.path().join("second/new")).expect("made");
            }
            let link = dir.path().join("link");
            std::os::unix::fs::symlink(dir.path().join("second"), link).expect("linked");
            let (exit, said) = run(dir.path(), &["config", "check"]);
            assert_eq!(exit, code, "{one} {other} {keys}: {said}");
            if code == 0 {
                continue;
            }
            let (exit, refused) = run(dir.path(), &["serve"]);
            assert_eq!(exit, code, "{one} {other}: {refused}");
            for part in ["mount /one", "mount /other", how, "overlap = true"] {
                for said in [&said, &refused] {
                    assert!(said.contains(part), "{one} {other}: no {part} in {said}");
                }
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fsck_names_a_folder_that_another_gateway_serves_deep_in_this_one() {
    let gateway = stopped().await;
    let deep = gateway.path("files/a/b/c/d");
    fs::create_dir_all(&deep).expect("made");
    let dir = serving(&deep, ", overlap = true");
    let mut serve = command(dir.path());
    let mut process = Process::start(serve.args(["serve", "--config", "callfs.toml"]));
    process.listens();
    let (code, said) = run(&gateway.path(""), &["fsck"]);
    assert_eq!(code, 0, "{said}");
    let line = said
        .lines()
        .find(|line| line.contains("as a folder of its own"))
        .unwrap_or_default();
    assert!(line.contains("WARN") && line.contains("a/b/c/d"), "{said}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_older_dump_deletes_nothing() {
    let mut gateway = Gateway::start().await;
    gateway
        .alice()
        .put("/report/draft.txt", "half")
        .await
        .is(201);
    gateway.stop();
    let dir = gateway.path("");
    let (code, said) = run(&dir, &["metadata", "export", "dump.ndjson"]);
    assert_eq!(code, 0, "{said}");
    // As if it had been killed in the middle of a copy to /report.
    let dump = fs::read_to_string(dir.join("dump.ndjson")).expect("text");
    let order = "{\"intent\":{\"id\":\"07070707070707070707070707070707\",\"intent\":{\"discard\":\
                 {\"path\":\"/report\",\"inside\":false}}}}\n";
    let (lines, end) = dump.split_at(dump.rfind("{\"end\"").expect("an end"));
    let end = end.replace("\"intents\":0", "\"intents\":1");
    fs::write(dir.join("dump.ndjson"), format!("{lines}{order}{end}")).expect("written");

    let mut gateway = gateway.restart();
    let alice = gateway.alice();
    alice.put("/report/important.txt", "newer").await.is(201);
    gateway.stop();
    let (code, said) = run(&dir, &["metadata", "import", "dump.ndjson", "--replace"]);
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("/report was to be removed"), "{said}");
    let gateway = gateway.restart();
    let kept = gateway.admin().get("/report/important.txt").await.is(200);
    assert_eq!(kept.text(), "newer");
    eventually("nothing to be left to do", async || {
        let listed = gateway.admin().list("/report", "").await.is(200);
        (listed.entries("name") == ["draft.txt", "important.txt"]).then_some(())
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_database_has_one_gateway_whatever_leads_to_it() {
    type Lead = fn(&Path, &Path) -> std::io::Result<()>;
    let gateway = Gateway::start().await;
    let database = gateway.path("metadata.db");
    let leads: [(&str, Lead); 2] = [
        ("symbolic link", |to, at| std::os::unix::fs::symlink(to, at)),
        ("hard link", |to, at| fs::hard_link(to, at)),
    ];
    for (what, lead) in leads {
        let dir = Setup::default().prepare();
        lead(&database, &dir.path().join("metadata.db")).expect(what);
        for arguments in [&["serve"][..], &["fsck"], &["metadata", "export"]] {
            let (code, said) = run(dir.path(), arguments);
            assert_eq!(code, 1, "{what} {arguments:?}: {said}");
            assert!(
                said.contains("another gateway uses the metadata store"),
                "{what} {arguments:?}: {said}"
            );
        }
    }
    gateway.alice().put("/a.txt", "text").await.is(201);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_malformed_database_ends_every_command_with_the_reason() {
    let mut gateway = Gateway::start().await;
    for number in 0..50 {
        gateway
            .alice()
            .put(&format!("/{number}"), "text")
            .await
            .is(201);
    }
    gateway.stop();
    let file = gateway.path("metadata.db");
    let mut bytes = fs::read(&file).expect("there");
    bytes[4096..].fill(0x5a);
    fs::write(&file, bytes).expect("written");
    for arguments in [
        &["serve"][..],
        &["fsck"],
        &["fsck", "--repair"],
        &["metadata", "export"],
    ] {
        let (code, said) = run(&gateway.path(""), arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        for part in [
            "metadata.db",
            "is malformed",
            "backup",
            "callfs metadata import",
        ] {
            assert!(said.contains(part), "{arguments:?}: no {part} in {said}");
        }
        assert!(!said.contains("Nothing is wrong"), "{said}");
    }
}

/// A gateway that was killed in the middle of alice's copy of a directory of files to `/r3`, of
/// which some files are on the disk.
async fn killed_in_a_copy() -> Gateway {
    let mut gateway = Gateway::start().await;
    for number in 0..HALF_COPIED {
        let text = format!("copied {number}");
        let path = format!("/tree/{number:03}");
        gateway.alice().put(&path, text).await.is(201);
    }
    for _ in 0..100 {
        let alice = gateway.alice();
        // It is not answered.
        let copy =
            tokio::spawn(async move { drop(alice.copy("POST", "/tree", "/r3").attempt().await) });
        let on_disk = || fs::read_dir(gateway.path("files/r3")).map_or(0, Iterator::count);
        while on_disk() < 20 && !copy.is_finished() {
            tokio::task::yield_now().await;
        }
        gateway.kill();
        copy.await.expect("a request");
        let copied = fs::read_dir(gateway.path("files/r3")).map_or(0, Iterator::count);
        if (1..HALF_COPIED).contains(&copied) {
            return gateway;
        }
        gateway = gateway.restart();
        let alice = gateway.alice();
        alice.call("DELETE", "/v1/files/r3?recursive=true").await;
    }
    panic!("no kill came in the middle of a copy");
}

const HALF_COPIED: usize = 300;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_put_into_a_half_made_copy_is_not_removed_with_it() {
    type Deed = fn(&Path, &Path) -> std::io::Result<()>;
    let deeds: [(&str, Deed, &str); 5] = [
        (
            "another directory in its place",
            |_, half| {
                fs::remove_dir_all(half)?;
                fs::create_dir(half)?;
                fs::write(half.join("000"), "mine")
            },
            "/r3/000",
        ),
        (
            "a file put into it",
            |_, half| fs::write(half.join("mine"), "mine"),
            "/r3/mine",
        ),
        (
            "a file in the place of one that was copied",
            |dir, half| {
                fs::write(dir.join("mine"), "mine")?;
                fs::rename(dir.join("mine"), half.join("000"))
            },
            "/r3/000",
        ),
        (
            "a file where one was still to be copied",
            |_, half| {
                let last = half.join("299");
                let _ = fs::remove_file(&last);
                fs::write(last, "mine")
            },
            "/r3/299",
        ),
        (
            "a directory moved into it",
            |dir, half| {
                fs::create_dir(dir.join("aside"))?;
                fs::write(dir.join("aside/mine"), "mine")?;
                fs::rename(dir.join("aside"), half.join("aside"))
            },
            "/r3/aside/mine",
        ),
    ];
    for (what, deed, mine) in deeds {
        let gateway = killed_in_a_copy().await;
        deed(&gateway.path(""), &gateway.path("files/r3")).expect(what);
        let gateway = gateway.restart();
        let admin = gateway.admin();
        let kept = admin.get(mine).await.is(200);
        assert_eq!(kept.text(), "mine", "{what}");
        assert_eq!(kept.header("x-callfs-owner"), "root", "{what}");
        let listed = admin.list("/r3", "recursive=true&type=file").await.is(200);
        assert_eq!(listed.entries("path"), [mine], "{what}");
        let log = gateway.log();
        let said = log
            .lines()
            .find(|line| line.contains("a copy or a move was interrupted"))
            .unwrap_or_default();
        assert!(
            said.contains("WARN") && said.contains("/r3"),
            "{what}: {log}"
        );
        // Nothing is left to be removed, now or later.
        let (code, said) = {
            let mut gateway = gateway;
            gateway.stop();
            run(&gateway.path(""), &["fsck"])
        };
        assert_eq!(code, 0, "{what}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn folders_that_were_swapped_are_refused_and_nothing_is_forgotten() {
    let setup = Setup::default()
        .mount(Mount::folder("/", "files"))
        .mount(Mount::folder("/b", "second"));
    let mut gateway = setup.start().await;
    let admin = gateway.admin();
    admin.put("/of-a.txt", "a").await.is(201);
    admin.put("/b/of-b.txt", "b").await.is(201);
    gateway.stop();
    let swap = |gateway: &Gateway| {
        for (from, to) in [("files", "t"), ("second", "files"), ("t", "second")] {
            fs::rename(gateway.path(from), gateway.path(to)).expect("moved");
        }
    };
    swap(&gateway);
    let dir = gateway.path("");
    for arguments in [&["serve"][..], &["fsck", "--repair"]] {
        let (code, said) = run(&dir, arguments);
        assert_eq!(code, 1, "{arguments:?}: {said}");
        for part in [
            "the mount /",
            "it is the one of the mount",
            "--accept-folders",
        ] {
            assert!(said.contains(part), "{arguments:?}: no {part} in {said}");
        }
    }
    let (_, said) = run(&dir, &["fsck"]);
    assert!(said.contains("this is another folder"), "{said}");
    swap(&gateway);
    let mut gateway = gateway.restart();
    for path in ["/of-a.txt", "/b/of-b.txt"] {
        gateway.admin().get(path).await.is(200);
    }
    gateway.stop();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_that_was_restored_is_served_once_that_is_said() {
    let gateway = stopped().await;
    let folder = gateway.path("files");
    // As from a backup: another directory with the same files in it.
    let aside = gateway.path("aside");
    fs::rename(&folder, &aside).expect("moved");
    fs::create_dir_all(folder.join("notes")).expect("made");
    fs::copy(aside.join("notes/a.txt"), folder.join("notes/a.txt")).expect("copied");
    let (code, said) = run(&gateway.path(""), &["serve"]);
    assert_eq!(code, 1, "{said}");
    assert!(said.contains("it was never served there"), "{said}");
    let mut serve = command(&gateway.path(""));
    let arguments = ["serve", "--config", "callfs.toml", "--accept-folders"];
    let mut process = Process::start(serve.args(arguments));
    process.listens();
    drop(process);
    // From then on it is the one that is meant.
    let mut gateway = gateway.restart();
    let kept = gateway.alice().get("/notes/a.txt").await.is(200);
    assert_eq!(kept.header("x-callfs-owner"), "alice");
    gateway.stop();
}
