use callfs_model::metadata::{Metadata, Record};
use callfs_model::source::Source;
use callfs_model::storage::Abilities;

use super::*;
use crate::testing::*;
use crate::{Etags, ListOptions};

/// Kinds of storage that are copied within and between, as `/` and `/far`.
fn pairs() -> [(Abilities, Abilities); 5] {
    let conditional = Abilities {
        conditional_write: true,
        carried_write: true,
        ..copier()
    };
    [
        (folder(), bucket()),
        (copier(), plain()),
        (copying_bucket(), folder()),
        (plain(), copier()),
        (conditional, bucket()),
    ]
}

async fn worlds() -> Vec<World> {
    let worlds = pairs().map(|(near, far)| World::with_far(near, Memory::new("far", far)));
    futures_util::future::join_all(worlds).await
}

async fn planted(world: &World) {
    for (at, says) in [
        ("/src/a", "1"),
        ("/src/deep/er/b", "2"),
        ("/src/deep/c", "3"),
    ] {
        world.put(&alice(), at, says).await.expect("stored");
    }
    world.mkdir(&alice(), "/src/empty").await.expect("made");
}

async fn tree(world: &World, at: &str) -> Result<Vec<String>> {
    let names = world
        .list(
            &admin(),
            at,
            ListOptions {
                recursive: true,
                limit: 99,
                ..Default::default()
            },
        )
        .await?;
    Ok(names
        .iter()
        .map(|name| name[at.len()..].to_owned())
        .collect())
}

const ALL: [&str; 6] = ["a", "deep", "deep/c", "deep/er", "deep/er/b", "empty"];

