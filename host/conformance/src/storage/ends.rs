//! The ends of downloads: a stream is complete once its component said so, and an error after its
//! last byte breaks the transfer off.
//!
//! That a component says so of what is damaged cannot be brought about from outside. What is whole
//! has to come to an end without an error, whatever part of it is read.

use callfs_model::storage::ByteRange;

use super::super::finding::{CheckOutcome, Finding, told, works};
use super::existing::sampled;
use super::room::Room;

const SIZES: [u64; 5] = [0, 1, 64 << 10, (256 << 10) + 1, 3 << 20];
/// How much is read of what is there.
const READ: u64 = 8 << 20;

pub(super) async fn written(room: &Room) -> CheckOutcome {
    for size in SIZES {
        let name = format!("of-{size}");
        room.put_new(&name, size).await?;
        come_to_an_end(room, &name, size).await?;
    }
    Ok(())
}

pub(super) async fn existing(room: &Room) -> CheckOutcome {
    let (path, size) = sampled(room).await?;
    come_to_an_end(room, &path, size).await
}

/// The whole, if it is not too much, and parts at the beginning, in the middle and at the end.
async fn come_to_an_end(room: &Room, name: &str, size: u64) -> CheckOutcome {
    if size <= READ {
        comes_to_an_end(room, name, None, size).await?;
    }
    let parts = [
        (0, 1),
        (size / 2, size.min(size / 2 + READ)),
        (size.saturating_sub(READ), size),
        (size.saturating_sub(1), size),
    ];
    for (start, end) in parts.into_iter().filter(|_| size > 0) {
        let range = ByteRange {
            start,
            end: Some(end),
        };
        comes_to_an_end(room, name, Some(range), end - start).await?;
    }
    Ok(())
}

async fn comes_to_an_end(
    room: &Room,
    name: &str,
    range: Option<ByteRange>,
    bytes: u64,
) -> CheckOutcome {
    let operation = match range {
        Some(ByteRange { start, .. }) => {
            format!("read({name:?}, {start}..{}) to its end", start + bytes)
        }
        None => format!("read({name:?}) to its end"),
    };
    let expected = format!("{bytes} bytes, and an end without an error");
    let (_, mut source) = works(&operation, room.read(name, range).await)?;
    let mut came = 0;
    loop {
        match source.next().await {
            Ok(Some(piece)) => came += piece.len() as u64,
            Ok(None) if came == bytes => return Ok(()),
            Ok(None) => return Err(Finding::new(operation, expected, format!("{came} bytes"))),
            // The last piece is not handed out before the end is known.
            Err(error) => {
                let seen = format!("after {came} bytes: {}", told(&error));
                return Err(Finding::new(operation, expected, seen));
            }
        }
    }
}
