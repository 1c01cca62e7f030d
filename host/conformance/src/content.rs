//! Bodies that a check writes and recognises again, of any size and never in memory as a whole.
//!
//! Every byte follows from the seed and its place: all bytes of a block are random, and every few
//! hundred of them name the seed and the offset. So a byte that is missing, twice, or of another
//! version is found, and where.

use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use futures_util::stream::{self, StreamExt};
use tokio::sync::{oneshot, watch};

/// Bytes in a block, and in a piece of a body.
const BLOCK: u64 = 64 << 10;
/// How far apart the places are that name seed and offset.
const STAMP: usize = 512;

/// How long a body waits for others.
const PATIENCE: Duration = Duration::from_millis(100);

static NEXT: AtomicU64 = AtomicU64::new(1);

static RANDOM: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let words = (0..BLOCK / 8).flat_map(|word| mixed(word).to_le_bytes());
    words.collect()
});

/// SplitMix64: every number gives another one.
fn mixed(number: u64) -> u64 {
    let word = number
        .wrapping_mul(0x9e37_79b9_7f4a_7c15)
        .wrapping_add(0x9e37_79b9_7f4a_7c15);
    let word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    word ^ (word >> 31)
}

/// What an object consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SampleContent {
    seed: u64,
    pub(super) size: u64,
}

impl SampleContent {
    /// Bytes that no other content has.
    pub(super) fn new(size: u64) -> Self {
        Self {
            seed: mixed(NEXT.fetch_add(1, Ordering::Relaxed)),
            size,
        }
    }

    /// A body of a known size.
    pub(super) fn source(self) -> Source {
        Source::from_stream(self.pieces(self.size).boxed(), Some(self.size))
    }

    /// A body of which nobody knows how long it will be.
    pub(super) fn of_unknown_length(self) -> Source {
        Source::from_stream(self.pieces(self.size).boxed(), None)
    }

    /// A body of which each piece waits until somebody else has done something meanwhile, but not
    /// for long.
    pub(super) fn paced(self, meanwhile: watch::Receiver<()>) -> Source {
        let pieces = self.pieces(self.size).then(move |piece| {
            let mut meanwhile = meanwhile.clone();
            async move {
                meanwhile.mark_unchanged();
                // Nobody may be left who does anything, or they wait for this body to end.
                let _ = tokio::time::timeout(PATIENCE, meanwhile.changed()).await;
                piece
            }
        });
        Source::from_stream(pieces.boxed(), Some(self.size))
    }

    /// A body that ends in an error after some bytes, announced with its whole size or with none.
    pub(super) fn cut(self, after: u64, announced: bool) -> Source {
        let gone = || Err(Error::new(ErrorKind::Interrupted, "the client went away"));
        let pieces = self
            .pieces(after)
            .chain(stream::once(async move { gone() }));
        Source::from_stream(pieces.boxed(), announced.then_some(self.size))
    }

    /// A body that ends without an error before it is as long as it said.
    pub(super) fn short(self, bytes: u64) -> Source {
        Source::from_stream(self.pieces(bytes).boxed(), Some(self.size))
    }

    /// A body that stops after some bytes without an end, and tells when somebody waits for more.
    pub(super) fn stalled(self, after: u64) -> (Source, oneshot::Receiver<()>) {
        let (sender, waited_for) = oneshot::channel();
        let stall = stream::once(async move {
            // Nobody may care any more, and then it is dropped.
            let _ = sender.send(());
            std::future::pending::<Result<Bytes>>().await
        });
        (
            Source::from_stream(self.pieces(after).chain(stall).boxed(), Some(self.size)),
            waited_for,
        )
    }

