//! The HTTP face of CallFS: routes, wire shapes and HTTP's own ideas, such as ranges, preconditions and problem documents.
//!
//! It promises what the OpenAPI document says, and that a client can tell every failure from every success. What a
//! filesystem means is the engine's business: nothing here knows storage, metadata, SQL or components.

mod accept;
mod body;
mod caller;
mod client_address;
mod content;
mod cors;
mod counted;
mod dictionary;
mod digest;
mod directories;
mod disposition;
mod download;
mod edge;
mod entry;
mod files;
mod health;
mod idle;
mod if_range;
mod json;
mod links;
mod metrics;
mod multipart;
mod openapi;
mod precondition;
mod problem;
mod query;
mod range;
mod rate_limit;
mod representation;
mod request_id;
mod security;
mod server;
mod shown;
mod state;
mod target;

use std::sync::Arc;

use axum::Router;
use axum::routing::{MethodRouter, get, post};
use http::Method;

use crate::telemetry::Metrics;
use problem::Problem;

pub use client_address::{Peer, TrustedProxies};
pub use cors::{Cors, Origins};
pub use edge::Edge;
pub use rate_limit::{Quota, RateLimits};
pub use server::{Limits, Listener, serve};
pub use state::App;

/// Everything under the main listeners.
pub fn service(app: Arc<App>) -> Edge {
    let (metrics, log_requests) = (app.metrics.clone(), app.log_requests);
    let (rate_limits, cors) = (app.rate_limits.clone(), app.cors.clone());
    let router = routes().into_iter().fold(Router::new(), |router, route| router.route(route.path, route.methods));
    Edge::new(with_fallbacks(router).with_state(app), metrics, log_requests).limited(rate_limits).open_to(cors)
}

/// A route.
struct Route {
    path: &'static str,
    /// The path that stands for it in the OpenAPI document.
    #[cfg_attr(not(test), expect(dead_code, reason = "a test compares the document with the routes"))]
    documented: &'static str,
    methods: MethodRouter<Arc<App>>,
}

/// One line a route.
fn routes() -> Vec<Route> {
    let route = |path, documented, methods| Route { path, documented, methods };
    vec![
        route("/v1/files", "/v1/files/", files::routes()),
        route("/v1/files/", "/v1/files/", files::routes()),
        route("/v1/files/{*path}", "/v1/files/{path}", files::routes()),
        route("/v1/directories", "/v1/directories/", get(directories::get)),
        route("/v1/directories/", "/v1/directories/", get(directories::get)),
        route("/v1/directories/{*path}", "/v1/directories/{path}", get(directories::get)),
        route("/v1/links", "/v1/links", get(links::list)),
        route("/v1/links/generate", "/v1/links/generate", post(links::generate)),
        route("/v1/links/{id}", "/v1/links/{id}", get(links::get).delete(links::revoke)),
        route("/download/{token}", "/download/{token}", get(download::get).head(download::head)),
        route("/health", "/health", get(health::live)),
        route("/health/live", "/health/live", get(health::live)),
        route("/health/ready", "/health/ready", get(health::ready)),
        route("/metrics", "/metrics", get(metrics::with_key)),
        route("/openapi.json", "/openapi.json", get(openapi::get)),
    ]
}

/// What the listener for metrics serves, to anyone who reaches it.
pub fn metrics_service(metrics: Arc<Metrics>) -> Edge {
    let router = Router::new().route("/metrics", get(metrics::open)).route("/health", get(health::live));
    Edge::new(with_fallbacks(router).with_state(metrics.clone()), metrics, false)
}

fn with_fallbacks<S: Clone + Send + Sync + 'static>(router: Router<S>) -> Router<S> {
    let not_allowed = async |method: Method| Problem::method_not_allowed(&method);
    router.fallback(async || Problem::no_such_route()).method_not_allowed_fallback(not_allowed)
}
