//! What every request passes on its way in and every response on its way out: the request's id, the
//! security headers, problem documents, the log and the counters, and the net under a handler that
//! panics.
//!
//! It is one function instead of a stack of layers, because each of them would cost an allocation
//! per request. It knows no resource.

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Instant;

use axum::Router;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::request::{self, RequestNames};
use futures_util::FutureExt;
use http::header::{
    ACCEPT_RANGES, ALLOW, CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderMap, HeaderValue,
    ORIGIN,
};
use http::{Method, Request, StatusCode};
use tower::ServiceExt;

use crate::content::streams;
use crate::edge::client_address::ConnectionPeer;
use crate::edge::compression::Compression;
use crate::edge::cors::Cors;
use crate::edge::counted::Counted;
use crate::edge::rate_limit::RateLimits;
use crate::edge::request_id::{self, RequestId, X_REQUEST_ID};
use crate::edge::{security, shown};
use crate::fields::lines;
use crate::problem::{Problem, Result};
use crate::routes::download::DOWNLOAD;
use crate::routes::health;
use callfs_telemetry::Metrics;

/// A router and what surrounds it. Cheap to clone.
#[derive(Clone)]
pub struct Edge {
    router: Router,
    metrics: Arc<Metrics>,
    log_requests: bool,
    rate_limits: Option<Arc<RateLimits>>,
    cors: Option<Arc<Cors>>,
    compression: Option<Arc<Compression>>,
}

impl Edge {
    /// Surrounds a router; every request gets a line in the log if it shall.
    pub fn new(router: Router, metrics: Arc<Metrics>, log_requests: bool) -> Self {
        Self {
            router,
            metrics,
            log_requests,
            rate_limits: None,
            cors: None,
            compression: None,
        }
    }

    /// Limits how often one client may ask, but for the health of the service.
    pub(crate) fn limited(self, rate_limits: Option<Arc<RateLimits>>) -> Self {
        Self {
            rate_limits,
            ..self
        }
    }

    /// Lets pages of other sites call from a browser.
    pub(crate) fn open_to(self, cors: Option<Arc<Cors>>) -> Self {
        Self { cors, ..self }
    }

    /// Compresses what clients take compressed.
    pub(crate) fn compressed(self, compression: Option<Arc<Compression>>) -> Self {
        Self {
            compression,
            ..self
        }
    }

    /// The response to a request; it never fails.
    pub async fn handle(&self, mut request: Request<Body>, peer: ConnectionPeer) -> Response {
        let started = Instant::now();
        let id = RequestId::of(request.headers());
        let trace_id = request_id::trace_id(request.headers()).map(str::to_owned);
        let method = request.method().clone();
        let uri = request.uri().clone();
        request.extensions_mut().insert(id.clone());
        // Of a request whose head could not be served.
        let refused = request.extensions_mut().remove::<Problem>();
        let counted = Counted::start(self.metrics.clone(), &method, uri.path());
        let path = shown::path(uri.path());

        let names = Arc::new(RequestNames {
            request_id: id.as_str().to_owned(),
            trace_id: trace_id.clone(),
        });
        let limits = self
            .rate_limits
            .as_ref()
            .filter(|_| !health::is_about(uri.path()));
        let (standing, arrived) = match limits.map(|limits| limits.arrive(peer, &mut request)) {
            Some((standing, arrived)) => (Some(standing), arrived),
            None => (None, Ok(())),
        };
        let (origin, refused) = match self.origin(request.headers()) {
            Ok(origin) => (origin, refused),
            Err(problem) => (None, refused.or(Some(problem))),
        };
        let compression = self.compression.as_ref().and_then(|compression| {
            let preference = compression.preference(&method, request.headers())?;
            Some((compression, preference))
        });
        let handled = async {
            if let Err(problem) = arrived {
                streams::discard(request.into_body());
                return Ok(problem.into_response());
            }
            if let Some(problem) = refused {
                streams::discard(request.into_body());
                return Ok(problem.into_response());
            }
            if let Some(allowed) = self
                .cors
                .as_ref()
                .and_then(|cors| cors.preflight(&method, request.headers()))
            {
                return Ok(allowed);
            }
            self.router.clone().oneshot(request).await
        };
        let handled = AssertUnwindSafe(handled).catch_unwind();
        let mut response = match request::on_behalf_of(names, handled).await {
            Ok(Ok(response)) => response,
            Ok(Err(never)) => match never {},
            Err(panic) => Problem::from(Error::internal(panic_message(&*panic))).into_response(),
        };

        if self.log_requests {
            let request_id = id.as_str();
            let trace_id = trace_id.as_deref();
            let status = response.status().as_u16();
            let milliseconds = started.elapsed().as_secs_f64() * 1e3;
            tracing::info!(
                target: "callfs::requests",
                request_id,
                trace_id,
                %method,
                path = &*path,
                status,
                milliseconds,
                "request"
            );
        }
        if let Some(problem) = response.extensions_mut().remove::<Problem>() {
            log(&problem, &id, trace_id.as_deref(), &method, &path);
            let allow = response.headers_mut().remove(ALLOW);
            response = problem.render(&method, &path, id.as_str(), allow);
        }
        if let Some((compression, preference)) = compression {
            response = compression.apply(&preference, response);
        }
        if matches!(
            response.status(),
            StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED
        ) {
            // The router adds the length of the empty body, which is not what the header would mean
            // here. A 304 repeats nothing about the content (RFC 9110 section 15.4.5).
            for name in [
                CONTENT_LENGTH,
                CONTENT_TYPE,
                CONTENT_ENCODING,
                ACCEPT_RANGES,
            ] {
                response.headers_mut().remove(name);
            }
        }
        response.headers_mut().insert(X_REQUEST_ID, id.to_header());
        security::add(response.headers_mut());
        if let Some(cors) = &self.cors {
            let needs_key = !uri.path().starts_with(DOWNLOAD);
            cors.add_headers(origin.as_ref(), needs_key, response.headers_mut());
        }
        if let Some(standing) = standing {
            standing.add_headers(response.headers_mut());
        }
        counted.until_sent(response)
    }

