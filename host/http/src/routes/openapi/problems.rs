//! Failures: each status with the codes that can come with it, from the one table that handlers use
//! as well.

use std::collections::BTreeSet;

use http::StatusCode;
use utoipa::openapi::schema::{AllOfBuilder, ObjectBuilder, Type};
use utoipa::openapi::{ContentBuilder, Ref, Response, ResponseBuilder};

use super::headers::{self, CONTENT_RANGE, Named, RETRY_AFTER, WWW_AUTHENTICATE};
use crate::problem;

/// Every status that a failure can have, each once.
pub(super) fn all() -> BTreeSet<StatusCode> {
    problem::statuses().collect()
}

/// What the response of a failure is called in the document.
pub(super) fn name(status: StatusCode) -> String {
    let words = status.canonical_reason().unwrap_or_default();
    words.chars().filter(char::is_ascii_alphanumeric).collect()
}

/// The response of a failure.
pub(super) fn response(status: StatusCode) -> Response {
    let codes = problem::codes(status);
    let own: &[Named] = match status {
        StatusCode::UNAUTHORIZED => &[WWW_AUTHENTICATE],
        StatusCode::RANGE_NOT_SATISFIABLE => &[CONTENT_RANGE],
        StatusCode::TOO_MANY_REQUESTS | StatusCode::LOCKED | StatusCode::SERVICE_UNAVAILABLE => {
            &[RETRY_AFTER]
        }
        _ => &[],
    };
    let number = ObjectBuilder::new()
        .schema_type(Type::Integer)
        .enum_values(Some([status.as_u16()]));
    let code = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(codes.clone()));
    let narrowed = ObjectBuilder::new()
        .property("status", number)
        .property("code", code);
    let schema = AllOfBuilder::new()
        .item(Ref::from_schema_name("Problem"))
        .item(narrowed);
    let description = format!(
        "{}: {}",
        status.canonical_reason().unwrap_or_default(),
        codes.join(", ")
    );
    let content = ContentBuilder::new().schema(Some(schema)).build();
    headers::add(ResponseBuilder::new().description(description), own)
        .content("application/problem+json", content)
        .build()
}
