use super::*;

fn opened(host: &Path) -> Arc<Folder> {
    Folder::open(host, FolderAccess::ReadWrite).expect("opens")
}

#[test]
fn a_folder_keeps_its_identity_and_no_other_has_it() {
    let host = tempfile::tempdir().expect("a folder");
    let at = |name: &str| host.path().join(name);
    let first = opened(&at("first"));
    let identity = first.identity().expect("it may be changed");
    assert_eq!(
        opened(&at("first")).identity(),
        Some(identity),
        "beside itself"
    );
    drop(first);
    assert_eq!(opened(&at("first")).identity(), Some(identity), "later");
    fs::rename(at("first"), at("moved")).expect("moved");
    assert_eq!(opened(&at("moved")).identity(), Some(identity), "elsewhere");
    assert_ne!(
        opened(&at("first")).identity(),
        Some(identity),
        "in its place"
    );

    // A copy of all that is in it is another folder.
    fs::create_dir_all(at("copy/.callfs-staging")).expect("made");
    let marker = ".callfs-staging/identity";
    fs::copy(at("moved").join(marker), at("copy").join(marker)).expect("copied");
    assert_ne!(opened(&at("copy")).identity(), Some(identity), "a copy");
    for garbled in ["", "what?", "00 1", "\u{1f4a5}"] {
        fs::write(at("copy").join(marker), garbled).expect("written");
        assert!(opened(&at("copy")).identity().is_some(), "{garbled:?}");
    }
    let read_only = Folder::open(&at("moved"), FolderAccess::ReadOnly).expect("opens");
    assert_eq!(read_only.identity(), None);
}

#[tokio::test]
async fn a_staging_directory_that_is_made_anew_has_the_same_identity() {
    let served = Fixture::new();
    let identity = served.folder.identity();
    fs::remove_dir_all(served.path(".callfs-staging")).expect("removes");
    served
        .write("f", "x", Condition::Always)
        .await
        .expect("writes");
    assert_eq!(opened(&served.path("")).identity(), identity);
}

#[test]
fn who_serves_a_folder_at_the_same_time_has_the_same_metadata() {
    let host = tempfile::tempdir().expect("a folder");
    let open = |metadata: Option<&str>| {
        let options = FolderOptions {
            access: FolderAccess::ReadWrite,
            make: true,
            metadata,
            durability: Durability::Strict,
        };
        Folder::open_with(&host.path().join("served"), &options)
    };
    let first = open(Some("one")).expect("opens");
    let _same = open(Some("one")).expect("the same metadata store");
    let _none = open(None).expect("no gateway");
    let (kind, message) = failed(open(Some("two")));
    assert_eq!(kind, ErrorKind::BackendUnavailable);
    assert!(message.contains("another metadata store"), "{message}");
    drop((first, _same));
    open(Some("two")).expect("the first one has ended");
}

#[test]
fn a_look_tells_what_is_there_and_changes_nothing() {
    let host = tempfile::tempdir().expect("a folder");
    let at = |name: &str| host.path().join(name);
    let there = |identity: Option<StorageIdentity>, filled| FolderSight::There {
        served: identity.is_some(),
        filled,
        identity,
    };
    fs::create_dir(at("new")).expect("made");
    let served = opened(&at("served")).identity();
    fs::create_dir_all(at("found/a")).expect("made");
    let used = opened(&at("used")).identity();
    assert!(served.is_some() && served != used);
    fs::write(at("used/a"), "").expect("written");
    for (name, sight) in [
        ("missing", FolderSight::Missing),
        ("new", there(None, false)),
        ("served", there(served, false)),
        ("found", there(None, true)),
        ("used", there(used, true)),
    ] {
        assert_eq!(
            FolderSight::of(&at(name)).expect("looked at"),
            sight,
            "{name}"
        );
    }
    assert!(!at("missing").exists());
    assert_eq!(fs::read_dir(at("new")).expect("there").count(), 0);
    fs::write(at("file"), "").expect("written");
    assert_eq!(
        failed(FolderSight::of(&at("file"))).0,
        ErrorKind::NotADirectory
    );
}

#[tokio::test]
async fn an_absent_folder_holds_nothing_and_takes_nothing() {
    let folder = Folder::absent().expect("none is needed");
    assert_eq!(
        failed(folder.list("", None, 10).await).0,
        ErrorKind::NotFound
    );
    assert_eq!(failed(folder.stat("a").await).0, ErrorKind::NotFound);
    let written = folder.write("a", "x".into(), Condition::Always, None);
    assert_eq!(failed(written).0, ErrorKind::PermissionDenied);
}

