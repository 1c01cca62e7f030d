//! Headers of requests: what a component may say, and what only the gateway says.

use http::header::{self, HeaderMap, HeaderName, HeaderValue};

/// What the gateway calls itself unless a component has another name.
const USER_AGENT: &str = concat!("callfs/", env!("CARGO_PKG_VERSION"));
/// About the connection, which is the gateway's.
const HOSTS: [HeaderName; 8] = [
    header::HOST,
    header::CONNECTION,
    header::EXPECT,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
    header::PROXY_AUTHORIZATION,
];
/// What tells a server who asks: not for another one.
const PERSONAL: [HeaderName; 2] = [header::AUTHORIZATION, header::COOKIE];

/// Whether a header is the gateway's own.
pub(super) fn is_hosts(name: &HeaderName) -> bool {
    HOSTS.contains(name) || matches!(name.as_str(), "keep-alive" | "proxy-connection")
}

/// As many as any server takes.
const MAX_HEADERS: usize = 256;

/// Headers as a component gave them, if they are some; else which one is not.
pub(super) fn parse(given: &[(String, Vec<u8>)]) -> Result<HeaderMap, String> {
    if given.len() > MAX_HEADERS {
        return Err(format!(
            "{} headers are too many; at most {MAX_HEADERS} can be sent",
            given.len()
        ));
    }
    let mut headers = HeaderMap::with_capacity(given.len() + 8);
    for (name, value) in given {
        let shown = || name.escape_default().take(100).collect::<String>();
        let parsed = HeaderName::from_bytes(name.as_bytes())
            .map_err(|_| format!("'{}' is no name of a header", shown()))?;
        let value = HeaderValue::from_bytes(value)
            .map_err(|_| format!("the value of the header '{}' cannot be sent", shown()))?;
        let added = headers.try_append(parsed, value);
        added.map_err(|_| "a request has no room for so many headers".to_owned())?;
    }
    Ok(headers)
}

/// The length that a component announces, which is then no longer in its headers.
pub(super) fn take_length(headers: &mut HeaderMap) -> Result<Option<u64>, String> {
    let Some(length) = headers.remove(header::CONTENT_LENGTH) else {
        return Ok(None);
    };
    let number = length.to_str().ok().and_then(|text| text.parse().ok());
    number
        .map(Some)
        .ok_or_else(|| "the value of 'content-length' is no number".to_owned())
}

/// Adds what every request has.
pub(super) fn complete(headers: &mut HeaderMap) {
    headers
        .entry(header::USER_AGENT)
        .or_insert(HeaderValue::from_static(USER_AGENT));
}

/// Removes what another server is not to know.
pub(super) fn depersonalise(headers: &mut HeaderMap) {
    PERSONAL.iter().for_each(|name| drop(headers.remove(name)));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(name: &str, value: &[u8]) -> Result<HeaderMap, String> {
        parse(&[(name.into(), value.into())])
    }

    #[test]
    fn refuses_what_could_split_a_request() {
        assert!(given("x-a", b"b").is_ok());
        assert!(
            given("x-a", b"b\r\nhost: other")
                .expect_err("two lines")
                .contains("'x-a'")
        );
        assert!(
            given("x-a: b\r\nhost", b"other")
                .expect_err("two lines")
                .contains("no name")
        );
        assert!(given("", b"").is_err());
    }

    #[test]
    fn so_many_headers_are_refused_before_there_is_room_for_them() {
        let many = |count: usize| vec![("x-a".to_owned(), b"b".to_vec()); count];
        assert_eq!(
            parse(&many(MAX_HEADERS)).expect("as many as may be").len(),
            MAX_HEADERS
        );
        assert!(
            parse(&many(MAX_HEADERS + 1))
                .expect_err("one too many")
                .contains("too many")
        );
        assert!(parse(&many(30_000)).is_err());
    }

    #[test]
    fn knows_the_gateways_own() {
        for name in [
            "host",
            "connection",
            "transfer-encoding",
            "te",
            "upgrade",
            "expect",
            "keep-alive",
            "proxy-authorization",
        ] {
            assert!(is_hosts(&HeaderName::from_static(name)), "{name}");
        }
        assert!(!is_hosts(&header::CONTENT_TYPE));
    }

    #[test]
    fn a_length_is_taken_out() {
        let mut headers = given("Content-Length", b"12").expect("a header");
        assert_eq!(take_length(&mut headers), Ok(Some(12)));
        assert_eq!(take_length(&mut headers), Ok(None));
        assert!(take_length(&mut given("content-length", b"-1").expect("a header")).is_err());
    }
}
