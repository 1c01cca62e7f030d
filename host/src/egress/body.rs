//! Bodies: a source on its way out, and what comes back as a source.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use bytes::Bytes;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use tokio::time::timeout;

use crate::error::{Error, ErrorKind, Result};
use crate::source::Source;

/// How long the body of an answer may rest while somebody waits for it.
const IDLE: Duration = Duration::from_secs(60);

/// When a byte was last taken to be sent.
#[derive(Clone)]
pub(super) struct Activity(Arc<Mutex<Instant>>);

impl Activity {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Instant::now())))
    }

    pub(super) fn last(&self) -> Instant {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn advance(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }
}

/// The body of a request.
pub(super) struct Outgoing {
    source: Option<Source>,
    activity: Activity,
}

impl Outgoing {
    pub(super) fn new(source: Option<Source>, activity: Activity) -> Self {
        Self { source, activity }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(source) = &mut self.source else { return Poll::Ready(None) };
        let piece = std::task::ready!(source.poll_piece(cx));
        self.activity.advance();
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.source.as_ref().is_none_or(|source| source.size() == Some(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.source.as_ref().map_or(Some(0), Source::size) {
            Some(size) => SizeHint::with_exact(size),
            None => SizeHint::default(),
        }
    }
}

/// The body of an answer: as long as announced, or it ends in an error.
pub(super) fn incoming(body: Incoming) -> Source {
    let size = body.size_hint().exact();
    let pieces = stream::unfold(Some(body), |body| async {
        let mut body = body?;
        loop {
            match timeout(IDLE, body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Some((Ok(bytes), Some(body))),
                    Err(_trailers) => {}
                },
                Ok(Some(Err(error))) => return Some((Err(broken("broke off").because(error)), None)),
                Ok(None) => return None,
                Err(_) => return Some((Err(broken("moved nothing for a minute")), None)),
            }
        }
    });
    Source::from_stream(pieces.boxed(), size)
}

fn broken(how: &str) -> Error {
    Error::new(ErrorKind::Interrupted, format!("the answer of the other server {how}"))
}
