//! Objects that take each other's places are told apart.

use std::fs::{FileTimes, OpenOptions};
use std::io::Write;

use super::*;

impl Fixture {
    async fn object(&self, path: &str) -> Option<String> {
        self.folder.stat(path).await.expect("there").object
    }

    async fn changed(&self, path: &str) -> Option<i64> {
        self.folder.stat(path).await.expect("there").changed
    }
}

#[tokio::test]
async fn an_object_keeps_its_name_as_long_as_it_exists() {
    let fixture = Fixture::new();
    fixture.put("a", "text");
    fixture.make("d");
    for (path, renamed) in [("a", "b"), ("d", "e")] {
        let object = fixture.object(path).await;
        assert!(object.is_some(), "the filesystem keeps times of birth");
        fixture.folder.set_mode(path, 0o700).await.expect("set");
        assert_eq!(fixture.object(path).await, object, "another mode");
        let renaming = fixture.folder.rename(path, renamed, Condition::Always);
        renaming.await.expect("renamed");
        assert_eq!(fixture.object(renamed).await, object, "another name");
        let entries = fixture.folder.list("", None, 10).await.expect("listed");
        let entry = entries.iter().find(|entry| entry.name == renamed);
        assert_eq!(entry.expect("listed").attributes.object, object);
    }
    let object = fixture.object("b").await;
    let file = OpenOptions::new().append(true).open(fixture.path("b"));
    file.expect("opens").write_all(b"+").expect("writes");
    assert_eq!(fixture.object("b").await, object, "changed in place");
    let (attributes, _) = fixture.folder.read("b", None).await.expect("opens");
    assert_eq!(attributes.object, object);
}

#[tokio::test]
async fn what_takes_the_place_of_an_object_has_another_name() {
    let fixture = Fixture::new();
    let mut seen = std::collections::HashSet::new();
    // An inode number that is free is used again at once.
    for _ in 0..200 {
        fixture.put("a", "text");
        assert!(seen.insert(fixture.object("a").await), "made anew");
        fs::remove_file(fixture.path("a")).expect("removes");
        fixture.make("a");
        assert!(seen.insert(fixture.object("a").await), "a directory");
        fs::remove_dir(fixture.path("a")).expect("removes");
    }
    for _ in 0..10 {
        let written = fixture
            .write("a", "text", Condition::Always)
            .await
            .expect("writes");
        assert!(seen.insert(written.object.clone()), "replaced by an upload");
        assert_eq!(fixture.object("a").await, written.object);
        fixture.put("other", "text");
        fs::rename(fixture.path("other"), fixture.path("a")).expect("renames");
        assert!(seen.insert(fixture.object("a").await), "renamed over");
    }
    let made = fixture.folder.make("d", None).await.expect("makes");
    assert!(made.object.is_some());
    assert_eq!(fixture.object("d").await, made.object);
}

#[tokio::test]
async fn the_name_is_known_before_an_upload_is_published() {
    let fixture = Fixture::new();
    let transfer = fixture
        .folder
        .write("a", Source::from_bytes("text"), Condition::Always, None)
        .expect("begins");
    let staged = transfer.stage().await.expect("staged");
    let known = staged.attributes().expect("known").clone();
    let published = staged.publish(Condition::Always).await.expect("published");
    let expected = Attributes {
        changed: published.changed,
        ..known
    };
    assert_eq!(published, expected);
    assert!(published.object.is_some() && published.changed.is_some());
    assert_eq!(fixture.folder.stat("a").await.expect("there"), published);
}

#[tokio::test]
async fn whatever_changes_a_file_changes_a_time_that_nobody_sets() {
    let fixture = Fixture::new();
    fixture.put("a", "text");
    let mut last = fixture.changed("a").await.expect("a time");
    for change in ["in place, time set back", "mode", "name"] {
        match change {
            "mode" => fixture.folder.set_mode("a", 0o640).await.expect("set"),
            "name" => {
                let there = fixture.folder.rename("a", "b", Condition::Always);
                there.await.expect("renamed");
                let back = fixture.folder.rename("b", "a", Condition::Always);
                back.await.expect("renamed");
            }
            _ => {
                let before = fixture.folder.stat("a").await.expect("there").etag;
                let modified = fs::metadata(fixture.path("a")).expect("there").modified();
                let file = OpenOptions::new().write(true).open(fixture.path("a"));
                let mut file = file.expect("opens");
                file.write_all(b"tExt").expect("writes");
                let times = FileTimes::new().set_modified(modified.expect("a time"));
                file.set_times(times).expect("set back");
                let after = fixture.folder.stat("a").await.expect("there").etag;
                assert_eq!(before, after, "the etag cannot show it");
            }
        }
        let changed = fixture.changed("a").await.expect("a time");
        assert!(changed > last, "{change}");
        last = changed;
    }
}
