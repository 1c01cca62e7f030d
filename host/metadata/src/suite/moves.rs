//! Trees that move: all of a tree, nothing beside it, in one step.

use std::sync::Arc;

use callfs_model::metadata::{Content, NextObject};
use callfs_model::path::MAX_PATH;

use super::*;

pub(crate) async fn moves_names_that_are_not_ascii(place: &impl Place) {
    let store = filled(place, &["/ä", "/ä/ö", "/ä/ö/日本語.txt", "/äb", "/a"]).await;
    store
        .apply(vec![rename("/ä", "/plain")])
        .await
        .expect("moved");
    assert_eq!(
        have(&store, &["/plain", "/plain/ö", "/plain/ö/日本語.txt"]).await,
        [true; 3]
    );
    store
        .apply(vec![rename("/plain/ö", "/🦀")])
        .await
        .expect("moved");
    store
        .apply(vec![rename("/🦀", "/a/é/x")])
        .await
        .expect("moved");
    assert_eq!(
        have(
            &store,
            &["/a/é/x", "/a/é/x/日本語.txt", "/äb", "/plain", "/🦀"]
        )
        .await,
        [true, true, true, true, false]
    );
    assert_eq!(names(&store, "/a/é/x", None, 10).await, ["日本語.txt"]);
}

pub(crate) async fn moves_in_place_of_what_was_there(place: &impl Place) {
    let store = filled(
        place,
        &[
            "/",
            "/a",
            "/a/new",
            "/ab",
            "/a0",
            "/b",
            "/b/old",
            "/b/old/deep",
            "/bc",
        ],
    )
    .await;
    store.apply(vec![rename("/a", "/b")]).await.expect("moved");
    assert_eq!(
        all(&store).await,
        ["/", "/a0", "/ab", "/b", "/b/new", "/bc"]
    );
    store
        .apply(vec![rename("/b", "/b")])
        .await
        .expect("nothing to do");
    assert_eq!(
        all(&store).await,
        ["/", "/a0", "/ab", "/b", "/b/new", "/bc"]
    );
    store
        .apply(vec![rename("/unrecorded", "/b")])
        .await
        .expect("moved");
    assert_eq!(all(&store).await, ["/", "/a0", "/ab", "/bc"]);
}

pub(crate) async fn moves_records_with_their_objects(place: &impl Place) {
    let full = |text: &str, name: &str| Record {
        content: Some(Content {
            changed: Some(-1),
            ..Content::default()
        }),
        object: Some(object(name)),
        next: Some(Box::new(NextObject {
            object: object(&format!("{name}+")),
            content: Content {
                sha256: Some([7; 32]),
                changed: Some(1),
                ..Content::default()
            },
        })),
        ..record(text, "alice")
    };
    let directory = Record {
        object: Some(object("1:0")),
        ..record("/d", "alice")
    };
    let store = place.open().await;
    let records = [
        directory,
        full("/d/ä", "2:0"),
        full("/d/e/f", "3:0"),
        full("/g", "4:0"),
    ];
    store
        .apply(records.iter().cloned().map(Change::Put).collect())
        .await
        .expect("put");
    store
        .apply(vec![rename("/g", "/h"), rename("/d", "/moved/here")])
        .await
        .expect("moved");
    for (record, to) in
        records
            .iter()
            .zip(["/moved/here", "/moved/here/ä", "/moved/here/e/f", "/h"])
    {
        let found = store.get(&path(to)).await.expect("read").expect("there");
        let moved = Record {
            path: path(to),
            revision: found.revision,
            ..record.clone()
        };
        assert_eq!(*found, moved);
    }
}

pub(crate) async fn moves_big_trees_in_one_step(place: &impl Place) {
    const FILES: usize = 5000;
    let store = Arc::new(filled(place, &["/from"]).await);
    let files = (0..FILES)
        .map(|n| put(&format!("/from/{:02}/é{n}", n % 50)))
        .collect();
    store.apply(files).await.expect("put");
    let first = path("/from/00/é0");
    let last = path("/to/49/é4999");
    let moving = tokio::spawn({
        let store = store.clone();
        async move { store.apply(vec![rename("/from", "/to")]).await }
    });
    // Read in this order, a part of a move would show as the first gone and the last not there.
    loop {
        let gone = store.get(&first).await.expect("read").is_none();
        let arrived = store.get(&last).await.expect("read").is_some();
        assert!(arrived || !gone, "half a move was visible");
        if gone {
            break;
        }
    }
    moving.await.expect("no panic").expect("moved");
    for n in 0..50 {
        assert_eq!(
            names(&*store, &format!("/to/{n:02}"), None, 1000)
                .await
                .len(),
            FILES / 50
        );
        assert!(
            names(&*store, &format!("/from/{n:02}"), None, 1000)
                .await
                .is_empty()
        );
    }
}

pub(crate) async fn refuses_moves_that_cannot_be(place: &impl Place) {
    let deep = format!("/a{}", "/x".repeat(2000));
    let store = filled(place, &["/a", "/a/b", &deep]).await;
    let long = format!("/{}", "l".repeat(MAX_PATH - deep.len() + 2));
    let fits = &long[..long.len() - 1];
    for (from, to) in [
        ("/a", "/a/b/c"),
        ("/a/b", "/a"),
        ("/", "/z"),
        ("/a", "/"),
        ("/a", long.as_str()),
    ] {
        let error = store
            .apply(vec![put("/other"), rename(from, to)])
            .await
            .expect_err(to);
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
        assert_eq!(
            have(&store, &["/a", "/a/b", &deep, "/other"]).await,
            [true, true, true, false]
        );
    }
    store
        .apply(vec![rename("/a", fits)])
        .await
        .expect("just short enough");
    assert!(has(&store, &deep.replacen("/a", fits, 1)).await);
}
