//! Names that change places, as a reader sees them meanwhile.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;

#[tokio::test]
async fn whatever_two_names_have_changes_places() {
    let served = Fixture::new();
    served.put("file", "a file");
    served.put("tree/in/it", "a tree");
    served.put("deep/tree/in/it", "another tree");
    served.make("empty");
    served.link("link", "file");
    let objects = async |names: [&'static str; 2]| {
        let [one, other] = names.map(|name| served.folder.stat(name));
        let one = one.await.expect("there").object;
        let other = other.await.expect("there").object;
        (one, other)
    };
    for names in [
        ["tree", "deep/tree"],
        ["file", "tree"],
        ["file", "empty"],
        ["tree/in/it", "file"],
        ["tree/in", "deep/tree/in/it"],
        ["link", "file"],
    ] {
        let [one, other] = names;
        let before = objects(names).await;
        let swap = || served.folder.exchange(one, other);
        swap().await.expect("exchanged");
        if one != "link" {
            let (first, second) = objects(names).await;
            assert_eq!((second, first), before, "{names:?}");
        }
        swap().await.expect("exchanged back");
        assert_eq!(objects(names).await, before, "{names:?}");
    }
    let etag = served.etag("tree/in/it").await;
    served
        .folder
        .exchange("tree", "deep/tree")
        .await
        .expect("exchanged");
    assert_eq!(served.on_disk("tree/in/it"), "another tree");
    assert_eq!(served.on_disk("deep/tree/in/it"), "a tree");
    assert_eq!(served.etag("deep/tree/in/it").await, etag);
    assert_eq!(
        served.names("").await,
        ["deep", "empty", "file", "link", "tree"]
    );
    // A name with itself.
    served
        .folder
        .exchange("tree", "tree")
        .await
        .expect("nothing to do");
}

#[tokio::test]
async fn what_cannot_change_places_stays() {
    let served = Fixture::new();
    served.put("d/e/f", "f");
    served.put("file", "x");
    for (one, other, expected) in [
        ("d", "d/e", ErrorKind::BadRequest),
        ("d/e", "d", ErrorKind::BadRequest),
        ("d", "d/e/f", ErrorKind::BadRequest),
        ("", "d", ErrorKind::BadRequest),
        ("d", "", ErrorKind::BadRequest),
        ("none", "d", ErrorKind::NotFound),
        ("d", "none", ErrorKind::NotFound),
        ("d", "none/there", ErrorKind::NotFound),
        ("d", "file/there", ErrorKind::NotADirectory),
        ("d", ".callfs-staging", ErrorKind::BadRequest),
    ] {
        let (kind, message) = failed(served.folder.exchange(one, other).await);
        assert_eq!(kind, expected, "{one:?} {other:?}: {message}");
        assert_eq!(served.on_disk("d/e/f"), "f");
        assert_eq!(served.on_disk("file"), "x");
    }
    let (_, message) = failed(served.folder.exchange("d", "none").await);
    assert!(
        message.contains("'none'"),
        "it names what is missing: {message}"
    );
}

#[tokio::test]
async fn what_would_lead_elsewhere_does_not_change_places_with_another_directory() {
    let served = Fixture::new();
    served.put("conf/key", "secret");
    served.put("x/conf/key", "other");
    served.put("x/there", "there");
    served.make("a/b");
    served.link("a/b/link", "../../conf/key");
    for (one, other) in [
        ("a/b", "x/there"),
        ("x/there", "a/b"),
        ("a/b/link", "x/there"),
    ] {
        let (kind, message) = failed(served.folder.exchange(one, other).await);
        assert_eq!(kind, ErrorKind::Unsupported, "{one} {other}");
        assert!(message.contains("relative link"), "{message}");
    }
    served.put("a/c", "beside");
    served
        .folder
        .exchange("a/b", "a/c")
        .await
        .expect("in one directory it leads to the same");
    assert_eq!(served.on_disk("a/c/link"), "secret");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_finds_one_or_the_other_at_any_moment() {
    let served = Fixture::new();
    served.put("live/file", "1");
    served.put("next/tree/file", "22");
    let over = Arc::new(AtomicBool::new(false));
    let reading = tokio::spawn({
        let folder = served.folder.clone();
        let over = over.clone();
        async move {
            let mut seen = [0_usize; 2];
            while !over.load(Ordering::SeqCst) {
                // None asks to look in another way.
                let Some(walked) = folder.walk("live/file", Some(None)).await else {
                    continue;
                };
                let (attributes, _) = walked.found.expect("one of them is there");
                seen[attributes.size as usize - 1] += 1;
                tokio::task::yield_now().await;
            }
            seen
        }
    });
    for _ in 0..100 {
        served
            .folder
            .exchange("live", "next/tree")
            .await
            .expect("exchanged");
    }
    over.store(true, Ordering::SeqCst);
    let seen = reading.await.expect("never missing");
    assert!(seen.iter().sum::<usize>() > 0, "{seen:?}");
}
