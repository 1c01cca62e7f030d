//! The HTTP face of CallFS: routes, wire shapes and HTTP's own ideas, such as ranges, preconditions
//! and problem documents.
//!
//! It promises what the OpenAPI document says, and that a client can tell every failure from every
//! success. What a filesystem means is the engine's business: nothing here knows storage, metadata,
//! SQL or components.

mod content;
mod edge;
mod fields;
mod problem;
mod routes;
mod server;
mod state;

use std::sync::Arc;

use axum::Router;
use axum::routing::get;
use callfs_model::reloadable::Reloadable;
use callfs_telemetry::Metrics;
pub use content::media_types::MediaTypes;
pub use edge::client_address::{ConnectionPeer, TrustedProxies};
pub use edge::compression::Compression;
pub use edge::cors::{Cors, Origins};
pub use edge::rate_limit::{Quota, RateLimits};
pub use edge::service::Edge;
pub use fields::accept_encoding::ContentCoding;
use http::Method;
use problem::Problem;
pub use server::{ConnectionLimits, Listener, serve};
pub use state::App;

/// Everything under the main listeners.
pub fn service(app: Arc<App>) -> Edge {
    let metrics = app.metrics.clone();
    let log_requests = app.log_requests;
    let rate_limits = app.rate_limits.clone();
    let cors = app.cors.clone();
    let compression = app.compression.clone();
    let router = routes::table()
        .into_iter()
        .fold(Router::new(), |router, route| {
            router.route(route.path, route.methods)
        });
    Edge::new(
        with_fallbacks(router).with_state(app),
        metrics,
        log_requests,
    )
    .limited(rate_limits)
    .open_to(cors)
    .compressed(compression)
}

/// What the main listeners serve until the service has started: that it lives, and the part that it
/// waits for.
pub fn starting_service(metrics: Arc<Metrics>, waits_for: Reloadable<str>) -> Edge {
    let router = Router::new()
        .route("/health", get(routes::health::live))
        .route("/health/live", get(routes::health::live))
        .fallback(routes::health::starting)
        .with_state(waits_for);
    Edge::new(router, metrics, false)
}

/// What the listener for metrics serves, to anyone who reaches it.
pub fn metrics_service(metrics: Arc<Metrics>) -> Edge {
    let router = Router::new()
        .route("/metrics", get(routes::metrics::open))
        .route("/health", get(routes::health::live));
    Edge::new(
        with_fallbacks(router).with_state(metrics.clone()),
        metrics,
        false,
    )
}

fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let not_allowed = async |method: Method| Problem::method_not_allowed(&method);
    router
        .fallback(async || Problem::no_such_route())
        .method_not_allowed_fallback(not_allowed)
}
