//! A body that is compressed while it is sent.
//!
//! It holds at most one piece of the body, the window of the encoder, and what the encoder made of
//! the last step. Where the body has nothing more for the moment, what was taken of it goes out, so
//! that the first line of a listing does not wait for the second.

use std::io::{self, Write};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use brotli::CompressorWriter;
use bytes::Bytes;
use flate2::Compression as GzipLevel;
use flate2::write::GzEncoder;
use http_body::{Body as _, Frame, SizeHint};
use tokio::sync::OwnedSemaphorePermit;

use crate::fields::accept_encoding::ContentCoding;

/// How many bytes are compressed before other tasks of the thread have their turn: about a
/// millisecond.
const STEP: usize = 64 << 10;
/// Of zstd and brotli, as a power of two: far less than decoders have to take, because each
/// response holds one.
const WINDOW: u8 = 18;
const ZSTD_LEVEL: i32 = 3;
const BROTLI_QUALITY: u32 = 4;
const GZIP_LEVEL: u32 = 5;
/// What brotli hands over at once.
const BROTLI_BUFFER: usize = 16 << 10;

/// See the module.
pub(crate) struct CompressedBody {
    body: Body,
    /// None once its last byte was handed over.
    encoder: Option<BodyEncoder>,
    /// Taken of the body and not compressed yet.
    piece: Bytes,
    /// Whether the encoder holds bytes that it could hand over.
    holds: bool,
    /// Bytes compressed since other tasks had their turn.
    worked: usize,
    _turn: OwnedSemaphorePermit,
}

impl CompressedBody {
    /// The body as an encoder makes it; the turn is held for as long as that takes.
    pub(crate) fn new(body: Body, encoder: BodyEncoder, turn: OwnedSemaphorePermit) -> Self {
        Self {
            body,
            encoder: Some(encoder),
            piece: Bytes::new(),
            holds: false,
            worked: 0,
            _turn: turn,
        }
    }

    /// The next bytes; none at the end.
    fn poll_bytes(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, axum::Error>> {
        loop {
            let Some(encoder) = &mut self.encoder else {
                return Poll::Ready(Ok(None));
            };
            if self.worked >= STEP {
                self.worked = 0;
                cx.waker().wake_by_ref();
                return Poll::Pending;
            }
            if !self.piece.is_empty() {
                let part = self.piece.split_to(self.piece.len().min(STEP));
                self.worked += part.len();
                self.holds = true;
                let made = encoder.write(&part).map_err(axum::Error::new)?;
                if made.is_empty() {
                    continue;
                }
                return Poll::Ready(Ok(Some(made)));
            }
            match Pin::new(&mut self.body).poll_frame(cx) {
                // A frame of trailers has no bytes, and no body here has one.
                Poll::Ready(Some(Ok(frame))) => {
                    self.piece = frame.into_data().unwrap_or_default();
                }
                Poll::Ready(Some(Err(error))) => {
                    // Without its end, the client knows that it is not the whole.
                    self.encoder = None;
                    return Poll::Ready(Err(error));
                }
                Poll::Ready(None) => {
                    let Some(encoder) = self.encoder.take() else {
                        return Poll::Ready(Ok(None));
                    };
                    let made = encoder.finish().map_err(axum::Error::new)?;
                    return Poll::Ready(Ok(Some(made)));
                }
                Poll::Pending if self.holds => {
                    self.holds = false;
                    let made = encoder.flush().map_err(axum::Error::new)?;
                    if made.is_empty() {
                        return Poll::Pending;
                    }
                    return Poll::Ready(Ok(Some(made)));
                }
                Poll::Pending => return Poll::Pending,
            }
        }
    }
}

impl http_body::Body for CompressedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        self.poll_bytes(cx)
            .map(|polled| polled.map(|bytes| bytes.map(Frame::data)).transpose())
    }

    fn is_end_stream(&self) -> bool {
        self.encoder.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::default()
    }
}

/// One of the encoders, writing into memory.
pub(crate) enum BodyEncoder {
    Zstd(zstd::stream::write::Encoder<'static, Vec<u8>>),
    Brotli(Box<CompressorWriter<Vec<u8>>>),
    Gzip(GzEncoder<Vec<u8>>),
}

impl BodyEncoder {
    /// An encoder for a body, which has that many bytes, if that is known.
    pub(crate) fn new(coding: ContentCoding, size: Option<u64>) -> io::Result<Self> {
        Ok(match coding {
            ContentCoding::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(Vec::new(), ZSTD_LEVEL)?;
                encoder.window_log(WINDOW.into())?;
                // Small bodies take small tables.
                encoder.set_pledged_src_size(size)?;
                Self::Zstd(encoder)
            }
            ContentCoding::Brotli => Self::Brotli(Box::new(CompressorWriter::new(
                Vec::new(),
                BROTLI_BUFFER,
                BROTLI_QUALITY,
                WINDOW.into(),
            ))),
            ContentCoding::Gzip => {
                Self::Gzip(GzEncoder::new(Vec::new(), GzipLevel::new(GZIP_LEVEL)))
            }
        })
    }

    /// Takes bytes, and hands over what it made of these and earlier ones.
    fn write(&mut self, bytes: &[u8]) -> io::Result<Bytes> {
        match self {
            Self::Zstd(encoder) => encoder.write_all(bytes)?,
            Self::Brotli(encoder) => encoder.write_all(bytes)?,
            Self::Gzip(encoder) => encoder.write_all(bytes)?,
        }
        Ok(self.made())
    }

