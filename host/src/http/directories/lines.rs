//! A listing as JSON, one entry a line (NDJSON).

use super::stream::Format;
use crate::error::Error;
use crate::http::entry::Entry;
use crate::http::state::Info;

/// Nothing but the lines.
pub(super) fn format() -> Format {
    let entry = |info: &Info, line: &mut Vec<u8>| {
        serde_json::to_writer(&mut *line, &Entry::from(info)).map_err(Error::internal)?;
        line.push(b'\n');
        Ok(())
    };
    Format { before: Vec::new(), entry, after: b"" }
}
