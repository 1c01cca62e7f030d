//! A stream that one reader lends to the next: a part of it is read by somebody else, and then it goes on.
//!
//! Whoever lent it waits until the part was read to its end, and learns if it never was. However often it is lent, it
//! stays one stream and is not wrapped again.

use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{FutureExt, Stream, StreamExt};
use tokio::sync::oneshot;

use super::MAX_CHUNK;
use crate::error::{Error, ErrorKind, Result};

/// A stream, wherever it is.
pub(super) struct Feed {
    /// What was taken from the stream and belongs to whoever reads next.
    rest: Bytes,
    stream: Lendable,
}

enum Lendable {
    Here(BoxStream<'static, Result<Bytes>>),
    Lent(oneshot::Receiver<Feed>),
    Over,
}

impl Feed {
    pub(super) fn new(rest: Bytes, stream: BoxStream<'static, Result<Bytes>>) -> Self {
        Self { rest, stream: Lendable::Here(stream) }
    }

    /// The next `max` bytes, or fewer where it ends before; this goes on after them.
    pub(super) fn lend(&mut self, max: u64) -> BoxStream<'static, Result<Bytes>> {
        let (back, lent) = oneshot::channel();
        let feed = std::mem::replace(self, Self { rest: Bytes::new(), stream: Lendable::Lent(lent) });
        Part { borrowed: Some((feed, back)), left: max }.boxed()
    }

    /// What was taken and is to be read again.
    fn put_back(&mut self, taken: Bytes) {
        self.rest = if self.rest.is_empty() { taken } else { [taken, std::mem::take(&mut self.rest)].concat().into() };
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
                        let message = "a part of the source was not read to its end, so there is nothing after it";
                        return Poll::Ready(Some(Err(Error::new(ErrorKind::Interrupted, message))));
                    }
                },
                Lendable::Over => return Poll::Ready(None),
            }
        }
    }
}

/// The next bytes of a feed, which goes back with the last of them.
struct Part {
    borrowed: Option<(Feed, oneshot::Sender<Feed>)>,
    left: u64,
}

impl Part {
    fn give_back(&mut self) {
        if let Some((feed, back)) = self.borrowed.take() {
            // Whoever dropped the rest does not want it.
            let _ = back.send(feed);
        }
    }
}

impl Stream for Part {
    type Item = Result<Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let part = &mut *self;
        let Some((feed, _)) = &mut part.borrowed else { return Poll::Ready(None) };
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
