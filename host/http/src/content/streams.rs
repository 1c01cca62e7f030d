//! Bodies on their way in and out: an [`UploadBody`] becomes a source for the engine, a source
//! becomes a [`Download`].
//!
//! Both end in an error when nothing moves for the idle timeout, and never because a transfer takes
//! long as a whole. A source that fails ends the response without a proper end, so that a client
//! never takes a part for the whole.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, BodyDataStream};
use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use futures_util::{FutureExt, StreamExt};
use http_body::{Frame, SizeHint};
use hyper::body::Incoming;

use crate::edge::idle::Idle;
use crate::edge::request_id::RequestId;
use callfs_telemetry::Metrics;

/// The body of a request.
pub(crate) struct UploadBody {
    incoming: Incoming,
    idle: Idle,
    limit: Duration,
    ended: bool,
    /// Set when this is dropped before its end: what is left of it is on the connection still.
    unread: Arc<AtomicBool>,
    metrics: Arc<Metrics>,
}

impl UploadBody {
    /// A body that may make no progress for `limit`, and tells `unread` if nobody wanted all of it.
    pub(crate) fn new(
        incoming: Incoming,
        limit: Duration,
        unread: Arc<AtomicBool>,
        metrics: Arc<Metrics>,
    ) -> Self {
        Self {
            ended: false,
            incoming,
            idle: Idle::new(limit),
            limit,
            unread,
            metrics,
        }
    }
}

impl http_body::Body for UploadBody {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        match Pin::new(&mut self.incoming).poll_frame(cx) {
            Poll::Ready(Some(Ok(frame))) => {
                self.idle.progress();
                self.metrics
                    .http()
                    .received(frame.data_ref().map_or(0, Bytes::len) as u64);
                self.ended = self.incoming.is_end_stream();
                Poll::Ready(Some(Ok(frame.map_data(unpinned))))
            }
            Poll::Ready(Some(Err(error))) => {
                let message = if is_malformed(&error) {
                    "the chunked coding of the body is malformed (RFC 9112 section 7.1)"
                } else {
                    "the body of the request ended before it was complete"
                };
                Poll::Ready(Some(Err(
                    Error::new(ErrorKind::Interrupted, message).because(error)
                )))
            }
            Poll::Ready(None) => {
                self.ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => {
                ready!(self.idle.poll_elapsed(cx));
                let message = format!("nothing of the body arrived for {} s", self.limit.as_secs());
                Poll::Ready(Some(Err(Error::new(ErrorKind::Interrupted, message))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.incoming.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.incoming.size_hint()
    }
}

impl Drop for UploadBody {
    fn drop(&mut self) {
        if !self.ended {
            self.unread.store(true, Ordering::Relaxed);
        }
    }
}

/// Whether a body failed for what arrived of it, and not for what did not.
fn is_malformed(error: &(dyn std::error::Error + 'static)) -> bool {
    std::iter::successors(Some(error), |error| error.source())
        .filter_map(|error| error.downcast_ref::<io::Error>())
        .any(|error| {
            matches!(
                error.kind(),
                io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput
            )
        })
}

/// The same bytes, without the buffer that they are a small part of: a body in pieces of one byte
/// would keep one buffer for each of them.
pub(crate) fn unpinned(piece: Bytes) -> Bytes {
    const SMALL: usize = 4096;
    if piece.len() < SMALL {
        Bytes::copy_from_slice(&piece)
    } else {
        piece
    }
}

/// The length of a request's body, where it was announced.
pub(crate) fn announced_size(body: &Body) -> Option<u64> {
    http_body::Body::size_hint(body).exact()
}

/// The bytes of a request's body.
pub(crate) fn into_source(body: Body) -> Source {
    let size = announced_size(&body);
    Source::from_stream(
        body.into_data_stream()
            .map(|piece| piece.map_err(body_error))
            .boxed(),
        size,
    )
}

/// A small body, whole: JSON and the like.
pub(crate) async fn collect(body: Body, limit: usize) -> Result<Vec<u8>> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    while let Some(piece) = stream.next().await {
        let piece = piece.map_err(body_error)?;
        if bytes.len() + piece.len() > limit {
            let message =
                format!("the body is larger than the {limit} bytes that this request takes");
            return Err(Error::new(ErrorKind::PayloadTooLarge, message));
        }
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}

/// Takes what has arrived already of a small body that nobody wants, so that the connection can be
/// used again. Never waits, so a client that expects to be told to continue is not.
pub(crate) fn discard(body: Body) {
    const SMALL: u64 = 64 << 10;
    if announced_size(&body).is_some_and(|size| size <= SMALL) {
        let mut stream: BodyDataStream = body.into_data_stream();
        while let Some(Some(Ok(_))) = stream.next().now_or_never() {}
    }
}

/// The error behind axum's wrapping of it.
fn body_error(error: axum::Error) -> Error {
    match error.into_inner().downcast::<Error>() {
        Ok(error) => *error,
        Err(other) => Error::new(
            ErrorKind::Interrupted,
            "the body of the request could not be read",
        )
        .because(other),
    }
}

/// The body of a response.
pub(crate) struct Download {
    source: Source,
    idle: Idle,
    limit: Duration,
    request_id: RequestId,
}

impl Download {
    /// The bytes of a source, which may make no progress for `limit`.
    pub(crate) fn new(source: Source, limit: Duration, request_id: RequestId) -> Self {
        Self {
            source,
            idle: Idle::new(limit),
            limit,
            request_id,
        }
    }

    /// The status line is gone; all that is left is to say so in the log and to abort.
    fn fail(&self, error: Error) -> Poll<Option<Result<Frame<Bytes>>>> {
        let id = self.request_id.as_str();
        let cause = error.causes().unwrap_or_default();
        tracing::warn!(
            request_id = id,
            plugin = error.plugin(),
            cause,
            "a response was cut short: {error}"
        );
        Poll::Ready(Some(Err(error)))
    }
}

impl http_body::Body for Download {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        match self.source.poll_piece(cx) {
            Poll::Ready(Some(Ok(piece))) => {
                self.idle.progress();
                Poll::Ready(Some(Ok(Frame::data(piece))))
            }
            Poll::Ready(Some(Err(error))) => self.fail(error),
            Poll::Ready(None) => Poll::Ready(None),
            Poll::Pending => {
                ready!(self.idle.poll_elapsed(cx));
                let message = format!("the storage gave nothing for {} s", self.limit.as_secs());
                self.fail(Error::new(ErrorKind::BackendTimeout, message))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.source.size() == Some(0)
    }

    fn size_hint(&self) -> SizeHint {
        self.source
            .size()
            .map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
