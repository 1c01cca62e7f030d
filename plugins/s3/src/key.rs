//! Keys of objects, and how they are written in a URI.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

/// The longest key, in bytes.
pub(crate) const MAX_KEY: usize = 1024;

/// What S3 wants encoded in a query: everything but unreserved characters (RFC 3986 section 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');
/// The same in a path, where a slash separates.
const RESERVED_IN_PATH: &AsciiSet = &RESERVED.remove(b'/');

/// The key of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Key(String);

impl Key {
    /// That of a path in a mount whose keys all start with `prefix`.
    pub(crate) fn new(prefix: &str, path: &str) -> Self {
        Self(format!("{prefix}{path}"))
    }

    /// As it is.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// As the path of a URI, without a slash in front.
    pub(crate) fn in_path(&self) -> String {
        utf8_percent_encode(&self.0, RESERVED_IN_PATH).to_string()
    }

    /// No object can have it.
    pub(crate) fn is_too_long(&self) -> bool {
        self.0.len() > MAX_KEY
    }
}

/// A value of a query.
pub(crate) fn in_query(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// A key out of a listing with `encoding-type=url`, where a space may be a plus (as in a form) or
/// `%20`; none if it is no UTF-8.
pub(crate) fn out_of_listing(encoded: &str) -> Option<String> {
    let spaced = encoded.replace('+', " ");
    let decoded = percent_encoding::percent_decode_str(&spaced)
        .decode_utf8()
        .ok()?;
    Some(decoded.into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_encoded_as_signatures_want_it() {
        let table = [
            ("plain-name_1.~", "plain-name_1.~"),
            ("a b", "a%20b"),
            ("a+b", "a%2Bb"),
            ("100%", "100%25"),
            ("a%20b", "a%2520b"),
            ("dir/sub/a", "dir/sub/a"),
            ("ä/日本", "%C3%A4/%E6%97%A5%E6%9C%AC"),
            ("a?b#c&d=e", "a%3Fb%23c%26d%3De"),
            ("!*'();:@$,[]", "%21%2A%27%28%29%3B%3A%40%24%2C%5B%5D"),
        ];
        for (path, encoded) in table {
            assert_eq!(Key::new("", path).in_path(), encoded);
            assert_eq!(Key::new("pre/", path).in_path(), format!("pre/{encoded}"));
        }
        assert_eq!(in_query("dir/a b"), "dir%2Fa%20b");
    }

    #[test]
    fn every_key_comes_back_out_of_a_listing() {
        for key in ["a b", "a+b", "100%", "a%2Bb", "ä/日本", "dir/sub/", "+ +"] {
            assert_eq!(
                out_of_listing(&in_query(key)).as_deref(),
                Some(key),
                "as %20"
            );
            assert_eq!(
                out_of_listing(&in_query(key).replace("%20", "+")).as_deref(),
                Some(key),
                "as in a form"
            );
        }
        assert_eq!(out_of_listing("%FF"), None);
    }

    #[test]
    fn a_key_has_1024_bytes_at_most() {
        assert!(!Key::new("root/", &"x".repeat(1019)).is_too_long());
        assert!(Key::new("root/", &"x".repeat(1020)).is_too_long());
    }
}
