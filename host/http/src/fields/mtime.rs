//! Times that a client gives a file: RFC 3339 as entries have them, and in the header of an upload
//! also seconds since 1970, as programs that copy files send them.

use http::header::{HeaderMap, HeaderName};
use jiff::Timestamp;

use crate::fields::lines;
use crate::problem::{Problem, Result};

/// Of a request, the time to set; of an answer, the time of the last change.
pub(crate) const X_MTIME: HeaderName = HeaderName::from_static("x-callfs-mtime");

/// The digits after the point of a number of seconds that there are nanoseconds for.
const FRACTION: usize = 9;

/// The time that an upload or a copy is to have, in nanoseconds since 1970, if it names one.
pub(crate) fn of(headers: &HeaderMap) -> Result<Option<i64>> {
    let Some(given) = lines::single(headers, &X_MTIME)? else {
        return Ok(None);
    };
    let text = given.to_str().unwrap_or_default().trim();
    let time = seconds(text).or_else(|| rfc3339(text));
    time.map(Some).ok_or_else(|| {
        Problem::bad_request(
            "the header 'x-callfs-mtime' is not a time from 1678 to 2261; give RFC 3339 such as \
             2024-05-01T12:30:00Z, or seconds since 1970 such as 1714566600 or 1714566600.25",
        )
    })
}

/// RFC 3339, from 1678 to 2261, in nanoseconds since 1970.
pub(crate) fn rfc3339(text: &str) -> Option<i64> {
    let time: Timestamp = text.parse().ok()?;
    i64::try_from(time.as_nanosecond()).ok()
}

/// Seconds since 1970 with at most nine digits after the point. Not by way of a floating-point
/// number, which has too few digits for nanoseconds.
fn seconds(text: &str) -> Option<i64> {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let magnitude = text.strip_prefix('-').unwrap_or(text);
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, "0"));
    if !is_digits(whole) || !is_digits(fraction) || fraction.len() > FRACTION {
        return None;
    }
    let whole: i64 = whole.parse().ok()?;
    let fraction: i64 = format!("{fraction:0<FRACTION$}").parse().ok()?;
    let nanoseconds = whole.checked_mul(1_000_000_000)?.checked_add(fraction)?;
    Some(if magnitude.len() < text.len() {
        -nanoseconds
    } else {
        nanoseconds
    })
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn time(text: &'static str) -> Option<i64> {
        let headers = HeaderMap::from_iter([(X_MTIME, HeaderValue::from_static(text))]);
        of(&headers).ok().flatten()
    }

    #[test]
    fn reads_both_spellings_to_the_nanosecond() {
        for (text, nanoseconds) in [
            ("1994-11-06T08:49:37Z", 784_111_777_000_000_000),
            (
                "1994-11-06T09:49:37.123456789+01:00",
                784_111_777_123_456_789,
            ),
            ("1969-12-31T23:59:58.5Z", -1_500_000_000),
            ("784111777", 784_111_777_000_000_000),
            (" 784111777.5 ", 784_111_777_500_000_000),
            ("784111777.123456789", 784_111_777_123_456_789),
            ("784111777.000000001", 784_111_777_000_000_001),
            ("0", 0),
            ("-1.5", -1_500_000_000),
            ("9223372036.854775807", i64::MAX),
        ] {
            assert_eq!(time(text), Some(nanoseconds), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_no_time_or_cannot_be_kept() {
        for text in [
            "",
            "now",
            "-",
            ".",
            "1.",
            ".5",
            "+1",
            "--1",
            "1e9",
            "0x10",
            "1,5",
            "1.5.5",
            "1.0000000001",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "9223372036.854775808",
            "99999999999999999999",
            "3000-01-01T00:00:00Z",
            "1600-01-01T00:00:00Z",
        ] {
            assert_eq!(time(text), None, "{text}");
        }
        let mut twice = HeaderMap::new();
        twice.append(X_MTIME, HeaderValue::from_static("1"));
        twice.append(X_MTIME, HeaderValue::from_static("2"));
        assert!(of(&twice).is_err());
        assert!(of(&HeaderMap::new()).expect("absent").is_none());
    }
}
