//! Served folders: one that is missing or was exchanged is not taken for one that was emptied, and
//! no older order to delete meets newer files.

use std::fs;
use std::path::Path;
use std::process::Output;

use crate::harness::{Gateway, Mount, Process, Setup, command, eventually};

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
    let gateway = gateway.restart();
    let log = gateway.log();
    let line = log
        .lines()
        .find(|line| line.contains(loud))
        .unwrap_or_default();
    assert!(line.contains("WARN") && line.contains("files"), "{log}");
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
