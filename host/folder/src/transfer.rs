//! Writes and copies: staged for as long as the bytes take, published in one step.

use std::fs::File;
use std::ops::Range;
use std::sync::Arc;

use bytes::{Bytes, BytesMut};
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{Attributes, Condition, Staged, Transfer};
use futures_util::FutureExt;
use futures_util::future::BoxFuture;

use super::attributes::{attributes, look};
use super::draft::{Draft, Sealed};
use super::entry::{FolderEntry, elsewhere};
use super::opened::regular;
use super::path::FolderPath;
use super::root::Follow;
use super::staging::Staging;
use super::{Folder, blocking};

/// How many bytes are worth a visit to the disk while more of them are on their way.
const ENOUGH: usize = 64 << 10;
/// How many bytes are gathered at first: a body up to this size is written in one go.
const FIRST: usize = 1 << 20;
/// How many bytes are gathered while those before them are written.
const FURTHER: usize = 512 << 10;

/// Where the result goes.
pub(super) struct Destination {
    pub(super) folder: Arc<Folder>,
    pub(super) staging: Arc<Staging>,
    pub(super) place: FolderPath,
    pub(super) condition: Condition,
}

/// A write that was asked for.
pub(super) struct FolderUpload {
    pub(super) to: Destination,
    pub(super) body: Source,
    pub(super) mode: Option<u32>,
}

/// A copy that was asked for.
pub(super) struct Duplicate {
    pub(super) to: Destination,
    pub(super) from: FolderPath,
}

/// A file that is whole.
struct Finished {
    to: Destination,
    sealed: Sealed,
}

impl Transfer for FolderUpload {
    fn stage(self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>> {
        let Self { to, body, mode } = *self;
        let staged = async move {
            let part = body.as_file().map(|(file, range)| (file.clone(), range));
            let sealed = match part {
                Some((file, range)) => {
                    let draft = blocking(to.begin()).await?;
                    copied(draft, file, range, mode).await?
                }
                None => gathered(&to, body, mode).await?,
            };
            Ok(to.finished(sealed))
        };
        staged.boxed()
    }
}

impl Transfer for Duplicate {
    fn stage(self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>> {
        let Self { to, from } = *self;
        let staged = async move {
            let folder = to.folder.clone();
            let begin = to.begin();
            let started = blocking(move || {
                let found = folder.root.file(from.as_str(), Follow::Disk);
                let (file, stat) = regular(folder.root.unless_removed(found)?, &from)?;
                let mut draft = begin()?;
                let source = attributes(&stat);
                let left = if draft.share(&file) {
                    0..0
                } else {
                    0..source.size
                };
                Ok((draft, Arc::new(file), left, source.mode))
            });
            let (draft, file, left, mode) = started.await?;
            let sealed = copied(draft, file, left, mode).await?;
            Ok(to.finished(sealed))
        };
        staged.boxed()
    }
}

impl Staged for Finished {
    fn attributes(&self) -> Option<&Attributes> {
        Some(&self.sealed.attributes)
    }

    fn publish(self: Box<Self>, condition: Condition) -> BoxFuture<'static, Result<Attributes>> {
        let Self {
            to:
                Destination {
                    folder,
                    place,
                    condition: asked,
                    ..
                },
            sealed:
                Sealed {
                    temporary,
                    file,
                    attributes: known,
                },
        } = *self;
        let published = blocking(move || {
            folder.root.check_in_place()?;
            let target = FolderEntry::open(&folder.root, &place)?;
            {
                let _turn = folder.turns.wait(&target);
                let received = target.receive(temporary.place(), true, &[&asked, &condition]);
                received.map_err(|error| match error.kind() {
                    ErrorKind::NotFound if temporary.is_gone() => lost(&place, error),
                    _ => error,
                })?;
            }
            temporary.moved();
            target.sync(&folder.flush)?;
            let now = look(&file).ok().map(|stat| attributes(&stat));
            // If other bytes are in it already, nothing more is known of these.
            let now = now.filter(|now| now.etag == known.etag);
            let changed = now.and_then(|now| now.changed);
            Ok(Attributes { changed, ..known })
        });
        published.boxed()
    }
}

impl Destination {
    /// Makes the draft; it may wait for the disk.
    fn begin(&self) -> impl FnOnce() -> Result<Draft> + Send + 'static {
        let folder = self.folder.clone();
        let staging = self.staging.clone();
        let place = self.place.clone();
        move || {
            // Told before the bytes move, and the first again after; a directory that is not there
            // yet is not known to be elsewhere.
            folder.root.check_in_place()?;
            if folder.root.is_on_another_mount(place.split()?.0) {
                return Err(elsewhere(&place));
            }
            Draft::create(&folder, &staging, &place)
        }
    }

