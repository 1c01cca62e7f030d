//! The table of POSIX, spelled out apart from the code that decides.

use super::*;

const OPEN: u32 = 0o777;

fn person(subject: &str, groups: &[&str]) -> Identity {
    let groups = groups.iter().map(ToString::to_string).collect();
    Identity {
        subject: subject.into(),
        groups,
        admin: false,
        attributes: vec![],
    }
}

/// Owns everything, and is in its group.
fn alice() -> Identity {
    person("alice", &["staff", "alice"])
}

/// In the group of everything, though not first of all.
fn bob() -> Identity {
    person("bob", &["bob", "staff"])
}

/// Neither.
fn carol() -> Identity {
    person("carol", &["carol", "guests"])
}

fn node(kind: Kind, owner: &str, mode: u32) -> Node {
    Node {
        kind,
        owner: owner.into(),
        group: "staff".into(),
        mode,
    }
}

fn file(mode: u32) -> Node {
    node(Kind::File, "alice", mode)
}

fn directory(mode: u32) -> Node {
    node(Kind::Directory, "alice", mode)
}

/// About `/top/x`.
fn question(action: Action, target: Option<Node>, parent: Node) -> Question {
    let root = node(Kind::Directory, "root", 0o755);
    Question {
        action,
        path: "/top/x".into(),
        target,
        ancestors: vec![root, parent],
    }
}

fn may(who: &Identity, action: Action, target: Option<Node>, parent: Node) -> bool {
    check(who, &question(action, target, parent)).is_ok()
}

/// Every class with the mode that has these bits there and the opposite ones everywhere else: a
/// class that were looked up wrongly, or added to another, would show.
fn classes(bits: u32) -> [(Identity, u32); 3] {
    let others = !bits & 0o7;
    [
        (alice(), bits << 6 | others << 3 | others),
        (bob(), others << 6 | bits << 3 | others),
        (carol(), others << 6 | others << 3 | bits),
    ]
}

/// What each action asks of the target, with a parent that permits everything: for all classes and
/// bits.
#[test]
fn target_bits() {
    let never = 0o10;
    let table = [
        (Action::Read, Kind::File, 0o4),
        (Action::Write, Kind::File, 0o2),
        (Action::Delete, Kind::File, 0o0),
        (Action::Move, Kind::File, 0o0),
        (Action::Share, Kind::File, 0o4),
        (Action::Traverse, Kind::File, 0o1),
        (Action::List, Kind::File, 0o5),
        (Action::Other("lease".into()), Kind::File, never),
        (Action::Read, Kind::Directory, 0o0),
        (Action::Write, Kind::Directory, 0o2),
        (Action::Delete, Kind::Directory, 0o0),
        (Action::Move, Kind::Directory, 0o2),
        (Action::Share, Kind::Directory, 0o5),
        (Action::Traverse, Kind::Directory, 0o1),
        (Action::List, Kind::Directory, 0o5),
        (Action::Other("lease".into()), Kind::Directory, never),
    ];
    for (action, kind, needed) in table {
        for bits in 0..8 {
            for (who, mode) in classes(bits) {
                let expected = bits & needed == needed;
                let got = may(
                    &who,
                    action.clone(),
                    Some(node(kind, "alice", mode)),
                    directory(OPEN),
                );
                assert_eq!(
                    got, expected,
                    "{} {action:?} {kind:?} {mode:03o}",
                    who.subject
                );
            }
        }
    }
}

/// What each action asks of the parent, with a target that permits everything.
#[test]
fn parent_bits() {
    let table = [
        (Action::Read, 0o1),
        (Action::Write, 0o1),
        (Action::Create, 0o3),
        (Action::Delete, 0o3),
        (Action::List, 0o1),
        (Action::Traverse, 0o1),
        (Action::Move, 0o3),
        (Action::Share, 0o1),
    ];
    for (action, needed) in table {
        for bits in 0..8 {
            for (who, mode) in classes(bits) {
                let target = (action != Action::Create).then(|| directory(OPEN));
                let expected = bits & needed == needed;
                let got = may(&who, action.clone(), target, directory(mode));
                assert_eq!(got, expected, "{} {action:?} below {mode:03o}", who.subject);
            }
        }
    }
}

#[test]
fn only_the_owner_administers_whatever_the_bits() {
    for mode in [0, OPEN] {
        assert!(may(
            &alice(),
            Action::Administer,
            Some(file(mode)),
            directory(OPEN)
        ));
        assert!(!may(
            &bob(),
            Action::Administer,
            Some(file(mode)),
            directory(OPEN)
        ));
        assert!(!may(
            &carol(),
            Action::Administer,
            Some(file(mode)),
            directory(OPEN)
        ));
    }
    assert!(
        !may(
            &alice(),
            Action::Administer,
            Some(file(OPEN)),
            directory(0o677)
        ),
        "the way counts for owners too"
    );
}

