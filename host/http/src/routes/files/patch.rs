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
use crate::state::{App, AttributeChange, ExchangeOptions, Info, Precondition, RenameOptions};

/// Far more than a path and a few names take.
const MAX_DOCUMENT: usize = 64 << 10;

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
            let info = app.engine.rename(&who, &target.path, options).await?;
            Ok(moved(&info))
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
            let info = app.engine.exchange(&who, &target.path, options).await?;
            Ok(moved(&info))
        }
        PatchKind::Change(change) => {
            change_attributes(&app, &who, &target.path, change, &precondition).await
        }
    }
}

/// What it is at the path to which it has gone.
fn moved(info: &Info) -> Response {
    let mut response = changed(info);
    if let Ok(location) = HeaderValue::try_from(url(FILES, &info.path)) {
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
    Ok(changed(&info))
}

/// What has become of it.
fn changed(info: &Info) -> Response {
    let mut response = Json(EntryDocument::from(info)).into_response();
    entry::add_outcome(response.headers_mut(), info);
    response
}
