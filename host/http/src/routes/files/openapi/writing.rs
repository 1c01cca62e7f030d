//! PUT, POST and DELETE.

use http::StatusCode;
use utoipa::openapi::path::Parameter;

use super::{ALWAYS, CHANGING, TAG};
use crate::routes::openapi::headers::{ETAG, LAST_MODIFIED, LOCATION, MTIME, REPR_DIGEST};
use crate::routes::openapi::operation::{Body, OperationDoc};
use crate::routes::openapi::parameters::{
    flag, mtime, path, plain, preconditions, required_words, want_repr_digest,
};

const BYTES: &str = "The bytes of the file. The `Content-Type` of the request, \
                     `application/octet-stream` included, is stored and is the media type of later \
                     reads, so send the type of the file; without one, or with a range such as \
                     `image/*`, it is guessed from the name. Of a form, the one file in it is \
                     stored, with the media type of its part.";

pub(super) fn write() -> OperationDoc {
    let own = [path("docs/report.pdf")];
    stores(
        OperationDoc::new(TAG, "writeFile", "Create or replace a file"),
        own.into_iter().chain(storing()).collect(),
    )
    .description(
        "Readers see the old file or the new one, never a part. Directories on the way are made. \
         `If-None-Match: *` only creates, `If-Match` only replaces the version that the client \
         knows. POST with a body is the same as PUT with `If-None-Match: *`, but fails with 409. \
         The name of a file in a form is not used.",
    )
}

pub(super) fn upload() -> OperationDoc {
    let own = [path("docs"), disposition()];
    stores(
        OperationDoc::new(TAG, "uploadFile", "Store a file in a directory"),
        own.into_iter().chain(storing()).collect(),
    )
    .description(
        "The same as `writeFile`, with the name of the file from `Content-Disposition`, or from \
         the form. The slash at the end of the path says that it is the directory. POST with a \
         form does the same, but never replaces a file.",
    )
}

pub(super) fn upload_to_root() -> OperationDoc {
    stores(
        OperationDoc::new(TAG, "uploadFileToRoot", "Store a file in the root"),
        [vec![disposition()], storing()].concat(),
    )
    .description(
        "The same as `writeFile`, with the name of the file from `Content-Disposition`, or from \
         the form. POST with a form does the same, but never replaces a file.",
    )
}

pub(super) fn copy() -> OperationDoc {
    let from = required_words(
        "from",
        "The path of the file or directory to copy, a directory with all that is in it.",
        "/docs/report.pdf",
    );
    let own = [
        path("archive/report.pdf"),
        from,
        mtime(),
        want_repr_digest(),
    ];
    OperationDoc::new(TAG, "copyEntry", "Copy a file or a directory")
        .description(
            "The server copies; no bytes are sent. Directories on the way are made. An entry that \
             exists is not replaced: PUT takes `from` as well, and replaces it.",
        )
        .parameters(own.into_iter().chain(preconditions()))
        .answers(
            201,
            "The copy was made.",
            &[ETAG, LAST_MODIFIED, MTIME, REPR_DIGEST, LOCATION],
            vec![],
        )
        .problems(&ALWAYS)
        .problems(&CHANGING)
        .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

pub(super) fn create_directory() -> OperationDoc {
    OperationDoc::new(TAG, "createDirectory", "Create a directory")
        .description(
            "Directories on the way are made. The slash at the end of the path says that a \
             directory is meant; the request has no body.",
        )
        .parameters([path("docs")].into_iter().chain(preconditions()))
        .answers(
            200,
            "The directory existed.",
            &[ETAG, LAST_MODIFIED, MTIME],
            vec![],
        )
        .answers(
            201,
            "The directory was made.",
            &[ETAG, LAST_MODIFIED, MTIME, LOCATION],
            vec![],
        )
        .problems(&ALWAYS)
        .problems(&CHANGING)
}

pub(super) fn delete() -> OperationDoc {
    let recursive = flag(
        "recursive",
        "Remove a directory with all that is in it; otherwise it has to be empty.",
    );
    let own = [path("docs/report.pdf"), recursive];
    OperationDoc::new(TAG, "deleteEntry", "Remove a file or a directory")
        .description(
            "`If-Match` removes only the version that the client knows. The root cannot be \
             removed.",
        )
        .parameters(own.into_iter().chain(preconditions()))
        .answers(204, "The entry was removed.", &[], vec![])
        .problems(&ALWAYS)
        .problems(&CHANGING)
}

fn stores(operation: OperationDoc, parameters: Vec<Parameter>) -> OperationDoc {
    operation
        .parameters(parameters)
        .body(BYTES, Body::upload())
        .answers(
            200,
            "The file was replaced.",
            &[ETAG, LAST_MODIFIED, MTIME, REPR_DIGEST],
            vec![],
        )
        .answers(
            201,
            "The file is new.",
            &[ETAG, LAST_MODIFIED, MTIME, REPR_DIGEST, LOCATION],
            vec![],
        )
        .problems(&ALWAYS)
        .problems(&CHANGING)
        .problems(&[StatusCode::PAYLOAD_TOO_LARGE])
}

fn disposition() -> Parameter {
    plain(
        "Content-Disposition",
        "The name of the file (RFC 6266); required unless the body is a form.",
        "attachment; filename=\"report.pdf\"",
    )
}

fn storing() -> Vec<Parameter> {
    let digest = |name, of| {
        let description = format!(
            "A digest in `sha-256` or `sha-512` that {of} must have (RFC 9530); other algorithms \
             are ignored."
        );
        // Of the bytes in the example of the body.
        let example = "sha-256=:WJG1tSLV3whtD/CxEPvZ0hu0/HFjrzTQgoai6Eb2vgM=:";
        plain(name, &description, example)
    };
    let own = vec![
        mtime(),
        digest("Content-Digest", "the bytes, which are not in a form,"),
        digest("Repr-Digest", "the file"),
        want_repr_digest(),
    ];
    [preconditions(), own].concat()
}
