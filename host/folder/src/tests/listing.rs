use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;

use super::*;

#[tokio::test]
async fn pages_are_in_byte_order_and_meet() {
    let served = Fixture::new();
    let mut names: Vec<String> = ["b", "B", "a-b", "a", "a.txt", "ä", "Z", "日本", "a b"]
        .map(String::from)
        .into();
    for name in &names {
        served.put(&format!("d/{name}"), name);
    }
    names.sort();
    assert_eq!(served.names("d").await, names);

    let mut paged: Vec<String> = Vec::new();
    loop {
        let page = served
            .folder
            .list("d", paged.last().map(String::as_str), 2)
            .await
            .expect("lists");
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 2);
        paged.extend(page.into_iter().map(|entry| entry.name));
    }
    assert_eq!(paged, names);
    let after_what_is_gone = served.folder.list("d", Some("a."), 1).await.expect("lists");
    assert_eq!(after_what_is_gone[0].name, "a.txt");
    assert!(
        served
            .folder
            .list("d", None, 0)
            .await
            .expect("lists")
            .is_empty()
    );
    assert!(
        served
            .folder
            .list("d", Some("\u{10ffff}"), 9)
            .await
            .expect("lists")
            .is_empty()
    );
}

#[tokio::test]
async fn entries_are_what_a_look_at_them_says() {
    let served = Fixture::new();
    served.put("d/file", "12345");
    served.make("d/directory");
    served.pipe("d/pipe");
    served.link("d/to-file", "../d/file");
    served.link("d/to-directory", "directory");
    served.link("d/to-pipe", "pipe");
    served.link("d/dangling", "nothing");
    served.link("d/escape", "../../secret");
    let entries = served.folder.list("d", None, 100).await.expect("lists");
    let seen: Vec<_> = entries
        .iter()
        .map(|entry| (&*entry.name, entry.attributes.kind, entry.link))
        .collect();
    assert_eq!(
        seen,
        [
            ("dangling", EntryKind::Special, true),
            ("directory", EntryKind::Directory, false),
            ("escape", EntryKind::Special, true),
            ("file", EntryKind::File, false),
            ("pipe", EntryKind::Special, false),
            ("to-directory", EntryKind::Directory, true),
            ("to-file", EntryKind::File, true),
            ("to-pipe", EntryKind::Special, true),
        ]
    );
    for entry in &entries {
        if let Ok(attributes) = served.folder.stat(&format!("d/{}", entry.name)).await {
            assert_eq!(attributes, entry.attributes, "{}", entry.name);
        } else {
            assert_eq!(
                (entry.attributes.size, &entry.attributes.etag),
                (0, &None),
                "{}",
                entry.name
            );
        }
    }
}

#[tokio::test]
async fn names_that_no_path_spells_are_skipped() {
    let served = Fixture::new();
    served.put("good", "");
    for name in [&b"bad\xff"[..], b"bad\n", b"bad\x1b[31m", b"bad\xc2\x85"] {
        fs::write(served.path("").join(OsStr::from_bytes(name)), "").expect("writes");
    }
    assert_eq!(
        served.names("").await,
        ["good"],
        "and not the staging directory"
    );
}

#[tokio::test]
async fn only_directories_are_listed() {
    let served = Fixture::new();
    served.put("f", "");
    served.put("d/g", "");
    served.pipe("pipe");
    served.link("inside", "d");
    served.link("outside", "..");
    assert_eq!(served.names("inside").await, ["g"]);
    let list = |path: &'static str| served.folder.list(path, None, 10);
    assert_eq!(failed(list("f").await).0, ErrorKind::NotADirectory);
    assert_eq!(failed(list("pipe").await).0, ErrorKind::NotADirectory);
    assert_eq!(failed(list("none").await).0, ErrorKind::NotFound);
    assert_eq!(failed(list("outside").await).0, ErrorKind::PermissionDenied);
    assert_eq!(
        failed(list(".callfs-staging").await).0,
        ErrorKind::BadRequest
    );
}

#[tokio::test]
async fn a_large_directory_is_never_listed_as_it_was() {
    let served = Fixture::new();
    for number in 0..1500 {
        served.put(&format!("d/{number:04}"), "");
    }
    for round in 0..50 {
        let name = format!("new-{round:02}");
        served
            .write(&format!("d/{name}"), "", Condition::Absent)
            .await
            .expect("writes");
        let page = served
            .folder
            .list("d", Some("1499"), 100)
            .await
            .expect("lists");
        assert_eq!(page.last().map(|entry| &entry.name), Some(&name));
    }
}

#[tokio::test]
async fn a_page_names_the_directory_that_it_is_of() {
    let served = Fixture::new();
    served.put("d/a", "x");
    served.put("d/b", "x");
    served.link("to-d", "d");
    let object = served.folder.stat("d").await.expect("there").object;
    assert!(object.is_some(), "the filesystem keeps times of birth");
    for (path, after, limit) in [("d", None, 1), ("d", Some("a"), 1), ("to-d", None, 9)] {
        let page = served.folder.list_page(path, after, limit).await;
        let page = page.expect("listed");
        assert_eq!(page.directory, object, "{path} after {after:?}");
        assert_eq!(page.more, after.is_none() && limit == 1);
        assert_eq!(page.entries.len(), limit.min(2) as usize);
    }
    let renaming = served.folder.rename("d", "e", Condition::Always);
    renaming.await.expect("renamed");
    served.put("d/other", "x");
    let page = async |path: &'static str| {
        served
            .folder
            .list_page(path, None, 9)
            .await
            .expect("listed")
    };
    assert_eq!(page("e").await.directory, object);
    assert_ne!(page("d").await.directory, object);
}

/// What is renamed within a directory is there under one of its names, at any moment.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_page_shows_what_is_renamed_meanwhile() {
    let served = Fixture::new();
    for number in 0..50 {
        served.put(&format!("d/{number:02}"), "x");
    }
    let from = served.path("d/00");
    let to = served.path("d/99");
    let renamed = tokio::task::spawn_blocking(move || {
        // Slower than a listing, which reads a directory again only so often.
        let pace = std::time::Duration::from_millis(20);
        for _ in 0..20 {
            fs::rename(&from, &to).expect("renamed");
            std::thread::sleep(pace);
            fs::rename(&to, &from).expect("renamed");
            std::thread::sleep(pace);
        }
    });
    while !renamed.is_finished() {
        assert!(served.names("d").await.len() >= 50);
    }
    renamed.await.expect("renamed");
}
