//! What every store has to do, whatever it is made of. A store implements [`Place`] in its tests and names it to
//! `metadata_suite!`, which makes a test of each behaviour.

use std::path::PathBuf;

use super::{Change, Content, Intent, Metadata, Record, Sqlite};
use crate::error::ErrorKind;
use crate::path::{FilePath, MAX_PATH};

/// Somewhere empty for a store; opened again, it holds what was there.
pub(crate) trait Place {
    type Store: Metadata + 'static;

    fn new() -> Self;

    async fn open(&self) -> Self::Store;
}

macro_rules! metadata_suite {
    ($place:ty) => {
        $crate::metadata::suite::metadata_suite!($place:
            gives_back_what_was_put
            forgets
            is_exact_in_case_and_bytes
            moves_names_that_are_not_ascii
            moves_in_place_of_what_was_there
            moves_big_trees_in_one_step
            refuses_moves_that_cannot_be
            lists_children_page_by_page
            lists_only_direct_children
            keeps_intents_in_order
            carries_out_all_or_nothing
            one_refusal_does_not_fail_the_others
            counts_revisions_up
            keeps_what_it_answered
        );
    };
    ($place:ty: $($behaviour:ident)*) => {
        $(
            #[tokio::test]
            async fn $behaviour() {
                let place = <$place as $crate::metadata::suite::Place>::new();
                $crate::metadata::suite::$behaviour(&place).await;
            }
        )*
    };
}
pub(crate) use metadata_suite;

/// A folder of its own for each test.
pub(crate) struct Folder(tempfile::TempDir);

impl Folder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().expect("a folder"))
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.path().join("metadata.db")
    }

    pub(crate) fn url(&self) -> String {
        format!("sqlite:{}", self.file().display())
    }

    pub(crate) async fn sqlite(&self) -> Sqlite {
        Sqlite::open(&self.url()).await.expect("opened")
    }
}

pub(crate) fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

pub(crate) fn record(text: &str, owner: &str) -> Record {
    Record { path: path(text), owner: owner.into(), group: "staff".into(), mode: 0o644, content: None, revision: 0 }
}

fn put(text: &str) -> Change {
    Change::Put(record(text, "alice"))
}

fn rename(from: &str, to: &str) -> Change {
    Change::Rename { from: path(from), to: path(to) }
}

async fn filled(place: &impl Place, paths: &[&str]) -> impl Metadata + 'static {
    let store = place.open().await;
    store.apply(paths.iter().map(|text| put(text)).collect()).await.expect("put");
    store
}

async fn has(store: &impl Metadata, text: &str) -> bool {
    let found = store.get(&path(text)).await.expect("read");
    assert!(found.as_ref().is_none_or(|record| record.path == path(text)));
    found.is_some()
}

/// Everything that is recorded, in byte order.
async fn all(store: &impl Metadata) -> Vec<String> {
    let mut found = Vec::new();
    let mut next = vec![FilePath::root()];
    while let Some(directory) = next.pop() {
        if has(store, directory.as_str()).await {
            found.push(directory.to_string());
        }
        let children = store.children(&directory, None, 10_000).await.expect("listed");
        next.extend(children.into_iter().map(|record| record.path));
    }
    found.sort();
    found
}

async fn names(store: &impl Metadata, directory: &str, after: Option<&str>, limit: u32) -> Vec<String> {
    let children = store.children(&path(directory), after, limit).await.expect("listed");
    children.iter().map(|record| record.path.name().to_owned()).collect()
}

pub(crate) async fn gives_back_what_was_put(place: &impl Place) {
    let store = place.open().await;
    store.ready().await.expect("ready");
    let content = |etag: Option<&str>| Content {
        etag: etag.map(str::to_owned),
        content_type: etag.map(|_| "text/plain; charset=utf-8".to_owned()),
        sha256: etag.map(|_| [0xff; 32]),
    };
    for (text, content) in [("/", None), ("/a", Some(content(None))), ("/a/ä", Some(content(Some("\"é"))))] {
        assert_eq!(store.get(&path(text)).await.expect("read"), None);
        let given = Record { mode: 0o7777, content, ..record(text, "ålice") };
        store.apply(vec![Change::Put(given.clone())]).await.expect("put");
        let found = store.get(&path(text)).await.expect("read").expect("there");
        assert_eq!(*found, Record { revision: found.revision, ..given });
    }
    store.apply(vec![Change::Put(record("/a/ä", "bob"))]).await.expect("put");
    let found = store.get(&path("/a/ä")).await.expect("read").expect("there");
    assert_eq!((found.owner.as_str(), &found.content), ("bob", &None));
}

