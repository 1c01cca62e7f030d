//! `Content-Disposition`: the file name that an upload brings, in a header (RFC 6266) or in a part
//! of a form (RFC 7578), and the one that a download suggests.

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
    let (_, rest) = text.split_once(';')?;
    let parameters = parameters(rest)?;
    let plain = single(&parameters, "filename")?;
    let extended = single(&parameters, "filename*")?.and_then(decode_extended);
    extended.or(plain.map(str::to_owned))
}

/// What a part of a form says that it is.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct FormField {
    /// Of the field; empty if it has none.
    pub(crate) name: String,
    /// Of the file, if it is one.
    pub(crate) filename: Option<String>,
}

/// The field of a part; none if the header is not that of one.
pub(crate) fn form_field(header: &[u8]) -> Option<FormField> {
    let text = std::str::from_utf8(header).ok()?;
    let (kind, rest) = text.split_once(';')?;
    if !kind.trim().eq_ignore_ascii_case("form-data") {
        return None;
    }
    let parameters = parameters(rest)?;
    let name = single(&parameters, "name")?.unwrap_or_default();
    let plain = single(&parameters, "filename")?.map(decode_in_form);
    // Some libraries send it, although section 4.2 forbids it.
    let extended = single(&parameters, "filename*")?.and_then(decode_extended);
    Some(FormField {
        name: name.to_owned(),
        filename: extended.or(plain),
    })
}

/// Browsers escape in the names of files what would end a name or a line, and nothing else (HTML,
/// "multipart form data").
fn decode_in_form(name: &str) -> String {
    let quotes = name.replace("%22", "\"");
    quotes.replace("%0D", "\r").replace("%0A", "\n")
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

/// All parameters, with their names in lower case; none if they are malformed.
fn parameters(mut rest: &str) -> Option<Vec<(String, String)>> {
    let mut parameters = Vec::new();
    while let Some((name, value, after)) = parameter(rest)? {
        parameters.push((name.to_ascii_lowercase(), value));
        rest = after;
    }
    Some(parameters)
}

/// The value of a parameter: `Some(None)` if it is absent, `None` if it is there twice.
fn single<'p>(parameters: &'p [(String, String)], wanted: &str) -> Option<Option<&'p str>> {
    let mut found = parameters
        .iter()
        .filter(|(name, _)| name == wanted)
        .map(|(_, value)| value.as_str());
    match (found.next(), found.next()) {
        (value, None) => Some(value),
        (_, Some(_)) => None,
    }
}

/// The next parameter and what follows it: `Some(None)` at the end, `None` if the rest is
/// malformed.
///
/// A backslash escapes a quote or a backslash alone: browsers, and programs that put a name between
/// quotes as it is, write it for itself.
pub(crate) fn parameter(rest: &str) -> Option<Option<(&str, String, &str)>> {
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
            '\\' if quoted[at + 1..].starts_with(['"', '\\']) => text.push(characters.next()?.1),
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
            ("attachment; filename=\"a\\b\\\\c\"", Some("a\\b\\c")),
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
    fn reads_what_a_part_of_a_form_says() {
        let table = [
            (
                "form-data; name=\"f\"; filename=\"a.txt\"",
                Some(("f", Some("a.txt"))),
            ),
            (
                "Form-Data;name=f;filename=a.txt",
                Some(("f", Some("a.txt"))),
            ),
            ("form-data; name=\"f\"", Some(("f", None))),
            (
                "form-data; name=\"f\"; filename=\"\"",
                Some(("f", Some(""))),
            ),
            ("form-data; filename=\"a.txt\"", Some(("", Some("a.txt")))),
            (
                "form-data; name=f; filename=\"größe.txt\"",
                Some(("f", Some("größe.txt"))),
            ),
            // A quote as browsers and curl write it, then as earlier versions of curl do; a
            // backslash as browsers do.
            (
                "form-data; name=f; filename=\"a%22b\"",
                Some(("f", Some("a\"b"))),
            ),
            (
                "form-data; name=f; filename=\"a\\\"b\"",
                Some(("f", Some("a\"b"))),
            ),
            (
                "form-data; name=f; filename=\"a\\b\"",
                Some(("f", Some("a\\b"))),
            ),
            (
                "form-data; name=f; filename=\"100%25 %2F\"",
                Some(("f", Some("100%25 %2F"))),
            ),
            (
                "form-data; name=f; filename=\"a;b=c\"",
                Some(("f", Some("a;b=c"))),
            ),
            (
                "form-data; name=f; filename=x; filename*=utf-8''%c3%a4",
                Some(("f", Some("ä"))),
            ),
            ("form-data; name=f; filename=a; filename=b", None),
            ("form-data; name=f; name=g; filename=a", None),
            ("form-data; name=f; filename=\"a", None),
            ("form-data", None),
            ("attachment; filename=a", None),
            ("", None),
        ];
        for (header, expected) in table {
            let found = form_field(header.as_bytes());
            let expected = expected.map(|(name, filename)| FormField {
                name: name.to_owned(),
                filename: filename.map(str::to_owned),
            });
            assert_eq!(found, expected, "{header}");
        }
        assert_eq!(form_field(b"form-data; name=f; filename=\"\xff\""), None);
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
