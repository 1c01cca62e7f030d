//! Any target of a request: what is accepted is what decoding it once gives, and has one URL.

use callfs_model::path::{MAX_NAME, MAX_PATH};
use callfs_test_fuzz::FuzzTarget;

use super::*;

const CORPUS: [&str; 27] = [
    "",
    "/",
    "/a",
    "/a/",
    "/a/b.txt",
    "/my%20file%20(1).txt",
    "/100%25",
    "/%2520",
    "/a+b",
    "/%E6%97%A5/%c3%a4",
    "/a%3Fb%23c",
    "/a%2Fb",
    "/./a:b",
    "/a/./b",
    "/a/%2e/%2E/b",
    "/a/%2e%2e/b",
    "/a/..",
    "/a/../b",
    "/a%00b",
    "/a%c2%85",
    "/%ff",
    "/100%",
    "/%zz",
    "//",
    "/.//a",
    "/.a/.../a.",
    ".//./x",
];

const TOKENS: [&str; 22] = [
    "/", "//", ".", "..", "/.", "/./", "/../", "%", "%2", "%2f", "%2F", "%2e", "%2E%2e", "%25",
    "%00", "%7F", "%c3%a4", "%c3", "%ff", "?", "ä", "\u{85}",
];

/// One pass over the bytes; none where a `%` has no two digits.
fn decoded(raw: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let mut rest = raw.as_bytes();
    while let [first, after @ ..] = rest {
        rest = after;
        if *first == b'%' {
            let (digits, after) = rest.split_first_chunk::<2>()?;
            let digit = |at: usize| char::from(digits[at]).to_digit(16);
            bytes.push(u8::try_from(digit(0)? * 16 + digit(1)?).ok()?);
            rest = after;
        } else {
            bytes.push(*first);
        }
    }
    String::from_utf8(bytes).ok()
}

/// The path of a target, and whether it ends with a slash, by the rules of the module.
fn expected(raw: &str, method: &Method) -> Option<(String, bool)> {
    let text = decoded(raw)?;
    let Some(names) = text.strip_prefix('/') else {
        return text.is_empty().then(|| ("/".to_owned(), false));
    };
    let mut names: Vec<&str> = names.split('/').collect();
    let is_directory = names.last().is_some_and(|last| matches!(*last, "" | "."));
    if names.last() == Some(&"") {
        names.pop();
    }
    names.retain(|name| *name != "." && (*method != Method::GET || !name.is_empty()));
    let is_name = |name: &&str| {
        !name.is_empty()
            && name.len() <= MAX_NAME
            && *name != ".."
            && !name
                .chars()
                .any(|c| matches!(u32::from(c), 0..0x20 | 0x7f..0xa0))
    };
    let path = format!("/{}", names.join("/"));
    let is_good = names.iter().all(is_name) && path.len() <= MAX_PATH;
    is_good.then_some((path, is_directory && !names.is_empty()))
}

#[test]
fn a_target_is_decoded_once_or_refused() {
    let target = FuzzTarget::new("target", 150_000)
        .corpus(&CORPUS)
        .tokens(&TOKENS)
        .longest(6 << 10);
    target.run(|input, _| {
        let raw = String::from_utf8_lossy(input);
        let [read, changed] = [Method::GET, Method::PUT].map(|method| is_decoded(&raw, &method));
        assert!(read || !changed, "{raw:?} can be changed and not be read");
        read
    });
}

/// Whether a target is accepted.
fn is_decoded(raw: &str, method: &Method) -> bool {
    let found = match RequestTarget::parse(raw, method) {
        Ok(target) => target,
        Err(problem) => {
            assert_eq!(problem.status().as_u16(), 400);
            assert_eq!(expected(raw, method), None, "{raw:?} is refused");
            return false;
        }
    };
    let path = found.path.to_string();
    assert_eq!(Some((path, found.trailing_slash)), expected(raw, method));
    let url = url(FILES, &found.path);
    let uri: http::Uri = url.parse().expect("a URL");
    assert_eq!((uri.path(), uri.query()), (&*url, None));
    let raw = url.strip_prefix(FILES).expect("the prefix");
    let again = RequestTarget::parse(raw, &Method::PUT);
    assert_eq!(again.expect("a target").path, found.path);
    true
}
