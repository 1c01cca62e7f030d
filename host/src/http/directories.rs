//! `GET /v1/directories/{path}`, and the plain array that `GET /v1/files/{path}` gives for a directory: one page each.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::header::{HeaderMap, HeaderValue, LINK};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::caller::Caller;
use super::entry::Entry;
use super::problem::{Problem, Result};
use super::query::Query;
use super::state::{App, ListOptions};
use super::target::{DIRECTORIES, FILES, Target, url};
use crate::identity::Identity;
use crate::path::FilePath;

const DEFAULT_LIMIT: usize = 1_000;
const MAX_LIMIT: usize = 10_000;
const KNOWN: [&str; 4] = ["recursive", "max_depth", Page::PARAMETERS[0], Page::PARAMETERS[1]];

/// Which part of a listing a client wants.
pub(super) struct Page {
    limit: usize,
    after: Option<FilePath>,
}

impl Page {
    /// The query parameters that choose it.
    pub(super) const PARAMETERS: [&str; 2] = ["limit", "after"];

    /// The page of a directory that the query asks for.
    pub(super) fn of(query: &Query, directory: &FilePath) -> Result<Self> {
        let limit = query.number("limit", 1..=MAX_LIMIT)?.unwrap_or(DEFAULT_LIMIT);
        let refused = || {
            let message =
                "the query parameter 'after' is no cursor of this directory; take it from 'next' or the Link header";
            Problem::bad_request(message)
        };
        let after = query.text("after").map(|text| FilePath::parse(text).map_err(|_| refused())).transpose()?;
        match after {
            Some(after) if !after.is_within(directory) || after == *directory => Err(refused()),
            after => Ok(Self { limit, after }),
        }
    }
}

#[derive(Serialize)]
struct Document<'a> {
    path: &'a FilePath,
    #[serde(rename = "type")]
    kind: &'static str,
    recursive: bool,
    max_depth: Option<usize>,
    count: usize,
    items: Vec<Entry<'a>>,
    next: Option<&'a FilePath>,
}

/// `GET /v1/directories/{path}`
pub(super) async fn get(
    Caller(who): Caller,
    target: Target,
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Response> {
    let query = Query::of(&uri, &KNOWN)?;
    let recursive = query.flag("recursive")?;
    // Without `recursive` every depth allows what is listed.
    let max_depth = query.number("max_depth", 1..=usize::MAX)?;
    let Page { limit, after } = Page::of(&query, &target.path)?;
    let options = ListOptions { recursive, max_depth, after, limit };
    let listing = app.engine.list(&who, &target.path, options).await?;
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
    let mut kept = String::new();
    if recursive {
        kept.push_str("recursive=true&");
    }
    if let Some(depth) = max_depth {
        kept.push_str(&format!("max_depth={depth}&"));
    }
    add_next(response.headers_mut(), DIRECTORIES, &target.path, &kept, limit, listing.next.as_ref());
    Ok(response)
}

/// The entries of a directory and nothing else.
pub(super) async fn array(app: &App, who: &Identity, path: &FilePath, page: Page) -> Result<Response> {
    let Page { limit, after } = page;
    let options = ListOptions { recursive: false, max_depth: None, after, limit };
    let listing = app.engine.list(who, path, options).await?;
    let entries: Vec<Entry> = listing.items.iter().map(Entry::from).collect();
    let mut response = Json(entries).into_response();
    add_next(response.headers_mut(), FILES, path, "", limit, listing.next.as_ref());
    Ok(response)
}

/// RFC 8288: where the next page is, with the other parameters as they were.
fn add_next(headers: &mut HeaderMap, prefix: &str, path: &FilePath, kept: &str, limit: usize, next: Option<&FilePath>) {
    let Some(next) = next else { return };
    let (url, after) = (url(prefix, path), utf8_percent_encode(next.as_str(), NON_ALPHANUMERIC));
    let link = format!("<{url}?{kept}limit={limit}&after={after}>; rel=\"next\"");
    if let Ok(link) = HeaderValue::try_from(link) {
        headers.insert(LINK, link);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(text: &str) -> FilePath {
        FilePath::parse(text).expect("a good path")
    }

    #[test]
    fn the_link_to_the_next_page_reads_back() {
        let mut headers = HeaderMap::new();
        let (directory, next) = (path("/a b"), path("/a b/ä+&=%"));
        add_next(&mut headers, FILES, &directory, "", 7, Some(&next));
        let link = headers[LINK].to_str().expect("text").strip_prefix('<').expect("a target").to_owned();
        let uri: Uri = link.split_once('>').expect("a target").0.parse().expect("a uri");
        let query = Query::of(&uri, &KNOWN).expect("known");
        let page = Page::of(&query, &directory).expect("a page");
        assert_eq!((page.limit, page.after), (7, Some(next)));
    }

    #[test]
    fn a_cursor_belongs_to_its_directory() {
        for (after, good) in [("/d/x", true), ("/d/x/y", true), ("/d", false), ("/dx", false), ("x", false)] {
            let uri: Uri = format!("/?after={after}").parse().expect("a uri");
            let query = Query::of(&uri, &KNOWN).expect("known");
            assert_eq!(Page::of(&query, &path("/d")).is_ok(), good, "{after}");
        }
    }
}
