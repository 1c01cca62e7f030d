//! Bodies that come back as they were.

use std::time::Instant;

use callfs_model::storage::Condition;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, same, works};
use super::room::Room;

const MIB: u64 = 1 << 20;
const SIZES: [u64; 6] = [0, 1, (64 << 10) - 1, 64 << 10, (64 << 10) + 1, 8 * MIB];
const LARGE: u64 = 64 * MIB;

pub(super) async fn round_trip(room: &Room) -> CheckOutcome {
    for size in SIZES {
        let name = format!("of-{size}");
        let content = room.put_new(&name, size).await?;
        room.is(&name, content).await?;
        let stat = works(format!("stat({name:?})"), room.stat(&name).await)?;
        same(format!("stat({name:?})"), "its size", size, stat.size)?;
    }
    Ok(())
}

pub(super) async fn large(room: &Room) -> CheckOutcome {
    let content = SampleContent::new(LARGE);
    let begun = Instant::now();
    room.put("large", content).await?;
    room.clock().carried("write", LARGE, begun.elapsed());
    let begun = Instant::now();
    room.is("large", content).await?;
    room.clock().carried("read", LARGE, begun.elapsed());
    // Held to the end by nobody: what was last is found without what was before.
    let range = callfs_model::storage::ByteRange {
        start: LARGE - 10,
        end: None,
    };
    let (_, source) = works(
        "read of the last 10 bytes",
        room.read("large", Some(range)).await,
    )?;
    let verified = content.verify(source, LARGE - 10..LARGE).await;
    verified.map_err(|differs| {
        Finding::new(
            "read of the last 10 bytes",
            "those that were written",
            differs,
        )
    })
}

pub(super) async fn unknown_length(room: &Room) -> CheckOutcome {
    for size in SIZES {
        let name = format!("of-{size}");
        let content = SampleContent::new(size);
        let operation =
            || format!("write({name:?}, {size} bytes of which nobody says how many they are)");
        let written = works(
            operation(),
            room.write(&name, content.of_unknown_length(), Condition::Always)
                .await,
        )?;
        same(operation(), "the size that it stored", size, written.size)?;
        room.is(&name, content).await?;
    }
    Ok(())
}

pub(super) async fn replace(room: &Room) -> CheckOutcome {
    for size in [300_000, 100, 200_000, 0, 1, 300_000] {
        let content = room.put_new("replaced", size).await?;
        room.is("replaced", content).await?;
    }
    room.lists("", 10, &["replaced"]).await.map(drop)
}
