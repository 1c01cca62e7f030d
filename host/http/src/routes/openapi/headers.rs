//! Header fields of responses.

use utoipa::openapi::header::{Header, HeaderBuilder};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{Ref, ResponseBuilder};

/// Its name, what it looks like, and what it says.
pub(crate) type Named = (&'static str, Look, &'static str);

/// What a value looks like.
#[derive(Clone, Copy)]
pub(crate) enum Look {
    Text,
    Number,
    /// A regular expression.
    Pattern(&'static str),
    /// One of these.
    OneOf(&'static [&'static str]),
}

use Look::{Number, OneOf, Pattern, Text};

/// On every response there is; each response refers to them.
const EVERYWHERE: [Named; 3] = [
    (
        "X-Request-Id",
        Pattern("^[A-Za-z0-9._-]{1,128}$"),
        "The id that the client sent, if it was well-formed, or a new one.",
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
pub(crate) const LOCATION: Named = ("Location", Text, "The URL of the new resource.");
pub(crate) const REDIRECT: Named = ("Location", Text, "The URL with a slash at its end.");
pub(crate) const CONTENT_LOCATION: Named = (
    "Content-Location",
    Text,
    "After a move: the URL of the entry now.",
);
pub(crate) const CONTENT_RANGE: Named = (
    "Content-Range",
    Pattern("^bytes ([0-9]+-[0-9]+|\\*)/[0-9]+$"),
    "Which bytes these are; of several parts, each has its own.",
);
pub(crate) const LINK: Named = (
    "Link",
    Text,
    "`rel=\"next\"`: the URL of the next page, if there is one.",
);
pub(crate) const VARY: Named = (
    "Vary",
    Text,
    "`Accept` where it chooses between forms, and `Accept-Encoding` where the response may be \
     compressed.",
);
pub(crate) const CONTENT_ENCODING: Named = (
    "Content-Encoding",
    Text,
    "How the response is compressed for this client, or the coding in which the file is stored.",
);
pub(crate) const REPR_DIGEST: Named = (
    "Repr-Digest",
    Pattern("^sha-256=:[A-Za-z0-9+/]{43}=:$"),
    "SHA-256 of the whole file, if it was requested and is known.",
);
pub(super) const RETRY_AFTER: Named = ("Retry-After", Number, "Seconds to wait.");
pub(super) const WWW_AUTHENTICATE: Named = ("WWW-Authenticate", Text, "`Bearer` and `Basic`.");

/// What is known of a file or directory.
pub(crate) const ENTRY: [Named; 9] = [
    ETAG,
    LAST_MODIFIED,
    (
        "X-CallFS-Type",
        OneOf(&["file", "directory", "special"]),
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
pub(crate) const FILE: [Named; 5] = [
    CONTENT_ENCODING,
    VARY,
    (
        "Accept-Ranges",
        OneOf(&["bytes"]),
        "Of a file: ranges of it can be requested.",
    ),
    (
        "Content-Disposition",
        Text,
        "With `download`: the name to save the file under.",
    ),
    REPR_DIGEST,
];

/// What comes with a shared file.
pub(crate) const DOWNLOAD: [Named; 7] = [
    CONTENT_ENCODING,
    VARY,
    ETAG,
    LAST_MODIFIED,
    (
        "Accept-Ranges",
        OneOf(&["bytes"]),
        "Ranges of the file can be requested.",
    ),
    (
        "Content-Disposition",
        Text,
        "Whether browsers save or show the file, and the name to save it under.",
    ),
    REPR_DIGEST,
];

/// Those that are on every response, for the components of the document.
pub(super) fn everywhere() -> impl Iterator<Item = (&'static str, Header)> {
    EVERYWHERE.iter().map(|named| (named.0, header(named)))
}

/// Adds those, and those that are on every response.
pub(super) fn add(response: ResponseBuilder, own: &[Named]) -> ResponseBuilder {
    let with_own = own.iter().fold(response, |response, named| {
        response.header(named.0, header(named))
    });
    EVERYWHERE.iter().fold(with_own, |response, (name, ..)| {
        response.header_ref(*name, Ref::new(format!("#/components/headers/{name}")))
    })
}

fn header((_, look, description): &Named) -> Header {
    let text = || ObjectBuilder::new().schema_type(Type::String);
    let schema = match look {
        Text => text(),
        Number => ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(0)),
        Pattern(pattern) => text().pattern(Some(*pattern)),
        OneOf(values) => text().enum_values(Some(values.iter().copied())),
    };
    HeaderBuilder::new()
        .schema(Some(schema))
        .description(Some(*description))
        .build()
}
