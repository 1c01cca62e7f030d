//! `POST`: create a file that is not there yet, or, with a slash at the end, a directory, or a copy
//! of either. A form makes its file in the directory.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind};
use http::Uri;
use http::header::HeaderMap;
use http_body::Body as _;

use super::copy::Original;
use super::upload;
use crate::content::form::FormBoundary;
use crate::content::streams;
use crate::edge::caller::Caller;
use crate::fields::target::RequestTarget;
use crate::fields::{mtime, precondition};
use crate::problem::{Problem, Result};
use crate::state::App;

/// `POST /v1/files/{path}`
pub(super) async fn post(
    Caller(who): Caller,
    target: RequestTarget,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    if let Some(original) = Original::of(&uri)? {
        return original
            .copy(&app, &who, &target, &headers, body, false)
            .await;
    }
    let is_directory = target.trailing_slash || target.path.is_root();
    let makes_directory = is_directory && body.is_end_stream();
    if !makes_directory && let Some(boundary) = FormBoundary::of(&headers)? {
        return upload::store_form(&app, &who, &target, &headers, body, &boundary, true).await;
    }
    if !is_directory {
        return upload::store(&app, &who, &target.path, &headers, body, true).await;
    }
    if !makes_directory {
        streams::discard(body);
        let message = "a path with a slash at the end makes a directory, which takes no body; to \
                       make a file, leave the slash out, or send the file as a form";
        return Err(Problem::bad_request(message));
    }
    if mtime::of(&headers)?.is_some() {
        let message = "a directory has the time of the last change of its names; send the request \
                       without the header 'x-callfs-mtime'";
        return Err(Error::new(ErrorKind::Unsupported, message).into());
    }
    let precondition = precondition::of(&headers)?;
    Ok(upload::created(
        &app.engine
            .make_directory(&who, &target.path, precondition)
            .await?,
    ))
}
