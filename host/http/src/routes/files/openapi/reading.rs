//! GET and HEAD.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::Ref;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{Array, Schema};

use super::{ALWAYS, TAG, entry};
use crate::routes::openapi::headers::{
    CONTENT_ENCODING, CONTENT_RANGE, ENTRY, ETAG, FILE, LAST_MODIFIED, LINK, REDIRECT, VARY,
};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{fields, flag, number, path, ranges, reading, words};

const PAGE_ELSEWHERE: &str =
    "With `Accept: text/html`: the page of a directory is under the path with a slash at its end.";

pub(super) fn read() -> OperationDoc {
    let whole = [ENTRY.as_slice(), &FILE, &[LINK]].concat();
    let part = [ENTRY.as_slice(), &FILE, &[CONTENT_RANGE]].concat();
    let own = [path("docs/report.pdf"), download()];
    let operation = OperationDoc::new(TAG, "readFile", "Read a file, whole or in ranges")
        .description(
            "The response has the media type that was stored with the file. A directory answers \
             as the root does: with the array of `Entry` that `listRootEntries` describes; \
             `listDirectory` is the better way to list one. A file ignores query parameters that \
             are not for files. A `Range` is never compressed.",
        )
        .parameters(
            own.into_iter()
                .chain(pages())
                .chain(reading())
                .chain(ranges()),
        )
        .answers(200, "The whole file.", &whole, Body::file())
        .answers(
            206,
            "One range, or several as `multipart/byteranges`.",
            &part,
            Body::file(),
        )
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE]);
    unless_changed(operation)
}

pub(super) fn stat() -> OperationDoc {
    let own = [path("docs/report.pdf"), download()];
    stat_of(
        "statEntry",
        "Look up a file or a directory",
        own.into_iter().chain(pages()).collect(),
    )
}

pub(super) fn list_root() -> OperationDoc {
    let entries = Body {
        media_type: "application/json",
        schema: Schema::Array(Array::new(Ref::from_schema_name("Entry"))).into(),
        example: Some(json!([entry()])),
    };
    let operation = OperationDoc::new(
        TAG,
        "listRootEntries",
        "List the root as a plain array or as a page of links",
    )
    .description(
        "Entries in byte order of their names, in pages of 1,000 unless `limit` says otherwise. \
         A client whose `Accept` prefers `text/html` gets a page of links to all of them. \
         `listRoot` returns the same entries with the cursor of the next page.",
    )
    .parameters(pages().into_iter().chain(reading()))
    .answers(
        200,
        "A page of entries.",
        &[ENTRY.as_slice(), &[LINK, VARY, CONTENT_ENCODING]].concat(),
        vec![entries, Body::text("text/html")],
    );
    unless_changed(operation)
}

pub(super) fn stat_root() -> OperationDoc {
    stat_of("statRoot", "Look up the root directory", pages().into())
}

fn stat_of(id: &str, summary: &str, parameters: Vec<Parameter>) -> OperationDoc {
    let operation = OperationDoc::new(TAG, id, summary)
        .description("The headers that GET would send, without the bytes.")
        .parameters(parameters.into_iter().chain(reading()))
        .answers(
            200,
            "The entry exists.",
            &[ENTRY.as_slice(), &FILE].concat(),
            vec![],
        );
    unless_changed(operation).without_bodies()
}

fn unless_changed(operation: OperationDoc) -> OperationDoc {
    operation
        .answers(
            304,
            "The client has this version already.",
            &[ETAG, LAST_MODIFIED, VARY],
            vec![],
        )
        .answers(307, PAGE_ELSEWHERE, &[REDIRECT, VARY], vec![])
        .problems(&ALWAYS)
        .problems(&[StatusCode::UNPROCESSABLE_ENTITY, StatusCode::LOCKED])
}

fn download() -> Parameter {
    flag(
        "download",
        "Of a file: send `Content-Disposition: attachment`, so that browsers save it.",
    )
}

fn pages() -> [Parameter; 3] {
    [
        number(
            "limit",
            "Of a directory: entries of one page.",
            1,
            Some(10_000),
        ),
        words(
            "after",
            "Of a directory: the cursor in the `Link` of the page before.",
            "/docs",
        ),
        fields(),
    ]
}
