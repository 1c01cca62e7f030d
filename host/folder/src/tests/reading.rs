use std::time::Duration;

use super::*;

#[tokio::test]
async fn a_file_is_served_as_it_is() {
    let served = Fixture::new();
    served.put("a/b.txt", "hello");
    let (attributes, bytes) = served.read("a/b.txt").await.expect("reads");
    assert_eq!(bytes, b"hello");
    assert_eq!(
        (attributes.kind, attributes.size, attributes.mode),
        (EntryKind::File, 5, Some(served.mode("a/b.txt")))
    );
    let modified = fs::metadata(served.path("a/b.txt"))
        .expect("is there")
        .modified()
        .expect("has one");
    let modified = modified
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after")
        .as_nanos();
    assert_eq!(attributes.modified.map(|time| time as u128), Some(modified));
    assert_eq!(
        served.folder.stat("a/b.txt").await.expect("stats"),
        attributes
    );

    let directory = served.folder.stat("a").await.expect("stats");
    assert_eq!(
        (directory.kind, directory.size, directory.etag),
        (EntryKind::Directory, 0, None)
    );
    assert_eq!(
        served.folder.stat("").await.expect("stats").kind,
        EntryKind::Directory
    );
}

#[tokio::test]
async fn a_range_is_a_part() {
    let served = Fixture::new();
    served.put("f", "0123456789");
    let range = |start, end| {
        let folder = served.folder.clone();
        async move {
            let (attributes, source) = folder.read("f", Some(ByteRange { start, end })).await?;
            assert_eq!(attributes.size, 10, "the size is that of the whole");
            bytes(source)
                .await
                .map(|bytes| String::from_utf8(bytes).expect("text"))
        }
    };
    assert_eq!(range(2, Some(5)).await.expect("reads"), "234");
    assert_eq!(range(7, None).await.expect("reads"), "789");
    assert_eq!(range(7, Some(99)).await.expect("reads"), "789");
    assert_eq!(
        failed(range(10, None).await).0,
        ErrorKind::RangeNotSatisfiable { size: 10 }
    );
    assert_eq!(failed(range(5, Some(4)).await).0, ErrorKind::BadRequest);
}

#[tokio::test]
async fn what_is_not_a_file_is_refused() {
    let served = Fixture::new();
    served.put("f", "x");
    served.make("d");
    assert_eq!(failed(served.read("d").await).0, ErrorKind::IsADirectory);
    assert_eq!(failed(served.read("").await).0, ErrorKind::IsADirectory);
    assert_eq!(failed(served.read("none").await).0, ErrorKind::NotFound);
    assert_eq!(failed(served.read("none/f").await).0, ErrorKind::NotFound);
    assert_eq!(failed(served.read("f/x").await).0, ErrorKind::NotADirectory);
    for path in [
        "../secret",
        "/f",
        "d/../f",
        "d//f",
        "f\0",
        ".callfs-staging",
    ] {
        assert_eq!(
            failed(served.read(path).await).0,
            ErrorKind::BadRequest,
            "{path:?}"
        );
    }
}

#[tokio::test]
async fn a_pipe_or_a_socket_never_hangs() {
    let served = Fixture::new();
    served.pipe("pipe");
    served.link("link", "pipe");
    let _socket = std::os::unix::net::UnixListener::bind(served.path("socket")).expect("binds");
    for (path, what) in [
        ("pipe", "named pipe"),
        ("link", "named pipe"),
        ("socket", "socket"),
    ] {
        let read = tokio::time::timeout(Duration::from_secs(5), served.read(path))
            .await
            .expect("does not hang");
        let (kind, message) = failed(read);
        assert_eq!(kind, ErrorKind::Unsupported);
        assert!(message.contains(what), "{message}");
        assert_eq!(
            served.folder.stat(path).await.expect("stats").kind,
            EntryKind::Special
        );
    }
}

#[tokio::test]
async fn links_are_followed_inside_and_nowhere_else() {
    let served = Fixture::new();
    served.put("d/f", "inside");
    served.link("d/near", "f");
    served.link("far", "d/f");
    served.link("directory", "d");
    served.link("d/up", "../d/f");
    for path in ["d/near", "far", "directory/f", "d/up"] {
        assert_eq!(served.read(path).await.expect(path).1, b"inside");
    }
    served.link("absolute", served.host.path().join("secret"));
    served.link("escape", "../secret");
    served.link("d/deep", "../../secret");
    served.link("parent", "..");
    served.link("back", "../served/d/f");
    for path in [
        "absolute",
        "escape",
        "d/deep",
        "parent",
        "parent/secret",
        "back",
    ] {
        let (kind, message) = failed(served.read(path).await);
        assert_eq!(kind, ErrorKind::PermissionDenied, "{path}");
        assert!(
            message.contains("outside of the served folder"),
            "{message}"
        );
    }
    served.link("dangling", "nothing");
    assert_eq!(failed(served.read("dangling").await).0, ErrorKind::NotFound);
    served.link("loop", "pool");
    served.link("pool", "loop");
    let (kind, message) = failed(served.read("loop").await);
    assert!(
        kind == ErrorKind::BadRequest && message.contains("loop"),
        "{message}"
    );
}

#[tokio::test]
async fn a_link_swapped_in_while_reading_never_leads_outside() {
    let served = Fixture::new();
    served.put("real/secret", "inside");
    served.link("out", "..");
    let real = served.path("real");
    let out = served.path("out");
    let swapped = served.path("swapped");
    let swapping = std::thread::spawn(move || {
        for _ in 0..2000 {
            fs::rename(&real, &swapped).expect("renames");
            fs::rename(&out, &real).expect("renames");
            fs::rename(&real, &out).expect("renames");
            fs::rename(&swapped, &real).expect("renames");
        }
    });
    while !swapping.is_finished() {
        match served.read("real/secret").await {
            Ok((_, bytes)) => assert_eq!(bytes, b"inside"),
            Err(error) => assert!(
                matches!(
                    error.kind(),
                    ErrorKind::NotFound
                        | ErrorKind::PermissionDenied
                        | ErrorKind::BackendUnavailable
                ),
                "{error:?}"
            ),
        }
    }
    swapping.join().expect("no panic");
}

#[tokio::test]
async fn what_is_in_memory_is_read_without_another_thread() {
    let served = Fixture::new();
    served.put("d/f", "hello");
    served.read("d/f").await.expect("reads");
    let mut read = std::pin::pin!(served.folder.read("d/f", None));
    assert!(futures_util::poll!(&mut read).is_ready());
}

#[tokio::test]
async fn many_reads_and_refusals_leave_nothing_open() {
    let served = Fixture::new();
    served.put("f", "x");
    served.pipe("pipe");
    served.link("escape", "../secret");
    let open = || {
        let here = served.host.path().to_path_buf();
        let descriptors = fs::read_dir("/proc/self/fd").expect("reads").flatten();
        descriptors
            .filter_map(|entry| fs::read_link(entry.path()).ok())
            .filter(|path| path.starts_with(&here))
            .count()
    };
    let before = open();
    for _ in 0..50 {
        for path in ["f", "pipe", "escape", "none", ""] {
            let _ = served.read(path).await;
            let _ = served.folder.list(path, None, 10).await;
            let _ = served.write(path, "y", Condition::Absent).await;
            let _ = served.folder.make(path, None).await;
            let _ = served.folder.rename(path, "f", Condition::Absent).await;
            let _ = served.folder.remove_directory(path).await;
        }
    }
    assert_eq!(open(), before);
}
