//! `/v1/links` and `/download/{token}` in the OpenAPI document.
//!
//! A slash at the end of a path says that a directory is meant, as under `/v1/files`.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Array, ObjectBuilder, Schema, Type};
use utoipa::openapi::{HttpMethod, PathItem, Ref, Required};

use crate::routes::openapi::headers::{
    CONTENT_ENCODING, CONTENT_RANGE, DOWNLOAD, ETAG, LAST_MODIFIED, LINK, LOCATION, REDIRECT, VARY,
};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{fields, flag, number, path, ranges, reading, words};

pub(crate) const TAG: &str = "links";
const ID: &str = "0123456789abcdef0123456789abcdef";

const PAGE_ELSEWHERE: &str = "Of a directory, with `Accept: text/html`: its page is under the URL \
                              with a slash at its end.";

/// Every operation on links can fail like this.
const ALWAYS: [StatusCode; 5] = [
    StatusCode::BAD_REQUEST,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];
/// Every download can fail like this.
const DOWNLOADING: [StatusCode; 9] = [
    StatusCode::BAD_REQUEST,
    StatusCode::NOT_FOUND,
    StatusCode::GONE,
    StatusCode::PRECONDITION_FAILED,
    StatusCode::LOCKED,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];

pub(crate) fn paths() -> Vec<(&'static str, PathItem)> {
    let get = |operation: OperationDoc| operation.at(HttpMethod::Get, PathItem::default());
    vec![
        ("/v1/links", get(list())),
        (
            "/v1/links/generate",
            create().at(HttpMethod::Post, PathItem::default()),
        ),
        (
            "/v1/links/{id}",
            revoke().at(HttpMethod::Delete, get(one())),
        ),
        (
            "/download/{token}",
            stat_download().at(HttpMethod::Head, get(download())),
        ),
        ("/download/{token}/", get(list_shared_directory())),
        (
            "/download/{token}/{path}",
            stat_below().at(HttpMethod::Head, get(download_below())),
        ),
        ("/download/{token}/{path}/", get(list_below())),
    ]
}

fn list() -> OperationDoc {
    let example = json!({ "items": [link()], "next": null });
    OperationDoc::new(TAG, "listLinks", "List links, without their tokens")
        .description("The links of the caller, in pages.")
        .parameters([
            flag("all", "The links of all users; for administrators."),
            number(
                "limit",
                "Links of one page, 100 unless given.",
                1,
                Some(1_000),
            ),
            words(
                "after",
                "The cursor of the page before: `next`, or the one in its `Link`.",
                ID,
            ),
        ])
        .answers(
            200,
            "A page of links.",
            &[LINK],
            vec![Body::json("Links", example)],
        )
        .problems(&ALWAYS)
        .problems(&[StatusCode::FORBIDDEN])
}

fn create() -> OperationDoc {
    let wanted = json!({ "path": "/docs/report.pdf", "expiry_seconds": 3600, "max_downloads": 1 });
    let issued = json!({
        "id": ID, "url": "http://127.0.0.1:8443/download/AbC", "token": "AbC",
        "path": "/docs/report.pdf", "type": "file", "disposition": "attachment",
        "filename": null, "expires": "2026-01-31T12:00:00Z", "max_downloads": 1,
        "unlimited": false,
    });
    OperationDoc::new(TAG, "createLink", "Create a link to a file or a directory")
        .description(
            "Every client that has the URL can download the file without a key, until the link \
             expires or its downloads are used up; of a directory, it can list and download \
             everything below that the user who made the link may read and share.",
        )
        .body("What to share.", [Body::json("LinkRequest", wanted)])
        .answers(
            201,
            "The link. Only this response has its token.",
            &[LOCATION],
            vec![Body::json("IssuedLink", issued)],
        )
        .problems(&ALWAYS)
        .problems(&[
            StatusCode::FORBIDDEN,
            StatusCode::NOT_FOUND,
            StatusCode::CONFLICT,
            StatusCode::PAYLOAD_TOO_LARGE,
            StatusCode::UNPROCESSABLE_ENTITY,
        ])
}

fn one() -> OperationDoc {
    OperationDoc::new(TAG, "getLink", "Look up a link")
        .description("One link of the caller, without its token.")
        .parameters([segment("id", "The id of a link.", ID)])
        .answers(200, "The link.", &[], vec![Body::json("Link", link())])
        .problems(&ALWAYS)
        .problems(&[StatusCode::NOT_FOUND])
}

fn revoke() -> OperationDoc {
    OperationDoc::new(TAG, "revokeLink", "Revoke a link")
        .description("Downloads with it that are in progress do not complete.")
        .parameters([segment("id", "The id of a link.", ID)])
        .answers(204, "The link works no longer.", &[], vec![])
        .problems(&ALWAYS)
        .problems(&[StatusCode::NOT_FOUND])
}

