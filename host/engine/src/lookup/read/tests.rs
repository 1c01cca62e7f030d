use callfs_model::metadata::{Change, Content, Metadata, Record};
use callfs_model::storage::Mount;

use super::*;
use crate::PutOptions;
use crate::testing::*;

#[tokio::test]
async fn a_recorded_path_costs_one_read() {
    let world = World::new(folder());
    world
        .put(&alice(), "/a/b/c", "hello")
        .await
        .expect("stored");
    world.disk.asked();
    assert_eq!(
        world.get(&bob(), "/a/b/c").await.expect("readable"),
        "hello"
    );
    assert_eq!(world.disk.asked(), ["read a/b/c"]);
}

#[tokio::test]
async fn a_range_is_one_read_where_each_part_has_to_be_asked_for() {
    let range = |start, end| ByteRange { start, end };
    let cases = [
        (range(1, Some(3)), "el", Some(1..3)),
        (range(3, None), "lo", Some(3..5)),
        (range(0, Some(9)), "hello", Some(0..5)),
        // The answer has to say how large the file is.
        (range(5, None), "hello", None),
    ];
    for (world, is_asked) in [(folder(), false), (plain(), true)] {
        let world = World::new(world);
        let who = alice();
        let at = path("/a");
        world.put(&who, "/a", "hello").await.expect("stored");
        for (wanted, bytes, opened) in cases.clone() {
            world.disk.asked();
            let Ok(OpenedPath::File {
                info,
                mut source,
                part,
            }) = world.engine.open(&who, &at, Some(wanted)).await
            else {
                panic!("{wanted:?}: not a file")
            };
            let reads = 1 + usize::from(is_asked && opened.is_none());
            assert_eq!(world.disk.asked(), vec!["read a"; reads], "{wanted:?}");
            assert_eq!(info.size, 5);
            assert_eq!(part, opened.filter(|_| is_asked), "{wanted:?}");
            let piece = source.next().await.expect("readable").expect("not empty");
            let bytes = if is_asked { bytes } else { "hello" };
            assert_eq!(piece, bytes.as_bytes(), "{wanted:?}");
        }
    }
}

