//! What a client learns when a request fails: `application/problem+json` (RFC 9457).
//!
//! [`status_and_code`] is the whole table from kinds of failure to statuses. A handler returns a
//! [`Problem`]; the [edge](crate::edge::service) alone renders it, because only there the request's
//! id and path are at hand, and logs it, so that every failure is logged once. It decides what a
//! stranger may learn: causes go to the log, never into a body.

use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::path::PathError;
use http::header::{
    ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue,
    RETRY_AFTER, WWW_AUTHENTICATE,
};
use http::{Method, StatusCode};
use serde::Serialize;
use utoipa::ToSchema;
use utoipa::openapi::Ref;

const NOT_FOUND: &str = "NOT_FOUND";
pub(crate) const METHOD_NOT_ALLOWED: &str = "METHOD_NOT_ALLOWED";
const RATE_LIMIT_EXCEEDED: &str = "RATE_LIMIT_EXCEEDED";
const URI_TOO_LONG: &str = "URI_TOO_LONG";
const HEADERS_TOO_LARGE: &str = "HEADERS_TOO_LARGE";
const NOT_IMPLEMENTED: &str = "NOT_IMPLEMENTED";

/// How a request can be refused before it reaches a route, for its head alone.
pub(crate) const OF_HEADS: [StatusCode; 4] = [
    StatusCode::BAD_REQUEST,
    StatusCode::URI_TOO_LONG,
    StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
    StatusCode::NOT_IMPLEMENTED,
];

/// What no error of the engine is behind, with the status of each.
const OF_HTTP: [(StatusCode, &str); 6] = [
    (StatusCode::NOT_FOUND, NOT_FOUND),
    (StatusCode::METHOD_NOT_ALLOWED, METHOD_NOT_ALLOWED),
    (StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT_EXCEEDED),
    (StatusCode::URI_TOO_LONG, URI_TOO_LONG),
    (
        StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
        HEADERS_TOO_LARGE,
    ),
    (StatusCode::NOT_IMPLEMENTED, NOT_IMPLEMENTED),
];

/// Every kind of failure, for the document of what can happen.
const KINDS: [ErrorKind; 22] = [
    ErrorKind::BadRequest,
    ErrorKind::NotFound,
    ErrorKind::AlreadyExists,
    ErrorKind::NotADirectory,
    ErrorKind::IsADirectory,
    ErrorKind::DirectoryNotEmpty,
    ErrorKind::Unauthenticated,
    ErrorKind::PermissionDenied,
    ErrorKind::PreconditionFailed,
    ErrorKind::RangeNotSatisfiable { size: 0 },
    ErrorKind::PayloadTooLarge,
    ErrorKind::DigestMismatch,
    ErrorKind::Unsupported,
    ErrorKind::Gone,
    ErrorKind::Locked,
    ErrorKind::InsufficientStorage,
    ErrorKind::Interrupted,
    ErrorKind::BackendUnavailable,
    ErrorKind::BackendTimeout,
    ErrorKind::PluginFailed,
    ErrorKind::NotReady,
    ErrorKind::Internal,
];

/// The result of a handler.
pub(crate) type Result<T, E = Problem> = std::result::Result<T, E>;

/// A failure on its way to the client.
#[derive(Clone, Debug)]
pub(crate) struct Problem(Arc<ProblemDetails>);

#[derive(Debug)]
struct ProblemDetails {
    status: StatusCode,
    code: &'static str,
    error: Error,
    members: serde_json::Map<String, serde_json::Value>,
}

impl Problem {
    /// The request makes no sense, and why.
    pub(crate) fn bad_request(message: impl Into<String>) -> Self {
        Error::new(ErrorKind::BadRequest, message).into()
    }

    /// No resource has this path.
    pub(crate) fn no_such_route() -> Self {
        let error = Error::new(
            ErrorKind::NotFound,
            "there is nothing under this path; files are under /v1/files/",
        );
        Self::new(StatusCode::NOT_FOUND, NOT_FOUND, error)
    }

