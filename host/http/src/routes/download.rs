//! `/download/{token}`: what a link shares, for clients that have its token: a file, or a directory
//! with everything below it at `/download/{token}/{path}`.
//!
//! A file is opened and everything about the request is looked at before a use of the link is
//! taken, so that nothing but bytes on their way ever costs one. It is opened as the link's maker
//! may: what they may not read or share any more is not shared. Where the file lies, and whose it
//! is, stays unknown to those who get it.

mod directory;

use std::sync::Arc;

use axum::Extension;
use axum::extract::State;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue,
};
use http::{Method, StatusCode, Uri};

pub(crate) use self::directory::SharedEntryDocument;
use self::directory::SharedListing;
use crate::content::representation;
use crate::content::response::{FileResponse, Reader, RequestedPart};
use crate::edge::request_id::RequestId;
use crate::fields::precondition::Preconditions;
use crate::fields::target::RequestTarget;
use crate::fields::{disposition, purpose};
use crate::problem::Result;
use crate::state::{App, FileVersion, Info, Link, OpenedPath};

/// What comes before a token.
pub(crate) const DOWNLOAD: &str = "/download/";

const X_ROBOTS_TAG: HeaderName = HeaderName::from_static("x-robots-tag");

/// `GET /download/{token}` and below. A query means nothing to a file: a client that passes a link
/// on may have added one to it.
pub(crate) async fn get(
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    refuse_ahead(&headers)?;
    let part = RequestedPart::of(&headers)?;
    let (link, place) = find(&app, &uri).await?;
    let maker = Arc::new(link.identity());
    let (info, source) = match open(&app, &maker, &link, &place).await.map_err(unnamed)? {
        OpenedPath::File { info, source, .. } => (info, source),
        OpenedPath::Directory(info) => {
            let asked = SharedListing {
                app: &app,
                link: &link,
                place: &place,
                info: &info,
                uri: &uri,
                headers: &headers,
            };
            return asked.get(&precondition, maker, request_id).await;
        }
    };
    let mut response =
        representation::head(&info, &precondition, &headers, &app).map_err(unnamed)?;
    add_headers(response.headers_mut(), &link, &info);
    if response.status() != StatusCode::OK {
        return Ok(response);
    }
    let parts = part.parts(&info, &source).map_err(unnamed)?;
    let redemption = if link.options.unlimited {
        app.links.follow(&link)
    } else {
        app.links.take(&link, version(&info), &parts).await?
    };
    let content = FileResponse {
        app,
        reader: Reader::Link(maker, redemption),
        info,
        source,
        opened: None,
    };
    Ok(content
        .send(parts, response, request_id)
        .await
        .map_err(unnamed)?)
}

/// `HEAD /download/{token}` and below: takes nothing.
pub(crate) async fn head(
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let (link, place) = find(&app, &uri).await?;
    let info = stat(&app, &link, &place).await.map_err(unnamed)?;
    if info.kind == EntryKind::Directory {
        let asked = SharedListing {
            app: &app,
            link: &link,
            place: &place,
            info: &info,
            uri: &uri,
            headers: &headers,
        };
        return asked.head(&precondition);
    }
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

/// Where a request leads under its link.
struct SharedPlace {
    token: String,
    /// From the directory of the link, or the root for what the link itself is of.
    below: RequestTarget,
    /// From the root of all.
    path: FilePath,
}

impl SharedPlace {
    /// What the maker may not share below the directory does not exist for clients of the link.
    fn veiled(&self, error: Error) -> Error {
        if error.kind() != ErrorKind::PermissionDenied || self.below.path.is_root() {
            return error;
        }
        Error::new(
            ErrorKind::NotFound,
            "the maker of the link may not share it",
        )
        .because(error)
    }
}

/// The link of a request, and where that leads.
async fn find(app: &App, uri: &Uri) -> Result<(Link, SharedPlace)> {
    let named = uri.path().strip_prefix(DOWNLOAD).unwrap_or_default();
    let (token, below) = named.split_at(named.find('/').unwrap_or(named.len()));
    let link = if below.is_empty() {
        app.links.redeemable(token).await?
    } else {
        app.links.redeemable_directory(token).await?
    };
    let below = RequestTarget::parse(below, &Method::GET)?;
    // What lies above is another path, which is refused, so nothing leads out of the directory.
    let path = below.path.moved(&FilePath::root(), &link.path);
    let path = path.unwrap_or_else(|| Ok(link.path.clone()))?;
    let token = token.to_owned();
    Ok((link, SharedPlace { token, below, path }))
}

/// Opens what is there, if it is what the link is of.
async fn open(
    app: &App,
    maker: &Identity,
    link: &Link,
    place: &SharedPlace,
) -> Result<OpenedPath, Error> {
    let SharedPlace { below, path, .. } = place;
    if !link.options.directory {
        let (info, source) = app.engine.open_shared(maker, path).await?;
        return Ok(OpenedPath::File {
            info,
            source,
            part: None,
        });
    }
    stay_inside(app, link, path).await?;
    let opened = app.engine.open_shared_tree(maker, path).await;
    let opened = opened.map_err(|error| place.veiled(error))?;
    let is_file = matches!(opened, OpenedPath::File { .. });
    if is_file && below.means_directory() {
        return Err(not_a_directory());
    }
    Ok(opened)
}

/// The same without opening it.
async fn stat(app: &App, link: &Link, place: &SharedPlace) -> Result<Info, Error> {
    let maker = link.identity();
    let SharedPlace { below, path, .. } = place;
    if !link.options.directory {
        return app.engine.stat_shared(&maker, path).await;
    }
    stay_inside(app, link, path).await?;
    let info = app.engine.permit_share(&maker, path).await;
    let info = info.map_err(|error| place.veiled(error))?;
    if below.means_directory() && info.kind != EntryKind::Directory {
        return Err(not_a_directory());
    }
    Ok(info)
}

/// What a symbolic link leads to outside of the directory is not shared with it.
async fn stay_inside(app: &App, link: &Link, path: &FilePath) -> Result<(), Error> {
    if app.engine.leads_out_of(&link.path, path).await? {
        return Err(Error::new(
            ErrorKind::NotFound,
            "it leads out of the directory of the link",
        ));
    }
    Ok(())
}

fn not_a_directory() -> Error {
    Error::new(
        ErrorKind::NotADirectory,
        "a file is where the address means a directory",
    )
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
    let disposition = if link.options.inline {
        disposition::inline(name)
    } else {
        disposition::attachment(name)
    };
    headers.insert(CONTENT_DISPOSITION, disposition);
    add_privacy(headers, link);
}

/// The URL is a secret, and what it leads to is gone after a while: neither is to be kept or found
/// by others. What may be had without limit may be kept by a browser that asks each time whether it
/// still may show it. What was handed over of a use is counted in bytes of the file, so that the
/// rest can be fetched by ranges: no compression on the way.
fn add_privacy(headers: &mut HeaderMap, link: &Link) {
    let caching = if link.options.unlimited {
        "private, no-cache, no-transform"
    } else {
        "private, no-store, no-transform"
    };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(caching));
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
            "what the address leads to under the link is not there; ask for a new link".to_owned(),
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
