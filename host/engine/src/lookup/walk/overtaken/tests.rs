use callfs_model::error::ErrorKind;
use callfs_model::storage::Abilities;

use super::*;
use crate::ListOptions;
use crate::recovery::tombstones::MoveInFlight;
use crate::testing::*;

fn options(recursive: bool) -> ListOptions {
    ListOptions {
        recursive,
        limit: 10_000,
        ..ListOptions::default()
    }
}

/// What another program does to a storage.
type Meddling = fn(&Memory);

/// A directory with more names than a page has, and directories of which one is entered in the
/// middle of them.
fn world(abilities: Abilities) -> World {
    let world = World::new(abilities);
    for number in 0..2500 {
        world.disk.plant(&format!("d/{number:04}"), "x");
    }
    world.disk.plant("d/1200-x/deep/1", "x");
    world.disk.plant("d/1200-x/2", "x");
    world
}

async fn walk(world: &World, at: &str) -> Walk {
    let walk = world
        .engine
        .walk_all(&admin(), &path(at), usize::MAX, None)
        .await;
    walk.expect("begun").0
}

/// All that is still to be shown, and how it ended.
async fn rest(mut walk: Walk) -> (Vec<String>, Result<()>) {
    let mut shown = Vec::new();
    loop {
        match walk.next().await {
            Ok(Some(info)) => shown.push(info.path.as_str()[1..].to_owned()),
            Ok(None) => return (shown, Ok(())),
            Err(error) => return (shown, Err(error)),
        }
    }
}

#[tokio::test]
async fn a_page_is_of_all_that_is_there_or_says_that_nothing_is() {
    // Before any of the pages that one listing takes.
    for before in 0..3 {
        for abilities in [folder(), plain(), copier()] {
            for recursive in [false, true] {
                let world = world(abilities);
                meddle(&world.disk, before, |disk| disk.shift("d", "e"));
                let listed = world.list(&admin(), "/d", options(recursive)).await;
                assert_eq!(kind(listed), ErrorKind::NotFound, "page {before}");
                let listed = world.list(&admin(), "/e", options(recursive)).await;
                let expected = if recursive { 2504 } else { 2501 };
                assert_eq!(listed.expect("listed").len(), expected);
            }
        }
    }
}

/// Does that before the page after so many of the directory `d` is given.
fn meddle(disk: &Memory, pages: usize, meddling: Meddling) {
    if pages == 0 {
        disk.before_asked("list d", meddling);
    } else {
        disk.before_asked("list d", move |disk| meddle(disk, pages - 1, meddling));
    }
}

#[tokio::test]
async fn no_page_is_of_two_directories() {
    for before in 0..3 {
        let world = world(folder());
        meddle(&world.disk, before, |disk| {
            disk.shift("d", "e");
            disk.plant("d/2400-other", "x");
        });
        let listed = world.list(&admin(), "/d", options(true)).await;
        assert_eq!(listed.expect("listed"), ["d/2400-other"], "page {before}");
    }
}

#[tokio::test]
async fn a_directory_that_is_back_again_is_listed_whole() {
    // Away for one page of names, and back for the look at what became of it.
    for before in 0..3 {
        for abilities in [folder(), plain()] {
            let world = world(abilities);
            meddle(&world.disk, before, |disk| {
                disk.shift("d", "e");
                disk.before_asked("stat d", |disk| disk.shift("e", "d"));
            });
            let listed = world.list(&admin(), "/d", options(true)).await;
            assert_eq!(listed.expect("listed").len(), 2504, "page {before}");
        }
    }
}

#[tokio::test]
async fn a_walk_whose_directory_goes_away_breaks_off() {
    let meddlings: [(&str, Meddling); 3] = [
        ("moved", |disk| disk.shift("d", "e")),
        ("removed", |disk| disk.uproot("d")),
        ("replaced", |disk| {
            disk.shift("d", "e");
            disk.plant("d/2400-other", "x");
        }),
    ];
    for (what, meddling) in meddlings {
        let world = world(folder());
        let mut walk = walk(&world, "/d").await;
        for _ in 0..500 {
            walk.next().await.expect("there").expect("more");
        }
        meddling(&world.disk);
        let (shown, ended) = rest(walk).await;
        assert_eq!(kind(ended), ErrorKind::Locked, "{what}");
        assert!(
            !shown.iter().any(|path| path.contains("other")),
            "of another directory"
        );
    }
}

#[tokio::test]
async fn a_walk_goes_on_behind_what_was_removed_and_a_page_is_made_again() {
    // Before what is asked, what vanishes, and what a walk still shows.
    let table: [(&str, Meddling, &[&str]); 2] = [
        (
            "list d/1200-x/deep",
            |disk| disk.uproot("d/1200-x/deep"),
            &["d/1200-x", "d/1200-x/2", "d/1200-x/deep"],
        ),
        (
            "list d/1200-x/deep",
            |disk| disk.uproot("d/1200-x"),
            &["d/1200-x", "d/1200-x/2", "d/1200-x/deep"],
        ),
    ];
    for (at, meddling, expected) in table {
        let streamed = world(folder());
        streamed.disk.before_asked(at, meddling);
        let (shown, ended) = rest(walk(&streamed, "/d").await).await;
        ended.expect("what was removed is no failure");
        let within: Vec<&String> = shown.iter().filter(|path| path.contains("-x")).collect();
        assert_eq!(within, expected);
        assert_eq!(shown.last().map(String::as_str), Some("d/2499"));

        let paged = world(folder());
        paged.disk.before_asked(at, meddling);
        let listed = paged.list(&admin(), "/d", options(true)).await;
        let listed = listed.expect("listed");
        assert!(!listed.iter().any(|path| path.contains("deep")));
    }
}

#[tokio::test]
async fn a_walk_breaks_off_where_the_gateway_moves_a_directory_away_that_was_shown() {
    let moves = |world: &World, ends: bool| {
        let engine = world.engine.clone();
        world.disk.before_asked("list d/1200-x", move |disk| {
            let id = [7; 16];
            let one = MoveInFlight::new(id, &path("/d/1200-x"), &path("/z"));
            engine.tombstones.begin_move(one);
            disk.shift("d/1200-x", "z");
            if ends {
                engine.tombstones.end_move(id);
            }
        });
    };
    for ends in [false, true] {
        let streamed = world(folder());
        moves(&streamed, ends);
        let (_, ended) = rest(walk(&streamed, "/d").await).await;
        assert_eq!(kind(ended), ErrorKind::Locked);

        let paged = world(folder());
        moves(&paged, ends);
        let listed = paged.list(&admin(), "/d", options(true)).await;
        let listed = listed.expect("listed");
        assert!(!listed.iter().any(|path| path.contains("-x")));
        assert_eq!(listed.len(), 2500);
    }
}

#[tokio::test]
async fn what_exists_without_its_storage_is_listed_as_it_is() {
    let world = World::with(bucket(), vec![("/m/n", Memory::new("other", folder()))]);
    world.mkdir(&admin(), "/empty").await.expect("made");
    for (at, expected) in [("/empty", vec![]), ("/m", vec!["m/n"])] {
        let listed = world.list(&admin(), at, options(true)).await;
        assert_eq!(listed.expect("listed"), expected, "{at}");
    }
    // A directory that exists as long as something is in it.
    world.disk.plant("d/x", "x");
    world.disk.before_asked("list d", |disk| disk.uproot("d"));
    let listed = world.list(&admin(), "/d", options(true)).await;
    assert_eq!(kind(listed), ErrorKind::NotFound);
}
