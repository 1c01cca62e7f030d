mod gateways;
mod leases;
mod orders;

use callfs_model::metadata::{Content, Metadata as _, Record};
use callfs_model::storage::{Abilities, EntryKind, Storage as _};

use super::*;
use crate::testing::*;
use crate::{CopyOptions, RenameOptions};

#[tokio::test]
async fn an_order_to_remove_is_carried_out_in_the_storage_that_it_names_alone() {
    let (one, other) = (Some([1; 16]), Some([2; 16]));
    for (meant, mounted, is_removed) in [
        (None, None, true),
        (None, one, true),
        (one, one, true),
        (one, other, false),
    ] {
        for inside in [false, true] {
            let world = World::new(folder());
            world.mkdir(&alice(), "/report").await.expect("made");
            world.disk.identify(meant);
            let order = world
                .engine
                .tombstone_intent(&path("/report"), inside, None);
            let order = match (meant, order.expect("a storage")) {
                (None, Intent::Tombstone { path, inside, .. }) => Intent::Tombstone {
                    path,
                    inside,
                    storage: None,
                    newest: None,
                },
                (_, order) => order,
            };
            let begun = vec![
                Change::Begin([9; 16], order),
                Change::Put(Record {
                    path: path("/report/important"),
                    owner: "mallory".into(),
                    group: "mallory".into(),
                    mode: 0o600,
                    content: Some(Content::default()),
                    object: None,
                    next: None,
                    revision: 0,
                }),
            ];
            world.metadata.apply(begun).await.expect("begun");
            world.disk.plant("report/important", "of somebody else");

            world.disk.identify(mounted);
            let world = world.restarted();
            world.engine.recover().await.expect("healed");
            let what = format!("{meant:?} {mounted:?} {inside}");
            assert_eq!(world.disk.has("report/important"), !is_removed, "{what}");
            assert_eq!(world.disk.has("report"), inside || !is_removed, "{what}");
            // Nothing is hidden any more, and what is there belongs to the default owner.
            let owners = world.metadata.owners();
            assert!(
                !owners.iter().any(|one| one.contains("mallory")),
                "{owners:?}"
            );
            let read = world.get(&admin(), "/report/important").await;
            assert_eq!(read.is_ok(), !is_removed, "{what}");
            assert_eq!(world.metadata.intents_left(), 0, "{what}");
        }
    }
}

#[tokio::test]
async fn an_order_to_remove_waits_while_its_storage_cannot_be_told_from_another() {
    let world = World::new(folder());
    world.disk.identify(Some([1; 16]));
    let engine = &world.engine;
    let order = engine.tombstone_intent(&path("/half"), false, None);
    let announced = [
        ("/half", EntryKind::Directory),
        ("/half/built", EntryKind::File),
    ];
    let mut begun = vec![Change::Begin([9; 16], order.expect("a storage"))];
    begun.extend(
        announced.map(|(at, kind)| Change::Put(engine.new_record(&alice(), &path(at), kind))),
    );
    world.metadata.apply(begun).await.expect("begun");
    world.disk.plant("half/built", "text");
    for (mounted, is_removed) in [(None, false), (Some([1; 16]), true)] {
        world.disk.identify(mounted);
        let world = world.restarted();
        world.engine.recover().await.expect("asked");
        assert_eq!(world.disk.has("half/built"), !is_removed);
        let read = kind(world.get(&admin(), "/half/built").await);
        assert_eq!(read, ErrorKind::NotFound, "hidden, then gone");
        assert_eq!(world.metadata.intents_left(), usize::from(!is_removed));
    }
}

/// Whatever changes something. What is there before: `/kept` and `/tree` with files and
/// directories.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operation {
    Create,
    CreateBelow,
    Replace,
    MakeDirectory,
    MakeDirectories,
    ChangeMode,
    Delete,
    DeleteEmpty,
    DeleteTree,
    Copy,
    CopyTree,
    Rename,
    RenameTree,
    RenameOver,
    RenameBelow,
    Relocate,
    RelocateTree,
}

