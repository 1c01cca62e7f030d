//! `PATCH`: rename, move, or change attributes; one of them per request, and nothing in it that is
//! not understood.

mod document;

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;
use http::Uri;
use http::header::{CONTENT_LOCATION, HeaderMap, HeaderValue};
use serde::Serialize;
use utoipa::ToSchema;

pub(crate) use self::document::PatchDocument;
use self::document::{AttributesPatch, PatchKind};
use crate::content::entry::{self, EntryDocument};
use crate::content::streams;
use crate::edge::caller::Caller;
use crate::fields::json;
use crate::fields::precondition::Preconditions;
use crate::fields::query::Query;
use crate::fields::target::{FILES, RequestTarget, url};
use crate::problem::Result;
use crate::state::{App, AttributeChange, ExchangeOptions, Precondition, RenameOptions};

/// Far more than a path and a few names take.
const MAX_DOCUMENT: usize = 64 << 10;

/// Where something is after a move.
#[derive(Serialize, ToSchema)]
pub(crate) struct Moved {
    #[schema(value_type = String, pattern = "^/")]
    path: FilePath,
}

/// `PATCH /v1/files/{path}`
pub(super) async fn patch(
    Caller(who): Caller,
    target: RequestTarget,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    Query::none(&uri)?;
    json::check_media_type(&headers, "PATCH")?;
    let wanted = wanted(
        &app,
        &target.path,
        &streams::collect(body, MAX_DOCUMENT).await?,
    )?;
    if target.trailing_slash
        && app.engine.stat(&who, &target.path).await?.kind != EntryKind::Directory
    {
        let message = format!(
            "'{}' is a file; give its path without the slash at the end",
            target.path
        );
        return Err(Error::new(ErrorKind::NotADirectory, message).into());
    }
    match wanted {
        PatchKind::Rename {
            destination,
            overwrite,
            create_parents,
        } => {
            let options = RenameOptions {
                destination,
                overwrite,
                create_parents,
                precondition,
            };
            let path = app.engine.rename(&who, &target.path, options).await?;
            Ok(moved(path))
        }
        PatchKind::Exchange {
            destination,
            destination_if_match,
        } => {
            let options = ExchangeOptions {
                destination,
                precondition,
                destination_precondition: Precondition {
                    if_match: destination_if_match,
                    ..Precondition::default()
                },
            };
            let path = app.engine.exchange(&who, &target.path, options).await?;
            Ok(moved(path))
        }
        PatchKind::Change(change) => {
            change_attributes(&app, &who, &target.path, change, &precondition).await
        }
    }
}

fn moved(path: FilePath) -> Response {
    let location = HeaderValue::try_from(url(FILES, &path));
    let mut response = Json(Moved { path }).into_response();
    if let Ok(location) = location {
        response.headers_mut().insert(CONTENT_LOCATION, location);
    }
    response
}

fn wanted(app: &App, path: &FilePath, document: &[u8]) -> Result<PatchKind> {
    let owner = |path: &FilePath| {
        app.engine
            .mounts
            .owner(path)
            .map(|(mount, _)| mount.path.clone())
    };
    document::parse(document)?.wanted(
        path,
        &AttributesPatch {
            id: app.instance_id.as_bytes(),
            owner: &owner,
        },
    )
}

async fn change_attributes(
    app: &Arc<App>,
    who: &Identity,
    path: &FilePath,
    change: AttributeChange,
    precondition: &Precondition,
) -> Result<Response> {
    let info = app
        .engine
        .change_attributes(who, path, change, precondition)
        .await?;
    let mut response = Json(EntryDocument::from(&info)).into_response();
    entry::add_validators(response.headers_mut(), &info);
    Ok(response)
}
