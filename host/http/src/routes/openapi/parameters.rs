//! Parameters of requests: the path, the query, and header fields.

use utoipa::openapi::Required;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};

/// A path without its first slash: names that are neither `.` nor `..` and have no control
/// character.
const PATH: &str = concat!(
    r"^([^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.[^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.\.[^/\x00-\x1f\x7f-\x9f]+)",
    r"(/([^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.[^/.\x00-\x1f\x7f-\x9f][^/\x00-\x1f\x7f-\x9f]*",
    r"|\.\.[^/\x00-\x1f\x7f-\x9f]+))*/?$"
);
/// RFC 9110 section 13.1: `*`, or a list of entity tags.
const ETAGS: &str = concat!(
    r#"^([ \t]*\*[ \t]*"#,
    r#"|[ \t,]*(W/)?"[^\x00-\x20"\x7f]*"([ \t]*,[ \t,]*(W/)?"[^\x00-\x20"\x7f]*")*[ \t,]*)$"#
);

pub(crate) fn path(example: &str) -> Parameter {
    let schema = text()
        .pattern(Some(PATH))
        .min_length(Some(1))
        .max_length(Some(4096));
    let description = "Percent-encoded once; slashes separate names, encoded or not. At most 255 \
                       bytes each and 4,096 in all. A slash at the end says that a directory is \
                       meant.";
    let path = ParameterBuilder::new()
        .name("path")
        .parameter_in(ParameterIn::Path)
        .required(Required::True);
    path.description(Some(description))
        .schema(Some(schema))
        .example(Some(example.into()))
        .build()
}

/// True if it is given without a value.
pub(crate) fn flag(name: &str, description: &str) -> Parameter {
    query(
        name,
        description,
        text().enum_values(Some(["", "true", "1", "false", "0"])),
    )
}

pub(crate) fn number(name: &str, description: &str, least: u32, most: Option<u32>) -> Parameter {
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .minimum(Some(least))
        .maximum(most);
    query(name, description, number)
}

pub(crate) fn one_of<const N: usize>(
    name: &str,
    description: &str,
    values: [&str; N],
) -> Parameter {
    query(name, description, text().enum_values(Some(values)))
}

pub(crate) fn words(name: &str, description: &str) -> Parameter {
    query(name, description, text())
}

/// What the entries of a listing are to have more.
pub(crate) fn fields() -> Parameter {
    words(
        "fields",
        "Members that the entries are to have more, separated by commas: `sha256`, \
         `content_type`. Those that each entry has may be named. A page of links has none.",
    )
}

/// Under which conditions something may be changed.
pub(crate) fn preconditions() -> Vec<Parameter> {
    let etags = |name, description| header(name, description, text().pattern(Some(ETAGS)));
    vec![
        etags(
            "If-Match",
            "Go on only if this is the entity tag, or, with `*`, if there is anything.",
        ),
        etags(
            "If-None-Match",
            "Go on only if this is not the entity tag, or, with `*`, if there is nothing.",
        ),
        plain(
            "If-Unmodified-Since",
            "An HTTP date; anything else is ignored.",
        ),
    ]
}

/// Under which conditions something is sent, and which part of it.
pub(crate) fn reading() -> Vec<Parameter> {
    let mut parameters = preconditions();
    parameters.push(plain(
        "If-Modified-Since",
        "An HTTP date; anything else is ignored.",
    ));
    parameters.push(plain(
        "Want-Repr-Digest",
        "`sha-256=1` asks for `Repr-Digest` (RFC 9530).",
    ));
    parameters
}

/// A header field that is ignored if it makes no sense, or that has a grammar of its own.
pub(crate) fn plain(name: &str, description: &str) -> Parameter {
    header(name, description, text())
}

fn header(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    let header = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(Required::False);
    header
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn query(name: &str, description: &str, schema: ObjectBuilder) -> Parameter {
    let query = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .required(Required::False);
    query
        .description(Some(description))
        .schema(Some(schema))
        .build()
}

fn text() -> ObjectBuilder {
    ObjectBuilder::new().schema_type(Type::String)
}