    /// The resource does not know the method; the router adds `Allow`.
    pub(crate) fn method_not_allowed(method: &Method) -> Self {
        let message =
            format!("this resource does not take {method}; the Allow header lists what it takes");
        Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            METHOD_NOT_ALLOWED,
            Error::new(ErrorKind::BadRequest, message),
        )
    }

    /// The client asked too often; the error says when it may again.
    pub(crate) fn rate_limit_exceeded(error: Error) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, RATE_LIMIT_EXCEEDED, error)
    }

    /// The target of the request has more than so many bytes.
    pub(crate) fn uri_too_long(limit: usize) -> Self {
        let message = format!("the target of the request is longer than {limit} bytes");
        Self::new(
            StatusCode::URI_TOO_LONG,
            URI_TOO_LONG,
            Error::new(ErrorKind::BadRequest, message),
        )
    }

    /// The head of the request is too long, or has too many fields.
    pub(crate) fn headers_too_large(message: String) -> Self {
        Self::new(
            StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE,
            HEADERS_TOO_LARGE,
            Error::new(ErrorKind::BadRequest, message),
        )
    }

    /// The request needs a part of HTTP that this server does not have.
    pub(crate) fn not_implemented(message: &str) -> Self {
        Self::new(
            StatusCode::NOT_IMPLEMENTED,
            NOT_IMPLEMENTED,
            Error::new(ErrorKind::BadRequest, message),
        )
    }

    /// A failure with further members in its document.
    pub(crate) fn with_members(
        error: Error,
        members: serde_json::Map<String, serde_json::Value>,
    ) -> Self {
        let (status, code) = status_and_code(error.kind());
        Self(Arc::new(ProblemDetails {
            status,
            code,
            error,
            members,
        }))
    }

    fn new(status: StatusCode, code: &'static str, error: Error) -> Self {
        Self(Arc::new(ProblemDetails {
            status,
            code,
            error,
            members: serde_json::Map::new(),
        }))
    }

    /// The status of the response.
    pub(crate) fn status(&self) -> StatusCode {
        self.0.status
    }

    /// The stable code.
    pub(crate) fn code(&self) -> &'static str {
        self.0.code
    }

    /// The failure, for the log.
    pub(crate) fn error(&self) -> &Error {
        &self.0.error
    }

    /// The whole response to a request for `instance`.
    pub(crate) fn render(
        &self,
        method: &Method,
        instance: &str,
        request_id: &str,
        allow: Option<HeaderValue>,
    ) -> Response {
        let error = &self.0.error;
        // An internal error says nothing but that it happened, whatever its message.
        let message = if error.kind() == ErrorKind::Internal {
            "an internal error"
        } else {
            error.message()
        };
        let document = ProblemDocument {
            kind: "about:blank",
            title: self.0.status.canonical_reason().unwrap_or("Error"),
            status: self.0.status.as_u16(),
            detail: message,
            instance,
            code: self.0.code,
            message,
            request_id,
            plugin: error.plugin(),
            members: &self.0.members,
        };
        let json = serde_json::to_vec(&document).unwrap_or_default();
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        let headers = response.headers_mut();
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("application/problem+json"),
        );
        headers.insert(CONTENT_LENGTH, HeaderValue::from(json.len()));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        self.add_headers(headers, allow);
        if method != Method::HEAD {
            *response.body_mut() = Body::from(json);
        }
        response
    }

    fn add_headers(&self, headers: &mut HeaderMap, allow: Option<HeaderValue>) {
        let error = &self.0.error;
        if let Some(allow) = allow {
            headers.insert(ALLOW, allow);
        }
        if self.0.status == StatusCode::UNAUTHORIZED {
            headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Bearer realm=\"callfs\""),
            );
            headers.append(
                WWW_AUTHENTICATE,
                HeaderValue::from_static("Basic realm=\"callfs\""),
            );
        }
        if let ErrorKind::RangeNotSatisfiable { size } = error.kind()
            && let Ok(value) = HeaderValue::try_from(format!("bytes */{size}"))
        {
            headers.insert(CONTENT_RANGE, value);
        }
        if let Some(seconds) = retry_after(self.0.status, error.wait()) {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
    }
}

impl From<Error> for Problem {
    fn from(error: Error) -> Self {
        let (status, code) = status_and_code(error.kind());
        Self::new(status, code, error)
    }
}

impl From<PathError> for Problem {
    fn from(error: PathError) -> Self {
        Self::bad_request(error.to_string())
    }
}

impl IntoResponse for Problem {
    /// The status alone; the edge finds the problem in the extensions and renders it.
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::empty());
        *response.status_mut() = self.0.status;
        response.extensions_mut().insert(self);
        response
    }
}

