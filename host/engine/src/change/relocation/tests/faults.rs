//! Moves that are broken off at any step, and what other programs do meanwhile.

use super::*;

#[tokio::test]
async fn a_failure_at_any_step_leaves_it_at_one_path_whole() {
    for tree in [false, true] {
        for fault in [Fault::Once as fn(usize) -> Fault, Fault::Unanswered] {
            for which in 0..KINDS {
                for step in 1.. {
                    let scene = nth(which, tree).await;
                    scene.world.steps.fail(Some(fault(step)));
                    let moved = scene.relocate(&alice()).await;
                    let done = scene.world.steps.taken() < step;
                    scene.world.steps.fail(None);
                    let at = scene.where_it_is().await;
                    assert_eq!(at == scene.to, moved.is_ok(), "step {step}: {moved:?}");
                    // Whoever comes next clears away what was left, and finds no obstacle in it.
                    let back = if moved.is_ok() {
                        (scene.to, scene.from)
                    } else {
                        (scene.from, scene.to)
                    };
                    scene
                        .world
                        .rename(&alice(), back.0, back.1)
                        .await
                        .expect("moved the other way");
                    assert_eq!(scene.where_it_is().await, back.1);
                    scene.assert_clean();
                    if done {
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn defect_4_a_crash_at_any_step_leaves_it_at_one_path_whole() {
    for tree in [false, true] {
        for fault in [Fault::From as fn(usize) -> Fault, Fault::UnansweredFrom] {
            for which in 0..KINDS {
                for step in 1.. {
                    let mut scene = nth(which, tree).await;
                    scene.world.steps.fail(Some(fault(step)));
                    let moved = scene.relocate(&alice()).await;
                    let done = scene.world.steps.taken() < step;
                    scene.world = scene.world.restarted();
                    scene.world.engine.recover().await.expect("recovered");
                    let at = scene.where_it_is().await;
                    assert!(
                        at == scene.to || moved.is_err(),
                        "step {step} was answered with success"
                    );
                    scene.assert_clean();
                    if done {
                        assert_eq!(at, scene.to);
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn what_nobody_knows_to_have_happened_is_decided_by_the_index() {
    for tree in [false, true] {
        for which in 0..KINDS {
            let mut undecided = 0;
            for step in 1.. {
                let scene = nth(which, tree).await;
                scene
                    .world
                    .steps
                    .fail(Some(Fault::UnansweredForAWhile(step)));
                let moved = scene.relocate(&alice()).await;
                let done = scene.world.steps.taken() < step;
                scene.world.steps.fail(None);
                let hidden = scene.world.engine.tombstones.view();
                undecided +=
                    usize::from(hidden.hides(&path(scene.from)) && hidden.hides(&path(scene.to)));
                // As the background does it: one tombstone after the other, and again what that
                // brought to light.
                for _ in 0..2 {
                    for left in scene.world.engine.tombstones.left() {
                        scene
                            .world
                            .engine
                            .clear_left(&left.path)
                            .await
                            .expect("cleared");
                    }
                }
                let at = scene.where_it_is().await;
                assert!(at == scene.to || moved.is_err(), "step {step}");
                scene.assert_clean();
                if done {
                    break;
                }
            }
            assert!(undecided > 0, "there is a step after which nobody knows");
        }
    }
}

#[tokio::test]
async fn a_crash_while_it_is_undecided_loses_nothing() {
    for which in 0..KINDS {
        for step in 1.. {
            let mut done = false;
            for crash in 1..9 {
                let mut scene = nth(which, false).await;
                scene
                    .world
                    .steps
                    .fail(Some(Fault::UnansweredForAWhile(step)));
                let _ = scene.relocate(&alice()).await;
                done = scene.world.steps.taken() < step;
                scene.world.steps.fail(Some(Fault::From(crash)));
                for left in scene.world.engine.tombstones.left() {
                    let _ = scene.world.engine.clear_left(&left.path).await;
                }
                scene.world = scene.world.restarted();
                scene.world.engine.recover().await.expect("recovered");
                scene.where_it_is().await;
                scene.assert_clean();
            }
            if done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_crash_of_a_move_over_a_file_loses_neither() {
    for fault in [Fault::From as fn(usize) -> Fault, Fault::UnansweredFrom] {
        for which in 0..KINDS {
            for step in 1.. {
                let mut scene = nth(which, false).await;
                scene
                    .world
                    .put(&alice(), scene.to, "the old one")
                    .await
                    .expect("stored");
                scene.world.steps.fail(Some(fault(step)));
                let moved = scene.replace(&alice()).await;
                let done = scene.world.steps.taken() < step;
                scene.world = scene.world.restarted();
                scene.world.engine.recover().await.expect("recovered");
                let source = scene.world.get(&alice(), scene.from).await;
                let destination = scene.world.get(&alice(), scene.to).await;
                let destination = destination.expect("there all the time");
                match source {
                    Ok(source) => assert_eq!(source, "the file", "step {step}"),
                    Err(_) => {
                        assert_eq!(destination, "the file", "step {step}: the source is lost")
                    }
                }
                assert!(moved.is_err() || destination == "the file");
                scene.world.assert_quiet();
                if done {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_other_programs_change_meanwhile_is_not_lost() {
    for tree in [false, true] {
        for scene in scenes(tree).await {
            let ((near, source), (far, destination)) = (
                scene.world.storage_of(scene.from),
                scene.world.storage_of(scene.to),
            );
            // In a tree, once the file was copied and others are.
            let (below, after) = if tree { ("/a", "/deep/c") } else { ("", "") };
            let mut changed = false;
            let moved =
                scene
                    .world
                    .steps
                    .drive(async { scene.relocate(&alice()).await }, async || {
                        if !changed && far.has(&format!("{destination}{after}")) {
                            near.plant(&format!("{source}{below}"), "changed by another program");
                            changed = true;
                        }
                    });
            // Refused, unless there was still time to move what is there now.
            let (at, gone) = match moved.await {
                Ok(_) => (scene.to, scene.from),
                Err(error) if error.kind() == ErrorKind::Locked => (scene.from, scene.to),
                Err(error) => panic!("{error}"),
            };
            let there = scene.world.get(&admin(), &format!("{at}{below}")).await;
            assert_eq!(there.expect("there"), "changed by another program");
            assert_eq!(
                kind(scene.world.get(&admin(), gone).await),
                ErrorKind::NotFound
            );
            scene.world.assert_quiet();
        }
    }
}

#[tokio::test]
async fn what_cannot_be_removed_stays_hidden_and_is_tried_again() {
    for scene in scenes(true).await {
        let (near, _) = scene.world.storage_of(scene.from);
        near.keep(true);
        scene.relocate(&alice()).await.expect("moved all the same");
        assert_eq!(scene.where_it_is().await, scene.to);
        assert_eq!(scene.world.metadata.intents_left(), 1);
        assert!(scene.objects() > scene.files.len());
        assert_eq!(
            kind(scene.world.put(&alice(), scene.from, "new").await),
            ErrorKind::BackendUnavailable
        );
        assert_eq!(
            kind(
                scene
                    .world
                    .put(&alice(), &format!("{}/a", scene.from), "new")
                    .await
            ),
            ErrorKind::BackendUnavailable
        );
        near.keep(false);
        scene
            .world
            .put(&alice(), &format!("{}/new", scene.from), "new")
            .await
            .expect("stored where it was");
        let names = scene
            .world
            .list(
                &admin(),
                scene.from,
                ListOptions {
                    limit: 9,
                    ..Default::default()
                },
            )
            .await
            .expect("listed");
        assert_eq!(names, [format!("{}/new", &scene.from[1..])]);
        scene.assert_clean();
    }
}

#[tokio::test]
async fn what_was_abandoned_is_cleared_in_the_background() {
    let scene = nth(0, true).await;
    scene.world.disk.keep(true);
    scene.relocate(&alice()).await.expect("moved");
    assert_eq!(scene.world.metadata.intents_left(), 1);
    scene.world.disk.keep(false);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let engine = scene.world.engine.clone();
    let clearing =
        tokio::spawn(async move { engine.clear_abandoned(async { drop(ended.await) }).await });
    while scene.world.metadata.intents_left() > 0 || scene.world.engine.tombstones.view().len() > 0
    {
        tokio::task::yield_now().await;
    }
    end.send(()).expect("still clearing");
    clearing.await.expect("ends");
    scene.assert_clean();
}
