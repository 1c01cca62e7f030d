//! Buffers that files are read into, used again and again: making one costs more than filling it.

use std::sync::{Mutex, PoisonError};

use bytes::Bytes;

/// How large each is, in bytes.
pub(super) const LENGTH: usize = super::MAX_CHUNK;
/// Smaller reads do not pay for one.
pub(super) const LEAST: usize = LENGTH / 2;
/// How many are kept while nobody reads.
const KEPT: usize = 16;

static IDLE: Mutex<Vec<Box<[u8]>>> = Mutex::new(Vec::new());

/// A buffer that somebody has. It is kept for others once it is dropped.
pub(super) struct ReadBuffer {
    bytes: Box<[u8]>,
    /// How much of it was read.
    length: usize,
}

impl ReadBuffer {
    pub(super) fn take() -> Self {
        let idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner).pop();
        Self {
            bytes: idle.unwrap_or_else(|| vec![0; LENGTH].into()),
            length: 0,
        }
    }

    /// Where the first `wanted` bytes go.
    pub(super) fn space(&mut self, wanted: usize) -> &mut [u8] {
        let wanted = wanted.min(LENGTH);
        &mut self.bytes[..wanted]
    }

    /// What was read, which keeps the buffer until it is dropped.
    pub(super) fn freeze(mut self, read: usize) -> Bytes {
        self.length = read.min(LENGTH);
        Bytes::from_owner(self)
    }
}

impl AsRef<[u8]> for ReadBuffer {
    fn as_ref(&self) -> &[u8] {
        &self.bytes[..self.length]
    }
}

impl Drop for ReadBuffer {
    fn drop(&mut self) {
        let mut idle = IDLE.lock().unwrap_or_else(PoisonError::into_inner);
        if idle.len() < KEPT {
            idle.push(std::mem::take(&mut self.bytes));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_stays_while_somebody_has_it() {
        let mut all = Vec::new();
        for number in 0..100_u8 {
            let mut buffer = ReadBuffer::take();
            buffer.space(LENGTH).fill(number);
            all.push(buffer.freeze(LEAST + usize::from(number)));
        }
        for (number, bytes) in all.iter().enumerate() {
            assert_eq!(bytes.len(), LEAST + number);
            assert!(bytes.iter().all(|byte| usize::from(*byte) == number));
        }
        let part = all.swap_remove(7).slice(3..5);
        drop(all);
        let mut buffer = ReadBuffer::take();
        buffer.space(LENGTH).fill(255);
        assert_eq!(&part[..], [7, 7]);
        assert!(IDLE.lock().expect("unpoisoned").len() <= KEPT);
    }
}
