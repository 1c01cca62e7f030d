//! A reader looks between any two steps of a change, and never gets what both the state before and
//! the state after deny.

use std::collections::BTreeSet;

use super::*;
use crate::testing::*;
use crate::{CopyOptions, ListOptions, RenameOptions};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mutation {
    RenameTree,
    RenameTreeDeeper,
    RenameTreeOverEmpty,
    RenameClosedTree,
    RenameClosedTreeOverOpen,
    RenameOpenTreeOverClosed,
    RenameSecretOverPublic,
    RenamePublicOverSecret,
    RenameSecretOverOwnPublic,
    RenameSecretOverAdopted,
    RenameAdoptedOverPublic,
    RelocateTree,
    RelocateSecretOverPublic,
    CopyTree,
    CopyOver,
    Replace,
    ReplaceAdopted,
    Close,
    DeleteTree,
    ExchangeTrees,
    ExchangeClosedAndOpenTree,
    ExchangeSecretAndPublic,
    ExchangeAdoptedAndPublic,
    ExchangeSecretAndTree,
}

use Mutation::*;

const ALL: [Mutation; 24] = [
    RenameTree,
    RenameTreeDeeper,
    RenameTreeOverEmpty,
    RenameClosedTree,
    RenameClosedTreeOverOpen,
    RenameOpenTreeOverClosed,
    RenameSecretOverPublic,
    RenamePublicOverSecret,
    RenameSecretOverOwnPublic,
    RenameSecretOverAdopted,
    RenameAdoptedOverPublic,
    RelocateTree,
    RelocateSecretOverPublic,
    CopyTree,
    CopyOver,
    Replace,
    ReplaceAdopted,
    Close,
    DeleteTree,
    ExchangeTrees,
    ExchangeClosedAndOpenTree,
    ExchangeSecretAndPublic,
    ExchangeAdoptedAndPublic,
    ExchangeSecretAndTree,
];

const READERS: [fn() -> callfs_model::identity::Identity; 2] = [alice, bob];

async fn world(abilities: callfs_model::storage::Abilities) -> World {
    let world = World::with_far(abilities, Memory::new("far", folder())).await;
    world.mkdir(&bob(), "/team").await.expect("made");
    world.chmod(&bob(), "/team", 0o777).await;
    world.mkdir(&alice(), "/team/alice").await.expect("made");
    let files = [
        (alice(), "/team/alice/inside", 0o644),
        (alice(), "/team/closed", 0o600),
        (alice(), "/team/open", 0o644),
        (bob(), "/team/bobs", 0o600),
        (alice(), "/secret", 0o600),
        (alice(), "/shown", 0o644),
        (bob(), "/public", 0o644),
        (bob(), "/far/public", 0o644),
    ];
    for (who, at, mode) in files {
        world
            .put(&who, at, &format!("in {at}"))
            .await
            .expect("stored");
        world.chmod(&who, at, mode).await;
    }
    world.chmod(&alice(), "/team/alice", 0o700).await;
    world.mkdir(&bob(), "/empty").await.expect("made");
    world.mkdir(&alice(), "/shut").await.expect("made");
    world.chmod(&alice(), "/shut", 0o700).await;
    world.mkdir(&bob(), "/work").await.expect("made");
    world
        .put(&bob(), "/work/names", "in /work/names")
        .await
        .expect("stored");
    world.disk.plant_mode("team/planted", "in planted", 0o600);
    world.disk.plant("adopted", "in adopted");
    world
}

impl Mutation {
    /// Whether a storage can do it.
    fn is_possible(self, abilities: callfs_model::storage::Abilities) -> bool {
        let is_exchange = matches!(
            self,
            ExchangeTrees
                | ExchangeClosedAndOpenTree
                | ExchangeSecretAndPublic
                | ExchangeAdoptedAndPublic
                | ExchangeSecretAndTree
        );
        abilities.exchange || !is_exchange
    }

