//! Compression of responses on their way out, where the client takes it: whether, in which coding,
//! and what it changes in the head.
//!
//! What is decided depends on the head alone, so HEAD and 304 say what GET would. A compressed
//! response has an entity tag of its own, `"abc-gzip"` for `"abc"` (RFC 9110 section 8.8.3.3),
//! which [preconditions](crate::fields::precondition) read back. Parts of a file are never
//! compressed: ranges count its bytes as they are stored.
//!
//! It is not tower-http's layer, which gives every coding the strong entity tag of the file, and
//! knows neither preconditions, `no-transform` nor digests.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCEPT_ENCODING, ACCEPT_RANGES, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE,
    ETAG, HeaderMap, HeaderValue, IF_NONE_MATCH, RANGE, VARY,
};
use http::{Method, StatusCode};
use http_body::Body as _;
use tokio::sync::Semaphore;

use crate::content::compressed::{BodyEncoder, CompressedBody};
use crate::fields::accept_encoding::{AcceptedCodings, ContentCoding};
use crate::fields::digest::REPR_DIGEST;
use crate::fields::lines;
use crate::fields::precondition::parse_list;

/// How many responses are compressed at the same time; any further ones go out as they are. Each
/// holds up to 2 MiB.
const AT_ONCE: usize = 128;

/// What is compressed.
#[derive(Debug)]
pub struct Compression {
    /// Preferred in this order.
    codings: Vec<ContentCoding>,
    /// The smallest content that is worth it, in bytes.
    min_size: u64,
    /// Stored files, too, and not only what is written here.
    files: bool,
    turns: Arc<Semaphore>,
}

/// What a request says about the coding of its response.
#[derive(Debug)]
pub(crate) struct CodingPreference {
    is_head: bool,
    chosen: Option<ContentCoding>,
    refuses_identity: bool,
    /// The lines of `If-None-Match`, where a coding can be chosen.
    known: Vec<HeaderValue>,
}

impl Compression {
    /// Compression by any of these codings; none without a coding.
    pub fn new(codings: Vec<ContentCoding>, min_size: u64, files: bool) -> Option<Arc<Self>> {
        let is_on = !codings.is_empty();
        is_on.then(|| {
            Arc::new(Self {
                codings,
                min_size,
                files,
                turns: Arc::new(Semaphore::new(AT_ONCE)),
            })
        })
    }

    /// What a request prefers; none if its response is never compressed.
    pub(crate) fn preference(
        &self,
        method: &Method,
        headers: &HeaderMap,
    ) -> Option<CodingPreference> {
        let is_head = method == Method::HEAD;
        if !is_head && method != Method::GET {
            return None;
        }
        let mut preference = CodingPreference {
            is_head,
            chosen: None,
            refuses_identity: false,
            known: Vec::new(),
        };
        if !headers.contains_key(ACCEPT_ENCODING)
            || headers.contains_key(RANGE)
            || forbids_transformation(headers)
        {
            return Some(preference);
        }
        let accepted = AcceptedCodings::of(headers);
        preference.chosen = accepted.best_of(&self.codings);
        preference.refuses_identity = accepted.refuses_identity();
        if preference.chosen.is_some() {
            preference.known = lines::all(headers, IF_NONE_MATCH).cloned().collect();
        }
        Some(preference)
    }

    /// The response as it is sent.
    pub(crate) fn apply(&self, preference: &CodingPreference, mut response: Response) -> Response {
        let status = response.status();
        if !self.may_vary(status, response.headers()) {
            return response;
        }
        let headers = response.headers_mut();
        headers.append(VARY, HeaderValue::from(ACCEPT_ENCODING));
        let Some(coding) = preference.chosen else {
            return response;
        };
        let is_worth_it = self.is_worth_it(preference, headers);
        match status {
            StatusCode::OK if is_worth_it => self.compress(preference, coding, response),
            StatusCode::NOT_MODIFIED => {
                let of_coding = is_worth_it.then_some(coding);
                if let Some(tag) = preference.tag_of_unchanged(of_coding, headers) {
                    headers.insert(ETAG, tag);
                }
                response
            }
            _ => response,
        }
    }

    /// Whether the same request with another `Accept-Encoding` may have another response.
    fn may_vary(&self, status: StatusCode, headers: &HeaderMap) -> bool {
        let is_read = matches!(
            status,
            StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::NOT_MODIFIED
        );
        // The 304 of a listing has no type, and listings are text in every shape.
        let is_text = || {
            lines::all(headers, CONTENT_TYPE)
                .next()
                .is_none_or(is_compressible)
        };
        is_read
            && (self.files || !is_file(headers))
            && !headers.contains_key(CONTENT_ENCODING)
            && is_text()
            && !forbids_transformation(headers)
    }

    fn is_worth_it(&self, preference: &CodingPreference, headers: &HeaderMap) -> bool {
        // It was asked for, and is of the bytes as they are stored.
        if headers.contains_key(REPR_DIGEST) {
            return false;
        }
        // HEAD of a directory does not know how long its listing is, and says what GET says.
        let is_listing = headers.contains_key(ETAG) && !is_file(headers);
        let size = lines::all(headers, CONTENT_LENGTH)
            .next()
            .and_then(|size| size.to_str().ok()?.parse::<u64>().ok());
        is_listing
            || preference.refuses_identity
            || size.is_none_or(|size| size >= self.min_size.max(1))
    }

