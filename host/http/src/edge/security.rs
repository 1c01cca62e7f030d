//! Headers that every response carries, so that a browser never lets a stored file act in the name
//! of this service.

use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};

/// Which pages may embed a response that they cannot read.
pub(crate) const RESOURCE_POLICY: HeaderName =
    HeaderName::from_static("cross-origin-resource-policy");

/// `sandbox` gives a served HTML page an origin of its own, without scripts: it cannot reach the
/// API with the credentials that the browser remembers.
const SEALED: HeaderValue =
    HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'; sandbox");
/// Who opens a film gets a page made by the browser, which asks for the film again, part by part,
/// and as a stranger where it is sealed. What is declared as audio or video, or as a playlist of
/// them, is never taken for a page (`nosniff`).
const PLAYED: HeaderValue =
    HeaderValue::from_static("default-src 'none'; media-src 'self'; frame-ancestors 'none'");

/// A page of this service, which has links and no script. Not a sandbox, in which a browser would
/// save no file that a link leads to.
pub(crate) const PLAIN_PAGE: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
);

/// Adds them.
pub(crate) fn add(headers: &mut HeaderMap) {
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(RESOURCE_POLICY, HeaderValue::from_static("same-origin"));
    let policy = if is_played(headers) { PLAYED } else { SEALED };
    headers.entry(CONTENT_SECURITY_POLICY).or_insert(policy);
    // Everything is one caller's view. `no-cache` lets a browser keep it and ask again with its
    // entity tag.
    headers
        .entry(CACHE_CONTROL)
        .or_insert(HeaderValue::from_static("private, no-cache"));
}

fn is_played(headers: &HeaderMap) -> bool {
    let kind = headers
        .get(CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok()?.split(';').next()?.split_once('/'));
    kind.is_some_and(|(kind, subtype)| {
        // A browser shows whatever ends like this as a document (RFC 7303 section 8.1), which may
        // have scripts.
        let is_document = subtype.trim_end().to_ascii_lowercase().ends_with("+xml");
        let is_played = ["audio", "video"]
            .iter()
            .any(|one| kind.eq_ignore_ascii_case(one));
        let is_playlist = kind.eq_ignore_ascii_case("application")
            && subtype.trim_end().eq_ignore_ascii_case("vnd.apple.mpegurl");
        is_playlist || (is_played && !is_document)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_browser_shows_as_a_document_is_sealed_whatever_it_is_called() {
        let table = [
            ("video/mp4", true),
            ("Audio/OGG; codecs=opus", true),
            ("video/x+xml", false),
            ("VIDEO/X+XML", false),
            ("audio/x+xml ; charset=utf-8", false),
            ("application/vnd.apple.mpegurl", true),
            ("application/dash+xml", false),
            ("image/svg+xml", false),
            ("text/html", false),
            ("videos/mp4", false),
        ];
        for (kind, played) in table {
            let mut headers = HeaderMap::new();
            headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
            add(&mut headers);
            let expected = if played { PLAYED } else { SEALED };
            assert_eq!(headers[CONTENT_SECURITY_POLICY], expected, "{kind}");
        }
    }
}
