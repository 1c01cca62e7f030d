//! `DELETE`: remove a file or a directory, which is empty unless the query asks for everything
//! below it, too.

use std::sync::Arc;

use axum::extract::State;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::storage::EntryKind;
use http::{StatusCode, Uri};

use crate::edge::caller::Caller;
use crate::fields::precondition::Preconditions;
use crate::fields::query::Query;
use crate::fields::target::RequestTarget;
use crate::problem::{Problem, Result};
use crate::state::{App, DeleteOptions};

/// `DELETE /v1/files/{path}`
pub(super) async fn delete(
    Caller(who): Caller,
    target: RequestTarget,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
) -> Result<StatusCode> {
    let recursive = Query::of(&uri, &["recursive"])?.flag("recursive")?;
    if target.path.is_root() {
        return Err(Problem::bad_request("the root directory cannot be removed"));
    }
    // A slash says that a directory is meant. Should a file take its place meanwhile, it goes: the
    // slash is a courtesy, If-Match is the guard.
    if target.trailing_slash
        && app.engine.stat(&who, &target.path).await?.kind != EntryKind::Directory
    {
        let message = format!(
            "'{}' is a file; give its path without the slash at the end",
            target.path
        );
        return Err(Error::new(ErrorKind::NotADirectory, message).into());
    }
    app.engine
        .delete(
            &who,
            &target.path,
            DeleteOptions {
                recursive,
                precondition,
            },
        )
        .await?;
    Ok(StatusCode::NO_CONTENT)
}
