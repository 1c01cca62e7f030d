//! Orders to remove that find something else than what was meant, because other programs were at
//! work while no gateway was running.

use super::*;

const COPIED: [&str; 4] = ["dst/a", "dst/deep/b", "dst/deep/c", "dst/z"];

/// What another program does to a half-made copy; answers where its files are then.
type Deed = fn(&Memory) -> Vec<&'static str>;

const DEEDS: [(&str, Deed); 5] = [
    ("another directory in its place", |disk| {
        disk.uproot("dst");
        let mine = vec!["dst/a", "dst/mine"];
        mine.iter().for_each(|at| disk.plant(at, "mine"));
        mine
    }),
    ("a file put into it", |disk| {
        disk.plant("dst/mine", "mine");
        vec!["dst/mine"]
    }),
    (
        "a file put where nothing was copied yet, or in the place of one",
        |disk| {
            disk.uproot("dst/z");
            disk.plant("dst/z", "mine");
            vec!["dst/z"]
        },
    ),
    ("a directory of the same name in it", |disk| {
        disk.uproot("dst/deep");
        disk.plant("dst/deep/b", "mine");
        vec!["dst/deep/b"]
    }),
    ("a file in the place of all", |disk| {
        disk.uproot("dst");
        disk.plant("dst", "mine");
        vec!["dst"]
    }),
];

async fn copied_from() -> World {
    let world = World::new(folder());
    for at in ["/src/a", "/src/deep/b", "/src/deep/c", "/src/z"] {
        world.put(&alice(), at, "copied").await.expect("stored");
    }
    world
}

#[tokio::test]
async fn what_another_program_put_into_a_half_made_copy_stays_and_nothing_else() {
    for (what, deed) in DEEDS {
        let mut interrupted = 0;
        for step in 1.. {
            let world = copied_from().await;
            world.steps.fail(Some(Fault::From(step)));
            let copied = world.copy(&alice(), "/src", "/dst", false).await;
            if copied.is_ok() {
                break;
            }
            if world.metadata.intents_left() == 0 {
                // Nothing was begun yet, or all of it is there.
                continue;
            }
            interrupted += 1;
            let mine = deed(&world.disk);
            let world = world.restarted();
            world.engine.recover().await.expect("recovered");
            let what = format!("{what}, step {step}");
            for at in COPIED {
                assert!(mine.contains(&at) || !world.disk.has(at), "{what}: {at}");
            }
            for at in mine {
                let read = world.get(&admin(), &format!("/{at}")).await;
                assert_eq!(read.expect(&what), "mine", "{what}");
                let info = world.engine.stat(&admin(), &path(&format!("/{at}"))).await;
                assert_eq!(info.expect("there").owner, "root", "{what}");
            }
            world.assert_quiet();
            world.assert_whole().await;
        }
        assert!(interrupted > 10, "{what}: {interrupted}");
    }
}

/// A move whose source could not be removed before the gateway ended.
async fn left_behind() -> World {
    let world = World::with_far(folder(), Memory::new("far", folder())).await;
    for at in ["/src/a", "/src/deep/b"] {
        world.put(&alice(), at, "moved").await.expect("stored");
    }
    // Adopted, and moved all the same.
    world.disk.plant("src/found/c", "moved");
    world.disk.plant("aside/old", "mine");
    world.disk.keep(true);
    world
        .rename(&alice(), "/src", "/far/dst")
        .await
        .expect("moved");
    assert!(world.disk.has("src/a") && world.disk.has("src/found/c"));
    world.disk.keep(false);
    world.restarted()
}

