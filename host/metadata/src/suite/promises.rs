//! What may be relied upon when things go wrong or happen at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use callfs_model::metadata::Intent;

use super::*;

pub(crate) async fn keeps_intents_in_order(place: &impl Place) {
    let intent = |n: u8| {
        let at = path(&format!("/ä{n}"));
        let tombstone = |storage, newest| Intent::Tombstone {
            path: at.clone(),
            inside: n % 4 == 1,
            storage,
            newest,
        };
        let intent = match n {
            9 => tombstone(Some([7; 16]), Some(-1_500_000_000)),
            8 => tombstone(Some([7; 16]), None),
            7 => tombstone(None, Some(i64::MAX)),
            5 => tombstone(None, None),
            4 => Intent::Mounted {
                path: at,
                storage: [b':'; 16],
            },
            3 => Intent::Reconcile { path: at },
            2 => Intent::Exchange {
                one: at,
                other: path("/other"),
                objects: [object("12:34"), object("ä\0:")],
            },
            _ => Intent::Rename {
                from: at,
                to: path("/to"),
            },
        };
        ([n; 16], intent)
    };
    let begin = |n: u8| Change::Begin(intent(n).0, intent(n).1);
    let store = place.open().await;
    store.apply(vec![begin(9), begin(1)]).await.expect("begun");
    store.apply(vec![put("/x"), begin(5)]).await.expect("begun");
    store.close().await;
    let store = place.open().await;
    assert_eq!(
        store.intents().await.expect("read"),
        [intent(9), intent(1), intent(5)]
    );
    store
        .apply(vec![
            rename("/x", "/y"),
            Change::End([1; 16]),
            Change::End([77; 16]),
        ])
        .await
        .expect("ended");
    assert_eq!(store.intents().await.expect("read"), [intent(9), intent(5)]);
    store
        .apply([1, 8, 4, 7, 3, 2].map(begin).into())
        .await
        .expect("begun again");
    assert_eq!(
        store.intents().await.expect("read"),
        [9, 5, 1, 8, 4, 7, 3, 2].map(intent)
    );
}

pub(crate) async fn one_intent_becomes_another_in_one_step(place: &impl Place) {
    let store = place.open().await;
    store
        .apply(vec![Change::Begin([1; 16], tombstone("/to"))])
        .await
        .expect("begun");
    let becomes = || {
        vec![
            Change::End([1; 16]),
            Change::Begin([1; 16], tombstone("/from")),
            put("/to"),
        ]
    };
    let refused = becomes()
        .into_iter()
        .chain([Change::Begin([1; 16], tombstone("/else"))])
        .collect();
    store.apply(refused).await.expect_err("begun twice");
    assert_eq!(
        store.intents().await.expect("read"),
        [([1; 16], tombstone("/to"))]
    );
    store.apply(becomes()).await.expect("changed");
    assert_eq!(
        store.intents().await.expect("read"),
        [([1; 16], tombstone("/from"))]
    );
    assert!(has(&store, "/to").await);
}

pub(crate) async fn carries_out_all_or_nothing(place: &impl Place) {
    let store = filled(place, &["/kept", "/kept/inner"]).await;
    let intent = Intent::Rename {
        from: path("/a"),
        to: path("/b"),
    };
    store
        .apply(vec![Change::Begin([1; 16], intent.clone())])
        .await
        .expect("begun");
    let refused = vec![
        put("/new"),
        Change::RemoveTree(path("/kept/inner")),
        rename("/kept", "/moved"),
        exchange("/moved", "/new"),
        Change::Begin([2; 16], intent.clone()),
        Change::Begin([1; 16], intent.clone()),
    ];
    assert_eq!(
        store.apply(refused).await.expect_err("begun twice").kind(),
        ErrorKind::AlreadyExists
    );
    assert_eq!(all(&store).await, ["/kept", "/kept/inner"]);
    assert_eq!(store.intents().await.expect("read"), [([1; 16], intent)]);
    store.apply(Vec::new()).await.expect("nothing to do");
    let in_order = vec![
        put("/1"),
        rename("/1", "/2"),
        put("/1"),
        Change::Remove(path("/2")),
        rename("/1", "/3"),
    ];
    store.apply(in_order).await.expect("changed");
    assert_eq!(all(&store).await, ["/3", "/kept", "/kept/inner"]);
}

pub(crate) async fn one_refusal_does_not_fail_the_others(place: &impl Place) {
    let store = place.open().await;
    let intent = Intent::Rename {
        from: path("/a"),
        to: path("/b"),
    };
    store
        .apply(vec![Change::Begin([0; 16], intent.clone())])
        .await
        .expect("begun");
    let changes = (0..300).map(|n| {
        let mut changes = vec![put(&format!("/f{n}"))];
        if n % 7 == 0 {
            changes.push(Change::Begin([0; 16], intent.clone()));
        }
        store.apply(changes)
    });
    let outcomes = futures_util::future::join_all(changes).await;
    for (n, outcome) in outcomes.iter().enumerate() {
        assert_eq!(outcome.is_err(), n % 7 == 0, "{n}: {outcome:?}");
        assert_eq!(has(&store, &format!("/f{n}")).await, n % 7 != 0);
    }
}

pub(crate) async fn keeps_what_it_answered(place: &impl Place) {
    for round in 0..3 {
        let store = place.open().await;
        for earlier in 0..round {
            assert!(has(&store, &format!("/{earlier}")).await);
        }
        store
            .apply(vec![put(&format!("/{round}"))])
            .await
            .expect("put");
        drop(store);
    }
}

