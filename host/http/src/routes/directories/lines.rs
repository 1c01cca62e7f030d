//! A listing as JSON, one entry a line (NDJSON).

use callfs_model::error::Error;

use super::stream::Format;
use crate::content::entry::EntryDocument;
use crate::state::Info;

/// Nothing but the lines.
pub(super) fn format() -> Format {
    let entry = |info: &Info, line: &mut Vec<u8>| {
        serde_json::to_writer(&mut *line, &EntryDocument::from(info)).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(())
    };
    Format {
        before: Vec::new(),
        entry,
        after: b"",
    }
}
