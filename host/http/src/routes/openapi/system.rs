//! What is not about files: health, metrics, and the document itself.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, PathItem};

use super::operation::{Body, OperationDoc};

const TAG: &str = "system";
/// A failure of the service itself, or the request of somebody who asks too often.
const ANY_TIME: [StatusCode; 2] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
];

pub(super) fn paths() -> Vec<(&'static str, PathItem)> {
    vec![
        ("/health", live("health", "Whether the process lives")),
        (
            "/health/live",
            live(
                "live",
                "The same under the name that orchestrators look for",
            ),
        ),
        ("/health/ready", ready()),
        ("/metrics", metrics()),
        ("/openapi.json", document()),
    ]
}

fn live(id: &str, summary: &str) -> PathItem {
    let answer = || Body::json("Health", json!({ "status": "ok" }));
    readable(id, |id| {
        OperationDoc::open(TAG, id, summary)
            .answers(200, "It does.", &[], vec![answer()])
            .problems(&[StatusCode::INTERNAL_SERVER_ERROR])
    })
}

fn ready() -> PathItem {
    let example = json!({ "status": "ok", "parts": [{ "name": "metadata", "status": "ok" }] });
    readable("ready", |id| {
        OperationDoc::open(TAG, id, "Whether every part of the service can serve")
            .answers(
                200,
                "All of them.",
                &[],
                vec![Body::json("Readiness", example.clone())],
            )
            .problems(&[
                StatusCode::INTERNAL_SERVER_ERROR,
                StatusCode::SERVICE_UNAVAILABLE,
            ])
    })
}

fn metrics() -> PathItem {
    let text = || Body {
        media_type: "text/plain",
        schema: ObjectBuilder::new().schema_type(Type::String).into(),
        example: None,
    };
    readable("metrics", |id| {
        OperationDoc::new(TAG, id, "Counters in the text format of Prometheus")
            .answers(200, "All of them.", &[], vec![text()])
            .problems(&ANY_TIME)
            .problems(&[StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE])
    })
}

fn document() -> PathItem {
    let any = || Body {
        media_type: "application/json",
        schema: ObjectBuilder::new().schema_type(Type::Object).into(),
        example: None,
    };
    readable("openapi", |id| {
        OperationDoc::open(TAG, id, "This document")
            .answers(200, "It.", &[], vec![any()])
            .problems(&ANY_TIME)
    })
}

/// `GET`, and `HEAD` without the body.
fn readable(id: &str, operation: impl Fn(&str) -> OperationDoc) -> PathItem {
    let head = operation(&format!("{id}_head"));
    head.without_bodies().at(
        HttpMethod::Head,
        operation(id).at(HttpMethod::Get, PathItem::default()),
    )
}
