use callfs_model::metadata::Change;

use super::*;
use crate::testing::*;
use crate::{ListOptions, OpenedPath};

/// What was looked at in a bucket, without what was changed.
fn looks(world: &World) -> Vec<String> {
    let is_look = |asked: &String| {
        ["stat ", "read ", "list "]
            .iter()
            .any(|what| asked.starts_with(what))
    };
    world.disk.asked().into_iter().filter(is_look).collect()
}

fn planted() -> World {
    let world = World::new(bucket());
    world.disk.plant("a/b/c/one", "x");
    world.disk.asked();
    world
}

#[tokio::test]
async fn what_is_missing_is_looked_for_once() {
    let world = planted();
    world.mkdir(&alice(), "/made").await.expect("made");
    let table: [(&str, ErrorKind, &[&str]); 7] = [
        ("/made/none", ErrorKind::NotFound, &["list made"]),
        // What comes after it in the listing shows that the directory is there.
        ("/a/b/c/none", ErrorKind::NotFound, &["list a/b/c"]),
        ("/a/b/c/z", ErrorKind::NotFound, &["list a/b/c", "list a/b"]),
        (
            "/a/b/aa/x/y",
            ErrorKind::NotFound,
            &["list a/b/aa/x", "list a/b/aa", "list a/b"],
        ),
        (
            "/a/b/z/x",
            ErrorKind::NotFound,
            &["list a/b/z", "list a/b", "list a"],
        ),
        (
            "/q/w/x",
            ErrorKind::NotFound,
            &["list q/w", "list q", "list "],
        ),
        (
            "/a/b/c/one/x",
            ErrorKind::NotADirectory,
            &["list a/b/c/one", "list a/b/c"],
        ),
    ];
    for (at, expected, more) in table {
        looks(&world);
        assert_eq!(kind(world.get(&bob(), at).await), expected, "{at}");
        let read = format!("read {}", &at[1..]);
        let mut all = vec![read.as_str()];
        all.extend(more);
        assert_eq!(looks(&world), all, "{at}");
    }
}

#[tokio::test]
async fn the_topmost_missing_directory_is_named() {
    let world = planted();
    for (at, top) in [("/a/b/aa/x/y", "/a/b/aa"), ("/a/z/x", "/a/z")] {
        let error = world.get(&bob(), at).await.expect_err("missing");
        let named = format!("there is no directory '{top}'");
        assert!(error.message().contains(&named), "{error}");
    }
}

#[tokio::test]
async fn a_directory_that_could_not_be_opened_as_a_file_is_not_looked_at_again() {
    let world = planted();
    let opened = world.engine.open(&bob(), &path("/a/b"), None).await;
    assert!(matches!(opened, Ok(OpenedPath::Directory(_))));
    assert_eq!(looks(&world), ["read a/b"]);
}

#[tokio::test]
async fn directories_on_the_way_to_something_new_are_looked_for_once() {
    let world = planted();
    world
        .put(&admin(), "/a/b/aa/x/y", "new")
        .await
        .expect("stored");
    assert_eq!(looks(&world), ["list a/b/aa/x", "list a/b/aa", "list a/b"]);
    // They are recorded now.
    world
        .put(&admin(), "/a/b/aa/x/z", "new")
        .await
        .expect("stored");
    assert_eq!(looks(&world), ["list a/b/aa/x"]);
    // What comes after it shows that the directory is there.
    for at in ["/a/b/c/new", "/a/b/c/one"] {
        world.put(&admin(), at, "new").await.expect("stored");
        assert_eq!(looks(&world), ["list a/b/c"], "{at}");
    }
    world.assert_quiet();
}

#[tokio::test]
async fn a_page_of_names_shows_that_their_directory_is_there() {
    let world = planted();
    world.disk.plant("a/b/c/two", "x");
    let whole = || ListOptions {
        limit: 9,
        ..Default::default()
    };
    let list = async |at: &str, options| world.list(&bob(), at, options).await;
    looks(&world);
    assert_eq!(
        list("/a/b/c", whole()).await.expect("listed"),
        ["a/b/c/one", "a/b/c/two"]
    );
    assert_eq!(looks(&world), ["list a/b/c"]);
    let after = ListOptions {
        after: Some(path("/a/b/c/one")),
        ..whole()
    };
    assert_eq!(list("/a/b/c", after).await.expect("listed"), ["a/b/c/two"]);
    assert_eq!(looks(&world), ["list a/b/c"]);
    assert_eq!(kind(list("/a/z", whole()).await), ErrorKind::NotFound);
    assert_eq!(looks(&world), ["list a/z", "list "]);
    assert_eq!(
        kind(list("/a/b/c/one", whole()).await),
        ErrorKind::NotADirectory
    );
}

#[tokio::test]
async fn a_recorded_file_is_not_listed_though_something_is_below_its_key() {
    let world = planted();
    world.put(&alice(), "/file", "x").await.expect("stored");
    world.disk.plant("file/below", "x");
    let listed = world.list(&bob(), "/file", ListOptions::default()).await;
    assert_eq!(kind(listed), ErrorKind::NotADirectory);
}

#[tokio::test]
async fn a_page_of_names_is_not_shown_by_the_rights_of_what_came_after_it() {
    for closed in ["/d", "/d/e"] {
        let world = World::new(bucket());
        world.put(&alice(), "/d/e/x", "x").await.expect("stored");
        world.chmod(&alice(), closed, 0o700).await;
        world.disk.asked();
        let who = bob();
        let at = path("/d/e");
        let mut gone = false;
        let list = world.engine.list(&who, &at, ListOptions::default());
        let listed = world.steps.drive(list, async || {
            // The page was fetched, and nothing was looked up after it.
            if !gone && world.disk.asked().iter().any(|asked| asked == "list d/e") {
                gone = true;
                world.disk.uproot("d");
                let mut record = world.metadata.record(closed).expect("recorded");
                record.mode = 0o755;
                world.metadata.put_now(vec![Change::Put(record)]);
            }
        });
        if let Ok(listing) = listed.await {
            assert!(listing.items.is_empty(), "{closed}");
        }
        assert!(gone, "{closed}");
    }
}

#[tokio::test]
async fn what_was_stored_after_the_parent_was_listed_is_not_taken_for_missing() {
    let world = World::new(bucket());
    world.put(&alice(), "/other", "x").await.expect("stored");
    let mut record = world.metadata.record("/other").expect("recorded");
    record.path = path("/new");
    record.object = None;
    let who = bob();
    world.disk.asked();
    let mut stored = false;
    let put = world
        .steps
        .drive(world.put(&who, "/new", "bob's"), async || {
            // The parent was listed, and the record is looked up after it.
            if !stored && world.disk.asked().iter().any(|asked| asked == "list ") {
                stored = true;
                world.disk.plant("new", "alice's");
                world.metadata.put_now(vec![Change::Put(record.clone())]);
            }
        });
    assert_eq!(kind(put.await), ErrorKind::PermissionDenied);
    assert!(stored);
    assert_eq!(world.get(&alice(), "/new").await.expect("hers"), "alice's");
    let kept = world.metadata.record("/new").expect("recorded");
    assert_eq!(kept.owner, record.owner);
}

#[tokio::test]
async fn a_file_in_the_place_of_a_recorded_directory_is_written() {
    let world = World::new(bucket());
    world.mkdir(&alice(), "/d").await.expect("made");
    world.disk.uproot("d");
    world.disk.plant("d", "another program's");
    world.put(&admin(), "/d", "new").await.expect("stored");
    assert_eq!(world.get(&admin(), "/d").await.expect("a file"), "new");
}
