//! `/v1/links` and `/download/{token}` in the OpenAPI document.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, PathItem, Required};

use crate::routes::openapi::headers::{
    CONTENT_RANGE, DOWNLOAD, ETAG, LAST_MODIFIED, LINK, LOCATION, VARY,
};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{fields, flag, number, path, plain, reading, words};

const TAG: &str = "links";
const ID: &str = "0123456789abcdef0123456789abcdef";

/// Of a directory that a link shares.
const ELSEWHERE: &str = "A page of links is under the address with a slash at its end.";

/// Whoever looks after links.
const ALWAYS: [StatusCode; 5] = [
    StatusCode::BAD_REQUEST,
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
    StatusCode::BAD_GATEWAY,
    StatusCode::SERVICE_UNAVAILABLE,
];
/// Whoever asks for the file.
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
    vec![
        ("/v1/links", listed()),
        (
            "/v1/links/generate",
            generate().at(HttpMethod::Post, PathItem::default()),
        ),
        ("/v1/links/{id}", one()),
        ("/download/{token}", download()),
        ("/download/{token}/{path}", below()),
    ]
}

fn listed() -> PathItem {
    let list = |id: &str| {
        let example = json!({ "items": [link()], "next": null });
        OperationDoc::new(TAG, id, "One's own links, without their tokens")
            .parameters([
                flag("all", "Those of everybody; for administrators."),
                number(
                    "limit",
                    "Links of one page, 100 unless given.",
                    1,
                    Some(1_000),
                ),
                words(
                    "after",
                    "The cursor of the page before: `next`, or what is in its `Link`.",
                ),
            ])
            .answers(
                200,
                "A page, or all of them.",
                &[LINK],
                vec![Body::json("Links", example)],
            )
            .problems(&ALWAYS)
            .problems(&[StatusCode::FORBIDDEN])
    };
    let get = list("links").at(HttpMethod::Get, PathItem::default());
    list("links_head")
        .without_bodies()
        .at(HttpMethod::Head, get)
}

fn generate() -> OperationDoc {
    let wanted = json!({ "path": "/docs/report.pdf", "expiry_seconds": 3600, "max_downloads": 1 });
    let issued = json!({
        "id": ID, "url": "http://127.0.0.1:8443/download/AbC", "token": "AbC",
        "path": "/docs/report.pdf", "type": "file", "disposition": "attachment",
        "filename": null, "expires": "2026-01-31T12:00:00Z", "max_downloads": 1,
        "unlimited": false,
    });
    OperationDoc::new(TAG, "share", "Make a link to a file or a directory")
        .description(
            "A client that has the URL can have the file, as often and as long as is said here, \
             without a key; of a directory, everything below it that its maker may read and share.",
        )
        .body(true, "What to share.", vec![Body::json("NewLink", wanted)])
        .answers(
            201,
            "The link. Its token is told this once.",
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

fn one() -> PathItem {
    let id = || segment("id", "The id of a link.", ID);
    let get = |name: &str| {
        OperationDoc::new(TAG, name, "One link, without its token")
            .parameters([id()])
            .answers(200, "It.", &[], vec![Body::json("Link", link())])
            .problems(&ALWAYS)
            .problems(&[StatusCode::NOT_FOUND])
    };
    let revoke = OperationDoc::new(TAG, "revoke", "Revoke a link")
        .description("Downloads with it that are under way do not complete.")
        .parameters([id()])
        .answers(204, "It is of no use any more.", &[], vec![])
        .problems(&ALWAYS)
        .problems(&[StatusCode::NOT_FOUND]);
    let item = get("link").at(HttpMethod::Get, PathItem::default());
    let item = get("link_head").without_bodies().at(HttpMethod::Head, item);
    revoke.at(HttpMethod::Delete, item)
}

fn download() -> PathItem {
    let token = || segment("token", "The token of a link.", "AbC");
    let range =
        "Parts of the file in `bytes`; one that goes on where a download broke off completes it.";
    let ranges = [
        plain("Range", range),
        plain(
            "If-Range",
            "The entity tag or date of the version that the parts are of.",
        ),
    ];
    let part = [DOWNLOAD.as_slice(), &[CONTENT_RANGE]].concat();
    let get = OperationDoc::open(TAG, "download", "The file that a link shares")
        .description(
            "A use of the link is spent when every byte was handed over, and not before. A request \
             that a client makes ahead of its user, as `Sec-Purpose: prefetch` says, is answered \
             with 423 and takes no use. A program that shows a preview of a link downloads the \
             file like any other client: do not send a link for one download through a service \
             that previews links.",
        )
        .parameters([token()].into_iter().chain(reading()).chain(ranges))
        .answers(
            200,
            "The whole file, or a page of the directory that the link shares.",
            &DOWNLOAD,
            vec![Body::bytes("*/*")],
        )
        .answers(307, ELSEWHERE, &[LOCATION], vec![])
        .answers(
            206,
            "One part, or several as `multipart/byteranges`.",
            &part,
            vec![Body::bytes("*/*")],
        )
        .answers(
            304,
            "The client has it already.",
            &[ETAG, LAST_MODIFIED],
            vec![],
        )
        .problems(&DOWNLOADING)
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE]);
    let head = OperationDoc::open(
        TAG,
        "download_head",
        "What a download would say; it takes no use of the link",
    )
    .parameters([token()].into_iter().chain(reading()))
    .answers(200, "It is there.", &DOWNLOAD, vec![])
    .answers(307, ELSEWHERE, &[LOCATION], vec![])
    .answers(
        304,
        "The client knows it already.",
        &[ETAG, LAST_MODIFIED],
        vec![],
    )
    .problems(&DOWNLOADING)
    .without_bodies();
    head.at(
        HttpMethod::Head,
        get.at(HttpMethod::Get, PathItem::default()),
    )
}

