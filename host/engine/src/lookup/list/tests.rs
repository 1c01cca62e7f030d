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

#[tokio::test]
async fn a_pattern_that_takes_long_ends_a_page_and_lets_others_run() {
    let world = World::new(folder());
    let name = |number: usize| format!("{}{number:03}", "a".repeat(240));
    for number in 0..500 {
        world.disk.plant(&name(number), "x");
    }
    for (pattern, pages_expected) in [
        ("a".to_owned(), 1),
        ("*a".to_owned(), 1),
        (format!("{}b", "*a".repeat(500)), 3),
        (format!("{}b", "{a,aa,*}".repeat(100)), 2),
        (format!("{}b", "?*".repeat(500)), 3),
    ] {
        let turns = Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counted = turns.clone();
        // On the one thread of this test: it runs only while the listing waits.
        let other = tokio::spawn(async move {
            loop {
                counted.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                tokio::task::yield_now().await;
            }
        });
        let found = pages(&world, deep(filter(&pattern, None))).await;
        other.abort();
        assert!(found.iter().all(Vec::is_empty), "{pattern}");
        assert_eq!(found.len(), pages_expected, "{pattern}");
        let steps = 500 * 243 * pattern.len();
        let turns = turns.load(std::sync::atomic::Ordering::Relaxed);
        assert!(turns * 250_000 >= steps, "{turns} turns in {steps} steps");
    }
}

#[tokio::test]
async fn a_page_has_a_bounded_number_of_bytes() {
    let world = World::new(folder());
    let long = "n".repeat(200);
    let deep = [long.as_str(); 18].join("/");
    for number in 0..2000 {
        world.disk.plant(&format!("{deep}/{number:06}"), "x");
    }
    let options = ListOptions {
        recursive: true,
        limit: 10_000,
        ..ListOptions::default()
    };
    let found = pages(&world, options).await;
    for page in &found {
        let bytes: usize = page.iter().map(String::len).sum();
        assert!(bytes <= MAX_BYTES && !page.is_empty(), "{bytes}");
    }
    assert!(found.len() > 1);
    assert_eq!(found.concat().len(), 18 + 2000);
    // Ten thousand ordinary entries are one page.
    let world = World::new(folder());
    for number in 0..10_000 {
        world
            .disk
            .plant(&format!("ordinary directory/{number:030}"), "x");
    }
    let options = ListOptions {
        recursive: true,
        limit: 10_001,
        ..ListOptions::default()
    };
    assert_eq!(pages(&world, options).await.len(), 1);
}