#[tokio::test]
async fn what_other_programs_put_there_is_adopted() {
    let world = World::new(folder());
    world.disk.plant("photos/cat.JPG", "meow");
    let info = world
        .engine
        .stat(&bob(), &path("/photos/cat.JPG"))
        .await
        .expect("there");
    assert_eq!(
        (info.owner.as_str(), info.group.as_str(), info.mode),
        ("root", "root", 0o644)
    );
    assert_eq!((info.content_type.as_deref(), info.sha256), (None, None));
    assert_eq!(
        world
            .get(&bob(), "/photos/cat.JPG")
            .await
            .expect("readable"),
        "meow"
    );
    world.disk.plant_directory("closed", 0o700);
    world.disk.plant("closed/a", "x");
    assert_eq!(
        kind(world.get(&bob(), "/closed/a").await),
        ErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn type_and_digest_belong_to_the_bytes_they_were_given_with() {
    for world in [folder(), plain()].map(World::new) {
        let options = PutOptions {
            content_type: Some("text/markdown".into()),
            ..PutOptions::default()
        };
        let stored = world
            .engine
            .put(&alice(), &path("/a.bin"), Source::from_bytes("x"), options)
            .await
            .expect("stored");
        assert_eq!(stored.info.content_type.as_deref(), Some("text/markdown"));
        assert_eq!(
            world
                .engine
                .stat(&alice(), &path("/a.bin"))
                .await
                .expect("there"),
            stored.info
        );
        world.disk.rewrite("a.bin", "replaced");
        let Ok(OpenedPath::File { info, .. }) =
            world.engine.open(&alice(), &path("/a.bin"), None).await
        else {
            panic!("not a file")
        };
        assert_eq!((info.content_type.as_deref(), info.sha256), (None, None));
        assert_eq!((info.owner.as_str(), info.size), ("alice", 8));
    }
}

#[tokio::test]
async fn a_record_of_another_kind_is_not_its_record() {
    let world = World::new(folder());
    world.mkdir(&alice(), "/a").await.expect("made");
    world.disk.uproot("a");
    world.disk.plant("a", "now a file");
    assert_eq!(
        world
            .engine
            .stat(&bob(), &path("/a"))
            .await
            .expect("there")
            .owner,
        "root"
    );
}

#[tokio::test]
async fn what_appears_while_it_is_looked_for_is_not_adopted() {
    for looked_at in [false, true] {
        let world = World::new(folder());
        let mut appears = Some(Record {
            path: path("/a"),
            owner: "alice".into(),
            group: "staff".into(),
            mode: 0o600,
            content: Some(Content::default()),
            object: None,
            next: None,
            revision: 0,
        });
        let who = bob();
        let read = async {
            if looked_at {
                world.engine.stat(&who, &path("/a")).await.map(drop)
            } else {
                world.get(&who, "/a").await.map(drop)
            }
        };
        // By now its record was looked for and not found.
        let read = world.steps.drive(read, async || {
            if let Some(record) = appears.take() {
                world
                    .metadata
                    .apply(vec![Change::Put(record)])
                    .await
                    .expect("recorded");
                world.disk.plant("a", "hers");
            }
        });
        assert_eq!(kind(read.await), ErrorKind::PermissionDenied);
    }
}

#[tokio::test]
async fn permission_comes_before_existence() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        world.put(&alice(), "/secret/a", "x").await.expect("stored");
        world.put(&alice(), "/private", "x").await.expect("stored");
        world.mkdir(&alice(), "/secret/dir").await.expect("made");
        world.chmod(&alice(), "/secret", 0o700).await;
        world.chmod(&alice(), "/private", 0o600).await;
        for at in [
            "/secret/a",
            "/secret/dir",
            "/secret/none",
            "/secret/none/none",
            "/secret/a/none",
            "/private",
        ] {
            assert_eq!(
                kind(world.get(&bob(), at).await),
                ErrorKind::PermissionDenied,
                "{at}"
            );
            assert_eq!(
                kind(world.engine.stat(&bob(), &path(at)).await),
                ErrorKind::PermissionDenied,
                "{at}"
            );
            let listed = kind(world.list(&bob(), at, Default::default()).await);
            let reachable = at == "/private";
            assert_eq!(
                listed,
                if reachable {
                    ErrorKind::NotADirectory
                } else {
                    ErrorKind::PermissionDenied
                },
                "{at}"
            );
        }
        assert_eq!(
            kind(world.get(&alice(), "/secret/none").await),
            ErrorKind::NotFound
        );
        assert_eq!(
            kind(world.get(&alice(), "/secret/none/none").await),
            ErrorKind::NotFound
        );
        assert_eq!(
            kind(world.get(&alice(), "/secret/a/none").await),
            ErrorKind::NotADirectory
        );
        assert_eq!(
            kind(world.get(&bob(), "/private/none").await),
            ErrorKind::NotADirectory
        );
    }
}

#[tokio::test]
async fn messages_name_the_path_and_what_is_wrong() {
    let world = World::new(folder());
    world.disk.plant_special("pipe");
    world.disk.plant("file", "x");
    let message = async |at| {
        world
            .get(&admin(), at)
            .await
            .expect_err("refused")
            .message()
            .to_owned()
    };
    assert_eq!(message("/none").await, "'/none' does not exist");
    assert_eq!(
        message("/none/a").await,
        "'/none/a' does not exist: there is no directory '/none'"
    );
    assert_eq!(
        message("/file/a").await,
        "'/file' is not a directory, so '/file/a' cannot be in it"
    );
    assert!(
        message("/pipe")
            .await
            .starts_with("'/pipe' is neither a file nor a directory")
    );
}

#[tokio::test]
async fn mounts_appear_with_the_directories_that_lead_to_them() {
    let deep = Memory::new("deep", folder());
    deep.plant("f", "deep down");
    let mounts = vec![Mount::new(path("/a/b"), std::sync::Arc::new(deep.clone()))];
    let world = World::on(mounts, deep);
    for at in ["/", "/a", "/a/b"] {
        assert!(
            matches!(
                world.engine.open(&bob(), &path(at), None).await,
                Ok(OpenedPath::Directory(_))
            ),
            "{at}"
        );
    }
    assert_eq!(
        world.get(&bob(), "/a/b/f").await.expect("there"),
        "deep down"
    );
    assert_eq!(kind(world.get(&bob(), "/a/x").await), ErrorKind::NotFound);
    assert_eq!(
        kind(world.put(&admin(), "/a/x", "x").await),
        ErrorKind::NotFound
    );
    let root = world
        .engine
        .stat(&bob(), &path("/"))
        .await
        .expect("the root");
    assert_eq!((root.owner.as_str(), root.mode), ("root", 0o1777));
}