pub(crate) async fn forgets(place: &impl Place) {
    let store = filled(place, &["/", "/a", "/a/b", "/a/b/c", "/a!", "/a0", "/ab", "/a/b2"]).await;
    store.apply(vec![Change::Remove(path("/a")), Change::Remove(path("/nothing"))]).await.expect("removed");
    assert_eq!(all_below(&store, &["/", "/a", "/a/b"]).await, [true, false, true]);
    store.apply(vec![Change::RemoveTree(path("/a/b"))]).await.expect("removed");
    assert_eq!(all_below(&store, &["/a/b", "/a/b/c", "/a/b2"]).await, [false, false, true]);
    store.apply(vec![Change::RemoveTree(path("/a"))]).await.expect("removed");
    assert_eq!(all(&store).await, ["/", "/a!", "/a0", "/ab"]);
    store.apply(vec![Change::RemoveTree(FilePath::root())]).await.expect("removed");
    assert!(all(&store).await.is_empty());
}

async fn all_below(store: &impl Metadata, texts: &[&str]) -> Vec<bool> {
    let mut there = Vec::new();
    for text in texts {
        there.push(has(store, text).await);
    }
    there
}

pub(crate) async fn is_exact_in_case_and_bytes(place: &impl Place) {
    // Composed and decomposed, upper and lower, and the wildcards of LIKE and GLOB.
    let store = filled(place, &["/docs/x", "/DOCS/x", "/d_cs/x", "/%/x", "/*/x", "/\u{e9}/x", "/e\u{301}/x"]).await;
    let moves = vec![rename("/DOCS", "/1"), rename("/d_cs", "/2"), rename("/%", "/3"), rename("/\u{e9}", "/4")];
    store.apply(moves).await.expect("moved");
    for text in ["/docs/x", "/1/x", "/2/x", "/3/x", "/*/x", "/4/x", "/e\u{301}/x"] {
        assert!(has(&store, text).await, "{text}");
    }
    store.apply(vec![Change::RemoveTree(path("/*")), Change::Remove(path("/Docs/x"))]).await.expect("removed");
    assert!(has(&store, "/docs/x").await && !has(&store, "/*/x").await);
    assert_eq!(names(&store, "/", None, 10).await.len(), 0, "nobody recorded the directories");
}

pub(crate) async fn moves_names_that_are_not_ascii(place: &impl Place) {
    let store = filled(place, &["/ä", "/ä/ö", "/ä/ö/日本語.txt", "/äb", "/a"]).await;
    store.apply(vec![rename("/ä", "/plain")]).await.expect("moved");
    assert_eq!(all_below(&store, &["/plain", "/plain/ö", "/plain/ö/日本語.txt"]).await, [true; 3]);
    store.apply(vec![rename("/plain/ö", "/🦀")]).await.expect("moved");
    store.apply(vec![rename("/🦀", "/a/é/x")]).await.expect("moved");
    assert_eq!(
        all_below(&store, &["/a/é/x", "/a/é/x/日本語.txt", "/äb", "/plain", "/🦀"]).await,
        [true, true, true, true, false]
    );
    assert_eq!(names(&store, "/a/é/x", None, 10).await, ["日本語.txt"]);
}

