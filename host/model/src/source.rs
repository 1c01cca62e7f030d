//! Bytes with an end: the one currency between storage, engine and HTTP.
//!
//! A source is held bytes, a part of an open file, or a stream. Whoever takes it moves the bytes at
//! its own pace; nobody ever holds a whole object in memory. It knows nothing of components, paths
//! or protocols.

mod buffers;
mod lent;

use std::fs::File;
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use rustix::fs::{FsWord, fstatfs};
use rustix::io::{Errno, ReadWriteFlags};
use tokio::task::JoinHandle;

use self::buffers::ReadBuffer;
use self::lent::LentStream;
use crate::error::{Error, ErrorKind, Result};

/// The largest piece that a source hands out, in bytes.
pub const MAX_CHUNK: usize = 256 << 10;

/// Is told of every piece that leaves a source, by its size in bytes.
pub type ByteMeter = Arc<dyn Fn(u64) + Send + Sync>;

/// Bytes with an end.
pub struct Source {
    kind: SourceKind,
    meter: Option<ByteMeter>,
}

enum SourceKind {
    Bytes(Bytes),
    File(FileSource),
    Stream(StreamSource),
}

/// A stream, as far as it goes.
struct StreamSource {
    feed: LentStream,
    /// How many bytes are still to be handed out, where that is known.
    left: Option<u64>,
    /// The last piece, kept back until the stream says that it was complete: whoever counts bytes
    /// does not look at what comes after the last of them.
    last: Bytes,
}

/// A part of an open file.
struct FileSource {
    file: Arc<File>,
    left: Range<u64>,
    /// A read that would have blocked and runs elsewhere.
    pending: Option<JoinHandle<io::Result<Bytes>>>,
}

impl Source {
    /// No bytes.
    pub fn empty() -> Self {
        Self::from_bytes(Bytes::new())
    }

    /// Bytes that are held already.
    pub fn from_bytes(bytes: impl Into<Bytes>) -> Self {
        Self {
            kind: SourceKind::Bytes(bytes.into()),
            meter: None,
        }
    }

    /// A part of an open file, from `range.start` up to but not including `range.end`.
    pub fn from_file(file: Arc<File>, range: Range<u64>) -> Self {
        Self {
            kind: SourceKind::File(FileSource {
                file,
                left: range,
                pending: None,
            }),
            meter: None,
        }
    }

    /// A stream; a stated size must be met exactly, or reading ends in an error. Where the size is
    /// known, the last piece is handed out once the stream has ended without an error.
    pub fn from_stream(stream: BoxStream<'static, Result<Bytes>>, size: Option<u64>) -> Self {
        Self {
            kind: SourceKind::Stream(StreamSource::new(
                LentStream::new(Bytes::new(), stream),
                size,
            )),
            meter: None,
        }
    }

    /// The same bytes, with somebody who is told of every piece, instead of whoever was before.
    pub fn metered(self, meter: Option<ByteMeter>) -> Self {
        Self { meter, ..self }
    }

    /// The same stream, which must now have exactly this many bytes, or reading it ends in an
    /// error.
    pub fn expecting(mut self, size: u64) -> Self {
        if let SourceKind::Stream(stream) = &mut self.kind {
            stream.left = Some(size);
        }
        self
    }

    /// How many bytes are left, where it is known.
    pub fn size(&self) -> Option<u64> {
        match &self.kind {
            SourceKind::Bytes(bytes) => Some(bytes.len() as u64),
            SourceKind::File(file) => Some(file.left.end - file.left.start),
            SourceKind::Stream(stream) => stream.left,
        }
    }

    /// Whether any part can be had without reading what is before it.
    pub fn is_seekable(&self) -> bool {
        !matches!(self.kind, SourceKind::Stream(_))
    }

    /// The part of a seekable source from `range.start` up to but not including `range.end`, both
    /// within its size. The source stays usable; none if it is not seekable.
    pub fn slice(&self, range: Range<u64>) -> Option<Self> {
        let part = match &self.kind {
            SourceKind::Bytes(bytes) => {
                Self::from_bytes(bytes.slice(range.start as usize..range.end as usize))
            }
            SourceKind::File(FileSource { file, left, .. }) => Self::from_file(
                file.clone(),
                left.start + range.start..left.start + range.end,
            ),
            SourceKind::Stream(_) => return None,
        };
        Some(part.metered(self.meter.clone()))
    }

