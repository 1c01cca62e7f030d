//! What is counted, for Prometheus: to anyone on the listener of its own, to whoever has a key on the main one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::caller::Caller;
use super::state::{App, Metrics};
use crate::telemetry::metrics;

/// `GET /metrics` on the main listener.
pub(super) async fn with_key(_: Caller, State(app): State<Arc<App>>) -> impl IntoResponse {
    render(&app.metrics)
}

/// `GET /metrics` on the listener of its own.
pub(super) async fn open(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    render(&metrics)
}

fn render(metrics: &Metrics) -> impl IntoResponse + use<> {
    let format = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, format)], metrics.render())
}
