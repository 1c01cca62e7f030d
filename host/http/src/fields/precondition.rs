//! The preconditions of a request: the four header fields of RFC 9110 section 13.1, read into what
//! the engine evaluates.
//!
//! An entity tag that does not follow the grammar is an error, because ignoring it would let a
//! write through that was meant to be conditional. A date that does not parse is ignored, as the
//! RFC demands; two dates are an error, because one of them may be what the write depends on.

use std::time::UNIX_EPOCH;

use axum::extract::FromRequestParts;
use http::Method;
use http::header::{
    HeaderMap, HeaderName, HeaderValue, IF_MATCH, IF_MODIFIED_SINCE, IF_NONE_MATCH,
    IF_UNMODIFIED_SINCE, RANGE,
};
use http::request::Parts;

use crate::fields::accept_encoding::{AcceptedCodings, ContentCoding};
use crate::fields::lines;
use crate::problem::{Problem, Result};
use crate::state::{EntityTag, Etags, Precondition};

/// Reads those of a request that changes something: the tag of any coding stands for the version.
pub(crate) fn of(headers: &HeaderMap) -> Result<Precondition> {
    read(headers, |_| true)
}

/// Reads those of a request that reads: a tag stands for bytes that the client has, so that of a
/// coding counts only where the answer may have that coding. A part has none.
fn of_read(headers: &HeaderMap) -> Result<Precondition> {
    read(headers, |coding| {
        !headers.contains_key(RANGE) && AcceptedCodings::of(headers).takes(coding)
    })
}

fn read(headers: &HeaderMap, counts: impl Fn(ContentCoding) -> bool) -> Result<Precondition> {
    let if_none_match = etags(headers, IF_NONE_MATCH)?.map(|etags| with_plain(etags, &counts));
    let if_match = etags(headers, IF_MATCH)?.map(|etags| with_plain(etags, &counts));
    // A date is ignored where the entity tags say the same thing better (sections 13.1.3 and
    // 13.1.4).
    let if_unmodified_since = date(headers, &IF_UNMODIFIED_SINCE)?.filter(|_| if_match.is_none());
    let if_modified_since = date(headers, &IF_MODIFIED_SINCE)?.filter(|_| if_none_match.is_none());
    Ok(Precondition {
        if_unmodified_since,
        if_modified_since,
        if_match,
        if_none_match,
    })
}

/// The preconditions of a request, as a handler's argument.
pub(crate) struct Preconditions(pub(crate) Precondition);

impl<S: Sync> FromRequestParts<S> for Preconditions {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self> {
        let precondition = if matches!(parts.method, Method::GET | Method::HEAD) {
            of_read(&parts.headers)
        } else {
            of(&parts.headers)
        };
        precondition.map(Self)
    }
}

/// The tags, and for each that has a coding that counts, the tag of its version. The tag itself
/// stays: a storage may end its own tags like that.
fn with_plain(etags: Etags, counts: impl Fn(ContentCoding) -> bool) -> Etags {
    let Etags::List(mut tags) = etags else {
        return etags;
    };
    let of_version = |EntityTag { weak, tag }: &EntityTag| {
        let (coding, plain) = ContentCoding::of_tag(tag)?;
        counts(coding).then(|| EntityTag {
            weak: *weak,
            tag: plain.into(),
        })
    };
    let plain: Vec<EntityTag> = tags.iter().filter_map(of_version).collect();
    tags.extend(plain);
    Etags::List(tags)
}

