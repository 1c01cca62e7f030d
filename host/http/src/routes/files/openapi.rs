//! `/v1/files/{path}` in the OpenAPI document.
//!
//! A path that ends in a slash names a directory, and what can be done there differs, so it is a
//! path of its own in the document. The root has no name, and a template in a path stands for
//! something, so the root is described apart.

mod patching;
mod reading;
mod writing;

use http::StatusCode;
use utoipa::openapi::schema::Schema;
use utoipa::openapi::{HttpMethod, PathItem};

use crate::routes::openapi::operation::OperationDoc;

pub(crate) const TAG: &str = "files";

/// Every operation on a path can fail like this.
const ALWAYS: [StatusCode; 8] = [
    StatusCode::BAD_REQUEST,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];
/// Every change can fail like this, too.
const CHANGING: [StatusCode; 4] = [
    StatusCode::CONFLICT,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::LOCKED,
    StatusCode::INSUFFICIENT_STORAGE,
];

pub(crate) fn paths() -> Vec<(&'static str, PathItem)> {
    vec![
        (
            "/v1/files/",
            // POST and DELETE are answered there, and neither can do anything to a root; POST of a
            // form is PUT of one.
            item([
                (HttpMethod::Get, reading::list_root()),
                (HttpMethod::Head, reading::stat_root()),
                (HttpMethod::Put, writing::upload_to_root()),
                (HttpMethod::Patch, patching::update_root()),
            ]),
        ),
        (
            "/v1/files/{path}",
            item([
                (HttpMethod::Get, reading::read()),
                (HttpMethod::Head, reading::stat()),
                (HttpMethod::Put, writing::write()),
                (HttpMethod::Post, writing::copy()),
                (HttpMethod::Patch, patching::update()),
                (HttpMethod::Delete, writing::delete()),
            ]),
        ),
        (
            "/v1/files/{path}/",
            item([
                (HttpMethod::Put, writing::upload()),
                (HttpMethod::Post, writing::create_directory()),
            ]),
        ),
    ]
}

/// Schemas that no type stands for alone.
pub(crate) fn schemas() -> Vec<(&'static str, Schema)> {
    patching::schemas()
}

fn item<const N: usize>(operations: [(HttpMethod, OperationDoc); N]) -> PathItem {
    operations
        .into_iter()
        .fold(PathItem::default(), |item, (method, operation)| {
            operation.at(method, item)
        })
}

fn entry() -> serde_json::Value {
    serde_json::json!({
        "name": "report.pdf", "path": "/docs/report.pdf", "type": "file", "size": 3,
        "mode": "0644", "owner": "alice",
        "group": "staff", "mtime": "2026-01-31T12:00:00Z", "etag": "v1",
    })
}
