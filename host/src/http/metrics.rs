//! What is counted, for Prometheus: to anyone on the listener of its own, to whoever has a key on the main one.

use std::sync::Arc;

use axum::extract::State;
use axum::response::IntoResponse;
use http::header::{CONTENT_TYPE, HeaderValue};

use super::caller::Caller;
use super::state::{App, Meter};

/// `GET /metrics` on the main listener.
pub(super) async fn with_key(_: Caller, State(app): State<Arc<App>>) -> impl IntoResponse {
    render(&*app.meter)
}

/// `GET /metrics` on the listener of its own.
pub(super) async fn open(State(meter): State<Arc<dyn Meter>>) -> impl IntoResponse {
    render(&*meter)
}

fn render(meter: &dyn Meter) -> impl IntoResponse + use<> {
    let format = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(CONTENT_TYPE, format)], meter.render())
}
