//! `If-Range` (RFC 9110 section 13.1.5): whether a range is of the version that the client has a
//! part of.
//!
//! Only what tells versions apart for sure lets a part through, because a client glues it to what
//! it has. Anything else means that the client gets the file whole, which is always right.

use std::time::{SystemTime, UNIX_EPOCH};

use http::header::{HeaderMap, HeaderValue, IF_RANGE};

use crate::fields::lines;
use crate::fields::precondition::{parse_date, parse_list};
use crate::problem::Result;
use crate::state::Validators;

/// The condition of a ranged request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum IfRange {
    /// The file has this strong entity tag.
    Tag(String),
    /// The file was last changed at exactly this time, in seconds since 1970-01-01T00:00:00Z.
    Date(i64),
    /// What no version can meet: a weak entity tag, or neither a tag nor a date.
    Never,
}

impl IfRange {
    /// Reads the header, if it is there.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Option<Self>> {
        Ok(lines::single(headers, &IF_RANGE)?.map(Self::parse))
    }

    fn parse(value: &HeaderValue) -> Self {
        // A tag has a quote among its first three characters, and a date has none.
        if !value.as_bytes().contains(&b'"') {
            return parse_date(value).map_or(Self::Never, Self::Date);
        }
        let mut tags = Vec::new();
        let parsed = parse_list(&String::from_utf8_lossy(value.as_bytes()), &mut tags);
        match (parsed, tags.pop(), tags.is_empty()) {
            (Some(()), Some(tag), true) if !tag.weak => Self::Tag(tag.tag),
            _ => Self::Never,
        }
    }

    /// Whether the file is still that version.
    pub(crate) fn holds(&self, current: Validators<'_>, now: SystemTime) -> bool {
        match self {
            Self::Tag(tag) => current.etag == Some(tag),
            Self::Date(date) => {
                let now = now
                    .duration_since(UNIX_EPOCH)
                    .ok()
                    .and_then(|now| i64::try_from(now.as_secs()).ok());
                // A date is a strong validator only once its second is over (section 8.8.2.2):
                // until then the file can change again without its date telling.
                current.modified == Some(*date) && now.is_some_and(|now| now > *date)
            }
            Self::Never => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
    const SECONDS: i64 = 784_111_777;

    fn version(etag: Option<&'static str>, modified: Option<i64>) -> Validators<'static> {
        Validators { etag, modified }
    }

    fn read(values: &[&str]) -> Option<IfRange> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                IF_RANGE,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header value"),
            );
        }
        IfRange::of(&headers).expect("one line at most")
    }

    #[test]
    fn reads_one_tag_or_one_date() {
        assert_eq!(read(&[]), None);
        assert_eq!(read(&["\"v1\""]), Some(IfRange::Tag("v1".into())));
        assert_eq!(read(&["\"a,b\""]), Some(IfRange::Tag("a,b".into())));
        assert_eq!(read(&[DATE]), Some(IfRange::Date(SECONDS)));
        let never: [&[&str]; 6] = [
            &["W/\"v1\""],
            &["v1"],
            &["\"v1"],
            &["*"],
            &[""],
            &["\"a\", \"b\""],
        ];
        for values in never {
            assert_eq!(read(values), Some(IfRange::Never), "{values:?}");
        }
    }

    #[test]
    fn only_a_strong_validator_holds() {
        let at = |seconds: i64| UNIX_EPOCH + Duration::from_secs(seconds as u64);
        let tag = || IfRange::Tag("v1".into());
        let date = || IfRange::Date(SECONDS);
        let here = || version(Some("v1"), Some(SECONDS));
        let table = [
            (tag(), here(), SECONDS, true),
            (tag(), version(Some("v2"), Some(SECONDS)), SECONDS, false),
            (tag(), version(None, Some(SECONDS)), SECONDS, false),
            (date(), here(), SECONDS + 1, true),
            (date(), here(), SECONDS, false),
            (date(), here(), SECONDS - 5, false),
            // Exactly: neither an older nor a newer file.
            (
                date(),
                version(Some("v1"), Some(SECONDS - 1)),
                SECONDS + 9,
                false,
            ),
            (
                date(),
                version(Some("v1"), Some(SECONDS + 1)),
                SECONDS + 9,
                false,
            ),
            (date(), version(Some("v1"), None), SECONDS + 9, false),
            (IfRange::Never, here(), SECONDS + 9, false),
        ];
        for (row, (condition, current, now, holds)) in table.into_iter().enumerate() {
            assert_eq!(
                condition.holds(current, at(now)),
                holds,
                "row {row}: {condition:?}"
            );
        }
    }
}
