//! Where an answer sends whoever asked.

use http::header::{self, HeaderMap};
use http::{Method, StatusCode, Uri};
use url::Url;

/// Redirects that one request follows.
pub(super) const MOST: usize = 5;

/// The next URI, if a request without a body follows such an answer by itself: only a method that
/// changes nothing does.
pub(super) fn next(
    method: &Method,
    from: &Uri,
    status: StatusCode,
    headers: &HeaderMap,
) -> Option<String> {
    let follows = matches!(*method, Method::GET | Method::HEAD)
        && matches!(status.as_u16(), 301 | 302 | 303 | 307 | 308);
    let location = headers
        .get(header::LOCATION)
        .filter(|_| follows)?
        .to_str()
        .ok()?;
    let next = Url::parse(&from.to_string()).ok()?.join(location).ok()?;
    Some(next.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn after(method: Method, status: u16, location: &str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::LOCATION, location.parse().expect("a value"));
        let from = "http://one.test:9000/a/b?x=1".parse().expect("a URI");
        next(
            &method,
            &from,
            StatusCode::from_u16(status).expect("a status"),
            &headers,
        )
    }

    #[test]
    fn reading_follows_and_nothing_else_does() {
        for (method, status, location, expected) in [
            (
                Method::GET,
                302,
                "https://two.test/c%2Bd",
                Some("https://two.test/c%2Bd"),
            ),
            (Method::HEAD, 307, "/c?d", Some("http://one.test:9000/c?d")),
            (Method::GET, 308, "c", Some("http://one.test:9000/a/c")),
            (Method::GET, 301, "//two.test/", Some("http://two.test/")),
            (
                Method::GET,
                303,
                "http://2130706433/",
                Some("http://127.0.0.1/"),
            ),
            (Method::PUT, 307, "/c", None),
            (Method::POST, 303, "/c", None),
            (Method::DELETE, 308, "/c", None),
            (Method::GET, 304, "/c", None),
            (Method::GET, 200, "/c", None),
            (Method::GET, 302, "http://[", None),
        ] {
            assert_eq!(
                after(method.clone(), status, location).as_deref(),
                expected,
                "{method} {status} {location}"
            );
        }
    }
}
