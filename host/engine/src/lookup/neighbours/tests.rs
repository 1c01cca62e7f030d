use super::*;
use crate::lookup::path::bare_directory;
use crate::testing::*;

fn planted(world: &World) {
    for file in ["a", "d/a", "d/b", "d/e/f/g/h/i/j/a", "d/e/b", "k/a"] {
        world.disk.plant(file, "x");
    }
}

/// What is stored at a path, if anything is.
async fn found(world: &World, at: &str) -> Attributes {
    let stored = world.engine.stored(&path(at)).await;
    stored.ok().flatten().unwrap_or_else(bare_directory)
}

#[tokio::test]
async fn a_question_is_the_one_that_a_look_at_the_path_alone_asks() {
    for world in [folder(), plain(), bucket()].map(World::new) {
        planted(&world);
        world.put(&admin(), "/d/hers", "x").await.expect("stored");
        world.chmod(&admin(), "/d/hers", 0o600).await;
        let mut neighbours = Neighbours::new(&world.engine);
        for at in [
            "/a",
            "/d/a",
            "/d/hers",
            "/d/e/f/g/h/i/j/a",
            "/d/b",
            "/d/e/b",
            "/k/a",
        ] {
            let place = world.engine.find(&path(at)).await.expect("found");
            let target = place.target.as_ref().expect("there");
            let alone = place.question(Action::Read, target);
            let found = found(&world, at).await;
            let question = neighbours.question(Action::Read, &path(at), &found).await;
            assert_eq!(question.expect("looked at"), Some(alone), "{at}");
        }
    }
}

#[tokio::test]
async fn each_directory_is_looked_at_once() {
    let world = World::new(folder());
    planted(&world);
    let mut files = Vec::new();
    for at in ["/d/a", "/d/b", "/d/e/b", "/d/e/f/g/h/i/j/a"] {
        files.push((at, found(&world, at).await));
    }
    world.disk.asked();
    let mut neighbours = Neighbours::new(&world.engine);
    for (at, found) in files {
        let question = neighbours.question(Action::Read, &path(at), &found).await;
        assert!(question.expect("looked at").is_some(), "{at}");
    }
    let asked = world.disk.asked();
    for directory in ["d", "d/e", "d/e/f", "d/e/f/g/h/i/j"] {
        let look = format!("stat {directory}");
        let looks = asked.iter().filter(|asked| **asked == look).count();
        assert_eq!(looks, 1, "{directory}: {asked:?}");
    }
}

#[tokio::test]
async fn what_is_missing_or_moves_or_is_another_object_is_not_judged() {
    let world = World::new(folder());
    planted(&world);
    let mut neighbours = Neighbours::new(&world.engine);
    let a = found(&world, "/d/a").await;
    for at in ["/", "/none", "/d/none", "/none/a", "/d/a/none", "/d/b"] {
        let question = neighbours.question(Action::Read, &path(at), &a).await;
        assert_eq!(question.expect("looked at"), None, "{at}");
    }
    let question = neighbours.question(Action::Read, &path("/d/a"), &a).await;
    assert!(question.expect("looked at").is_some());
    world.rename(&admin(), "/d", "/moved").await.expect("moved");
    world.disk.plant("d/a", "x");
    let other = found(&world, "/d/a").await;
    let question = neighbours
        .question(Action::Read, &path("/d/a"), &other)
        .await;
    assert_eq!(question.expect("looked at"), None);
}

#[tokio::test]
async fn what_was_closed_before_they_were_begun_is_closed() {
    let world = World::new(folder());
    world.put(&alice(), "/d/a", "x").await.expect("stored");
    let mode = async |expected| {
        let mut neighbours = Neighbours::new(&world.engine);
        let found = found(&world, "/d/a").await;
        let question = neighbours
            .question(Action::Read, &path("/d/a"), &found)
            .await;
        let question = question.expect("looked at").expect("there");
        assert_eq!(question.ancestors[1].mode, expected);
    };
    mode(0o755).await;
    world.chmod(&alice(), "/d", 0o700).await;
    mode(0o700).await;
}