    /// The origin of the page that called, where it matters.
    fn origin(&self, headers: &HeaderMap) -> Result<Option<HeaderValue>> {
        if self.cors.is_none() {
            return Ok(None);
        }
        Ok(lines::single(headers, &ORIGIN)?.cloned())
    }

    /// What counts the requests.
    pub(crate) fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }
}

/// Logs a failure, once: those that the operator has to look at loudly, the client's own for those
/// who look for them.
fn log(problem: &Problem, id: &RequestId, trace_id: Option<&str>, method: &Method, path: &str) {
    let error = problem.error();
    let code = problem.code();
    let status = problem.status().as_u16();
    let request_id = id.as_str();
    let plugin = error.plugin();
    let cause = error.causes();
    let cause = cause.as_deref();
    match status {
        500 => {
            tracing::error!(
                request_id, trace_id, %method, path, status, code, plugin, cause, "{error}"
            )
        }
        // 501 is about what the client asked for.
        502.. => {
            tracing::warn!(
                request_id, trace_id, %method, path, status, code, plugin, cause, "{error}"
            )
        }
        // Its client may be gone, and has no other way to learn why nothing was stored.
        _ if error.kind() == ErrorKind::Interrupted => {
            tracing::info!(
                request_id, trace_id, %method, path, status, code, plugin, cause, "{error}"
            )
        }
        _ => {
            tracing::debug!(
                request_id, trace_id, %method, path, status, code, plugin, cause, "{error}"
            )
        }
    }
}

fn panic_message(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<&str>()
        .copied()
        .or(panic.downcast_ref::<String>().map(String::as_str));
    format!(
        "a handler panicked: {}",
        text.unwrap_or("without a message")
    )
}

#[cfg(test)]
mod tests {
    use axum::routing::get;
    use http_body_util::BodyExt;

    use super::*;

    fn edge() -> Edge {
        async fn panics() -> StatusCode {
            panic!("a secret")
        }
        let router = Router::new()
            .route("/panics", get(panics))
            .route("/empty", get(async || StatusCode::NO_CONTENT))
            .fallback(async || Problem::no_such_route())
            .method_not_allowed_fallback(async |method: Method| {
                Problem::method_not_allowed(&method)
            });
        Edge::new(router, Metrics::new().expect("no name twice"), false)
    }

    async fn send(method: Method, path: &str) -> (http::response::Parts, String) {
        let mut request = Request::new(Body::empty());
        (*request.method_mut(), *request.uri_mut()) = (method, path.parse().expect("a path"));
        request
            .headers_mut()
            .insert(X_REQUEST_ID, http::HeaderValue::from_static("mine"));
        let (head, body) = edge()
            .handle(request, ConnectionPeer::Local)
            .await
            .into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        (head, String::from_utf8(bytes.to_vec()).expect("text"))
    }

    #[tokio::test]
    async fn a_panic_is_an_internal_error_and_no_secret() {
        let (head, body) = send(Method::GET, "/panics").await;
        assert_eq!(head.status, 500);
        assert!(
            body.contains("INTERNAL_ERROR") && body.contains("\"request_id\":\"mine\""),
            "{body}"
        );
        assert!(!body.contains("secret"));
    }

    #[tokio::test]
    async fn what_no_route_takes_is_a_problem_too() {
        let (head, body) = send(Method::GET, "/nowhere").await;
        assert_eq!(
            (
                head.status.as_u16(),
                body.contains("\"code\":\"NOT_FOUND\"")
            ),
            (404, true)
        );
        let (head, body) = send(Method::DELETE, "/panics").await;
        assert_eq!(
            (head.status.as_u16(), body.contains("METHOD_NOT_ALLOWED")),
            (405, true)
        );
        assert_eq!(head.headers[ALLOW], "GET,HEAD");
        assert_eq!(head.headers[CONTENT_LENGTH], body.len().to_string());
    }

    #[tokio::test]
    async fn every_response_has_an_id_and_the_security_headers() {
        for path in ["/empty", "/panics", "/nowhere"] {
            let (head, _) = send(Method::GET, path).await;
            assert_eq!(head.headers[X_REQUEST_ID], "mine");
            assert_eq!(head.headers["x-content-type-options"], "nosniff");
            assert!(head.headers.contains_key("content-security-policy"));
        }
        assert!(
            !send(Method::GET, "/empty")
                .await
                .0
                .headers
                .contains_key(CONTENT_LENGTH)
        );
    }
}
