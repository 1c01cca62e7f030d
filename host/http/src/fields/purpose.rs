//! What a request is for: whether its client loads what its user may open next, or has opened.
//!
//! Browsers say `Sec-Purpose` (<https://fetch.spec.whatwg.org/#sec-purpose-header>); earlier
//! versions of them, and the applications that load links ahead, have names of their own for it.
//! The parameters of a purpose, as `prerender`, do not matter: it is ahead of the user either way.

use http::header::HeaderMap;

use crate::fields::lines;

/// The fields that have a purpose.
const FIELDS: [&str; 4] = ["sec-purpose", "purpose", "x-purpose", "x-moz"];

/// The purposes for which no user has asked yet.
const AHEAD: [&str; 3] = ["prefetch", "prerender", "preview"];

/// Whether the request is ahead of its user.
pub(crate) fn is_ahead(headers: &HeaderMap) -> bool {
    FIELDS.iter().any(|name| {
        let mut words = lines::all(headers, *name)
            .flat_map(|line| line.as_bytes().split(|byte| matches!(byte, b',' | b';')))
            .map(<[u8]>::trim_ascii);
        words.any(|word| {
            AHEAD
                .iter()
                .any(|ahead| word.eq_ignore_ascii_case(ahead.as_bytes()))
        })
    })
}

#[cfg(test)]
mod tests {
    use http::header::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn clients_say_in_several_ways_that_they_load_ahead() {
        let table = [
            ("sec-purpose", "prefetch", true),
            ("sec-purpose", "prefetch;prerender", true),
            ("sec-purpose", "prefetch;anonymous-client-ip", true),
            ("sec-purpose", "other, prefetch", true),
            ("sec-purpose", " Prefetch ", true),
            ("purpose", "prefetch", true),
            ("purpose", "preview", true),
            ("x-purpose", "preview", true),
            ("x-moz", "prefetch", true),
            ("sec-purpose", "", false),
            ("sec-purpose", "other", false),
            ("sec-purpose", "not-prefetch", false),
            ("purpose", "prefetched", false),
            ("sec-fetch-dest", "prefetch", false),
            ("accept", "prefetch", false),
        ];
        for (name, value, expected) in table {
            let value = HeaderValue::from_static(value);
            let headers = HeaderMap::from_iter([(HeaderName::from_static(name), value)]);
            assert_eq!(is_ahead(&headers), expected, "{headers:?}");
        }
        assert!(!is_ahead(&HeaderMap::new()));
    }

    #[test]
    fn each_line_of_a_field_counts() {
        let mut headers = HeaderMap::new();
        headers.append("purpose", HeaderValue::from_static("other"));
        assert!(!is_ahead(&headers));
        headers.append("purpose", HeaderValue::from_static("prefetch"));
        assert!(is_ahead(&headers));
    }
}