    async fn run(self, world: &World) -> Result<()> {
        let engine = &world.engine;
        let mv = async |from: &str, to: &str, overwrite| {
            let options = RenameOptions {
                overwrite,
                create_parents: true,
                ..move_to(to)
            };
            let moved = engine.rename(&admin(), &path(from), options).await;
            moved.map(drop)
        };
        let copy = async |from: &str, to: &str| {
            let options = CopyOptions {
                overwrite: true,
                ..CopyOptions::default()
            };
            let copied = engine.copy(&admin(), &path(from), &path(to), options).await;
            copied.map(drop)
        };
        let swap = async |one: &str, other: &str| {
            let exchanged = world.exchange(&admin(), one, other).await;
            exchanged.map(drop)
        };
        match self {
            ExchangeTrees => swap("/team", "/work").await,
            ExchangeClosedAndOpenTree => swap("/team/alice", "/work").await,
            ExchangeSecretAndPublic => swap("/secret", "/public").await,
            ExchangeAdoptedAndPublic => swap("/team/planted", "/public").await,
            ExchangeSecretAndTree => swap("/secret", "/work").await,
            RenameTree => mv("/team", "/team2", false).await,
            RenameTreeDeeper => mv("/team", "/work/new/team", false).await,
            RenameTreeOverEmpty => mv("/team", "/empty", true).await,
            RenameClosedTree => mv("/team/alice", "/came", false).await,
            RenameClosedTreeOverOpen => mv("/team/alice", "/empty", true).await,
            RenameOpenTreeOverClosed => mv("/work", "/shut", true).await,
            RenameSecretOverPublic => mv("/secret", "/public", true).await,
            RenamePublicOverSecret => mv("/public", "/secret", true).await,
            RenameSecretOverOwnPublic => mv("/secret", "/shown", true).await,
            RenameSecretOverAdopted => mv("/secret", "/adopted", true).await,
            RenameAdoptedOverPublic => mv("/team/planted", "/public", true).await,
            RelocateTree => mv("/team", "/far/team", false).await,
            RelocateSecretOverPublic => mv("/secret", "/far/public", true).await,
            CopyTree => copy("/team", "/copy").await,
            CopyOver => copy("/public", "/secret").await,
            Replace => world.put(&admin(), "/secret", "new").await.map(drop),
            ReplaceAdopted => world.put(&admin(), "/team/planted", "new").await.map(drop),
            Close => {
                world.chmod(&alice(), "/team/open", 0o600).await;
                Ok(())
            }
            DeleteTree => world.delete_tree(&admin(), "/team").await,
        }
    }
}

/// All bytes and names that a reader gets, wherever they are.
async fn seen_by(world: &World, who: &callfs_model::identity::Identity) -> BTreeSet<String> {
    let mut seen = BTreeSet::new();
    let mut paths: Vec<String> = Vec::new();
    for (memory, at) in [("/", ""), ("/far", "/far")] {
        let (storage, _) = world.storage_of(memory);
        paths.extend(storage.paths().iter().map(|rest| format!("{at}/{rest}")));
    }
    for at in paths {
        let (storage, rest) = world.storage_of(&at);
        if storage.is_file(&rest)
            && let Ok(bytes) = world.get(who, &at).await
        {
            seen.insert(bytes);
        }
    }
    let options = ListOptions {
        recursive: true,
        limit: 1000,
        ..ListOptions::default()
    };
    let listed = world.list(who, "/", options).await.expect("listed");
    // What is in the closed directory has a name of its own.
    seen.extend(
        listed
            .iter()
            .filter(|one| one.ends_with("/inside"))
            .map(|_| "inside".into()),
    );
    seen
}

async fn seen(world: &World) -> [BTreeSet<String>; 2] {
    [
        seen_by(world, &READERS[0]()).await,
        seen_by(world, &READERS[1]()).await,
    ]
}

fn assert_allowed(now: &[BTreeSet<String>; 2], allowed: &[BTreeSet<String>; 2], what: &str) {
    for (now, allowed) in now.iter().zip(allowed) {
        let more: Vec<_> = now.difference(allowed).collect();
        assert!(more.is_empty(), "{what}: {more:?}");
    }
}

async fn allowed(
    mutation: Mutation,
    world: &World,
    before: [BTreeSet<String>; 2],
) -> [BTreeSet<String>; 2] {
    let after = seen(world).await;
    let [alices, bobs] = before;
    let either = [&alices | &after[0], &bobs | &after[1]];
    assert!(!either[1].contains("in /team/alice/inside"), "{mutation:?}");
    either
}

