//! `Content-Disposition` (RFC 6266): the file name that an upload brings, and the one that a
//! download suggests.

use http::HeaderValue;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

/// Whatever is no `attr-char` of RFC 8187.
const NOT_ATTR_CHAR: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'!')
    .remove(b'#')
    .remove(b'$')
    .remove(b'&')
    .remove(b'+')
    .remove(b'-')
    .remove(b'.')
    .remove(b'^')
    .remove(b'_')
    .remove(b'`')
    .remove(b'|')
    .remove(b'~');

/// The file name in a header: `filename*` if it is there and makes sense, else `filename`. A header
/// that gives one of them twice is malformed (section 4.1).
pub(crate) fn filename(header: &HeaderValue) -> Option<String> {
    // Browsers and curl send a plain `filename` as raw UTF-8.
    let text = std::str::from_utf8(header.as_bytes()).ok()?;
    let (_, mut rest) = text.split_once(';')?;
    let mut plain = None;
    let mut extended = None;
    while let Some((name, value, after)) = parameter(rest)? {
        match name.to_ascii_lowercase().as_str() {
            "filename" if plain.is_none() => plain = Some(value),
            "filename*" if extended.is_none() => extended = Some(decode_extended(&value)),
            "filename" | "filename*" => return None,
            _ => {}
        }
        rest = after;
    }
    extended.flatten().or(plain)
}

/// A header that makes a browser save the file under this name.
pub(crate) fn attachment(name: &str) -> HeaderValue {
    named("attachment", name)
}

/// A header that lets a browser show the file, and save it under this name.
pub(crate) fn inline(name: &str) -> HeaderValue {
    named("inline", name)
}

fn named(kind: &'static str, name: &str) -> HeaderValue {
    let is_plain = |c: char| (' '..='~').contains(&c) && !matches!(c, '"' | '\\' | '%');
    let fallback: String = name
        .chars()
        .map(|c| if is_plain(c) { c } else { '_' })
        .collect();
    let text = if fallback == name {
        format!("{kind}; filename=\"{name}\"")
    } else {
        let encoded = utf8_percent_encode(name, NOT_ATTR_CHAR);
        format!("{kind}; filename=\"{fallback}\"; filename*=UTF-8''{encoded}")
    };
    HeaderValue::try_from(text).unwrap_or(HeaderValue::from_static(kind))
}

/// The next parameter and what follows it: `Some(None)` at the end, `None` if the rest is
/// malformed.
fn parameter(rest: &str) -> Option<Option<(&str, String, &str)>> {
    let rest = rest.trim_start_matches([' ', '\t', ';']);
    if rest.is_empty() {
        return Some(None);
    }
    let (name, value) = rest.split_once('=')?;
    let value = value.trim_start();
    let Some(quoted) = value.strip_prefix('"') else {
        let end = value.find(';').unwrap_or(value.len());
        return Some(Some((
            name.trim(),
            value[..end].trim_end().to_owned(),
            &value[end..],
        )));
    };
    let mut text = String::new();
    let mut characters = quoted.char_indices();
    while let Some((at, c)) = characters.next() {
        match c {
            '"' => return Some(Some((name.trim(), text, &quoted[at + 1..]))),
            '\\' => text.push(characters.next()?.1),
            c => text.push(c),
        }
    }
    None
}

/// RFC 8187: `UTF-8'language'percent-encoded`.
fn decode_extended(value: &str) -> Option<String> {
    let mut parts = value.splitn(3, '\'');
    let (charset, _, text) = (parts.next()?, parts.next()?, parts.next()?);
    if !charset.eq_ignore_ascii_case("utf-8") {
        return None;
    }
    percent_decode_str(text).decode_utf8().ok().map(Into::into)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_file_name() {
        let table = [
            ("attachment; filename=\"a b.txt\"", Some("a b.txt")),
            ("attachment; filename=a.txt", Some("a.txt")),
            ("inline;filename = a.txt ; size=3", Some("a.txt")),
            ("attachment; FILENAME=\"a\\\"b\"", Some("a\"b")),
            ("attachment; filename=\"a;b.txt\"", Some("a;b.txt")),
            ("attachment; filename=\"ä.txt\"", Some("ä.txt")),
            (
                "attachment; filename=\"x\"; filename*=UTF-8''%e6%97%a5.txt",
                Some("日.txt"),
            ),
            (
                "attachment; filename*=utf-8'en'%c2%a3; filename=x",
                Some("£"),
            ),
            (
                "attachment; filename*=ISO-8859-1''%a3; filename=x",
                Some("x"),
            ),
            ("attachment; filename*=UTF-8''%ff; filename=x", Some("x")),
            ("attachment; filename=a; filename=b", None),
            ("attachment; filename=a; FileName=a", None),
            ("attachment; filename*=UTF-8''a; filename*=UTF-8''b", None),
            (
                "attachment; filename*=x; filename=a; filename*=UTF-8''b",
                None,
            ),
            ("attachment", None),
            ("attachment; filename", None),
            ("attachment; filename=\"x", None),
            ("attachment; name=x", None),
        ];
        for (header, expected) in table {
            let header = HeaderValue::from_bytes(header.as_bytes()).expect("a header value");
            assert_eq!(filename(&header).as_deref(), expected, "{header:?}");
        }
    }

    #[test]
    fn suggests_any_name_that_it_can_read_again() {
        assert_eq!(attachment("a b.txt"), "attachment; filename=\"a b.txt\"");
        assert_eq!(
            attachment("日.txt"),
            "attachment; filename=\"_.txt\"; filename*=UTF-8''%E6%97%A5.txt"
        );
        for name in ["a", "a\"b\\c", "100%", "ä;ö='\u{1f600}", "a'b*(c)"] {
            assert_eq!(filename(&attachment(name)).as_deref(), Some(name));
            assert_eq!(filename(&inline(name)).as_deref(), Some(name));
        }
    }
}
