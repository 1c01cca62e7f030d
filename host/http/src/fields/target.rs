//! The path in a request's target: taken raw, percent-decoded exactly once, and canonical from then
//! on.
//!
//! A slash at its end is remembered, because it says that a directory is meant. Segments that are a
//! single dot are dropped (RFC 3986 section 6.2.2.3): a client that resolves links writes `./a:b`,
//! so that a name with a colon is no scheme. Empty segments are dropped where something is only
//! read: clients that join addresses write two slashes. A change is refused with them, because it
//! may be that a name is missing, and a change would go to the wrong place. `..` is always refused:
//! it may have been meant for anything above. What a mount or a permission makes of the path is not
//! known here.

use std::borrow::Cow;
use std::fmt::Write;

use axum::extract::FromRequestParts;
use callfs_model::path::{FilePath, PathError};
use http::Method;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::problem::Problem;

/// Whatever may stand unescaped in a segment (RFC 3986, `pchar`), and the slash between them.
const PATH: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b'!')
    .remove(b'$')
    .remove(b'&')
    .remove(b'\'')
    .remove(b'(')
    .remove(b')')
    .remove(b'*')
    .remove(b'+')
    .remove(b',')
    .remove(b';')
    .remove(b'=')
    .remove(b':')
    .remove(b'@')
    .remove(b'/');

/// Where the routes of files start.
pub(crate) const FILES: &str = "/v1/files";
/// Where the routes of directories start.
pub(crate) const DIRECTORIES: &str = "/v1/directories";

/// What a request is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct RequestTarget {
    /// The canonical path.
    pub(crate) path: FilePath,
    /// Whether it was written with a slash at its end; never for the root, which needs none.
    pub(crate) trailing_slash: bool,
}

impl RequestTarget {
    /// From what follows the route's prefix in the raw target: empty, or a slash and more.
    pub(crate) fn parse(raw: &str, method: &Method) -> Result<Self, Problem> {
        check_escapes(raw)?;
        let text = percent_decode_str(raw)
            .decode_utf8()
            .map_err(|_| PathError::NotUtf8)?;
        let text = if text.is_empty() { "/" } else { &text };
        // Without its dot, `.//a` would start with a slash.
        if !text.starts_with('/') {
            return Err(PathError::Relative.into());
        }
        let text = if matches!(*method, Method::GET | Method::HEAD) {
            without_segments(text, &["//", "/."], |segment| matches!(segment, "" | "."))
        } else {
            without_segments(text, &["/."], |segment| segment == ".")
        };
        let path = FilePath::parse(&text)?;
        Ok(Self {
            trailing_slash: text.len() > 1 && text.ends_with('/'),
            path,
        })
    }

    /// Whether nothing but a directory can be meant.
    pub(crate) fn means_directory(&self) -> bool {
        self.trailing_slash || self.path.is_root()
    }
}

impl<S: Sync> FromRequestParts<S> for RequestTarget {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let path = parts.uri.path();
        let raw = path
            .strip_prefix(FILES)
            .or_else(|| path.strip_prefix(DIRECTORIES));
        Self::parse(raw.ok_or_else(Problem::no_such_route)?, &parts.method)
    }
}

/// A text that starts with a slash without some of its segments; one at the end leaves its slash,
/// as RFC 3986 section 5.2.4 has it. A text that has none of the `signs` has no such segment.
fn without_segments<'a>(
    text: &'a str,
    signs: &[&str],
    is_dropped: fn(&str) -> bool,
) -> Cow<'a, str> {
    if !signs.iter().any(|sign| text.contains(sign)) {
        return Cow::Borrowed(text);
    }
    let mut kept = String::with_capacity(text.len());
    kept.push('/');
    let mut segments = text[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        if !is_dropped(segment) {
            kept.push_str(segment);
            if segments.peek().is_some() {
                kept.push('/');
            }
        }
    }
    Cow::Owned(kept)
}

/// The URL of a path below a route's prefix, without scheme and host.
pub(crate) fn url(prefix: &str, path: &FilePath) -> String {
    let mut url = String::with_capacity(prefix.len() + path.as_str().len() + 16);
    url.push_str(prefix);
    // Writing into a string does not fail.
    let _ = write!(url, "{}", utf8_percent_encode(path.as_str(), PATH));
    url
}

