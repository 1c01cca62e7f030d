use std::time::Duration;

use callfs_model::locks::Locks as _;
use callfs_model::metadata::Metadata as _;
use callfs_model::storage::EntryKind;

use super::*;
use crate::recovery::intents::Interrupted;
use crate::testing::*;
use crate::{EntityTag, Etags};

/// A tree that is published and another one that is to take its place, with owners and modes that
/// show whose record is whose.
async fn world() -> World {
    let world = World::new(folder());
    for (who, at, mode) in [
        (alice(), "/live/page", 0o644),
        (alice(), "/live/private", 0o600),
        (alice(), "/live/old/deep", 0o640),
        (bob(), "/work/next/page", 0o604),
        (bob(), "/work/next/private", 0o600),
        (bob(), "/work/next/new/deep", 0o644),
    ] {
        let body = format!("{} of {at}", who.subject);
        world.put(&who, at, &body).await.expect("stored");
        world.chmod(&who, at, mode).await;
    }
    // What another program put there goes along.
    world.disk.plant_mode("live/found", "found", 0o600);
    world.disk.plant_mode("work/next/planted", "planted", 0o644);
    world
}

/// Every file with its bytes, and everything with its owner and mode.
async fn state(world: &World) -> Vec<String> {
    let mut state = Vec::new();
    for at in world.disk.paths() {
        let at = format!("/{at}");
        let info = world.engine.stat(&admin(), &path(&at)).await.expect(&at);
        let bytes = match info.kind {
            EntryKind::File => world.get(&admin(), &at).await.expect(&at),
            _ => String::new(),
        };
        state.push(format!("{at} {} {:o} {bytes}", info.owner, info.mode));
    }
    state
}

async fn swap(world: &World) -> Result<FilePath> {
    world.exchange(&admin(), "/live", "/work/next").await
}

/// The states before and after.
async fn both_states() -> [Vec<String>; 2] {
    let world = world().await;
    let before = state(&world).await;
    swap(&world).await.expect("exchanged");
    [before, state(&world).await]
}

#[tokio::test]
async fn two_trees_change_places_with_their_owners_and_modes() {
    let world = world().await;
    assert_eq!(swap(&world).await.expect("exchanged"), path("/work/next"));
    for (at, bytes, owner, mode) in [
        ("/live/page", "bob of /work/next/page", "bob", 0o604),
        ("/live/new/deep", "bob of /work/next/new/deep", "bob", 0o644),
        ("/live/planted", "planted", "root", 0o644),
        ("/work/next/page", "alice of /live/page", "alice", 0o644),
        (
            "/work/next/old/deep",
            "alice of /live/old/deep",
            "alice",
            0o640,
        ),
        ("/work/next/found", "found", "root", 0o600),
    ] {
        assert_eq!(world.get(&admin(), at).await.expect(at), bytes);
        let info = world.engine.stat(&admin(), &path(at)).await.expect(at);
        assert_eq!((info.owner.as_str(), info.mode), (owner, mode), "{at}");
    }
    for at in ["/live/old/deep", "/work/next/new/deep", "/live/found"] {
        assert_eq!(kind(world.get(&admin(), at).await), ErrorKind::NotFound);
    }
    let denied = world.get(&alice(), "/live/private").await;
    assert_eq!(kind(denied), ErrorKind::PermissionDenied);
    let own = world.get(&alice(), "/work/next/private").await;
    assert_eq!(own.expect("hers"), "alice of /live/private");
    world.assert_quiet();
    world.assert_whole().await;
    // Back again.
    let [before, _] = both_states().await;
    swap(&world).await.expect("exchanged");
    assert_eq!(state(&world).await, before);
}

