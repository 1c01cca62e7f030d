//! Preconditions of a request: what must be true of the target for the request to happen.
//!
//! The rules of RFC 9110 section 13, as pure functions of the validators. It knows nothing of
//! header syntax: whoever reads the headers makes these values.

use crate::Info;

/// An entity tag (RFC 9110 section 8.8.3).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it was marked with `W/`.
    pub weak: bool,
    /// The opaque part, without quotes.
    pub tag: String,
}

/// What `If-Match` and `If-None-Match` name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Etags {
    /// `*`: any object at all.
    Any,
    /// One of these.
    List(Vec<EntityTag>),
}

/// The preconditions of a request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Precondition {
    /// `If-Match`.
    pub if_match: Option<Etags>,
    /// `If-None-Match`.
    pub if_none_match: Option<Etags>,
    /// `If-Unmodified-Since`, in seconds since 1970-01-01T00:00:00Z.
    pub if_unmodified_since: Option<i64>,
    /// `If-Modified-Since`, in seconds since 1970-01-01T00:00:00Z.
    pub if_modified_since: Option<i64>,
}

/// What tells one version of an object from another (RFC 9110 section 8.8).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validators<'a> {
    /// The opaque part of a strong entity tag, without quotes.
    pub etag: Option<&'a str>,
    /// Time of the last change, in seconds since 1970-01-01T00:00:00Z: dates have whole seconds.
    pub modified: Option<i64>,
}

/// What a precondition means for a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Go on.
    Proceed,
    /// The client has it already (304); only for reads.
    NotModified,
    /// Do nothing (412).
    Failed,
}

impl Info {
    /// Its validators.
    pub fn validators(&self) -> Validators<'_> {
        Validators {
            etag: self.etag.as_deref(),
            modified: self
                .modified
                .map(|nanoseconds| nanoseconds.div_euclid(1_000_000_000)),
        }
    }
}

impl Precondition {
    /// Whether nothing is asked for.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Evaluates in the order of RFC 9110 section 13.2.2; `read` tells GET and HEAD from what
    /// changes things.
    pub fn evaluate(&self, current: Option<Validators<'_>>, read: bool) -> Outcome {
        let etag = current.and_then(|current| current.etag);
        // A date is ignored where the target has none (sections 13.1.3 and 13.1.4).
        let modified = current.and_then(|current| current.modified);
        let unchanged_since = |date: Option<i64>| Some(modified? <= date?);

        let unmet = match &self.if_match {
            Some(etags) => !etags.match_strongly(current.is_some(), etag),
            None => unchanged_since(self.if_unmodified_since) == Some(false),
        };
        if unmet {
            return Outcome::Failed;
        }
        match &self.if_none_match {
            Some(etags) if etags.match_weakly(current.is_some(), etag) && read => {
                Outcome::NotModified
            }
            Some(etags) if etags.match_weakly(current.is_some(), etag) => Outcome::Failed,
            None if read && unchanged_since(self.if_modified_since) == Some(true) => {
                Outcome::NotModified
            }
            _ => Outcome::Proceed,
        }
    }
}

impl Etags {
    /// Strong comparison: a weak tag equals nothing.
    fn match_strongly(&self, exists: bool, etag: Option<&str>) -> bool {
        match self {
            Self::Any => exists,
            Self::List(list) => list
                .iter()
                .any(|one| !one.weak && Some(one.tag.as_str()) == etag),
        }
    }

    /// Weak comparison: only the opaque part counts.
    fn match_weakly(&self, exists: bool, etag: Option<&str>) -> bool {
        match self {
            Self::Any => exists,
            Self::List(list) => list.iter().any(|one| Some(one.tag.as_str()) == etag),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Outcome::{Failed, NotModified, Proceed};
    use super::*;

    fn tags(text: &str) -> Option<Etags> {
        let tag = |tag: &str| match tag.strip_prefix("W/") {
            Some(tag) => EntityTag {
                weak: true,
                tag: tag.into(),
            },
            None => EntityTag {
                weak: false,
                tag: tag.into(),
            },
        };
        Some(if text == "*" {
            Etags::Any
        } else {
            Etags::List(text.split(',').map(tag).collect())
        })
    }

    #[test]
    fn follow_the_order_of_the_rfc() {
        let here = || {
            Some(Validators {
                etag: Some("v1"),
                modified: Some(100),
            })
        };
        let no_etag = || {
            Some(Validators {
                etag: None,
                modified: Some(100),
            })
        };
        let no_date = || {
            Some(Validators {
                etag: Some("v1"),
                modified: None,
            })
        };
        // current, If-Match, If-None-Match, If-Unmodified-Since, If-Modified-Since, for a read, for
        // a write
        type Row = (
            Option<Validators<'static>>,
            Option<Etags>,
            Option<Etags>,
            Option<i64>,
            Option<i64>,
            Outcome,
            Outcome,
        );
        let table: Vec<Row> = vec![
            (here(), None, None, None, None, Proceed, Proceed),
            (None, None, None, None, None, Proceed, Proceed),
            (here(), tags("*"), None, None, None, Proceed, Proceed),
            (None, tags("*"), None, None, None, Failed, Failed),
            (here(), tags("v0,v1"), None, None, None, Proceed, Proceed),
            (here(), tags("v2"), None, None, None, Failed, Failed),
            (here(), tags("W/v1"), None, None, None, Failed, Failed),
            (no_etag(), tags("v1"), None, None, None, Failed, Failed),
            (None, tags("v1"), None, None, None, Failed, Failed),
            (here(), None, tags("*"), None, None, NotModified, Failed),
            (None, None, tags("*"), None, None, Proceed, Proceed),
            (here(), None, tags("v1"), None, None, NotModified, Failed),
            (here(), None, tags("W/v1"), None, None, NotModified, Failed),
            (here(), None, tags("v0"), None, None, Proceed, Proceed),
            (no_etag(), None, tags("v1"), None, None, Proceed, Proceed),
            (here(), None, None, Some(99), None, Failed, Failed),
            (here(), None, None, Some(100), None, Proceed, Proceed),
            (no_date(), None, None, Some(1), None, Proceed, Proceed),
            (None, None, None, Some(1), None, Proceed, Proceed),
            (here(), None, None, None, Some(99), Proceed, Proceed),
            (here(), None, None, None, Some(100), NotModified, Proceed),
            (no_date(), None, None, None, Some(200), Proceed, Proceed),
            // If-Match is stronger than If-Unmodified-Since, and If-None-Match than
            // If-Modified-Since.
            (here(), tags("v1"), None, Some(1), None, Proceed, Proceed),
            (here(), None, tags("v0"), None, Some(200), Proceed, Proceed),
            // The first of the two fails before the second is looked at.
            (here(), tags("v2"), tags("v1"), None, None, Failed, Failed),
            (
                here(),
                tags("v1"),
                tags("v1"),
                None,
                None,
                NotModified,
                Failed,
            ),
            (here(), None, tags("v1"), Some(99), None, Failed, Failed),
        ];
        for (row, case) in table.into_iter().enumerate() {
            let (
                current,
                if_match,
                if_none_match,
                if_unmodified_since,
                if_modified_since,
                read,
                write,
            ) = case;
            let one = Precondition {
                if_match,
                if_none_match,
                if_unmodified_since,
                if_modified_since,
            };
            assert_eq!(one.evaluate(current, true), read, "row {row}, read");
            assert_eq!(one.evaluate(current, false), write, "row {row}, write");
        }
    }
}
