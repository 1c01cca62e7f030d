//! Failures: one document for all, and a response for each status with the codes that can come with
//! it, from the one table that handlers use as well.

use std::collections::BTreeSet;

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};

use super::headers::{self, CONTENT_RANGE, Named, RETRY_AFTER, WWW_AUTHENTICATE};
use crate::problem::{self, CODE_SCHEMA};

/// What the responses of failures are called and are, with and without a body.
pub(super) fn responses() -> impl Iterator<Item = (String, Response)> {
    statuses().into_iter().flat_map(|status| {
        [
            (name(status), response(status)),
            (name_of_head(status), head(status).build()),
        ]
    })
}

/// What the response of a failure is called in the document.
pub(super) fn name(status: StatusCode) -> String {
    let words = status.canonical_reason().unwrap_or_default();
    words.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The same of the response to HEAD, which has no body.
pub(super) fn name_of_head(status: StatusCode) -> String {
    format!("Head{}", name(status))
}

/// The name and the schema of every code that a failure can have.
pub(super) fn codes() -> (&'static str, Schema) {
    let mut codes: Vec<&str> = statuses().into_iter().flat_map(problem::codes).collect();
    codes.push(problem::METHOD_NOT_ALLOWED);
    codes.sort_unstable();
    codes.dedup();
    let schema = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes))
        .description(Some(
            "The kind of a failure. A code keeps its meaning; later versions may add codes.",
        ));
    (CODE_SCHEMA, schema.into())
}

/// Every status that a failure can have, each once.
fn statuses() -> BTreeSet<StatusCode> {
    problem::statuses().collect()
}

fn response(status: StatusCode) -> Response {
    let code = problem::codes(status).first().copied().unwrap_or_default();
    let example = json!({
        "type": "about:blank", "title": status.canonical_reason(), "status": status.as_u16(),
        "detail": "what is wrong, and what to do",
        "instance": "/v1/files/docs/report.pdf", "code": code,
        "message": "what is wrong, and what to do",
        "request_id": "6f1c2a",
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .example(Some(example))
        .build();
    head(status)
        .content("application/problem+json", content)
        .build()
}

fn head(status: StatusCode) -> ResponseBuilder {
    let own: &[Named] = match status {
        StatusCode::UNAUTHORIZED => &[WWW_AUTHENTICATE],
        StatusCode::RANGE_NOT_SATISFIABLE => &[CONTENT_RANGE],
        StatusCode::TOO_MANY_REQUESTS | StatusCode::LOCKED | StatusCode::SERVICE_UNAVAILABLE => {
            &[RETRY_AFTER]
        }
        _ => &[],
    };
    let description = format!(
        "{}: `{}`",
        status.canonical_reason().unwrap_or_default(),
        problem::codes(status).join("`, `")
    );
    headers::add(ResponseBuilder::new().description(description), own)
}
