//! `/v1/files/{path}`: one file or directory.

mod copy;
mod delete;
mod get;
pub(super) mod openapi;
mod patch;
mod post;
mod put;
mod upload;

use std::sync::Arc;

use axum::routing::MethodRouter;

use super::state::App;

pub(super) use patch::{Change, Moved};

/// One line a method.
pub(super) fn routes() -> MethodRouter<Arc<App>> {
    MethodRouter::new()
        .head(get::head)
        .get(get::get)
        .put(put::put)
        .post(post::post)
        .patch(patch::patch)
        .delete(delete::delete)
}
