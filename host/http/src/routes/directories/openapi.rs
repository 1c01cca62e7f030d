//! `/v1/directories/{path}` in the OpenAPI document.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::{HttpMethod, PathItem, Ref};

use crate::routes::openapi::headers::{LINK, VARY};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{flag, number, one_of, path, words};

pub(crate) const TAG: &str = "directories";

const PROBLEMS: [StatusCode; 7] = [
    StatusCode::BAD_REQUEST,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];

pub(crate) fn paths() -> Vec<(&'static str, PathItem)> {
    let get = |operation: OperationDoc| operation.at(HttpMethod::Get, PathItem::default());
    // The root has no name, and a template in a path stands for something; so it is described
    // apart.
    vec![
        (
            "/v1/directories/",
            get(list("listRoot", "List the root directory", None)),
        ),
        (
            "/v1/directories/{path}",
            get(list(
                "listDirectory",
                "List a directory",
                Some(path("docs")),
            )),
        ),
    ]
}

fn list(id: &str, summary: &str, path: Option<Parameter>) -> OperationDoc {
    let entry = json!({
        "name": "report.pdf", "path": "/docs/report.pdf", "type": "file", "size": 3,
        "mode": "0644", "owner": "alice",
        "group": "staff", "mtime": "2026-01-31T12:00:00Z", "etag": "v1",
    });
    let example = json!({
        "path": "/docs", "type": "directory", "recursive": false, "max_depth": null, "count": 1,
        "items": [entry], "next": null,
    });
    let lines = Body {
        media_type: "application/x-ndjson",
        schema: Ref::from_schema_name("Entry").into(),
        example: Some(entry),
    };
    let own = [
        flag("recursive", "List everything below, too."),
        number("max_depth", "With `recursive`: how deep.", 1, None),
        words(
            "glob",
            "Only entries that match, relative to the directory: `*`, `**`, `?`, `[a-z]`, \
             `{a,b}`.",
            "**/*.pdf",
        ),
        one_of("type", "Only entries of this type.", ["file", "directory"]),
        one_of(
            "sort",
            "The one order there is: by the bytes of the path.",
            ["name"],
        ),
        number(
            "limit",
            "Entries of one page, 1,000 unless given and 10,000 at most; a stream has no maximum, \
             and 0 means no limit.",
            0,
            None,
        ),
        words(
            "after",
            "The cursor of the page before: `next`, or the one in its `Link`.",
            "/docs/report.pdf",
        ),
    ];
    OperationDoc::new(TAG, id, summary)
        .description(
            "A page as JSON, whose `next` is the `after` of the following page. With `Accept: \
             application/x-ndjson` the response is a stream: one `Entry` per line, sent as they \
             are found.",
        )
        .parameters(path.into_iter().chain(own))
        .answers(
            200,
            "A page, or as `application/x-ndjson` one `Entry` per line.",
            &[LINK, VARY],
            vec![Body::json("Listing", example), lines],
        )
        .problems(&PROBLEMS)
}
