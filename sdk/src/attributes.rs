//! What storage and host tell each other about objects, with short ways to make and to check it.

use std::ops::Range;

pub use crate::bindings::callfs::plugin::types::{Attributes, ByteRange, Condition, Entry, Kind};
pub use crate::bindings::storage::exports::callfs::plugin::storage::{Page, ReadOptions};
pub use crate::bindings::storage_write::exports::callfs::plugin::storage_write::WriteOptions;
use crate::error::{Error, Result};

impl Attributes {
    /// A file of a size in bytes; add what the storage knows: `Attributes { etag,
    /// ..Attributes::file(size) }`.
    pub fn file(size: u64) -> Self {
        Self {
            kind: Kind::File,
            size,
            etag: None,
            modified: None,
            mode: None,
            content_type: None,
            extra: Vec::new(),
        }
    }

    /// A directory.
    pub fn directory() -> Self {
        Self {
            kind: Kind::Directory,
            ..Self::file(0)
        }
    }

    /// The same object, whose stored bytes have codings, as a `Content-Encoding` lists them (RFC
    /// 9110 section 8.4). Neither `identity` is one nor `aws-chunked`, which is how an object was
    /// uploaded.
    pub fn in_codings(mut self, listed: &str) -> Self {
        let is_kept = |coding: &&str| {
            let no_codings = ["", "identity", "aws-chunked"];
            !no_codings.iter().any(|no| coding.eq_ignore_ascii_case(no))
        };
        let kept: Vec<&str> = listed.split(',').map(str::trim).filter(is_kept).collect();
        if !kept.is_empty() {
            self.extra
                .push(("content-encoding".to_owned(), kept.join(", ")));
        }
        self
    }
}

impl Condition {
    /// Whether it holds of what is stored under the path; none if nothing is.
    pub fn holds(&self, stored: Option<&Attributes>) -> bool {
        match self {
            Self::Always => true,
            Self::Absent => stored.is_none(),
            Self::EtagIn(etags) => {
                let etag = stored.and_then(|stored| stored.etag.as_ref());
                etag.is_some_and(|etag| etags.contains(etag))
            }
        }
    }
}

impl ByteRange {
    /// The same range of an object of a size, cut where the object ends; [`Error::InvalidRange`] if
    /// it starts there or later.
    pub fn within(&self, size: u64) -> Result<Range<u64>> {
        if self.start >= size {
            return Err(Error::InvalidRange(size));
        }
        Ok(self.start..self.end.unwrap_or(size).clamp(self.start, size))
    }
}

impl Page {
    /// A page of at most `limit` entries, from as many or one more: that one is dropped, and tells
    /// that more follow.
    pub fn cut(mut entries: Vec<Entry>, limit: u32) -> Self {
        let limit = limit as usize;
        let more = entries.len() > limit;
        entries.truncate(limit);
        Self { entries, more }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_hold_of_what_is_stored() {
        let plain = Attributes::file(3);
        let tagged = Attributes {
            etag: Some("a".into()),
            ..Attributes::file(3)
        };
        let one_of =
            |etags: &[&str]| Condition::EtagIn(etags.iter().map(ToString::to_string).collect());
        // Condition; holds of nothing, of an object without an etag, of one with the etag `a`.
        let table = [
            (Condition::Always, true, true, true),
            (Condition::Absent, true, false, false),
            (one_of(&["b", "a"]), false, false, true),
            (one_of(&["b"]), false, false, false),
            (one_of(&[]), false, false, false),
        ];
        for (condition, nothing, untagged, a) in table {
            assert_eq!(condition.holds(None), nothing, "{condition:?}");
            assert_eq!(condition.holds(Some(&plain)), untagged, "{condition:?}");
            assert_eq!(condition.holds(Some(&tagged)), a, "{condition:?}");
        }
    }

    #[test]
    fn codings_are_those_of_the_stored_bytes() {
        let table = [
            ("gzip", Some("gzip")),
            ("gzip, br", Some("gzip, br")),
            ("gzip,aws-chunked", Some("gzip")),
            ("aws-chunked", None),
            (" Identity ", None),
            ("", None),
        ];
        for (listed, expected) in table {
            let extra = Attributes::file(3).in_codings(listed).extra;
            let expected: Vec<(String, String)> = expected
                .map(|codings: &str| ("content-encoding".to_owned(), codings.to_owned()))
                .into_iter()
                .collect();
            assert_eq!(extra, expected, "{listed:?}");
        }
    }

    #[test]
    fn ranges_end_with_the_object() {
        let within = |start, end, size| ByteRange { start, end }.within(size);
        assert_eq!(within(0, None, 5), Ok(0..5));
        assert_eq!(within(4, Some(9), 5), Ok(4..5));
        assert_eq!(within(1, Some(3), 5), Ok(1..3));
        assert_eq!(within(5, None, 5), Err(Error::InvalidRange(5)));
        assert_eq!(within(0, None, 0), Err(Error::InvalidRange(0)));
        assert_eq!(within(3, Some(1), 5), Ok(3..3));
    }

    #[test]
    fn a_page_knows_whether_more_follow() {
        let entries = |count: usize| {
            let entry = |name: usize| Entry {
                name: name.to_string(),
                attributes: Attributes::file(0),
                link: false,
            };
            (0..count).map(entry).collect::<Vec<_>>()
        };
        let cut = |count| Page::cut(entries(count), 2);
        assert_eq!((cut(0).entries.len(), cut(0).more), (0, false));
        assert_eq!((cut(2).entries.len(), cut(2).more), (2, false));
        assert_eq!((cut(3).entries.len(), cut(3).more), (2, true));
    }
}
