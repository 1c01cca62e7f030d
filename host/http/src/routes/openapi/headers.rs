//! Header fields of responses.

use utoipa::openapi::ResponseBuilder;
use utoipa::openapi::header::HeaderBuilder;
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// Its name, what it looks like, and what it says.
pub(crate) type Named = (&'static str, Look, &'static str);

/// What a value looks like.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Text,
    Number,
    /// A regular expression.
    Pattern(&'static str),
}

use Look::{Number, Pattern, Text};

/// On every response there is.
const EVERYWHERE: [Named; 3] = [
    (
        "X-Request-Id",
        Pattern("^[A-Za-z0-9._-]{1,128}$"),
        "The client's own, if it was well-formed, or a new one.",
    ),
    (
        "RateLimit-Policy",
        Text,
        "Where a limit is configured: how many requests (`q`) in how many seconds (`w`).",
    ),
    (
        "RateLimit",
        Text,
        "Where a limit is configured: requests left (`r`), and seconds until all are (`t`).",
    ),
];

pub(crate) const ETAG: Named = (
    "ETag",
    Pattern("^\"[!#-~]*\"$"),
    "A strong entity tag: it changes with the bytes.",
);
pub(crate) const LAST_MODIFIED: Named = ("Last-Modified", Text, "An HTTP date.");
pub(crate) const MTIME: Named = (
    "X-CallFS-MTime",
    Text,
    "Time of the last change, RFC 3339 in UTC.",
);
pub(crate) const LOCATION: Named = ("Location", Text, "The URL of what was made.");
pub(crate) const CONTENT_LOCATION: Named = ("Content-Location", Text, "The URL of it now.");
pub(crate) const CONTENT_RANGE: Named = (
    "Content-Range",
    Pattern("^bytes ([0-9]+-[0-9]+|\\*)/[0-9]+$"),
    "Which bytes these are; of several parts, each has its own.",
);
pub(crate) const LINK: Named = (
    "Link",
    Text,
    "`rel=\"next\"`: the next page, if there is one.",
);
pub(crate) const VARY: Named = ("Vary", Text, "`Accept`");
pub(crate) const REPR_DIGEST: Named = (
    "Repr-Digest",
    Pattern("^sha-256=:[A-Za-z0-9+/]{43}=:$"),
    "SHA-256 of the whole file, if it was wanted and is known.",
);
pub(super) const RETRY_AFTER: Named = ("Retry-After", Number, "Seconds to wait.");
pub(super) const WWW_AUTHENTICATE: Named = ("WWW-Authenticate", Text, "`Bearer` and `Basic`.");

/// What is known of a file or directory.
pub(crate) const ENTRY: [Named; 9] = [
    ETAG,
    LAST_MODIFIED,
    (
        "X-CallFS-Type",
        Pattern("^(file|directory|special)$"),
        "What it is.",
    ),
    ("X-CallFS-Size", Number, "Size in bytes."),
    (
        "X-CallFS-Mode",
        Pattern("^[0-7]{4,5}$"),
        "POSIX permission bits in octal.",
    ),
    (
        "X-CallFS-Owner",
        Text,
        "User, percent-encoded where it is not plain ASCII.",
    ),
    (
        "X-CallFS-Group",
        Text,
        "Group, percent-encoded where it is not plain ASCII.",
    ),
    MTIME,
    ("X-CallFS-Instance-ID", Text, "The node that has it."),
];

/// What else comes with the bytes of a file.
pub(crate) const FILE: [Named; 3] = [
    (
        "Accept-Ranges",
        Pattern("^bytes$"),
        "Of a file: parts of it can be had.",
    ),
    (
        "Content-Disposition",
        Text,
        "Where `download` was asked for: the name to save it under.",
    ),
    REPR_DIGEST,
];

/// What comes with a shared file.
pub(crate) const DOWNLOAD: [Named; 5] = [
    ETAG,
    LAST_MODIFIED,
    (
        "Accept-Ranges",
        Pattern("^bytes$"),
        "Parts of it can be had.",
    ),
    ("Content-Disposition", Text, "The name to save it under."),
    REPR_DIGEST,
];

/// Adds those, and those that are on every response.
pub(super) fn add(response: ResponseBuilder, own: &[Named]) -> ResponseBuilder {
    own.iter()
        .chain(&EVERYWHERE)
        .fold(response, |response, (name, look, description)| {
            let schema = match look {
                Text => ObjectBuilder::new().schema_type(Type::String),
                Number => ObjectBuilder::new()
                    .schema_type(Type::Integer)
                    .minimum(Some(0)),
                Pattern(pattern) => ObjectBuilder::new()
                    .schema_type(Type::String)
                    .pattern(Some(*pattern)),
            };
            response.header(
                *name,
                HeaderBuilder::new()
                    .schema(Some(schema))
                    .description(Some(*description))
                    .build(),
            )
        })
}
