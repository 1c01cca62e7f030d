use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use callfs_model::error::Error;
use callfs_model::locks::Locks;
use callfs_model::metadata::Content;
use callfs_model::storage::Storage;
use futures_util::StreamExt;
use futures_util::future::join_all;
use sha2::{Digest as _, Sha256};

use super::*;
use crate::testing::*;
use crate::{Etags, Precondition};

fn worlds() -> [World; 3] {
    [folder(), plain(), bucket()].map(World::new)
}

/// A body in pieces, of which nobody knows the size.
fn pieces(pieces: Vec<Result<Bytes>>) -> Source {
    Source::from_stream(futures_util::stream::iter(pieces).boxed(), None)
}

fn cut() -> Source {
    pieces(vec![
        Ok("half".into()),
        Err(Error::new(ErrorKind::Interrupted, "the client went away")),
    ])
}

/// A body that must not be read.
fn untouched() -> Source {
    Source::from_stream(
        futures_util::stream::once(async { panic!("the body was read") }).boxed(),
        None,
    )
}

fn if_none_match_any() -> PutOptions {
    let precondition = Precondition {
        if_none_match: Some(Etags::Any),
        ..Precondition::default()
    };
    PutOptions {
        precondition,
        ..PutOptions::default()
    }
}

#[tokio::test]
async fn creates_for_the_caller_with_its_parents() {
    for world in worlds() {
        let stored = world
            .put(&alice(), "/new/deep/a.txt", "hello")
            .await
            .expect("stored");
        assert!(stored.created);
        let Info {
            owner,
            group,
            mode,
            size,
            sha256,
            content_type,
            etag,
            ..
        } = stored.info.clone();
        assert_eq!(
            (owner.as_str(), group.as_str(), mode, size),
            ("alice", "staff", 0o644, 5)
        );
        assert_eq!(sha256, Some(Sha256::digest(b"hello").into()));
        assert_eq!(content_type, None);
        assert!(etag.is_some());
        for parent in ["/new", "/new/deep"] {
            let record = world.metadata.record(parent).expect("a record");
            assert_eq!(
                (record.owner.as_str(), record.mode, record.content),
                ("alice", 0o755, None)
            );
        }
        assert_eq!(
            world
                .engine
                .stat(&alice(), &path("/new/deep/a.txt"))
                .await
                .expect("there"),
            stored.info
        );
        assert_eq!(
            world
                .get(&bob(), "/new/deep/a.txt")
                .await
                .expect("readable"),
            "hello"
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn replaces_the_bytes_and_nothing_else() {
    for world in worlds() {
        world.put(&alice(), "/a", "old").await.expect("stored");
        world.chmod(&alice(), "/a", 0o666).await;
        let stored = world.put(&bob(), "/a", "newer").await.expect("replaced");
        assert!(!stored.created);
        assert_eq!(
            (
                stored.info.owner.as_str(),
                stored.info.mode,
                stored.info.size
            ),
            ("alice", 0o666, 5)
        );
        assert_eq!(world.get(&bob(), "/a").await.expect("readable"), "newer");
    }
}

#[tokio::test]
async fn a_record_comes_before_its_object() {
    for world in worlds() {
        let metadata = world.metadata.clone();
        let seen = Arc::new(Mutex::new(None));
        let see = seen.clone();
        world.disk.before_change(move |disk| {
            assert!(!disk.has("a"));
            *see.lock().expect("unpoisoned") = metadata.record("/a");
        });
        world.put(&alice(), "/a", "x").await.expect("stored");
        let record = seen
            .lock()
            .expect("unpoisoned")
            .take()
            .expect("a record before the object");
        assert_eq!(record.owner, "alice");
        let stored = world.engine.stored(&path("/a")).await.expect("asked");
        let named = record.object.is_some();
        assert_eq!(
            named,
            stored.expect("there").object.is_some(),
            "as soon as it has a name"
        );
        assert_eq!(record.content == Some(Content::default()), !named);
    }
}

#[tokio::test]
async fn a_cut_body_leaves_nothing() {
    for world in worlds() {
        world.put(&alice(), "/kept", "old").await.expect("stored");
        for at in ["/new/a", "/kept"] {
            let result = world
                .engine
                .put(&alice(), &path(at), cut(), PutOptions::default())
                .await;
            assert_eq!(kind(result), ErrorKind::Interrupted);
        }
        assert_eq!(world.disk.paths(), ["kept"]);
        assert_eq!(world.metadata.owners(), ["/kept alice"]);
        assert_eq!(
            world.get(&alice(), "/kept").await.expect("untouched"),
            "old"
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_body_without_its_digest_leaves_nothing() {
    let announcing = |digest| PutOptions {
        digests: vec![digest],
        ..PutOptions::default()
    };
    for world in worlds() {
        world.put(&alice(), "/kept", "old").await.expect("stored");
        let bodies = || {
            [
                Source::from_bytes("new"),
                pieces(vec![Ok("ne".into()), Ok("w".into())]),
                Source::empty(),
            ]
        };
        for wrong in [Digest::Sha256([0; 32]), Digest::Sha512([0; 64])] {
            for (at, body) in ["/new/a", "/kept", "/empty"]
                .into_iter()
                .flat_map(|at| bodies().map(|body| (at, body)))
            {
                let result = world
                    .engine
                    .put(&alice(), &path(at), body, announcing(wrong.clone()))
                    .await;
                assert_eq!(kind(result), ErrorKind::DigestMismatch, "{at}");
            }
        }
        assert_eq!(world.disk.paths(), ["kept"]);
        assert_eq!(world.metadata.owners(), ["/kept alice"]);
        assert_eq!(
            world.get(&alice(), "/kept").await.expect("untouched"),
            "old"
        );
        let right = Digest::Sha256(Sha256::digest(b"new").into());
        for body in bodies().into_iter().take(2) {
            world
                .engine
                .put(&alice(), &path("/kept"), body, announcing(right.clone()))
                .await
                .expect("stored");
        }
        assert_eq!(world.get(&alice(), "/kept").await.expect("replaced"), "new");
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_body_over_the_cap_is_refused_as_soon_as_it_is_known() {
    for world in worlds() {
        let announced = Source::from_stream(untouched().boxed(), Some(1001));
        let unannounced = pieces(vec![Ok(vec![0; 600].into()), Ok(vec![0; 600].into())]);
        for body in [announced, unannounced] {
            let result = world
                .engine
                .put(&alice(), &path("/big"), body, PutOptions::default())
                .await;
            assert_eq!(kind(result), ErrorKind::PayloadTooLarge);
        }
        let checked = world
            .engine
            .admit_put(&alice(), &path("/big"), Some(1001), PutOptions::default())
            .await
            .map(drop);
        assert_eq!(kind(checked), ErrorKind::PayloadTooLarge);
        assert!(world.disk.paths().is_empty() && world.metadata.owners().is_empty());
        world.assert_quiet();
    }
}

#[tokio::test]
async fn what_is_refused_is_refused_before_the_body() {
    for world in worlds() {
        world.put(&alice(), "/a", "old").await.expect("stored");
        world.mkdir(&alice(), "/dir").await.expect("made");
        let put = async |who, at: &str, options| {
            kind(
                world
                    .engine
                    .put(&who, &path(at), untouched(), options)
                    .await,
            )
        };
        let create_only = || PutOptions {
            create_only: true,
            ..PutOptions::default()
        };
        assert_eq!(
            put(alice(), "/a", create_only()).await,
            ErrorKind::AlreadyExists
        );
        assert_eq!(
            put(alice(), "/a", if_none_match_any()).await,
            ErrorKind::PreconditionFailed
        );
        assert_eq!(
            put(alice(), "/dir", PutOptions::default()).await,
            ErrorKind::IsADirectory
        );
        assert_eq!(
            put(alice(), "/", PutOptions::default()).await,
            ErrorKind::IsADirectory
        );
        assert_eq!(
            put(alice(), "/a/b", PutOptions::default()).await,
            ErrorKind::NotADirectory
        );
        assert_eq!(
            put(bob(), "/a", PutOptions::default()).await,
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            put(bob(), "/dir/b", PutOptions::default()).await,
            ErrorKind::PermissionDenied
        );
        assert_eq!(
            put(bob(), "/dir/new/b", PutOptions::default()).await,
            ErrorKind::PermissionDenied
        );
        world.disk.plant_special("pipe");
        assert_eq!(
            put(admin(), "/pipe", PutOptions::default()).await,
            ErrorKind::Unsupported
        );
        world.assert_quiet();
    }
}

#[tokio::test]
async fn nothing_is_told_of_what_cannot_be_reached() {
    for world in worlds() {
        world.put(&alice(), "/secret/a", "x").await.expect("stored");
        world.mkdir(&alice(), "/secret/dir").await.expect("made");
        world.chmod(&alice(), "/secret", 0o700).await;
        for at in [
            "/secret/a",
            "/secret/dir",
            "/secret/none",
            "/secret/none/none",
            "/secret/a/none",
        ] {
            for options in [PutOptions::default(), if_none_match_any()] {
                let error = world
                    .engine
                    .put(&bob(), &path(at), untouched(), options)
                    .await
                    .expect_err("closed");
                assert_eq!(error.kind(), ErrorKind::PermissionDenied, "{at}");
            }
        }
    }
}

#[tokio::test]
async fn new_directories_are_asked_about_from_the_top_and_are_not_too_many() {
    use crate::lookup::permission::MAX_NEW_PARENTS;
    for world in worlds() {
        world.mkdir(&alice(), "/own").await.expect("made");
        let put = async |who: Identity, at: &str| {
            let created = world
                .engine
                .put(&who, &path(at), "x".into(), PutOptions::default())
                .await;
            created
                .map(drop)
                .map_err(|error| (error.kind(), error.message().to_owned()))
        };
        let deep = |parents: usize| format!("/own{}/f", "/a".repeat(parents));
        // A caller who may not make the topmost learns this and nothing else, however long the
        // rest is.
        for parents in [1, 2, MAX_NEW_PARENTS, MAX_NEW_PARENTS + 1, 2040] {
            let (kind, message) = put(bob(), &deep(parents)).await.expect_err("closed");
            assert_eq!(kind, ErrorKind::PermissionDenied, "{parents}");
            assert_eq!(message, "permission denied on '/own/a': no", "{parents}");
        }
        for parents in [MAX_NEW_PARENTS + 1, 2040] {
            let (kind, message) = put(alice(), &deep(parents)).await.expect_err("too many");
            assert_eq!(kind, ErrorKind::BadRequest, "{message}");
            assert!(message.contains(&format!("needs {parents} directories")));
        }
        assert!(
            !world
                .disk
                .paths()
                .iter()
                .any(|path| path.starts_with("own/"))
        );
        put(alice(), &deep(MAX_NEW_PARENTS)).await.expect("stored");
        put(alice(), &deep(2 * MAX_NEW_PARENTS))
            .await
            .expect("stored");
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_read_only_storage_says_so() {
    let world = World::new(Default::default());
    let error = world.put(&alice(), "/a", "x").await.expect_err("read-only");
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(
        error.message().contains("'/a'") && error.message().contains("disk"),
        "{error}"
    );
}

#[tokio::test]
async fn concurrent_writers_all_succeed() {
    for world in worlds() {
        let at = |number: usize| {
            if number.is_multiple_of(2) {
                "/new/same".to_owned()
            } else {
                format!("/new/{number}")
            }
        };
        let puts = (0..20).map(|number| {
            let engine = world.engine.clone();
            let body = Source::from_bytes(number.to_string());
            async move {
                engine
                    .put(&alice(), &path(&at(number)), body, PutOptions::default())
                    .await
            }
        });
        let stored: Result<Vec<StoredFile>> = join_all(puts).await.into_iter().collect();
        let stored = stored.expect("all succeed");
        let made_same = stored
            .iter()
            .filter(|one| one.created && one.info.path.name() == "same")
            .count();
        assert_eq!(made_same, 1);
        world.assert_quiet();
    }
}

#[tokio::test]
async fn whoever_waits_too_long_learns_that_it_is_locked() {
    for world in worlds() {
        let held = world
            .locks
            .acquire(&[path("/a")], world.engine.lock_wait)
            .await
            .expect("free");
        assert_eq!(
            kind(world.put(&alice(), "/a", "x").await),
            ErrorKind::Locked
        );
        assert_eq!(
            kind(world.put(&alice(), "/a/b", "x").await),
            ErrorKind::Locked
        );
        drop(held);
        world.put(&alice(), "/a", "x").await.expect("stored");
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_file_that_another_program_made_meanwhile_stays_its_own() {
    for (options, expected) in [
        (PutOptions::default(), ErrorKind::Locked),
        (
            PutOptions {
                create_only: true,
                ..PutOptions::default()
            },
            ErrorKind::AlreadyExists,
        ),
        (if_none_match_any(), ErrorKind::PreconditionFailed),
    ] {
        let world = World::new(folder());
        world.disk.before_change(|disk| disk.plant("a", "theirs"));
        let body = Source::from_bytes("mine");
        assert_eq!(
            kind(world.engine.put(&alice(), &path("/a"), body, options).await),
            expected
        );
        assert_eq!(world.get(&alice(), "/a").await.expect("there"), "theirs");
        assert_eq!(world.metadata.owners(), Vec::<String>::new());
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_precondition_also_holds_against_other_programs() {
    let world = World::new(folder());
    world.disk.plant("a", "theirs");
    world
        .disk
        .before_change(|disk| disk.plant("a", "theirs, newer"));
    let precondition = Precondition {
        if_match: Some(Etags::Any),
        ..Precondition::default()
    };
    let options = PutOptions {
        precondition,
        ..PutOptions::default()
    };
    let result = world
        .engine
        .put(&admin(), &path("/a"), Source::from_bytes("mine"), options)
        .await;
    assert_eq!(kind(result), ErrorKind::PreconditionFailed);
    assert_eq!(
        world.get(&admin(), "/a").await.expect("there"),
        "theirs, newer"
    );
}

#[tokio::test]
async fn a_client_that_goes_away_after_the_lock_does_not_matter() {
    for world in worlds() {
        let (send, goes) = std::sync::mpsc::channel::<tokio::task::AbortHandle>();
        world
            .disk
            .before_change(move |_| goes.recv().expect("a handle").abort());
        let engine = world.engine.clone();
        let client = tokio::spawn(async move {
            engine
                .put(
                    &alice(),
                    &path("/new/a"),
                    Source::from_bytes("x"),
                    PutOptions::default(),
                )
                .await
                .map(drop)
        });
        send.send(client.abort_handle()).expect("received");
        let _ = client.await;
        // The lock is free once all is done.
        let _done = world
            .locks
            .acquire(&[path("/new")], world.engine.lock_wait)
            .await
            .expect("released");
        assert!(world.disk.has("new/a"));
        let content = world
            .metadata
            .record("/new/a")
            .expect("a record")
            .content
            .expect("of a file");
        assert!(content.etag.is_some() && content.sha256.is_some());
    }
}

#[tokio::test]
async fn a_broken_index_stores_nothing_new_and_holds_no_lock() {
    for world in worlds() {
        world.metadata.broken.store(true, Ordering::Relaxed);
        assert_eq!(
            kind(world.put(&alice(), "/a", "x").await),
            ErrorKind::BackendUnavailable
        );
        assert_eq!(
            kind(world.put(&alice(), "/new/a", "x").await),
            ErrorKind::BackendUnavailable
        );
        assert!(world.disk.paths().is_empty());
        world.assert_quiet();
    }
}

#[tokio::test]
async fn a_stale_record_gives_no_rights() {
    for world in worlds() {
        world.put(&alice(), "/dir/a", "x").await.expect("stored");
        world.disk.uproot("dir");
        if world.disk.abilities().implicit_directories {
            // There, the record is the directory.
            continue;
        }
        let stored = world.put(&bob(), "/dir/b", "y").await.expect("made anew");
        assert_eq!(stored.info.owner, "bob");
        assert_eq!(world.metadata.owners(), ["/dir bob", "/dir/b bob"]);
    }
}

#[tokio::test]
async fn directories_that_only_mounts_make_exist_are_made_when_needed() {
    let world = World::with(folder(), vec![("/x/y", Memory::new("other", folder()))]);
    world
        .put(&admin(), "/x/file", "on disk")
        .await
        .expect("stored");
    world
        .put(&admin(), "/x/y/new/file", "on the other")
        .await
        .expect("stored");
    assert_eq!(world.disk.paths(), ["x", "x/file"]);
    assert_eq!(
        world.get(&admin(), "/x/y/new/file").await.expect("there"),
        "on the other"
    );
    assert_eq!(
        kind(world.put(&admin(), "/x/y", "x").await),
        ErrorKind::IsADirectory
    );
    let other = World::with(folder(), vec![("/x/y", Memory::new("other", folder()))]);
    other.disk.plant("x", "a file where a directory is needed");
    assert_eq!(
        kind(other.put(&admin(), "/x/file", "x").await),
        ErrorKind::NotADirectory
    );
    other.assert_quiet();
}

#[tokio::test]
async fn a_time_comes_with_the_bytes_and_ends_with_them() {
    for world in worlds() {
        let put = async |modified| {
            let options = PutOptions {
                modified,
                ..PutOptions::default()
            };
            let body = Source::from_bytes("x");
            let stored = world.engine.put(&alice(), &path("/a"), body, options).await;
            let found = world
                .engine
                .stat(&alice(), &path("/a"))
                .await
                .expect("there");
            assert_eq!(stored.expect("stored").info, found);
            found.modified
        };
        assert_eq!(put(Some(-5)).await, Some(-5));
        assert_eq!(put(Some(7)).await, Some(7));
        assert_ne!(put(None).await, Some(7));
    }
}
