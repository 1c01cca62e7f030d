use super::*;
use crate::OpenedPath;
use crate::testing::*;

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
    let table: [(&str, ErrorKind, &[&str]); 6] = [
        ("/made/none", ErrorKind::NotFound, &[]),
        ("/a/b/c/none", ErrorKind::NotFound, &["list a/b"]),
        // What comes after it in the listing shows that the directory above is there.
        (
            "/a/b/aa/x/y",
            ErrorKind::NotFound,
            &["list a/b/aa", "list a/b"],
        ),
        ("/a/b/z/x", ErrorKind::NotFound, &["list a/b", "list a"]),
        ("/q/w/x", ErrorKind::NotFound, &["list q", "list "]),
        ("/a/b/c/one/x", ErrorKind::NotADirectory, &["list a/b/c"]),
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
    let opened = world.engine.open(&bob(), &path("/a/b")).await;
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
    assert_eq!(
        looks(&world),
        ["stat a/b/aa/x/y", "list a/b/aa", "list a/b"]
    );
    // They are recorded now.
    world
        .put(&admin(), "/a/b/aa/x/z", "new")
        .await
        .expect("stored");
    assert_eq!(looks(&world), ["stat a/b/aa/x/z"]);
    world.assert_quiet();
}

#[tokio::test]
async fn what_is_both_an_object_and_a_directory_holds_nothing_new() {
    let world = planted();
    world.disk.plant("a/b/c", "an object");
    assert_eq!(
        kind(world.put(&admin(), "/a/b/c/new", "x").await),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        world.get(&bob(), "/a/b/c/one").await.expect("an object"),
        "x"
    );
}
