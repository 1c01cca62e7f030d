//! What is not about files: the page at the root, health, metrics, and the document itself.

use http::StatusCode;
use serde_json::json;
use utoipa::openapi::path::{ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use utoipa::openapi::{HttpMethod, PathItem, Required};

use super::headers::{CONTENT_ENCODING, Named, VARY};
use super::operation::{Body, OperationDoc};

pub(super) const TAG: &str = "system";
/// A failure of the service itself, or a client that sends too many requests.
const ANY_TIME: [StatusCode; 2] = [
    StatusCode::TOO_MANY_REQUESTS,
    StatusCode::INTERNAL_SERVER_ERROR,
];

/// Compressed where the client takes it.
const COMPRESSED: [Named; 2] = [VARY, CONTENT_ENCODING];

pub(super) fn paths() -> Vec<(&'static str, PathItem)> {
    let get = |operation: OperationDoc| operation.at(HttpMethod::Get, PathItem::default());
    vec![
        ("/", get(root())),
        ("/docs/", get(reference())),
        ("/docs/{file}", get(script())),
        (
            "/health",
            get(live("getHealth", "Whether the process is alive")),
        ),
        (
            "/health/live",
            get(live(
                "getLiveness",
                "Whether the process is alive, under the name that orchestrators expect",
            )),
        ),
        ("/health/ready", get(ready())),
        ("/metrics", get(metrics())),
        ("/openapi.json", get(document())),
    ]
}

fn root() -> OperationDoc {
    let links = json!({
        "name": "CallFS", "version": env!("CARGO_PKG_VERSION"), "files": "v1/files/",
        "documentation": "docs/", "openapi": "openapi.json",
    });
    OperationDoc::open(
        TAG,
        "getRoot",
        "What this service is, and links to the rest",
    )
    .description("A client whose `Accept` prefers `text/html` gets the same as a page.")
    .answers(
        200,
        "The name, the version, and links.",
        &COMPRESSED,
        vec![Body::json("Root", links), Body::text("text/html")],
    )
    .problems(&ANY_TIME)
}

fn reference() -> OperationDoc {
    OperationDoc::open(TAG, "getReference", "This document as a page")
        .description(
            "A page in which operations can be tried out. It loads nothing from elsewhere.",
        )
        .answers(200, "The page.", &COMPRESSED, vec![Body::text("text/html")])
        .problems(&ANY_TIME)
}

fn script() -> OperationDoc {
    let names = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(["scalar.js", "start.js"]));
    let file = ParameterBuilder::new()
        .name("file")
        .parameter_in(ParameterIn::Path)
        .required(Required::True)
        .description(Some("The name of the script."))
        .schema(Some(names))
        .build();
    OperationDoc::open(
        TAG,
        "getReferenceScript",
        "A script of the page of this document",
    )
    .description("The page at `/docs/` loads it.")
    .parameters([file])
    .answers(
        200,
        "The script.",
        &COMPRESSED,
        vec![Body::text("text/javascript")],
    )
    .problems(&[StatusCode::NOT_FOUND])
    .problems(&ANY_TIME)
}

fn live(id: &str, summary: &str) -> OperationDoc {
    let answer = Body::json("Health", json!({ "status": "ok" }));
    OperationDoc::open(TAG, id, summary)
        .description("Answers as long as the process does, whatever state its storage is in.")
        .answers(200, "The process is alive.", &[], vec![answer])
        .problems(&[StatusCode::INTERNAL_SERVER_ERROR])
}

fn ready() -> OperationDoc {
    let example = json!({ "status": "ok", "parts": [{ "name": "metadata", "status": "ok" }] });
    OperationDoc::open(
        TAG,
        "getReadiness",
        "Whether every part of the service can serve",
    )
    .description(
        "503 names the parts that cannot serve in the member `parts` of the problem, in the form \
         that a success has. The cause is in the log.",
    )
    .answers(
        200,
        "Every part can serve.",
        &[],
        vec![Body::json("Readiness", example)],
    )
    .problems(&[
        StatusCode::INTERNAL_SERVER_ERROR,
        StatusCode::SERVICE_UNAVAILABLE,
    ])
}

fn metrics() -> OperationDoc {
    OperationDoc::new(
        TAG,
        "getMetrics",
        "Counters in the text format of Prometheus",
    )
    .description("A listener without keys can be configured for Prometheus, too.")
    .answers(
        200,
        "All counters.",
        &COMPRESSED,
        vec![Body::text("text/plain")],
    )
    .problems(&ANY_TIME)
    .problems(&[StatusCode::BAD_GATEWAY, StatusCode::SERVICE_UNAVAILABLE])
}

fn document() -> OperationDoc {
    let any = Body {
        media_type: "application/json",
        schema: ObjectBuilder::new().schema_type(Type::Object).into(),
        example: None,
    };
    OperationDoc::open(TAG, "getOpenApi", "This document")
        .description("The same for every configuration of this version.")
        .answers(200, "The OpenAPI document.", &COMPRESSED, vec![any])
        .problems(&ANY_TIME)
}
