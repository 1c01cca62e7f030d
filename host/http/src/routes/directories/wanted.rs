//! Which entries of a listing the query asks for.

use callfs_model::storage::EntryKind;

use crate::fields::query::Query;
use crate::problem::{Problem, Result};
use crate::state::{Filter, Glob};

/// The query parameters that choose them; there is one order, and it may be named.
pub(super) const PARAMETERS: [&str; 3] = ["glob", "type", "sort"];

/// What `glob` and `type` ask for.
pub(super) fn filter(query: &Query) -> Result<Filter> {
    let glob = query.text("glob").map(Glob::parse).transpose()?;
    let kind = match query.text("type") {
        None => None,
        Some("file") => Some(EntryKind::File),
        Some("directory") => Some(EntryKind::Directory),
        Some(other) => return Err(refused("type", other, "file or directory")),
    };
    match query.text("sort") {
        None | Some("name") => Ok(Filter { glob, kind }),
        Some(other) => Err(refused("sort", other, "name")),
    }
}

fn refused(name: &str, value: &str, good: &str) -> Problem {
    Problem::bad_request(format!(
        "the query parameter '{name}' is '{value}'; give {good}"
    ))
}