    /// The next `max` bytes, or what is left, as a source of their own; this one goes on after
    /// them.
    ///
    /// Parts of a seekable source know nothing of each other. Of a stream they come one after the
    /// other: what is left can be read once the part was read to its end, and ends in
    /// [`ErrorKind::Interrupted`] if the part was dropped before.
    pub fn split_front(&mut self, max: u64) -> Self {
        let part = self.size().map_or(max, |size| size.min(max));
        if part == 0 {
            return Self::empty();
        }
        if self.size() == Some(part) {
            let meter = self.meter.clone();
            return std::mem::replace(self, Self::empty().metered(meter));
        }
        let kind = match &mut self.kind {
            SourceKind::Bytes(bytes) => SourceKind::Bytes(bytes.split_to(part as usize)),
            SourceKind::File(file) => {
                let start = file.left.start;
                file.left.start += part;
                // It reads what is in the part now.
                file.pending = None;
                SourceKind::File(FileSource {
                    file: file.file.clone(),
                    left: start..start + part,
                    pending: None,
                })
            }
            SourceKind::Stream(stream) => {
                stream.feed.put_back(std::mem::take(&mut stream.last));
                let size = stream.left.as_mut().map(|left| {
                    *left -= part;
                    part
                });
                SourceKind::Stream(StreamSource::new(stream.feed.lend(part), size))
            }
        };
        Self {
            kind,
            meter: self.meter.clone(),
        }
    }

    /// The same source with the bytes in front that were last taken from it. However often that is
    /// done, it does not grow.
    pub fn put_back(mut self, taken: Bytes) -> Self {
        if taken.is_empty() {
            return self;
        }
        let size = taken.len() as u64;
        match &mut self.kind {
            SourceKind::File(file) => {
                file.left.start -= size;
                file.pending = None;
            }
            SourceKind::Stream(stream) => {
                stream.feed.put_back(std::mem::take(&mut stream.last));
                stream.feed.put_back(taken);
                stream.left.iter_mut().for_each(|left| *left += size);
            }
            SourceKind::Bytes(bytes) => {
                let left = Some(size + bytes.len() as u64);
                let rest = Self::from_bytes(std::mem::take(bytes));
                self.kind = SourceKind::Stream(StreamSource::new(
                    LentStream::new(taken, rest.boxed()),
                    left,
                ));
            }
        }
        self
    }

    /// The open file and the part of it that is left, if this is one: whoever has a file to fill
    /// lets the kernel copy.
    pub fn as_file(&self) -> Option<(&Arc<File>, Range<u64>)> {
        match &self.kind {
            SourceKind::File(FileSource { file, left, .. }) => Some((file, left.clone())),
            _ => None,
        }
    }

    /// All bytes that are left, if they are held already.
    pub fn as_bytes(&self) -> Option<&Bytes> {
        match &self.kind {
            SourceKind::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// The next piece, or none at the end.
    pub async fn next(&mut self) -> Result<Option<Bytes>> {
        StreamExt::next(self).await.transpose()
    }

    /// The next piece, or none at the end.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        let piece = ready!(self.poll_kind(cx));
        if let (Some(Ok(bytes)), Some(meter)) = (&piece, &self.meter) {
            meter(bytes.len() as u64);
        }
        Poll::Ready(piece)
    }

    fn poll_kind(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        match &mut self.kind {
            SourceKind::Bytes(bytes) if bytes.is_empty() => Poll::Ready(None),
            SourceKind::Bytes(bytes) => {
                Poll::Ready(Some(Ok(bytes.split_to(bytes.len().min(MAX_CHUNK)))))
            }
            SourceKind::File(file) => file.poll_piece(cx),
            SourceKind::Stream(stream) => stream.poll_piece(cx),
        }
    }
}

impl Stream for Source {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        self.poll_piece(cx)
    }
}

