//! `GET` and `HEAD` of a file or a directory.

use std::sync::Arc;

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::storage::EntryKind;
use futures_util::stream;
use http::header::{ACCEPT, CONTENT_DISPOSITION, CONTENT_LENGTH, HeaderMap, HeaderValue, VARY};
use http::{StatusCode, Uri};

use crate::content::response::{FileResponse, Reader, RequestedPart};
use crate::content::{entry, representation};
use crate::edge::caller::{Caller, ShownCredentials};
use crate::edge::request_id::RequestId;
use crate::fields::accept::Shape;
use crate::fields::disposition;
use crate::fields::precondition::Preconditions;
use crate::fields::query::Query;
use crate::fields::target::RequestTarget;
use crate::problem::Result;
use crate::routes::directories::{self, ListingReader, PageQuery};
use crate::state::{App, Info, OpenedPath, Precondition};

const DOWNLOAD: &str = "download";
/// What a directory knows; the first of it only to say that it is for files.
const KNOWN: [&str; 4] = [
    DOWNLOAD,
    PageQuery::PARAMETERS[0],
    PageQuery::PARAMETERS[1],
    PageQuery::PARAMETERS[2],
];

/// `GET /v1/files/{path}`
pub(super) async fn get(
    Caller(who): Caller,
    target: RequestTarget,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let part = RequestedPart::of(&headers)?;
    match app.engine.open(&who, &target.path, part.single()).await? {
        OpenedPath::File {
            info,
            source,
            part: opened,
        } => {
            let response = file(&app, &target, &uri, &info, &precondition, &headers)?;
            if response.status() != StatusCode::OK {
                return Ok(response);
            }
            // A range counts only where the answer would have been 200 without it (RFC 9110 section
            // 13.2.2).
            let parts = part.parts(&info, &source)?;
            Ok(FileResponse {
                app,
                reader: Reader::Caller(who),
                info,
                source,
                opened,
            }
            .send(parts, response, request_id)
            .await?)
        }
        OpenedPath::Directory(info) => {
            let shape = directories::shape(&headers);
            let page = directory(&target, &uri, shape)?;
            if let Some(elsewhere) = directories::redirect(&uri, shape) {
                return Ok(elsewhere);
            }
            let mut response = match representation::judge(&of_entries(&info), &precondition)? {
                Some(not_modified) => not_modified,
                None if shape == Shape::Html => {
                    let shown = ShownCredentials::of(&headers, &app)?;
                    let reader = ListingReader {
                        who: who.clone(),
                        shown,
                    };
                    directories::index(&app, reader, target.path, page, request_id).await?
                }
                None => directories::array(&app, &who, &target.path, page).await?,
            };
            describe(&mut response, &info, &app, shape);
            Ok(response)
        }
    }
}

/// `HEAD /v1/files/{path}`: nothing is opened. `Range` has no meaning here (RFC 9110 section 14.2).
pub(super) async fn head(
    Caller(who): Caller,
    target: RequestTarget,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let info = app.engine.stat(&who, &target.path).await?;
    if info.kind != EntryKind::Directory {
        let mut response = file(&app, &target, &uri, &info, &precondition, &headers)?;
        if response.status() == StatusCode::OK {
            response
                .headers_mut()
                .insert(CONTENT_LENGTH, HeaderValue::from(info.size));
        }
        return Ok(response);
    }
    let shape = directories::shape(&headers);
    directory(&target, &uri, shape)?;
    if let Some(elsewhere) = directories::redirect(&uri, shape) {
        return Ok(elsewhere);
    }
    // A body of unknown length, so that the router does not say that the listing has none.
    let unknown = || Body::from_stream(stream::empty::<Result<&'static str, Error>>());
    let not_modified = representation::judge(&of_entries(&info), &precondition)?;
    let mut response = not_modified.unwrap_or_else(|| entry::response(unknown()));
    describe(&mut response, &info, &app, shape);
    Ok(response)
}

/// The response for a file, but for its bytes: 200, or 304 if the client has them already. Of its
/// query only what a file knows counts.
fn file(
    app: &App,
    target: &RequestTarget,
    uri: &Uri,
    info: &Info,
    precondition: &Precondition,
    request: &HeaderMap,
) -> Result<Response> {
    if target.trailing_slash {
        let message = format!(
            "'{}' is a file; give its path without the slash at the end",
            target.path
        );
        return Err(Error::new(ErrorKind::NotADirectory, message).into());
    }
    let download = Query::known_of(uri, &[DOWNLOAD])?.flag(DOWNLOAD)?;
    let mut response = representation::head(info, precondition, request, app)?;
    if response.status() == StatusCode::OK {
        let headers = response.headers_mut();
        entry::add_attributes(headers, info, app);
        if download {
            headers.insert(
                CONTENT_DISPOSITION,
                disposition::attachment(target.path.name()),
            );
        }
    }
    Ok(response)
}

/// What validates the listing of a directory: not its date, which stays when a file in it changes.
fn of_entries(directory: &Info) -> Info {
    Info {
        modified: None,
        ..directory.clone()
    }
}

/// The headers of a listing.
fn describe(response: &mut Response, directory: &Info, app: &App, shape: Shape) {
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from(ACCEPT));
    if response.status() == StatusCode::OK {
        entry::add_headers(response.headers_mut(), directory, app);
        directories::add_shape(response.headers_mut(), shape);
    }
}

fn directory(target: &RequestTarget, uri: &Uri, shape: Shape) -> Result<PageQuery> {
    let query = Query::of(uri, &KNOWN)?;
    query.refuse(&[DOWNLOAD], "is for files, and this is a directory")?;
    PageQuery::of(&query, &target.path, shape)
}
