//! What is recorded of single paths, and what a directory holds.

use callfs_model::metadata::{Content, NextObject};

use super::*;

pub(crate) async fn gives_back_what_was_put(place: &impl Place) {
    let store = place.open().await;
    store.ready().await.expect("ready");
    let content = |etag: Option<&str>| Content {
        etag: etag.map(str::to_owned),
        content_type: etag.map(|_| "text/plain; charset=utf-8".to_owned()),
        sha256: etag.map(|_| [0xff; 32]),
        modified: etag.map(|_| -1_500_000_000),
        changed: etag.map(|_| i64::MAX),
    };
    let next = |content: &Content| NextObject {
        object: object("ä\":"),
        content: content.clone(),
    };
    for (text, content, object) in [
        ("/", None, Some(object(""))),
        ("/a", Some(content(None)), None),
        ("/a/ä", Some(content(Some("\"é"))), Some(object("12:34 ä"))),
    ] {
        assert_eq!(store.get(&path(text)).await.expect("read"), None);
        let given = Record {
            mode: 0o7777,
            next: content.as_ref().map(next).map(Box::new),
            content,
            object,
            ..record(text, "ålice")
        };
        store
            .apply(vec![Change::Put(given.clone())])
            .await
            .expect("put");
        let found = store.get(&path(text)).await.expect("read").expect("there");
        assert_eq!(
            *found,
            Record {
                revision: found.revision,
                ..given
            }
        );
    }
    store
        .apply(vec![Change::Put(record("/a/ä", "bob"))])
        .await
        .expect("put");
    let found = store
        .get(&path("/a/ä"))
        .await
        .expect("read")
        .expect("there");
    assert_eq!((found.owner.as_str(), &found.content), ("bob", &None));
    assert_eq!((&found.object, &found.next), (&None, &None));
}

pub(crate) async fn forgets(place: &impl Place) {
    let store = filled(
        place,
        &["/", "/a", "/a/b", "/a/b/c", "/a!", "/a0", "/ab", "/a/b2"],
    )
    .await;
    store
        .apply(vec![
            Change::Remove(path("/a")),
            Change::Remove(path("/nothing")),
        ])
        .await
        .expect("removed");
    assert_eq!(
        have(&store, &["/", "/a", "/a/b"]).await,
        [true, false, true]
    );
    store
        .apply(vec![Change::RemoveTree(path("/a/b"))])
        .await
        .expect("removed");
    assert_eq!(
        have(&store, &["/a/b", "/a/b/c", "/a/b2"]).await,
        [false, false, true]
    );
    store
        .apply(vec![Change::RemoveTree(path("/a"))])
        .await
        .expect("removed");
    assert_eq!(all(&store).await, ["/", "/a!", "/a0", "/ab"]);
    store
        .apply(vec![Change::RemoveTree(FilePath::root())])
        .await
        .expect("removed");
    assert!(all(&store).await.is_empty());
}

pub(crate) async fn is_exact_in_case_and_bytes(place: &impl Place) {
    // Composed and decomposed, upper and lower, and the wildcards of LIKE and GLOB.
    let store = filled(
        place,
        &[
            "/docs/x",
            "/DOCS/x",
            "/d_cs/x",
            "/%/x",
            "/*/x",
            "/\u{e9}/x",
            "/e\u{301}/x",
        ],
    )
    .await;
    let moves = vec![
        rename("/DOCS", "/1"),
        rename("/d_cs", "/2"),
        rename("/%", "/3"),
        rename("/\u{e9}", "/4"),
    ];
    store.apply(moves).await.expect("moved");
    for text in [
        "/docs/x",
        "/1/x",
        "/2/x",
        "/3/x",
        "/*/x",
        "/4/x",
        "/e\u{301}/x",
    ] {
        assert!(has(&store, text).await, "{text}");
    }
    store
        .apply(vec![
            Change::RemoveTree(path("/*")),
            Change::Remove(path("/Docs/x")),
        ])
        .await
        .expect("removed");
    assert!(has(&store, "/docs/x").await && !has(&store, "/*/x").await);
    assert_eq!(
        names(&store, "/", None, 10).await.len(),
        0,
        "nobody recorded the directories"
    );
}

