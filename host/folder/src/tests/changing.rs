use super::*;

#[tokio::test]
async fn directories_are_made_and_removed() {
    let served = Fixture::new();
    let made = served.folder.make("d", Some(0o777)).await.expect("makes");
    assert_eq!(
        (made.kind, made.mode, served.mode("d")),
        (EntryKind::Directory, Some(0o777), 0o777)
    );
    served.folder.make("d/e", None).await.expect("makes");
    assert_eq!(served.mode("d/e"), 0o755);
    served.put("f", "x");
    for path in ["d", "f", ""] {
        assert_eq!(
            failed(served.folder.make(path, None).await).0,
            ErrorKind::AlreadyExists,
            "{path:?}"
        );
    }
    assert_eq!(
        failed(served.folder.make("none/d", None).await).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        failed(served.folder.make("f/d", None).await).0,
        ErrorKind::NotADirectory
    );

    served.link("to-d", "d/e");
    let remove = |path: &'static str| served.folder.remove_directory(path);
    assert_eq!(failed(remove("d").await).0, ErrorKind::DirectoryNotEmpty);
    assert_eq!(failed(remove("f").await).0, ErrorKind::NotADirectory);
    assert_eq!(failed(remove("to-d").await).0, ErrorKind::NotADirectory);
    assert_eq!(failed(remove("none").await).0, ErrorKind::NotFound);
    assert_eq!(failed(remove("").await).0, ErrorKind::BadRequest);
    remove("d/e").await.expect("removes");
    remove("d").await.expect("removes");
    assert!(!served.path("d").exists());
}

#[tokio::test]
async fn a_directory_with_names_that_are_not_served_says_so() {
    let served = Fixture::new();
    served.put("d/bad\n", "");
    let (kind, message) = failed(served.folder.remove_directory("d").await);
    assert_eq!(kind, ErrorKind::DirectoryNotEmpty);
    assert!(message.contains("not served"), "{message}");
    served.make("e");
    let _inner = Folder::open(&served.path("e"), FolderAccess::ReadWrite).expect("opens");
    assert!(served.names("e").await.is_empty());
    assert!(
        failed(served.folder.remove_directory("e").await)
            .1
            .contains("staging directory")
    );
}

#[tokio::test]
async fn files_and_links_are_removed() {
    let served = Fixture::new();
    served.put("f", "x");
    served.put("d/g", "x");
    served.link("to-f", "f");
    served.link("to-d", "d");
    served.link("dangling", "nothing");
    served.pipe("pipe");
    let remove = |path: &'static str, condition| served.folder.remove_file(path, condition);
    assert_eq!(
        failed(remove("f", etag_in("x")).await).0,
        ErrorKind::PreconditionFailed
    );
    assert_eq!(
        failed(remove("f", Condition::Absent).await).0,
        ErrorKind::PreconditionFailed
    );
    assert_eq!(
        failed(remove("d", Condition::Always).await).0,
        ErrorKind::IsADirectory
    );
    assert_eq!(
        failed(remove("none", Condition::Always).await).0,
        ErrorKind::NotFound
    );
    for path in ["to-f", "to-d", "dangling", "pipe"] {
        remove(path, Condition::Always).await.expect(path);
        assert!(served.path(path).symlink_metadata().is_err(), "{path}");
    }
    assert_eq!(
        (served.on_disk("f"), served.on_disk("d/g")),
        ("x".into(), "x".into())
    );
    remove("f", etag_in(&served.etag("f").await))
        .await
        .expect("removes");
    assert!(!served.path("f").exists());
}

