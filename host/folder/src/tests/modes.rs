//! Where permission bits are kept, they say what other programs allow.

use super::*;

#[tokio::test]
async fn modes_are_kept_of_what_is_in_a_folder_and_can_be_changed() {
    let served = Fixture::new();
    served.put("d/f", "x");
    let made = served.folder.make("made", None).await.expect("makes");
    assert!(made.keeps_mode);
    let written = served.write("w", "x", Condition::Always).await;
    assert!(written.expect("writes").keeps_mode);
    for path in ["d", "d/f", "made", "w"] {
        let found = served.folder.stat(path).await.expect(path);
        assert!(found.keeps_mode, "{path}");
        let walked = served.folder.walk(path, None).await.expect("no link");
        // The mode of the folder itself is its operator's.
        let folder = walked.directories.first().expect("the folder");
        assert!(!folder.keeps_mode, "{path}");
        for directory in &walked.directories[1..] {
            assert!(directory.keeps_mode, "{path}");
        }
        assert!(walked.found.expect("there").0.keeps_mode, "{path}");
    }
    let listed = served.folder.list("", None, 10).await.expect("listed");
    assert!(listed.iter().all(|entry| entry.attributes.keeps_mode));
    assert!(!served.folder.stat("").await.expect("there").keeps_mode);
}

#[tokio::test]
async fn a_folder_that_is_only_read_keeps_no_modes() {
    let served = Fixture::new();
    served.put("f", "x");
    let folder = Folder::open(&served.path(""), FolderAccess::ReadOnly).expect("opens");
    assert!(!folder.stat("f").await.expect("there").keeps_mode);
}