pub(crate) async fn never_goes_back_in_time(place: &impl Place) {
    const LAST: u32 = 150;
    let store = Arc::new(filled(place, &["/a"]).await);
    let answered = Arc::new(AtomicU32::new(0));
    let readers = (0..4).map(|_| {
        let store = store.clone();
        let answered = answered.clone();
        tokio::spawn(async move {
            let mut seen = 0;
            while seen < LAST {
                let at_least = answered.load(Ordering::SeqCst).max(seen);
                let found = store.get(&path("/a")).await.expect("read").expect("there");
                seen = found.owner.parse().unwrap_or_default();
                assert!(seen >= at_least, "{seen} came after {at_least}");
            }
        })
    });
    let readers: Vec<_> = readers.collect();
    for version in 1..=LAST {
        let next = Change::Put(record("/a", &version.to_string()));
        // Every other version arrives by a move, which touches the path without naming it.
        let changes = if version % 2 == 0 {
            vec![next]
        } else {
            vec![
                Change::Put(record("/new/a", &version.to_string())),
                rename("/new/a", "/a"),
            ]
        };
        store.apply(changes).await.expect("changed");
        answered.store(version, Ordering::SeqCst);
    }
    for reader in readers {
        reader.await.expect("no panic");
    }
}

pub(crate) async fn changes_what_is_expected_and_nothing_else(place: &impl Place) {
    let store = filled(place, &["/a", "/b"]).await;
    let revision = async |text: &str| {
        store
            .get(&path(text))
            .await
            .expect("read")
            .map(|record| record.revision)
    };
    let expect = |text: &str, revision| Change::Expect {
        path: path(text),
        revision,
    };
    let seen = revision("/a").await;
    store
        .apply(vec![
            expect("/a", seen),
            put("/a"),
            expect("/new", None),
            put("/new"),
        ])
        .await
        .expect("as expected");
    for wrong in [seen, None, Some(u64::MAX >> 1)] {
        let refused = store
            .apply(vec![
                put("/c"),
                expect("/a", wrong),
                Change::Remove(path("/a")),
            ])
            .await;
        assert_eq!(
            refused.expect_err("it has another").kind(),
            ErrorKind::PreconditionFailed,
            "{wrong:?}"
        );
    }
    store
        .apply(vec![expect("/nothing", seen)])
        .await
        .expect_err("nothing is there");
    assert_eq!(all(&store).await, ["/a", "/b", "/new"]);
    // What was changed a moment ago, in the same step, counts.
    store
        .apply(vec![
            Change::Remove(path("/b")),
            expect("/b", None),
            put("/b"),
        ])
        .await
        .expect("as expected");
    let seen = revision("/b").await;
    store
        .apply(vec![rename("/b", "/moved"), expect("/b", None)])
        .await
        .expect("as expected");
    store
        .apply(vec![expect("/moved", seen)])
        .await
        .expect_err("a move gives a revision");
    store
        .apply(vec![
            expect("/moved", revision("/moved").await),
            Change::Remove(path("/moved")),
        ])
        .await
        .expect("gone");
    assert!(!has(&store, "/moved").await);
}

pub(crate) async fn changes_nothing_under_a_lease_that_was_fenced(place: &impl Place) {
    let store = place.open().await;
    let lost = [1; 16];
    let held = [2; 16];
    store
        .apply(vec![Change::Under(lost), put("/before")])
        .await
        .expect("held");
    store
        .apply(vec![Change::Fence(lost), Change::Fence(lost)])
        .await
        .expect("fenced");
    store
        .apply(vec![Change::Fence(lost)])
        .await
        .expect("was fenced before");
    for _ in 0..2 {
        let refused = store
            .apply(vec![put("/after"), Change::Under(lost)])
            .await
            .expect_err("lost");
        assert_eq!(refused.kind(), ErrorKind::Locked);
        store
            .apply(vec![Change::Under(held), put("/other")])
            .await
            .expect("held");
    }
    store.close().await;
    let store = place.open().await;
    store
        .apply(vec![Change::Under(lost)])
        .await
        .expect_err("for ever");
    assert!(has(&store, "/other").await && !has(&store, "/after").await);
}

pub(crate) async fn scans_trees_in_byte_order(place: &impl Place) {
    let sorted = [
        "/",
        "/A",
        "/a",
        "/a!",
        "/a!/x",
        "/a/b",
        "/a/b!",
        "/a/b/c",
        "/a/b0",
        "/a/\u{e9}",
        "/a0",
        "/ab",
    ];
    let store = filled(place, &sorted).await;
    let scan = async |within: &str, page: u32| {
        let mut found: Vec<String> = Vec::new();
        loop {
            let after = found.last().map(|last| path(last));
            let records = store
                .records(&path(within), after.as_ref(), page)
                .await
                .expect("scanned");
            assert!(records.len() <= page as usize);
            if records.is_empty() {
                return found;
            } else {
                found.extend(records.iter().map(|record| record.path.to_string()))
            }
        }
    };
    for page in [1, 2, 5, 100] {
        assert_eq!(scan("/", page).await, sorted, "{page} at a time");
        assert_eq!(
            scan("/a", page).await,
            ["/a", "/a/b", "/a/b!", "/a/b/c", "/a/b0", "/a/\u{e9}"]
        );
        assert_eq!(scan("/a/b", page).await, ["/a/b", "/a/b/c"]);
        assert!(scan("/nothing", page).await.is_empty());
    }
    let after = path("/a/b/a");
    let found = store
        .records(&path("/a"), Some(&after), 2)
        .await
        .expect("scanned");
    assert_eq!(
        found
            .iter()
            .map(|record| record.path.as_str())
            .collect::<Vec<_>>(),
        ["/a/b/c", "/a/b0"]
    );
    assert!(
        store
            .records(&path("/"), None, 0)
            .await
            .expect("scanned")
            .is_empty()
    );
}
