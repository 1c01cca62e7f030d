//! Bodies: a source on its way out, and what comes back as a source.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use futures_util::{StreamExt, stream};
use http_body_util::BodyExt;
use hyper::body::{Body, Frame, SizeHint};
use tokio::time::timeout;
use tower::BoxError;

/// How long the body of an answer may rest while somebody waits for it.
pub(super) const IDLE: Duration = Duration::from_secs(60);

/// The body of a request.
pub(super) struct Outgoing {
    source: Option<Source>,
}

impl Outgoing {
    pub(super) fn new(source: Option<Source>) -> Self {
        Self { source }
    }
}

impl Body for Outgoing {
    type Data = Bytes;
    type Error = Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>>>> {
        let Some(source) = &mut self.source else {
            return Poll::Ready(None);
        };
        let piece = std::task::ready!(source.poll_piece(cx));
        Poll::Ready(piece.map(|piece| piece.map(Frame::data)))
    }

    fn is_end_stream(&self) -> bool {
        self.source
            .as_ref()
            .is_none_or(|source| source.size() == Some(0))
    }

    fn size_hint(&self) -> SizeHint {
        match self.source.as_ref().map_or(Some(0), Source::size) {
            Some(size) => SizeHint::with_exact(size),
            None => SizeHint::default(),
        }
    }
}

/// The body of an answer: as long as announced and never at rest for longer than `idle`, or it ends
/// in an error.
pub(super) fn incoming<B>(body: B, idle: Duration) -> Source
where
    B: Body<Data = Bytes, Error: Into<BoxError>> + Send + Unpin + 'static,
{
    let size = body.size_hint().exact();
    let pieces = stream::unfold(Some(body), move |body| async move {
        let mut body = body?;
        loop {
            match timeout(idle, body.frame()).await {
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => return Some((Ok(bytes), Some(body))),
                    Err(_trailers) => {}
                },
                Ok(Some(Err(error))) => {
                    return Some((Err(broken("broke off").because(error)), None));
                }
                Ok(None) => return None,
                Err(_) => return Some((Err(broken("came to rest before its end")), None)),
            }
        }
    });
    Source::from_stream(pieces.boxed(), size)
}

fn broken(how: &str) -> Error {
    Error::new(
        ErrorKind::Interrupted,
        format!("the answer of the other server {how}"),
    )
}

#[cfg(test)]
mod tests {
    use http_body_util::{Full, StreamBody};

    use super::*;

    type Piece = Result<Frame<Bytes>, std::io::Error>;

    async fn outcome(
        pieces: impl futures_util::Stream<Item = Piece> + Send + Unpin + 'static,
    ) -> Result<Vec<u8>> {
        let mut source = incoming(StreamBody::new(pieces), Duration::from_millis(50));
        let mut bytes = Vec::new();
        while let Some(piece) = source.next().await? {
            bytes.extend(piece);
        }
        Ok(bytes)
    }

    fn piece(text: &'static str) -> Piece {
        Ok(Frame::data(Bytes::from(text)))
    }

    #[tokio::test]
    async fn a_body_is_whole_or_an_error() {
        assert_eq!(
            outcome(stream::iter([piece("a"), piece("b")]))
                .await
                .expect("whole"),
            b"ab"
        );
        let reset = stream::iter([piece("a"), Err(std::io::Error::other("reset"))]);
        assert_eq!(
            outcome(reset).await.expect_err("cut").kind(),
            ErrorKind::Interrupted
        );
        let rests = stream::iter([piece("a")]).chain(stream::pending());
        let error = outcome(rests).await.expect_err("cut");
        assert_eq!(
            (error.kind(), error.message().contains("came to rest")),
            (ErrorKind::Interrupted, true)
        );
    }

    #[test]
    fn lengths_are_known_on_both_ways() {
        assert_eq!(
            incoming(Full::new(Bytes::from("abc")), IDLE).size(),
            Some(3)
        );
        let outgoing = |source| Outgoing::new(source);
        assert_eq!(outgoing(None).size_hint().exact(), Some(0));
        assert_eq!(
            outgoing(Some(Source::from_bytes("abc")))
                .size_hint()
                .exact(),
            Some(3)
        );
        let flowing = outgoing(Some(Source::from_stream(stream::pending().boxed(), None)));
        assert_eq!(
            (flowing.size_hint().exact(), flowing.is_end_stream()),
            (None, false)
        );
        assert!(outgoing(Some(Source::empty())).is_end_stream());
    }
}
