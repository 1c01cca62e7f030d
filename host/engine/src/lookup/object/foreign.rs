//! Other programs put objects where something was recorded: they are adopted, and never somebody's
//! by a record of something else.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::source::Source;
use sha2::{Digest, Sha256};

use crate::testing::*;
use crate::{AttributeChange, ListOptions, PutOptions};

/// Who may read it, and who owns it.
async fn seen(world: &World, at: &str) -> (String, u32, [bool; 2]) {
    let info = world.engine.stat(&admin(), &path(at)).await.expect("there");
    let mut readers = [false; 2];
    for (who, may) in [alice(), bob()].iter().zip(&mut readers) {
        *may = world.get(who, at).await.is_ok();
        let listed = listed(world, who, at).await;
        assert!(listed.is_some(), "{at} is listed");
    }
    (info.owner, info.mode, readers)
}

/// The owner and the mode of a path in the listing of its directory.
async fn listed(world: &World, who: &Identity, at: &str) -> Option<(String, u32)> {
    let at = path(at);
    let options = ListOptions {
        limit: 100,
        ..ListOptions::default()
    };
    let directory = at.parent().expect("not the root");
    let listing = world.engine.list(who, &directory, options).await.ok()?;
    let item = listing.items.into_iter().find(|item| item.path == at)?;
    Some((item.owner, item.mode))
}

/// Opens a path to everyone.
async fn opened(world: &World, who: &Identity, at: &str) -> Result<()> {
    let change = AttributeChange {
        mode: Some(0o666),
        ..AttributeChange::default()
    };
    world
        .engine
        .change_attributes(who, &path(at), change, &Default::default())
        .await
        .map(drop)
}

#[tokio::test]
async fn a_file_that_takes_the_place_of_a_recorded_one_is_adopted() {
    // How the recorded one came there, and how it went.
    for replaced in [false, true] {
        for gone in ["removed", "removed and asked for", "renamed over"] {
            let world = World::new(folder());
            world.chmod(&admin(), "/", 0o1777).await;
            world.put(&alice(), "/inbox", "hers").await.expect("stored");
            if replaced {
                world.put(&alice(), "/inbox", "hers").await.expect("stored");
            }
            if gone != "renamed over" {
                world.disk.uproot("inbox");
            }
            if gone == "removed and asked for" {
                assert_eq!(
                    kind(world.get(&alice(), "/inbox").await),
                    ErrorKind::NotFound
                );
            }
            world.disk.plant_mode("inbox", "of another program", 0o600);
            let adopted = ("root".to_owned(), 0o600);
            assert_eq!(
                seen(&world, "/inbox").await,
                (adopted.0.clone(), adopted.1, [false, false]),
                "{gone}"
            );
            let listed = listed(&world, &bob(), "/inbox").await;
            assert_eq!(listed, Some(adopted), "{gone}");
            for refused in [
                world.put(&alice(), "/inbox", "again").await.map(drop),
                world.delete(&alice(), "/inbox").await,
                opened(&world, &alice(), "/inbox").await,
            ] {
                assert_eq!(kind(refused), ErrorKind::PermissionDenied, "{gone}");
            }
            // What the administrator makes of it is recorded of the one that is there.
            world.chmod(&admin(), "/inbox", 0o644).await;
            assert_eq!(
                seen(&world, "/inbox").await,
                ("root".into(), 0o644, [true, true])
            );
        }
    }
}