#[tokio::test]
async fn no_step_of_a_change_shows_what_is_denied_before_and_after() {
    for abilities in [folder(), plain(), copier()] {
        let possible = ALL.into_iter().filter(|one| one.is_possible(abilities));
        for mutation in possible {
            let done = world(abilities).await;
            let before = seen(&done).await;
            mutation.run(&done).await.expect("done");
            let allowed = allowed(mutation, &done, before).await;
            let world = world(abilities).await;
            let mut step = 0;
            let run = async { mutation.run(&world).await };
            let run = world.steps.drive(run, async || {
                let what = format!("{mutation:?} before step {step}");
                assert_allowed(&seen(&world).await, &allowed, &what);
                step += 1;
            });
            run.await.expect("done");
            assert!(step > 1, "{mutation:?}");
            world.assert_quiet();
        }
    }
}

#[tokio::test]
async fn no_crash_and_no_recovery_shows_what_is_denied_before_and_after() {
    for mutation in ALL {
        let done = world(folder()).await;
        let before = seen(&done).await;
        done.steps.fail(None);
        mutation.run(&done).await.expect("done");
        let steps = done.steps.taken();
        let allowed = allowed(mutation, &done, before).await;
        for step in 1..=steps {
            for fault in [
                Fault::From(step),
                Fault::UnansweredFrom(step),
                Fault::Once(step),
            ] {
                // A change of the mode alone expects that it succeeds.
                if mutation == Close {
                    continue;
                }
                let what = format!("{mutation:?} {fault:?}");
                let world = world(folder()).await;
                world.steps.fail(Some(fault));
                let _ = mutation.run(&world).await;
                world.steps.fail(None);
                assert_allowed(&seen(&world).await, &allowed, &what);
                let world = world.restarted();
                let recovered = async { world.engine.recover().await };
                let recovered = world.steps.drive(recovered, async || {
                    if world.metadata.intents_left() == 0
                        || !world.engine.tombstones.view().is_quiet()
                    {
                        assert_allowed(&seen(&world).await, &allowed, &what);
                    }
                });
                recovered.await.expect("recovered");
                assert_allowed(&seen(&world).await, &allowed, &what);
            }
        }
    }
}

#[tokio::test]
async fn the_owner_of_what_moves_reads_it_under_one_of_its_names_at_any_moment() {
    for abilities in [folder(), plain()] {
        let world = world(abilities).await;
        let moved = async { world.rename(&bob(), "/team", "/work/team").await };
        let moved = world.steps.drive(moved, async || {
            for at in ["alice/inside", "closed"] {
                let old = world.get(&alice(), &format!("/team/{at}")).await;
                let new = world.get(&alice(), &format!("/work/team/{at}")).await;
                let read: Vec<String> = [&old, &new].into_iter().flatten().cloned().collect();
                assert_eq!(read, [format!("in /team/{at}")], "{old:?} {new:?}");
                for denied in [old, new] {
                    assert!(
                        denied.is_ok() || kind(denied) == callfs_model::error::ErrorKind::NotFound
                    );
                }
            }
        });
        moved.await.expect("moved");
    }
}

#[tokio::test]
async fn a_move_that_another_gateway_makes_is_judged_by_both_records() {
    let world = world(folder()).await;
    let beside = world.beside();
    let moved = async { world.rename(&bob(), "/team", "/team2").await };
    let moved = world.steps.drive(moved, async || {
        // The notification arrives.
        beside.engine.look_again().await.expect("told");
        for at in [
            "/team/alice/inside",
            "/team2/alice/inside",
            "/team/closed",
            "/team2/closed",
        ] {
            beside.get(&bob(), at).await.expect_err("alice's");
        }
    });
    moved.await.expect("moved");
    beside.engine.look_again().await.expect("told");
    assert!(beside.engine.tombstones.view().is_quiet());
    assert_eq!(
        beside.get(&alice(), "/team2/closed").await.expect("hers"),
        "in /team/closed"
    );
}