impl StreamSource {
    fn new(feed: LentStream, left: Option<u64>) -> Self {
        Self {
            feed,
            left,
            last: Bytes::new(),
        }
    }

    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            let piece = ready!(self.feed.poll_piece(cx));
            let Some(left) = &mut self.left else {
                return Poll::Ready(piece);
            };
            let kept = self.last.len() as u64;
            return Poll::Ready(match piece {
                Some(Ok(bytes)) => match left.checked_sub(kept + bytes.len() as u64) {
                    Some(0) if !bytes.is_empty() => {
                        self.last = bytes;
                        continue;
                    }
                    Some(rest) if kept == 0 => {
                        *left = rest;
                        Some(Ok(bytes))
                    }
                    // An empty piece after the last byte.
                    Some(_) => Some(Ok(bytes)),
                    None => {
                        self.last = Bytes::new();
                        Some(Err(wrong_length("more")))
                    }
                },
                Some(Err(error)) => {
                    self.last = Bytes::new();
                    Some(Err(error))
                }
                None if kept > 0 => {
                    *left = 0;
                    Some(Ok(std::mem::take(&mut self.last)))
                }
                None if *left > 0 => {
                    *left = 0;
                    Some(Err(wrong_length("fewer")))
                }
                None => None,
            });
        }
    }
}

impl FileSource {
    /// Reads from the page cache at once, and from the disk in a thread that may block.
    fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            if let Some(pending) = &mut self.pending {
                let read =
                    ready!(Pin::new(pending).poll(cx)).unwrap_or_else(|e| Err(io::Error::other(e)));
                self.pending = None;
                return Poll::Ready(Some(self.advance(read)));
            }
            let wanted = (self.left.end - self.left.start).min(MAX_CHUNK as u64) as usize;
            if wanted == 0 {
                return Poll::Ready(None);
            }
            match read_cached(&self.file, self.left.start, wanted) {
                Ok(Some(bytes)) => return Poll::Ready(Some(self.advance(Ok(bytes)))),
                Err(e) => return Poll::Ready(Some(self.advance(Err(e)))),
                Ok(None) => {
                    let file = self.file.clone();
                    let offset = self.left.start;
                    self.pending = Some(tokio::task::spawn_blocking(move || {
                        read(wanted, |space| file.read_at(space, offset))
                    }));
                }
            }
        }
    }

    fn advance(&mut self, read: io::Result<Bytes>) -> Result<Bytes> {
        // Nothing more will come of a source that failed.
        match read {
            Ok(bytes) if bytes.is_empty() => {
                self.left.start = self.left.end;
                Err(Error::new(
                    ErrorKind::Interrupted,
                    "the file became shorter while it was read",
                ))
            }
            Ok(bytes) => {
                self.left.start += bytes.len() as u64;
                Ok(bytes)
            }
            Err(error) => {
                self.left.start = self.left.end;
                Err(Error::internal(error))
            }
        }
    }
}

/// What the page cache holds of a part of a file; none if reading it would wait for the disk.
fn read_cached(file: &File, offset: u64, wanted: usize) -> io::Result<Option<Bytes>> {
    let read = read(wanted, |space| {
        let mut parts = [io::IoSliceMut::new(space)];
        let read = rustix::io::preadv2(file, &mut parts, offset, ReadWriteFlags::NOWAIT);
        match read {
            // Nothing in memory is waited for, although it cannot say so.
            Err(Errno::OPNOTSUPP) if is_in_memory(file) => file.read_at(space, offset),
            read => Ok(read?),
        }
    });
    match read.map_err(|error| (Errno::from_io_error(&error), error)) {
        Ok(bytes) => Ok(Some(bytes)),
        Err((Some(Errno::AGAIN | Errno::OPNOTSUPP | Errno::INVAL | Errno::NOSYS), _)) => Ok(None),
        Err((_, error)) => Err(error),
    }
}

/// Reads at most so many bytes.
fn read(wanted: usize, read: impl FnOnce(&mut [u8]) -> io::Result<usize>) -> io::Result<Bytes> {
    if wanted < buffers::LEAST {
        let mut buffer = BytesMut::zeroed(wanted);
        let read = read(&mut buffer)?;
        buffer.truncate(read);
        return Ok(buffer.freeze());
    }
    let mut buffer = ReadBuffer::take();
    let read = read(buffer.space(wanted))?;
    Ok(buffer.freeze(read))
}

/// Whether a file is on a filesystem that has no disk.
fn is_in_memory(file: &File) -> bool {
    // Of linux/magic.h.
    const TMPFS: FsWord = 0x0102_1994;
    const RAMFS: FsWord = 0x8584_58f6;
    fstatfs(file).is_ok_and(|found| matches!(found.f_type, TMPFS | RAMFS))
}

fn wrong_length(comparison: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("the body has {comparison} bytes than were announced"),
    )
}

impl From<&'static str> for Source {
    fn from(text: &'static str) -> Self {
        Self::from_bytes(text)
    }
}

#[cfg(test)]
mod tests;
