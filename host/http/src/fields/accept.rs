//! Which of the shapes of a listing a client prefers: the `Accept` header of RFC 9110 section
//! 12.5.1.
//!
//! A preference is no condition: whoever accepts none of them gets JSON. What cannot be read of the
//! header is ignored.

use http::header::{ACCEPT, HeaderMap};

use crate::fields::lines;

/// How a listing is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shape {
    /// One document; the default.
    Json,
    /// One entry a line, sent as they are found.
    Lines,
    /// A page of links, sent as they are found: for browsers, and for programs that read what is
    /// meant for them.
    Html,
}

/// How well a media type is liked: first by weight, in thousandths, then by how exactly it was
/// named, from 1 for `*/*`.
type Liking = (u16, u8);

impl Shape {
    /// The shape that a client likes best: JSON, unless it likes the other one that there is
    /// better.
    pub(crate) fn of(headers: &HeaderMap, other: Self) -> Self {
        let values: Vec<&str> = lines::all(headers, ACCEPT)
            .filter_map(|value| value.to_str().ok())
            .collect();
        let liking = |shape: Self| {
            values
                .iter()
                .flat_map(|value| value.split(','))
                .filter_map(move |range| shape.liking(range))
        };
        // The most exact range that names a type is the one that counts, whatever the others say of
        // it.
        let best = |shape: Self| {
            liking(shape)
                .max_by_key(|(weight, exact)| (*exact, *weight))
                .unwrap_or_default()
        };
        match best(other) {
            (0, _) => Self::Json,
            liked if liked > best(Self::Json) => other,
            _ => Self::Json,
        }
    }

    pub(crate) const fn media_type(self) -> &'static str {
        match self {
            Self::Json => "application/json",
            Self::Lines => "application/x-ndjson",
            Self::Html => "text/html",
        }
    }

    /// What one media range says of this shape, if anything.
    fn liking(self, range: &str) -> Option<Liking> {
        let mut parts = range.split(';').map(str::trim);
        let name = parts.next()?.to_ascii_lowercase();
        let exact = match name.strip_suffix("/*") {
            Some("*") => 1,
            Some(kind) if self.media_type().split('/').next() == Some(kind) => 2,
            None if name == self.media_type() => 3,
            _ => return None,
        };
        let weight = parts.find_map(|part| {
            let (name, value) = part.split_once('=')?;
            name.trim()
                .eq_ignore_ascii_case("q")
                .then(|| thousandths(value.trim()))
        });
        Some((weight.unwrap_or(Some(1000))?, exact))
    }
}

/// RFC 9110 section 12.4.2: from 0 to 1, with at most three digits after the point.
pub(crate) fn thousandths(value: &str) -> Option<u16> {
    let (whole, digits) = value.split_once('.').unwrap_or((value, ""));
    if !matches!(whole, "0" | "1")
        || digits.len() > 3
        || !digits.bytes().all(|digit| digit.is_ascii_digit())
    {
        return None;
    }
    let weight: u16 = format!("{whole}{digits:0<3}").parse().ok()?;
    (weight <= 1000).then_some(weight)
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_stream_goes_to_who_likes_it_best() {
        const NDJSON: &str = "application/x-ndjson";
        let table: [(&[&'static str], Shape); 21] = [
            (&[], Shape::Json),
            (&["*/*"], Shape::Json),
            (&["application/json"], Shape::Json),
            (&[NDJSON], Shape::Lines),
            (&["Application/X-NDJSON; charset=utf-8"], Shape::Lines),
            (&["application/json, application/x-ndjson"], Shape::Json),
            (
                &["application/json;q=0.5, application/x-ndjson"],
                Shape::Lines,
            ),
            (
                &["application/json;q=0.5, application/x-ndjson;q=0.4"],
                Shape::Json,
            ),
            (
                &["application/json ; q=0.5", "application/x-ndjson ; Q=0.501"],
                Shape::Lines,
            ),
            (&["application/x-ndjson, */*"], Shape::Lines),
            (&["application/x-ndjson;q=0.5, */*"], Shape::Json),
            (&["application/x-ndjson, */*;q=0.1"], Shape::Lines),
            (&["application/x-ndjson;q=0"], Shape::Json),
            (&["application/json;q=0, application/*"], Shape::Lines),
            (
                &["application/json;q=0, application/x-ndjson;q=0"],
                Shape::Json,
            ),
            (&["application/*"], Shape::Json),
            (
                &["text/html, application/xml;q=0.9, */*;q=0.8"],
                Shape::Json,
            ),
            (&["text/html"], Shape::Json),
            (&["application/x-ndjson;q=2"], Shape::Json),
            (
                &["application/x-ndjson;q=abc, application/json;q=0.1"],
                Shape::Json,
            ),
            (&["", ",;=,"], Shape::Json),
        ];
        for (values, shape) in table {
            assert_eq!(
                Shape::of(&accepting(values), Shape::Lines),
                shape,
                "{values:?}"
            );
        }
    }

    #[test]
    fn a_page_goes_to_browsers_and_to_nobody_who_did_not_ask() {
        let table = [
            // What Firefox, Chromium and Safari send, then curl, and those who say nothing.
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8",
                Shape::Html,
            ),
            (
                "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;\
                 q=0.8",
                Shape::Html,
            ),
            ("*/*", Shape::Json),
            ("", Shape::Json),
            ("text/html", Shape::Html),
            ("text/*", Shape::Html),
            ("text/plain", Shape::Json),
            ("text/html;q=0.5, application/json", Shape::Json),
            ("application/json;q=0.5, text/html", Shape::Html),
            ("text/html;q=0", Shape::Json),
            ("text/html/*", Shape::Json),
        ];
        for (value, shape) in table {
            assert_eq!(
                Shape::of(&accepting(&[value]), Shape::Html),
                shape,
                "{value}"
            );
        }
    }

    fn accepting(values: &[&'static str]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(ACCEPT, HeaderValue::from_static(value));
        }
        headers
    }
}
