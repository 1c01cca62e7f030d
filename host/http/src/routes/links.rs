//! `/v1/links`: making links to files and directories, and looking after one's own.
//!
//! Administrators look after everybody's. A token is told to the maker of a link when it is made,
//! and to nobody after that.

mod generate;
pub(crate) mod openapi;

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
pub(crate) use generate::{IssuedLink, NewLink, generate};
use http::header::{HeaderValue, LINK};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::content::entry::rfc3339;
use crate::edge::caller::Caller;
use crate::fields::query::Query;
use crate::problem::{Problem, Result};
use crate::state::{App, Link as Record, LinkId, LinkOptions};

const LINKS: &str = "/v1/links";
const DEFAULT_LIMIT: usize = 100;
const MAX_LIMIT: usize = 1_000;

/// A link, but for its token.
#[derive(Serialize, ToSchema)]
#[schema(as = Link)]
pub(crate) struct LinkDocument<'a> {
    /// Names the link where it is looked up or revoked.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: String,
    /// What it shares.
    #[schema(value_type = String, pattern = "^/")]
    path: &'a FilePath,
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: LinkType,
    disposition: LinkDisposition,
    /// The name to save it under, if it is not the file's own.
    #[schema(required)]
    filename: Option<&'a str>,
    /// The user that made it.
    maker: &'a str,
    /// When it was made.
    #[schema(format = DateTime, required)]
    created: Option<String>,
    /// When it stops working.
    #[schema(format = DateTime, required)]
    expires: Option<String>,
    /// How often a file can be downloaded with it; `null` if it is unlimited.
    #[schema(required)]
    max_downloads: Option<u32>,
    /// How often it was downloaded; `null` if it is unlimited, because that is not counted.
    #[schema(required)]
    downloads: Option<u32>,
    /// Whether there is no limit of downloads until it expires.
    unlimited: bool,
}

/// What a browser does with the files of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkDisposition {
    /// Save it.
    Attachment,
    /// Show it, if the browser can.
    Inline,
}

impl LinkDisposition {
    fn of(options: &LinkOptions) -> Self {
        if options.inline {
            Self::Inline
        } else {
            Self::Attachment
        }
    }
}

/// What a link shares.
// Inline in the document: the Go client of openapi-generator has the values of all enums in one
// scope, where those of `EntryType` are.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum LinkType {
    File,
    /// A directory with everything below it.
    Directory,
}

impl LinkType {
    fn of(options: &LinkOptions) -> Self {
        if options.directory {
            Self::Directory
        } else {
            Self::File
        }
    }
}

/// A page of links.
#[derive(Serialize, ToSchema)]
#[schema(as = Links)]
pub(crate) struct LinkListDocument<'a> {
    /// The links.
    items: Vec<LinkDocument<'a>>,
    /// The cursor of the next page: its `after`; `null` on the last page.
    #[schema(required)]
    next: Option<String>,
}

impl<'a> From<&'a Record> for LinkDocument<'a> {
    fn from(link: &'a Record) -> Self {
        Self {
            id: hex::encode(link.id),
            path: &link.path,
            kind: LinkType::of(&link.options),
            disposition: LinkDisposition::of(&link.options),
            filename: link.filename.as_deref(),
            maker: &link.maker,
            created: time(link.created),
            expires: time(link.expires),
            max_downloads: limit(link),
            downloads: (!link.options.unlimited).then_some(link.spent),
            unlimited: link.options.unlimited,
        }
    }
}

/// `GET /v1/links`
pub(crate) async fn list(
    Caller(who): Caller,
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Response> {
    let query = Query::of(&uri, &["all", "limit", "after"])?;
    let all = query.flag("all")?;
    if all && !who.admin {
        let message =
            "only administrators may see the links of everybody; leave 'all' out to see yours";
        return Err(Error::new(ErrorKind::PermissionDenied, message).into());
    }
    let limit = query
        .number("limit", 1..=MAX_LIMIT)?
        .unwrap_or(DEFAULT_LIMIT);
    let refused = || {
        Problem::bad_request(
            "the query parameter 'after' is no cursor of this list; take it from 'next'",
        )
    };
    let after = query
        .text("after")
        .map(|text| parse(text).ok_or_else(refused))
        .transpose()?;
    let maker = (!all).then_some(who.subject.as_str());
    // One more than is shown, to know whether there is a next page.
    let mut found = app
        .links
        .list(maker, after.as_ref(), limit as u32 + 1)
        .await?;
    let more = found.len() > limit;
    found.truncate(limit);
    let next = found
        .last()
        .filter(|_| more)
        .map(|link| hex::encode(link.id));
    let items = found.iter().map(LinkDocument::from).collect();
    let mut response = Json(LinkListDocument {
        items,
        next: next.clone(),
    })
    .into_response();
    if let Some(next) = next {
        let all = if all { "all=true&" } else { "" };
        let link = format!("<{LINKS}?{all}limit={limit}&after={next}>; rel=\"next\"");
        response
            .headers_mut()
            .insert(LINK, HeaderValue::try_from(link).map_err(Error::internal)?);
    }
    Ok(response)
}

/// `GET /v1/links/{id}`
pub(crate) async fn get(
    Caller(who): Caller,
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<Response> {
    Query::none(&uri)?;
    Ok(Json(LinkDocument::from(&find(&app, &who, &uri).await?)).into_response())
}

/// `DELETE /v1/links/{id}`
pub(crate) async fn revoke(
    Caller(who): Caller,
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<StatusCode> {
    Query::none(&uri)?;
    let link = find(&app, &who, &uri).await?;
    app.links.revoke(&link.id).await?;
    Ok(StatusCode::NO_CONTENT)
}

/// The link that a URL names, if the caller may look after it.
async fn find(app: &App, who: &Identity, uri: &Uri) -> Result<Record> {
    let id = uri
        .path()
        .strip_prefix(LINKS)
        .and_then(|rest| rest.strip_prefix('/'))
        .and_then(parse);
    let unknown = || {
        Error::new(
            ErrorKind::NotFound,
            "this is no id of a link; GET /v1/links lists yours",
        )
    };
    let maker = (!who.admin).then_some(who.subject.as_str());
    Ok(app.links.get(&id.ok_or_else(unknown)?, maker).await?)
}

fn parse(text: &str) -> Option<LinkId> {
    hex::decode(text).ok()?.try_into().ok()
}

/// How many downloads a link allows; none if it is unlimited.
fn limit(link: &Record) -> Option<u32> {
    (!link.options.unlimited).then_some(link.max_uses)
}

/// Milliseconds since 1970 as JSON has times.
fn time(milliseconds: i64) -> Option<String> {
    rfc3339(milliseconds.checked_mul(1_000_000)?)
}
