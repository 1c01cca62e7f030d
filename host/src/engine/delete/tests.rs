use super::*;
use crate::engine::Etags;
use crate::engine::testing::*;

#[tokio::test]
async fn removes_files_and_empty_directories_with_their_records() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        world.put(&alice(), "/dir/a", "x").await.expect("stored");
        assert_eq!(kind(world.delete(&alice(), "/dir").await), ErrorKind::DirectoryNotEmpty);
        world.delete(&alice(), "/dir/a").await.expect("removed");
        assert_eq!(kind(world.get(&alice(), "/dir/a").await), ErrorKind::NotFound);
        world.mkdir(&alice(), "/dir/empty").await.expect("made");
        assert_eq!(kind(world.delete(&alice(), "/dir").await), ErrorKind::DirectoryNotEmpty);
        world.delete(&alice(), "/dir/empty").await.expect("removed");
        world.delete(&alice(), "/dir").await.expect("removed");
        assert!(world.disk.paths().is_empty() && world.index.owners().is_empty());
        assert_eq!(kind(world.delete(&alice(), "/dir").await), ErrorKind::NotFound);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn forgets_what_is_recorded_below_and_not_there() {
    for world in [folder(), bucket()].map(World::new) {
        world.put(&alice(), "/dir/stale", "x").await.expect("stored");
        world.disk.uproot("dir/stale");
        world.delete(&alice(), "/dir").await.expect("removed");
        assert!(world.index.owners().is_empty());
    }
}

#[tokio::test]
async fn asks_before_it_tells() {
    let world = World::new(folder());
    world.put(&alice(), "/secret/a", "x").await.expect("stored");
    world.put(&alice(), "/mine", "x").await.expect("stored");
    world.chmod(&alice(), "/secret", 0o700).await;
    for at in ["/secret/a", "/secret/none", "/mine", "/"] {
        assert_eq!(kind(world.delete(&bob(), at).await), ErrorKind::PermissionDenied, "{at}");
    }
    assert!(world.disk.has("mine"));
    world.assert_quiet();
}

#[tokio::test]
async fn honours_preconditions() {
    for world in [folder(), plain()].map(World::new) {
        world.put(&alice(), "/a", "x").await.expect("stored");
        let unless_there = Precondition { if_none_match: Some(Etags::Any), ..Precondition::default() };
        let result = world.engine.delete(&alice(), &path("/a"), &unless_there).await;
        assert_eq!(kind(result), ErrorKind::PreconditionFailed);
        let if_there = Precondition { if_match: Some(Etags::Any), ..Precondition::default() };
        world.engine.delete(&alice(), &path("/a"), &if_there).await.expect("removed");
    }
}

#[tokio::test]
async fn leaves_mounts_and_removes_links() {
    let world = World::with(folder(), vec![("/x/y", Memory::new("other", folder()))]);
    for at in ["/", "/x", "/x/y"] {
        let error = world.delete(&admin(), at).await.expect_err("mounted");
        assert_eq!(error.kind(), ErrorKind::PermissionDenied);
        assert!(error.message().contains("mount point"), "{error}");
    }
    world.disk.plant_link("link");
    world.delete(&admin(), "/link").await.expect("removed");
    assert!(!world.disk.has("link"));
    world.assert_quiet();
}
