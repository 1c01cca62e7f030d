//! Locks that are lost while something is done under them.

use super::*;

/// A world whose locks are held under a lease.
async fn leased(abilities: Abilities) -> World {
    let world = world(abilities).await;
    world.locks.lease(&world.metadata);
    world
}

#[tokio::test]
async fn every_commit_says_under_which_lease_it_is_made() {
    for abilities in all_abilities() {
        for operation in ALL {
            let world = leased(abilities).await;
            let before = world.metadata.under();
            operation.run(&world).await.expect("done");
            let after = world.metadata.under();
            assert!(after.0 > before.0, "{operation:?}");
            assert_eq!(
                after.1, before.1,
                "{operation:?} made a change under no lease"
            );
        }
    }
}

#[tokio::test]
async fn what_is_done_under_a_lost_lock_is_never_acknowledged_and_leaves_no_damage() {
    for abilities in all_abilities() {
        for operation in ALL {
            let mut refused = 0;
            for step in 1.. {
                let world = leased(abilities).await;
                let mut steps = 0;
                let mut lost_with = None;
                let running =
                    world
                        .steps
                        .drive(async { operation.run(&world).await }, async || {
                            steps += 1;
                            if steps == step {
                                lost_with = Some(world.locks.held());
                                world.locks.lease(&world.metadata);
                            }
                        });
                let outcome = running.await;
                let what = format!("{operation:?}, lost at step {step}");
                if let Err(error) = &outcome {
                    assert_eq!(error.kind(), ErrorKind::Locked, "{what}: {error}");
                    assert!(lost_with.is_some_and(|held| held > 0), "{what}: {error}");
                    refused += 1;
                }
                let after = world.restarted();
                after.engine.recover().await.expect("recovered");
                operation.assert_outcome(&after, &outcome, &what).await;
                if lost_with.is_none() {
                    outcome.expect("nothing was lost before the end");
                    break;
                }
            }
            assert!(refused > 0, "{operation:?} never noticed");
        }
    }
}
