//! Media types (RFC 9110 section 8.3.1), as far as they have to be understood. Whether a media type
//! is registered, or fits the bytes, is not known here.

use crate::fields::disposition;

/// The most bytes of a media type with its parameters, far more than any takes: it goes out with
/// every answer, once for each part of several.
pub(crate) const MAX_MEDIA_TYPE: usize = 255;

/// Type and subtype, as they are written; none if the text is no media type.
pub(crate) fn essence(text: &str) -> Option<(&str, &str)> {
    let (kind, subtype) = text.split(';').next()?.trim().split_once('/')?;
    (is_token(kind) && is_token(subtype)).then_some((kind, subtype))
}

/// Whether a type and its subtype stand for many, as `*/*` and `image/*` in `Accept` do. Some
/// clients send that about a body, too.
pub(crate) fn is_range((kind, subtype): (&str, &str)) -> bool {
    kind == "*" || subtype == "*"
}

/// The value of a parameter; none if it is absent, or what is before it is malformed.
pub(crate) fn parameter(text: &str, wanted: &str) -> Option<String> {
    let (_, mut rest) = text.split_once(';')?;
    while let Some((name, value, after)) = disposition::parameter(rest)? {
        if name.eq_ignore_ascii_case(wanted) {
            return Some(value);
        }
        rest = after;
    }
    None
}

/// RFC 9110 section 5.6.2.
fn is_token(text: &str) -> bool {
    let is_tchar = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    !text.is_empty() && text.bytes().all(is_tchar)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_a_media_type_from_other_text() {
        for (text, found) in [
            ("text/plain", ("text", "plain")),
            (" Text/HTML ; charset=utf-8", ("Text", "HTML")),
            (
                "application/vnd.x+json;a=b;c",
                ("application", "vnd.x+json"),
            ),
            ("*/*", ("*", "*")),
        ] {
            assert_eq!(essence(text), Some(found), "{text}");
        }
        for bad in [
            "",
            "text",
            "/",
            "text/",
            "/plain",
            "a b/c",
            "text/pl ain",
            "text /plain",
            "a/b/c",
            "text/plain, text/html",
            "tëxt/plain",
            ";",
        ] {
            assert_eq!(essence(bad), None, "{bad}");
        }
    }

    #[test]
    fn finds_a_parameter_in_either_form() {
        for (text, found) in [
            ("a/b; boundary=x", Some("x")),
            ("a/b;charset=utf-8;Boundary=\"x y\"", Some("x y")),
            ("a/b; boundary=x; charset=utf-8", Some("x")),
            ("a/b; boundary=\"x", None),
            ("a/b; bound=x", None),
            ("a/b", None),
        ] {
            assert_eq!(parameter(text, "boundary").as_deref(), found, "{text}");
        }
    }

    #[test]
    fn a_range_is_no_type() {
        for (text, expected) in [
            ("*/*", true),
            ("image/*", true),
            ("*/png", true),
            ("*/*;q=0.8", true),
            ("image/png", false),
            ("image/x*", false),
        ] {
            assert_eq!(essence(text).map(is_range), Some(expected), "{text}");
        }
    }
}
