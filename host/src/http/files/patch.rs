//! `PATCH`: rename, move, or change attributes; one of them per request, and nothing in it that is not understood.

mod document;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::header::{CONTENT_LOCATION, HeaderMap, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

pub(in crate::http) use self::document::Change;
use self::document::{Node, Wanted};
use crate::error::{Error, ErrorKind};
use crate::http::caller::Caller;
use crate::http::entry::{self, Entry};
use crate::http::precondition::Preconditions;
use crate::http::problem::Result;
use crate::http::query::Query;
use crate::http::state::{App, AttributeChange, Precondition, RenameOptions};
use crate::http::target::{FILES, Target, url};
use crate::http::{body, json};
use crate::identity::Identity;
use crate::path::FilePath;
use crate::storage::Kind;

/// Far more than a path and a few names take.
const MAX_DOCUMENT: usize = 64 << 10;

/// Where something is after a move.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Moved {
    #[schema(value_type = String, pattern = "^/")]
    path: FilePath,
}

/// `PATCH /v1/files/{path}`
pub(super) async fn patch(
    Caller(who): Caller,
    target: Target,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    Query::none(&uri)?;
    json::check_media_type(&headers, "PATCH")?;
    let wanted = wanted(&app, &target.path, &body::collect(body, MAX_DOCUMENT).await?)?;
    if target.trailing_slash && app.engine.stat(&who, &target.path).await?.kind != Kind::Directory {
        let message = format!("'{}' is a file; give its path without the slash at the end", target.path);
        return Err(Error::new(ErrorKind::NotADirectory, message).into());
    }
    match wanted {
        Wanted::Rename { destination, overwrite, create_parents } => {
            let options = RenameOptions { destination, overwrite, create_parents, precondition };
            let path = app.engine.rename(&who, &target.path, options).await?;
            let location = HeaderValue::try_from(url(FILES, &path));
            let mut response = Json(Moved { path }).into_response();
            if let Ok(location) = location {
                response.headers_mut().insert(CONTENT_LOCATION, location);
            }
            Ok(response)
        }
        Wanted::Change(change) => change_attributes(&app, &who, &target.path, change, &precondition).await,
    }
}

fn wanted(app: &App, path: &FilePath, document: &[u8]) -> Result<Wanted> {
    let owner = |path: &FilePath| app.engine.mounts.owner(path).map(|(mount, _)| mount.path.clone());
    document::parse(document)?.wanted(path, &Node { id: app.instance_id.as_bytes(), owner: &owner })
}

async fn change_attributes(
    app: &Arc<App>,
    who: &Identity,
    path: &FilePath,
    change: AttributeChange,
    precondition: &Precondition,
) -> Result<Response> {
    let info = app.engine.change_attributes(who, path, change, precondition).await?;
    let mut response = Json(Entry::from(&info)).into_response();
    entry::add_validators(response.headers_mut(), &info);
    Ok(response)
}
