//! The routes: one line each.

pub(crate) mod directories;
pub(crate) mod download;
pub(crate) mod files;
pub(crate) mod health;
pub(crate) mod links;
pub(crate) mod metrics;
pub(crate) mod openapi;
pub(crate) mod reference;
pub(crate) mod root;

use std::sync::Arc;

use axum::routing::{MethodRouter, get, post};

use crate::state::App;

/// A route.
pub(crate) struct Route {
    pub(crate) path: &'static str,
    /// The path that stands for it in the OpenAPI document.
    #[cfg_attr(
        not(test),
        expect(dead_code, reason = "a test compares the document with the routes")
    )]
    pub(crate) documented: &'static str,
    pub(crate) methods: MethodRouter<Arc<App>>,
}

/// One line a route.
pub(crate) fn table() -> Vec<Route> {
    let route = |path, documented, methods| Route {
        path,
        documented,
        methods,
    };
    vec![
        route("/v1/files", "/v1/files/", files::routes()),
        route("/v1/files/", "/v1/files/", files::routes()),
        route("/v1/files/{*path}", "/v1/files/{path}", files::routes()),
        route("/v1/directories", "/v1/directories/", get(directories::get)),
        route(
            "/v1/directories/",
            "/v1/directories/",
            get(directories::get),
        ),
        route(
            "/v1/directories/{*path}",
            "/v1/directories/{path}",
            get(directories::get),
        ),
        route("/v1/links", "/v1/links", get(links::list)),
        route(
            "/v1/links/generate",
            "/v1/links/generate",
            post(links::generate),
        ),
        route(
            "/v1/links/{id}",
            "/v1/links/{id}",
            get(links::get).delete(links::revoke),
        ),
        route(
            "/download/{token}",
            "/download/{token}",
            get(download::get).head(download::head),
        ),
        route("/", "/", get(root::get)),
        route("/docs", "/docs/", get(reference::redirect)),
        route("/docs/", "/docs/", get(reference::page)),
        route("/docs/{file}", "/docs/{file}", get(reference::script)),
        route(
            "/download/{token}/",
            "/download/{token}/{path}",
            get(download::get).head(download::head),
        ),
        route(
            "/download/{token}/{*path}",
            "/download/{token}/{path}",
            get(download::get).head(download::head),
        ),
        route("/health", "/health", get(health::live)),
        route("/health/live", "/health/live", get(health::live)),
        route("/health/ready", "/health/ready", get(health::ready)),
        route("/metrics", "/metrics", get(metrics::with_key)),
        route("/openapi.json", "/openapi.json", get(openapi::get)),
    ]
}
