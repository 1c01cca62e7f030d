//! A metadata store as lines of JSON, to move it from one store to another, or to keep it.
//!
//! The first line is `{"callfs_metadata":1,"exported":…}` with the time in milliseconds since
//! 1970-01-01T00:00:00Z. A line for each record, intent and link follows, and the last one counts
//! them, so that a dump that was cut off is noticed. Everything is kept but this:
//!
//! - Revisions: every store counts its own.
//! - The object that a record is of, the next one, and when it was last changed. A dump is bound to
//!   paths, because objects may have been replaced, or restored from a backup, since it was
//!   written: an imported record is of whatever is stored at its path.
//! - Fences: they refuse what was locked under leases that are over, and nothing that was begun
//!   under a lease of one store is ever committed to another.
//! - What is mounted where: that is of the gateway and not of the records. An import keeps what the
//!   store knows of it, also one that replaces everything else: a storage that is not the one that
//!   was mounted is noticed afterwards as before. A store that knows nothing else is empty.
//! - Tombstones are written, without the time of the newest object, and not imported: they name
//!   paths, and an older dump must not remove what was stored there since.
//!
//! Each page of a store is of one moment and a dump is not, so nothing should change the store
//! meanwhile. It knows nothing of files and terminals.

mod line;
mod loading;

use std::io::Write;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{LinkStore, Metadata};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;
use serde::{Deserialize, Serialize};

use self::line::{DumpLine, Header, Hex, IntentLine, What};
pub use self::loading::{Imported, import, verify};

/// What this writes, and all that it reads.
const VERSION: u32 = 1;
/// How many records are read or put at a time.
const PAGE: u32 = 256;

/// How much there is in a dump.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counts {
    /// Records of paths.
    pub records: u64,
    /// Changes that were begun and not ended.
    pub intents: u64,
    /// Links.
    pub links: u64,
}

impl Counts {
    /// All lines but the first and the last.
    pub fn all(self) -> u64 {
        self.records + self.intents + self.links
    }
}

/// Writes everything, and tells as it goes how much that was.
pub fn export<'a>(
    metadata: &'a dyn Metadata,
    links: &'a dyn LinkStore,
    out: &'a mut (dyn Write + Send),
    now: i64,
    progress: &'a mut (dyn FnMut(Counts) + Send),
) -> BoxFuture<'a, Result<Counts>> {
    Box::pin(async move {
        let mut counts = Counts::default();
        write(
            out,
            &Header {
                callfs_metadata: VERSION,
                exported: now,
            },
        )?;
        let root = FilePath::root();
        let mut after = None::<FilePath>;
        loop {
            let records = metadata.records(&root, after.as_ref(), PAGE).await?;
            let Some(last) = records.last() else { break };
            after = Some(last.path.clone());
            for record in records {
                write(out, &DumpLine::Record(record.into()))?;
                counts.records += 1;
            }
            progress(counts);
        }
        for (id, intent) in metadata.intents().await? {
            let Some(intent) = What::of(intent) else {
                continue;
            };
            let id = Hex(id);
            write(out, &DumpLine::Intent(IntentLine { id, intent }))?;
            counts.intents += 1;
        }
        let mut after = None;
        loop {
            let page = links.list(None, after.as_ref(), PAGE).await?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            for link in page {
                write(out, &DumpLine::Link(link.into()))?;
                counts.links += 1;
            }
            progress(counts);
        }
        write(out, &DumpLine::End(counts))?;
        out.flush().map_err(cannot_write)?;
        Ok(counts)
    })
}

fn write(out: &mut (dyn Write + Send), line: &impl Serialize) -> Result<()> {
    let mut text = serde_json::to_vec(line).map_err(Error::internal)?;
    text.push(b'\n');
    out.write_all(&text).map_err(cannot_write)
}

fn cannot_write(cause: std::io::Error) -> Error {
    Error::new(
        ErrorKind::Internal,
        format!("the dump cannot be written: {cause}"),
    )
    .because(cause)
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests;