#[tokio::test]
async fn a_directory_that_takes_the_place_of_a_recorded_one_closes_what_is_in_it() {
    for deep in [false, true] {
        for below in ["/d/secret", "/d/in/secret"] {
            let world = World::new(folder());
            let top = if deep { "/top" } else { "" };
            world
                .put(&alice(), &format!("{top}/d/in/own"), "hers")
                .await
                .expect("stored");
            let disk = |at: &str| format!("{top}{at}")[1..].to_owned();
            world.disk.uproot(&disk("/d"));
            world.disk.plant_directory(&disk("/d"), 0o700);
            world
                .disk
                .plant_mode(&disk(below), "of another program", 0o644);
            let at = format!("{top}{below}");
            for who in [alice(), bob()] {
                let refusals = [
                    world.get(&who, &at).await.map(drop),
                    world.put(&who, &at, "x").await.map(drop),
                    world
                        .put(&who, &format!("{top}/d/new"), "x")
                        .await
                        .map(drop),
                    world.mkdir(&who, &format!("{top}/d/new")).await.map(drop),
                    world.delete(&who, &at).await,
                    world.engine.stat(&who, &path(&at)).await.map(drop),
                    world.get(&who, &format!("{top}/d/none")).await.map(drop),
                ];
                for refused in refusals {
                    assert_eq!(kind(refused), ErrorKind::PermissionDenied, "{at}");
                }
                let directory = format!("{top}/d");
                let options = ListOptions {
                    limit: 10,
                    ..ListOptions::default()
                };
                let listing = world.engine.list(&who, &path(&directory), options).await;
                assert_eq!(kind(listing), ErrorKind::PermissionDenied);
                let options = ListOptions {
                    recursive: true,
                    limit: 10,
                    ..ListOptions::default()
                };
                let listing = world.engine.list(&who, &path("/"), options).await;
                let listing = listing.expect("listed");
                let inside = path(&directory);
                assert!(
                    listing
                        .items
                        .iter()
                        .all(|item| item.path == inside || !item.path.is_within(&inside)),
                    "{listing:?}"
                );
            }
            assert_eq!(
                world
                    .get(&admin(), &at)
                    .await
                    .expect("open to the administrator"),
                "of another program"
            );
        }
    }
}

#[tokio::test]
async fn what_is_changed_in_place_or_restored_stays_whose_it_was() {
    let world = World::new(folder());
    world.put(&alice(), "/a", "hers").await.expect("stored");
    world.chmod(&alice(), "/a", 0o600).await;
    world.disk.rewrite("a", "edited by another program");
    assert_eq!(
        seen(&world, "/a").await,
        ("alice".into(), 0o600, [true, false])
    );
    // Another folder with the same files in it.
    world.disk.identify(Some([7; 16]));
    world.disk.uproot("a");
    world.disk.plant_mode("a", "restored", 0o600);
    assert_eq!(
        seen(&world, "/a").await,
        ("alice".into(), 0o600, [true, false])
    );
    // From the next change on it is known again.
    world.put(&alice(), "/a", "hers").await.expect("stored");
    world.disk.uproot("a");
    world.disk.plant_mode("a", "of another program", 0o600);
    assert_eq!(
        seen(&world, "/a").await,
        ("root".into(), 0o600, [false, false])
    );
}

#[tokio::test]
async fn the_own_changes_of_a_caller_keep_what_is_theirs() {
    for abilities in [folder(), plain(), bucket()] {
        let world = World::new(abilities);
        world.put(&alice(), "/d/a", "1").await.expect("stored");
        world.chmod(&alice(), "/d/a", 0o600).await;
        world.put(&alice(), "/d/a", "2").await.expect("replaced");
        if abilities.rename {
            for (from, to) in [("/d/a", "/d/b"), ("/d", "/e")] {
                world.rename(&alice(), from, to).await.expect("moved");
            }
        } else {
            world.put(&alice(), "/e/b", "2").await.expect("stored");
            world.chmod(&alice(), "/e/b", 0o600).await;
        }
        assert_eq!(
            seen(&world, "/e/b").await,
            ("alice".into(), 0o600, [true, false])
        );
        world.delete(&alice(), "/e/b").await.expect("removed");
        world.put(&alice(), "/e/b", "3").await.expect("made anew");
        assert_eq!(world.get(&alice(), "/e/b").await.expect("hers"), "3");
    }
}

#[tokio::test]
async fn a_digest_is_that_of_the_bytes_or_is_not_told() {
    let world = World::new(folder());
    let told = async |at: &str| {
        let info = world.engine.stat(&alice(), &path(at)).await.expect("there");
        info.sha256
    };
    let right: [u8; 32] = Sha256::digest(b"hers").into();
    world.put(&alice(), "/a", "hers").await.expect("stored");
    assert_eq!(told("/a").await, Some(right));
    world.chmod(&alice(), "/a", 0o640).await;
    assert_eq!(
        told("/a").await,
        Some(right),
        "another mode, the same bytes"
    );
    world.rename(&alice(), "/a", "/b").await.expect("moved");
    assert_eq!(
        told("/b").await,
        Some(right),
        "another name, the same bytes"
    );
    world.disk.rewrite_unseen("b", "hers, not");
    assert_eq!(told("/b").await, None);
    world.chmod(&alice(), "/b", 0o600).await;
    assert_eq!(told("/b").await, None, "and not by another change either");
    world.rename(&alice(), "/b", "/c").await.expect("moved");
    assert_eq!(told("/c").await, None);
}