/// `"*"`, or a list of entity tags; several fields of one name are one list.
fn etags(headers: &HeaderMap, name: HeaderName) -> Result<Option<Etags>> {
    let mut tags = Vec::new();
    let mut any = false;
    let mut values = lines::all(headers, &name).peekable();
    if values.peek().is_none() {
        return Ok(None);
    }
    let refused = || {
        let example = "entity tags are quoted, such as \"abc\" or W/\"abc\", separated by commas, \
                       or a single *";
        Problem::bad_request(format!("the header '{name}' is malformed: {example}"))
    };
    for value in values {
        // Opaque tags may hold bytes above 0x7f; none of ours does, so what they are exactly does
        // not matter.
        let text = String::from_utf8_lossy(value.as_bytes());
        match text.trim_matches(is_space) {
            "*" => any = true,
            list => parse_list(list, &mut tags).ok_or_else(refused)?,
        }
    }
    match (any, tags.is_empty()) {
        (true, true) => Ok(Some(Etags::Any)),
        (false, false) => Ok(Some(Etags::List(tags))),
        _ => Err(refused()),
    }
}

/// The same of a text that stands for one header field; none if it is malformed.
pub(crate) fn parse_etags(text: &str) -> Option<Etags> {
    match text.trim_matches(is_space) {
        "*" => Some(Etags::Any),
        list => {
            let mut tags = Vec::new();
            parse_list(list, &mut tags)?;
            (!tags.is_empty()).then_some(Etags::List(tags))
        }
    }
}

/// `[entity-tag] *( OWS "," OWS [entity-tag] )`: empty elements are allowed (section 5.6.1.2).
pub(crate) fn parse_list(mut rest: &str, tags: &mut Vec<EntityTag>) -> Option<()> {
    loop {
        rest = rest.trim_start_matches(|c| is_space(c) || c == ',');
        if rest.is_empty() {
            return Some(());
        }
        let (weak, quoted) = rest
            .strip_prefix("W/")
            .map_or((false, rest), |quoted| (true, quoted));
        let (tag, after) = quoted.strip_prefix('"')?.split_once('"')?;
        // etagc = %x21 / %x23-7E / obs-text: no space, no control character.
        if tag.chars().any(|c| c <= ' ' || c == '\u{7f}') {
            return None;
        }
        tags.push(EntityTag {
            weak,
            tag: tag.into(),
        });
        rest = after.trim_start_matches(is_space);
        if !rest.is_empty() && !rest.starts_with(',') {
            return None;
        }
    }
}

/// Seconds since 1970; none if it is absent or no date.
fn date(headers: &HeaderMap, name: &HeaderName) -> Result<Option<i64>> {
    Ok(lines::single(headers, name)?.and_then(parse_date))
}

/// Seconds since 1970; none if it is no date.
pub(crate) fn parse_date(value: &HeaderValue) -> Option<i64> {
    let time = httpdate::parse_http_date(value.to_str().ok()?).ok()?;
    i64::try_from(time.duration_since(UNIX_EPOCH).ok()?.as_secs()).ok()
}

fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(name: HeaderName, values: &[&str]) -> Result<Precondition> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(
                &name,
                HeaderValue::from_bytes(value.as_bytes()).expect("a header value"),
            );
        }
        of(&headers)
    }

    fn list(tags: &[(bool, &str)]) -> Option<Etags> {
        Some(Etags::List(
            tags.iter()
                .map(|(weak, tag)| EntityTag {
                    weak: *weak,
                    tag: (*tag).into(),
                })
                .collect(),
        ))
    }

    #[test]
    fn a_text_is_read_like_a_header_field() {
        for text in ["*", " * ", "\"a\"", "W/\"a\", \"b\""] {
            let header = parse(IF_MATCH, &[text]).expect(text);
            assert_eq!(parse_etags(text), header.if_match, "{text}");
        }
        for text in ["", " ", ",", "a", "\"a", "*, \"a\"", "\"a\" \"b\""] {
            assert_eq!(parse_etags(text), None, "{text}");
        }
    }

    #[test]
    fn reads_entity_tags() {
        let table: [(&[&str], Option<Etags>); 8] = [
            (&["*"], Some(Etags::Any)),
            (&[" * "], Some(Etags::Any)),
            (&["\"a\""], list(&[(false, "a")])),
            (&["W/\"a\""], list(&[(true, "a")])),
            (
                &["\"a\", \"b,c\" ,W/\"d\""],
                list(&[(false, "a"), (false, "b,c"), (true, "d")]),
            ),
            (&["\"a\",,\"b\","], list(&[(false, "a"), (false, "b")])),
            (&["\"a\"", "\"b\""], list(&[(false, "a"), (false, "b")])),
            (&["\"\""], list(&[(false, "")])),
        ];
        for (values, expected) in table {
            assert_eq!(
                parse(IF_MATCH, values).expect("well-formed").if_match,
                expected,
                "{values:?}"
            );
            assert_eq!(
                parse(IF_NONE_MATCH, values)
                    .expect("well-formed")
                    .if_none_match,
                expected,
                "{values:?}"
            );
        }
    }

    #[test]
    fn refuses_malformed_entity_tags() {
        let table: [&[&str]; 10] = [
            &["a"],
            &["\"a"],
            &["\"a\"b"],
            &["w/\"a\""],
            &["\"a b\""],
            &["\"a\" \"b\""],
            &["*, \"a\""],
            &["*", "\"a\""],
            &[""],
            &[","],
        ];
        for values in table {
            let problem = parse(IF_MATCH, values)
                .map(|_| ())
                .expect_err(&format!("{values:?}"));
            assert_eq!(problem.status().as_u16(), 400);
        }
    }

    #[test]
    fn reads_dates_and_ignores_what_is_none() {
        let good = "Sun, 06 Nov 1994 08:49:37 GMT";
        let precondition = parse(IF_MODIFIED_SINCE, &[good]).expect("well-formed");
        assert_eq!(precondition.if_modified_since, Some(784_111_777));
        for bad in ["yesterday", "", "-1"] {
            assert_eq!(
                parse(IF_UNMODIFIED_SINCE, &[bad])
                    .expect("ignored")
                    .if_unmodified_since,
                None
            );
        }
    }

    #[test]
    fn a_tag_with_a_coding_stands_for_its_version_where_the_coding_can_be_sent() {
        let both = || list(&[(false, "a-gzip"), (false, "a")]);
        let alone = || list(&[(false, "a-gzip")]);
        // The other fields of the request, then what is read of `If-Match: "a-gzip"`.
        type Row = (&'static [(&'static str, &'static str)], Option<Etags>);
        let table: [Row; 5] = [
            (&[("accept-encoding", "gzip")], both()),
            (&[("accept-encoding", "br, *;q=0.1")], both()),
            (&[("accept-encoding", "br")], alone()),
            (&[], alone()),
            (
                &[("accept-encoding", "gzip"), ("range", "bytes=0-1")],
                alone(),
            ),
        ];
        for (others, expected) in table {
            let mut headers = HeaderMap::new();
            for (name, value) in others {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            for name in [IF_MATCH, IF_NONE_MATCH] {
                headers.insert(name, HeaderValue::from_static("\"a-gzip\""));
            }
            let reading = of_read(&headers).expect("well-formed");
            assert_eq!(reading.if_match, expected, "{others:?}");
            assert_eq!(reading.if_none_match, expected, "{others:?}");
            let changing = of(&headers).expect("well-formed");
            assert_eq!(changing.if_match, both(), "{others:?}");
            assert_eq!(changing.if_none_match, both(), "{others:?}");
        }
        let weak = parse(IF_MATCH, &["W/\"a-br\", \"b\""]).expect("well-formed");
        let expected = list(&[(true, "a-br"), (false, "b"), (true, "a")]);
        assert_eq!(weak.if_match, expected);
        assert_eq!(
            parse(IF_MATCH, &["*"]).expect("well-formed").if_match,
            Some(Etags::Any)
        );
    }

    #[test]
    fn an_entity_tag_makes_the_date_meaningless() {
        let mut headers = HeaderMap::new();
        headers.insert(IF_NONE_MATCH, HeaderValue::from_static("\"a\""));
        headers.insert(
            IF_MODIFIED_SINCE,
            HeaderValue::from_static("Sun, 06 Nov 1994 08:49:37 GMT"),
        );
        assert_eq!(of(&headers).expect("well-formed").if_modified_since, None);
    }
}
