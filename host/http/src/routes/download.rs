//! `/download/{token}`: the file that a link shares, for whoever has its token.
//!
//! The file is opened and everything about the request is looked at before a use of the link is
//! taken, so that nothing but bytes on their way ever costs one. It is opened as the link's maker
//! may: what they may not read or share any more is not shared. Where the file lies, and whose it
//! is, stays unknown to those who get it.

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind};
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
};
use http::{StatusCode, Uri};

use crate::content::representation;
use crate::content::response::{FileResponse, Reader, RequestedPart};
use crate::edge::request_id::RequestId;
use crate::fields::precondition::Preconditions;
use crate::fields::{disposition, purpose};
use crate::problem::Result;
use crate::state::{App, FileVersion, Info, Link};

/// What comes before a token.
pub(crate) const DOWNLOAD: &str = "/download/";

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// `GET /download/{token}`. A query means nothing: whoever passes a link on may have added one to
/// it.
pub(crate) async fn get(
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    refuse_ahead(&headers)?;
    let part = RequestedPart::of(&headers)?;
    let link = app.links.redeemable(token(&uri)).await?;
    let maker = Arc::new(link.identity());
    let (info, source) = app
        .engine
        .open_shared(&maker, &link.path)
        .await
        .map_err(unnamed)?;
    let mut response =
        representation::head(&info, &precondition, &headers, &app).map_err(unnamed)?;
    add_headers(response.headers_mut(), &link, &info);
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let parts = part.parts(&info, &source).map_err(unnamed)?;
    let redemption = app.links.take(&link, version(&info), &parts).await?;
    let content = FileResponse {
        app,
        reader: Reader::Link(maker, redemption),
        info,
        source,
    };
    Ok(content
        .send(parts, response, request_id)
        .await
        .map_err(unnamed)?)
}

/// `HEAD /download/{token}`: takes nothing.
pub(crate) async fn head(
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let link = app.links.redeemable(token(&uri)).await?;
    let info = app
        .engine
        .stat_shared(&link.identity(), &link.path)
        .await
        .map_err(unnamed)?;
    let mut response =
        representation::head(&info, &precondition, &headers, &app).map_err(unnamed)?;
    add_headers(response.headers_mut(), &link, &info);
    if response.status() == StatusCode::OK {
        response
            .headers_mut()
            .insert(CONTENT_LENGTH, HeaderValue::from(info.size));
    }
    Ok(response)
}

/// A request ahead of its reader takes no use, and learns nothing of the link. The client discards
/// the failure, and asks again once its user opens the link. A program that shows a preview of a
/// link to other people says nothing of that, and is a reader like any other.
fn refuse_ahead(headers: &HeaderMap) -> Result<()> {
    if !purpose::is_ahead(headers) {
        return Ok(());
    }
    let message = "a link is not followed ahead of its reader; open it";
    Err(Error::new(ErrorKind::Locked, message).into())
}

fn token(uri: &Uri) -> &str {
    uri.path().strip_prefix(DOWNLOAD).unwrap_or_default()
}

/// A storage without etags has sizes and times, which is as much as anybody can know of its
/// versions.
fn version(info: &Info) -> FileVersion {
    let stamp = || format!("{}-{}", info.size, info.modified.unwrap_or_default());
    FileVersion {
        tag: info.etag.clone().unwrap_or_else(stamp),
        size: info.size,
    }
}

fn add_headers(headers: &mut HeaderMap, link: &Link, info: &Info) {
    let name = link.filename.as_deref().unwrap_or(info.path.name());
    headers.insert(CONTENT_DISPOSITION, disposition::attachment(name));
    // The URL is a secret, and what it leads to is gone after a while: neither is to be kept or
    // found by others.
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("private, no-store"));
    headers.insert(X_ROBOTS_TAG, HeaderValue::from_static("noindex"));
}

/// The same failure without the path of the file, which its message may name.
fn unnamed(error: Error) -> Error {
    let (kind, message) = match error.kind() {
        ErrorKind::NotFound
        | ErrorKind::NotADirectory
        | ErrorKind::IsADirectory
        | ErrorKind::BadRequest
        | ErrorKind::Unsupported => (
            ErrorKind::NotFound,
            "the file that the link shares is not there; ask whoever gave you the link".to_owned(),
        ),
        // What its maker may not do any more; who else may, and what is there, is not told.
        ErrorKind::PermissionDenied => (
            ErrorKind::Gone,
            "the link is not valid any more; ask for a new one".to_owned(),
        ),
        kind @ ErrorKind::PreconditionFailed => (
            kind,
            "the file is not in the state that the request names".to_owned(),
        ),
        kind @ ErrorKind::RangeNotSatisfiable { size } => (
            kind,
            format!(
                "none of the ranges lies within the {size} bytes of the file; ask for bytes \
                 before {size}"
            ),
        ),
        kind @ ErrorKind::Locked => (
            kind,
            "the file was changed at the same moment; try again".to_owned(),
        ),
        _ => return error,
    };
    Error::new(kind, message).because(error)
}