#[tokio::test]
async fn an_empty_directory_of_a_bucket_is_its_record() {
    let world = World::new(bucket());
    world.mkdir(&alice(), "/dir").await.expect("made");
    assert!(world.disk.paths().is_empty());
    assert_eq!(
        world
            .engine
            .stat(&bob(), &path("/dir"))
            .await
            .expect("there")
            .kind,
        EntryKind::Directory
    );
    // A file whose write was interrupted by a crash is no directory.
    let record = world
        .engine
        .new_record(&alice(), &path("/crashed"), EntryKind::File);
    world
        .engine
        .metadata
        .apply(vec![callfs_model::metadata::Change::Put(record)])
        .await
        .expect("recorded");
    assert_eq!(
        kind(world.engine.stat(&alice(), &path("/crashed")).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn readiness_names_what_fails() {
    let world = World::with(folder(), vec![("/x", Memory::new("other", folder()))]);
    let failing = async || {
        let ready = world.engine.ready().await;
        assert_eq!(ready.len(), 5);
        ready
            .into_iter()
            .filter(|(_, ready)| ready.is_err())
            .map(|(name, _)| name)
            .collect::<Vec<_>>()
    };
    assert!(failing().await.is_empty());
    world.disk.fail(ErrorKind::BackendUnavailable);
    assert_eq!(failing().await, ["mount /"]);
}

#[tokio::test]
async fn a_part_is_of_the_version_that_was_opened() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        let stored = world
            .put(&alice(), "/a", "0123456789")
            .await
            .expect("stored")
            .info;
        let mut part = world
            .engine
            .open_part(&alice(), &stored, 3..6)
            .await
            .expect("the same version");
        assert_eq!(
            part.next().await.expect("bytes").as_deref(),
            Some(&b"345"[..])
        );
        world.chmod(&alice(), "/a", 0o600).await;
        assert_eq!(
            kind(world.engine.open_part(&bob(), &stored, 3..6).await),
            ErrorKind::PermissionDenied
        );
        world
            .put(&alice(), "/a", "9876543210")
            .await
            .expect("stored");
        assert_eq!(
            kind(world.engine.open_part(&alice(), &stored, 3..6).await),
            ErrorKind::Locked
        );
        world.delete(&alice(), "/a").await.expect("removed");
        assert_eq!(
            kind(world.engine.open_part(&alice(), &stored, 3..6).await),
            ErrorKind::Locked
        );
    }
}

#[tokio::test]
async fn a_missing_path_costs_few_looks_however_deep_it_is() {
    // Names that exist, names that do not, and the looks at the storage that this may take.
    let table = [
        (0, 1, 2),
        (1, 1, 2),
        (0, 2, 3),
        (0, 2000, 16),
        (1000, 1000, 16),
        (1999, 1, 3),
        (1990, 10, 18),
    ];
    for (existing, missing, looks) in table {
        let world = World::new(folder());
        let there = "/d".repeat(existing);
        if existing > 0 {
            world.disk.plant_directory(&there[1..], 0o755);
            let mut way = String::new();
            for _ in 0..existing {
                way += "/d";
                let record = world
                    .engine
                    .new_record(&alice(), &path(&way), EntryKind::Directory);
                let put = vec![Change::Put(record)];
                world.metadata.apply(put).await.expect("recorded");
            }
        }
        let at = format!("{there}{}", "/x".repeat(missing));
        world.disk.asked();
        let found = world.engine.find(&path(&at)).await.expect("looked for");
        assert_eq!(found.ancestors.len(), existing + 1, "{existing} {missing}");
        assert_eq!(found.missing.len(), missing - 1, "{existing} {missing}");
        assert_eq!(
            found.missing.first().map(|top| top.depth()),
            (missing > 1).then_some(existing + 1)
        );
        let asked = world.disk.asked().len();
        assert!(asked <= looks, "{existing} {missing}: {asked}");
    }
}
