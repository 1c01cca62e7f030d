//! Bytes that nobody could guess and that every run makes again.

use bytes::Bytes;
use futures_util::Stream;
use sha2::{Digest, Sha256};

const CHUNK: usize = 1 << 20;

/// Bytes that depend on the seed.
pub(crate) fn bytes(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        // SplitMix64: every state gives another word.
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut word = state;
        word = (word ^ (word >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        word = (word ^ (word >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        bytes.extend((word ^ (word >> 31)).to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

/// SHA-256, in hex.
pub(crate) fn sha256_hex(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}

/// A body of any size that is never in memory as a whole: the same block with a number in front,
/// again and again.
pub(crate) struct Generated {
    block: Vec<u8>,
    chunks: u64,
}

impl Generated {
    /// A body of so many MiB.
    pub(crate) fn mebibytes(chunks: u64) -> Self {
        Self {
            block: bytes(7, CHUNK),
            chunks,
        }
    }

    /// Its size, in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.chunks * CHUNK as u64
    }

    /// Its bytes.
    pub(crate) fn stream(
        &self,
    ) -> impl Stream<Item = Result<Bytes, std::io::Error>> + Send + 'static {
        let block = self.block.clone();
        let chunks = self.chunks;
        futures_util::stream::iter((0..chunks).map(move |number| Ok(chunk(&block, number).into())))
    }

    /// SHA-256 of all of it, in hex.
    pub(crate) fn sha256_hex(&self) -> String {
        let mut hasher = Sha256::new();
        (0..self.chunks).for_each(|number| hasher.update(chunk(&self.block, number)));
        hex::encode(hasher.finalize())
    }
}

fn chunk(block: &[u8], number: u64) -> Vec<u8> {
    let mut chunk = block.to_vec();
    chunk[..8].copy_from_slice(&number.to_le_bytes());
    chunk
}