    /// Hands over everything that it was given.
    fn flush(&mut self) -> io::Result<Bytes> {
        match self {
            Self::Zstd(encoder) => encoder.flush()?,
            Self::Brotli(encoder) => encoder.flush()?,
            Self::Gzip(encoder) => encoder.flush()?,
        }
        Ok(self.made())
    }

    /// Hands over the rest, which is never empty.
    fn finish(self) -> io::Result<Bytes> {
        let rest = match self {
            Self::Zstd(encoder) => encoder.finish()?,
            Self::Brotli(encoder) => encoder.into_inner(),
            Self::Gzip(encoder) => encoder.finish()?,
        };
        Ok(rest.into())
    }

    fn made(&mut self) -> Bytes {
        let buffer = match self {
            Self::Zstd(encoder) => encoder.get_mut(),
            Self::Brotli(encoder) => encoder.get_mut(),
            Self::Gzip(encoder) => encoder.get_mut(),
        };
        std::mem::take(buffer).into()
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::sync::Arc;

    use futures_util::{FutureExt, stream};
    use http_body_util::BodyExt;
    use tokio::sync::{Semaphore, mpsc};

    use super::*;

    fn compressed(body: Body, coding: ContentCoding) -> Body {
        let turn = Arc::new(Semaphore::new(1)).try_acquire_owned();
        let encoder = BodyEncoder::new(coding, body.size_hint().exact()).expect("an encoder");
        Body::new(CompressedBody::new(body, encoder, turn.expect("a turn")))
    }

    /// What a client has of these bytes, and whether they are all.
    fn decoded(coding: ContentCoding, bytes: &[u8]) -> (Vec<u8>, io::Result<usize>) {
        let mut decoded = Vec::new();
        let end = match coding {
            ContentCoding::Zstd => zstd::stream::read::Decoder::new(bytes)
                .expect("a decoder")
                .read_to_end(&mut decoded),
            ContentCoding::Brotli => {
                brotli::Decompressor::new(bytes, 4096).read_to_end(&mut decoded)
            }
            ContentCoding::Gzip => {
                flate2::read::MultiGzDecoder::new(bytes).read_to_end(&mut decoded)
            }
        };
        (decoded, end)
    }

    /// Text with some redundancy.
    fn text(size: usize) -> Vec<u8> {
        let mut state = 1_u32;
        std::iter::repeat_with(|| {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            b"abcdefgh"[(state >> 29) as usize]
        })
        .take(size)
        .collect()
    }

    #[tokio::test]
    async fn every_coding_decodes_to_the_same_bytes() {
        for coding in ContentCoding::ALL {
            for size in [0, 1, 1000, STEP - 1, STEP, STEP + 1, 1 << 20] {
                let whole = text(size);
                let known = compressed(Body::from(whole.clone()), coding);
                let pieces: Vec<io::Result<Vec<u8>>> =
                    whole.chunks(70_001).map(|one| Ok(one.to_vec())).collect();
                let streamed = compressed(Body::from_stream(stream::iter(pieces)), coding);
                for body in [known, streamed] {
                    let sent = body.collect().await.expect("whole").to_bytes();
                    let (received, end) = decoded(coding, &sent);
                    end.expect("a complete stream");
                    assert!(received == whole, "{coding:?}, {size} bytes");
                    assert!(size < 1000 || sent.len() < size, "{coding:?}, {size} bytes");
                }
            }
        }
    }

    #[tokio::test]
    async fn what_there_is_goes_out_before_the_body_goes_on() {
        for coding in ContentCoding::ALL {
            let (lines, received) = mpsc::channel::<io::Result<Bytes>>(1);
            let body = stream::unfold(received, |mut received| async {
                Some((received.recv().await?, received))
            });
            let mut body = compressed(Body::from_stream(body), coding);
            let mut sent = Vec::new();
            for (line, so_far) in [("one\n", "one\n"), ("two\n", "one\ntwo\n")] {
                lines.send(Ok(line.into())).await.expect("it is read");
                while let Some(Some(frame)) = body.frame().now_or_never() {
                    sent.extend(frame.expect("no error").into_data().expect("bytes"));
                }
                let (arrived, _) = decoded(coding, &sent);
                assert_eq!(arrived, so_far.as_bytes(), "{coding:?}");
            }
            drop(lines);
            sent.extend(body.collect().await.expect("whole").to_bytes());
            let (whole, end) = decoded(coding, &sent);
            assert_eq!(whole, b"one\ntwo\n", "{coding:?}");
            end.expect("a complete stream");
        }
    }

    #[tokio::test]
    async fn a_body_that_breaks_off_has_no_end() {
        for coding in ContentCoding::ALL {
            let pieces = [Ok("a part"), Err(io::Error::other("gone"))];
            let body = compressed(Body::from_stream(stream::iter(pieces)), coding);
            assert!(body.collect().await.is_err(), "{coding:?}");
        }
    }

    #[tokio::test]
    async fn a_large_body_lets_other_tasks_have_their_turn() {
        let mut body = compressed(Body::from(text(4 * STEP)), ContentCoding::Gzip);
        let mut pauses = 0;
        std::future::poll_fn(|cx| {
            match Pin::new(&mut body).poll_frame(cx) {
                Poll::Ready(None) => return Poll::Ready(()),
                Poll::Ready(Some(frame)) => drop(frame.expect("no error")),
                Poll::Pending => pauses += 1,
            }
            cx.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
        assert!(pauses >= 3, "{pauses}");
    }
}
