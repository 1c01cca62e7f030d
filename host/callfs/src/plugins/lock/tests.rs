use super::*;

fn pin() -> Pin {
    let mut grants = Granted::default();
    grants.add_origin("https://a.example", PinnedReach::Public);
    grants.add_directory("/", PinnedAccess::ReadOnly);
    grants.add_directory("/cache", PinnedAccess::ReadWrite);
    let imports = [
        "callfs:plugin/directories@0.1.0".into(),
        "wasi:io/streams@0.2.6".into(),
    ]
    .into();
    Pin {
        sha256: "3f".repeat(32),
        version: "1.0.0".into(),
        imports,
        grants,
    }
}

fn lock() -> Lock {
    let mut lock = Lock::default();
    lock.insert("flat", pin());
    lock
}

/// What is said about a component that was accepted and then changed.
fn refused(change: impl FnOnce(&mut Pin)) -> Option<String> {
    let mut found = pin();
    change(&mut found);
    lock()
        .check("flat", &found)
        .err()
        .map(|error| error.to_string())
}

#[test]
fn what_is_the_same_or_has_less_was_accepted() {
    assert_eq!(refused(|_| {}), None);
    assert_eq!(refused(|found| found.version = "2.0.0".into()), None);
    assert_eq!(refused(|found| drop(found.imports.pop_last())), None);
    assert_eq!(refused(|found| found.grants = Granted::default()), None);
    assert_eq!(
        refused(|found| found
            .grants
            .directories
            .extend([("/cache".into(), PinnedAccess::ReadOnly)])),
        None
    );
}

#[test]
fn everything_more_is_named() {
    let said = |change: fn(&mut Pin)| refused(change).expect("refused");
    let other = said(|found| found.sha256 = "9a".repeat(32));
    assert!(
        other.contains(&format!(
            "(- sha256 {}, + sha256 {})",
            "3f".repeat(32),
            "9a".repeat(32)
        )),
        "{other}"
    );
    assert!(other.contains("`callfs plugin accept flat`"), "{other}");
    let imports = said(|found| found.imports.extend(["callfs:plugin/http@0.1.0".into()]));
    assert!(
        imports.contains("(+ imports callfs:plugin/http@0.1.0)"),
        "{imports}"
    );
    let wider = said(|found| {
        found
            .grants
            .directories
            .extend([("/".into(), PinnedAccess::ReadWrite)])
    });
    assert!(
        wider.contains(
            "(- is granted the folder / read-only, + is granted the folder / read-write)"
        ),
        "{wider}"
    );
    let origin = said(|found| {
        found
            .grants
            .add_origin("https://b.example", PinnedReach::Public)
    });
    assert!(
        origin.contains("(+ is granted requests to https://b.example)"),
        "{origin}"
    );
    let inside = said(|found| {
        found
            .grants
            .add_origin("https://a.example", PinnedReach::Private)
    });
    assert!(
        inside.contains("+ is granted requests to https://a.example at any address)"),
        "{inside}"
    );
    let credential = said(|found| found.grants.credentials.extend(["archive".into()]));
    assert!(
        credential.contains("(+ is granted the credential archive)"),
        "{credential}"
    );
    let stranger = lock()
        .check("other", &pin())
        .expect_err("never accepted")
        .to_string();
    assert!(stranger.contains("it is not there"), "{stranger}");
}

#[test]
fn the_most_of_two_mounts_is_what_is_granted() {
    let mut grants = Granted::default();
    for access in [
        PinnedAccess::ReadOnly,
        PinnedAccess::ReadWrite,
        PinnedAccess::ReadOnly,
    ] {
        grants.add_directory("/", access);
    }
    assert_eq!(grants.directories["/"], PinnedAccess::ReadWrite);
}

#[test]
fn is_read_as_it_was_written_and_always_written_alike() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Lock::read(folder.path()).expect("nothing wrong"), None);
    let mut both = lock();
    both.insert(
        "a name.of\"its own",
        Pin {
            grants: Granted::default(),
            ..pin()
        },
    );
    both.write(folder.path()).expect("written");
    let text = fs::read_to_string(folder.path().join(LOCK_FILE)).expect("there");
    assert!(text.starts_with("# What each component"), "{text}");
    let read = Lock::read(folder.path()).expect("readable").expect("there");
    assert_eq!(read, both);
    read.write(folder.path()).expect("written");
    assert_eq!(
        fs::read_to_string(folder.path().join(LOCK_FILE)).expect("there"),
        text
    );
    assert_eq!(
        fs::read_dir(folder.path()).expect("readable").count(),
        1,
        "no draft is left"
    );
}

#[test]
fn what_makes_no_sense_is_refused_with_its_place() {
    let folder = tempfile::tempdir().expect("a folder");
    for broken in [
        "component.flat = 1",
        "[component.flat]\nversion = \"1\"",
        "[component.flat]\nsha256 = \"\"\nmore = 1",
    ] {
        fs::write(folder.path().join(LOCK_FILE), broken).expect("written");
        let said = Lock::read(folder.path()).expect_err("broken").to_string();
        assert!(
            said.contains("plugins.lock is broken: TOML parse error at line"),
            "{said}"
        );
    }
}
