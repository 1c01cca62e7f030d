//! `/v1/directories/{path}` in the OpenAPI document.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, PathItem};

use crate::routes::openapi::headers::{LINK, VARY};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{fields, flag, number, one_of, path, plain, words};

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
    // The root has no name, and a template in a path stands for something; so it is described
    // apart.
    vec![
        ("/v1/directories/", item("_root", false)),
        ("/v1/directories/{path}", item("", true)),
    ]
}

fn item(suffix: &str, named: bool) -> PathItem {
    let get = list(&format!("list{suffix}"), named).at(HttpMethod::Get, PathItem::default());
    list(&format!("list_head{suffix}"), named)
        .without_bodies()
        .at(HttpMethod::Head, get)
}

fn list(id: &str, named: bool) -> OperationDoc {
    let example = json!({
        "path": "/docs", "type": "directory", "recursive": false, "max_depth": null, "count": 0,
        "items": [],
        "next": null,
    });
    let lines = Body {
        media_type: "application/x-ndjson",
        schema: ObjectBuilder::new()
            .schema_type(Type::String)
            .description(Some(
                "One `Entry` a line. Where `limit` cuts the stream, the last line is `{\"type\": \
                 \"next\", \"next\": CURSOR}`, with the cursor for `after`.",
            ))
            .into(),
        example: None,
    };
    let own = [
        flag("recursive", "Everything below, too."),
        number("max_depth", "How deep, if recursive.", 1, None),
        words(
            "glob",
            "Only what matches, relative to the directory: `*`, `**`, `?`, `[a-z]`, `{a,b}`.",
        ),
        one_of("type", "Only these.", ["file", "directory"]),
        one_of(
            "sort",
            "The one order there is: by the bytes of the path.",
            ["name"],
        ),
        number(
            "limit",
            "Entries of one page, 1,000 unless given and 10,000 at most; a stream has no limit \
             unless given, and no maximum.",
            0,
            None,
        ),
        words(
            "after",
            "The cursor of the page before: `next`, or what is in its `Link`.",
        ),
        fields(),
        plain("Accept", "`application/x-ndjson` for a stream of lines."),
    ];
    OperationDoc::new(
        "directories",
        id,
        "The entries of a directory, in pages or as a stream",
    )
    .parameters(named.then(|| path("docs")).into_iter().chain(own))
    .answers(
        200,
        "A page, or all of it.",
        &[LINK, VARY],
        vec![Body::json("Listing", example), lines],
    )
    .problems(&PROBLEMS)
}
