//! What is counted, for Prometheus: to anyone on the listener of its own, to whoever has a key on
//! the main one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use callfs_telemetry::metrics;
use http::header::{CONTENT_TYPE, HeaderValue};

use crate::edge::caller::Caller;
use crate::state::{App, Metrics};

/// `GET /metrics` on the main listener.
pub(crate) async fn with_key(_: Caller, State(app): State<Arc<App>>) -> impl IntoResponse {
    render(&app.metrics)
}

/// `GET /metrics` on the listener of its own.
pub(crate) async fn open(State(metrics): State<Arc<Metrics>>) -> impl IntoResponse {
    render(&metrics)
}

fn render(metrics: &Metrics) -> impl IntoResponse + use<> {
    let format = HeaderValue::from_static(metrics::CONTENT_TYPE);
    ([(CONTENT_TYPE, format)], metrics.render())
}
