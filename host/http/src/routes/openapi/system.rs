//! What is not about files: the first page, health, metrics, and the document itself.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, PathItem, Required};

use super::headers::VARY;
use super::operation::{Body, OperationDoc};
use super::parameters::plain;

const TAG: &str = "system";
/// A failure of the service itself, or the request of somebody who asks too often.
const ANY_TIME: [StatusCode; 2] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
];

pub(super) fn paths() -> Vec<(&'static str, PathItem)> {
    vec![
        ("/", root()),
        ("/docs/", reference()),
        ("/docs/{file}", script()),
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

fn root() -> PathItem {
    let links = || Body {
        media_type: "application/json",
        schema: ObjectBuilder::new().schema_type(Type::Object).into(),
        example: Some(json!({
            "name": "CallFS", "version": "0.1.0", "files": "v1/files/", "documentation": "docs/",
            "openapi": "openapi.json",
        })),
    };
    let accept = "`text/html` for a page.";
    readable("root", |id| {
        OperationDoc::open(TAG, id, "What this service is, and links to the rest of it")
            .parameters([plain("Accept", accept)])
            .answers(
                200,
                "As JSON or as a page.",
                &[VARY],
                vec![links(), text("text/html")],
            )
            .problems(&ANY_TIME)
    })
}

fn reference() -> PathItem {
    readable("reference", |id| {
        OperationDoc::open(TAG, id, "This document as a page")
            .answers(200, "The page.", &[], vec![text("text/html")])
            .problems(&ANY_TIME)
    })
}

fn script() -> PathItem {
    let file = || {
        let names = ObjectBuilder::new()
            .schema_type(Type::String)
            .enum_values(Some(["scalar.js", "start.js"]));
        ParameterBuilder::new()
            .name("file")
            .parameter_in(ParameterIn::Path)
            .required(Required::True)
            .description(Some("Which script."))
            .schema(Some(names))
            .build()
    };
    readable("reference_script", |id| {
        OperationDoc::open(TAG, id, "A script of the page of this document")
            .parameters([file()])
            .answers(200, "The script.", &[], vec![text("text/javascript")])
            .problems(&[StatusCode::NOT_FOUND])
            .problems(&ANY_TIME)
    })
}

fn text(media_type: &'static str) -> Body {
    Body {
        media_type,
        schema: ObjectBuilder::new().schema_type(Type::String).into(),
        example: None,
    }
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
    readable("metrics", |id| {
        OperationDoc::new(TAG, id, "Counters in the text format of Prometheus")
            .answers(200, "All of them.", &[], vec![text("text/plain")])
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