/// What another program does to a folder that is served.
struct Astray {
    what: &'static str,
    deed: fn(&Fixture),
    said: &'static str,
    /// How it is put back, if it can be.
    undo: Option<fn(&Fixture)>,
}

fn beside(served: &Fixture, name: &str) -> std::path::PathBuf {
    served.host.path().join(name)
}

fn move_away(served: &Fixture) {
    fs::rename(served.path(""), beside(served, "away")).expect("moves");
}

fn move_back(served: &Fixture) {
    fs::rename(beside(served, "away"), served.path("")).expect("moves");
}

const STRAYS: [Astray; 5] = [
    Astray {
        what: "removed",
        deed: |served| fs::remove_dir_all(served.path("")).expect("removes"),
        said: "was removed; put it back",
        undo: None,
    },
    Astray {
        what: "removed, and made again",
        deed: |served| {
            fs::remove_dir_all(served.path("")).expect("removes");
            fs::create_dir(served.path("")).expect("makes");
        },
        said: "was removed; put it back",
        undo: None,
    },
    Astray {
        what: "moved away",
        deed: move_away,
        said: "was moved away; put it back",
        undo: Some(move_back),
    },
    Astray {
        what: "moved away, and another one in its place",
        deed: |served| {
            move_away(served);
            fs::create_dir(served.path("")).expect("makes");
        },
        said: "is another one by now",
        undo: Some(|served| {
            fs::remove_dir(served.path("")).expect("removes");
            move_back(served);
        }),
    },
    Astray {
        what: "moved away, and a file in its place",
        deed: |served| {
            move_away(served);
            fs::write(beside(served, "served"), "").expect("writes");
        },
        said: "is another one by now",
        undo: Some(|served| {
            fs::remove_file(beside(served, "served")).expect("removes");
            move_back(served);
        }),
    },
];

#[tokio::test]
async fn nothing_is_changed_in_a_folder_that_is_not_at_its_path() {
    for Astray {
        what,
        deed,
        said,
        undo,
    } in STRAYS
    {
        let served = Fixture::new();
        served.put("f", "old");
        served.make("d");
        let folder = &served.folder;
        folder.check_in_place().await.expect(what);
        let write = || folder.write("f", "new".into(), Condition::Always, None);
        let staged = write().expect("begins").stage().await.expect("stages");
        deed(&served);

        let copied = folder.copy("f", "g", Condition::Always).expect("begins");
        let refusals = [
            ("ready", folder.check_in_place().await),
            ("publish", staged.publish(Condition::Always).await.map(drop)),
            ("write", write().expect("begins").stage().await.map(drop)),
            ("make", folder.make("new", None).await.map(drop)),
            ("mode", folder.set_mode("f", 0o600).await),
            ("remove", folder.remove_file("f", Condition::Always).await),
            ("rmdir", folder.remove_directory("d").await),
            ("rename", folder.rename("f", "g", Condition::Always).await),
            ("exchange", folder.exchange("f", "d").await),
        ];
        for (change, refused) in refusals {
            let (kind, message) = failed(refused);
            assert_eq!(kind, ErrorKind::BackendUnavailable, "{what}: {change}");
            assert!(message.contains(said), "{what}: {change}: {message}");
        }
        copied.stage().await.map(drop).expect_err(what);

        let Some(undo) = undo else { continue };
        assert_eq!(served.read("f").await.expect(what).1, b"old", "{what}");
        undo(&served);
        folder.check_in_place().await.expect(what);
        served
            .write("f", "new", Condition::Always)
            .await
            .expect(what);
        assert_eq!(served.on_disk("f"), "new", "{what}");
    }
}

#[tokio::test]
async fn a_folder_that_was_removed_is_neither_empty_nor_without_the_file() {
    let served = Fixture::new();
    served.put("d/f", "text");
    fs::remove_dir_all(served.path("")).expect("removes");
    let folder = &served.folder;
    for path in ["d", "d/f", "other"] {
        let walked = folder.walk(path, Some(None)).await.expect("no link");
        let looks = [
            ("stat", folder.stat(path).await.map(drop)),
            ("read", folder.read(path, None).await.map(drop)),
            ("walk", walked.found.map(drop)),
            ("list", folder.list_page(path, None, 10).await.map(drop)),
        ];
        for (look, failure) in looks {
            let (kind, message) = failed(failure);
            assert_eq!(kind, ErrorKind::BackendUnavailable, "{look} {path}");
            assert!(message.contains("was removed"), "{look} {path}: {message}");
        }
    }
    let listed = failed(folder.list_page("", None, 10).await);
    assert_eq!(listed.0, ErrorKind::BackendUnavailable);
}
