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