use Operation::*;

const ALL: [Operation; 17] = [
    Create,
    CreateBelow,
    Replace,
    MakeDirectory,
    MakeDirectories,
    ChangeMode,
    Delete,
    DeleteEmpty,
    DeleteTree,
    Copy,
    CopyTree,
    Rename,
    RenameTree,
    RenameOver,
    RenameBelow,
    Relocate,
    RelocateTree,
];

async fn world(abilities: Abilities) -> World {
    let world = World::with_far(abilities, Memory::new("far", folder())).await;
    for at in ["/kept", "/tree/a", "/tree/deep/b", "/tree/deep/c"] {
        world.put(&alice(), at, at).await.expect("stored");
    }
    world.mkdir(&alice(), "/tree/empty").await.expect("made");
    world
}

fn all_abilities() -> [Abilities; 5] {
    [folder(), plain(), copier(), bucket(), copying_bucket()]
}

impl Operation {
    async fn run(self, world: &World) -> Result<()> {
        let engine = &world.engine;
        let who = alice();
        let mv = async |from: &str, to: &str, overwrite, create_parents| {
            let options = RenameOptions {
                overwrite,
                create_parents,
                ..move_to(to)
            };
            engine.rename(&who, &path(from), options).await.map(drop)
        };
        let copy = async |from: &str, to: &str| {
            engine
                .copy(&who, &path(from), &path(to), CopyOptions::default())
                .await
                .map(drop)
        };
        match self {
            Create => world.put(&who, "/new", "new").await.map(drop),
            CreateBelow => world.put(&who, "/x/y/new", "new").await.map(drop),
            Replace => world.put(&who, "/kept", "new").await.map(drop),
            MakeDirectory => world.mkdir(&who, "/new").await.map(drop),
            MakeDirectories => world.mkdir(&who, "/x/y/new").await.map(drop),
            ChangeMode => {
                let change = crate::AttributeChange {
                    mode: Some(0o600),
                    ..Default::default()
                };
                engine
                    .change_attributes(&who, &path("/kept"), change, &Default::default())
                    .await
                    .map(drop)
            }
            Delete => world.delete(&who, "/kept").await,
            DeleteEmpty => world.delete(&who, "/tree/empty").await,
            DeleteTree => world.delete_tree(&who, "/tree").await,
            Copy => copy("/kept", "/x/new").await,
            CopyTree => copy("/tree", "/x/new").await,
            Rename => mv("/kept", "/new", false, false).await,
            RenameTree => mv("/tree", "/new", false, false).await,
            RenameOver => mv("/kept", "/tree/a", true, false).await,
            RenameBelow => mv("/kept", "/x/y/new", false, true).await,
            Relocate => mv("/kept", "/far/new", false, false).await,
            RelocateTree => mv("/tree", "/far/new", false, false).await,
        }
    }