#[tokio::test]
async fn files_and_directories_move() {
    let served = Fixture::new();
    served.put("a", "a");
    served.put("b", "b");
    served.put("d/f", "f");
    let etag = served.etag("a").await;
    let rename =
        |from: &'static str, to: &'static str, condition| served.folder.rename(from, to, condition);
    assert_eq!(
        failed(rename("a", "b", Condition::Absent).await).0,
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        failed(rename("a", "b", etag_in(&etag)).await).0,
        ErrorKind::PreconditionFailed
    );
    assert_eq!(
        failed(rename("a", "d", Condition::Always).await).0,
        ErrorKind::IsADirectory
    );
    assert_eq!(
        failed(rename("d", "a", Condition::Always).await).0,
        ErrorKind::NotADirectory
    );
    assert_eq!(
        failed(rename("d", "d/e", Condition::Always).await).0,
        ErrorKind::BadRequest
    );
    assert_eq!(
        failed(rename("none", "x", Condition::Always).await).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        failed(rename("a", "none/x", Condition::Always).await).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        failed(rename("", "x", Condition::Always).await).0,
        ErrorKind::BadRequest
    );
    assert_eq!(
        failed(rename("a", "", Condition::Always).await).0,
        ErrorKind::BadRequest
    );
    served.put("full/x", "");
    assert_eq!(
        failed(rename("d", "full", Condition::Always).await).0,
        ErrorKind::DirectoryNotEmpty
    );

    rename("a", "c", Condition::Absent).await.expect("moves");
    assert_eq!(
        served.etag("c").await,
        etag,
        "a new name does not change the bytes"
    );
    rename("c", "b", etag_in(&served.etag("b").await))
        .await
        .expect("replaces");
    rename("d", "full/d", Condition::Absent)
        .await
        .expect("moves with all below it");
    assert_eq!(
        (served.on_disk("b"), served.on_disk("full/d/f")),
        ("a".into(), "f".into())
    );
    assert_eq!(served.names("").await, ["b", "full"]);
    rename("b", "b", Condition::Always).await.expect("stays");
    assert_eq!(served.on_disk("b"), "a");
}

#[tokio::test]
async fn moving_onto_another_name_of_the_same_file_leaves_one() {
    let served = Fixture::new();
    served.put("a", "x");
    fs::hard_link(served.path("a"), served.path("b")).expect("links");
    served
        .folder
        .rename("a", "b", Condition::Always)
        .await
        .expect("moves");
    assert_eq!(served.names("").await, ["b"]);
}

#[tokio::test]
async fn nothing_moves_out_or_in_by_a_link() {
    let served = Fixture::new();
    served.put("f", "x");
    served.link("out", "..");
    assert_eq!(
        failed(served.folder.rename("f", "out/f", Condition::Always).await).0,
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        failed(
            served
                .folder
                .rename("out/secret", "s", Condition::Always)
                .await
        )
        .0,
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        failed(
            served
                .folder
                .remove_file("out/secret", Condition::Always)
                .await
        )
        .0,
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        failed(served.folder.make("out/d", None).await).0,
        ErrorKind::PermissionDenied
    );
    assert_eq!(
        failed(served.copy("out/secret", "s", Condition::Always).await).0,
        ErrorKind::PermissionDenied
    );
    // The link itself is a name like any other, and leads outside no less after a move.
    served
        .folder
        .rename("out", "moved", Condition::Always)
        .await
        .expect("moves");
    assert_eq!(
        failed(served.read("moved/secret").await).0,
        ErrorKind::PermissionDenied
    );
}

#[tokio::test]
async fn copies_are_whole_and_keep_the_mode() {
    let served = Fixture::new();
    let large: Vec<u8> = (0..3_000_000).map(|byte| byte as u8).collect();
    served.put("f", &large);
    fs::set_permissions(served.path("f"), fs::Permissions::from_mode(0o4600)).expect("sets");
    let copied = served
        .copy("f", "g", Condition::Absent)
        .await
        .expect("copies");
    assert_eq!((copied.size, served.mode("g")), (large.len() as u64, 0o600));
    assert!(served.read("g").await.expect("reads").1 == large);
    assert_ne!(copied.etag, Some(served.etag("f").await));
    served.put("empty", "");
    served
        .copy("empty", "g", Condition::Always)
        .await
        .expect("replaces");
    assert_eq!(served.on_disk("g"), "");

    served.make("d");
    served.pipe("pipe");
    assert_eq!(
        failed(served.copy("f", "g", Condition::Absent).await).0,
        ErrorKind::AlreadyExists
    );
    assert_eq!(
        failed(served.copy("d", "x", Condition::Always).await).0,
        ErrorKind::IsADirectory
    );
    assert_eq!(
        failed(served.copy("pipe", "x", Condition::Always).await).0,
        ErrorKind::Unsupported
    );
    assert_eq!(
        failed(served.copy("none", "x", Condition::Always).await).0,
        ErrorKind::NotFound
    );
    assert_eq!(
        failed(served.copy("f", "d", Condition::Always).await).0,
        ErrorKind::IsADirectory
    );
    assert_eq!(served.staged(), 0);
}

