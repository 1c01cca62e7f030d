//! A listing as JSON, one entry a line (NDJSON).
//!
//! A stream has no limit unless the client sets one. Where that cuts it, a last line says so: it is
//! no entry, but the cursor of what follows. A header could not say it, because whether there is
//! more is known once the entries before it are on their way.

use std::sync::Arc;

use callfs_model::error::{Error, Result};
use callfs_model::path::FilePath;
use serde::Serialize;
use utoipa::ToSchema;

use super::stream::Format;
use crate::content::entry::EntryDocument;
use crate::fields::members::EntryMembers;
use crate::state::{App, Info};

/// The last line of a stream that `limit` has cut.
#[derive(Serialize, ToSchema)]
#[schema(as = Continuation)]
pub(crate) struct ContinuationDocument<'a> {
    #[serde(rename = "type")]
    kind: ContinuationType,
    /// The cursor of the entries that follow: their `after`.
    #[schema(value_type = String, pattern = "^/")]
    next: &'a FilePath,
}

/// Tells the line from an entry, which has another type.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ContinuationType {
    Next,
}

/// Nothing but the lines.
pub(super) fn format(app: Arc<App>, members: EntryMembers) -> Format {
    let entry = move |info: &Info, line: &mut Vec<u8>| {
        let entry = EntryDocument::with(info, members, &app.media_types);
        serde_json::to_writer(&mut *line, &entry).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(())
    };
    let next = |cursor: &FilePath, line: &mut Vec<u8>| -> Result<()> {
        let document = ContinuationDocument {
            kind: ContinuationType::Next,
            next: cursor,
        };
        serde_json::to_writer(&mut *line, &document).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(())
    };
    Format {
        before: Vec::new(),
        entry: Box::new(entry),
        next: Box::new(next),
        after: b"",
    }
}
