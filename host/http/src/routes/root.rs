//! `/`: what this service is, and where its files and its documentation are, for people and for
//! programs. Links are relative, so that they hold behind any prefix.

use axum::Json;
use axum::body::Body;
use axum::response::{IntoResponse, Response};
use http::header::{ACCEPT, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderMap, HeaderValue, VARY};
use serde::Serialize;
use utoipa::ToSchema;

use crate::edge::security::PLAIN_PAGE;
use crate::fields::accept::Shape;

const VERSION: &str = env!("CARGO_PKG_VERSION");

const PAGE: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" ",
    "content=\"width=device-width\"><title>CallFS</title></head>\n<body>\n<h1>CallFS</h1>\n",
    "<p>This server gives access to files over HTTP. It runs CallFS ",
    env!("CARGO_PKG_VERSION"),
    ".</p>\n<ul>\n",
    "<li><a href=\"v1/files/\">Files</a>. The browser asks for a user name and a password: the ",
    "password is your key.</li>\n",
    "<li><a href=\"docs/\">Documentation of the API</a></li>\n",
    "<li><a href=\"openapi.json\">OpenAPI document</a></li>\n",
    "</ul>\n</body>\n</html>\n",
);

/// What this service is, and links to the rest, relative to this one.
#[derive(Serialize, ToSchema)]
#[schema(as = Root)]
pub(crate) struct RootDocument {
    /// The name of the service.
    name: &'static str,
    /// The version that it runs.
    version: &'static str,
    /// Where the files are.
    files: &'static str,
    /// Where the documentation of the API is.
    documentation: &'static str,
    /// Where the OpenAPI document is.
    openapi: &'static str,
}

/// `GET /`
pub(crate) async fn get(headers: HeaderMap) -> Response {
    let mut response = match Shape::of(&headers, Shape::Html) {
        Shape::Html => page(),
        Shape::Json | Shape::Lines => Json(RootDocument {
            name: "CallFS",
            version: VERSION,
            files: "v1/files/",
            documentation: "docs/",
            openapi: "openapi.json",
        })
        .into_response(),
    };
    response
        .headers_mut()
        .insert(VARY, HeaderValue::from(ACCEPT));
    response
}

fn page() -> Response {
    let mut response = Response::new(Body::from(PAGE));
    let headers = response.headers_mut();
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    headers.insert(CONTENT_TYPE, html);
    headers.insert(CONTENT_SECURITY_POLICY, PLAIN_PAGE);
    response
}
