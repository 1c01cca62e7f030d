//! The body of an upload, watched while it flows.
//!
//! Its bytes are counted against the cap and hashed, piece by piece; nothing is held. A body that
//! has not the digests that were announced ends in an error instead of its end, so that whoever
//! stores it cannot take it for complete. It knows nothing of where the bytes go.

use std::sync::{Arc, Mutex, PoisonError};
use std::task::Poll;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use futures_util::{StreamExt, stream};

use crate::change::digest::{Digest, Hashes};

/// What was seen of a body.
#[derive(Clone)]
pub(crate) struct UploadMeter(Arc<Mutex<SeenBody>>);

struct SeenBody {
    count: u64,
    hashes: Hashes,
    complete: bool,
    failure: Option<(ErrorKind, String)>,
}

/// A body and its meter. It is refused with [`ErrorKind::PayloadTooLarge`] as soon as it exceeds
/// `max`, and with [`ErrorKind::DigestMismatch`] before its last byte is handed over, or its end
/// where its size is not known.
pub(crate) fn metered(
    body: Source,
    max: u64,
    announced: Vec<Digest>,
) -> Result<(Source, UploadMeter)> {
    let size = body.size();
    let seen = SeenBody {
        count: 0,
        hashes: Hashes::new(announced),
        complete: false,
        failure: None,
    };
    let meter = UploadMeter(Arc::new(Mutex::new(seen)));
    if size == Some(0) {
        // Nobody needs to read what is known to be empty.
        meter.with(SeenBody::end)?;
        return Ok((body, meter));
    }
    let watched = meter.clone();
    let ended = meter.clone();
    let pieces = body.map(move |piece| {
        let piece = piece.and_then(|bytes| {
            watched.with(|seen| seen.take(&bytes, size, max))?;
            Ok(bytes)
        });
        piece.inspect_err(|error| watched.with(|seen| seen.fail(error)))
    });
    let end = stream::poll_fn(move |_| Poll::Ready(ended.with(SeenBody::end).err().map(Err)));
    Ok((Source::from_stream(pieces.chain(end).boxed(), size), meter))
}

/// A body larger than the cap.
pub(crate) fn too_large(max: u64) -> Error {
    Error::new(
        ErrorKind::PayloadTooLarge,
        format!("the body is larger than the {max} bytes that are allowed"),
    )
}

impl UploadMeter {
    /// SHA-256 of the bytes, once all of them went by.
    pub(crate) fn digest(&self) -> Option<[u8; 32]> {
        self.with(|seen| seen.complete.then(|| seen.hashes.sha256()))
    }

    /// What is wrong with the body, whatever whoever read it made of that; else that failure.
    pub(crate) fn blame(&self, other: Error) -> Error {
        match self.with(|seen| seen.failure.clone()) {
            Some((kind, message)) => Error::new(kind, message).because(other),
            None => other,
        }
    }

    /// Fails if the body did: whoever stored it all the same did not look at how it ended.
    pub(crate) fn check(&self) -> Result<()> {
        match self.with(|seen| seen.failure.clone()) {
            Some((kind, message)) => Err(Error::new(kind, message)),
            None => Ok(()),
        }
    }

    fn with<T>(&self, look: impl FnOnce(&mut SeenBody) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl SeenBody {
    fn take(&mut self, bytes: &[u8], size: Option<u64>, max: u64) -> Result<()> {
        self.count = self.count.saturating_add(bytes.len() as u64);
        if self.count > max {
            return Err(too_large(max));
        }
        self.hashes.update(bytes);
        // Whoever knows the size may stop reading there, and never see the end.
        let last = size == Some(self.count);
        if last {
            self.hashes.verify()?;
        }
        self.complete = last;
        Ok(())
    }

    fn end(&mut self) -> Result<()> {
        if self.failure.is_none() {
            self.hashes.verify().inspect_err(|error| self.fail(error))?;
            self.complete = true;
        }
        Ok(())
    }

    fn fail(&mut self, error: &Error) {
        self.complete = false;
        self.failure = Some((error.kind(), error.message().into()));
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use sha2::{Digest as _, Sha256};

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
            let (body, meter) = metered(body, 11, vec![]).expect("nothing is announced");
            assert_eq!(meter.digest(), None);
            assert_eq!(drain(body).await.expect("whole"), b"hello world");
            assert_eq!(meter.digest(), Some(expected));
        }
        let (body, meter) = metered(Source::empty(), 0, vec![]).expect("nothing is announced");
        assert_eq!(drain(body).await.expect("empty"), b"");
        assert_eq!(meter.digest(), Some(Sha256::digest(b"").into()));
    }

    #[tokio::test]
    async fn needs_no_end_where_the_size_is_known() {
        let (mut body, meter) = metered(pieces(vec![Ok("abc".into())], Some(3)), 3, vec![])
            .expect("nothing is announced");
        body.next().await.expect("a piece");
        assert!(meter.digest().is_some());
    }

    #[tokio::test]
    async fn stops_at_the_cap_and_remembers_why() {
        let (body, meter) = metered(
            pieces(vec![Ok("abc".into()), Ok("d".into())], None),
            3,
            vec![],
        )
        .expect("nothing is announced");
        assert_eq!(
            drain(body).await.expect_err("too large").kind(),
            ErrorKind::PayloadTooLarge
        );
        let masked = Error::new(ErrorKind::PluginFailed, "the write failed");
        assert_eq!(meter.blame(masked).kind(), ErrorKind::PayloadTooLarge);
        assert_eq!(meter.digest(), None);
    }

    #[tokio::test]
    async fn a_cut_body_has_no_digest() {
        for size in [None, Some(6)] {
            let cut = Error::new(ErrorKind::Interrupted, "the client went away");
            let (body, meter) = metered(pieces(vec![Ok("abc".into()), Err(cut)], size), 10, vec![])
                .expect("nothing is announced");
            assert_eq!(
                drain(body).await.expect_err("cut").kind(),
                ErrorKind::Interrupted
            );
            assert_eq!(meter.digest(), None);
        }
    }

    #[tokio::test]
    async fn a_body_without_its_digest_never_ends_well() {
        let wrong = || vec![Digest::Sha256([0; 32])];
        for size in [None, Some(6)] {
            let (body, meter) = metered(
                pieces(vec![Ok("abc".into()), Ok("def".into())], size),
                6,
                wrong(),
            )
            .expect("later");
            assert_eq!(
                drain(body).await.expect_err("another digest").kind(),
                ErrorKind::DigestMismatch
            );
            assert_eq!(
                meter.check().expect_err("remembered").kind(),
                ErrorKind::DigestMismatch
            );
            assert_eq!(meter.digest(), None);
        }
        let empty = metered(Source::empty(), 6, wrong())
            .map(drop)
            .expect_err("at once");
        assert_eq!(empty.kind(), ErrorKind::DigestMismatch);
    }

    #[tokio::test]
    async fn the_last_piece_is_kept_back_where_the_size_is_known() {
        let body = pieces(vec![Ok("abc".into()), Ok("def".into())], Some(6));
        let (mut body, _) = metered(body, 6, vec![Digest::Sha512([0; 64])]).expect("later");
        assert_eq!(
            body.next().await.expect("the first").as_deref(),
            Some(&b"abc"[..])
        );
        assert!(body.next().await.is_err());
    }
}