#[tokio::test]
async fn a_read_only_folder_refuses_every_change() {
    let served = Fixture::new();
    served.put("f", "x");
    let host = tempfile::tempdir().expect("a folder");
    fs::write(host.path().join("f"), "x").expect("writes");
    let folder = Folder::open(host.path(), FolderAccess::ReadOnly).expect("opens");
    assert_eq!(folder.stat("f").await.expect("stats").size, 1);
    let refusals = [
        failed(folder.write("g", "x".into(), Condition::Always, None)),
        failed(folder.copy("f", "g", Condition::Always)),
        failed(folder.make("d", None).await),
        failed(folder.remove_file("f", Condition::Always).await),
        failed(folder.remove_directory("d").await),
        failed(folder.rename("f", "g", Condition::Always).await),
        failed(folder.exchange("f", "g").await),
    ];
    for (kind, message) in refusals {
        assert_eq!(
            (kind, &*message),
            (
                ErrorKind::PermissionDenied,
                "the folder was granted read-only"
            )
        );
    }
    let left: Vec<_> = fs::read_dir(host.path())
        .expect("reads")
        .map(|entry| entry.expect("reads").file_name())
        .collect();
    assert_eq!(left, ["f"], "not even a staging directory is made");
}

#[tokio::test]
async fn what_would_lead_elsewhere_does_not_move_to_another_directory() {
    let served = Fixture::new();
    served.put("conf/key", "secret");
    served.put("x/conf/key", "other");
    served.make("a/b/deep/er");
    // Where it is, where it leads, and which moves keep that.
    let cases = [
        ("a/b/link", "../conf/key", &["a"][..]),
        ("a/b/link", "../../conf", &[]),
        ("a/b/deep/er/link", "../../../conf", &["a"]),
        ("a/b/link", "deep/../../conf", &[]),
        ("a/b/deep/link", "../../nothing", &["a"]),
    ];
    for (at, target, kept) in cases {
        served.link(at, target);
        for from in [at, "a/b", "a"] {
            let moved = served
                .folder
                .rename(from, "x/moved", Condition::Absent)
                .await;
            if kept.contains(&from) {
                moved.expect(target);
                served
                    .folder
                    .rename("x/moved", from, Condition::Absent)
                    .await
                    .expect("it moves back");
            } else {
                let (kind, message) = failed(moved);
                assert_eq!(kind, ErrorKind::Unsupported, "{from} {target}");
                assert!(message.contains("relative link"), "{message}");
            }
            assert!(served.path("x/moved").symlink_metadata().is_err());
        }
        // In its own directory it leads to the same under any name.
        served
            .folder
            .rename("a/b", "a/c", Condition::Absent)
            .await
            .expect("the same directory");
        served
            .folder
            .rename("a/c", "a/b", Condition::Absent)
            .await
            .expect("the same directory");
        fs::remove_file(served.path(at)).expect("a link");
    }
    served.link("a/b/inside", "deep/er");
    served.link("a/b/deep/er/inside", "../../deep");
    served.link("a/b/absolute", "/etc");
    served
        .folder
        .rename("a/b", "x/moved", Condition::Absent)
        .await
        .expect("all lead to the same");
}

#[tokio::test]
async fn modes_are_changed_of_files_and_directories_alone() {
    let served = Fixture::new();
    served.put("f", "x");
    served.folder.make("d", Some(0o755)).await.expect("makes");
    served.link("to-f", "f");
    for (path, mode, kept) in [
        ("f", 0o600, 0o600),
        ("f", 0o6755, 0o755),
        ("d", 0o1700, 0o1700),
        ("d", 0o750, 0o750),
    ] {
        served.folder.set_mode(path, mode).await.expect("changed");
        assert_eq!(served.mode(path) & 0o7777, kept, "{path}");
    }
    served.folder.set_mode("f", 0o640).await.expect("changed");
    let folder = served.mode("");
    for untouched in ["to-f", ""] {
        let set = served.folder.set_mode(untouched, 0o777).await;
        set.expect("left as it is");
    }
    assert_eq!(
        (served.mode("f") & 0o7777, served.mode("")),
        (0o640, folder)
    );
    assert_eq!(
        failed(served.folder.set_mode("none", 0o600).await).0,
        ErrorKind::NotFound
    );
}