/// RFC 3986 section 2.1: two hexadecimal digits after every `%`. A decoder would let anything else
/// stand for itself, and one name would have two spellings.
fn check_escapes(raw: &str) -> Result<(), Problem> {
    let bytes = raw.as_bytes();
    let is_escape = |at: usize| {
        bytes
            .get(at + 1..at + 3)
            .is_some_and(|digits| digits.iter().all(u8::is_ascii_hexdigit))
    };
    match raw.match_indices('%').find(|(at, _)| !is_escape(*at)) {
        Some(_) => Err(Problem::bad_request(
            "the path has a '%' without two hexadecimal digits; write '%25' for it",
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decodes_exactly_once() {
        let table = [
            ("", "/", false),
            ("/", "/", false),
            ("/a", "/a", false),
            ("/a/", "/a", true),
            ("/my%20file%20(1).txt", "/my file (1).txt", false),
            ("/100%25", "/100%", false),
            ("/%2520", "/%20", false),
            ("/a+b", "/a+b", false),
            ("/%E6%97%A5/%c3%a4", "/日/ä", false),
            ("/ws/x", "/ws/x", false),
            ("/health", "/health", false),
            ("/a%3Fb%23c", "/a?b#c", false),
            // A name cannot contain a slash, so an escaped one separates like any other.
            ("/a%2Fb", "/a/b", false),
            ("/./a:b", "/a:b", false),
            ("/a/./b", "/a/b", false),
            ("/a/%2e/%2E/b", "/a/b", false),
            ("/a%2F.%2Fb", "/a/b", false),
            ("/a/.", "/a", true),
            ("/a/./", "/a", true),
            ("/.", "/", false),
            ("/./", "/", false),
            ("/././.", "/", false),
            ("/.a/.../a.", "/.a/.../a.", false),
        ];
        for (raw, path, trailing_slash) in table {
            for method in [Method::GET, Method::PUT] {
                assert_eq!(
                    parsed(raw, &method),
                    (path.to_owned(), trailing_slash),
                    "{method} {raw}"
                );
            }
        }
    }

    fn parsed(raw: &str, method: &Method) -> (String, bool) {
        let target = RequestTarget::parse(raw, method)
            .unwrap_or_else(|problem| panic!("{raw}: {:?}", problem.error()));
        (target.path.to_string(), target.trailing_slash)
    }

    #[test]
    fn slashes_too_many_are_dropped_where_nothing_is_changed() {
        let table = [
            ("//", "/", false),
            ("///", "/", false),
            ("//a", "/a", false),
            ("/a//b", "/a/b", false),
            ("/a//b/", "/a/b", true),
            ("/a//", "/a", true),
            ("/a%2F%2Fb", "/a/b", false),
            ("/.//a", "/a", false),
            ("/a/.//", "/a", true),
            ("/a//./b", "/a/b", false),
        ];
        for (raw, path, trailing_slash) in table {
            for method in [Method::GET, Method::HEAD] {
                assert_eq!(
                    parsed(raw, &method),
                    (path.to_owned(), trailing_slash),
                    "{method} {raw}"
                );
            }
            for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
                let problem = RequestTarget::parse(raw, &method).expect_err(raw);
                assert_eq!(
                    (problem.status().as_u16(), problem.error().message()),
                    (400, "the path has an empty name ('//'); write one slash"),
                    "{method} {raw}"
                );
            }
        }
    }

    #[test]
    fn says_what_is_wrong() {
        let long_name = format!("/{}", "x".repeat(256));
        let long_path = "/x".repeat(2500);
        let table = [
            ("/a%00b", "the path has the control character U+0000"),
            (
                "/a/../b",
                "the path has a '..' segment; give the path without it",
            ),
            (
                "/a/%2e%2E/b",
                "the path has a '..' segment; give the path without it",
            ),
            (
                "/./../a",
                "the path has a '..' segment; give the path without it",
            ),
            ("/%ff", "the path is not valid UTF-8 after percent-decoding"),
            (
                "//a/../b",
                "the path has a '..' segment; give the path without it",
            ),
            (
                "/a%2F..%2Fb",
                "the path has a '..' segment; give the path without it",
            ),
            (
                "/100%",
                "the path has a '%' without two hexadecimal digits; write '%25' for it",
            ),
            (
                "/%zz",
                "the path has a '%' without two hexadecimal digits; write '%25' for it",
            ),
            ("x", "a path must start with '/'"),
            (".//a", "a path must start with '/'"),
            (
                &long_name,
                "a name of 256 bytes is longer than the 255 that are allowed",
            ),
            (
                &long_path,
                "the path of 5000 bytes is longer than the 4096 that are allowed",
            ),
        ];
        for (raw, message) in table {
            let problem = RequestTarget::parse(raw, &Method::GET).expect_err(raw);
            assert_eq!(
                (problem.status().as_u16(), problem.error().message()),
                (400, message),
                "{raw}"
            );
        }
    }

    #[test]
    fn url_and_target_are_inverse() {
        for text in ["/", "/a b/%20", "/日/ä?#", "/[x]|\"<>^`{}\\"] {
            let path = FilePath::parse(text).expect("a good path");
            let url = url(FILES, &path);
            assert!(url.parse::<http::Uri>().is_ok(), "{url}");
            let raw = url.strip_prefix(FILES).expect("the prefix");
            let target = RequestTarget::parse(raw, &Method::PUT).expect("a good target");
            assert_eq!(target.path, path);
        }
    }
}
