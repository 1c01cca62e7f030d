use super::*;
use crate::ListOptions;
use crate::lookup::name_order::just_before;
use crate::testing::*;

fn deep() -> ListOptions {
    ListOptions {
        recursive: true,
        limit: 1000,
        ..ListOptions::default()
    }
}

fn flat() -> ListOptions {
    ListOptions {
        limit: 1000,
        ..ListOptions::default()
    }
}

/// Names that sort around a slash.
const FILES: [&str; 13] = [
    "a b/x", "a!", "a-/-", "a-/x/y", "a--/z", "a.txt", "a/b", "a/b.c/d", "a0", "aa/a", "b", "ä/ö",
    "日本",
];

async fn planted(world: &World) -> Vec<String> {
    for file in FILES {
        world.disk.plant(file, "x");
    }
    let mut all: Vec<String> = FILES.iter().map(|&file| file.to_owned()).collect();
    all.extend(["a b", "a", "a-", "a-/x", "a--", "a/b.c", "aa", "ä"].map(Into::into));
    all.sort();
    all
}

#[tokio::test]
async fn goes_in_byte_order_of_the_full_paths() {
    for world in [folder(), bucket()].map(World::new) {
        let all = planted(&world).await;
        assert_eq!(
            world.list(&admin(), "/", deep()).await.expect("listed"),
            all
        );
        let top: Vec<&String> = all.iter().filter(|path| !path.contains('/')).collect();
        assert_eq!(
            world
                .list(&admin(), "/", flat())
                .await
                .expect("listed")
                .iter()
                .collect::<Vec<_>>(),
            top
        );
        let two: Vec<&String> = all
            .iter()
            .filter(|path| path.matches('/').count() < 2)
            .collect();
        let options = ListOptions {
            max_depth: Some(2),
            ..deep()
        };
        assert_eq!(
            world
                .list(&admin(), "/", options)
                .await
                .expect("listed")
                .iter()
                .collect::<Vec<_>>(),
            two
        );
        assert_eq!(
            world.list(&admin(), "/a-", deep()).await.expect("listed"),
            ["a-/-", "a-/x", "a-/x/y"]
        );
    }
}

