//! Who may read what while one file takes the place of another.

use callfs_model::metadata::Metadata;

use super::*;

async fn files(source: &str, replaced: &str) -> (World, Memory) {
    let far = Memory::new("far", plain());
    let world = World::with_far(folder(), far.clone()).await;
    world.put(&alice(), "/src", source).await.expect("stored");
    world.chmod(&alice(), "/src", 0o600).await;
    world
        .put(&bob(), "/far/dst", replaced)
        .await
        .expect("stored");
    (world, far)
}

fn over() -> RenameOptions {
    RenameOptions {
        overwrite: true,
        ..move_to("/far/dst")
    }
}

#[tokio::test]
async fn the_owner_of_what_is_replaced_never_reads_what_replaces_it() {
    let (world, _) = files("hers", "his").await;
    world.chmod(&bob(), "/far/dst", 0o600).await;
    let moved = async { world.engine.rename(&admin(), &path("/src"), over()).await };
    let moved = world.steps.drive(moved, async || {
        for (who, says) in [(bob(), "his"), (alice(), "hers")] {
            match world.get(&who, "/far/dst").await {
                Ok(read) => assert_eq!(read, says),
                Err(error) => assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{error}"),
            }
        }
    });
    moved.await.expect("moved");
    assert_eq!(world.get(&alice(), "/far/dst").await.expect("hers"), "hers");
}

#[tokio::test]
async fn a_move_that_fails_late_widens_nobodys_rights() {
    let (world, far) = files("a secret", "for everyone").await;
    assert_eq!(
        world.get(&alice(), "/far/dst").await.expect("for everyone"),
        "for everyone"
    );
    let mut changed = false;
    let moved = async { world.engine.rename(&admin(), &path("/src"), over()).await };
    let moved = world.steps.drive(moved, async || {
        // The bytes have arrived; now another program changes what they came from.
        if !changed
            && world
                .get(&admin(), "/far/dst")
                .await
                .is_ok_and(|read| read == "a secret")
        {
            changed = true;
            world.disk.plant("src", "another secret");
        }
    });
    assert_eq!(kind(moved.await), ErrorKind::Locked);
    assert!(changed && far.has("dst"));
    assert_eq!(
        world.get(&admin(), "/src").await.expect("untouched"),
        "another secret"
    );
    let record = world
        .metadata
        .get(&path("/far/dst"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((record.owner.as_str(), record.mode), ("alice", 0o600));
    assert_eq!(
        kind(world.get(&bob(), "/far/dst").await),
        ErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn a_move_that_fails_early_leaves_the_rights_as_they_were() {
    let (world, far) = files("hers", "his").await;
    far.fail(ErrorKind::BackendUnavailable);
    world
        .engine
        .rename(&admin(), &path("/src"), over())
        .await
        .expect_err("its storage is down");
    let record = world
        .metadata
        .get(&path("/far/dst"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!(record.owner, "bob");
}
