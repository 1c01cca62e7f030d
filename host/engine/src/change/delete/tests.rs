use super::*;
use crate::Etags;
use crate::testing::*;

#[tokio::test]
async fn removes_files_and_empty_directories_with_their_records() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        world.put(&alice(), "/dir/a", "x").await.expect("stored");
        assert_eq!(
            kind(world.delete(&alice(), "/dir").await),
            ErrorKind::DirectoryNotEmpty
        );
        world.delete(&alice(), "/dir/a").await.expect("removed");
        assert_eq!(
            kind(world.get(&alice(), "/dir/a").await),
            ErrorKind::NotFound
        );
        world.mkdir(&alice(), "/dir/empty").await.expect("made");
        assert_eq!(
            kind(world.delete(&alice(), "/dir").await),
            ErrorKind::DirectoryNotEmpty
        );
        world.delete(&alice(), "/dir/empty").await.expect("removed");
        world.delete(&alice(), "/dir").await.expect("removed");
        assert!(world.disk.paths().is_empty() && world.metadata.owners().is_empty());
        assert_eq!(
            kind(world.delete(&alice(), "/dir").await),
            ErrorKind::NotFound
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_directory_that_only_looks_empty_says_why_it_stays() {
    let world = World::new(folder());
    world.mkdir(&alice(), "/dir").await.expect("made");
    world.disk.plant_unnamed("dir/\u{fffd}");
    for recursive in [false, true] {
        let removed = if recursive {
            world.delete_tree(&alice(), "/dir").await
        } else {
            world.delete(&alice(), "/dir").await
        };
        let error = removed.expect_err("not empty");
        assert_eq!(error.kind(), ErrorKind::DirectoryNotEmpty);
        assert!(
            error.message().contains("names that are not served"),
            "{error}"
        );
    }
    // A client that sees the entries needs no reason.
    world.put(&alice(), "/dir/a", "x").await.expect("stored");
    let error = world.delete(&alice(), "/dir").await.expect_err("not empty");
    assert_eq!(error.message(), "'/dir' is not empty");
}

/// Another program may put another directory in the place of one while that is being removed: what
/// is in it under the same names is not what was asked about.
#[tokio::test]
async fn what_takes_the_place_of_a_tree_meanwhile_stays() {
    const MANY: usize = 600;
    let world = World::new(folder());
    world.mkdir(&alice(), "/t").await.expect("made");
    let names = || (0..MANY).map(|number| format!("t/{number:04}"));
    names().for_each(|name| world.disk.plant(&name, "hers"));
    world.disk.before_change(move |disk| {
        disk.uproot("t");
        disk.plant_directory("t", 0o700);
        names().for_each(|name| disk.plant(&name, "another's"));
    });
    let refused = world.delete_tree(&alice(), "/t").await;
    refused.expect_err("it is another directory");
    assert!(names().all(|name| world.disk.has(&name)));
}

/// The same of a directory in the tree, between the look at it and the look into it.
#[tokio::test]
async fn what_takes_the_place_of_a_directory_in_a_tree_meanwhile_stays() {
    let world = World::new(folder());
    world.put(&alice(), "/t/a", "x").await.expect("stored");
    world.put(&alice(), "/t/d/b", "x").await.expect("stored");
    world.disk.before_change(|disk| {
        disk.uproot("t/d");
        disk.plant_directory("t/d", 0o777);
        disk.plant("t/d/another's", "x");
    });
    world
        .delete_tree(&admin(), "/t")
        .await
        .expect_err("it is another directory");
    assert!(world.disk.has("t/d/another's") && !world.disk.has("t/a"));
    world.assert_quiet();
}

/// Each directory of a deep tree has a way that is as long as it is deep, and is not looked at
/// along all of it: that would be 40,000 looks here.
#[tokio::test]
async fn a_deep_tree_takes_looks_in_proportion_to_its_names() {
    const LEVELS: usize = 200;
    let world = World::new(folder());
    let mut at = String::from("t");
    for _ in 0..LEVELS {
        world.disk.plant(&format!("{at}/f"), "x");
        at += "/d";
    }
    world.disk.asked();
    world.delete_tree(&admin(), "/t").await.expect("removed");
    let asked = world.disk.asked();
    let looks = asked.iter().filter(|asked| asked.starts_with("stat "));
    let looks = looks.count();
    assert!(looks < 50 * LEVELS, "{looks}");
    assert!(world.disk.paths().is_empty());
    world.assert_quiet();
}

/// A file that another program goes on writing to can be removed.
#[tokio::test]
async fn what_changes_in_place_meanwhile_is_removed() {
    for recursive in [false, true] {
        let world = World::new(folder());
        world.put(&alice(), "/t/log", "1").await.expect("stored");
        world.disk.before_change(|disk| disk.rewrite("t/log", "12"));
        let removed = if recursive {
            world.delete_tree(&alice(), "/t").await
        } else {
            world.delete(&alice(), "/t/log").await
        };
        removed.expect("removed");
        assert!(!world.disk.has("t/log"));
    }
}

#[tokio::test]
async fn forgets_what_is_recorded_below_and_not_there() {
    for world in [folder(), bucket()].map(World::new) {
        world
            .put(&alice(), "/dir/stale", "x")
            .await
            .expect("stored");
        world.disk.uproot("dir/stale");
        world.delete(&alice(), "/dir").await.expect("removed");
        assert!(world.metadata.owners().is_empty());
    }
}

#[tokio::test]
async fn asks_before_it_tells() {
    let world = World::new(folder());
    world.put(&alice(), "/secret/a", "x").await.expect("stored");
    world.put(&alice(), "/mine", "x").await.expect("stored");
    world.chmod(&alice(), "/secret", 0o700).await;
    for at in ["/secret/a", "/secret/none", "/mine", "/"] {
        assert_eq!(
            kind(world.delete(&bob(), at).await),
            ErrorKind::PermissionDenied,
            "{at}"
        );
    }
    assert!(world.disk.has("mine"));
    world.assert_quiet();
}

#[tokio::test]
async fn honours_preconditions() {
    for world in [folder(), plain()].map(World::new) {
        world.put(&alice(), "/a", "x").await.expect("stored");
        let when = |precondition| DeleteOptions {
            precondition,
            ..DeleteOptions::default()
        };
        let unless_there = Precondition {
            if_none_match: Some(Etags::Any),
            ..Precondition::default()
        };
        let result = world
            .engine
            .delete(&alice(), &path("/a"), when(unless_there))
            .await;
        assert_eq!(kind(result), ErrorKind::PreconditionFailed);
        let if_there = Precondition {
            if_match: Some(Etags::Any),
            ..Precondition::default()
        };
        world
            .engine
            .delete(&alice(), &path("/a"), when(if_there))
            .await
            .expect("removed");
    }
}

#[tokio::test]
async fn leaves_mounts_and_removes_links() {
    let world = World::with(folder(), vec![("/x/y", Memory::new("other", folder()))]);
    for at in ["/", "/x", "/x/y"] {
        let error = world.delete(&admin(), at).await.expect_err("mounted");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.message().contains("mount point"), "{error}");
    }
    world.disk.plant_link("link");
    world.delete(&admin(), "/link").await.expect("removed");
    assert!(!world.disk.has("link"));
    world.assert_quiet();
}

