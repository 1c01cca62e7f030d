//! `/v1/files/{path}`: one file or directory.

mod copy;
mod delete;
mod get;
pub(crate) mod openapi;
mod patch;
mod post;
mod put;
mod upload;

use std::sync::Arc;

use axum::routing::MethodRouter;
pub(crate) use patch::PatchDocument;

use crate::state::App;

/// One line a method.
pub(crate) fn routes() -> MethodRouter<Arc<App>> {
    MethodRouter::new()
        .head(get::head)
        .get(get::get)
        .put(put::put)
        .post(post::post)
        .patch(patch::patch)
        .delete(delete::delete)
}
