use super::*;

/// The directories of processes in the staging directory.
fn processes(served: &Fixture) -> Vec<String> {
    let names = fs::read_dir(served.path(".callfs-staging"))
        .expect("is there")
        .map(|entry| entry.expect("reads"));
    let mut names: Vec<String> = names
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.retain(|name| name != "lock" && name != "identity");
    names
}

#[tokio::test]
async fn what_the_dead_left_is_swept_and_what_the_living_do_is_not() {
    let served = Fixture::new();
    let transfer = served
        .folder
        .write("f", "alive".into(), Condition::Always, None)
        .expect("begins");
    let staged = transfer.stage().await.expect("stages");
    // One died while it wrote, one before it had its lock file.
    served.put(".callfs-staging/dead/lock", "");
    served.put(".callfs-staging/dead/0", "half of it");
    served.make(".callfs-staging/stillborn");
    assert_eq!(processes(&served).len(), 3);

    let other = Folder::open(&served.path(""), FolderAccess::ReadWrite).expect("opens");
    assert_eq!(processes(&served).len(), 2, "two live in one folder");
    staged.publish(Condition::Always).await.expect("publishes");
    assert_eq!(served.on_disk("f"), "alive");
    drop(other);
    assert_eq!(processes(&served).len(), 1);
}

#[tokio::test]
async fn an_upload_outlives_its_folder() {
    let served = Fixture::new();
    let host = served.path("inner");
    let folder = Folder::open(&host, FolderAccess::ReadWrite).expect("opens, and makes it");
    let staged = folder
        .write("f", "x".into(), Condition::Always, None)
        .expect("begins")
        .stage()
        .await
        .expect("stages");
    drop(folder);
    let _again = Folder::open(&host, FolderAccess::ReadWrite).expect("opens");
    staged.publish(Condition::Always).await.expect("publishes");
    assert_eq!(served.on_disk("inner/f"), "x");
}

#[tokio::test]
async fn unpublished_files_are_closed_to_others() {
    let served = Fixture::new();
    assert_eq!(served.mode(".callfs-staging"), 0o700);
    let transfer = served
        .folder
        .write("f", "x".into(), Condition::Always, Some(0o666))
        .expect("begins");
    let _staged = transfer.stage().await.expect("stages");
    assert_eq!(
        served.mode(&format!(".callfs-staging/{}", processes(&served)[0])),
        0o700
    );
}

#[test]
fn a_folder_that_cannot_be_served_says_why() {
    let host = tempfile::tempdir().expect("a folder");
    let open = |name: &str, access| Folder::open(&host.path().join(name), access);
    let (kind, message) = failed(open("missing", FolderAccess::ReadOnly));
    assert_eq!(kind, ErrorKind::NotFound);
    assert!(message.contains("missing"), "{message}");
    fs::write(host.path().join("file"), "").expect("writes");
    assert_eq!(
        failed(open("file", FolderAccess::ReadOnly)).0,
        ErrorKind::NotADirectory
    );
    fs::create_dir(host.path().join("taken")).expect("makes");
    symlink(host.path(), host.path().join("taken/.callfs-staging")).expect("links");
    assert!(
        failed(open("taken", FolderAccess::ReadWrite))
            .1
            .contains("is not a directory; remove it")
    );
    open("made/on/the/way", FolderAccess::ReadWrite).expect("makes it");
}

#[tokio::test]
async fn a_staging_directory_that_is_removed_is_made_anew() {
    type Removal = fn(&Fixture);
    let removals: [(&str, Removal); 3] = [
        ("all of it", |served| {
            fs::remove_dir_all(served.path(".callfs-staging")).expect("removes");
        }),
        ("that of the process", |served| {
            let own = format!(".callfs-staging/{}", processes(served)[0]);
            fs::remove_dir_all(served.path(&own)).expect("removes");
        }),
        ("all of it, and it is empty when it is back", |served| {
            fs::remove_dir_all(served.path(".callfs-staging")).expect("removes");
            served.make(".callfs-staging");
        }),
    ];
    for (what, remove) in removals {
        let served = Fixture::new();
        served.put("f", "old");
        let write = || {
            served
                .folder
                .write("f", "new".into(), Condition::Always, None)
                .expect("begins")
        };
        let staged = write().stage().await.expect("stages");
        let begun = write();
        remove(&served);
        // What was in it is lost, and said to be.
        let error = staged.publish(Condition::Always).await.expect_err(what);
        assert_eq!(
            error.kind(),
            ErrorKind::BackendUnavailable,
            "{what}: {error}"
        );
        assert!(error.message().contains("send it again"), "{what}: {error}");
        assert_eq!(served.on_disk("f"), "old");
        // Everything else goes on, and so does what had only begun.
        let staged = begun.stage().await.expect(what);
        staged.publish(Condition::Always).await.expect(what);
        assert_eq!(served.on_disk("f"), "new", "{what}");
        let copy = served.folder.copy("f", "g", Condition::Absent);
        let staged = copy.expect("begins").stage().await.expect(what);
        staged.publish(Condition::Absent).await.expect(what);
        assert_eq!(served.on_disk("g"), "new", "{what}");
        assert_eq!(
            processes(&served).len(),
            1,
            "{what}: one directory, made once"
        );
    }
}

#[tokio::test]
async fn a_served_folder_that_is_removed_is_no_missing_file() {
    let served = Fixture::new();
    fs::remove_dir_all(served.path("")).expect("removes");
    let upload = served
        .folder
        .write("f", "new".into(), Condition::Always, None)
        .expect("begins");
    let error = upload.stage().await.map(drop).expect_err("no folder");
    assert_eq!(error.kind(), ErrorKind::BackendUnavailable, "{error}");
    assert!(error.message().contains("was removed"), "{error}");
}
