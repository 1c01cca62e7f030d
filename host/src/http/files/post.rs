//! `POST`: create a file that is not there yet, or, with a slash at the end, a directory.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use http::Uri;
use http::header::HeaderMap;
use http_body::Body as _;

use super::upload;
use crate::error::{Error, ErrorKind};
use crate::http::body;
use crate::http::caller::Caller;
use crate::http::precondition;
use crate::http::problem::{Problem, Result};
use crate::http::query::Query;
use crate::http::state::{App, Outcome, Stored};
use crate::http::target::Target;
use crate::identity::Identity;
use crate::path::FilePath;
use crate::storage::Kind;

/// `POST /v1/files/{path}`
pub(super) async fn post(
    Caller(who): Caller,
    target: Target,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    Query::none(&uri)?;
    if !target.trailing_slash && !target.path.is_root() {
        return upload::store(&app, &who, &target.path, &headers, body, true).await;
    }
    if !body.is_end_stream() {
        body::discard(body);
        let message = "a path with a slash at the end makes a directory, which takes no body; to make a file, leave the slash out";
        return Err(Problem::bad_request(message));
    }
    let precondition = precondition::of(&headers)?;
    let stored = if precondition.if_match.is_some() {
        there(&app, &who, &target.path).await?
    } else {
        app.engine.make_directory(&who, &target.path).await?
    };
    // A directory that was there is not changed, so asking afterwards is soon enough.
    if !stored.created && precondition.evaluate(Some(&stored.info), false) == Outcome::Failed {
        return Err(unmet(&target.path));
    }
    Ok(upload::created(&stored))
}

/// The directory that `If-Match` means. Nothing is made for somebody who means what is there.
async fn there(app: &App, who: &Identity, path: &FilePath) -> Result<Stored> {
    match app.engine.stat(who, path).await {
        Ok(info) if info.kind == Kind::Directory => Ok(Stored { info, created: false }),
        Ok(_) => {
            let message = format!("'{path}' exists already and is not a directory");
            Err(Error::new(ErrorKind::AlreadyExists, message).into())
        }
        Err(error) if error.kind() == ErrorKind::NotFound => Err(unmet(path)),
        Err(error) => Err(error.into()),
    }
}

fn unmet(path: &FilePath) -> Problem {
    let message = format!("'{path}' is not in the state that the request names");
    Error::new(ErrorKind::PreconditionFailed, message).into()
}
