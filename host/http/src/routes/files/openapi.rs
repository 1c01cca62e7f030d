//! `/v1/files/{path}` in the OpenAPI document.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::Parameter;
use utoipa::openapi::schema::{Array, Schema};
use utoipa::openapi::{HttpMethod, PathItem, Ref};

use crate::routes::openapi::headers::{
    CONTENT_LOCATION, CONTENT_RANGE, ENTRY, ETAG, FILE, LAST_MODIFIED, LINK, LOCATION, MTIME,
    Named, REPR_DIGEST,
};
use crate::routes::openapi::operation::{Body, OperationDoc, anything};
use crate::routes::openapi::parameters::{
    fields, flag, number, path, plain, preconditions, reading, words,
};

const TAG: &str = "files";

/// Whoever asks for anything under a path.
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
/// Whoever changes something.
const CHANGING: [StatusCode; 4] = [
    StatusCode::CONFLICT,
    StatusCode::UNPROCESSABLE_ENTITY,
    StatusCode::LOCKED,
    StatusCode::INSUFFICIENT_STORAGE,
];

/// The root has no name, and a template in a path stands for something; so it is described apart.
#[derive(Clone, Copy, PartialEq)]
enum FilesRoute {
    Root,
    Below,
}

impl FilesRoute {
    fn id(self, name: &str) -> String {
        if self == Self::Root {
            format!("{name}_root")
        } else {
            name.into()
        }
    }

    fn parameters(self, more: Vec<Parameter>) -> Vec<Parameter> {
        (self == Self::Below)
            .then(|| path("docs/report.pdf"))
            .into_iter()
            .chain(more)
            .collect()
    }
}

pub(crate) fn paths() -> Vec<(&'static str, PathItem)> {
    vec![
        ("/v1/files/", item(FilesRoute::Root)),
        ("/v1/files/{path}", item(FilesRoute::Below)),
    ]
}

fn item(place: FilesRoute) -> PathItem {
    let item = get(place).at(HttpMethod::Get, PathItem::default());
    let item = head(place).at(HttpMethod::Head, item);
    let item = put(place).at(HttpMethod::Put, item);
    let item = post(place).at(HttpMethod::Post, item);
    let item = patch(place).at(HttpMethod::Patch, item);
    delete(place).at(HttpMethod::Delete, item)
}

fn get(place: FilesRoute) -> OperationDoc {
    let mut parameters = wanted();
    parameters.push(plain(
        "Range",
        "Parts of a file in `bytes`; anything else is ignored (RFC 9110 section 14).",
    ));
    parameters.push(plain(
        "If-Range",
        "The strong entity tag or date of the version that the parts are of.",
    ));
    let whole = [ENTRY.as_slice(), &FILE, &[LINK]].concat();
    let part = [ENTRY.as_slice(), &FILE, &[CONTENT_RANGE]].concat();
    let html = Body {
        media_type: "text/html",
        schema: anything(),
        example: None,
    };
    let directory = Body {
        media_type: "application/json",
        // A file of this media type can hold anything.
        schema: if place == FilesRoute::Root {
            entries().into()
        } else {
            anything()
        },
        example: Some(json!([entry()])),
    };
    let operation = OperationDoc::new(
        TAG,
        &place.id("read"),
        "The bytes of a file, or the entries of a directory",
    )
    .description(
        "A directory answers with an array of `Entry` in byte order of their names, in pages, or, \
         where `Accept` prefers `text/html`, with a page of links to all of them. A file ignores \
         parameters of the query that are not for files.",
    )
    .parameters(place.parameters(parameters))
    .answers(
        200,
        "The whole file, or a page of the directory.",
        &whole,
        match place {
            FilesRoute::Root => vec![directory, html],
            FilesRoute::Below => vec![directory, html, Body::bytes("*/*")],
        },
    )
    .answers(
        304,
        "The client has it already.",
        &[ETAG, LAST_MODIFIED],
        vec![],
    )
    .answers(
        307,
        "A page of links is under the path with a slash at its end.",
        &[LOCATION],
        vec![],
    )
    .problems(&ALWAYS)
    .problems(&[StatusCode::UNPROCESSABLE_ENTITY, StatusCode::LOCKED]);
    if place == FilesRoute::Root {
        return operation;
    }
    operation
        .answers(
            206,
            "One part, or several as `multipart/byteranges`.",
            &part,
            vec![Body::bytes("*/*")],
        )
        .problems(&[StatusCode::RANGE_NOT_SATISFIABLE])
}

fn head(place: FilesRoute) -> OperationDoc {
    OperationDoc::new(
        TAG,
        &place.id("stat"),
        "What GET would say, without the bytes",
    )
    .parameters(place.parameters(wanted()))
    .answers(
        200,
        "It is there.",
        &[ENTRY.as_slice(), &FILE].concat(),
        vec![],
    )
    .answers(
        304,
        "The client knows it already.",
        &[ETAG, LAST_MODIFIED],
        vec![],
    )
    .answers(
        307,
        "A page of links is under the path with a slash at its end.",
        &[LOCATION],
        vec![],
    )
    .problems(&ALWAYS)
    .problems(&[StatusCode::UNPROCESSABLE_ENTITY])
    .without_bodies()
}

