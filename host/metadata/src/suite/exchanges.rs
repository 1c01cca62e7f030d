//! Trees that change places: all of both, nothing beside them, in one step.

use std::sync::Arc;

use callfs_model::path::MAX_PATH;

use super::*;

/// Every record with its owner, in byte order of the paths.
async fn owners(store: &impl Metadata) -> Vec<String> {
    let records = store.records(&FilePath::root(), None, 10_000).await;
    let records = records.expect("read");
    let shown = records
        .iter()
        .map(|record| format!("{} {}", record.path, record.owner));
    shown.collect()
}

fn put_of(text: &str, owner: &str) -> Change {
    Change::Put(record(text, owner))
}

pub(crate) async fn exchanges_what_is_recorded_of_two_trees(place: &impl Place) {
    let store = place.open().await;
    let neighbours = ["/", "/a-", "/a0", "/ab", "/d", "/d/e-", "/d/e0", "/d/ef"];
    let one = ["/a", "/a/x", "/a/x/deep", "/a/ä"];
    let other = ["/d/e", "/d/e/x", "/d/e/y/z"];
    let changes = neighbours
        .map(|at| put_of(at, "carol"))
        .into_iter()
        .chain(one.map(|at| put_of(at, "alice")))
        .chain(other.map(|at| put_of(at, "bob")));
    store.apply(changes.collect()).await.expect("put");
    let before = owners(&store).await;
    let revision = async |at: &str| {
        let found = store.get(&path(at)).await.expect("read");
        found.map(|record| record.revision)
    };
    let seen = revision("/a").await.max(revision("/d/e/y/z").await);

    let swap = || vec![exchange("/a", "/d/e")];
    store.apply(swap()).await.expect("exchanged");
    let expected = [
        "/ carol",
        "/a bob",
        "/a- carol",
        "/a/x bob",
        "/a/y/z bob",
        "/a0 carol",
        "/ab carol",
        "/d carol",
        "/d/e alice",
        "/d/e- carol",
        "/d/e/x alice",
        "/d/e/x/deep alice",
        "/d/e/ä alice",
        "/d/e0 carol",
        "/d/ef carol",
    ];
    assert_eq!(owners(&store).await, expected);
    for at in ["/a", "/a/y/z", "/d/e", "/d/e/x/deep"] {
        assert!(revision(at).await > seen, "{at}: the revision is a new one");
    }
    // Children are found by their depth, which differs.
    assert_eq!(names(&store, "/a", None, 10).await, ["x"]);
    assert_eq!(names(&store, "/d/e", None, 10).await, ["x", "ä"]);
    assert_eq!(names(&store, "/d/e/x", None, 10).await, ["deep"]);

    store.apply(swap()).await.expect("exchanged back");
    assert_eq!(owners(&store).await, before);
    store
        .apply(vec![exchange("/a", "/a")])
        .await
        .expect("nothing to do");
    assert_eq!(owners(&store).await, before);
    store
        .apply(vec![exchange("/unrecorded", "/a"), put("/last")])
        .await
        .expect("exchanged");
    assert_eq!(
        have(
            &store,
            &["/a", "/unrecorded", "/unrecorded/x/deep", "/last"]
        )
        .await,
        [false, true, true, true]
    );
}

pub(crate) async fn exchanges_big_trees_in_one_step(place: &impl Place) {
    const FILES: usize = 1500;
    let store = Arc::new(place.open().await);
    for (tree, owner) in [("/one", "old"), ("/other/place", "new")] {
        let files = (0..FILES).map(|n| put_of(&format!("{tree}/{:02}/é{n}", n % 50), owner));
        store.apply(files.collect()).await.expect("put");
    }
    let owner = async |at: &str| {
        let found = store.get(&path(at)).await.expect("read");
        found.expect("both are there at any moment").owner.clone()
    };
    let exchanging = tokio::spawn({
        let store = store.clone();
        async move { store.apply(vec![exchange("/one", "/other/place")]).await }
    });
    loop {
        let first = owner("/one/00/é0").await;
        let last = owner("/other/place/49/é1499").await;
        assert!(
            first == "old" || last == "old",
            "half an exchange was visible: {first} {last}"
        );
        if first == "new" {
            break;
        }
    }
    exchanging.await.expect("no panic").expect("exchanged");
    for (tree, owner) in [("/one", "new"), ("/other/place", "old")] {
        let records = store.records(&path(tree), None, 10_000).await;
        let records = records.expect("read");
        assert_eq!(records.len(), FILES, "{tree}");
        assert!(records.iter().all(|record| record.owner == owner), "{tree}");
    }
}

pub(crate) async fn refuses_exchanges_that_cannot_be(place: &impl Place) {
    let deep = format!("/a{}", "/x".repeat(2000));
    let store = filled(place, &["/a", "/a/b", &deep, "/c"]).await;
    let long = format!("/{}", "l".repeat(MAX_PATH - deep.len() + 2));
    let fits = &long[..long.len() - 1];
    store
        .apply(vec![put(&long), put(fits)])
        .await
        .expect("recorded");
    for (one, other) in [
        ("/a", "/a/b"),
        ("/a/b", "/a"),
        ("/", "/c"),
        ("/c", "/"),
        ("/a", long.as_str()),
        (long.as_str(), "/a"),
    ] {
        let error = store
            .apply(vec![put("/other"), exchange(one, other)])
            .await
            .expect_err(other);
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
        assert_eq!(
            have(&store, &["/a", "/a/b", &deep, "/c", &long, "/other"]).await,
            [true, true, true, true, true, false]
        );
    }
    store
        .apply(vec![exchange("/a", fits)])
        .await
        .expect("just short enough");
    assert_eq!(
        have(&store, &[&deep.replacen("/a", fits, 1), "/a", "/a/b"]).await,
        [true, true, false]
    );
}
