use http::HeaderName;
use http_body_util::BodyExt;

use super::*;

const TEXT: &str = "text/plain; charset=utf-8";
const LARGE: usize = 4096;

fn compression(files: bool) -> Arc<Compression> {
    Compression::new(ContentCoding::ALL.into(), 1024, files).expect("on")
}

fn headers(fields: &[(&'static str, &'static str)]) -> HeaderMap {
    fields
        .iter()
        .map(|(name, value)| {
            let value = HeaderValue::from_static(value);
            (HeaderName::from_static(name), value)
        })
        .collect()
}

/// A response of so many bytes, as the router hands it over.
fn response(status: u16, size: usize, fields: &[(&'static str, &'static str)]) -> Response {
    let mut response = Response::new(Body::from(vec![b'a'; size]));
    *response.status_mut() = StatusCode::from_u16(status).expect("a status");
    *response.headers_mut() = headers(fields);
    let length = HeaderValue::from(size);
    response.headers_mut().insert(CONTENT_LENGTH, length);
    response
}

fn sent(
    compression: &Compression,
    method: &Method,
    request: &[(&'static str, &'static str)],
    response: Response,
) -> Response {
    let preference = compression
        .preference(method, &headers(request))
        .expect("it reads");
    compression.apply(&preference, response)
}

fn field(response: &Response, name: HeaderName) -> Vec<&str> {
    lines::all(response.headers(), name)
        .map(|value| value.to_str().expect("text"))
        .collect()
}

const GZIP: (&str, &str) = ("accept-encoding", "gzip");
const IS_TEXT: (&str, &str) = ("content-type", TEXT);
const IS_FILE: (&str, &str) = ("accept-ranges", "bytes");
const TAG: (&str, &str) = ("etag", "\"v1\"");

/// Fields of a request or of a response.
type Fields = &'static [(&'static str, &'static str)];