fn put(place: FilesRoute) -> OperationDoc {
    OperationDoc::new(TAG, &place.id("replace"), "Create or replace a file")
        .description(
            "Directories on the way are made. A path that ends in a slash, and the root, take the \
             name of the file from `Content-Disposition`. The media type is kept, or guessed from \
             the name if there is none. Of `multipart/form-data` the one file in it is stored, \
             with the media type of its part, and in a directory with the name of its part.",
        )
        .parameters(place.parameters(storing()))
        .body(
            false,
            "The bytes, of any media type and length.",
            vec![Body::bytes("application/octet-stream"), Body::bytes("*/*")],
        )
        .answers(200, "It was replaced.", &stored(), vec![])
        .answers(
            201,
            "It is new.",
            &[stored().as_slice(), &[LOCATION]].concat(),
            vec![],
        )
        .problems(&ALWAYS)
        .problems(&CHANGING)
        .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

fn post(place: FilesRoute) -> OperationDoc {
    OperationDoc::new(
        TAG,
        &place.id("create"),
        "Create a file that is not there yet, or a directory",
    )
    .description(
        "A path that ends in a slash, and the root, mean a directory, which takes no body but \
         `multipart/form-data` with a file to create in it. Directories on the way are made.",
    )
    .parameters(place.parameters(storing()))
    .body(
        false,
        "The bytes, of any media type and length.",
        vec![Body::bytes("application/octet-stream"), Body::bytes("*/*")],
    )
    .answers(200, "The directory was there already.", &stored(), vec![])
    .answers(
        201,
        "It was made.",
        &[stored().as_slice(), &[LOCATION]].concat(),
        vec![],
    )
    .problems(&ALWAYS)
    .problems(&CHANGING)
    .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

fn patch(place: FilesRoute) -> OperationDoc {
    let rename = || {
        Body::json(
            "Change",
            json!({ "destination": "/archive/report.pdf", "create_parents": true }),
        )
    };
    let merge = Body {
        media_type: "application/merge-patch+json",
        ..rename()
    };
    OperationDoc::new(
        TAG,
        &place.id("change"),
        "Rename, move, or change owner, group, mode or time",
    )
    .description(
        "Either one of `name` and `destination`, or any of `mode`, `owner`, `group` and `mtime`. \
         A move is one step for whoever looks, also to another mount and of whole directories. \
         With `exchange`, what is at both paths changes places in one step: a directory that is in \
         use is replaced without a moment in which it is missing, and what it held is at the path \
         of the request afterwards.",
    )
    .parameters(place.parameters(preconditions()))
    .body(true, "What to change.", vec![rename(), merge])
    .answers(
        200,
        "What it is now, and after a move, where.",
        &[CONTENT_LOCATION, ETAG, LAST_MODIFIED, MTIME],
        vec![Body::json("Entry", entry())],
    )
    .problems(&ALWAYS)
    .problems(&CHANGING)
    .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

fn delete(place: FilesRoute) -> OperationDoc {
    let recursive = flag(
        "recursive",
        "Remove a directory with everything in it; without this it has to be empty.",
    );
    let parameters = [vec![recursive], preconditions()].concat();
    let operation = OperationDoc::new(
        TAG,
        &place.id("remove"),
        "Remove a file or a directory; never the root",
    )
    .parameters(place.parameters(parameters))
    .problems(&ALWAYS)
    .problems(&CHANGING);
    if place == FilesRoute::Root {
        operation
    } else {
        operation.answers(204, "It is gone.", &[], vec![])
    }
}

fn wanted() -> Vec<Parameter> {
    let own = vec![
        plain("Accept", "Of a directory: `text/html` for a page of links."),
        flag("download", "Of a file: send it as an attachment."),
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
    ];
    [own, reading()].concat()
}

fn storing() -> Vec<Parameter> {
    let from = "Instead of a body: the path of a file or directory to copy, a directory with \
                everything in it.";
    let digest = "Digests in `sha-256` or `sha-512` that the bytes must have (RFC 9530); other \
                  algorithms are ignored.";
    let own = vec![
        words("from", from),
        plain(
            "Content-Disposition",
            "The name of the file, if the path names a directory (RFC 6266).",
        ),
        plain(
            "X-CallFS-MTime",
            "The time of the last change that the file, or the copy of a file, is to have: RFC \
             3339, or seconds since 1970 with at most nine digits after the point. It is the \
             present otherwise. A storage without entity tags keeps its own times.",
        ),
        plain("Content-Digest", digest),
        plain("Repr-Digest", digest),
        plain(
            "Want-Repr-Digest",
            "`sha-256=1` asks for `Repr-Digest` (RFC 9530).",
        ),
    ];
    [preconditions(), own].concat()
}

fn stored() -> Vec<Named> {
    vec![ETAG, LAST_MODIFIED, MTIME, REPR_DIGEST]
}

fn entries() -> Schema {
    Schema::Array(Array::new(Ref::from_schema_name("Entry")))
}

fn entry() -> serde_json::Value {
    json!({
        "name": "report.pdf", "path": "/docs/report.pdf", "type": "file", "size": 3,
        "mode": "0644", "owner": "alice",
        "group": "staff", "mtime": "2026-01-31T12:00:00Z", "etag": "v1",
    })
}
