//! Other programs take permission bits away where the storage keeps them.

use callfs_model::error::{ErrorKind, Result};
use callfs_model::identity::Identity;

use crate::testing::*;
use crate::{AttributeChange, Info, ListOptions};

/// What a path is, and its entry in the listing of its directory.
async fn shown(world: &World, at: &str) -> [Info; 2] {
    let at = path(at);
    let info = world.engine.stat(&admin(), &at).await.expect("there");
    let directory = at.parent().expect("not the root");
    let options = ListOptions {
        limit: 100,
        ..ListOptions::default()
    };
    let listing = world.engine.list(&admin(), &directory, options).await;
    let mut items = listing.expect("listed").items.into_iter();
    [info, items.find(|item| item.path == at).expect("listed")]
}

/// What this caller can do with a file and what is on the way to it.
async fn attempts(world: &World, who: &Identity, file: &str, below: &str) -> Vec<Result<()>> {
    let new = format!("{below}/new");
    vec![
        world.get(who, file).await.map(drop),
        world.put(who, file, "again").await.map(drop),
        world.copy(who, file, "/copy", false).await.map(drop),
        world.rename(who, file, &new).await.map(drop),
        world.put(who, &new, "x").await.map(drop),
        world.mkdir(who, &format!("{below}/made")).await.map(drop),
        world.delete(who, file).await,
        world
            .list(who, below, ListOptions::default())
            .await
            .map(drop),
    ]
}

#[tokio::test]
async fn an_object_has_no_more_permissions_than_record_and_storage_give_it() {
    // Recorded, on disk, and what is left: of a file, and of a directory.
    for (recorded, held, file, directory) in [
        (0o644, 0o644, 0o644, 0o644),
        (0o644, 0o600, 0o600, 0o600),
        (0o600, 0o644, 0o600, 0o600),
        (0o664, 0o646, 0o644, 0o644),
        (0o777, 0o000, 0o000, 0o000),
        (0o755, 0o1755, 0o755, 0o1755),
        (0o1777, 0o755, 0o1755, 0o1755),
        (0o755, 0o6700, 0o700, 0o700),
    ] {
        let world = World::new(folder());
        world.put(&alice(), "/d/in/f", "x").await.expect("stored");
        for (at, expected) in [("/d/in/f", file), ("/d/in", directory), ("/d", directory)] {
            world.chmod(&alice(), at, recorded).await;
            world.disk.give_mode(&at[1..], held);
            for info in shown(&world, at).await {
                assert_eq!(
                    (info.mode, info.owner.as_str()),
                    (expected, "alice"),
                    "{at}: {recorded:o} and {held:o}"
                );
            }
            world.chmod(&alice(), at, 0o755).await;
            assert_eq!(shown(&world, at).await[0].mode, 0o755, "opened again");
        }
    }
}

#[tokio::test]
async fn what_another_program_closes_is_closed_at_any_depth_and_to_every_request() {
    for (closed, mode) in [
        ("d", 0o700),
        ("d/in", 0o700),
        ("d/in/deep", 0o700),
        ("d/in/deep", 0o000),
    ] {
        for each in [false, true] {
            let world = World::new(folder());
            if each {
                world.disk.ask_for_each();
            }
            let file = "/d/in/deep/f";
            world.put(&alice(), file, "secret").await.expect("stored");
            for at in ["/d", "/d/in", "/d/in/deep"] {
                world.chmod(&alice(), at, 0o777).await;
            }
            world.chmod(&alice(), file, 0o666).await;
            assert_eq!(world.get(&bob(), file).await.expect("open"), "secret");
            world.disk.give_mode(closed, mode);
            for (at, attempt) in attempts(&world, &bob(), file, "/d/in/deep")
                .await
                .into_iter()
                .enumerate()
            {
                assert_eq!(kind(attempt), ErrorKind::PermissionDenied, "{closed}: {at}");
            }
            let all = ListOptions {
                recursive: true,
                limit: 100,
                ..ListOptions::default()
            };
            let listed = world.list(&bob(), "/", all).await.expect("listed");
            assert!(!listed.contains(&file[1..].to_owned()), "{listed:?}");
        }
    }
}

#[tokio::test]
async fn only_a_new_mode_opens_what_another_program_closed() {
    let world = World::new(folder());
    for at in ["/f", "/g"] {
        world.put(&alice(), at, "x").await.expect("stored");
        world.disk.give_mode(&at[1..], 0o600);
    }
    let given = AttributeChange {
        owner: Some("carol".into()),
        ..AttributeChange::default()
    };
    let changed = world
        .engine
        .change_attributes(&admin(), &path("/f"), given, &Default::default())
        .await;
    assert_eq!(changed.expect("changed").mode, 0o600);
    world.put(&alice(), "/g", "again").await.expect("replaced");
    world.rename(&alice(), "/g", "/h").await.expect("moved");
    for at in ["/f", "/h"] {
        assert_eq!(shown(&world, at).await[0].mode, 0o600, "{at}");
        let denied = world.get(&bob(), at).await;
        assert_eq!(kind(denied), ErrorKind::PermissionDenied, "{at}");
        world.chmod(&admin(), at, 0o644).await;
        world.get(&bob(), at).await.expect("open");
    }
    world.assert_quiet();
}

#[tokio::test]
async fn a_storage_that_keeps_no_modes_closes_nothing() {
    for abilities in [plain(), bucket()] {
        let world = World::new(abilities);
        world.put(&alice(), "/d/f", "x").await.expect("stored");
        for at in ["d", "d/f"] {
            world.disk.give_mode(at, 0o000);
        }
        assert_eq!(world.get(&bob(), "/d/f").await.expect("open"), "x");
    }
}
