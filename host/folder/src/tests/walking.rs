use std::os::unix::ffi::OsStrExt;

use super::*;

/// What a walk finds is what each look alone finds.
async fn is_what_is_there(served: &Fixture, path: &str, directories: &[&str]) {
    let walked = served.folder.walk(path, None).await.expect(path);
    let mut expected = Vec::new();
    for directory in directories {
        expected.push(served.folder.stat(directory).await.expect(directory));
    }
    assert_eq!(walked.directories, expected, "{path}");
    let found = walked.found.map(|(attributes, source)| {
        assert!(source.is_none(), "it was not to be read");
        attributes
    });
    match (found, served.folder.stat(path).await) {
        (Ok(found), Ok(stat)) => assert_eq!(found, stat, "{path}"),
        (Err(found), Err(stat)) => assert_eq!(found.kind(), stat.kind(), "{path}"),
        (found, stat) => panic!("{path}: {found:?}, and {stat:?}"),
    }
}

#[tokio::test]
async fn a_walk_finds_the_directories_on_the_way() {
    let served = Fixture::new();
    served.put("a/b/file", "x");
    served.make("a/empty");
    served.pipe("a/pipe");
    for (path, directories) in [
        ("", &[][..]),
        ("a", &[""]),
        ("a/b/file", &["", "a", "a/b"]),
        ("a/empty", &["", "a"]),
        ("a/pipe", &["", "a"]),
        ("none", &[""]),
        ("a/none/deeper/still", &["", "a"]),
        ("a/b/file/below", &["", "a", "a/b"]),
        ("a/pipe/below", &["", "a"]),
    ] {
        is_what_is_there(&served, path, directories).await;
    }
}

#[tokio::test]
async fn a_walk_opens_files_and_nothing_else() {
    let served = Fixture::new();
    served.put("a/file", "0123456789");
    served.pipe("a/pipe");
    let range = Some(ByteRange {
        start: 2,
        end: Some(5),
    });
    for (range, expected) in [(None, "0123456789"), (range, "234")] {
        let walked = served.folder.walk("a/file", Some(range)).await;
        let (attributes, source) = walked.expect("no link").found.expect("opens");
        assert_eq!(attributes.size, 10);
        let read = bytes(source.expect("opened")).await.expect("reads");
        assert_eq!(read, expected.as_bytes());
    }
    for (path, kind) in [
        ("a", ErrorKind::IsADirectory),
        ("", ErrorKind::IsADirectory),
        ("a/pipe", ErrorKind::Unsupported),
        ("a/none", ErrorKind::NotFound),
        ("a/file/below", ErrorKind::NotADirectory),
    ] {
        let walked = served.folder.walk(path, Some(None)).await;
        assert_eq!(failed(walked.expect("no link").found).0, kind, "{path}");
    }
}

/// Which directories a link passes is not known to who walks; each is asked for.
#[tokio::test]
async fn a_way_over_a_link_is_not_walked() {
    let served = Fixture::new();
    served.put("a/file", "x");
    served.link("to-a", "a");
    served.link("a/to-file", "file");
    served.link("out", "../secret");
    served.link("loop", "loop");
    for path in ["to-a", "to-a/file", "a/to-file", "out", "loop", "loop/x"] {
        for read in [None, Some(None)] {
            assert!(served.folder.walk(path, read).await.is_none(), "{path}");
        }
    }
    for path in ["/a", "a/../a", ".callfs-staging/x"] {
        assert!(served.folder.walk(path, None).await.is_none(), "{path}");
    }
}

/// Directories come and go while others walk: every way that is found is one that there was.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_walk_never_mixes_two_ways() {
    let served = Fixture::new();
    for side in ["left", "right"] {
        served.put(&format!("{side}/in/file"), side);
    }
    let ids = async |path: &str| served.folder.stat(path).await.expect(path).object;
    let mut ways = Vec::new();
    for side in ["left", "right"] {
        let inner = format!("{side}/in");
        let file = format!("{inner}/file");
        ways.push([ids(side).await, ids(&inner).await, ids(&file).await]);
    }
    fs::rename(served.path("left"), served.path("at")).expect("moves");
    let (at, left, right) = (served.path("at"), served.path("left"), served.path("right"));
    let moving = tokio::task::spawn_blocking(move || {
        for _ in 0..2000 {
            fs::rename(&at, &left).expect("moves");
            fs::rename(&right, &at).expect("moves");
            fs::rename(&at, &right).expect("moves");
            fs::rename(&left, &at).expect("moves");
        }
    });
    while !moving.is_finished() {
        let Some(walked) = served.folder.walk("at/in/file", None).await else {
            continue;
        };
        let Ok((file, _)) = walked.found else {
            continue;
        };
        let objects = walked
            .directories
            .into_iter()
            .skip(1)
            .map(|found| found.object);
        let way: Vec<_> = objects.chain([file.object]).collect();
        assert!(
            ways.iter().any(|known| *known == *way),
            "{way:?} of {ways:?}"
        );
        tokio::task::yield_now().await;
    }
    moving.await.expect("no panic");
}

#[tokio::test]
async fn where_a_path_leads_over_links_is_told_without_them() {
    let served = Fixture::new();
    served.put("a/file", "x");
    served.make("a/b");
    for (link, target) in [
        ("to-a", "a"),
        ("a/to-file", "./file"),
        ("chain", "to-a/to-file"),
        ("a/b/up", ".."),
        ("dangling", "none/x"),
        ("staged", ".callfs-staging/x"),
        ("out", "../secret"),
        ("out-and-back", "../served/a"),
        ("absolute", "/etc"),
        ("loop", "loop"),
    ] {
        served.link(link, target);
    }
    served.link("bytes", std::ffi::OsStr::from_bytes(b"\xff"));
    let same = |path| Some((Some(path), Some(path)));
    for (path, expected) in [
        ("", None),
        ("a/file", None),
        ("none", None),
        ("to-a", Some((Some("to-a"), Some("a")))),
        ("to-a/file", same("a/file")),
        ("to-a/b/up/file", same("a/file")),
        ("to-a/none", same("a/none")),
        ("to-a/none/x", same("a/none/x")),
        ("to-a/file/x", same("a/file/x")),
        ("a/to-file", Some((Some("a/to-file"), Some("a/file")))),
        ("to-a/to-file", Some((Some("a/to-file"), Some("a/file")))),
        ("chain", Some((Some("chain"), Some("a/file")))),
        ("a/b/up", Some((Some("a/b/up"), Some("a")))),
        ("dangling", Some((Some("dangling"), Some("none/x")))),
        ("staged", Some((Some("staged"), None))),
        ("bytes", Some((Some("bytes"), None))),
        ("bytes/x", Some((None, None))),
        ("out", None),
        ("out-and-back", None),
        ("absolute", None),
        ("loop", None),
    ] {
        let found = served.folder.over_links(path).await.expect(path);
        let found = found
            .as_ref()
            .map(|way| (way.place.as_deref(), way.end.as_deref()));
        assert_eq!(found, expected, "{path}");
    }
}
