//! A directory that a link shares, or one below it: its entries as JSON, or as a page of links.
//!
//! Paths in it are from the directory of the link on, and whose the files are is not told.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use callfs_model::error::Error;
use callfs_model::identity::Identity;
use futures_util::stream;
use http::Uri;
use http::header::{ACCEPT, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use serde::Serialize;
use utoipa::ToSchema;

use super::{DOWNLOAD, SharedPlace, add_privacy, unnamed};
use crate::content::entry::{EntryDocument, EntryType};
use crate::content::{entry, representation};
use crate::edge::caller::ShownCredentials;
use crate::edge::request_id::RequestId;
use crate::fields::accept::Shape;
use crate::fields::query::Query;
use crate::problem::Result;
use crate::routes::directories::{self, ListingReader, PageQuery};
use crate::state::{App, Info, Link, Precondition};

/// An entry of a directory that a link shares.
#[derive(Serialize, ToSchema)]
#[schema(as = SharedEntry)]
pub(crate) struct SharedEntryDocument<'a> {
    /// The last name of its path; empty for the directory that the link shares.
    name: &'a str,
    /// The path from the directory that the link shares.
    #[schema(pattern = "^/")]
    path: &'a str,
    #[serde(rename = "type")]
    kind: EntryType,
    /// In bytes.
    size: u64,
    /// When it was last changed.
    #[schema(format = DateTime, required)]
    mtime: Option<String>,
    /// As in `ETag`, without the quotes.
    #[schema(required)]
    etag: Option<&'a str>,
    /// SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
    /// not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    sha256: Option<Option<String>>,
    /// The media type of a file. Only with `fields=content_type`, and `null` if it is not a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    content_type: Option<Option<String>>,
}

impl<'a> From<EntryDocument<'a>> for SharedEntryDocument<'a> {
    fn from(entry: EntryDocument<'a>) -> Self {
        let EntryDocument {
            name,
            path,
            kind,
            size,
            mode: _,
            owner: _,
            group: _,
            mtime,
            etag,
            sha256,
            content_type,
        } = entry;
        Self {
            name,
            path,
            kind,
            size,
            mtime,
            etag,
            sha256,
            content_type,
        }
    }
}

/// A request for a directory under a link.
pub(super) struct SharedListing<'a> {
    pub(super) app: &'a Arc<App>,
    pub(super) link: &'a Link,
    pub(super) place: &'a SharedPlace,
    /// Of the directory.
    pub(super) info: &'a Info,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
}

impl SharedListing<'_> {
    pub(super) async fn get(
        self,
        precondition: &Precondition,
        maker: Arc<Identity>,
        request_id: RequestId,
    ) -> Result<Response> {
        let (shape, page) = self.page()?;
        if let Some(answer) = self.answer_without(shape, precondition)? {
            return Ok(self.described(answer, shape));
        }
        let Self {
            app, link, place, ..
        } = self;
        let response = if shape == Shape::Html {
            let shown = ShownCredentials::Link(place.token.clone());
            let reader = ListingReader { who: maker, shown };
            directories::index_below(app, reader, &place.path, &link.path, page, request_id)
                .await
                .map_err(unnamed)?
        } else {
            let listing = directories::entries_below(app, &maker, &place.path, &link.path, &page)
                .await
                .map_err(unnamed)?;
            let members = page.members();
            let entry = |info| {
                SharedEntryDocument::from(EntryDocument::with(info, members, &app.media_types))
            };
            let entries: Vec<SharedEntryDocument> = listing.items.iter().map(entry).collect();
            let mut response = Json(entries).into_response();
            let prefix = format!("{DOWNLOAD}{}", place.token);
            let next = listing.next.as_ref();
            page.add_next(response.headers_mut(), &prefix, &place.below.path, next);
            response
        };
        Ok(self.described(response, shape))
    }

    pub(super) fn head(self, precondition: &Precondition) -> Result<Response> {
        let (shape, _) = self.page()?;
        // A body of unknown length, so that the router does not say that the listing has none.
        let unknown = || Body::from_stream(stream::empty::<Result<&'static str, Error>>());
        let answer = self.answer_without(shape, precondition)?;
        let answer = answer.unwrap_or_else(|| entry::response(unknown()));
        Ok(self.described(answer, shape))
    }

    fn page(&self) -> Result<(Shape, PageQuery)> {
        let shape = directories::shape(self.headers);
        let query = Query::known_of(self.uri, &PageQuery::PARAMETERS)?;
        let page = PageQuery::of(&query, &self.place.below.path, shape)?;
        Ok((shape, page))
    }

    /// Where the page of links is, or that the client has the listing already.
    fn answer_without(
        &self,
        shape: Shape,
        precondition: &Precondition,
    ) -> Result<Option<Response>> {
        if let Some(elsewhere) = directories::redirect(self.uri, shape) {
            return Ok(Some(elsewhere));
        }
        Ok(representation::judge(&self.validated(), precondition).map_err(unnamed)?)
    }

    /// What validates the listing: not the date of the directory, which stays when a file in it
    /// changes.
    fn validated(&self) -> Info {
        Info {
            modified: None,
            ..self.info.clone()
        }
    }

    fn described(&self, mut response: Response, shape: Shape) -> Response {
        let is_listing = response.status().is_success();
        let headers = response.headers_mut();
        headers.insert(VARY, HeaderValue::from(ACCEPT));
        if is_listing {
            entry::add_validators(headers, &self.validated());
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            directories::add_shape(headers, shape);
        }
        add_privacy(headers, self.link);
        response
    }
}