#[tokio::test]
async fn resumes_anywhere() {
    for (max_depth, world) in [None, Some(1), Some(2)].map(|depth| (depth, World::new(folder()))) {
        planted(&world).await;
        let whole = ListOptions {
            max_depth,
            ..deep()
        };
        let all = world
            .list(&admin(), "/", whole.clone())
            .await
            .expect("listed");
        for limit in [1, 2, 3, 7] {
            let mut pages = Vec::new();
            let mut after = None;
            loop {
                let options = ListOptions {
                    after,
                    limit,
                    ..whole.clone()
                };
                let page = world
                    .engine
                    .list(&admin(), &path("/"), options)
                    .await
                    .expect("listed");
                assert!(page.items.len() <= limit);
                pages.extend(
                    page.items
                        .iter()
                        .map(|info| info.path.as_str()[1..].to_owned()),
                );
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            assert_eq!(pages, all, "{limit} at a time");
        }
        // Also after what is no longer there, or never was.
        for after in [
            "a", "a-", "a.", "a/b.b", "a-/x/y/z", "a!/none", "zz", "aa/0", "a b", "日本/x",
        ] {
            let options = ListOptions {
                after: Some(path(&format!("/{after}"))),
                ..whole.clone()
            };
            let rest: Vec<&String> = all.iter().filter(|path| path.as_str() > after).collect();
            let listed = world.list(&admin(), "/", options).await.expect("listed");
            assert_eq!(listed.iter().collect::<Vec<_>>(), rest, "after {after}");
        }
        let elsewhere = ListOptions {
            after: Some(path("/b")),
            ..deep()
        };
        assert_eq!(
            kind(world.list(&admin(), "/a", elsewhere).await),
            ErrorKind::BadRequest
        );
    }
}

#[tokio::test]
async fn resumes_without_walking_what_is_before() {
    let world = World::new(folder());
    for number in 0..3000 {
        world.disk.plant(&format!("d/{number:04}"), "x");
    }
    for end in ["", "-x", "z/q"] {
        world.disk.plant(&format!("e{end}"), "x");
    }
    world.disk.asked();
    let options = ListOptions {
        after: Some(path("/d/2998")),
        ..deep()
    };
    assert_eq!(
        world.list(&admin(), "/", options).await.expect("listed"),
        ["d/2999", "e", "e-x", "ez", "ez/q"]
    );
    // Each directory on the way twice, to find where it goes on and to go on, and `ez`.
    assert_eq!(
        world
            .disk
            .asked()
            .iter()
            .filter(|asked| asked.starts_with("list"))
            .count(),
        5
    );
    assert_eq!(
        world
            .list(
                &admin(),
                "/",
                ListOptions {
                    limit: 5000,
                    ..deep()
                }
            )
            .await
            .expect("listed")
            .len(),
        3005
    );
}

#[tokio::test]
async fn holds_a_bounded_number_of_names_and_shows_each_once() {
    const LEVELS: usize = 24;
    const NAMES: usize = 1001;
    let world = World::new(folder());
    let mut expected = Vec::new();
    for level in 0..LEVELS {
        let directory = "d/".repeat(level);
        if level > 0 {
            expected.push(directory.trim_end_matches('/').to_owned());
        }
        // They come after what is below `d`, so the walk has them while it is there.
        for number in 0..NAMES {
            let name = format!("{directory}f{number:04}");
            world.disk.plant(&name, "x");
            expected.push(name);
        }
    }
    expected.sort();
    let walk = world
        .engine
        .walk(&admin(), &path("/"), usize::MAX, None)
        .await;
    let (_, mut walk) = walk.expect("begun");
    let mut shown = Vec::new();
    let mut most = 0;
    while let Some(info) = walk.next().await.expect("not cut") {
        shown.push(info.path.as_str()[1..].to_owned());
        most = most.max(walk.held());
    }
    assert_eq!(shown, expected);
    assert!(
        (MAX_HELD / 2..MAX_HELD + (2 << 20)).contains(&most),
        "{most} bytes"
    );
}

#[tokio::test]
async fn shows_links_and_closed_directories_and_enters_neither() {
    let world = World::new(folder());
    world.put(&alice(), "/closed/a", "x").await.expect("stored");
    world.put(&alice(), "/open/a", "x").await.expect("stored");
    world.chmod(&alice(), "/closed", 0o700).await;
    world.disk.plant_link("link");
    world.disk.plant("link/a", "x");
    assert_eq!(
        world.list(&bob(), "/", deep()).await.expect("listed"),
        ["closed", "link", "open", "open/a"]
    );
    let after_link = ListOptions {
        after: Some(path("/link")),
        ..deep()
    };
    assert_eq!(
        world.list(&bob(), "/", after_link).await.expect("listed"),
        ["open", "open/a"]
    );
    assert_eq!(
        kind(world.list(&bob(), "/closed", deep()).await),
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        kind(world.list(&bob(), "/open/a", deep()).await),
        ErrorKind::NotADirectory
    );
    assert_eq!(
        kind(world.list(&bob(), "/none", deep()).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn a_directory_that_the_storage_may_not_read_is_shown_and_not_entered() {
    let world = World::new(folder());
    for file in [
        "a/x",
        "lost+found/x",
        "lost+found/y/z",
        "lost+found.txt",
        "z/deep/x",
    ] {
        world.disk.plant(file, "x");
    }
    world.disk.close("lost+found");
    world.disk.close("z/deep");
    let all = ["a", "a/x", "lost+found", "lost+found.txt", "z", "z/deep"];
    assert_eq!(
        world.list(&admin(), "/", deep()).await.expect("listed"),
        all
    );
    let (_, mut walk) = world
        .engine
        .walk(&admin(), &path("/"), usize::MAX, None)
        .await
        .expect("begun");
    let mut streamed = Vec::new();
    while let Some(info) = walk.next().await.expect("not cut") {
        streamed.push(info.path.as_str()[1..].to_owned());
    }
    assert_eq!(streamed, all);
    // Also where a page goes on inside of it, which it may have done before it was closed.
    for after in [
        "lost+found",
        "lost+found/x",
        "lost+found/y/z",
        "lost+found/y",
    ] {
        let options = ListOptions {
            after: Some(path(&format!("/{after}"))),
            ..deep()
        };
        let rest = world.list(&admin(), "/", options).await.expect("listed");
        let wanted: Vec<&str> = all.into_iter().filter(|path| *path > after).collect();
        assert_eq!(rest, wanted, "after {after}");
    }
    // What was asked for itself is refused.
    assert_eq!(
        kind(world.list(&admin(), "/lost+found", deep()).await),
        ErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn no_page_is_shown_of_a_directory_that_was_closed() {
    let world = World::new(folder());
    world.mkdir(&alice(), "/d").await.expect("made");
    for number in 0..2500 {
        world.disk.plant(&format!("d/{number:04}"), "x");
    }
    let at = path("/d");
    let (_, mut walk) = world.engine.walk(&bob(), &at, 1, None).await.expect("open");
    for number in 0..1500 {
        let info = walk.next().await.expect("open").expect("more");
        assert_eq!(info.path.name(), format!("{number:04}"));
    }
    let pages = walk.pages();
    world.chmod(&alice(), "/d", 0o700).await;
    let mut shown = 1500;
    let denied = loop {
        match walk.next().await {
            Ok(more) => shown += usize::from(more.is_some()),
            Err(error) => break error,
        }
    };
    assert_eq!(
        (denied.kind(), shown),
        (ErrorKind::PermissionDenied, 2000),
        "the page that was begun, and no more"
    );
    assert!(walk.pages() > pages);
}

#[tokio::test]
async fn nothing_is_entered_behind_a_directory_that_was_closed() {
    let world = World::new(folder());
    for at in ["/d", "/d/a", "/d/b", "/d/c"] {
        world.mkdir(&alice(), at).await.expect("made");
    }
    world.disk.plant("d/a/x", "x");
    let at = path("/d");
    let walk = async || {
        let bob = bob();
        let walk = world.engine.walk(&bob, &at, usize::MAX, None).await;
        let (_, mut walk) = walk.expect("open");
        for expected in ["/d/a", "/d/a/x", "/d/b"] {
            let info = walk.next().await.expect("open").expect("more");
            assert_eq!(info.path.as_str(), expected);
        }
        world.disk.plant("d/b/new", "x");
        walk
    };
    let names = async |mut walk: Walk| {
        let mut names = Vec::new();
        while let Some(info) = walk.next().await? {
            names.push(info.path.as_str().to_owned());
        }
        Ok::<_, callfs_model::error::Error>(names)
    };
    // One directory is closed: the others go on.
    let under_way = walk().await;
    world.chmod(&alice(), "/d/b", 0o700).await;
    assert_eq!(names(under_way).await.expect("open"), ["/d/c"]);
    world.chmod(&alice(), "/d/b", 0o755).await;
    world.disk.uproot("d/b/new");
    // All of them are: what is missing does not look like the end.
    let under_way = walk().await;
    world.chmod(&alice(), "/d", 0o700).await;
    assert_eq!(kind(names(under_way).await), ErrorKind::PermissionDenied);
    world.chmod(&alice(), "/d", 0o755).await;
    world.disk.uproot("d/b/new");
    // Or only one for whom it is goes on as another.
    let mut under_way = walk().await;
    under_way.go_on_as(&admin());
    world.chmod(&alice(), "/d", 0o700).await;
    assert_eq!(
        names(under_way).await.expect("an administrator"),
        ["/d/b/new", "/d/c"]
    );
}

#[tokio::test]
async fn entries_carry_what_is_recorded_and_stale_records_are_no_entries() {
    let world = World::new(folder());
    world.put(&alice(), "/mine", "x").await.expect("stored");
    world.put(&alice(), "/gone", "x").await.expect("stored");
    world.mkdir(&alice(), "/left").await.expect("made");
    world.disk.plant("found", "xyz");
    world.disk.uproot("gone");
    world.disk.uproot("left");
    let listing = world
        .engine
        .list(&bob(), &path("/"), flat())
        .await
        .expect("listed");
    let seen: Vec<_> = listing
        .items
        .iter()
        .map(|info| (info.path.name(), info.owner.as_str(), info.size))
        .collect();
    assert_eq!(seen, [("found", "root", 3), ("mine", "alice", 1)]);
    assert_eq!(listing.directory.path, path("/"));
}

#[tokio::test]
async fn empty_directories_of_a_bucket_are_listed() {
    let world = World::new(bucket());
    world.put(&alice(), "/b/x", "x").await.expect("stored");
    world.put(&alice(), "/gone", "x").await.expect("stored");
    for at in ["/a", "/c", "/b/empty"] {
        world.mkdir(&alice(), at).await.expect("made");
    }
    world.disk.uproot("gone");
    assert_eq!(
        world.list(&bob(), "/", deep()).await.expect("listed"),
        ["a", "b", "b/empty", "b/x", "c"]
    );
    let after = ListOptions {
        after: Some(path("/a")),
        limit: 2,
        ..deep()
    };
    assert_eq!(
        world.list(&bob(), "/", after).await.expect("listed"),
        ["b", "b/empty"]
    );
}

#[tokio::test]
async fn mounts_are_entered_even_where_they_hide_something() {
    let other = Memory::new("other", folder());
    other.plant("inside/x", "x");
    let world = World::with(
        folder(),
        vec![
            ("/m/n", other.clone()),
            ("/z", Memory::new("last", folder())),
        ],
    );
    world.disk.plant("m/n", "a file that is hidden");
    world.disk.plant("m/o", "x");
    let expected = ["m", "m/n", "m/n/inside", "m/n/inside/x", "m/o", "z"];
    assert_eq!(
        world.list(&admin(), "/", deep()).await.expect("listed"),
        expected
    );
    let after = ListOptions {
        after: Some(path("/m/n/inside")),
        ..deep()
    };
    assert_eq!(
        world.list(&admin(), "/", after).await.expect("listed"),
        &expected[3..]
    );
    other.fail(ErrorKind::BackendUnavailable);
    assert_eq!(
        world
            .list(&admin(), "/m", flat())
            .await
            .expect("still listed"),
        ["m/n", "m/o"]
    );
}

#[test]
fn a_text_just_before_a_name_is_before_it() {
    for name in [
        "a",
        "a b",
        " ",
        "ä",
        "日本",
        "\u{a0}",
        "\u{e000}",
        "a\u{10ffff}",
    ] {
        if let Some(before) = just_before(name) {
            assert!(before.as_str() < name && before.len() <= 255, "{name:?}");
            assert!(!before.chars().any(char::is_control), "{name:?}");
        }
    }
    assert!(just_before("a.txt").expect("a text").as_str() > "a.txs");
    assert!(past_siblings("a").as_str() > "a.zzz" && past_siblings("a").as_str() < "a0");
}