pub(crate) async fn moves_in_place_of_what_was_there(place: &impl Place) {
    let store = filled(place, &["/", "/a", "/a/new", "/ab", "/a0", "/b", "/b/old", "/b/old/deep", "/bc"]).await;
    store.apply(vec![rename("/a", "/b")]).await.expect("moved");
    assert_eq!(all(&store).await, ["/", "/a0", "/ab", "/b", "/b/new", "/bc"]);
    store.apply(vec![rename("/b", "/b")]).await.expect("nothing to do");
    assert_eq!(all(&store).await, ["/", "/a0", "/ab", "/b", "/b/new", "/bc"]);
    store.apply(vec![rename("/unrecorded", "/b")]).await.expect("moved");
    assert_eq!(all(&store).await, ["/", "/a0", "/ab", "/bc"]);
}

pub(crate) async fn moves_big_trees_in_one_step(place: &impl Place) {
    const FILES: usize = 5000;
    let store = std::sync::Arc::new(filled(place, &["/from"]).await);
    let files = (0..FILES).map(|n| put(&format!("/from/{:02}/é{n}", n % 50))).collect();
    store.apply(files).await.expect("put");
    let (first, last) = (path("/from/00/é0"), path("/to/49/é4999"));
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
        assert_eq!(names(&*store, &format!("/to/{n:02}"), None, 1000).await.len(), FILES / 50);
        assert!(names(&*store, &format!("/from/{n:02}"), None, 1000).await.is_empty());
    }
}

pub(crate) async fn refuses_moves_that_cannot_be(place: &impl Place) {
    let deep = format!("/a{}", "/x".repeat(2000));
    let store = filled(place, &["/a", "/a/b", &deep]).await;
    let long = format!("/{}", "l".repeat(MAX_PATH - deep.len() + 2));
    let fits = &long[..long.len() - 1];
    for (from, to) in [("/a", "/a/b/c"), ("/a/b", "/a"), ("/", "/z"), ("/a", "/"), ("/a", long.as_str())] {
        let error = store.apply(vec![put("/other"), rename(from, to)]).await.expect_err(to);
        assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
        assert_eq!(all_below(&store, &["/a", "/a/b", &deep, "/other"]).await, [true, true, true, false]);
    }
    store.apply(vec![rename("/a", fits)]).await.expect("just short enough");
    assert!(has(&store, &deep.replacen("/a", fits, 1)).await);
}

pub(crate) async fn lists_children_page_by_page(place: &impl Place) {
    let sorted = ["A", "B", "a", "a b", "a!", "a-", "a.", "a0", "aa", "b", "z", "é", "日", "🦀"];
    for directory in ["/", "/dir"] {
        let store = place.open().await;
        let directory = path(directory);
        let children = sorted.iter().rev().map(|name| put(directory.join(name).expect("good").as_str()));
        store.apply(children.collect()).await.expect("put");
        store
            .apply(vec![put(directory.join("a").expect("good").join("inner").expect("good").as_str())])
            .await
            .expect("put");
        for page in [1, 3, 100] {
            let mut found: Vec<String> = Vec::new();
            loop {
                let more = names(&store, directory.as_str(), found.last().map(String::as_str), page).await;
                assert!(more.len() <= page as usize);
                if more.is_empty() {
                    break;
                }
                found.extend(more);
            }
            assert_eq!(found, sorted, "{page} at a time");
        }
        assert_eq!(names(&store, directory.as_str(), Some("a~"), 2).await, ["b", "z"]);
        assert!(names(&store, directory.as_str(), None, 0).await.is_empty());
        store.apply(vec![Change::RemoveTree(FilePath::root())]).await.expect("removed");
        store.close().await;
    }
}

pub(crate) async fn lists_only_direct_children(place: &impl Place) {
    let store = filled(place, &["/", "/a", "/a/1", "/a/1/x", "/a/2", "/a0", "/ab/3", "/A/4"]).await;
    assert_eq!(names(&store, "/", None, 10).await, ["a", "a0"]);
    assert_eq!(names(&store, "/a", None, 10).await, ["1", "2"]);
    assert_eq!(names(&store, "/a/1", None, 10).await, ["x"]);
    assert!(names(&store, "/a/1/x", None, 10).await.is_empty());
    store.apply(vec![rename("/a/1", "/ab/deeper/1")]).await.expect("moved");
    assert_eq!(names(&store, "/ab/deeper", None, 10).await, ["1"]);
    assert_eq!(names(&store, "/ab/deeper/1", None, 10).await, ["x"]);
}