    /// Where its result is, if it leaves one.
    fn result(self) -> Option<&'static str> {
        match self {
            Create | MakeDirectory | Rename | RenameTree => Some("/new"),
            CreateBelow | MakeDirectories | RenameBelow => Some("/x/y/new"),
            Replace | ChangeMode => Some("/kept"),
            Copy | CopyTree => Some("/x/new"),
            RenameOver => Some("/tree/a"),
            Relocate | RelocateTree => Some("/far/new"),
            Delete | DeleteEmpty | DeleteTree => None,
        }
    }

    /// What is no more when it has succeeded.
    fn gone(self) -> Option<&'static str> {
        match self {
            Delete | Rename | RenameOver | RenameBelow | Relocate => Some("/kept"),
            DeleteEmpty => Some("/tree/empty"),
            DeleteTree | RenameTree | RelocateTree => Some("/tree"),
            _ => None,
        }
    }

    /// Nothing is out of place, and what was acknowledged holds.
    async fn assert_outcome(self, world: &World, outcome: &Result<()>, what: &str) {
        world.assert_whole().await;
        assert_eq!(world.metadata.intents_left(), 0, "{what}: intents are left");
        assert_eq!(
            world.engine.tombstones.view().len(),
            0,
            "{what}: something stays hidden"
        );
        assert_eq!(world.engine.intents.left(), [], "{what}");
        let there = async |at: &str| world.engine.stat(&admin(), &path(at)).await.is_ok();
        if outcome.is_ok() {
            if let Some(result) = self.result() {
                let info = world
                    .engine
                    .stat(&admin(), &path(result))
                    .await
                    .expect("acknowledged");
                assert_eq!(info.owner, "alice", "{what}");
            }
            if let Some(gone) = self.gone() {
                assert!(
                    !there(gone).await,
                    "{what}: {gone} was acknowledged as gone"
                );
            }
        }
        if let (Some(gone), Some(result)) = (self.gone(), self.result()) {
            assert!(
                there(gone).await || there(result).await,
                "{what}: it is lost"
            );
        }
        // Whatever came to be belongs to whom it was made for.
        for (at, memory) in [("", &world.disk), ("/far", &world.storage_of("/far").0)] {
            for below in memory.paths() {
                let info = world
                    .engine
                    .stat(&admin(), &path(&format!("{at}/{below}")))
                    .await
                    .expect("stored");
                let ours = info.owner == "alice"
                    || (memory.abilities().implicit_directories
                        && info.kind == EntryKind::Directory);
                assert!(ours, "{what}: {at}/{below} belongs to {}", info.owner);
            }
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_no_record_without_its_object() {
    for abilities in all_abilities() {
        for operation in ALL {
            for fault in [Fault::From as fn(usize) -> Fault, Fault::UnansweredFrom] {
                for step in 1.. {
                    let before = world(abilities).await;
                    before.steps.fail(Some(fault(step)));
                    let outcome = operation.run(&before).await;
                    let done = before.steps.taken() < step;
                    let after = before.restarted();
                    after.engine.recover().await.expect("recovered");
                    operation
                        .assert_outcome(&after, &outcome, &format!("{operation:?}, step {step}"))
                        .await;
                    if done {
                        outcome.expect("nothing failed");
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_failure_at_any_step_is_healed_without_a_restart() {
    for abilities in all_abilities() {
        for operation in ALL {
            for fault in [
                Fault::Once as fn(usize) -> Fault,
                Fault::Unanswered,
                Fault::UnansweredForAWhile,
            ] {
                for step in 1.. {
                    let world = world(abilities).await;
                    world.steps.fail(Some(fault(step)));
                    let outcome = operation.run(&world).await;
                    let done = world.steps.taken() < step;
                    world.steps.fail(None);
                    // As in the background, when it is no longer in doubt what the storage did.
                    for _ in 0..3 {
                        let decided = world.engine.intents.left().into_iter();
                        let decided: Vec<_> = decided
                            .map(|one| Interrupted { since: None, ..one })
                            .collect();
                        world.engine.heal_all(&decided).await;
                        for left in world.engine.tombstones.left() {
                            world.engine.clear_left(&left.path).await.expect("cleared");
                        }
                    }
                    operation
                        .assert_outcome(&world, &outcome, &format!("{operation:?}, step {step}"))
                        .await;
                    if done {
                        outcome.expect("nothing failed");
                        break;
                    }
                }
            }
        }
    }
}

#[tokio::test]
async fn a_crash_of_the_healing_is_healed() {
    for operation in [Create, MakeDirectories, DeleteTree, RenameTree] {
        for step in 1.. {
            let mut done = false;
            for crash in 1..12 {
                let before = world(folder()).await;
                before.steps.fail(Some(Fault::From(step)));
                let outcome = operation.run(&before).await;
                done = before.steps.taken() < step;
                let between = before.restarted();
                between.steps.fail(Some(Fault::From(crash)));
                let _ = between.engine.recover().await;
                let after = between.restarted();
                after.engine.recover().await.expect("recovered");
                operation
                    .assert_outcome(&after, &outcome, &format!("{operation:?}, {step}, {crash}"))
                    .await;
            }
            if done {
                break;
            }
        }
    }
}

#[tokio::test]
async fn many_are_healed_with_few_questions() {
    let world = World::new(folder());
    for number in 0..100 {
        let path = path(&format!("/{number}"));
        let record = world.engine.new_record(&alice(), &path, EntryKind::File);
        let begun = vec![
            Change::Put(record),
            Change::Begin([number; 16], Intent::Reconcile { path }),
        ];
        world.engine.metadata.apply(begun).await.expect("begun");
    }
    world.steps.fail(None);
    assert_eq!(world.engine.recover().await.expect("recovered"), 100);
    assert!(
        world.steps.taken() < 100 * 5,
        "{} steps",
        world.steps.taken()
    );
    assert_eq!(world.metadata.owners(), Vec::<String>::new());
    world.assert_quiet();
}

#[tokio::test]
async fn a_directory_that_only_its_record_makes_exist_stays() {
    let world = World::new(bucket());
    world.mkdir(&alice(), "/tree/empty").await.expect("made");
    world
        .put(&alice(), "/tree/gone", "x")
        .await
        .expect("stored");
    world.disk.uproot("tree/gone");
    let begun = vec![Change::Begin(
        [7; 16],
        Intent::Reconcile {
            path: path("/tree"),
        },
    )];
    world.engine.metadata.apply(begun).await.expect("begun");
    assert_eq!(world.engine.recover().await.expect("recovered"), 1);
    assert_eq!(
        world.metadata.owners(),
        ["/tree alice", "/tree/empty alice"]
    );
}

#[tokio::test]
async fn what_cannot_be_cleaned_is_healed_in_the_background() {
    let world = World::new(folder());
    world.put(&alice(), "/a", "x").await.expect("stored");
    // The removal happens, and neither its end nor what follows is recorded.
    world.steps.fail(None);
    let probe = World::new(folder());
    probe.put(&alice(), "/a", "x").await.expect("stored");
    probe.steps.fail(None);
    probe.delete(&alice(), "/a").await.expect("removed");
    world.steps.fail(Some(Fault::From(probe.steps.taken())));
    assert_eq!(
        kind(world.delete(&alice(), "/a").await),
        ErrorKind::BackendUnavailable
    );
    assert!(!world.disk.has("a") && world.metadata.record("/a").is_some());
    world.steps.fail(None);
    let (end, ended) = tokio::sync::oneshot::channel::<()>();
    let engine = world.engine.clone();
    let clearing =
        tokio::spawn(async move { engine.clear_abandoned(async { drop(ended.await) }).await });
    while world.metadata.intents_left() > 0 {
        tokio::task::yield_now().await;
    }
    end.send(()).expect("still clearing");
    clearing.await.expect("ends");
    assert_eq!(world.metadata.record("/a"), None);
    world.assert_quiet();
}

#[tokio::test]
async fn a_moved_object_is_never_judged_by_another_record() {
    for abilities in [folder(), plain()] {
        let world = World::new(abilities);
        world.put(&alice(), "/a", "x").await.expect("stored");
        world.chmod(&alice(), "/a", 0o600).await;
        let moved = world.steps.drive(
            async { world.rename(&alice(), "/a", "/b").await },
            async || {
                if world.disk.has("b") {
                    let error = world
                        .engine
                        .open(&bob(), &path("/b"), None)
                        .await
                        .err()
                        .expect("closed to bob");
                    assert_eq!(error.kind(), ErrorKind::PermissionDenied);
                }
            },
        );
        moved.await.expect("moved");
    }
}
