//! Digest fields (RFC 9530): those that a client announces of a body, and the one that it may ask
//! for.
//!
//! Files are stored without a content coding and whole, so `Content-Digest` and `Repr-Digest` of a
//! request are about the same bytes, but for a form, which is the content and not what is stored.
//! Whether a body has its digest is for the engine to find out.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{HeaderMap, HeaderName, HeaderValue};

use crate::fields::dictionary::{self, Value};
use crate::problem::{Problem, Result};
use crate::state::{Digest, Info};

pub(crate) const CONTENT_DIGEST: HeaderName = HeaderName::from_static("content-digest");
pub(crate) const REPR_DIGEST: HeaderName = HeaderName::from_static("repr-digest");
const WANT_REPR_DIGEST: HeaderName = HeaderName::from_static("want-repr-digest");

/// What the body of a request must hash to. Algorithms that are not known, or known to be broken,
/// are ignored.
pub(crate) fn announced(headers: &HeaderMap) -> Result<Vec<Digest>> {
    let mut digests = Vec::new();
    for name in [CONTENT_DIGEST, REPR_DIGEST] {
        let members = dictionary::of(headers, &name).ok_or_else(|| malformed(&name))?;
        for (algorithm, value) in members {
            let is_known = matches!(algorithm.as_str(), "sha-256" | "sha-512");
            if is_known {
                digests.push(digest(&algorithm, value).ok_or_else(|| malformed(&name))?);
            }
        }
    }
    Ok(digests)
}

/// Adds `Repr-Digest` to a response about a file, if the request wants it and the digest is known.
pub(crate) fn add(headers: &mut HeaderMap, info: &Info, request: &HeaderMap) {
    let Some(sha256) = info.sha256.filter(|_| is_wanted(request)) else {
        return;
    };
    let field = format!("sha-256=:{}:", BASE64_STANDARD.encode(sha256));
    if let Ok(value) = HeaderValue::try_from(field) {
        headers.insert(REPR_DIGEST, value);
    }
}

/// Section 4: a weight from 1 to 10; 0 says that it is not wanted. A wish that nobody understands
/// is none.
fn is_wanted(request: &HeaderMap) -> bool {
    if !request.contains_key(WANT_REPR_DIGEST) {
        return false;
    }
    let members = dictionary::of(request, &WANT_REPR_DIGEST).unwrap_or_default();
    members.iter().any(|(algorithm, weight)| {
        algorithm == "sha-256" && matches!(weight, Value::Integer(1..=10))
    })
}

fn digest(algorithm: &str, value: Value) -> Option<Digest> {
    let Value::Bytes(bytes) = value else {
        return None;
    };
    match algorithm {
        "sha-256" => bytes.try_into().ok().map(Digest::Sha256),
        _ => bytes.try_into().ok().map(Digest::Sha512),
    }
}

fn malformed(name: &HeaderName) -> Problem {
    let example = "sha-256=:<44 characters of base64>: or sha-512=:<88 characters of base64>:, \
                   separated by commas";
    Problem::bad_request(format!(
        "the header '{name}' is malformed: it has the form {example}"
    ))
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use callfs_model::path::FilePath;
    use callfs_model::storage::EntryKind;

    use super::*;

    fn headers(lines: &[(&HeaderName, String)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::try_from(value).expect("a header value"));
        }
        headers
    }

    #[test]
    fn reads_what_is_known_and_ignores_the_rest() {
        let short = format!("sha-256=:{}:", BASE64_STANDARD.encode([1; 32]));
        let long = format!("sha-512=:{}:", BASE64_STANDARD.encode([2; 64]));
        let sha256 = Digest::Sha256([1; 32]);
        let sha512 = Digest::Sha512([2; 64]);
        let table = [
            (headers(&[]), vec![]),
            (
                headers(&[(&CONTENT_DIGEST, short.clone())]),
                vec![sha256.clone()],
            ),
            (
                headers(&[(&REPR_DIGEST, format!("{long}, {short}"))]),
                vec![sha512.clone(), sha256.clone()],
            ),
            (
                headers(&[(&REPR_DIGEST, long), (&CONTENT_DIGEST, short)]),
                vec![sha256, sha512],
            ),
            (
                headers(&[(&CONTENT_DIGEST, "md5=:AAAA:, crc32c=:AA:, unixsum=7".into())]),
                vec![],
            ),
        ];
        for (headers, expected) in table {
            assert_eq!(
                announced(&headers).expect("well-formed"),
                expected,
                "{headers:?}"
            );
        }
    }

    #[test]
    fn refuses_what_is_malformed() {
        for text in [
            "sha-256",
            "sha-256=1",
            "sha-256=:AAAA:",
            "sha-512=:AAAA:",
            "sha-256=AAAA",
            "sha-256=:*:",
            ",",
        ] {
            for name in [CONTENT_DIGEST, REPR_DIGEST] {
                let problem = announced(&headers(&[(&name, text.into())])).expect_err(text);
                assert_eq!(problem.status().as_u16(), 400, "{text}");
            }
        }
    }

    #[test]
    fn tells_what_is_wanted_and_known() {
        let info = |sha256| Info {
            path: FilePath::root(),
            kind: EntryKind::File,
            size: 1,
            etag: None,
            modified: None,
            mode: 0o644,
            owner: "root".into(),
            group: "root".into(),
            content_type: None,
            content_encoding: None,
            sha256,
        };
        let table = [
            ("sha-256=1", true),
            ("sha-256=10, sha-512=3", true),
            ("sha-512=3", false),
            ("sha-256=0", false),
            ("sha-256=11", false),
            ("sha-256", false),
            ("sha-256=", false),
            ("", false),
        ];
        for (text, told) in table {
            for (sha256, known) in [(Some([0; 32]), true), (None, false)] {
                let mut response = HeaderMap::new();
                add(
                    &mut response,
                    &info(sha256),
                    &headers(&[(&WANT_REPR_DIGEST, text.into())]),
                );
                assert_eq!(response.contains_key(REPR_DIGEST), told && known, "{text}");
            }
        }
        let mut response = HeaderMap::new();
        add(&mut response, &info(Some([0; 32])), &headers(&[]));
        assert!(response.is_empty());
    }
}
