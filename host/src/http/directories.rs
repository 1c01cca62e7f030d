//! `GET /v1/directories/{path}`, as pages or as a stream, and what `GET /v1/files/{path}` gives for a directory: a plain
//! array, or a page of links.

mod html;
mod lines;
pub(super) mod openapi;
mod page;
mod stream;
mod wanted;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, VARY};
use http::{StatusCode, Uri};
use serde::Serialize;
use utoipa::ToSchema;

use super::accept::Shape;
use super::caller::Caller;
use super::entry::{self, Entry};
use super::problem::Result;
use super::query::Query;
use super::request_id::RequestId;
use super::state::{App, ListOptions};
use super::target::{DIRECTORIES, FILES, Target};
use crate::identity::Identity;
use crate::path::FilePath;

pub(super) use page::Page;

const KNOWN: [&str; 7] = [
    "recursive",
    "max_depth",
    wanted::PARAMETERS[0],
    wanted::PARAMETERS[1],
    wanted::PARAMETERS[2],
    Page::PARAMETERS[0],
    Page::PARAMETERS[1],
];

/// A page of a listing.
#[derive(Serialize, ToSchema)]
#[schema(as = Listing)]
pub(super) struct Document<'a> {
    /// Of the directory.
    #[schema(value_type = String, pattern = "^/")]
    path: &'a FilePath,
    #[serde(rename = "type")]
    #[schema(pattern = "^directory$")]
    kind: &'static str,
    recursive: bool,
    #[schema(required)]
    max_depth: Option<usize>,
    /// How many entries this page has.
    count: usize,
    items: Vec<Entry<'a>>,
    /// The cursor of the next page, if there is one.
    #[schema(value_type = Option<String>, required)]
    next: Option<&'a FilePath>,
}

/// `GET /v1/directories/{path}`
pub(super) async fn get(
    Caller(who): Caller,
    target: Target,
    State(app): State<Arc<App>>,
    Extension(request_id): Extension<RequestId>,
    uri: Uri,
    headers: HeaderMap,
) -> Result<Response> {
    let shape = Shape::of(&headers, Shape::Lines);
    let query = Query::of(&uri, &KNOWN)?;
    let page = Page::of(&query, &target.path, shape)?;
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
            let lines = lines::format();
            stream::body(&app, &who, target.path, options, page.limit, request_id, lines).await?.into_response()
        }
    };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(shape.media_type()));
    headers.insert(VARY, HeaderValue::from(ACCEPT));
    Ok(response)
}

async fn document(app: &App, who: &Identity, path: &FilePath, options: ListOptions, page: &Page) -> Result<Response> {
    let (recursive, max_depth) = (options.recursive, options.max_depth);
    let listing = app.engine.list(who, path, options).await?;
    let document = Document {
        path: &listing.directory.path,
        kind: "directory",
        recursive,
        max_depth,
        count: listing.items.len(),
        items: listing.items.iter().map(Entry::from).collect(),
        next: listing.next.as_ref(),
    };
    let mut response = Json(document).into_response();
    page.add_next(response.headers_mut(), DIRECTORIES, path, listing.next.as_ref());
    Ok(response)
}

/// How a directory under `/v1/files` is to be written.
pub(super) fn shape(headers: &HeaderMap) -> Shape {
    Shape::of(headers, Shape::Html)
}

/// To where a page of links is, if it is not at the address that was asked for.
pub(super) fn redirect(uri: &Uri, shape: Shape) -> Option<Response> {
    let location = html::location(uri).filter(|_| shape == Shape::Html)?;
    let mut response = entry::response(Body::empty());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    response.headers_mut().insert(LOCATION, location);
    response.headers_mut().insert(VARY, HeaderValue::from(ACCEPT));
    Some(response)
}

/// What is different in the headers of a directory under `/v1/files` where it is not JSON.
pub(super) fn add_shape(headers: &mut HeaderMap, shape: Shape) {
    if shape == Shape::Html {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
        headers.insert(CONTENT_SECURITY_POLICY, html::POLICY);
    }
}

/// The entries of a directory and nothing else.
pub(super) async fn array(app: &App, who: &Identity, path: &FilePath, page: Page) -> Result<Response> {
    let limit = page.limit.unwrap_or(usize::MAX);
    let options = ListOptions { after: page.after.clone(), limit, ..ListOptions::default() };
    let listing = app.engine.list(who, path, options).await?;
    let entries: Vec<Entry> = listing.items.iter().map(Entry::from).collect();
    let mut response = Json(entries).into_response();
    page.add_next(response.headers_mut(), FILES, path, listing.next.as_ref());
    Ok(response)
}

/// The entries of a directory as links.
pub(super) async fn index(
    app: &Arc<App>,
    who: &Identity,
    path: FilePath,
    page: Page,
    request_id: RequestId,
) -> Result<Response> {
    let options = ListOptions { after: page.after, ..ListOptions::default() };
    let links = html::format(&path);
    let body = stream::body(app, who, path, options, page.limit, request_id, links).await?;
    Ok(entry::response(body))
}
