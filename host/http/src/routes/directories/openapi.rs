//! `/v1/directories/{path}` in the OpenAPI document.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{OneOfBuilder, Schema};
use utoipa::openapi::{HttpMethod, PathItem, Ref};

use crate::routes::openapi::headers::{CONTENT_ENCODING, LINK, VARY};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{fields, flag, number, one_of, path, words};

pub(crate) const TAG: &str = "directories";
const LINE: &str = "ListingLine";

const PROBLEMS: [StatusCode; 8] = [
    StatusCode::BAD_REQUEST,
    StatusCode::FORBIDDEN,
    StatusCode::NOT_FOUND,
    StatusCode::LOCKED,
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

/// Schemas that no type stands for alone.
pub(crate) fn schemas() -> [(&'static str, Schema); 1] {
    let line = OneOfBuilder::new()
        .item(Ref::from_schema_name("Entry"))
        .item(Ref::from_schema_name("Continuation"))
        .description(Some(
            "A line of a stream: an entry, or at the end of a stream that `limit` has cut, where \
             it continues. The `type` tells one from the other.",
        ));
    [(LINE, Schema::OneOf(line.build()))]
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
        schema: Ref::from_schema_name(LINE).into(),
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
            "Entries of one page, 1,000 unless given and 10,000 at most. A stream has no limit \
             unless given, and no maximum.",
            0,
            None,
        ),
        words(
            "after",
            "The cursor of the page before: `next`, or the one in its `Link`.",
            "/docs/report.pdf",
        ),
        fields(),
    ];
    OperationDoc::new(TAG, id, summary)
        .description(
            "A page as JSON, whose `next` is the `after` of the following page. With `Accept: \
             application/x-ndjson` the response is a stream of all entries: one `Entry` per line, \
             sent as they are found. Where `limit` cuts the stream, the last line is a \
             `Continuation`, whose `next` is the `after` of the entries that follow.",
        )
        .parameters(path.into_iter().chain(own))
        .answers(
            200,
            "A page, or as `application/x-ndjson` one `ListingLine` per line.",
            &[LINK, VARY, CONTENT_ENCODING],
            vec![Body::json("Listing", example), lines],
        )
        .problems(&PROBLEMS)
}
