//! Parameters of requests: the path, the query, and header fields.

use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ArrayBuilder, ObjectBuilder, Schema, Type};
use utoipa::openapi::{Ref, RefOr, Required};

use crate::fields::members::{EntryMembers, OPTIONAL};

/// A path without its first slash: names that are neither `.` nor `..` and have no control
/// character.
const PATH: &str = concat!(
    r"^([^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.[^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.\.[^/\x00-\x1f\x7f-\x9f]+)",
    r"(/([^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.[^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.\.[^/\x00-\x1f\x7f-\x9f]+))*$"
);
/// RFC 9110 section 13.1: `*`, or a list of entity tags.
const ETAGS: &str = concat!(
    r#"^([ \t]*\*[ \t]*"#,
    r#"|[ \t,]*(W/)?"[^\x00-\x20"\x7f]*"([ \t]*,[ \t,]*(W/)?"[^\x00-\x20"\x7f]*")*[ \t,]*)$"#
);

const FIELD: &str = "EntryField";
const DATE: &str = "Sat, 31 Jan 2026 12:00:00 GMT";

pub(crate) fn path(example: &str) -> Parameter {
    let schema = text()
        .pattern(Some(PATH))
        .min_length(Some(1))
        .max_length(Some(4096));
    let description = "The path without its first slash, percent-encoded once. Slashes separate \
                       names and may be encoded as `%2F`, as generated clients do. At most 255 \
                       bytes per name and 4,096 in all.";
    let path = ParameterBuilder::new()
        .name("path")
        .parameter_in(ParameterIn::Path)
        .required(Required::True);
    path.description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

/// `true` or `false`. The server takes more, `1` and no value at all; a client sends one of these.
pub(crate) fn flag(name: &str, description: &str) -> Parameter {
    query(
        name,
        description,
        ObjectBuilder::new().schema_type(Type::Boolean),
    )
    .build()
}

pub(crate) fn number(name: &str, description: &str, least: u32, most: Option<u32>) -> Parameter {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(most);
    query(name, description, number).build()
}

pub(crate) fn one_of<const N: usize>(
    name: &str,
    description: &str,
    values: [&str; N],
) -> Parameter {
    query(name, description, text().enum_values(Some(values))).build()
}

pub(crate) fn words(name: &str, description: &str, example: &str) -> Parameter {
    query(name, description, text())
        .example(Some(example.into()))
        .build()
}

/// A query parameter that makes the operation what it is.
pub(crate) fn required_words(name: &str, description: &str, example: &str) -> Parameter {
    query(name, description, text().min_length(Some(1)))
        .required(Required::True)
        .example(Some(example.into()))
        .build()
}

/// What the entries of a listing are to have more.
pub(crate) fn fields() -> Parameter {
    let names = ArrayBuilder::new().items(Ref::from_schema_name(FIELD));
    query(
        EntryMembers::PARAMETER,
        "Members that entries have only on request. The parameter may be repeated, or name \
         several, separated by commas. A page of links has no members.",
        names,
    )
    .example(Some(OPTIONAL.into()))
    .build()
}

/// A member that entries have only on request.
pub(super) fn field() -> (&'static str, Schema) {
    let names = text().enum_values(Some(OPTIONAL)).description(Some(
        "A member that the entries of a listing have only on request.",
    ));
    (FIELD, names.into())
}

/// The time of the last change that a file is to have.
pub(crate) fn mtime() -> Parameter {
    plain(
        "X-CallFS-MTime",
        "The time of the last change that the file is to have, or the copy of a file: RFC 3339, \
         or seconds since 1970 with at most nine digits after the point. Without it, it is the \
         present. A storage without entity tags keeps its own times.",
        "2026-01-31T12:00:00Z",
    )
}

/// Under which conditions something may be changed.
pub(crate) fn preconditions() -> Vec<Parameter> {
    let etags = |name, description, example: &str| {
        header(name, description, text().pattern(Some(ETAGS)))
            .example(Some(example.into()))
            .build()
    };
    vec![
        etags(
            "If-Match",
            "Continue only if the entry has this entity tag, or, with `*`, if it exists. A failed \
             condition is 412.",
            "\"0123456789abcdef\"",
        ),
        etags(
            "If-None-Match",
            "Continue only if the entry does not have this entity tag, or, with `*`, if it does \
             not exist. On reads a failed condition is 304, otherwise 412.",
            "\"fedcba9876543210\"",
        ),
        plain(
            "If-Unmodified-Since",
            "Continue only if nothing has changed since this HTTP date; anything else is ignored.",
            DATE,
        ),
    ]
}

/// Under which conditions something is sent, and its digest.
pub(crate) fn reading() -> Vec<Parameter> {
    let mut parameters = preconditions();
    parameters.push(plain(
        "If-Modified-Since",
        "Send it only if it has changed since this HTTP date; anything else is ignored.",
        DATE,
    ));
    parameters.push(want_repr_digest());
    parameters
}

/// Which part of a file is sent.
pub(crate) fn ranges() -> [Parameter; 2] {
    [
        plain(
            "Range",
            "One or several ranges in `bytes`: `bytes=0-99`, `bytes=100-`, `bytes=-100`. Anything \
             else is ignored (RFC 9110 section 14).",
            "bytes=0-99",
        ),
        plain(
            "If-Range",
            "The strong entity tag or date of the version that the range is of; another version \
             is sent whole.",
            "\"0123456789abcdef\"",
        ),
    ]
}

pub(crate) fn want_repr_digest() -> Parameter {
    plain(
        "Want-Repr-Digest",
        "`sha-256=1` asks for `Repr-Digest` (RFC 9530).",
        "sha-256=1",
    )
}

/// A header field that is ignored if it makes no sense, or that has a grammar of its own.
pub(crate) fn plain(name: &str, description: &str, example: &str) -> Parameter {
    header(name, description, text())
        .example(Some(example.into()))
        .build()
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn query(name: &str, description: &str, schema: impl Into<RefOr<Schema>>) -> ParameterBuilder {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False)
        .description(Some(description))
        .schema(Some(schema))
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
