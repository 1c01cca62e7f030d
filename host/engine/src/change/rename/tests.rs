use super::*;
use crate::testing::*;

#[tokio::test]
async fn a_subtree_moves_by_exact_bytes() {
    for world in [folder(), plain()].map(World::new) {
        for at in ["/DOCS/a", "/DOCS/ü/日本", "/DOCS/my%20file%20(1).txt"] {
            world.put(&alice(), at, at).await.expect("stored");
        }
        world.put(&bob(), "/docs/a", "bob's").await.expect("stored");
        world
            .put(&bob(), "/DOCS2/a", "bob's")
            .await
            .expect("stored");
        let moved = world
            .rename(&alice(), "/DOCS", "/Документы")
            .await
            .expect("moved");
        assert_eq!(moved.as_str(), "/Документы");
        let expected = [
            "/DOCS2 bob",
            "/DOCS2/a bob",
            "/docs bob",
            "/docs/a bob",
            "/Документы alice",
            "/Документы/a alice",
            "/Документы/my%20file%20(1).txt alice",
            "/Документы/ü alice",
            "/Документы/ü/日本 alice",
        ];
        assert_eq!(world.metadata.owners(), expected);
        assert_eq!(
            world
                .get(&alice(), "/Документы/ü/日本")
                .await
                .expect("moved"),
            "/DOCS/ü/日本"
        );
        assert_eq!(
            kind(world.get(&alice(), "/DOCS/a").await),
            ErrorKind::NotFound
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_destination_is_replaced_only_when_asked() {
    for world in [folder(), plain()].map(World::new) {
        for at in ["/a", "/b", "/dir/x", "/full/x"] {
            world.put(&alice(), at, at).await.expect("stored");
        }
        world.mkdir(&alice(), "/empty").await.expect("made");
        let over = |to: &str| RenameOptions {
            overwrite: true,
            ..move_to(to)
        };
        let rename = async |from: &str, options| {
            kind(world.engine.rename(&alice(), &path(from), options).await)
        };
        assert_eq!(rename("/a", move_to("/b")).await, ErrorKind::AlreadyExists);
        assert_eq!(
            rename("/dir", move_to("/empty")).await,
            ErrorKind::AlreadyExists
        );
        assert_eq!(rename("/a", over("/empty")).await, ErrorKind::IsADirectory);
        assert_eq!(rename("/dir", over("/a")).await, ErrorKind::NotADirectory);
        assert_eq!(
            rename("/dir", over("/full")).await,
            ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(
            rename("/dir/x", over("/dir")).await,
            ErrorKind::IsADirectory
        );
        assert_eq!(
            rename("/dir", move_to("/dir/in")).await,
            ErrorKind::BadRequest
        );
        assert_eq!(rename("/none", move_to("/c")).await, ErrorKind::NotFound);
        world.assert_quiet();
        world
            .engine
            .rename(&alice(), &path("/a"), over("/b"))
            .await
            .expect("replaced");
        world
            .engine
            .rename(&alice(), &path("/dir"), over("/empty"))
            .await
            .expect("replaced");
        assert_eq!(world.get(&alice(), "/b").await.expect("moved"), "/a");
        assert_eq!(
            world.get(&alice(), "/empty/x").await.expect("moved"),
            "/dir/x"
        );
        assert_eq!(
            world
                .rename(&alice(), "/b", "/b")
                .await
                .expect("nothing to do"),
            path("/b")
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn parents_are_made_only_when_asked() {
    for world in [folder(), plain()].map(World::new) {
        world.put(&alice(), "/a", "x").await.expect("stored");
        let error = world
            .rename(&alice(), "/a", "/new/deep/a")
            .await
            .expect_err("no parent");
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(
            error.message().starts_with("'/new/deep' does not exist"),
            "{error}"
        );
        let options = RenameOptions {
            create_parents: true,
            ..move_to("/new/deep/a")
        };
        world
            .engine
            .rename(&alice(), &path("/a"), options)
            .await
            .expect("moved");
        assert_eq!(
            world.metadata.owners(),
            ["/new alice", "/new/deep alice", "/new/deep/a alice"]
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn asks_at_both_ends() {
    let world = World::new(folder());
    world.put(&alice(), "/alices/a", "x").await.expect("stored");
    world.put(&bob(), "/bobs/b", "x").await.expect("stored");
    world.mkdir(&alice(), "/secret").await.expect("made");
    world.chmod(&alice(), "/secret", 0o700).await;
    for (from, to) in [
        ("/alices/a", "/bobs/a"),
        ("/bobs/b", "/alices/b"),
        ("/bobs/b", "/secret/none/b"),
    ] {
        assert_eq!(
            kind(world.rename(&bob(), from, to).await),
            ErrorKind::PermissionDenied,
            "{from} {to}"
        );
    }
    let over = RenameOptions {
        overwrite: true,
        ..move_to("/alices/a")
    };
    assert_eq!(
        kind(world.engine.rename(&bob(), &path("/bobs/b"), over).await),
        ErrorKind::PermissionDenied
    );
    world.assert_quiet();
}

#[tokio::test]
async fn mounts_stay_where_they_are() {
    let world = World::with(folder(), vec![("/x/y", Memory::new("other", folder()))]);
    world.put(&admin(), "/a", "x").await.expect("stored");
    assert_eq!(
        kind(world.rename(&admin(), "/", "/b").await),
        ErrorKind::BadRequest
    );
    for from in ["/x", "/x/y"] {
        assert_eq!(
            kind(world.rename(&admin(), from, "/x2/a").await),
            ErrorKind::PermissionDenied,
            "{from}"
        );
    }
    let over = RenameOptions {
        overwrite: true,
        ..move_to("/x/y")
    };
    assert_eq!(
        kind(world.engine.rename(&admin(), &path("/a"), over).await),
        ErrorKind::PermissionDenied
    );
    world
        .rename(&admin(), "/a", "/x/a")
        .await
        .expect("moved where only a mount made a directory");
    assert_eq!(world.disk.paths(), ["x", "x/a"]);
    world.assert_quiet();
}

#[tokio::test]
async fn a_destination_that_appears_meanwhile_is_not_replaced() {
    let world = World::new(folder());
    world.put(&alice(), "/a", "mine").await.expect("stored");
    world.disk.before_change(|disk| disk.plant("b", "theirs"));
    assert_eq!(
        kind(world.rename(&alice(), "/a", "/b").await),
        ErrorKind::AlreadyExists
    );
    assert_eq!(world.get(&alice(), "/b").await.expect("theirs"), "theirs");
    assert_eq!(world.metadata.owners(), ["/a alice"]);
    world.assert_quiet();
}

#[tokio::test]
async fn a_crash_heals_by_what_the_storage_did() {
    for carried_out in [true, false] {
        let world = World::new(folder());
        world.put(&alice(), "/dir/a", "x").await.expect("stored");
        let intent = Intent::Rename {
            from: path("/dir"),
            to: path("/moved"),
        };
        world
            .engine
            .metadata
            .apply(vec![Change::Begin([7; 16], intent)])
            .await
            .expect("begun");
        if carried_out {
            callfs_model::storage::Storage::rename(&world.disk, "dir", "moved", Condition::Always)
                .await
                .expect("moved");
        }
        for healed in [1, 0] {
            assert_eq!(world.engine.recover().await.expect("recovered"), healed);
        }
        let expected = if carried_out {
            ["/moved alice", "/moved/a alice"]
        } else {
            ["/dir alice", "/dir/a alice"]
        };
        assert_eq!(world.metadata.owners(), expected);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn an_intent_whose_storage_is_down_waits() {
    let world = World::new(folder());
    let intent = Intent::Rename {
        from: path("/dir"),
        to: path("/moved"),
    };
    world
        .engine
        .metadata
        .apply(vec![Change::Begin([7; 16], intent)])
        .await
        .expect("begun");
    world.disk.fail(ErrorKind::BackendUnavailable);
    assert_eq!(world.engine.recover().await.expect("asked"), 0);
    assert_eq!(world.metadata.intents_left(), 1);
}

/// A path of so many bytes below a directory.
fn deep(below: &str, length: usize) -> String {
    let mut path = below.to_owned();
    while path.len() + 201 < length {
        path.push('/');
        path.extend(std::iter::repeat_n('x', 199));
    }
    path.push('/');
    path.extend(std::iter::repeat_n('y', length - path.len()));
    path
}

#[tokio::test]
async fn a_move_that_leaves_something_without_a_path_is_refused_before_anything_moves() {
    let long = "n".repeat(200);
    let name = |length: usize| "n".repeat(length);
    for abilities in [folder(), plain()] {
        // What is long is recorded, stored, or both; the last length that fits, and one more.
        for (stored, recorded) in [(true, true), (true, false), (false, true)] {
            for (length, refused) in [(225, false), (226, true), (255, true)] {
                let world = World::new(abilities);
                world.mkdir(&bob(), "/team").await.expect("made");
                world.chmod(&bob(), "/team", 0o777).await;
                world.mkdir(&alice(), "/team/alice").await.expect("made");
                world
                    .put(&alice(), "/team/alice/a", "secret")
                    .await
                    .expect("stored");
                world.chmod(&alice(), "/team/alice/a", 0o600).await;
                world.chmod(&alice(), "/team/alice", 0o700).await;
                let at = deep("/team", 3876);
                world.put(&bob(), &at, "long").await.expect("stored");
                if !recorded {
                    let forget = Change::Remove(path(&at));
                    world
                        .engine
                        .metadata
                        .apply(vec![forget])
                        .await
                        .expect("forgotten");
                }
                if !stored {
                    world.disk.uproot(&at[1..]);
                }
                let to = format!("/{}", name(length - 1));
                let before = (world.disk.paths(), world.metadata.owners());
                let moved = world.rename(&bob(), "/team", &to).await;
                let what = format!("stored {stored}, recorded {recorded}, {length} bytes");
                if refused {
                    let error = moved.expect_err(&what);
                    assert_eq!(error.kind(), ErrorKind::BadRequest, "{what}");
                    assert!(!error.message().contains("xxx"), "{error}");
                    assert_eq!(
                        (world.disk.paths(), world.metadata.owners()),
                        before,
                        "{what}"
                    );
                } else {
                    moved.expect(&what);
                }
                let now = if refused { "/team" } else { &to };
                assert_eq!(
                    kind(world.get(&bob(), &format!("{now}/alice/a")).await),
                    ErrorKind::PermissionDenied,
                    "{what}"
                );
                world.assert_quiet();
            }
        }
    }
    // What has no path today may stay so, and links are not entered.
    let world = World::new(folder());
    world.mkdir(&bob(), "/team").await.expect("made");
    world.disk.plant(&deep("/team", 4090)[1..], "long");
    world.disk.plant(&deep("/team", 4200)[1..], "hidden");
    assert_eq!(
        kind(world.rename(&bob(), "/team", &format!("/{long}")).await),
        ErrorKind::BadRequest
    );
    world.rename(&bob(), "/team", "/te").await.expect("shorter");
    world.rename(&bob(), "/te", "/t1").await.expect("as long");
}

#[tokio::test]
async fn what_the_records_cannot_follow_is_moved_back() {
    for running in [true, false] {
        let world = World::new(folder());
        world
            .put(&alice(), "/team/a", "secret")
            .await
            .expect("stored");
        world.chmod(&alice(), "/team/a", 0o600).await;
        let to = format!("/{}", "n".repeat(254));
        let stray = || {
            let record =
                world
                    .engine
                    .new_record(&bob(), &path(&deep("/team", 3900)), EntryKind::File);
            vec![Change::Put(record)]
        };
        if running {
            // It is recorded by another process after the move was checked.
            let metadata = world.metadata.clone();
            let stray = stray();
            world.disk.before_change(move |_| metadata.put_now(stray));
            assert_eq!(
                kind(world.rename(&alice(), "/team", &to).await),
                ErrorKind::BadRequest
            );
        } else {
            let intent = Intent::Rename {
                from: path("/team"),
                to: path(&to),
            };
            let mut begun = stray();
            begun.push(Change::Begin([7; 16], intent));
            world.engine.metadata.apply(begun).await.expect("begun");
            callfs_model::storage::Storage::rename(
                &world.disk,
                "team",
                &to[1..],
                Condition::Always,
            )
            .await
            .expect("moved");
            assert_eq!(world.engine.recover().await.expect("recovered"), 1);
        }
        assert_eq!(
            world.get(&alice(), "/team/a").await.expect("back"),
            "secret"
        );
        assert_eq!(
            kind(world.get(&bob(), "/team/a").await),
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            kind(world.get(&alice(), &format!("{to}/a")).await),
            ErrorKind::NotFound
        );
        assert_eq!(world.engine.intents.left(), []);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_directory_that_the_storage_may_not_read_moves_with_the_one_that_holds_it() {
    let world = World::new(folder());
    world.mkdir(&alice(), "/d").await.expect("made");
    world.disk.plant("d/lost+found/x", "x");
    world.disk.close("d/lost+found");
    let moved = world.rename(&alice(), "/d", "/a-longer-name").await;
    moved.expect("moved");
    assert!(
        world
            .disk
            .paths()
            .contains(&"a-longer-name/lost+found/x".to_owned())
    );
}

#[tokio::test]
async fn a_move_answers_what_has_arrived() {
    for world in [folder(), plain()].map(World::new) {
        world.put(&alice(), "/a", "x").await.expect("stored");
        world.mkdir(&alice(), "/d").await.expect("made");
        for (from, to) in [("/a", "/b"), ("/d", "/e"), ("/b", "/b")] {
            let engine = &world.engine;
            let moved = engine.rename(&alice(), &path(from), move_to(to)).await;
            let moved = moved.expect("moved");
            let found = engine.stat(&alice(), &path(to)).await.expect("there");
            assert_eq!(moved, found, "{from} to {to}");
        }
    }
}
