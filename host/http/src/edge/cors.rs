//! Which pages of other sites may call this service from a browser: the CORS protocol of the Fetch
//! standard.
//!
//! Keys travel in `Authorization`, which a page sets itself, so credentials in the sense of that
//! protocol are never allowed. It decides nothing for clients that are no browsers, which send no
//! `Origin`.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{
    ACCESS_CONTROL_ALLOW_HEADERS, ACCESS_CONTROL_ALLOW_METHODS, ACCESS_CONTROL_ALLOW_ORIGIN,
    ACCESS_CONTROL_EXPOSE_HEADERS, ACCESS_CONTROL_MAX_AGE, ACCESS_CONTROL_REQUEST_METHOD,
    HeaderMap, HeaderValue, ORIGIN, VARY,
};
use http::{Method, StatusCode};

use crate::edge::security::RESOURCE_POLICY;
use crate::fields::lines;

const METHODS: &str = "GET, HEAD, POST, PUT, PATCH, DELETE";
/// What a page may send beside the few headers that any page may.
const REQUEST_HEADERS: &str = "Authorization, Content-Type, Content-Disposition, Content-Digest, \
                               Repr-Digest, Want-Repr-Digest, If-Match, If-None-Match, \
                               If-Modified-Since, If-Unmodified-Since, If-Range, Range, \
                               X-CallFS-MTime, X-Request-Id, Traceparent";
/// What a page may read beside the few headers that any page may.
const RESPONSE_HEADERS: &str = "\
    Accept-Ranges, Allow, Content-Disposition, Content-Location, Content-Range, ETag, \
     Last-Modified, Link, Location, RateLimit, RateLimit-Policy, Repr-Digest, Retry-After, \
     WWW-Authenticate, X-Request-Id, X-CallFS-Type, X-CallFS-Size, X-CallFS-Mode, X-CallFS-Owner, \
     X-CallFS-Group, X-CallFS-MTime, X-CallFS-Instance-ID";
const VARIES: &str = "Origin, Access-Control-Request-Method, Access-Control-Request-Headers";

/// The pages that are welcome.
#[derive(Debug, Clone)]
pub enum Origins {
    /// Every page there is.
    Any,
    /// Those of these origins, each as a browser writes it.
    These(Vec<HeaderValue>),
}

/// See the module.
#[derive(Debug, Clone)]
pub struct Cors {
    /// Who may call.
    pub origins: Origins,
    /// How long a browser may remember the answer to a preflight.
    pub max_age: Duration,
}

impl Cors {
    /// Whether the operator named the origin of this request.
    pub(crate) fn names(&self, request: &HeaderMap) -> bool {
        let Origins::These(named) = &self.origins else {
            return false;
        };
        // Two origins were refused before.
        let origin = lines::single(request, &ORIGIN).ok().flatten();
        origin.is_some_and(|origin| named.contains(origin))
    }

    /// Whether a page of any site may call.
    pub(crate) fn is_open(&self) -> bool {
        matches!(self.origins, Origins::Any)
    }

    /// The answer to a browser that asks what a page may do; none for any other request, or if it
    /// may do nothing.
    pub(crate) fn preflight(&self, method: &Method, request: &HeaderMap) -> Option<Response> {
        let asks = method == Method::OPTIONS && request.contains_key(ACCESS_CONTROL_REQUEST_METHOD);
        if !asks || !request.contains_key(ORIGIN) || !(self.is_open() || self.names(request)) {
            return None;
        }
        let mut response = Response::new(Body::empty());
        *response.status_mut() = StatusCode::NO_CONTENT;
        let headers = response.headers_mut();
        headers.insert(
            ACCESS_CONTROL_ALLOW_METHODS,
            HeaderValue::from_static(METHODS),
        );
        headers.insert(
            ACCESS_CONTROL_ALLOW_HEADERS,
            HeaderValue::from_static(REQUEST_HEADERS),
        );
        headers.insert(
            ACCESS_CONTROL_MAX_AGE,
            HeaderValue::from(self.max_age.as_secs()),
        );
        headers.append(VARY, HeaderValue::from_static(VARIES));
        Some(response)
    }

    /// Lets the page read the response, if it may, and embed it. Where every page is welcome, those
    /// that ask without CORS embed what needs no key: a browser sends such a request with the Basic
    /// credentials that it remembers.
    pub(crate) fn add_headers(
        &self,
        origin: Option<&HeaderValue>,
        needs_key: bool,
        headers: &mut HeaderMap,
    ) {
        match (&self.origins, origin) {
            (Origins::Any, _) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"))
            }
            (Origins::These(named), Some(origin)) if named.contains(origin) => {
                headers.insert(ACCESS_CONTROL_ALLOW_ORIGIN, origin.clone())
            }
            (Origins::These(_), _) => None,
        };
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) {
            headers.insert(
                ACCESS_CONTROL_EXPOSE_HEADERS,
                HeaderValue::from_static(RESPONSE_HEADERS),
            );
        }
        if headers.contains_key(ACCESS_CONTROL_ALLOW_ORIGIN) && !(self.is_open() && needs_key) {
            headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        }
        // Even to whoever is not named: what is stored of their answer must not be given to those
        // who are.
        if !self.is_open() && !headers.get_all(VARY).iter().any(|value| value == VARIES) {
            headers.append(VARY, HeaderValue::from_static("Origin"));
        }
    }
}
