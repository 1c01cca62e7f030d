//! Whether the process lives, and whether it can serve. Open to everyone: it names the parts that
//! failed, never why.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::reloadable::Reloadable;
use serde::Serialize;
use serde_json::json;
use utoipa::ToSchema;

use crate::problem::{Problem, Result};
use crate::state::App;

/// The response of a service that is well.
#[derive(Serialize, ToSchema)]
pub(crate) struct Health {
    status: HealthStatus,
}

/// Whether the service or a part of it works.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum HealthStatus {
    Ok,
    Failed,
}

/// A part of the service and its state.
#[derive(Serialize, ToSchema)]
#[schema(as = Part)]
pub(crate) struct HealthPart {
    /// Which part.
    name: String,
    status: HealthStatus,
}

/// The response of a service that can serve.
#[derive(Serialize, ToSchema)]
pub(crate) struct Readiness {
    status: HealthStatus,
    /// Every part of the service.
    parts: Vec<HealthPart>,
}

/// Whether a request asks for it. Whoever watches the service is never refused for asking often.
pub(crate) fn is_about(path: &str) -> bool {
    path.strip_prefix("/health")
        .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// `GET /health` and `GET /health/live`
pub(crate) async fn live() -> Json<Health> {
    Json(Health {
        status: HealthStatus::Ok,
    })
}

/// Everything else while the service starts: the part that it waits for.
pub(crate) async fn starting(State(waits_for): State<Reloadable<str>>) -> Problem {
    let name = waits_for.current();
    let error = Error::new(
        ErrorKind::NotReady,
        format!("not ready: the service is starting and waits for: {name}"),
    );
    let parts = json!([HealthPart {
        name: name.to_string(),
        status: HealthStatus::Failed,
    }]);
    let members = serde_json::Map::from_iter([("parts".to_owned(), parts)]);
    Problem::with_members(error, members)
}

/// `GET /health/ready`
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Result<Json<Readiness>> {
    if app.shutdown.has_begun() {
        return Err(Error::new(ErrorKind::NotReady, "the service is shutting down").into());
    }
    let mut failed = Vec::new();
    let mut parts = Vec::new();
    for (name, state) in app.engine.ready().await {
        let status = if state.is_ok() {
            HealthStatus::Ok
        } else {
            HealthStatus::Failed
        };
        if let Err(error) = state {
            tracing::warn!(
                part = name,
                cause = error.causes(),
                "a part of the service is not ready: {error}"
            );
            failed.push(name.clone());
        }
        parts.push(HealthPart { name, status });
    }
    if failed.is_empty() {
        return Ok(Json(Readiness {
            status: HealthStatus::Ok,
            parts,
        }));
    }
    let error = Error::new(
        ErrorKind::NotReady,
        format!("not ready: {}", failed.join(", ")),
    );
    let members = serde_json::Map::from_iter([("parts".to_owned(), json!(parts))]);
    Err(Problem::with_members(error, members))
}
