//! `GET /v1/directories/{path}`, as pages or as a stream, and what `GET /v1/files/{path}` gives for
//! a directory: a plain array, or a page of links.

mod html;
mod lines;
pub(crate) mod openapi;
mod page;
mod stream;
mod wanted;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::{FilePath, PathError};
use http::header::{
    ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, VARY,
};
use http::{StatusCode, Uri};
pub(crate) use lines::{ContinuationDocument, ContinuationType};
pub(crate) use page::PageQuery;
use serde::Serialize;
pub(crate) use stream::ListingReader;
use utoipa::ToSchema;

use crate::content::entry::{self, EntryDocument, EntryType};
use crate::edge::caller::{Caller, ShownCredentials};
use crate::edge::request_id::RequestId;
use crate::edge::security::PLAIN_PAGE;
use crate::fields::accept::Shape;
use crate::fields::members::EntryMembers;
use crate::fields::query::Query;
use crate::fields::target::{DIRECTORIES, FILES, RequestTarget};
use crate::problem::Result;
use crate::state::{App, Info, ListOptions, Listing};

const KNOWN: [&str; 8] = [
    "recursive",
    "max_depth",
    wanted::PARAMETERS[0],
    wanted::PARAMETERS[1],
    wanted::PARAMETERS[2],
    PageQuery::PARAMETERS[0],
    PageQuery::PARAMETERS[1],
    PageQuery::PARAMETERS[2],
];

/// A page of a listing.
#[derive(Serialize, ToSchema)]
#[schema(as = Listing)]
pub(crate) struct ListingDocument<'a> {
    /// The path of the directory.
    #[schema(value_type = String, pattern = "^/")]
    path: &'a FilePath,
    #[serde(rename = "type")]
    kind: EntryType,
    /// Whether everything below is listed, too.
    recursive: bool,
    /// How deep, if that was limited.
    #[schema(required)]
    max_depth: Option<usize>,
    /// How many entries this page has.
    count: usize,
    /// The entries, by the bytes of their paths.
    items: Vec<EntryDocument<'a>>,
    /// The cursor of the next page: its `after`; `null` on the last page.
    #[schema(value_type = Option<String>, required)]
    next: Option<&'a FilePath>,
}

/// `GET /v1/directories/{path}`
pub(crate) async fn get(
    Caller(who): Caller,
    target: RequestTarget,
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let shape = Shape::of(&headers, Shape::Lines);
    let query = Query::of(&uri, &KNOWN)?;
    let page = PageQuery::of(&query, &target.path, shape)?;
    let options = ListOptions {
        recursive: query.flag("recursive")?,
        // Without `recursive` every depth allows what is listed.
        max_depth: query.number("max_depth", 1..=usize::MAX)?,
        after: page.after.clone(),
        filter: wanted::filter(&query)?,
        limit: page.limit.unwrap_or(usize::MAX),
    };
    let mut response = match shape {
        Shape::Json | Shape::Html => document(&app, &who, &target.path, options, &page).await?,
        Shape::Lines => {
            let lines = lines::format(app.clone(), page.members);
            let shown = ShownCredentials::of(&headers, &app)?;
            stream::body(
                &app,
                ListingReader { who, shown },
                target.path,
                options,
                page.limit,
                request_id,
                lines,
            )
            .await?
            .into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(shape.media_type()));
    headers.insert(VARY, HeaderValue::from(ACCEPT));
    Ok(response)
}

async fn document(
    app: &App,
    who: &Identity,
    path: &FilePath,
    options: ListOptions,
    page: &PageQuery,
) -> Result<Response> {
    let recursive = options.recursive;
    let max_depth = options.max_depth;
    let listing = app.engine.list(who, path, options).await?;
    let document = ListingDocument {
        path: &listing.directory.path,
        kind: EntryType::Directory,
        recursive,
        max_depth,
        count: listing.items.len(),
        items: entries(app, &listing.items, page.members),
        next: listing.next.as_ref(),
    };
    let mut response = Json(document).into_response();
    page.add_next(
        response.headers_mut(),
        DIRECTORIES,
        path,
        listing.next.as_ref(),
    );
    Ok(response)
}

/// How a directory under `/v1/files` is to be written.
pub(crate) fn shape(headers: &HeaderMap) -> Shape {
    Shape::of(headers, Shape::Html)
}

/// To where a page of links is, if it is not at the address that was asked for.
pub(crate) fn redirect(uri: &Uri, shape: Shape) -> Option<Response> {
    let location = html::location(uri).filter(|_| shape == Shape::Html)?;
    let mut response = entry::response(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from(ACCEPT));
    Some(response)
}

/// What is different in the headers of a directory under `/v1/files` where it is not JSON.
pub(crate) fn add_shape(headers: &mut HeaderMap, shape: Shape) {
    if shape == Shape::Html {
        headers.insert(
            CONTENT_TYPE,
            HeaderValue::from_static("text/html; charset=utf-8"),
        );
        headers.insert(CONTENT_SECURITY_POLICY, PLAIN_PAGE);
    }
}

/// The entries of a directory and nothing else.
pub(crate) async fn array(
    app: &App,
    who: &Identity,
    path: &FilePath,
    page: PageQuery,
) -> Result<Response> {
    let limit = page.limit.unwrap_or(usize::MAX);
    let options = ListOptions {
        after: page.after.clone(),
        limit,
        ..ListOptions::default()
    };
    let listing = app.engine.list(who, path, options).await?;
    let entries = entries(app, &listing.items, page.members);
    let mut response = Json(entries).into_response();
    page.add_next(response.headers_mut(), FILES, path, listing.next.as_ref());
    Ok(response)
}

fn entries<'a>(app: &App, items: &'a [Info], members: EntryMembers) -> Vec<EntryDocument<'a>> {
    let entry = |info| EntryDocument::with(info, members, &app.media_types);
    items.iter().map(entry).collect()
}

