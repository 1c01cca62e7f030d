//! Parts of objects.

use callfs_model::error::ErrorKind;
use callfs_model::storage::ByteRange;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, refused, same, works};
use super::room::Room;

const SIZE: u64 = 200_000;

async fn is_part(
    room: &Room,
    content: SampleContent,
    start: u64,
    end: Option<u64>,
) -> CheckOutcome {
    let operation = || {
        format!(
            "read({start}..{}) of {SIZE} bytes",
            end.map(|end| end.to_string()).unwrap_or_default()
        )
    };
    let (opened, source) = works(
        operation(),
        room.read("object", Some(ByteRange { start, end })).await,
    )?;
    same(
        operation(),
        "the size of the whole object",
        SIZE,
        opened.size,
    )?;
    let part = start..end.unwrap_or(SIZE).min(SIZE);
    if let Some(size) = source.size() {
        same(
            operation(),
            "how many bytes it opened",
            part.end - part.start,
            size,
        )?;
    }
    let expected = format!("the bytes from {} up to {}", part.start, part.end);
    content
        .verify(source, part)
        .await
        .map_err(|differs| Finding::new(operation(), expected, differs))
}

pub(super) async fn table(room: &Room) -> CheckOutcome {
    let content = room.put_new("object", SIZE).await?;
    let ranges = [
        (0, None),
        (0, Some(1)),
        (0, Some(SIZE)),
        (1, Some(2)),
        (65_535, Some(65_537)),
        (70_001, Some(140_002)),
        (SIZE - 1, None),
        (SIZE - 1, Some(SIZE)),
        (100_000, None),
        (100_000, Some(SIZE + 1)),
        (0, Some(u64::from(u32::MAX) + 1)),
        (SIZE - 10, Some(i64::MAX as u64)),
    ];
    for (start, end) in ranges {
        is_part(room, content, start, end).await?;
    }
    Ok(())
}

pub(super) async fn past_end(room: &Room) -> CheckOutcome {
    let content = room.put_new("object", SIZE).await?;
    let empty = room.put_new("empty", 0).await?;
    for (name, size, start, end) in [
        ("object", SIZE, SIZE, None),
        ("object", SIZE, SIZE, Some(SIZE + 10)),
        ("object", SIZE, SIZE + 1, None),
        ("object", SIZE, 1 << 40, None),
        ("empty", 0, 0, None),
        ("empty", 0, 0, Some(10)),
        ("empty", 0, 7, None),
    ] {
        let operation = format!("read({name:?}) from byte {start} of {size}");
        let opened = room.read(name, Some(ByteRange { start, end })).await;
        refused(
            operation,
            &[ErrorKind::RangeNotSatisfiable { size }],
            opened,
        )?;
    }
    refused(
        "read of a range of nothing",
        &[ErrorKind::NotFound],
        room.read(
            "missing",
            Some(ByteRange {
                start: 0,
                end: None,
            }),
        )
        .await,
    )?;
    room.is("object", content).await?;
    room.is("empty", empty).await.map(drop)
}
