//! The body of an upload, watched while it flows.
//!
//! Its bytes are counted against the cap and hashed, piece by piece; nothing is held. It knows nothing of where they go.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt;
use sha2::{Digest, Sha256};

use crate::error::{Error, ErrorKind, Result};
use crate::source::Source;

/// What was seen of a body.
#[derive(Clone, Default)]
pub(super) struct Meter(Arc<Mutex<Seen>>);

#[derive(Default)]
struct Seen {
    count: u64,
    hash: Sha256,
    complete: bool,
    failure: Option<(ErrorKind, String)>,
}

/// A body that is refused with [`ErrorKind::PayloadTooLarge`] as soon as it exceeds `max`, and its meter.
pub(super) fn metered(body: Source, max: u64) -> (Source, Meter) {
    let (size, meter) = (body.size(), Meter::default());
    if size == Some(0) {
        meter.with(|seen| seen.complete = true);
        return (body, meter);
    }
    let (watched, ended) = (meter.clone(), meter.clone());
    let pieces = body.map(move |piece| {
        let piece = piece.and_then(|bytes| {
            watched.with(|seen| seen.take(&bytes, size, max))?;
            Ok(bytes)
        });
        piece.inspect_err(|error| watched.with(|seen| seen.failure = Some((error.kind(), error.message().into()))))
    });
    let end = futures_util::stream::poll_fn(move |_| {
        ended.with(|seen| seen.complete |= seen.failure.is_none());
        std::task::Poll::Ready(None)
    });
    (Source::from_stream(pieces.chain(end).boxed(), size), meter)
}

/// A body larger than the cap.
pub(super) fn too_large(max: u64) -> Error {
    Error::new(ErrorKind::PayloadTooLarge, format!("the body is larger than the {max} bytes that are allowed"))
}

impl Meter {
    /// SHA-256 of the bytes, once all of them went by.
    pub(super) fn digest(&self) -> Option<[u8; 32]> {
        self.with(|seen| seen.complete.then(|| seen.hash.clone().finalize().into()))
    }

    /// What is wrong with the body, whatever whoever read it made of that; else that failure.
    pub(super) fn blame(&self, other: Error) -> Error {
        match self.with(|seen| seen.failure.clone()) {
            Some((kind, message)) => Error::new(kind, message).because(other),
            None => other,
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut Seen) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Seen {
    fn take(&mut self, bytes: &[u8], size: Option<u64>, max: u64) -> Result<()> {
        self.count = self.count.saturating_add(bytes.len() as u64);
        if self.count > max {
            return Err(too_large(max));
        }
        self.hash.update(bytes);
        // Whoever knows the size may stop reading there, and never see the end.
        self.complete = size == Some(self.count);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;

    fn pieces(pieces: Vec<Result<Bytes>>, size: Option<u64>) -> Source {
        Source::from_stream(futures_util::stream::iter(pieces).boxed(), size)
    }

    async fn drain(mut body: Source) -> Result<Vec<u8>> {
        let mut all = Vec::new();
        while let Some(piece) = body.next().await? {
            all.extend_from_slice(&piece);
        }
        Ok(all)
    }

    #[tokio::test]
    async fn hashes_what_flows() {
        let expected: [u8; 32] = Sha256::digest(b"hello world").into();
        for size in [None, Some(11)] {
            let body = pieces(vec![Ok("hello ".into()), Ok("world".into())], size);
            let (body, meter) = metered(body, 11);
            assert_eq!(meter.digest(), None);
            assert_eq!(drain(body).await.expect("whole"), b"hello world");
            assert_eq!(meter.digest(), Some(expected));
        }
        let (body, meter) = metered(Source::empty(), 0);
        assert_eq!(drain(body).await.expect("empty"), b"");
        assert_eq!(meter.digest(), Some(Sha256::digest(b"").into()));
    }

    #[tokio::test]
    async fn needs_no_end_where_the_size_is_known() {
        let (mut body, meter) = metered(pieces(vec![Ok("abc".into())], Some(3)), 3);
        body.next().await.expect("a piece");
        assert!(meter.digest().is_some());
    }

    #[tokio::test]
    async fn stops_at_the_cap_and_remembers_why() {
        let (body, meter) = metered(pieces(vec![Ok("abc".into()), Ok("d".into())], None), 3);
        assert_eq!(drain(body).await.expect_err("too large").kind(), ErrorKind::PayloadTooLarge);
        let masked = Error::new(ErrorKind::PluginFailed, "the write failed");
        assert_eq!(meter.blame(masked).kind(), ErrorKind::PayloadTooLarge);
        assert_eq!(meter.digest(), None);
    }

    #[tokio::test]
    async fn a_cut_body_has_no_digest() {
        for size in [None, Some(6)] {
            let cut = Error::new(ErrorKind::Interrupted, "the client went away");
            let (body, meter) = metered(pieces(vec![Ok("abc".into()), Err(cut)], size), 10);
            assert_eq!(drain(body).await.expect_err("cut").kind(), ErrorKind::Interrupted);
            assert_eq!(meter.digest(), None);
        }
    }
}
