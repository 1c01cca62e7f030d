//! What was found at a path, as a file whose bytes can be had, or why it is none.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{Attributes, ByteRange, EntryKind};
use rustix::fs::Statx;
use rustix::io::Errno;

use super::attributes::{describe, kind};
use super::failure::failure;
use super::path::FolderPath;
use super::root::{FolderRoot, FoundFile};

/// What was found at a place and its bytes, or a range of them, or why it has none.
pub(super) fn opened(
    root: &FolderRoot,
    found: Result<FoundFile, Errno>,
    range: Option<ByteRange>,
    place: &FolderPath,
) -> Result<(Attributes, Source)> {
    let (file, stat) = regular(found, place)?;
    let attributes = root.attributes(&stat);
    let range = part(range, attributes.size, place)?;
    Ok((attributes, Source::from_file(Arc::new(file), range)))
}

/// The file that was found, or why it is none.
pub(super) fn regular(
    found: Result<FoundFile, Errno>,
    place: &FolderPath,
) -> Result<(File, Statx)> {
    match found {
        Ok((Some(file), stat)) => Ok((file, stat)),
        Ok((None, stat)) if kind(&stat) == EntryKind::Directory => {
            Err(failure(Errno::ISDIR, place))
        }
        Ok((None, stat)) => {
            let what = describe(&stat);
            let message =
                format!("{place} is {what}; only regular files and directories are served");
            Err(Error::new(ErrorKind::Unsupported, message))
        }
        Err(errno) => Err(failure(errno, place)),
    }
}

/// The part of a file of some size that a range means.
fn part(range: Option<ByteRange>, size: u64, place: &FolderPath) -> Result<Range<u64>> {
    let Some(ByteRange { start, end }) = range else {
        return Ok(0..size);
    };
    if end.is_some_and(|end| end < start) {
        return Err(Error::new(
            ErrorKind::BadRequest,
            format!("the range of {place} ends before it starts"),
        ));
    }
    let end = end.unwrap_or(size);
    if start >= size {
        let message = format!("the range starts at byte {start}, and {place} has {size} bytes");
        return Err(Error::new(ErrorKind::RangeNotSatisfiable { size }, message));
    }
    Ok(start..end.min(size))
}