/// The status and the stable code of each kind of failure.
fn status_and_code(kind: ErrorKind) -> (StatusCode, &'static str) {
    match kind {
        ErrorKind::NotFound => (StatusCode::NOT_FOUND, "FILE_NOT_FOUND"),
        ErrorKind::AlreadyExists => (StatusCode::CONFLICT, "FILE_ALREADY_EXISTS"),
        ErrorKind::NotADirectory => (StatusCode::BAD_REQUEST, "NOT_A_DIRECTORY"),
        ErrorKind::IsADirectory => (StatusCode::CONFLICT, "IS_A_DIRECTORY"),
        ErrorKind::DirectoryNotEmpty => (StatusCode::CONFLICT, "DIRECTORY_NOT_EMPTY"),
        ErrorKind::Unauthenticated => (StatusCode::UNAUTHORIZED, "AUTHENTICATION_FAILED"),
        ErrorKind::PermissionDenied => (StatusCode::FORBIDDEN, "PERMISSION_DENIED"),
        ErrorKind::PreconditionFailed => (StatusCode::PRECONDITION_FAILED, "PRECONDITION_FAILED"),
        ErrorKind::RangeNotSatisfiable { .. } => {
            (StatusCode::RANGE_NOT_SATISFIABLE, "RANGE_NOT_SATISFIABLE")
        }
        ErrorKind::PayloadTooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "PAYLOAD_TOO_LARGE"),
        ErrorKind::DigestMismatch => (StatusCode::BAD_REQUEST, "DIGEST_MISMATCH"),
        ErrorKind::BadRequest => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        // Not 405, whose Allow header would have to differ by mount and by right; not 501, which is
        // about the whole server and counts as its failure. The request is understood and
        // this storage cannot carry it out: 422.
        ErrorKind::Unsupported => (StatusCode::UNPROCESSABLE_ENTITY, "UNSUPPORTED"),
        ErrorKind::Gone => (StatusCode::GONE, "GONE"),
        ErrorKind::Locked => (StatusCode::LOCKED, "LOCKED"),
        ErrorKind::InsufficientStorage => {
            (StatusCode::INSUFFICIENT_STORAGE, "INSUFFICIENT_STORAGE")
        }
        // The client cut its own body short; if it can still read the answer, it is the one who can
        // act on it.
        ErrorKind::Interrupted => (StatusCode::BAD_REQUEST, "BAD_REQUEST"),
        ErrorKind::BackendUnavailable => (StatusCode::SERVICE_UNAVAILABLE, "BACKEND_UNAVAILABLE"),
        // Not 504: the same request may succeed in a moment, and 503 is what carries Retry-After.
        ErrorKind::BackendTimeout => (StatusCode::SERVICE_UNAVAILABLE, "BACKEND_TIMEOUT"),
        ErrorKind::PluginFailed => (StatusCode::BAD_GATEWAY, "PLUGIN_FAILED"),
        ErrorKind::NotReady => (StatusCode::SERVICE_UNAVAILABLE, "NOT_READY"),
        ErrorKind::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "INTERNAL_ERROR"),
    }
}

/// The status of every failure.
pub(crate) fn statuses() -> impl Iterator<Item = StatusCode> {
    KINDS
        .into_iter()
        .map(|kind| status_and_code(kind).0)
        .chain([StatusCode::TOO_MANY_REQUESTS])
        .chain(OF_HEADS)
}

/// Every code that a response of this status can have.
pub(crate) fn codes(status: StatusCode) -> Vec<&'static str> {
    let mut codes: Vec<&'static str> = Vec::new();
    for (_, code) in KINDS
        .map(status_and_code)
        .into_iter()
        .chain(OF_HTTP)
        .filter(|(other, _)| *other == status)
    {
        if !codes.contains(&code) {
            codes.push(code);
        }
    }
    codes
}

/// In whole seconds, at least one: a zero would invite a storm.
fn retry_after(status: StatusCode, wait: Option<Duration>) -> Option<u64> {
    let wait = wait.map(|wait| (wait.as_secs() + u64::from(wait.subsec_nanos() > 0)).max(1));
    let usual = matches!(status, StatusCode::SERVICE_UNAVAILABLE | StatusCode::LOCKED).then_some(1);
    wait.or(usual)
}

/// What the schema of the codes is called in the OpenAPI document.
pub(crate) const CODE_SCHEMA: &str = "ProblemCode";

fn code_schema() -> Ref {
    Ref::from_schema_name(CODE_SCHEMA)
}