async fn planted(world: &World) {
    for at in ["/top/a", "/top/b/c", "/top/b/d/e", "/top-x", "/top.x"] {
        world.put(&alice(), at, "x").await.expect("stored");
    }
    world.mkdir(&alice(), "/top/empty").await.expect("made");
}

#[tokio::test]
async fn removes_trees_with_their_records() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        planted(&world).await;
        for number in 0..600 {
            world.disk.plant(&format!("top/many/{number}"), "found");
        }
        world.delete_tree(&admin(), "/top").await.expect("removed");
        assert_eq!(world.disk.paths(), ["top-x", "top.x"]);
        assert_eq!(world.metadata.owners(), ["/top-x alice", "/top.x alice"]);
        assert_eq!(
            kind(world.delete_tree(&alice(), "/top").await),
            ErrorKind::NotFound
        );
        world
            .delete_tree(&alice(), "/top-x")
            .await
            .expect("a file is removed, too");
        assert_eq!(world.disk.paths(), ["top.x"]);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn removes_nothing_of_a_tree_if_anything_in_it_is_denied() {
    let world = World::new(folder());
    planted(&world).await;
    // Alice may not write into one directory, and may not look into another.
    for (closed, mode) in [("/top/b/d", 0o500), ("/top/empty", 0o300)] {
        world.chmod(&alice(), closed, mode).await;
        let paths = world.disk.paths();
        let owners = world.metadata.owners();
        world.disk.asked();
        let error = world
            .delete_tree(&alice(), "/top")
            .await
            .expect_err("denied");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.message().contains(closed), "{error}");
        assert!(
            !world
                .disk
                .asked()
                .iter()
                .any(|asked| asked.starts_with("remove"))
        );
        assert_eq!(
            (world.disk.paths(), world.metadata.owners()),
            (paths, owners)
        );
        world.chmod(&alice(), closed, 0o700).await;
    }
    world.delete_tree(&alice(), "/top").await.expect("removed");
    world.assert_quiet();
}

