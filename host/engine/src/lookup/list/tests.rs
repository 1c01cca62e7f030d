use callfs_model::storage::EntryKind;

use super::*;
use crate::Glob;
use crate::testing::*;

fn filter(glob: &str, kind: Option<EntryKind>) -> Filter {
    Filter {
        glob: Some(Glob::parse(glob).expect("a pattern")),
        kind,
    }
}

fn deep(filter: Filter) -> ListOptions {
    ListOptions {
        recursive: true,
        limit: 1000,
        filter,
        ..ListOptions::default()
    }
}

/// All pages, each with what it holds.
async fn pages(world: &World, options: ListOptions) -> Vec<Vec<String>> {
    let mut pages = Vec::new();
    let mut after = None;
    loop {
        let options = ListOptions {
            after,
            ..options.clone()
        };
        let listing = world
            .engine
            .list(&admin(), &path("/"), options)
            .await
            .expect("listed");
        pages.push(
            listing
                .items
                .iter()
                .map(|info| info.path.as_str()[1..].to_owned())
                .collect(),
        );
        after = listing.next;
        if after.is_none() {
            return pages;
        }
    }
}

#[tokio::test]
async fn shows_what_is_wanted() {
    let world = World::new(folder());
    for file in [
        "a.txt",
        "b.jpg",
        "d.txt/c.txt",
        "d.txt/e/f.txt",
        "d.txt/e/g",
    ] {
        world.disk.plant(file, "x");
    }
    world.disk.plant_special("pipe.txt");
    let list = async |at: &str, filter| {
        world
            .list(&admin(), at, deep(filter))
            .await
            .expect("listed")
    };
    assert_eq!(
        list("/", filter("*.txt", None)).await,
        ["a.txt", "d.txt", "pipe.txt"]
    );
    assert_eq!(
        list("/", filter("*.txt", Some(EntryKind::File))).await,
        ["a.txt"]
    );
    assert_eq!(
        list("/", filter("**/e/*", None)).await,
        ["d.txt/e/f.txt", "d.txt/e/g"]
    );
    assert_eq!(
        list(
            "/",
            Filter {
                kind: Some(EntryKind::Directory),
                glob: None
            }
        )
        .await,
        ["d.txt", "d.txt/e"]
    );
    // The pattern is about the path below what is listed.
    assert_eq!(list("/d.txt", filter("*.txt", None)).await, ["d.txt/c.txt"]);
}

#[tokio::test]
async fn pages_count_what_is_wanted_and_look_at_no_more_than_they_must() {
    let world = World::new(folder());
    for number in 0..100 {
        world.disk.plant(
            &format!(
                "{number:02}.{}",
                if number % 10 == 3 { "txt" } else { "jpg" }
            ),
            "x",
        );
    }
    let options = |limit| ListOptions {
        limit,
        ..deep(filter("*.txt", None))
    };
    let found = pages(&world, options(4)).await;
    assert_eq!(found.iter().map(Vec::len).collect::<Vec<_>>(), [4, 4, 2]);
    let all: Vec<String> = (0..10).map(|number| format!("{number}3.txt")).collect();
    assert_eq!(found.concat(), all);
    // No page is promised where nothing is left.
    assert_eq!(
        pages(&world, options(5))
            .await
            .iter()
            .map(Vec::len)
            .collect::<Vec<_>>(),
        [5, 5]
    );
}

#[tokio::test]
async fn a_page_ends_where_nothing_is_wanted_for_long() {
    let world = World::new(folder());
    for number in 0..MAX_SEEN + 5 {
        world.disk.plant(&format!("d/{number:06}"), "x");
    }
    world.disk.plant("z", "x");
    let found = pages(&world, deep(filter("z", None))).await;
    assert_eq!(found, [vec![], vec!["z".to_owned()]]);
}
