//! `/docs/`: the OpenAPI document as a page in which operations can be tried out.
//!
//! The page is Scalar, from its own crate and so from this server: nothing is loaded from anywhere
//! else, which its policy forbids. It needs no key, and calls the API with the one that its reader
//! gives it.

use std::sync::LazyLock;

use axum::body::Body;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue, LOCATION,
};
use http::{StatusCode, Uri};

use crate::problem::{Problem, Result};

/// Where the page and its scripts are.
const DOCS: &str = "/docs/";

const PAGE: &str = concat!(
    "<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\"><meta name=\"viewport\" ",
    "content=\"width=device-width, initial-scale=1\"><title>CallFS API</title></head>\n<body>\n",
    "<div id=\"app\"></div>\n<noscript><a href=\"../openapi.json\">OpenAPI document</a></noscript>",
    "\n<script src=\"scalar.js\"></script>\n<script src=\"start.js\"></script>\n</body>\n</html>\n",
);

/// Without what Scalar would load from, or send to, servers of its makers.
const START: &str = r##"Scalar.createApiReference("#app", {
  url: "../openapi.json",
  withDefaultFonts: false,
  telemetry: false,
  hideClientButton: true,
  agent: { disabled: true },
  mcp: { disabled: true },
});
"##;

/// Scalar makes elements of style; scripts are files of this server alone.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' \
     data:; font-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; \
     frame-ancestors 'none'",
);
const SCRIPT: HeaderValue = HeaderValue::from_static("text/javascript; charset=utf-8");
/// The scripts change with the program alone.
const AN_HOUR: HeaderValue = HeaderValue::from_static("private, max-age=3600");

/// `GET /docs`
pub(crate) async fn redirect() -> impl IntoResponse {
    (
        StatusCode::TEMPORARY_REDIRECT,
        [(LOCATION, HeaderValue::from_static("./docs/"))],
    )
}

/// `GET /docs/`
pub(crate) async fn page() -> Response {
    let html = HeaderValue::from_static("text/html; charset=utf-8");
    respond(
        Body::from(PAGE),
        [(CONTENT_TYPE, html), (CONTENT_SECURITY_POLICY, POLICY)],
    )
}

/// `GET /docs/{file}`
pub(crate) async fn script(uri: Uri) -> Result<Response> {
    static SCALAR: LazyLock<Bytes> = LazyLock::new(|| {
        let script = scalar_api_reference::get_asset("scalar.js");
        script.unwrap_or_default().into()
    });
    let body = match uri.path().strip_prefix(DOCS) {
        Some("scalar.js") => Body::from(SCALAR.clone()),
        Some("start.js") => Body::from(START),
        _ => return Err(Problem::no_such_route()),
    };
    Ok(respond(
        body,
        [(CONTENT_TYPE, SCRIPT), (CACHE_CONTROL, AN_HOUR)],
    ))
}

fn respond(body: Body, fields: [(HeaderName, HeaderValue); 2]) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().extend(fields);
    response
}

#[cfg(test)]
mod tests {
    use http_body_util::BodyExt;

    use super::*;

    #[tokio::test]
    async fn everything_that_the_page_loads_is_there() {
        let loaded = PAGE.split("src=\"").skip(1).map(|rest| {
            let (name, _) = rest.split_once('"').expect("a quote");
            format!("{DOCS}{name}")
        });
        let mut sizes = Vec::new();
        for path in loaded {
            let response = script(path.parse().expect("a path")).await.expect("there");
            let body = response.into_body().collect().await.expect("held");
            sizes.push(body.to_bytes().len());
        }
        assert_eq!(sizes.len(), 2);
        assert!(sizes[0] > 100_000 && sizes[1] > 100, "{sizes:?}");
        for other in ["index.html", "scalar.js/", "../openapi.json", ""] {
            let path = format!("{DOCS}{other}").parse().expect("a path");
            assert!(script(path).await.is_err(), "{other}");
        }
    }
}