#[tokio::test]
async fn what_is_compressed_and_what_varies() {
    // What it is, the request, the status, the response, whether it is compressed, whether it
    // varies.
    type Row = (&'static str, Fields, u16, usize, Fields, bool, bool);
    let table: [Row; 19] = [
        ("text", &[GZIP], 200, LARGE, &[IS_TEXT], true, true),
        ("nothing asked", &[], 200, LARGE, &[IS_TEXT], false, true),
        (
            "another coding",
            &[("accept-encoding", "deflate")],
            200,
            LARGE,
            &[IS_TEXT],
            false,
            true,
        ),
        ("small", &[GZIP], 200, 100, &[IS_TEXT], false, true),
        (
            "small, and not otherwise",
            &[("accept-encoding", "gzip, identity;q=0")],
            200,
            100,
            &[IS_TEXT],
            true,
            true,
        ),
        (
            "a small listing",
            &[GZIP],
            200,
            2,
            &[IS_TEXT, TAG],
            true,
            true,
        ),
        (
            "a file",
            &[GZIP],
            200,
            LARGE,
            &[IS_TEXT, IS_FILE],
            true,
            true,
        ),
        (
            "a small file",
            &[GZIP],
            200,
            100,
            &[IS_TEXT, IS_FILE, TAG],
            false,
            true,
        ),
        (
            "an image",
            &[GZIP],
            200,
            LARGE,
            &[("content-type", "image/png")],
            false,
            false,
        ),
        (
            "stored in a coding",
            &[GZIP],
            200,
            LARGE,
            &[IS_TEXT, IS_FILE, ("content-encoding", "br")],
            false,
            false,
        ),
        (
            "a range was asked for",
            &[GZIP, ("range", "bytes=0-")],
            200,
            LARGE,
            &[IS_TEXT, IS_FILE],
            false,
            true,
        ),
        (
            "a part",
            &[GZIP],
            206,
            LARGE,
            &[IS_TEXT, IS_FILE],
            false,
            true,
        ),
        (
            "a client that wants it as it is",
            &[GZIP, ("cache-control", "max-age=0, No-Transform")],
            200,
            LARGE,
            &[IS_TEXT],
            false,
            true,
        ),
        (
            "content that is to stay as it is",
            &[GZIP],
            200,
            LARGE,
            &[IS_TEXT, ("cache-control", "private, no-transform")],
            false,
            false,
        ),
        (
            "a digest of it",
            &[GZIP],
            200,
            LARGE,
            &[IS_TEXT, IS_FILE, ("repr-digest", "sha-256=:AA==:")],
            false,
            true,
        ),
        ("created", &[GZIP], 201, LARGE, &[IS_TEXT], false, false),
        ("a failure", &[GZIP], 404, LARGE, &[IS_TEXT], false, false),
        ("nothing", &[GZIP], 204, 0, &[], false, false),
        ("no text at all", &[GZIP], 200, 0, &[IS_TEXT], false, true),
    ];
    let compression = compression(true);
    for (what, request, status, size, fields, is_compressed, varies) in table {
        for method in [Method::GET, Method::HEAD] {
            let whole = response(status, size, fields);
            let before = whole.headers().clone();
            let sent = sent(&compression, &method, request, whole);
            let coding = sent.headers().contains_key(CONTENT_ENCODING);
            let was_coded = before.contains_key(CONTENT_ENCODING);
            assert_eq!(coding && !was_coded, is_compressed, "{method}: {what}");
            let vary = field(&sent, VARY);
            assert_eq!(vary == ["accept-encoding"], varies, "{method}: {what}");
            assert!(varies || vary.is_empty(), "{method}: {what}: {vary:?}");
            let has_length = sent.headers().contains_key(CONTENT_LENGTH);
            assert_eq!(has_length, !is_compressed, "{method}: {what}");
            let has_ranges = sent.headers().contains_key(ACCEPT_RANGES);
            let had_ranges = before.contains_key(ACCEPT_RANGES);
            assert_eq!(has_ranges, had_ranges && !is_compressed, "{what}");
            if method == Method::GET {
                let body = sent.into_body().collect().await.expect("whole").to_bytes();
                let is_smaller = body.len() < size;
                assert!(is_smaller || !is_compressed || size < 1024, "{what}");
                assert!(is_compressed || body.len() == size, "{what}");
            }
        }
    }
}

#[test]
fn files_are_left_alone_unless_they_are_wanted() {
    let listings = compression(false);
    let file = || response(200, LARGE, &[IS_TEXT, IS_FILE]);
    let untouched = sent(&listings, &Method::GET, &[GZIP], file());
    assert_eq!(untouched.headers(), file().headers());
    let listing = response(200, LARGE, &[IS_TEXT]);
    let sent = sent(&listings, &Method::GET, &[GZIP], listing);
    assert_eq!(field(&sent, CONTENT_ENCODING), ["gzip"]);
    for method in [Method::PUT, Method::POST, Method::PATCH, Method::DELETE] {
        let preference = listings.preference(&method, &headers(&[GZIP]));
        assert!(preference.is_none(), "{method}");
    }
    assert!(Compression::new(Vec::new(), 1, true).is_none());
}

#[test]
fn each_coding_has_an_entity_tag_of_its_own() {
    let compression = compression(true);
    for (coding, tag) in [
        ("gzip", "\"v1-gzip\""),
        ("br", "\"v1-br\""),
        ("zstd", "\"v1-zstd\""),
        ("deflate", "\"v1\""),
    ] {
        let whole = response(200, LARGE, &[IS_TEXT, IS_FILE, TAG]);
        let sent = sent(
            &compression,
            &Method::GET,
            &[("accept-encoding", coding)],
            whole,
        );
        assert_eq!(field(&sent, ETAG), [tag], "{coding}");
    }
    let weak = response(200, LARGE, &[IS_TEXT, ("etag", "W/\"v1\"")]);
    let sent = sent(&compression, &Method::GET, &[GZIP], weak);
    assert_eq!(field(&sent, ETAG), ["W/\"v1\""]);
}

#[test]
fn not_modified_names_the_tag_that_the_client_knows() {
    let table: [(Fields, &str); 8] = [
        (&[GZIP, ("if-none-match", "\"v1-gzip\"")], "\"v1-gzip\""),
        (&[GZIP, ("if-none-match", "W/\"v1-gzip\"")], "\"v1-gzip\""),
        (&[GZIP, ("if-none-match", "\"v0\", \"v1-br\"")], "\"v1-br\""),
        (&[GZIP, ("if-none-match", "\"v1\"")], "\"v1\""),
        (&[GZIP, ("if-none-match", "\"v1-gzip\", \"v1\"")], "\"v1\""),
        (&[GZIP, ("if-none-match", "*")], "\"v1\""),
        // By its date: the tag of the 200 that there would have been.
        (&[GZIP], "\"v1-gzip\""),
        (&[], "\"v1\""),
    ];
    let compression = compression(true);
    for (request, tag) in table {
        // The head as it is decided by: of a file, and of a listing.
        let file = response(304, LARGE, &[IS_TEXT, IS_FILE, TAG]);
        let mut listing = response(304, 0, &[TAG]);
        listing.headers_mut().remove(CONTENT_LENGTH);
        for unchanged in [file, listing] {
            let sent = sent(&compression, &Method::GET, request, unchanged);
            assert_eq!(field(&sent, ETAG), [tag], "{request:?}");
            assert_eq!(field(&sent, VARY), ["accept-encoding"], "{request:?}");
        }
    }
}

#[test]
fn beyond_so_many_at_once_responses_go_out_as_they_are() {
    let compression = compression(true);
    let text = || response(200, LARGE, &[IS_TEXT, TAG]);
    let mut under_way = Vec::new();
    for _ in 0..AT_ONCE {
        let one = sent(&compression, &Method::GET, &[GZIP], text());
        assert_eq!(field(&one, CONTENT_ENCODING), ["gzip"]);
        under_way.push(one);
    }
    let further = sent(&compression, &Method::GET, &[GZIP], text());
    assert!(field(&further, CONTENT_ENCODING).is_empty());
    assert_eq!(field(&further, ETAG), ["\"v1\""]);
    assert_eq!(field(&further, VARY), ["accept-encoding"]);
    under_way.pop();
    let next = sent(&compression, &Method::GET, &[GZIP], text());
    assert_eq!(field(&next, CONTENT_ENCODING), ["gzip"]);
}

#[test]
fn text_gets_smaller_whatever_it_is_called() {
    let table = [
        ("text/plain", true),
        ("Text/HTML; charset=utf-8", true),
        ("application/json", true),
        ("application/x-ndjson", true),
        ("Application/JavaScript", true),
        ("application/wasm", true),
        ("image/svg+xml", true),
        ("application/geo+json ; x=y", true),
        ("application/atom+XML", true),
        ("font/ttf", true),
        ("application/vnd.apple.mpegurl", true),
        ("font/woff2", false),
        ("image/png", false),
        ("video/mp4", false),
        ("application/zip", false),
        ("application/octet-stream", false),
        ("multipart/byteranges; boundary=x", false),
        ("image/json", false),
        ("json", false),
        ("", false),
    ];
    for (media_type, expected) in table {
        let value = HeaderValue::from_static(media_type);
        assert_eq!(is_compressible(&value), expected, "{media_type}");
    }
}