#[tokio::test]
async fn a_file_changes_places_with_a_file_or_a_directory() {
    for (one, other) in [
        ("/live/page", "/work/next/page"),
        ("/live/page", "/work/next"),
        ("/live", "/work/next/page"),
        ("/live/found", "/work/next/private"),
        ("/live/old", "/live/page"),
    ] {
        let world = world().await;
        let before = state(&world).await;
        let info = async |at: &str| {
            let info = world.engine.stat(&admin(), &path(at)).await.expect(at);
            (info.kind, info.owner, info.mode, info.etag, info.sha256)
        };
        let found = [info(one).await, info(other).await];
        let exchanged = world.exchange(&admin(), one, other).await;
        assert_eq!(exchanged.expect("exchanged"), path(other));
        let [first, second] = found;
        assert_eq!(info(one).await, second, "{one} {other}");
        assert_eq!(info(other).await, first, "{one} {other}");
        world.assert_quiet();
        world
            .exchange(&admin(), one, other)
            .await
            .expect("exchanged back");
        assert_eq!(state(&world).await, before, "{one} {other}");
    }
}

#[tokio::test]
async fn what_cannot_change_places_is_refused_before_anything_happens() {
    let far = Memory::new("far", folder());
    let world = World::with_far(folder(), far).await;
    for at in [
        "/live/page",
        "/live/deep/er/x",
        "/next/page",
        "/far/next/page",
    ] {
        world.put(&alice(), at, at).await.expect("stored");
    }
    let before = (state(&world).await, world.metadata.records());
    for (one, other, expected) in [
        ("/live", "/live/deep", ErrorKind::BadRequest),
        ("/live/deep/er", "/live", ErrorKind::BadRequest),
        ("/", "/live", ErrorKind::BadRequest),
        ("/live", "/", ErrorKind::BadRequest),
        ("/live", "/none", ErrorKind::NotFound),
        ("/none", "/live", ErrorKind::NotFound),
        ("/live", "/none/at/all", ErrorKind::NotFound),
        ("/live/page/x", "/next", ErrorKind::NotADirectory),
        ("/live", "/far", ErrorKind::PermissionDenied),
        ("/far", "/live", ErrorKind::PermissionDenied),
        ("/live", "/far/next", ErrorKind::Unsupported),
    ] {
        let refused = world.exchange(&admin(), one, other).await;
        assert_eq!(kind(refused), expected, "{one} {other}");
        world.assert_quiet();
    }
    assert_eq!((state(&world).await, world.metadata.records()), before);
    world
        .exchange(&admin(), "/live", "/live")
        .await
        .expect("nothing to do");
}

#[tokio::test]
async fn a_storage_that_cannot_is_refused_and_nothing_is_imitated() {
    for abilities in [plain(), copier(), bucket()] {
        let world = World::new(abilities);
        for at in ["/live/page", "/next/page"] {
            world.put(&alice(), at, at).await.expect("stored");
        }
        let error = world.exchange(&alice(), "/live", "/next").await;
        let error = error.expect_err("refused");
        assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
        assert!(error.message().contains("does not exchange"), "{error}");
        assert_eq!(
            world.get(&alice(), "/live/page").await.expect("there"),
            "/live/page"
        );
        world.assert_quiet();
    }
    // Without names of objects, no recovery could tell what happened.
    let world = world().await;
    world.disk.identify(None);
    let error = swap(&world).await.expect_err("refused");
    assert_eq!(error.kind(), ErrorKind::Unsupported, "{error}");
    assert!(error.message().contains("name its objects"), "{error}");
    world.assert_quiet();
}