/// Who may remove or rename what from a directory that everyone may write: (owner of the directory,
/// owner of the target, allowed to bob when sticky).
#[test]
fn sticky() {
    let table = [
        ("alice", "alice", false),
        ("alice", "bob", true),
        ("bob", "alice", true),
        ("bob", "bob", true),
    ];
    for (parent, target, when_sticky) in table {
        for action in [Action::Delete, Action::Move] {
            for kind in [Kind::File, Kind::Directory, Kind::Special] {
                let target = Some(node(kind, target, OPEN));
                let below = |mode| node(Kind::Directory, parent, mode);
                assert!(may(&bob(), action.clone(), target.clone(), below(0o777)));
                assert_eq!(
                    may(&bob(), action.clone(), target, below(0o1777)),
                    when_sticky,
                    "{parent} {action:?}"
                );
            }
        }
    }
    assert!(
        may(&carol(), Action::Create, None, directory(0o1777)),
        "a sticky directory is one that everyone may fill"
    );
    assert!(
        may(&bob(), Action::Write, Some(file(OPEN)), directory(0o1777)),
        "replacing bytes removes no name"
    );
    let owned = Some(node(Kind::File, "bob", OPEN));
    assert!(
        !may(&bob(), Action::Delete, owned, directory(0o1755)),
        "owning the target does not stand for the bits"
    );
}

/// Other bits above the nine decide nothing.
#[test]
fn set_id_bits_grant_nothing() {
    assert!(!may(
        &carol(),
        Action::Read,
        Some(file(0o7000)),
        directory(OPEN)
    ));
    assert!(!may(&carol(), Action::Create, None, directory(0o6000)));
}

#[test]
fn every_directory_on_the_way_counts() {
    let deep = |modes: [u32; 3]| Question {
        action: Action::Read,
        path: "/a/b/x".into(),
        target: Some(file(OPEN)),
        ancestors: modes.map(directory).into(),
    };
    assert_eq!(check(&carol(), &deep([0o711, 0o711, 0o711])), Ok(()));
    let denied = |modes| check(&carol(), &deep(modes)).expect_err("denied");
    assert_eq!(
        denied([0o776, 0o711, 0o711]),
        "no execute permission on '/'"
    );
    assert_eq!(
        denied([0o711, 0o776, 0o711]),
        "no execute permission on '/a'"
    );
    assert_eq!(
        denied([0o711, 0o711, 0o776]),
        "no execute permission on '/a/b'"
    );
    assert_eq!(
        denied([0o711, 0o770, 0o700]),
        "no execute permission on '/a'"
    );
}

/// Behind a directory that may not be entered, nothing shows: not whether the target exists, nor
/// what it is.
#[test]
fn reasons_tell_nothing_of_what_is_behind() {
    let actions = [
        Action::Read,
        Action::Write,
        Action::Create,
        Action::Delete,
        Action::List,
        Action::Traverse,
        Action::Move,
        Action::Share,
        Action::Administer,
        Action::Other("lease".into()),
    ];
    for action in actions {
        for target in [
            None,
            Some(file(0)),
            Some(file(OPEN)),
            Some(directory(0)),
            Some(node(Kind::File, "carol", OPEN)),
        ] {
            let reason = check(
                &carol(),
                &question(action.clone(), target, directory(0o1776)),
            );
            assert_eq!(
                reason,
                Err("no execute permission on '/top'".into()),
                "{action:?}"
            );
        }
    }
}

/// In a directory that may be entered but not written, likewise for whoever wants to change its
/// names.
#[test]
fn a_read_only_directory_is_named_first() {
    for target in [None, Some(file(0)), Some(directory(OPEN))] {
        for action in [Action::Create, Action::Delete, Action::Move] {
            let reason = check(
                &carol(),
                &question(action, target.clone(), directory(0o1775)),
            );
            assert_eq!(reason, Err("no write permission on '/top'".into()));
        }
    }
}

#[test]
fn reasons_name_every_missing_permission() {
    let reason = |action, target| {
        check(&carol(), &question(action, Some(target), directory(OPEN))).expect_err("denied")
    };
    assert_eq!(
        reason(Action::List, directory(0)),
        "no read and execute permission on '/top/x'"
    );
    assert_eq!(
        reason(Action::Write, file(0o644)),
        "no write permission on '/top/x'"
    );
}

#[test]
fn the_root_has_no_parent() {
    let about = |action| Question {
        action,
        path: "/".into(),
        target: Some(directory(0o755)),
        ancestors: vec![],
    };
    for action in [Action::Read, Action::List, Action::Traverse] {
        assert_eq!(check(&carol(), &about(action)), Ok(()));
    }
    for action in [Action::Create, Action::Delete, Action::Move] {
        check(&alice(), &about(action)).expect_err("not even its owner");
    }
}

#[test]
fn what_is_not_known_is_denied() {
    for action in [
        Action::Read,
        Action::Write,
        Action::List,
        Action::Traverse,
        Action::Share,
        Action::Administer,
    ] {
        assert!(!may(&alice(), action, None, directory(OPEN)));
    }
    assert!(!may(&carol(), Action::Delete, None, directory(0o1777)));
    assert!(!may(&carol(), Action::Move, None, directory(OPEN)));
}