#[tokio::test]
async fn a_file_is_copied_and_belongs_to_its_maker() {
    for world in worlds().await {
        let options = PutOptions {
            content_type: Some("text/x-a".into()),
            ..Default::default()
        };
        let stored = world
            .engine
            .put(
                &alice(),
                &path("/src"),
                Source::from_bytes("x".repeat(999)),
                options,
            )
            .await;
        let source = stored.expect("stored").info;
        world.chmod(&alice(), "/src", 0o1777).await;
        for to in ["/dst", "/far/new/dst"] {
            let stored = world.copy(&bob(), "/src", to, false).await.expect("copied");
            assert!(stored.created);
            let info = world.engine.stat(&bob(), &path(to)).await.expect("there");
            assert_eq!(info, stored.info);
            assert_eq!(
                (info.owner.as_str(), info.mode, info.size),
                ("bob", 0o755, 999)
            );
            assert_eq!(
                (info.content_type.as_deref(), info.sha256),
                (Some("text/x-a"), source.sha256)
            );
            assert_eq!(world.get(&bob(), to).await.expect("there").len(), 999);
            assert_eq!(
                kind(world.copy(&bob(), "/src", to, false).await),
                ErrorKind::AlreadyExists
            );
        }
        assert_eq!(
            world
                .engine
                .stat(&alice(), &path("/src"))
                .await
                .expect("there")
                .owner,
            "alice"
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_file_that_is_replaced_keeps_its_owner_and_mode() {
    for world in worlds().await {
        world.put(&alice(), "/src", "new").await.expect("stored");
        world.put(&bob(), "/dst", "old").await.expect("stored");
        world.chmod(&bob(), "/dst", 0o666).await;
        let stored = world
            .copy(&alice(), "/src", "/dst", true)
            .await
            .expect("copied");
        assert!(!stored.created);
        assert_eq!(
            (stored.info.owner.as_str(), stored.info.mode),
            ("bob", 0o666)
        );
        assert_eq!(world.get(&alice(), "/dst").await.expect("there"), "new");
        world.assert_quiet();
    }
}

#[tokio::test]
async fn what_is_closed_while_it_is_copied_is_not_given_away() {
    for world in worlds().await {
        planted(&world).await;
        let mut closed = false;
        let copied = world.steps.drive(
            async { world.copy(&bob(), "/src", "/dst", false).await },
            async || {
                // The directory was listed by now, when everyone might enter it, and nothing in it
                // was read.
                if !closed && ["dst/a", "dst/deep"].iter().any(|at| world.disk.has(at)) {
                    closed = true;
                    let record = world
                        .metadata
                        .get(&path("/src/deep"))
                        .await
                        .expect("read")
                        .expect("there");
                    let record = Record {
                        mode: 0o700,
                        ..Record::clone(&record)
                    };
                    world
                        .metadata
                        .apply(vec![Change::Put(record)])
                        .await
                        .expect("closed");
                    world.disk.plant("src/deep/c", "a secret");
                }
            },
        );
        assert_eq!(kind(copied.await), ErrorKind::PermissionDenied);
        assert!(closed);
        assert_eq!(
            kind(world.get(&admin(), "/dst/a").await),
            ErrorKind::NotFound
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_source_that_is_gone_at_the_end_was_not_copied() {
    for world in worlds().await {
        planted(&world).await;
        let copied = world.steps.drive(
            async { world.copy(&bob(), "/src", "/dst", false).await },
            async || {
                if world.disk.has("dst/a") {
                    ["a", "deep/c", "deep/er/b"]
                        .iter()
                        .for_each(|name| world.disk.uproot(&format!("src/{name}")));
                    world.disk.uproot("src");
                    world
                        .metadata
                        .apply(vec![Change::RemoveTree(path("/src"))])
                        .await
                        .expect("forgotten");
                }
            },
        );
        assert_eq!(kind(copied.await), ErrorKind::NotFound);
        assert_eq!(
            kind(world.get(&admin(), "/dst/a").await),
            ErrorKind::NotFound
        );
    }
}

#[tokio::test]
async fn preconditions_are_about_the_destination() {
    for world in worlds().await {
        world.put(&alice(), "/src/a", "x").await.expect("stored");
        world.put(&alice(), "/dst", "y").await.expect("stored");
        let absent = || Precondition {
            if_none_match: Some(Etags::Any),
            ..Default::default()
        };
        let options = || CopyOptions {
            overwrite: true,
            precondition: absent(),
            modified: None,
        };
        let copy = async |from: &str, to: &str| {
            world
                .engine
                .copy(&alice(), &path(from), &path(to), options())
                .await
        };
        assert_eq!(
            kind(copy("/src/a", "/dst").await),
            ErrorKind::PreconditionFailed
        );
        copy("/src/a", "/dst2").await.expect("copied");
        world.mkdir(&alice(), "/there").await.expect("made");
        assert_eq!(
            kind(copy("/src", "/there").await),
            ErrorKind::PreconditionFailed
        );
        copy("/src", "/not-there").await.expect("copied");
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_directory_is_there_at_once_and_whole() {
    for world in worlds().await {
        planted(&world).await;
        for to in ["/dst", "/far/dst"] {
            let mut seen = Vec::new();
            let copied = world.steps.drive(
                async { world.copy(&bob(), "/src", to, false).await },
                async || {
                    let there = tree(&world, to).await.ok();
                    let read = world.get(&admin(), &format!("{to}/deep/er/b")).await.ok();
                    let state = (there.is_some(), read.is_some());
                    assert!(
                        there.is_none_or(|names| names == ALL)
                            && read.is_none_or(|read| read == "2")
                    );
                    if seen.last() != Some(&state) {
                        seen.push(state);
                    }
                    assert_eq!(tree(&world, "/src").await.expect("untouched"), ALL);
                },
            );
            assert!(copied.await.expect("copied").created);
            assert_eq!(seen, [(false, false), (true, true)]);
            for name in ALL {
                let info = world
                    .engine
                    .stat(&admin(), &path(&format!("{to}/{name}")))
                    .await
                    .expect("there");
                assert_eq!(info.owner, "bob", "{name}");
            }
        }
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_failure_or_a_crash_at_any_step_leaves_nothing_of_it() {
    for fault in [
        Fault::Once as fn(usize) -> Fault,
        Fault::Unanswered,
        Fault::From,
        Fault::UnansweredFrom,
    ] {
        for which in 0..pairs().len() {
            for step in 1.. {
                let mut world = worlds().await.swap_remove(which);
                planted(&world).await;
                world.steps.fail(Some(fault(step)));
                let copied = world.copy(&alice(), "/src", "/far/new/dst", false).await;
                let done = world.steps.taken() < step;
                world = world.restarted();
                world.engine.recover().await.expect("recovered");
                assert_eq!(tree(&world, "/src").await.expect("untouched"), ALL);
                match tree(&world, "/far/new/dst").await {
                    Ok(names) => assert_eq!(names, ALL, "step {step}"),
                    Err(error) => {
                        assert!(
                            copied.is_err() && error.kind() == ErrorKind::NotFound,
                            "step {step}: {error}"
                        );
                        let strays: Vec<_> = world
                            .metadata
                            .owners()
                            .into_iter()
                            .filter(|owner| owner.contains("/dst"))
                            .collect();
                        assert!(strays.is_empty(), "step {step}: {strays:?}");
                    }
                }
                world.assert_quiet();
                if done {
                    break;
                }
            }
        }
    }
}

#[tokio::test]
async fn what_may_not_be_read_refuses_the_whole() {
    for world in worlds().await {
        planted(&world).await;
        for (closed, mode) in [
            ("/src/deep/er/b", 0o600),
            ("/src/deep", 0o711),
            ("/src/deep/er", 0o700),
            ("/src", 0o700),
        ] {
            world.chmod(&alice(), closed, mode).await;
            let error = world
                .copy(&bob(), "/src", "/far/new/dst", false)
                .await
                .expect_err("denied");
            assert_eq!(error.kind(), ErrorKind::PermissionDenied);
            assert!(error.message().contains(closed), "{closed}: {error}");
            for left in ["/far/new/dst", "/far/new"] {
                assert_eq!(
                    kind(world.engine.stat(&admin(), &path(left)).await),
                    ErrorKind::NotFound,
                    "{left}"
                );
            }
            world.chmod(&alice(), closed, 0o755).await;
            world.assert_quiet();
        }
        assert_eq!(
            kind(world.copy(&bob(), "/src/none", "/x", false).await),
            ErrorKind::NotFound
        );
        world.put(&alice(), "/private", "x").await.expect("stored");
        world.chmod(&alice(), "/private", 0o600).await;
        assert_eq!(
            kind(world.copy(&bob(), "/private", "/x", false).await),
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            kind(world.copy(&bob(), "/src/a", "/src/x", false).await),
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            kind(world.copy(&bob(), "/src/deep", "/src/x", false).await),
            ErrorKind::PermissionDenied
        );
    }
}

#[tokio::test]
async fn refuses_what_makes_no_sense() {
    for world in worlds().await {
        planted(&world).await;
        world.mkdir(&alice(), "/dir").await.expect("made");
        let copy = async |from: &str, to: &str, overwrite| {
            kind(world.copy(&admin(), from, to, overwrite).await)
        };
        for to in ["/src", "/src/deep/new"] {
            assert_eq!(copy("/src", to, true).await, ErrorKind::BadRequest, "{to}");
        }
        assert_eq!(copy("/src/a", "/src/a", true).await, ErrorKind::BadRequest);
        assert_eq!(
            copy("/src/deep", "/src", true).await,
            ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(copy("/src", "/dir", false).await, ErrorKind::AlreadyExists);
        assert_eq!(copy("/src/a", "/dir", true).await, ErrorKind::IsADirectory);
        assert_eq!(
            copy("/src/deep", "/src/a", true).await,
            ErrorKind::NotADirectory
        );
        assert_eq!(
            copy("/src/deep", "/src/a", false).await,
            ErrorKind::AlreadyExists
        );
        assert_eq!(
            copy("/src/deep", "/src/a/in", true).await,
            ErrorKind::NotADirectory
        );
        assert_eq!(
            copy("/src/deep", "/far", true).await,
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            copy("/src/deep", "/", true).await,
            ErrorKind::PermissionDenied
        );
        assert_eq!(copy("/", "/dir/all", true).await, ErrorKind::BadRequest);
        world.disk.plant_special("src/pipe");
        assert_eq!(copy("/src", "/dst", true).await, ErrorKind::Unsupported);
        assert_eq!(
            copy("/src/pipe", "/dst", true).await,
            ErrorKind::Unsupported
        );
        world.disk.uproot("src/pipe");
        world.disk.plant_link("src/link");
        assert_eq!(copy("/src", "/dst", true).await, ErrorKind::Unsupported);
        assert_eq!(
            copy("/src/link", "/dst", true).await,
            ErrorKind::Unsupported
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn fills_an_empty_directory_that_keeps_its_owner() {
    for world in worlds().await {
        planted(&world).await;
        world.mkdir(&bob(), "/dst").await.expect("made");
        world.chmod(&bob(), "/dst", 0o777).await;
        let stored = world
            .copy(&alice(), "/src", "/dst", true)
            .await
            .expect("copied");
        assert_eq!(
            (stored.created, stored.info.owner.as_str(), stored.info.mode),
            (false, "bob", 0o777)
        );
        assert_eq!(tree(&world, "/dst").await.expect("there"), ALL);
        assert_eq!(
            kind(world.copy(&alice(), "/src", "/dst", true).await),
            ErrorKind::DirectoryNotEmpty
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn what_is_replaced_while_it_is_copied_is_one_version() {
    for world in worlds().await {
        world.put(&alice(), "/src/a", "1").await.expect("stored");
        for to in ["/dst", "/far/dst"] {
            world.disk.plant("src/b", "the first version");
            let (storage, _) = world.storage_of(to);
            let disk = world.disk.clone();
            storage.before_change(move |_| disk.plant("src/b", "another version"));
            world
                .copy(&admin(), "/src/b", to, true)
                .await
                .expect("copied");
            let info = world.engine.stat(&admin(), &path(to)).await.expect("there");
            let bytes = world.get(&admin(), to).await.expect("there");
            assert!(["the first version", "another version"].contains(&bytes.as_str()));
            let digest: [u8; 32] = sha2::Digest::finalize(sha2::Digest::chain_update(
                <sha2::Sha256 as sha2::Digest>::new(),
                &bytes,
            ))
            .into();
            assert!(info.sha256.is_none_or(|sha256| sha256 == digest));
        }
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_digest_is_copied_only_with_the_version_that_has_it() {
    for abilities in [copier(), copying_bucket()] {
        for replaced_at in 1.. {
            let world = World::new(abilities);
            let who = alice();
            world.put(&who, "/src", "one").await.expect("stored");
            let mut step = 0;
            let copy = world.copy(&who, "/src", "/dst", false);
            let copied = world.steps.drive(copy, async || {
                step += 1;
                if step == replaced_at {
                    world.disk.rewrite("src", "two");
                }
            });
            copied.await.expect("copied");
            let info = world.engine.stat(&who, &path("/dst")).await.expect("there");
            let bytes = world.get(&who, "/dst").await.expect("there");
            let digest: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(&bytes).into();
            assert!(
                info.sha256.is_none_or(|sha256| sha256 == digest),
                "{replaced_at}: {bytes}"
            );
            world.assert_quiet();
            if step <= replaced_at {
                break;
            }
        }
    }
}

#[tokio::test]
async fn what_is_recorded_of_a_bucket_is_looked_at_once() {
    let abilities = Abilities {
        carried_write: false,
        ..copying_bucket()
    };
    let world = World::new(abilities);
    world.put(&alice(), "/src", "one").await.expect("stored");
    world.disk.plant("found", "two");
    for (from, to, looks) in [
        // The last one tells whether the digest is that of what was copied.
        (
            "/src",
            "/dst",
            &["stat src", "list ", "copy src", "stat src"][..],
        ),
        ("/found", "/new", &["stat found", "list ", "copy found"][..]),
    ] {
        world.disk.asked();
        world.copy(&alice(), from, to, false).await.expect("copied");
        assert_eq!(world.disk.asked(), looks, "{from}");
    }
    world.assert_quiet();
}