#[tokio::test]
async fn each_side_asks_for_the_rights_to_take_away_and_to_put() {
    let world = World::new(folder());
    for (who, at) in [
        (alice(), "/alices/tree/x"),
        (alice(), "/shared/alices/x"),
        (bob(), "/bobs/tree/x"),
        (bob(), "/shared/bobs/x"),
    ] {
        if at.starts_with("/shared") {
            world.mkdir(&admin(), "/shared").await.expect("there");
            world.chmod(&admin(), "/shared", 0o1777).await;
        }
        world.put(&who, at, "x").await.expect("stored");
    }
    for (who, one, other) in [
        (bob(), "/bobs/tree", "/alices/tree"),
        (bob(), "/alices/tree", "/bobs/tree"),
        // A sticky directory keeps what others own.
        (bob(), "/shared/bobs", "/shared/alices"),
        (alice(), "/shared/bobs", "/shared/alices"),
    ] {
        let refused = world.exchange(&who, one, other).await;
        assert_eq!(kind(refused), ErrorKind::PermissionDenied, "{one} {other}");
    }
    world.chmod(&admin(), "/shared", 0o777).await;
    world
        .exchange(&bob(), "/shared/bobs", "/shared/alices")
        .await
        .expect("both may be moved");
    // What is behind a closed door stays unknown.
    world.chmod(&alice(), "/alices", 0o700).await;
    for other in ["/alices/tree", "/alices/none"] {
        let refused = world.exchange(&bob(), "/bobs/tree", other).await;
        assert_eq!(kind(refused), ErrorKind::PermissionDenied, "{other}");
    }
    world.assert_quiet();
}

