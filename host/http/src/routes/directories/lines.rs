//! A listing as JSON, one entry a line (NDJSON).

use callfs_model::error::Error;

use super::stream::Format;
use crate::content::entry::EntryDocument;
use crate::fields::members::EntryMembers;
use crate::state::Info;

/// Nothing but the lines.
pub(super) fn format(members: EntryMembers) -> Format {
    let entry = move |info: &Info, line: &mut Vec<u8>| {
        let entry = EntryDocument::with(info, members);
        serde_json::to_writer(&mut *line, &entry).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(())
    };
    Format {
        before: Vec::new(),
        entry: Box::new(entry),
        after: b"",
    }
}