#[tokio::test]
async fn what_another_program_put_where_a_move_left_something_stays_and_nothing_else() {
    let deeds: [(&str, &str); 6] = [
        ("nothing", ""),
        ("a file put into it", "src/deep/mine"),
        ("a file replaced", "src/a"),
        ("an adopted file replaced", "src/found/c"),
        ("a directory moved in", "src/deep/aside/old"),
        ("the directory exchanged", "src/old"),
    ];
    for (what, mine) in deeds {
        let world = left_behind().await;
        match mine {
            "" => {}
            "src/deep/aside/old" => {
                let moved = world
                    .disk
                    .rename("aside", "src/deep/aside", Condition::Always);
                moved.await.expect("moved");
            }
            "src/old" => {
                world.disk.uproot("src");
                let moved = world.disk.rename("aside", "src", Condition::Always);
                moved.await.expect("moved");
            }
            at => world.disk.plant(at, "mine"),
        }
        world.engine.recover().await.expect("recovered");
        for at in ["src/a", "src/deep/b", "src/found/c"] {
            assert_eq!(world.disk.has(at), at == mine, "{what}: {at}");
        }
        assert_eq!(world.disk.has("src"), !mine.is_empty(), "{what}");
        if !mine.is_empty() {
            let read = world.get(&admin(), &format!("/{mine}")).await;
            assert_eq!(read.expect(what), "mine", "{what}");
        }
        for at in ["/far/dst/a", "/far/dst/deep/b", "/far/dst/found/c"] {
            assert_eq!(world.get(&admin(), at).await.expect(what), "moved");
        }
        world.assert_quiet();
        world.assert_whole().await;
    }
}

#[tokio::test]
async fn what_took_the_place_of_something_before_a_move_goes_with_it() {
    for crashed in [false, true] {
        let world = World::with_far(folder(), Memory::new("far", folder())).await;
        for at in ["/src/a", "/src/deep/b"] {
            world.put(&alice(), at, "hers").await.expect("stored");
        }
        world.disk.plant("src/a", "of another program");
        world.disk.uproot("src/deep");
        world.disk.plant("src/deep/b", "of another program");
        world.disk.keep(crashed);
        let moved = world.rename(&admin(), "/src", "/far/dst").await;
        moved.expect("moved");
        world.disk.keep(false);
        let world = world.restarted();
        world.engine.recover().await.expect("recovered");
        assert!(!world.disk.has("src"), "{:?}", world.disk.paths());
        for at in ["/far/dst/a", "/far/dst/deep/b"] {
            let read = world.get(&admin(), at).await.expect("moved");
            assert_eq!(read, "of another program");
        }
        world.assert_quiet();
        world.assert_whole().await;
    }
}

#[tokio::test]
async fn a_file_that_a_move_left_behind_is_removed_unless_it_is_another() {
    for replaced in [false, true] {
        let world = World::with_far(folder(), Memory::new("far", folder())).await;
        world.disk.plant("src", "moved");
        world.disk.keep(true);
        let moved = world.rename(&admin(), "/src", "/far/dst").await;
        moved.expect("moved");
        world.disk.keep(false);
        if replaced {
            world.disk.uproot("src");
            world.disk.plant("src", "mine");
        }
        let world = world.restarted();
        world.engine.recover().await.expect("recovered");
        assert_eq!(world.disk.has("src"), replaced);
        assert_eq!(world.get(&admin(), "/src").await.is_ok(), replaced);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn an_order_finds_nothing_at_the_same_path_of_a_folder_that_is_mounted_elsewhere() {
    let mut step = 0;
    let world = loop {
        step += 1;
        let world = copied_from().await;
        world.steps.fail(Some(Fault::From(step)));
        let copied = world.copy(&alice(), "/src", "/far/dst", false).await;
        copied.expect_err("interrupted");
        if world.metadata.intents_left() > 0 && world.disk.has("far/dst/a") {
            break world;
        }
    };
    world.steps.fail(None);
    // The folder that was mounted at / is what was in /far before; its files have the same names.
    world.disk.uproot("far");
    for at in ["far/dst/a", "far/dst/z"] {
        world.disk.plant(at, "mine");
    }
    let world = world.restarted();
    world.engine.recover().await.expect("recovered");
    for at in ["/far/dst/a", "/far/dst/z"] {
        assert_eq!(world.get(&admin(), at).await.expect("there"), "mine");
    }
    world.assert_quiet();
}