#[tokio::test]
async fn preconditions_of_both_sides_hold() {
    let world = world().await;
    let etag = async |at: &str| {
        let info = world.engine.stat(&admin(), &path(at)).await.expect(at);
        Precondition {
            if_match: Some(Etags::List(vec![EntityTag {
                weak: false,
                tag: info.etag.expect("files have one"),
            }])),
            ..Precondition::default()
        }
    };
    let first = etag("/live/page").await;
    let second = etag("/work/next/page").await;
    let any = Precondition::default;
    for (precondition, destination_precondition, holds) in [
        (second.clone(), any(), false),
        (any(), first.clone(), false),
        (first.clone(), first.clone(), false),
        (first.clone(), second.clone(), true),
    ] {
        let options = ExchangeOptions {
            precondition,
            destination_precondition,
            ..exchange_with("/work/next/page")
        };
        let at = path("/live/page");
        match world.engine.exchange(&admin(), &at, options).await {
            Ok(_) => assert!(holds),
            Err(error) => {
                assert_eq!(
                    (error.kind(), holds),
                    (ErrorKind::PreconditionFailed, false)
                );
            }
        }
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_path_that_becomes_too_long_on_either_side_is_refused() {
    let long = format!("/{}", "n".repeat(200));
    // 3,922 bytes.
    let at = format!("/a{}", format!("/{}", "x".repeat(195)).repeat(20));
    for (one, other) in [("/a", long.as_str()), (long.as_str(), "/a")] {
        for recorded in [true, false] {
            let world = World::new(folder());
            world.put(&alice(), &at, "deep").await.expect("stored");
            world.mkdir(&alice(), &long).await.expect("made");
            if !recorded {
                let forget = Change::Remove(path(&at));
                world.metadata.apply(vec![forget]).await.expect("forgotten");
            }
            let before = (world.disk.paths(), world.metadata.records());
            let refused = world.exchange(&alice(), one, other).await;
            assert_eq!(kind(refused), ErrorKind::BadRequest, "{recorded}");
            assert_eq!((world.disk.paths(), world.metadata.records()), before);
            world.assert_quiet();
        }
    }
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_one_state_or_the_other() {
    let states = both_states().await;
    for fault in [Fault::From as fn(usize) -> Fault, Fault::UnansweredFrom] {
        let mut seen = [false; 2];
        for step in 1.. {
            let before = world().await;
            before.steps.fail(Some(fault(step)));
            let outcome = swap(&before).await;
            let done = before.steps.taken() < step;
            let after = before.restarted();
            after.engine.recover().await.expect("recovered");
            let now = state(&after).await;
            let which = states.iter().position(|state| *state == now);
            let which = which.unwrap_or_else(|| panic!("step {step}: {now:#?}"));
            seen[which] = true;
            assert!(outcome.is_err() || which == 1, "step {step}: acknowledged");
            after.assert_quiet();
            after.assert_whole().await;
            assert!(after.engine.tombstones.view().is_quiet(), "step {step}");
            if done {
                outcome.expect("nothing failed");
                break;
            }
        }
        assert_eq!(seen, [true; 2]);
    }
}

#[tokio::test]
async fn a_crash_of_the_recovery_is_recovered_from() {
    let states = both_states().await;
    for step in 1.. {
        let mut done = false;
        for crash in 1..12 {
            let before = world().await;
            before.steps.fail(Some(Fault::From(step)));
            let _ = swap(&before).await;
            done = before.steps.taken() < step;
            let between = before.restarted();
            between.steps.fail(Some(Fault::UnansweredFrom(crash)));
            let _ = between.engine.recover().await;
            let after = between.restarted();
            after.engine.recover().await.expect("recovered");
            let now = state(&after).await;
            assert!(states.contains(&now), "{step} {crash}: {now:#?}");
            after.assert_quiet();
        }
        if done {
            break;
        }
    }
}

#[tokio::test]
async fn a_failure_at_any_step_is_healed_without_a_restart() {
    let states = both_states().await;
    for fault in [
        Fault::Once as fn(usize) -> Fault,
        Fault::Unanswered,
        Fault::UnansweredForAWhile,
    ] {
        for step in 1.. {
            let world = world().await;
            world.steps.fail(Some(fault(step)));
            let outcome = swap(&world).await;
            let done = world.steps.taken() < step;
            world.steps.fail(None);
            // When it is no longer in doubt what the storage did.
            for one in world.engine.intents.left() {
                world.engine.intents.forget(&one.id);
                let decided = Interrupted { since: None, ..one };
                world.engine.intents.leave(decided);
            }
            world.engine.heal_left().await;
            let now = state(&world).await;
            assert!(states.contains(&now), "step {step}: {now:#?}");
            assert!(outcome.is_err() || now == states[1], "step {step}");
            assert_eq!(world.engine.intents.left(), [], "step {step}");
            assert!(world.engine.tombstones.view().is_quiet(), "step {step}");
            world.assert_quiet();
            if done {
                outcome.expect("nothing failed");
                break;
            }
        }
    }
}

#[tokio::test]
async fn a_reader_finds_the_old_or_the_new_tree_between_any_two_steps() {
    let world = world().await;
    let run = async { swap(&world).await };
    let run = world.steps.drive(run, async || {
        let live = world.get(&bob(), "/live/page").await.expect("always there");
        let next = world.get(&bob(), "/work/next/page").await;
        let next = next.expect("always there");
        let both = ["alice of /live/page", "bob of /work/next/page"];
        let seen = [live.as_str(), next.as_str()];
        assert!(seen == both || seen == [both[1], both[0]], "{seen:?}");
        // No step shows to one what belongs to the other.
        for at in ["/live/private", "/work/next/private"] {
            let read = world.get(&bob(), at).await;
            assert!(
                read.as_ref().is_ok_and(|bytes| bytes.starts_with("bob"))
                    || read.is_err_and(|error| error.kind() == ErrorKind::PermissionDenied),
                "{at}"
            );
        }
    });
    run.await.expect("exchanged");
    world.assert_quiet();
}

#[tokio::test]
async fn another_gateway_judges_what_changes_places_by_both_records() {
    let world = world().await;
    let beside = world.beside();
    let run = async { swap(&world).await };
    let run = world.steps.drive(run, async || {
        beside.engine.look_again().await.expect("told");
        for (who, other, at) in [
            (bob(), "alice", "/live/private"),
            (bob(), "alice", "/work/next/private"),
            (alice(), "bob", "/live/private"),
            (alice(), "bob", "/work/next/private"),
        ] {
            let read = beside.get(&who, at).await.unwrap_or_default();
            assert!(!read.starts_with(other), "{at}: {read}");
        }
    });
    run.await.expect("exchanged");
    beside.engine.look_again().await.expect("told");
    assert!(beside.engine.tombstones.view().is_quiet());
    assert_eq!(
        beside.get(&bob(), "/live/private").await.expect("his"),
        "bob of /work/next/private"
    );
}

#[tokio::test]
async fn other_programs_that_come_in_between_lose_nothing() {
    let world = world().await;
    world.disk.before_change(|disk| disk.uproot("work/next"));
    assert_eq!(kind(swap(&world).await), ErrorKind::Locked);
    let page = world.get(&alice(), "/live/page").await;
    assert_eq!(page.expect("untouched"), "alice of /live/page");
    world.assert_quiet();

    let world = self::world().await;
    world.disk.before_change(|disk| {
        disk.uproot("work/next");
        disk.plant_mode("work/next/mine", "mine", 0o640);
    });
    swap(&world).await.expect("exchanged");
    let info = world.engine.stat(&admin(), &path("/live/mine")).await;
    assert_eq!(info.expect("there").owner, "root", "it is adopted");
    let page = world.get(&alice(), "/work/next/page").await;
    assert_eq!(page.expect("hers"), "alice of /live/page");
    world.assert_quiet();
}

#[tokio::test]
async fn what_the_records_cannot_follow_is_exchanged_back() {
    let long = format!("/{}", "n".repeat(254));
    let world = World::new(folder());
    world.put(&alice(), "/team/a", "secret").await.expect("put");
    world.chmod(&alice(), "/team/a", 0o600).await;
    world.mkdir(&alice(), &long).await.expect("made");
    // It is recorded by another process after the exchange was checked.
    let deep = path(&format!("/team{}", "/x".repeat(1950)));
    let stray = Change::Put(world.engine.new_record(&bob(), &deep, EntryKind::File));
    let metadata = world.metadata.clone();
    world
        .disk
        .before_change(move |_| metadata.put_now(vec![stray]));
    let refused = world.exchange(&alice(), "/team", &long).await;
    assert_eq!(kind(refused), ErrorKind::BadRequest);
    let read = world.get(&alice(), "/team/a").await;
    assert_eq!(read.expect("back"), "secret");
    let denied = kind(world.get(&bob(), "/team/a").await);
    assert_eq!(denied, ErrorKind::PermissionDenied);
    assert_eq!(world.engine.intents.left(), []);
    world.assert_quiet();
}

#[tokio::test]
async fn an_exchange_that_nothing_tells_about_any_more_narrows_both() {
    for exchanged in [true, false] {
        let world = world().await;
        world.chmod(&bob(), "/work/next", 0o755).await;
        let objects = ["/live", "/work/next"].map(|at| {
            let record = world.metadata.record(at).expect("recorded");
            record.object.expect("named")
        });
        let begin = Change::Begin(
            [7; 16],
            Intent::Exchange {
                one: path("/live"),
                other: path("/work/next"),
                objects,
            },
        );
        world.metadata.apply(vec![begin]).await.expect("begun");
        if exchanged {
            world.disk.swap("live", "work/next").expect("there");
        }
        // It was restored from a backup, where objects have other names.
        world.disk.identify(Some([9; 16]));
        let world = world.restarted();
        assert_eq!(world.engine.recover().await.expect("recovered"), 1);
        for who in [alice(), bob()] {
            for at in ["/live/private", "/work/next/private"] {
                let denied = kind(world.get(&who, at).await);
                assert_eq!(denied, ErrorKind::PermissionDenied, "{exchanged} {at}");
            }
        }
        world.assert_quiet();
    }
}

#[tokio::test]
async fn both_sides_are_locked_with_all_below_them() {
    let world = world().await;
    for at in ["/live/old", "/work/next/new/deep", "/work"] {
        let held = world.locks.acquire(&[path(at)], Duration::ZERO).await;
        let held = held.expect("free");
        assert_eq!(kind(swap(&world).await), ErrorKind::Locked, "{at}");
        drop(held);
    }
    swap(&world).await.expect("exchanged");
}
