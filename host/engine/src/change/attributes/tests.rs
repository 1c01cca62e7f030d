use callfs_model::storage::Storage as _;

use super::*;
use crate::testing::*;

async fn change(world: &World, who: &Identity, at: &str, change: AttributeChange) -> Result<Info> {
    world
        .engine
        .change_attributes(who, &path(at), change, &Precondition::default())
        .await
}

fn mode(mode: u32) -> AttributeChange {
    AttributeChange {
        mode: Some(mode),
        ..AttributeChange::default()
    }
}

fn owner(name: &str) -> AttributeChange {
    AttributeChange {
        owner: Some(name.into()),
        ..AttributeChange::default()
    }
}

fn group(name: &str) -> AttributeChange {
    AttributeChange {
        group: Some(name.into()),
        ..AttributeChange::default()
    }
}

#[tokio::test]
async fn owners_change_what_is_theirs_and_administrators_the_rest() {
    let world = World::new(folder());
    let stored = world.put(&alice(), "/a", "x").await.expect("stored");
    assert_eq!(
        change(&world, &alice(), "/a", mode(0o1755))
            .await
            .expect("changed")
            .mode,
        0o1755
    );
    assert_eq!(
        change(&world, &alice(), "/a", group("art"))
            .await
            .expect("changed")
            .group,
        "art"
    );
    assert_eq!(
        kind(change(&world, &alice(), "/a", group("wheel")).await),
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        kind(change(&world, &alice(), "/a", owner("bob")).await),
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        kind(change(&world, &bob(), "/a", mode(0o777)).await),
        ErrorKind::PermissionDenied
    );
    let info = change(&world, &admin(), "/a", owner("bob"))
        .await
        .expect("changed");
    assert_eq!(
        (info.owner.as_str(), info.sha256),
        ("bob", stored.info.sha256)
    );
    change(&world, &admin(), "/a", group("wheel"))
        .await
        .expect("changed");
    world.assert_quiet();
}

#[tokio::test]
async fn nonsense_is_refused() {
    let world = World::new(folder());
    world.put(&alice(), "/a", "x").await.expect("stored");
    for nonsense in [
        mode(0o2000),
        mode(0o4755),
        mode(0o10000),
        owner(""),
        group("a\nb"),
        AttributeChange::default(),
    ] {
        assert_eq!(
            kind(change(&world, &alice(), "/a", nonsense).await),
            ErrorKind::BadRequest
        );
    }
    assert_eq!(
        kind(change(&world, &alice(), "/none", mode(0)).await),
        ErrorKind::NotFound
    );
}

#[tokio::test]
async fn what_was_adopted_gets_a_record() {
    let world = World::new(folder());
    world.disk.plant("dir/a", "x");
    for at in ["/dir/a", "/dir", "/"] {
        change(&world, &admin(), at, owner("alice"))
            .await
            .expect("changed");
        assert_eq!(
            world
                .engine
                .stat(&admin(), &path(at))
                .await
                .expect("there")
                .owner,
            "alice"
        );
    }
    assert_eq!(
        world.metadata.record("/dir/a").expect("a record").mode,
        0o644
    );
}

#[tokio::test]
async fn a_storage_that_keeps_modes_is_given_them() {
    for (before, after) in [
        (0o644, 0o600),
        (0o600, 0o664),
        (0o640, 0o604),
        (0o700, 0o700),
    ] {
        let world = World::new(folder());
        world.put(&alice(), "/a", "x").await.expect("stored");
        world.mkdir(&alice(), "/d").await.expect("made");
        for at in ["/a", "/d"] {
            world.chmod(&alice(), at, before).await;
            let held = async || {
                let attributes = world.disk.stat(&at[1..]).await.expect("there");
                attributes.mode.expect("kept")
            };
            assert_eq!(held().await, before, "{at}");
            world.chmod(&alice(), at, after).await;
            assert_eq!(held().await, after, "{at}");
        }
        world.disk.asked();
        world.chmod(&alice(), "/a", after).await;
        let asked = world.disk.asked();
        assert!(
            !asked.iter().any(|one| one.starts_with("set_mode")),
            "{asked:?}"
        );
    }
}