pub(crate) async fn keeps_intents_in_order(place: &impl Place) {
    let intent = |n: u8| ([n; 16], Intent::Rename { from: path(&format!("/ä{n}")), to: path("/to") });
    let begin = |n: u8| Change::Begin(intent(n).0, intent(n).1);
    let store = place.open().await;
    store.apply(vec![begin(9), begin(1)]).await.expect("begun");
    store.apply(vec![put("/x"), begin(5)]).await.expect("begun");
    store.close().await;
    let store = place.open().await;
    assert_eq!(store.intents().await.expect("read"), [intent(9), intent(1), intent(5)]);
    store.apply(vec![rename("/x", "/y"), Change::End([1; 16]), Change::End([77; 16])]).await.expect("ended");
    assert_eq!(store.intents().await.expect("read"), [intent(9), intent(5)]);
    store.apply(vec![begin(1)]).await.expect("begun again");
    assert_eq!(store.intents().await.expect("read"), [intent(9), intent(5), intent(1)]);
}

pub(crate) async fn carries_out_all_or_nothing(place: &impl Place) {
    let store = filled(place, &["/kept", "/kept/inner"]).await;
    let intent = Intent::Rename { from: path("/a"), to: path("/b") };
    store.apply(vec![Change::Begin([1; 16], intent.clone())]).await.expect("begun");
    let refused = vec![
        put("/new"),
        Change::RemoveTree(path("/kept/inner")),
        rename("/kept", "/moved"),
        Change::Begin([2; 16], intent.clone()),
        Change::Begin([1; 16], intent.clone()),
    ];
    assert_eq!(store.apply(refused).await.expect_err("begun twice").kind(), ErrorKind::AlreadyExists);
    assert_eq!(all(&store).await, ["/kept", "/kept/inner"]);
    assert_eq!(store.intents().await.expect("read"), [([1; 16], intent)]);
    store.apply(Vec::new()).await.expect("nothing to do");
    let in_order = vec![put("/1"), rename("/1", "/2"), put("/1"), Change::Remove(path("/2")), rename("/1", "/3")];
    store.apply(in_order).await.expect("changed");
    assert_eq!(all(&store).await, ["/3", "/kept", "/kept/inner"]);
}

pub(crate) async fn one_refusal_does_not_fail_the_others(place: &impl Place) {
    let store = place.open().await;
    let intent = Intent::Rename { from: path("/a"), to: path("/b") };
    store.apply(vec![Change::Begin([0; 16], intent.clone())]).await.expect("begun");
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

pub(crate) async fn counts_revisions_up(place: &impl Place) {
    let store = filled(place, &["/a", "/b", "/b/c"]).await;
    let revision =
        async |store: &dyn Metadata, text: &str| store.get(&path(text)).await.expect("read").expect("there").revision;
    let mut last = revision(&store, "/b/c").await;
    assert!(0 < revision(&store, "/a").await && revision(&store, "/a").await < last);
    store.apply(vec![Change::Put(Record { revision: 1, ..record("/a", "bob") })]).await.expect("put");
    assert!(revision(&store, "/a").await > last, "whatever was given");
    last = revision(&store, "/a").await;
    store.apply(vec![rename("/b", "/d")]).await.expect("moved");
    assert!(revision(&store, "/d").await > last && revision(&store, "/d/c").await > last);
    last = revision(&store, "/d").await;
    store.apply(vec![Change::RemoveTree(FilePath::root())]).await.expect("removed");
    store.close().await;
    let store = place.open().await;
    store.apply(vec![put("/a")]).await.expect("put");
    assert!(revision(&store, "/a").await > last, "also when nothing is left of it");
}

pub(crate) async fn keeps_what_it_answered(place: &impl Place) {
    for round in 0..3 {
        let store = place.open().await;
        for earlier in 0..round {
            assert!(has(&store, &format!("/{earlier}")).await);
        }
        store.apply(vec![put(&format!("/{round}"))]).await.expect("put");
        drop(store);
    }
}