/// A failure as the client reads it (RFC 9457). Some codes have further members.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct ProblemDocument<'a> {
    /// `about:blank`: the code says more than a URL could.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status of the response.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// What is wrong with this request.
    detail: &'a str,
    /// The path of the request.
    instance: &'a str,
    /// The kind of the failure.
    #[schema(schema_with = code_schema)]
    code: &'static str,
    /// The same as `detail`.
    message: &'a str,
    /// As in `X-Request-Id`.
    request_id: &'a str,
    /// The component that failed, if one did.
    #[serde(skip_serializing_if = "Option::is_none")]
    plugin: Option<&'a str>,
    #[serde(flatten)]
    #[schema(ignore)]
    members: &'a serde_json::Map<String, serde_json::Value>,
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[test]
    fn every_kind_has_its_status_and_code() {
        let table = [
            (ErrorKind::NotFound, 404, "FILE_NOT_FOUND"),
            (ErrorKind::AlreadyExists, 409, "FILE_ALREADY_EXISTS"),
            (ErrorKind::NotADirectory, 400, "NOT_A_DIRECTORY"),
            (ErrorKind::IsADirectory, 409, "IS_A_DIRECTORY"),
            (ErrorKind::DirectoryNotEmpty, 409, "DIRECTORY_NOT_EMPTY"),
            (ErrorKind::Unauthenticated, 401, "AUTHENTICATION_FAILED"),
            (ErrorKind::PermissionDenied, 403, "PERMISSION_DENIED"),
            (ErrorKind::PreconditionFailed, 412, "PRECONDITION_FAILED"),
            (
                ErrorKind::RangeNotSatisfiable { size: 3 },
                416,
                "RANGE_NOT_SATISFIABLE",
            ),
            (ErrorKind::PayloadTooLarge, 413, "PAYLOAD_TOO_LARGE"),
            (ErrorKind::DigestMismatch, 400, "DIGEST_MISMATCH"),
            (ErrorKind::BadRequest, 400, "BAD_REQUEST"),
            (ErrorKind::Unsupported, 422, "UNSUPPORTED"),
            (ErrorKind::Gone, 410, "GONE"),
            (ErrorKind::Locked, 423, "LOCKED"),
            (ErrorKind::InsufficientStorage, 507, "INSUFFICIENT_STORAGE"),
            (ErrorKind::Interrupted, 400, "BAD_REQUEST"),
            (ErrorKind::BackendUnavailable, 503, "BACKEND_UNAVAILABLE"),
            (ErrorKind::BackendTimeout, 503, "BACKEND_TIMEOUT"),
            (ErrorKind::PluginFailed, 502, "PLUGIN_FAILED"),
            (ErrorKind::NotReady, 503, "NOT_READY"),
            (ErrorKind::Internal, 500, "INTERNAL_ERROR"),
        ];
        for (kind, status, code) in table {
            let problem = Problem::from(Error::new(kind, "x"));
            assert_eq!(
                (problem.status().as_u16(), problem.code()),
                (status, code),
                "{kind:?}"
            );
            assert!(
                codes(problem.status()).contains(&code),
                "{kind:?} is missing from the list of all kinds"
            );
        }
    }

    async fn document(problem: Problem) -> (HeaderMap, serde_json::Value) {
        let (head, body) = problem
            .render(&Method::GET, "/v1/files/a", "id-1", None)
            .into_parts();
        let bytes = body.collect().await.expect("a body in memory").to_bytes();
        (head.headers, serde_json::from_slice(&bytes).expect("json"))
    }

    #[tokio::test]
    async fn tells_the_client_what_it_may_learn() {
        let error = Error::new(ErrorKind::PluginFailed, "the plugin 's3' trapped")
            .of_plugin("s3")
            .because("secret");
        let (headers, json) = document(error.into()).await;
        assert_eq!(headers[CONTENT_TYPE], "application/problem+json");
        let expected = serde_json::json!({
            "type": "about:blank", "title": "Bad Gateway", "status": 502, "detail": "the plugin \
                's3' trapped",
            "instance": "/v1/files/a", "code": "PLUGIN_FAILED", "message": "the plugin 's3' \
                trapped",
            "request_id": "id-1", "plugin": "s3",
        });
        assert_eq!(json, expected);

        let internal = Error::new(ErrorKind::Internal, "password of the database").because("cause");
        assert!(
            !document(internal.into())
                .await
                .1
                .to_string()
                .contains("password")
        );
    }

    #[tokio::test]
    async fn adds_the_headers_that_belong_to_a_status() {
        let (headers, _) = document(Error::new(ErrorKind::Unauthenticated, "who?").into()).await;
        assert_eq!(headers.get_all(WWW_AUTHENTICATE).iter().count(), 2);
        let (headers, _) =
            document(Error::new(ErrorKind::RangeNotSatisfiable { size: 7 }, "no").into()).await;
        assert_eq!(headers[CONTENT_RANGE], "bytes */7");
        let slow = Error::new(ErrorKind::NotReady, "no").retry_after(Duration::from_millis(2100));
        assert_eq!(document(slow.into()).await.0[RETRY_AFTER], "3");
        assert_eq!(
            document(Error::new(ErrorKind::Locked, "no").into()).await.0[RETRY_AFTER],
            "1"
        );
        assert!(
            !document(Error::new(ErrorKind::NotFound, "no").into())
                .await
                .0
                .contains_key(RETRY_AFTER)
        );
    }

    #[test]
    fn answers_head_without_a_body_but_with_its_length() {
        let response = Problem::no_such_route().render(&Method::HEAD, "/", "id", None);
        assert_ne!(response.headers()[CONTENT_LENGTH], "0");
        assert!(http_body::Body::is_end_stream(response.body()));
    }
}
