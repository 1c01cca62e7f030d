//! A stream that one reader lends to the next: a part of it is read by somebody else, and then it
//! goes on.
//!
//! Whoever lent it waits until the part was read to its end, and learns if it never was. However
//! often it is lent, it stays one stream and is not wrapped again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt, stream};
use tokio::sync::oneshot;

use super::MAX_CHUNK;
use crate::error::{Error, ErrorKind, Result};

/// How many times a part may be taken of a part: whoever polls or drops one does so with all around
/// it.
const MAX_DEPTH: u32 = 64;

/// A stream, wherever it is.
pub(super) struct LentStream {
    /// Of how many others it is a part.
    depth: u32,
    /// What was taken from the stream and belongs to whoever reads next.
    rest: Bytes,
    stream: Lendable,
}

enum Lendable {
    Here(BoxStream<'static, Result<Bytes>>),
    Lent(oneshot::Receiver<LentStream>),
    Over,
}

impl LentStream {
    pub(super) fn new(rest: Bytes, stream: BoxStream<'static, Result<Bytes>>) -> Self {
        Self {
            depth: 0,
            rest,
            stream: Lendable::Here(stream),
        }
    }

    /// The next `max` bytes, or fewer where it ends before; this goes on after them. A part of too
    /// many parts ends in an error, and so does what it was taken of.
    pub(super) fn lend(&mut self, max: u64) -> Self {
        let (back, lent) = oneshot::channel();
        let depth = self.depth + 1;
        let feed = std::mem::replace(
            self,
            Self {
                depth: self.depth,
                rest: Bytes::new(),
                stream: Lendable::Lent(lent),
            },
        );
        let part = if depth <= MAX_DEPTH {
            LentPart {
                borrowed: Some((feed, back)),
                left: max,
            }
            .boxed()
        } else {
            let message =
                format!("a part of a part of a source, and so on {depth} times, is too deep");
            stream::iter([Err(Error::new(ErrorKind::Unsupported, message))]).boxed()
        };
        Self {
            depth,
            rest: Bytes::new(),
            stream: Lendable::Here(part),
        }
    }

    /// What was taken and is to be read again.
    pub(super) fn put_back(&mut self, taken: Bytes) {
        self.rest = if self.rest.is_empty() {
            taken
        } else {
            [taken, std::mem::take(&mut self.rest)].concat().into()
        };
    }

    /// The next piece, or none at the end.
    pub(super) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes>>> {
        loop {
            if !self.rest.is_empty() {
                let piece = self.rest.split_to(self.rest.len().min(MAX_CHUNK));
                return Poll::Ready(Some(Ok(piece)));
            }
            match &mut self.stream {
                Lendable::Here(stream) => {
                    let piece = ready!(stream.poll_next_unpin(cx));
                    if piece.is_none() {
                        self.stream = Lendable::Over;
                    }
                    return Poll::Ready(piece);
                }
                Lendable::Lent(lent) => match ready!(lent.poll_unpin(cx)) {
                    Ok(feed) => *self = feed,
                    Err(_) => {
                        self.stream = Lendable::Over;
                        let message = "a part of the source was not read to its end, so there is \
                                       nothing after it";
                        return Poll::Ready(Some(Err(Error::new(ErrorKind::Interrupted, message))));
                    }
                },
                Lendable::Over => return Poll::Ready(None),
            }
        }
    }
}

/// The next bytes of a feed, which goes back with the last of them.
struct LentPart {
    borrowed: Option<(LentStream, oneshot::Sender<LentStream>)>,
    left: u64,
}

impl LentPart {
    fn give_back(&mut self) {
        if let Some((feed, back)) = self.borrowed.take() {
            // Whoever dropped the rest does not want it.
            let _ = back.send(feed);
        }
    }
}

impl Stream for LentPart {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = &mut *self;
        let Some((feed, _)) = &mut part.borrowed else {
            return Poll::Ready(None);
        };
        let mut piece = ready!(feed.poll_piece(cx));
        match &mut piece {
            Some(Ok(bytes)) => {
                if bytes.len() as u64 > part.left {
                    feed.put_back(bytes.split_off(part.left as usize));
                }
                part.left -= bytes.len() as u64;
                if part.left == 0 {
                    part.give_back();
                }
            }
            Some(Err(_)) => part.borrowed = None,
            None => part.give_back(),
        }
        Poll::Ready(piece)
    }
}