fn download() -> OperationDoc {
    let part = [DOWNLOAD.as_slice(), &[CONTENT_RANGE]].concat();
    let operation = OperationDoc::open(TAG, "downloadFile", "Download the file of a link")
        .description(
            "A use of the link is spent when every byte was sent, and not before; a range that \
             continues where a download broke off completes it. A request that a client makes \
             ahead of its user, as `Sec-Purpose: prefetch` says, is answered with 423 and takes \
             no use. A program that shows a preview of a link downloads the file like any other \
             client: do not send a link for one download through a service that previews links. \
             Downloads of an unlimited link are not counted. The link of a directory answers with \
             its listing, as `listSharedDirectory` does.",
        )
        .parameters([token()].into_iter().chain(reading()).chain(ranges()))
        .answers(200, "The whole file.", &DOWNLOAD, Body::file())
        .answers(
            206,
            "One range, or several as `multipart/byteranges`.",
            &part,
            Body::file(),
        )
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE]);
    unless_changed(operation)
}

fn stat_download() -> OperationDoc {
    let operation = OperationDoc::open(TAG, "statDownload", "Look up the file of a link")
        .description("The headers that a download would have; it takes no use of the link.")
        .parameters([token()].into_iter().chain(reading()))
        .answers(200, "The link works.", &DOWNLOAD, vec![]);
    unless_changed(operation).without_bodies()
}

fn list_shared_directory() -> OperationDoc {
    list_shared(
        "listSharedDirectory",
        "List the directory of a link",
        "Entries in byte order of their names, with their paths from this directory, in pages of \
         1,000 unless `limit` says otherwise. A client whose `Accept` prefers `text/html` gets a \
         page of links to all of them.",
        vec![token()],
    )
}

fn list_below() -> OperationDoc {
    list_shared(
        "listDirectoryBelow",
        "List a directory below the one of a link",
        "The same as `listSharedDirectory`, for a directory below. Paths are from the directory of \
         the link.",
        vec![token(), path("photos")],
    )
}

fn list_shared(id: &str, summary: &str, description: &str, own: Vec<Parameter>) -> OperationDoc {
    let entries = Body {
        media_type: "application/json",
        schema: Schema::Array(Array::new(Ref::from_schema_name("SharedEntry"))).into(),
        example: Some(json!([shared_entry()])),
    };
    let headers = [ETAG, LINK, VARY, CONTENT_ENCODING];
    let operation = OperationDoc::open(TAG, id, summary)
        .description(description)
        .parameters(own.into_iter().chain(pages()).chain(reading()))
        .answers(
            200,
            "A page of entries.",
            &headers,
            vec![entries, Body::text("text/html")],
        );
    unless_changed(operation)
}

fn download_below() -> OperationDoc {
    let part = [DOWNLOAD.as_slice(), &[CONTENT_RANGE]].concat();
    let operation = OperationDoc::open(TAG, "downloadBelow", "Download a file below a link")
        .description(
            "A file below the directory of a link. A directory answers as `listDirectoryBelow` \
             describes.",
        )
        .parameters(below().into_iter().chain(reading()).chain(ranges()))
        .answers(200, "The whole file.", &DOWNLOAD, Body::file())
        .answers(
            206,
            "One range, or several as `multipart/byteranges`.",
            &part,
            Body::file(),
        )
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE]);
    unless_changed(operation)
}

fn stat_below() -> OperationDoc {
    let operation = OperationDoc::open(TAG, "statBelow", "Look up what is below a link")
        .description("The headers that a download or a listing would have.")
        .parameters(below().into_iter().chain(reading()))
        .answers(200, "The entry exists.", &DOWNLOAD, vec![]);
    unless_changed(operation).without_bodies()
}

fn below() -> Vec<Parameter> {
    [token(), path("report.pdf")]
        .into_iter()
        .chain(pages())
        .collect()
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
            "/photos",
        ),
        fields(),
    ]
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
        .problems(&DOWNLOADING)
}

fn token() -> Parameter {
    segment("token", "The token of a link.", "AbC")
}

fn segment(name: &str, description: &str, example: &str) -> Parameter {
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .pattern(Some("^[A-Za-z0-9_-]+$"));
    let segment = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Path)
        .required(Required::True);
    segment
        .description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

fn link() -> serde_json::Value {
    json!({
        "id": ID, "path": "/docs/report.pdf", "filename": null, "maker": "alice",
        "created": "2026-01-31T11:00:00Z",
        "expires": "2026-01-31T12:00:00Z", "max_downloads": 1, "downloads": 0,
        "type": "file", "disposition": "attachment", "unlimited": false,
    })
}

fn shared_entry() -> serde_json::Value {
    json!({
        "name": "report.pdf", "path": "/report.pdf", "type": "file", "size": 3,
        "mtime": "2026-01-31T12:00:00Z", "etag": "v1",
    })
}