#[tokio::test]
async fn an_entity_tag_is_that_of_one_version_whatever_time_is_set() {
    let world = World::new(folder());
    let told = async |at: &str| {
        let info = world.engine.stat(&alice(), &path(at)).await.expect("there");
        info.etag.expect("files have one")
    };
    world.put(&alice(), "/a", "hers").await.expect("stored");
    let first = told("/a").await;
    world.chmod(&alice(), "/a", 0o640).await;
    assert_eq!(told("/a").await, first, "another mode");
    world.rename(&alice(), "/a", "/b").await.expect("moved");
    assert_eq!(told("/b").await, first, "another name");
    let mut seen = vec![first];
    for bytes in ["hers, not", "hers, no", "hers"] {
        world.disk.rewrite_unseen("b", bytes);
        let now = told("/b").await;
        assert!(!seen.contains(&now), "{bytes}: {now} of {seen:?}");
        let options = ListOptions {
            limit: 10,
            ..ListOptions::default()
        };
        let listing = world.engine.list(&alice(), &path("/"), options).await;
        let item = listing.expect("listed").items.pop().expect("an entry");
        assert_eq!(item.etag, Some(now.clone()), "as in a listing");
        seen.push(now);
    }
    let stored = world.put(&alice(), "/b", "again").await.expect("stored");
    assert_eq!(stored.info.etag, Some(told("/b").await));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_never_takes_what_is_being_replaced_for_another_programs() {
    let world = World::new(folder());
    world.put(&alice(), "/a", "0").await.expect("stored");
    world.chmod(&alice(), "/a", 0o600).await;
    let engine = world.engine.clone();
    let writer = tokio::spawn(async move {
        for number in 0..200 {
            let (who, at) = (alice(), path("/a"));
            let body = Source::from_bytes(number.to_string());
            let put = engine.put(&who, &at, body, PutOptions::default());
            put.await.expect("replaced");
        }
    });
    while !writer.is_finished() {
        world.get(&alice(), "/a").await.expect("hers at any time");
        let denied = world.get(&bob(), "/a").await;
        assert_eq!(kind(denied), ErrorKind::PermissionDenied);
        tokio::task::yield_now().await;
    }
    writer.await.expect("wrote");
}

/// A directory that takes the place of another one is adopted, also if it has the objects of that.
#[tokio::test]
async fn a_directory_that_takes_recorded_objects_in_is_adopted() {
    for asks in [false, true] {
        let world = World::new(folder());
        if asks {
            world.disk.ask_for_each();
        }
        world.chmod(&admin(), "/", 0o1777).await;
        let file = "/top/mid/file";
        world.put(&alice(), file, "hers").await.expect("stored");
        assert!(world.get(&bob(), file).await.is_ok());
        // Under the names that it had, in a new directory that is closed.
        world.disk.replace_directory("top", 0o700);
        let options = ListOptions {
            limit: 100,
            ..ListOptions::default()
        };
        for who in [alice(), bob()] {
            let denied = ErrorKind::PermissionDenied;
            let at = path(file);
            assert_eq!(kind(world.get(&who, file).await), denied, "{asks}");
            assert_eq!(kind(world.engine.stat(&who, &at).await), denied, "{asks}");
            assert_eq!(kind(world.put(&who, file, "x").await), denied, "{asks}");
            assert_eq!(kind(opened(&world, &who, file).await), denied, "{asks}");
            let directory = path("/top/mid");
            let listed = world.engine.list(&who, &directory, options.clone());
            assert_eq!(kind(listed.await), denied, "{asks}");
        }
        assert_eq!(world.get(&admin(), file).await.expect("there"), "hers");
    }
}
