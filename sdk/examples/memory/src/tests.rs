//! Everything but the bytes on their way, which only a host can carry.

use callfs_sdk::testing::{configure, run};

use super::*;

fn memory() -> Memory {
    configure("{}").expect("a good configuration")
}

fn put(memory: &Memory, path: &str, text: &str) -> Result<Attributes> {
    memory.put(
        path,
        text.as_bytes().to_vec().into(),
        None,
        &Condition::Always,
    )
}

/// Names and sizes of a page.
fn list(
    memory: &Memory,
    path: &str,
    after: Option<&str>,
    limit: u32,
) -> (Vec<(String, u64)>, bool) {
    let page = run(memory.list(path, after, limit)).expect("a directory");
    (
        page.entries
            .into_iter()
            .map(|entry| (entry.name, entry.attributes.size))
            .collect(),
        page.more,
    )
}

fn names(memory: &Memory, path: &str) -> Vec<String> {
    list(memory, path, None, 100)
        .0
        .into_iter()
        .map(|(name, _)| name)
        .collect()
}

#[test]
fn a_listing_is_of_one_directory_in_byte_order_and_in_pages() {
    let memory = memory();
    run(memory.make("a", None)).expect("made");
    run(memory.make("a/b", None)).expect("made");
    for (path, text) in [
        ("a/b/deep", "1"),
        ("a/b-c", "22"),
        ("a/z", "333"),
        ("ab", "4444"),
    ] {
        put(&memory, path, text).expect("stored");
    }
    assert_eq!(names(&memory, ""), ["a", "ab"]);
    assert_eq!(names(&memory, "a"), ["b", "b-c", "z"]);
    assert_eq!(
        list(&memory, "a", None, 2),
        (vec![("b".into(), 0), ("b-c".into(), 2)], true)
    );
    assert_eq!(
        list(&memory, "a", Some("b-c"), 2),
        (vec![("z".into(), 3)], false)
    );
    assert_eq!(
        list(&memory, "a", Some("ba"), 2),
        (vec![("z".into(), 3)], false),
        "after a name that is not there"
    );
    assert_eq!(run(memory.list("ab", None, 9)), Err(Error::NotADirectory));
    assert_eq!(run(memory.list("none", None, 9)), Err(Error::NotFound));
    assert_eq!(run(memory.stat("ab/x")), Err(Error::NotADirectory));
    assert_eq!(run(memory.stat("a/x")), Err(Error::NotFound));
}

#[test]
fn conditions_are_about_what_is_stored() {
    let memory = memory();
    let first = put(&memory, "x", "1")
        .expect("stored")
        .etag
        .expect("an etag");
    let second = put(&memory, "x", "1")
        .expect("stored")
        .etag
        .expect("an etag");
    assert_ne!(first, second);
    let try_put = |when: Condition| memory.put("x", Rc::default(), None, &when).map(|_| ());
    assert_eq!(try_put(Condition::Absent), Err(Error::AlreadyExists));
    assert_eq!(
        try_put(Condition::EtagIn(vec![first.clone()])),
        Err(Error::PreconditionFailed)
    );
    assert_eq!(
        run(memory.remove("x", Condition::EtagIn(vec![first]))),
        Err(Error::PreconditionFailed)
    );
    assert_eq!(
        run(memory.remove("x", Condition::EtagIn(vec![second]))),
        Ok(())
    );
    assert_eq!(
        run(memory.remove("x", Condition::Always)),
        Err(Error::NotFound)
    );
}

#[test]
fn no_other_instance_has_the_same_etag() {
    let etag = || put(&memory(), "x", "1").expect("stored").etag;
    assert_ne!(etag(), etag());
}

#[test]
fn a_rename_takes_everything_inside() {
    let memory = memory();
    for path in ["a", "a/b", "c", "full"] {
        run(memory.make(path, None)).expect("made");
    }
    for path in ["a/b/x", "a-side", "full/x"] {
        put(&memory, path, "x").expect("stored");
    }
    let rename = |from, to| run(memory.rename(from, to, Condition::Always));
    assert_eq!(
        run(memory.rename("a", "c", Condition::Absent)),
        Err(Error::AlreadyExists)
    );
    assert_eq!(rename("a", "full"), Err(Error::DirectoryNotEmpty));
    assert_eq!(rename("a", "a-side"), Err(Error::NotADirectory));
    assert_eq!(rename("a-side", "c"), Err(Error::IsADirectory));
    assert!(matches!(
        rename("a", "a/b/c"),
        Err(Error::InvalidArgument(_))
    ));
    assert_eq!(rename("a", "a"), Ok(()));
    assert_eq!(rename("none", "new"), Err(Error::NotFound));
    assert_eq!(rename("a", "c"), Ok(()), "an empty directory is replaced");
    assert_eq!(names(&memory, ""), ["a-side", "c", "full"]);
    assert_eq!(names(&memory, "c/b"), ["x"]);
}

#[test]
fn directories_are_removed_when_they_are_empty() {
    let memory = memory();
    run(memory.make("a", None)).expect("made");
    put(&memory, "a/x", "x").expect("stored");
    assert_eq!(run(memory.make("a", None)), Err(Error::AlreadyExists));
    assert_eq!(run(memory.make("none/b", None)), Err(Error::NotFound));
    assert_eq!(
        run(memory.remove("a", Condition::Always)),
        Err(Error::IsADirectory)
    );
    assert_eq!(
        run(memory.remove_directory("a/x")),
        Err(Error::NotADirectory)
    );
    assert_eq!(
        run(memory.remove_directory("a")),
        Err(Error::DirectoryNotEmpty)
    );
    run(memory.remove("a/x", Condition::Always)).expect("removed");
    assert_eq!(run(memory.remove_directory("a")), Ok(()));
}

#[test]
fn nothing_grows_beyond_the_capacity() {
    let memory: Memory = configure(r#"{"capacity": 4096}"#).expect("a good configuration");
    put(&memory, "a", &"x".repeat(3000)).expect("fits");
    assert_eq!(
        put(&memory, "a", &"y".repeat(3000)),
        Err(Error::InsufficientStorage),
        "both are there for a moment"
    );
    assert_eq!(
        run(memory.copy("a", "b", Condition::Always)).err(),
        Some(Error::InsufficientStorage)
    );
    assert_eq!(
        run(memory.rename("a", &"n".repeat(2000), Condition::Always)),
        Err(Error::InsufficientStorage)
    );
    let made = (0..100)
        .take_while(|number| run(memory.make(&format!("d{number}"), None)).is_ok())
        .count();
    assert!((1..10).contains(&made), "{made} directories fit");
    run(memory.remove("a", Condition::Always)).expect("removed");
    put(&memory, "a", "y").expect("fits again");
}
