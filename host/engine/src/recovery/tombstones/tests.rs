use super::*;

fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

#[test]
fn hides_a_path_and_what_is_below_it() {
    let tombstones = Tombstones::default();
    assert!(!tombstones.view().hides(&path("/a")));
    let held = tombstones.hold([1; 16], path("/a/b"), false);
    let inside = tombstones.hold([2; 16], path("/in"), true);
    let view = tombstones.view();
    for (at, hidden) in [
        ("/a", false),
        ("/a/b", true),
        ("/a/b/c", true),
        ("/a/bc", false),
        ("/in", false),
        ("/in/x", true),
    ] {
        assert_eq!(view.hides(&path(at)), hidden, "{at}");
    }
    held.end();
    inside.becomes(path("/out"));
    let view = tombstones.view();
    assert!(!view.hides(&path("/a/b")) && !view.hides(&path("/in/x")) && view.hides(&path("/out")));
    assert_eq!(tombstones.left(), []);
    drop(inside);
    assert_eq!(tombstones.left().len(), 1);
    tombstones.forget([2; 16]);
    assert_eq!(tombstones.view().len(), 0);
}

#[test]
fn a_view_holds_until_something_related_changes() {
    let tombstones = Tombstones::default();
    let view = tombstones.view();
    let held = tombstones.hold([1; 16], path("/a/b"), false);
    for (at, still) in [
        ("/", false),
        ("/a", false),
        ("/a/b/c", false),
        ("/a/x", true),
        ("/ab", true),
    ] {
        assert_eq!(tombstones.still(&view, &path(at)), still, "{at}");
    }
    held.end();
    assert!(
        !tombstones.still(&view, &path("/a/b")),
        "it began and ended in between"
    );
    let view = tombstones.view();
    for number in 0..=REMEMBERED {
        tombstones
            .hold([2; 16], path(&format!("/x/{number}")), false)
            .end();
    }
    assert!(!tombstones.still(&view, &path("/y")), "nobody remembers");
    assert!(tombstones.still(&tombstones.view(), &path("/x")));
}

#[test]
fn one_that_may_have_moved_hides_both() {
    let tombstones = Tombstones::default();
    let held = tombstones.hold([1; 16], path("/to"), false);
    held.may_have_become(path("/from"));
    drop(held);
    let view = tombstones.view();
    assert!(view.hides(&path("/to")) && view.hides(&path("/from")));
    assert_eq!(tombstones.left().len(), 2);
    tombstones.forget([1; 16]);
    assert_eq!(tombstones.view().len(), 0);
}

#[test]
fn an_answer_is_not_believed_about_what_was_changed_here_meanwhile() {
    let tombstones = Tombstones::shared();
    let foreign = |_: &IntentId| false;
    let told = [([1; 16], path("/a"), false), ([2; 16], path("/b"), true)];
    let hidden = |at: &str| tombstones.view().hides(&path(at));
    tombstones.agree(tombstones.looks.begin(), &told, &[], foreign);
    assert!(hidden("/a") && hidden("/b/x") && !hidden("/b"));
    let late = tombstones.looks.begin();
    tombstones.forget([1; 16]);
    tombstones.agree(late, &told, &[], foreign);
    assert!(
        !hidden("/a") && hidden("/b/x"),
        "it was cleared here after the metadata store was asked"
    );
    let older = tombstones.looks.begin();
    let newer = tombstones.looks.begin();
    tombstones.agree(newer, &[], &[], foreign);
    tombstones.agree(older, &told, &[], foreign);
    assert_eq!(
        tombstones.view().len(),
        0,
        "a newer answer was believed already"
    );
    tombstones.agree(tombstones.looks.begin(), &told, &[], foreign);
    assert_eq!(tombstones.view().len(), 2);
}

#[test]
fn what_is_worked_on_here_is_not_touched() {
    let tombstones = Tombstones::shared();
    let own = |id: &IntentId| id[0] == 1;
    let held = tombstones.hold([1; 16], path("/a"), false);
    tombstones.agree(tombstones.looks.begin(), &[], &[], own);
    assert!(tombstones.view().hides(&path("/a")));
    drop(held);
    tombstones.agree(tombstones.looks.begin(), &[], &[], own);
    assert_eq!(
        tombstones.view().len(),
        0,
        "it was abandoned, and somebody else cleared it"
    );
    tombstones.agree(
        tombstones.looks.begin(),
        &[([1; 16], path("/a"), false)],
        &[],
        own,
    );
    assert_eq!(
        tombstones.view().len(),
        0,
        "it is about to be held, or has ended"
    );
}

#[test]
fn an_answer_that_too_much_happened_since_is_asked_for_again() {
    let tombstones = Tombstones::shared();
    let foreign = |_: &IntentId| false;
    let late = tombstones.looks.begin();
    for _ in 0..2000 {
        tombstones.forget([3; 16]);
    }
    tombstones.agree(late, &[([1; 16], path("/a"), false)], &[], foreign);
    assert_eq!(tombstones.view().len(), 0);
    tombstones.agree(
        tombstones.looks.begin(),
        &[([1; 16], path("/a"), false)],
        &[],
        foreign,
    );
    assert_eq!(tombstones.view().len(), 1);
}

#[test]
fn moves_of_others_are_followed_and_looked_at_again() {
    let tombstones = Tombstones::shared();
    let own = |id: &IntentId| id[0] == 1;
    let arrives = |at: &str| {
        let view = tombstones.view();
        view.arrival(&path(at)).map(|(_, origin)| origin)
    };
    let told = [MoveInFlight::new([2; 16], &path("/a"), &path("/b"))];
    let view = tombstones.view();
    tombstones.agree(tombstones.looks.begin(), &[], &told, own);
    for at in ["/", "/a", "/a/x", "/b", "/b/x"] {
        assert!(!tombstones.still(&view, &path(at)), "{at}");
    }
    assert!(tombstones.still(&view, &path("/c")));
    assert_eq!(arrives("/b/x"), Some(path("/a/x")));
    assert_eq!(arrives("/b"), Some(path("/a")));
    assert_eq!((arrives("/a/x"), arrives("/bx")), (None, None));
    assert_eq!(tombstones.view().len(), 0, "it hides nothing");
    assert!(tombstones.within(&path("/")).is_empty() && tombstones.left().is_empty());
    let late = tombstones.looks.begin();
    tombstones.end_move([2; 16]);
    tombstones.agree(late, &[], &told, own);
    assert_eq!(
        arrives("/b"),
        None,
        "it ended here after the store was asked"
    );
    tombstones.begin_move(MoveInFlight::new([1; 16], &path("/a"), &path("/b")));
    tombstones.agree(tombstones.looks.begin(), &[], &[], own);
    assert_eq!(arrives("/b"), Some(path("/a")), "it is known better here");
    tombstones.end_move([1; 16]);
    assert_eq!(arrives("/b"), None);
}