    /// Reads a source to its end, which must be this part of this content; else says what is
    /// different.
    pub(super) async fn verify(self, mut source: Source, part: Range<u64>) -> Result<(), String> {
        let mut at = part.start;
        let mut block = (u64::MAX, Bytes::new());
        loop {
            let mut piece = match source.next().await {
                Ok(Some(piece)) => piece,
                Ok(None) => break,
                Err(error) => {
                    return Err(format!(
                        "after {} bytes: {}",
                        at - part.start,
                        super::finding::told(&error)
                    ));
                }
            };
            if piece.len() as u64 > part.end - at {
                return Err(format!(
                    "more than the {} bytes that it has",
                    part.end - part.start
                ));
            }
            while !piece.is_empty() {
                let index = at / BLOCK;
                let within = (at % BLOCK) as usize;
                if block.0 != index {
                    block = (index, self.block(index));
                }
                let expected = &block.1[within..];
                let seen = piece.split_to(piece.len().min(expected.len()));
                if let Some(differs) = seen
                    .iter()
                    .zip(expected)
                    .position(|(seen, expected)| seen != expected)
                {
                    return Err(format!("other bytes from byte {} on", at + differs as u64));
                }
                at += seen.len() as u64;
            }
        }
        if at < part.end {
            return Err(format!(
                "{} bytes instead of {}",
                at - part.start,
                part.end - part.start
            ));
        }
        Ok(())
    }

    fn pieces(self, until: u64) -> impl stream::Stream<Item = Result<Bytes>> + Send + 'static {
        stream::iter((0..until.div_ceil(BLOCK)).map(move |index| {
            let mut block = self.block(index);
            block.truncate((until - index * BLOCK).min(BLOCK) as usize);
            Ok(block)
        }))
    }

    fn block(self, index: u64) -> Bytes {
        let mut block = RANDOM.clone();
        for (number, stamp) in block.chunks_exact_mut(STAMP).enumerate() {
            let offset = index * BLOCK + (number * STAMP) as u64;
            stamp[..8].copy_from_slice(&self.seed.to_le_bytes());
            stamp[8..16].copy_from_slice(&offset.to_le_bytes());
        }
        block.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn gathered(mut source: Source) -> Vec<u8> {
        let mut all = Vec::new();
        while let Some(piece) = source.next().await.expect("complete") {
            all.extend_from_slice(&piece);
        }
        all
    }

    #[tokio::test]
    async fn is_recognised_in_pieces_of_any_size_and_at_any_place() {
        let content = SampleContent::new(200_000);
        let all = gathered(content.of_unknown_length()).await;
        assert_eq!(all.len(), 200_000);
        for (size, start) in [(1000, 0), (65_536, 7), (200_000, 65_535), (70_001, 131_072)] {
            let pieces: Vec<_> = all[start..]
                .chunks(size)
                .map(|piece| Ok(Bytes::copy_from_slice(piece)))
                .collect();
            let source = Source::from_stream(stream::iter(pieces).boxed(), None);
            content
                .verify(source, start as u64..200_000)
                .await
                .expect("the same");
        }
    }

    #[tokio::test]
    async fn every_difference_is_found() {
        let content = SampleContent::new(100_000);
        let other = SampleContent::new(100_000);
        let all = gathered(content.source()).await;
        let verify =
            async |bytes: Vec<u8>| content.verify(Source::from_bytes(bytes), 0..100_000).await;
        let mut flipped = all.clone();
        flipped[77_777] ^= 1;
        assert!(
            verify(flipped)
                .await
                .expect_err("one bit")
                .contains("from byte 77777 on")
        );
        let mut shifted = all.clone();
        shifted.remove(4096);
        assert!(verify(shifted).await.is_err(), "a byte is missing");
        assert!(
            verify(all[..99_999].to_vec())
                .await
                .expect_err("short")
                .contains("99999 bytes instead of 100000")
        );
        assert!(
            verify([all.as_slice(), &[0]].concat())
                .await
                .expect_err("long")
                .contains("more than")
        );
        assert!(
            verify(gathered(other.source()).await).await.is_err(),
            "another version"
        );
        let mut torn = all.clone();
        torn[65_536..].copy_from_slice(&gathered(other.source()).await[65_536..]);
        assert!(
            verify(torn)
                .await
                .expect_err("half of another")
                .contains("from byte 65536 on")
        );
        assert!(
            content
                .verify(content.cut(50_000, false), 0..100_000)
                .await
                .expect_err("cut")
                .contains("50000")
        );
    }
}
