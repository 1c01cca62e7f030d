use super::*;

fn path(text: &str) -> FilePath {
    FilePath::parse(text).expect("a good path")
}

#[test]
fn hides_a_path_and_what_is_below_it() {
    let discards = Discards::default();
    assert!(!discards.view().hides(&path("/a")));
    let held = discards.hold([1; 16], path("/a/b"), false);
    let inside = discards.hold([2; 16], path("/in"), true);
    let view = discards.view();
    for (at, hidden) in
        [("/a", false), ("/a/b", true), ("/a/b/c", true), ("/a/bc", false), ("/in", false), ("/in/x", true)]
    {
        assert_eq!(view.hides(&path(at)), hidden, "{at}");
    }
    held.end();
    inside.becomes(path("/out"));
    let view = discards.view();
    assert!(!view.hides(&path("/a/b")) && !view.hides(&path("/in/x")) && view.hides(&path("/out")));
    assert_eq!(discards.left(), []);
    drop(inside);
    assert_eq!(discards.left().len(), 1);
    discards.forget([2; 16]);
    assert_eq!(discards.view().len(), 0);
}

#[test]
fn a_view_holds_until_something_related_changes() {
    let discards = Discards::default();
    let view = discards.view();
    let held = discards.hold([1; 16], path("/a/b"), false);
    for (at, still) in [("/", false), ("/a", false), ("/a/b/c", false), ("/a/x", true), ("/ab", true)] {
        assert_eq!(discards.still(&view, &path(at)), still, "{at}");
    }
    held.end();
    assert!(!discards.still(&view, &path("/a/b")), "it began and ended in between");
    let view = discards.view();
    for number in 0..=REMEMBERED {
        discards.hold([2; 16], path(&format!("/x/{number}")), false).end();
    }
    assert!(!discards.still(&view, &path("/y")), "nobody remembers");
    assert!(discards.still(&discards.view(), &path("/x")));
}

#[test]
fn one_that_may_have_moved_hides_both() {
    let discards = Discards::default();
    let held = discards.hold([1; 16], path("/to"), false);
    held.may_have_become(path("/from"));
    drop(held);
    let view = discards.view();
    assert!(view.hides(&path("/to")) && view.hides(&path("/from")));
    assert_eq!(discards.left().len(), 2);
    discards.forget([1; 16]);
    assert_eq!(discards.view().len(), 0);
}

#[test]
fn an_answer_is_not_believed_about_what_was_changed_here_meanwhile() {
    let (discards, foreign) = (Discards::shared(), |_: &IntentId| false);
    let told = [([1; 16], path("/a"), false), ([2; 16], path("/b"), true)];
    let hidden = |at: &str| discards.view().hides(&path(at));
    discards.agree(discards.looks.begin(), &told, foreign);
    assert!(hidden("/a") && hidden("/b/x") && !hidden("/b"));
    let late = discards.looks.begin();
    discards.forget([1; 16]);
    discards.agree(late, &told, foreign);
    assert!(!hidden("/a") && hidden("/b/x"), "it was cleared here after the index was asked");
    let (older, newer) = (discards.looks.begin(), discards.looks.begin());
    discards.agree(newer, &[], foreign);
    discards.agree(older, &told, foreign);
    assert_eq!(discards.view().len(), 0, "a newer answer was believed already");
    discards.agree(discards.looks.begin(), &told, foreign);
    assert_eq!(discards.view().len(), 2);
}

#[test]
fn what_is_worked_on_here_is_not_touched() {
    let (discards, own) = (Discards::shared(), |id: &IntentId| id[0] == 1);
    let held = discards.hold([1; 16], path("/a"), false);
    discards.agree(discards.looks.begin(), &[], own);
    assert!(discards.view().hides(&path("/a")));
    drop(held);
    discards.agree(discards.looks.begin(), &[], own);
    assert_eq!(discards.view().len(), 0, "it was abandoned, and somebody else cleared it");
    discards.agree(discards.looks.begin(), &[([1; 16], path("/a"), false)], own);
    assert_eq!(discards.view().len(), 0, "it is about to be held, or has ended");
}

#[test]
fn an_answer_that_too_much_happened_since_is_asked_for_again() {
    let (discards, foreign) = (Discards::shared(), |_: &IntentId| false);
    let late = discards.looks.begin();
    for _ in 0..2000 {
        discards.forget([3; 16]);
    }
    discards.agree(late, &[([1; 16], path("/a"), false)], foreign);
    assert_eq!(discards.view().len(), 0);
    discards.agree(discards.looks.begin(), &[([1; 16], path("/a"), false)], foreign);
    assert_eq!(discards.view().len(), 1);
}