    fn finished(self, sealed: Sealed) -> Box<dyn Staged> {
        Box::new(Finished { to: self, sealed })
    }
}

/// Writes a body that comes in pieces. What comes next is gathered while what came before is
/// written.
async fn gathered(to: &Destination, mut body: Source, mode: Option<u32>) -> Result<Sealed> {
    let mut draft = None;
    let mut pieces = gather(&mut body, FIRST).await?;
    while !pieces.last {
        let begin = to.begin();
        let write = blocking(move || {
            let mut draft = draft.map_or_else(begin, Ok)?;
            draft.write(&pieces.bytes)?;
            Ok(draft)
        });
        let (written, next) = tokio::try_join!(write, gather(&mut body, FURTHER))?;
        (draft, pieces) = (Some(written), next);
    }
    let begin = to.begin();
    blocking(move || {
        let mut draft = draft.map_or_else(begin, Ok)?;
        draft.write(&pieces.bytes)?;
        draft.seal(mode)
    })
    .await
}

/// Copies a part of a file.
async fn copied(
    mut draft: Draft,
    file: Arc<File>,
    mut left: Range<u64>,
    mode: Option<u32>,
) -> Result<Sealed> {
    while !left.is_empty() {
        let (file, Range { start, end }) = (file.clone(), left.clone());
        // A stride at a time, so that it ends when nobody waits for it any more.
        let copy = blocking(move || {
            let copied = draft.copy(&file, start, end - start)?;
            Ok((draft, copied))
        });
        let (back, copied) = copy.await?;
        (draft, left.start) = (back, start + copied);
    }
    blocking(move || draft.seal(mode)).await
}

/// The error for an upload whose staged file another program removed.
fn lost(place: &FolderPath, error: Error) -> Error {
    let message = format!(
        "another program removed the staging directory of the served folder, and with it the \
         upload to {place}; send it again"
    );
    Error::new(ErrorKind::BackendUnavailable, message).because(error)
}

/// Pieces of a body.
struct Pieces {
    bytes: Vec<Bytes>,
    /// Nothing comes after them.
    last: bool,
}

/// Pieces of fewer bytes are put together.
const SMALL: usize = 4096;

/// Small pieces that came one after the other, as one.
fn rest_of(small: &mut BytesMut) -> Option<Bytes> {
    (!small.is_empty()).then(|| small.split().freeze())
}

/// The next pieces: up to `limit` bytes (and what the last piece has beyond it), but no more than
/// are there already once they are worth writing.
async fn gather(body: &mut Source, limit: usize) -> Result<Pieces> {
    let mut bytes = Vec::new();
    let mut small = BytesMut::new();
    let mut size = 0;
    while size <= limit {
        let next = if size < ENOUGH {
            body.next().await?
        } else {
            match body.next().now_or_never() {
                Some(next) => next?,
                None => break,
            }
        };
        let Some(piece) = next else {
            bytes.extend(rest_of(&mut small));
            return Ok(Pieces { bytes, last: true });
        };
        size += piece.len();
        if piece.len() < SMALL {
            // Many of them would take more memory than what they hold.
            small.extend_from_slice(&piece);
        } else {
            bytes.extend(rest_of(&mut small));
            bytes.push(piece);
        }
    }
    bytes.extend(rest_of(&mut small));
    Ok(Pieces { bytes, last: false })
}
