//! Any pattern and path: matching agrees with `globset` where names are ASCII, and a name's pattern
//! never matches across a slash.

use callfs_test_fuzz::{FuzzTarget, Rng};

use super::*;

const CORPUS: [&str; 33] = [
    "*.txt",
    "**/*.txt",
    "a/**",
    "a/**/z",
    "**",
    "?",
    "a?c",
    "[a-c]x",
    "[ä-ü]",
    "[!a]b",
    "x[!a]y",
    "x[+-0]y",
    "[]a]",
    "[a-]",
    "[^a]",
    "[&&a]",
    "[a--b]",
    "[~~]",
    "**[:alpha:]",
    "*.{jpg,png}",
    "a{,.bak}",
    "{a/b,c}/{d,[e-f]}",
    "{a,{b,c}}",
    r"\*\[日\]",
    r"a\\b",
    r"\ä",
    "(a|b).+^$",
    "/a",
    "a//b",
    "",
    "[a",
    "a}",
    "a\\",
];

const TOKENS: [&str; 33] = [
    "*",
    "**",
    "**/",
    "/**",
    "/**/",
    "/",
    "?",
    "[",
    "]",
    "[!",
    "[^",
    "-",
    "{",
    "}",
    ",",
    "\\",
    "\\\\",
    "a",
    "z",
    "ä",
    "日",
    "\u{1f389}",
    "[[",
    "]]",
    "&&",
    "--",
    "~~",
    "[:alpha:]",
    "\\x",
    "(?i)",
    "|",
    "\n",
    "\0",
];

const PATHS: [&str; 16] = [
    "a",
    "a/b",
    "a/b/c",
    "ab",
    "abc",
    "x/y",
    "a.txt",
    "a/b.txt",
    "b.jpg",
    "ä",
    "日/ä.txt",
    "a/z",
    "a.bak",
    "(a|b).+^$",
    "*[日]",
    "a\\b",
];

/// A path that resembles the pattern, or one of the table.
fn path(pattern: &str, random: &mut Rng) -> String {
    if random.u8(..4) == 0 {
        return PATHS[random.usize(..PATHS.len())].to_owned();
    }
    let mut fill = |c: char| match c {
        '*' | '?' => random
            .choice(["a", "", "b/c", "ä", "xyz"])
            .unwrap_or_default()
            .to_owned(),
        '[' | ']' | '{' | '}' | '\\' | '!' => String::new(),
        other => other.to_string(),
    };
    let path: String = pattern.chars().map(&mut fill).collect();
    // What is left of the pattern is one of the alternatives.
    let parts: Vec<&str> = path.split(',').collect();
    parts[random.usize(..parts.len())].to_owned()
}

/// A pattern that stands for this text alone.
fn escaped(text: &str) -> String {
    let is_plain = |c: char| c.is_alphanumeric() || c == '/';
    let one = |c: char| {
        if is_plain(c) {
            c.to_string()
        } else {
            format!("\\{c}")
        }
    };
    text.chars().map(one).collect()
}

#[test]
fn a_pattern_matches_within_names() {
    let target = FuzzTarget::new("glob", 4_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS)
        .longest(1100);
    target.run(|input, random| {
        let pattern = String::from_utf8_lossy(input);
        let glob = match Glob::parse(&pattern) {
            Ok(glob) => glob,
            Err(error) => {
                assert_eq!(error.kind(), ErrorKind::BadRequest, "{error}");
                return false;
            }
        };
        assert!((1..=MAX_PATTERN).contains(&pattern.len()));
        let peer = GlobBuilder::new(&pattern)
            .literal_separator(true)
            .backslash_escape(true)
            .empty_alternates(true)
            .build()
            .expect("a pattern")
            .compile_matcher();
        for _ in 0..4 {
            let path = path(&pattern, random);
            let matches = glob.matches(&path);
            assert!(glob.steps(&path) >= path.len() as u64);
            let slashes = |text: &str| text.matches('/').count();
            if matches && !pattern.contains("**") && !pattern.contains(['{', '[', '\\']) {
                assert_eq!(slashes(&path), slashes(&pattern), "{path:?}");
            }
            if path.is_ascii() && pattern.is_ascii() {
                // A class never matches a slash here.
                let is_known = peer.is_match(&path);
                assert!(!matches || is_known, "{path:?}");
                assert!(matches || !is_known || pattern.contains('['), "{path:?}");
            }
        }
        true
    });
}

#[test]
fn an_escaped_text_matches_itself_alone() {
    let target = FuzzTarget::new("escaped glob", 2_000)
        .corpus(&PATHS)
        .corpus(&CORPUS)
        .tokens(&TOKENS)
        .longest(500);
    target.run(|input, random| {
        let text = String::from_utf8_lossy(input);
        let Ok(glob) = Glob::parse(&escaped(&text)) else {
            assert!(text.is_empty() || 2 * text.len() > MAX_PATTERN, "{text:?}");
            return false;
        };
        assert!(glob.matches(&text));
        for other in [format!("{text}a"), format!("a{text}"), path(&text, random)] {
            assert_eq!(glob.matches(&other), other == text, "{other:?}");
        }
        true
    });
}