pub(crate) async fn lists_children_page_by_page(place: &impl Place) {
    let sorted = [
        "A", "B", "a", "a b", "a!", "a-", "a.", "a0", "aa", "b", "z", "é", "日", "🦀",
    ];
    for directory in ["/", "/dir"] {
        let store = place.open().await;
        let directory = path(directory);
        let children = sorted
            .iter()
            .rev()
            .map(|name| put(directory.join(name).expect("good").as_str()));
        store.apply(children.collect()).await.expect("put");
        store
            .apply(vec![put(directory
                .join("a")
                .expect("good")
                .join("inner")
                .expect("good")
                .as_str())])
            .await
            .expect("put");
        for page in [1, 3, 100] {
            let mut found: Vec<String> = Vec::new();
            loop {
                let more = names(
                    &store,
                    directory.as_str(),
                    found.last().map(String::as_str),
                    page,
                )
                .await;
                assert!(more.len() <= page as usize);
                if more.is_empty() {
                    break;
                }
                found.extend(more);
            }
            assert_eq!(found, sorted, "{page} at a time");
        }
        assert_eq!(
            names(&store, directory.as_str(), Some("a~"), 2).await,
            ["b", "z"]
        );
        assert!(names(&store, directory.as_str(), None, 0).await.is_empty());
        store
            .apply(vec![Change::RemoveTree(FilePath::root())])
            .await
            .expect("removed");
        store.close().await;
    }
}

pub(crate) async fn lists_only_direct_children(place: &impl Place) {
    let store = filled(
        place,
        &["/", "/a", "/a/1", "/a/1/x", "/a/2", "/a0", "/ab/3", "/A/4"],
    )
    .await;
    assert_eq!(names(&store, "/", None, 10).await, ["a", "a0"]);
    assert_eq!(names(&store, "/a", None, 10).await, ["1", "2"]);
    assert_eq!(names(&store, "/a/1", None, 10).await, ["x"]);
    assert!(names(&store, "/a/1/x", None, 10).await.is_empty());
    store
        .apply(vec![rename("/a/1", "/ab/deeper/1")])
        .await
        .expect("moved");
    assert_eq!(names(&store, "/ab/deeper", None, 10).await, ["1"]);
    assert_eq!(names(&store, "/ab/deeper/1", None, 10).await, ["x"]);
}

pub(crate) async fn counts_revisions_up(place: &impl Place) {
    let store = filled(place, &["/a", "/b", "/b/c"]).await;
    let revision = async |store: &dyn Metadata, text: &str| {
        store
            .get(&path(text))
            .await
            .expect("read")
            .expect("there")
            .revision
    };
    let mut last = revision(&store, "/b/c").await;
    assert!(0 < revision(&store, "/a").await && revision(&store, "/a").await < last);
    store
        .apply(vec![Change::Put(Record {
            revision: 1,
            ..record("/a", "bob")
        })])
        .await
        .expect("put");
    assert!(revision(&store, "/a").await > last, "whatever was given");
    last = revision(&store, "/a").await;
    store.apply(vec![rename("/b", "/d")]).await.expect("moved");
    assert!(revision(&store, "/d").await > last && revision(&store, "/d/c").await > last);
    last = revision(&store, "/d").await;
    store
        .apply(vec![Change::RemoveTree(FilePath::root())])
        .await
        .expect("removed");
    store.close().await;
    let store = place.open().await;
    store.apply(vec![put("/a")]).await.expect("put");
    assert!(
        revision(&store, "/a").await > last,
        "also when nothing is left of it"
    );
}
