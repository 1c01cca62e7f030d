//! Any text as a path: it is accepted exactly where each rule holds, and is canonical from then on.

use callfs_test_fuzz::FuzzTarget;

use super::*;

const CORPUS: [&str; 24] = [
    "/",
    "",
    "//",
    "/a",
    "/a/",
    "/a//",
    "/a/b.txt",
    "/a/b/c/d/e/f",
    "/./a",
    "/a/../b",
    "/a/..",
    "/..a/.b/c./...",
    "a/b",
    "/a b/%20/%2e%2e",
    "/ä/日本/e\u{301}",
    "/a\0b",
    "/a\u{7f}",
    "/a\u{85}b",
    "/\u{a0}\u{200b}\u{202e}",
    "/a\nb\tc",
    "/back\\slash/C:/x",
    "/archive/2024/report (1).pdf",
    "/0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef",
    "/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x/x",
];

const TOKENS: [&str; 14] = [
    "/", "//", ".", "..", "/.", "/..", "/./", "/../", "\0", "\u{9f}", "\u{a0}", "ä", "日",
    "\u{fffd}",
];

/// The rules of the module, said in another way.
fn is_canonical(path: &str) -> bool {
    let is_name = |name: &str| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && name != "."
            && name != ".."
            && !name
                .chars()
                .any(|c| matches!(u32::from(c), 0..0x20 | 0x7f..0xa0))
    };
    match path.strip_prefix('/') {
        Some("") => true,
        Some(names) => path.len() <= MAX_PATH && names.split('/').all(is_name),
        None => false,
    }
}

fn check_relatives(path: &FilePath) {
    let names = path.as_str()[1..]
        .split('/')
        .filter(|name| !name.is_empty());
    assert_eq!(path.depth(), names.count());
    let ancestors = path.ancestors();
    assert_eq!(ancestors.len(), path.depth());
    for (depth, ancestor) in ancestors.iter().enumerate() {
        assert!(is_canonical(ancestor.as_str()), "{ancestor}");
        assert_eq!(ancestor.depth(), depth);
        assert!(path.is_within(ancestor) && !ancestor.is_within(path));
    }
    assert_eq!(path.parent().as_ref(), ancestors.last());
    if let Some(parent) = path.parent() {
        assert_eq!(parent.join(path.name()).as_ref(), Ok(path));
        assert_eq!(path.below(&parent), Some(path.name()));
    }
}

/// A path below `from` becomes one below `to`, or too long.
fn check_move(path: &FilePath, from: &FilePath, to: &FilePath) {
    let Some(moved) = path.moved(from, to) else {
        assert!(!path.is_within(from));
        return;
    };
    match moved {
        Ok(moved) => {
            assert!(is_canonical(moved.as_str()), "{moved:?}");
            assert_eq!(moved.below(to), path.below(from));
            assert_eq!(moved.moved(to, from), Some(Ok(path.clone())));
        }
        Err(error) => assert!(matches!(error, PathError::TooLong(_)), "{error}"),
    }
}

#[test]
fn a_path_is_canonical_or_refused() {
    let target = FuzzTarget::new("path", 80_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS)
        .longest(6 << 10);
    target.run(|input, random| {
        let text = String::from_utf8_lossy(input);
        // The slash of the root is not one at the end.
        let is_more = |rest: &&str| !rest.is_empty() && *rest != "/";
        let without_slash = text.strip_suffix('/').filter(is_more);
        let expected = without_slash.unwrap_or(&text);
        let Ok(path) = FilePath::parse(&text) else {
            assert!(!is_canonical(expected), "{text:?} is refused");
            return false;
        };
        assert!(is_canonical(expected), "{text:?} is accepted");
        assert_eq!(path.as_str(), expected);
        assert_eq!(FilePath::parse(path.as_str()).as_ref(), Ok(&path));
        check_relatives(&path);
        let ancestors = path.ancestors();
        let from = ancestors.get(random.usize(..=ancestors.len()));
        let to = CORPUS[random.usize(..CORPUS.len())];
        if let Ok(to) = FilePath::parse(to) {
            check_move(&path, from.unwrap_or(&path), &to);
            check_move(&path, &to, &path);
        }
        true
    });
}