#[tokio::test]
async fn removes_links_in_a_tree_and_never_enters_them() {
    let world = World::new(folder());
    world.disk.plant("top/x", "x");
    world.disk.plant_special("top/pipe");
    world.disk.plant_link("top/link");
    world.disk.plant("top/link/behind", "x");
    world.disk.plant_link("link");
    world.disk.plant("link/behind", "x");
    world.disk.asked();
    for at in ["/link", "/top"] {
        // What is behind the link keeps this storage, which knows no links, from removing what
        // holds it.
        let _ = world.delete_tree(&admin(), at).await;
    }
    assert_eq!(
        world.disk.paths(),
        ["link/behind", "top", "top/link/behind"]
    );
    let asked = world.disk.asked();
    assert!(
        !asked
            .iter()
            .any(|asked| asked == "list link" || asked == "list top/link"),
        "{asked:?}"
    );
    world.assert_quiet();
}

#[tokio::test]
async fn a_tree_with_a_mount_stays() {
    let world = World::with(folder(), vec![("/top/x/y", Memory::new("other", folder()))]);
    world.disk.plant("top/a", "x");
    for at in ["/", "/top", "/top/x", "/top/x/y"] {
        let error = world.delete_tree(&admin(), at).await.expect_err("mounted");
        assert!(error.message().contains("mount point"), "{error}");
    }
    assert!(world.disk.has("top/a"));
}

#[tokio::test]
async fn a_removal_that_fails_leaves_a_smaller_tree_that_agrees_with_its_records() {
    let world = World::new(folder());
    planted(&world).await;
    world
        .disk
        .before_change(|disk| disk.before_change(|disk| disk.fail(ErrorKind::BackendUnavailable)));
    assert_eq!(
        kind(world.delete_tree(&alice(), "/top").await),
        ErrorKind::BackendUnavailable
    );
    assert!(world.disk.has("top/b/d") && !world.disk.has("top/a") && !world.disk.has("top/b/c"));
    assert_eq!(world.metadata.record("/top/a"), None);
    assert_eq!(world.metadata.record("/top/b/c"), None);
    assert!(world.metadata.record("/top/b/d").is_some());
    world.assert_quiet();
}

#[tokio::test]
async fn what_others_add_meanwhile_is_asked_about() {
    let world = World::new(folder());
    world.put(&alice(), "/top/a", "x").await.expect("stored");
    world.put(&alice(), "/top/d/e", "x").await.expect("stored");
    world
        .disk
        .before_change(|disk| disk.plant("top/d/sub/theirs", "x"));
    assert_eq!(
        kind(world.delete_tree(&alice(), "/top").await),
        ErrorKind::PermissionDenied
    );
    assert!(world.disk.has("top/d/sub/theirs") && !world.disk.has("top/a"));
}

#[tokio::test]
async fn what_is_recorded_of_a_bucket_is_looked_at_once() {
    let world = World::new(bucket());
    world.put(&admin(), "/made", "x").await.expect("stored");
    world.disk.plant("found", "x");
    for (at, asked) in [
        ("/made", &["stat made", "remove made"][..]),
        ("/found", &["stat found", "stat found", "remove found"][..]),
    ] {
        world.disk.asked();
        world.delete(&admin(), at).await.expect("removed");
        assert_eq!(world.disk.asked(), asked, "{at}");
    }
    assert!(world.disk.paths().is_empty());
    world.assert_quiet();
}

#[tokio::test]
async fn only_one_of_two_removes_a_file() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        world.put(&admin(), "/made", "x").await.expect("stored");
        world.disk.plant("found", "x");
        let who = admin();
        for at in ["/made", "/found"] {
            let (one, other) = tokio::join!(world.delete(&who, at), world.delete(&who, at));
            let lost = match (one, other) {
                (Ok(()), lost) | (lost, Ok(())) => kind(lost),
                (one, other) => panic!("{at}: {one:?}, {other:?}"),
            };
            assert_eq!(lost, ErrorKind::NotFound, "{at}");
        }
        world.assert_quiet();
    }
}
