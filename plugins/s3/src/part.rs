//! In which parts a large body is sent.

use callfs_sdk::{Error, Result};

/// S3 takes no more of them.
pub(crate) const MAX_PARTS: u64 = 10_000;
/// The largest part, in bytes.
const MAX_PART: u64 = 5 << 30;
/// The largest object, in bytes.
const MAX_OBJECT: u64 = MAX_PARTS * MAX_PART;

/// The size of the parts of a body, so that there are not too many: as configured, or larger in
/// whole MiB.
pub(crate) fn size(body: u64, configured: u64) -> Result<u64> {
    if body > MAX_OBJECT {
        return Err(Error::InvalidArgument(format!(
            "S3 takes objects of at most {MAX_OBJECT} bytes"
        )));
    }
    let least = body.div_ceil(MAX_PARTS).next_multiple_of(1 << 20);
    Ok(configured.max(least))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_never_too_many_parts_nor_too_large_ones() {
        let configured = 16 << 20;
        for body in [
            0,
            1,
            configured,
            5 << 30,
            160_000 << 20,
            (160_000 << 20) + 1,
            5 << 40,
            MAX_OBJECT,
        ] {
            let part = size(body, configured).expect("small enough");
            assert!(
                (configured..=MAX_PART).contains(&part),
                "{body} in parts of {part}"
            );
            assert!(
                body.div_ceil(part) <= MAX_PARTS,
                "{body} in parts of {part}"
            );
        }
        assert_eq!(
            size(5 << 30, configured),
            Ok(configured),
            "as configured while that is enough"
        );
        assert!(size(MAX_OBJECT + 1, configured).is_err());
    }
}
