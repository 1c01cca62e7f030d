//! Where things are in an encrypted file: a header, then chunks of equal size but for the last,
//! each with its tag.
//!
//! Sizes follow from sizes, so a listing needs to open nothing. It knows nothing of keys.

use std::ops::Range;

use callfs_sdk::ByteRange;

/// Bytes before the first chunk.
pub(crate) const HEADER: u64 = 27;
/// Bytes of content in each chunk but the last, which has at most as many; none only if the file is
/// empty.
pub(crate) const CHUNK: u64 = 64 << 10;
/// Bytes that authenticate a chunk, behind it.
const TAG: u64 = 16;
/// A chunk as it is stored.
const SEALED: u64 = CHUNK + TAG;

/// Of one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Layout {
    /// Bytes of content.
    pub(crate) size: u64,
}

impl Layout {
    /// Of the encrypted file of a size; none if no encrypted file has that size.
    pub(crate) fn of_stored(stored: u64) -> Option<Self> {
        let sealed = stored.checked_sub(HEADER)?;
        let chunks = sealed.div_ceil(SEALED).max(1);
        let size = sealed.checked_sub(chunks * TAG)?;
        let layout = Self { size };
        // A last chunk that is a tag alone would be one too many.
        (layout.stored() == stored).then_some(layout)
    }

    /// How large the encrypted file is.
    pub(crate) fn stored(self) -> u64 {
        HEADER + self.size + self.chunks() * TAG
    }

    /// How many chunks there are: at least one, so that even an empty file is authenticated.
    fn chunks(self) -> u64 {
        self.size.div_ceil(CHUNK).max(1)
    }

    /// Whether a chunk is the last one.
    pub(crate) fn is_last(self, chunk: u64) -> bool {
        chunk + 1 == self.chunks()
    }

    /// How large a chunk is as it is stored.
    pub(crate) fn sealed(self, chunk: u64) -> u64 {
        (self.size - chunk * CHUNK).min(CHUNK) + TAG
    }

    /// The chunks that hold a part of the content; at least one.
    pub(crate) fn chunks_of(self, part: &Range<u64>) -> Range<u64> {
        let first = part.start / CHUNK;
        first..part.end.div_ceil(CHUNK).max(first + 1)
    }

    /// Where chunks are in the encrypted file.
    pub(crate) fn place(self, chunks: &Range<u64>) -> ByteRange {
        let end = (HEADER + chunks.end * SEALED).min(self.stored());
        ByteRange {
            start: HEADER + chunks.start * SEALED,
            end: Some(end),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_follow_from_sizes() {
        for size in [
            0,
            1,
            15,
            16,
            17,
            CHUNK - 1,
            CHUNK,
            CHUNK + 1,
            2 * CHUNK,
            1 << 40,
        ] {
            let layout = Layout { size };
            assert_eq!(Layout::of_stored(layout.stored()), Some(layout), "{size}");
        }
        assert_eq!(Layout { size: 0 }.stored(), HEADER + TAG);
        assert_eq!(Layout { size: CHUNK }.stored(), HEADER + SEALED);
        assert_eq!(
            Layout { size: CHUNK + 1 }.stored(),
            HEADER + SEALED + 1 + TAG
        );
    }

    #[test]
    fn other_sizes_are_of_other_files() {
        let after_one = HEADER + SEALED;
        for stored in [
            0,
            1,
            HEADER,
            HEADER + TAG - 1,
            after_one + 1,
            after_one + TAG - 1,
            after_one + TAG,
        ] {
            assert_eq!(Layout::of_stored(stored), None, "{stored}");
        }
    }

    #[test]
    fn a_part_is_in_a_few_chunks() {
        let layout = Layout {
            size: 2 * CHUNK + 5,
        };
        assert_eq!(layout.chunks_of(&(0..layout.size)), 0..3);
        assert_eq!(layout.chunks_of(&(CHUNK - 1..CHUNK + 1)), 0..2);
        assert_eq!(layout.chunks_of(&(CHUNK..2 * CHUNK)), 1..2);
        assert_eq!(layout.chunks_of(&(7..7)), 0..1);
        assert_eq!(Layout { size: 0 }.chunks_of(&(0..0)), 0..1);
        assert_eq!((layout.sealed(1), layout.sealed(2)), (SEALED, 5 + TAG));
        let end = Some(layout.stored());
        assert_eq!(
            layout.place(&(1..3)),
            ByteRange {
                start: HEADER + SEALED,
                end
            }
        );
        assert_eq!(
            layout.place(&(0..1)),
            ByteRange {
                start: HEADER,
                end: Some(HEADER + SEALED)
            }
        );
    }
}