/// What is in a directory that a link shares.
fn below() -> PathItem {
    let own = || {
        [
            segment("token", "The token of a link of a directory.", "AbC"),
            path("report.pdf"),
            plain("Accept", "Of a directory: `text/html` for a page of links."),
            number(
                "limit",
                "Of a directory: entries of one page.",
                1,
                Some(10_000),
            ),
            words(
                "after",
                "Of a directory: the cursor in the `Link` of the page before.",
            ),
            fields(),
        ]
    };
    let ranges = [
        plain("Range", "Parts of the file in `bytes`."),
        plain(
            "If-Range",
            "The entity tag or date of the version that the parts are of.",
        ),
    ];
    let part = [DOWNLOAD.as_slice(), &[CONTENT_RANGE]].concat();
    let whole = [DOWNLOAD.as_slice(), &[LINK, VARY]].concat();
    let get = OperationDoc::open(TAG, "download_below", "What is in a directory of a link")
        .description(
            "A file, or a directory as an array of `SharedEntry`, or, where `Accept` prefers \
             `text/html`, as a page of links to all that is in it.",
        )
        .parameters(own().into_iter().chain(reading()).chain(ranges))
        .answers(
            200,
            "The whole file, or a page of the directory.",
            &whole,
            vec![Body::bytes("*/*")],
        )
        .answers(
            206,
            "One part, or several as `multipart/byteranges`.",
            &part,
            vec![Body::bytes("*/*")],
        )
        .answers(
            304,
            "The client has it already.",
            &[ETAG, LAST_MODIFIED],
            vec![],
        )
        .answers(307, ELSEWHERE, &[LOCATION], vec![])
        .problems(&DOWNLOADING)
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE]);
    let head = OperationDoc::open(TAG, "download_below_head", "What GET would say")
        .parameters(own().into_iter().chain(reading()))
        .answers(200, "It is there.", &whole, vec![])
        .answers(
            304,
            "The client knows it already.",
            &[ETAG, LAST_MODIFIED],
            vec![],
        )
        .answers(307, ELSEWHERE, &[LOCATION], vec![])
        .problems(&DOWNLOADING)
        .without_bodies();
    head.at(
        HttpMethod::Head,
        get.at(HttpMethod::Get, PathItem::default()),
    )
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
