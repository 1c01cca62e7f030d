//! The head of a response about a file: what its preconditions make of the request (RFC 9110
//! section 13), and the headers of its content. Who asks, and how, is not known here.

use axum::body::Body;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind, Result};
use http::StatusCode;
use http::header::{ACCEPT_RANGES, CONTENT_LENGTH, HeaderMap, HeaderValue};

use crate::content::entry;
use crate::fields::digest;
use crate::state::{App, Info, Outcome, Precondition};

/// The response for a file, but for its bytes: 200, or 304 if the client has them already.
pub(crate) fn head(
    info: &Info,
    precondition: &Precondition,
    request: &HeaderMap,
    app: &App,
) -> Result<Response> {
    if let Some(mut response) = judge(info, precondition)? {
        // What the edge decides by, as it would of a 200, and takes away again.
        let headers = response.headers_mut();
        entry::add_form(headers, info, app);
        headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
        headers.insert(CONTENT_LENGTH, HeaderValue::from(info.size));
        return Ok(response);
    }
    let mut response = entry::response(Body::empty());
    let headers = response.headers_mut();
    entry::add_content(headers, info, app);
    headers.insert(ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    digest::add(headers, info, request);
    Ok(response)
}

/// 304 if the client has it already; nothing if the request is to go on.
pub(crate) fn judge(info: &Info, precondition: &Precondition) -> Result<Option<Response>> {
    match precondition.evaluate(Some(info.validators()), true) {
        Outcome::Proceed => Ok(None),
        Outcome::NotModified => {
            let mut response = entry::response(Body::empty());
            *response.status_mut() = StatusCode::NOT_MODIFIED;
            entry::add_validators(response.headers_mut(), info);
            Ok(Some(response))
        }
        Outcome::Failed => {
            let message = format!("'{}' is not in the state that the request names", info.path);
            Err(Error::new(ErrorKind::PreconditionFailed, message))
        }
    }
}