    /// The response in a coding, or as it is if that would hold too much memory.
    fn compress(
        &self,
        preference: &CodingPreference,
        coding: ContentCoding,
        response: Response,
    ) -> Response {
        let Ok(turn) = self.turns.clone().try_acquire_owned() else {
            return response;
        };
        let (mut head, mut body) = response.into_parts();
        if !preference.is_head {
            match BodyEncoder::new(coding, body.size_hint().exact()) {
                Ok(encoder) => body = Body::new(CompressedBody::new(body, encoder, turn)),
                Err(error) => {
                    let coding = coding.name();
                    tracing::warn!(%error, coding, "cannot compress a response; sending it as is");
                    return Response::from_parts(head, body);
                }
            }
        }
        let headers = &mut head.headers;
        headers.remove(CONTENT_LENGTH);
        // Ranges count the bytes of the file, and not these.
        headers.remove(ACCEPT_RANGES);
        headers.insert(CONTENT_ENCODING, coding.to_header());
        let tag = lines::all(headers, ETAG).next();
        if let Some(tag) = tag.and_then(|tag| with_coding(tag, coding)) {
            headers.insert(ETAG, tag);
        }
        Response::from_parts(head, body)
    }
}

impl CodingPreference {
    /// The tag under which the client has a version that did not change, if it is that of a coding:
    /// the one that it named, or, if it named none, that of the 200 that there would have been.
    fn tag_of_unchanged(
        &self,
        coding: Option<ContentCoding>,
        headers: &HeaderMap,
    ) -> Option<HeaderValue> {
        let current = lines::all(headers, ETAG).next()?;
        if self.known.is_empty() {
            return with_coding(current, coding?);
        }
        let plain = opaque(current)?;
        let mut tags = Vec::new();
        for line in &self.known {
            parse_list(line.to_str().ok()?, &mut tags)?;
        }
        if tags.iter().any(|known| known.tag == plain) {
            return None;
        }
        let (coding, _) = tags
            .iter()
            .filter_map(|known| ContentCoding::of_tag(&known.tag))
            .find(|(_, version)| *version == plain)?;
        with_coding(current, coding)
    }
}

/// Stored files have ranges, and nothing else has.
fn is_file(headers: &HeaderMap) -> bool {
    headers.contains_key(ACCEPT_RANGES)
}

/// RFC 9111 sections 5.2.1.6 and 5.2.2.6.
fn forbids_transformation(headers: &HeaderMap) -> bool {
    lines::members(headers, &CACHE_CONTROL)
        .any(|directive| directive.eq_ignore_ascii_case(b"no-transform"))
}

/// The opaque part of a strong entity tag.
fn opaque(tag: &HeaderValue) -> Option<&str> {
    tag.to_str().ok()?.strip_prefix('"')?.strip_suffix('"')
}

/// The strong entity tag of the same version in a coding.
fn with_coding(tag: &HeaderValue, coding: ContentCoding) -> Option<HeaderValue> {
    let plain = opaque(tag)?;
    HeaderValue::try_from(format!("\"{plain}-{}\"", coding.name())).ok()
}

/// Whether content of this type gets much smaller: text, what is written like it, and formats that
/// have no compression of their own.
fn is_compressible(media_type: &HeaderValue) -> bool {
    const SUFFIXES: [&str; 3] = ["+json", "+xml", "+yaml"];
    const APPLICATION: [&str; 24] = [
        "ecmascript",
        "graphql",
        "javascript",
        "json",
        "json5",
        "jsonl",
        "manifest",
        "n-quads",
        "n-triples",
        "rtf",
        "sql",
        "toml",
        "vnd.apple.mpegurl",
        "vnd.ms-fontobject",
        "wasm",
        "x-javascript",
        "x-mpegurl",
        "x-ndjson",
        "x-sh",
        "x-subrip",
        "x-tex",
        "x-yaml",
        "xml",
        "yaml",
    ];
    const OTHERS: [(&str, &str); 8] = [
        ("audio", "mpegurl"),
        ("audio", "x-mpegurl"),
        ("font", "otf"),
        ("font", "ttf"),
        ("image", "bmp"),
        ("image", "vnd.microsoft.icon"),
        ("image", "x-icon"),
        ("model", "obj"),
    ];
    let essence = media_type
        .to_str()
        .ok()
        .and_then(|text| text.split(';').next()?.trim().split_once('/'));
    let Some((kind, subtype)) = essence else {
        return false;
    };
    let is_one_of = |names: &[&str]| names.iter().any(|name| subtype.eq_ignore_ascii_case(name));
    let ends_in = |suffix: &&str| {
        let at = subtype.len().checked_sub(suffix.len());
        at.and_then(|at| subtype.get(at..))
            .is_some_and(|end| end.eq_ignore_ascii_case(suffix))
    };
    kind.eq_ignore_ascii_case("text")
        || SUFFIXES.iter().any(ends_in)
        || (kind.eq_ignore_ascii_case("application") && is_one_of(&APPLICATION))
        || OTHERS
            .iter()
            .any(|(other, name)| kind.eq_ignore_ascii_case(other) && is_one_of(&[*name]))
}

#[cfg(test)]
mod tests;