/// The entries of a directory as links.
pub(crate) async fn index(
    app: &Arc<App>,
    reader: ListingReader,
    path: FilePath,
    page: PageQuery,
    request_id: RequestId,
) -> Result<Response> {
    let links = html::format(&path, page.continued());
    let options = ListOptions {
        after: page.after,
        ..ListOptions::default()
    };
    let body = stream::body(app, reader, path, options, page.limit, request_id, links).await?;
    Ok(entry::response(body))
}

/// The same below a directory that is the root for those who read it.
pub(crate) async fn index_below(
    app: &Arc<App>,
    reader: ListingReader,
    path: &FilePath,
    root: &FilePath,
    page: PageQuery,
    request_id: RequestId,
) -> Result<Response, Error> {
    let options = ListOptions {
        after: cursor(&page, root)?,
        ..ListOptions::default()
    };
    let continued = page.continued();
    let from = root.clone();
    let links = html::format(&shown_below(path, root), move |next| {
        continued(&shown_below(next, &from))
    });
    let path = path.clone();
    let body = stream::body(app, reader, path, options, page.limit, request_id, links).await?;
    Ok(entry::response(body))
}

/// The entries of a directory, with their paths from such a root.
pub(crate) async fn entries_below(
    app: &App,
    who: &Identity,
    path: &FilePath,
    root: &FilePath,
    page: &PageQuery,
) -> Result<Listing, Error> {
    let options = ListOptions {
        after: cursor(page, root)?,
        limit: page.limit.unwrap_or(usize::MAX),
        ..ListOptions::default()
    };
    let mut listing = app.engine.list(who, path, options).await?;
    for item in &mut listing.items {
        item.path = shown_below(&item.path, root);
    }
    listing.next = listing.next.map(|next| shown_below(&next, root));
    Ok(listing)
}

/// Where a page goes on, from the root of all.
fn cursor(page: &PageQuery, root: &FilePath) -> Result<Option<FilePath>, Error> {
    let after = page.after.as_ref();
    let after = after.and_then(|after| after.moved(&FilePath::root(), root));
    let refused = |error: PathError| Error::new(ErrorKind::BadRequest, error.to_string());
    after.transpose().map_err(refused)
}

/// A path below a root, from that root on.
fn shown_below(path: &FilePath, root: &FilePath) -> FilePath {
    let shown = path.moved(root, &FilePath::root()).and_then(Result::ok);
    shown.unwrap_or_else(FilePath::root)
}
