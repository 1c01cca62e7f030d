//! Copies.

use callfs_model::error::ErrorKind::NotFound;
use callfs_model::storage::Condition::Always;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, refused, same, works};
use super::room::Room;

pub(super) async fn equal(room: &Room) -> CheckOutcome {
    for size in [0, 1, 70_000, 8 << 20] {
        let content = SampleContent::new(size);
        let written = room
            .write_with(
                "from",
                content.source(),
                Always,
                Some("text/x-callfs-check".into()),
            )
            .await;
        works(format!("write(\"from\", {size} bytes)"), written)?;
        // Over what the last round left, and to a new name.
        for to in ["to".to_owned(), format!("to-{size} \u{e9}")] {
            let copied = works(
                format!("copy(\"from\", {to:?})"),
                room.copy("from", &to, Always).await,
            )?;
            same(
                format!("copy(\"from\", {to:?})"),
                "the size that it stored",
                size,
                copied.size,
            )?;
            let copy = room.is(&to, content).await?;
            let source = room.is("from", content).await?;
            same(
                format!("copy(\"from\", {to:?})"),
                "the media type",
                source.content_type,
                copy.content_type,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn independent(room: &Room) -> CheckOutcome {
    let first = room.put_new("from", 1000).await?;
    works(
        "copy(\"from\", \"to\")",
        room.copy("from", "to", Always).await,
    )?;
    let second = room.put_new("from", 2000).await?;
    room.is("to", first).await?;
    let third = room.put_new("to", 3000).await?;
    room.is("from", second).await?;
    works(
        "copy(\"to\", \"last\")",
        room.copy("to", "last", Always).await,
    )?;
    works("remove(\"to\")", room.remove("to", Always).await)?;
    room.is("last", third).await?;
    room.is("from", second).await?;
    room.lists("", 10, &["from", "last"]).await.map(drop)
}

pub(super) async fn wrong_kind(room: &Room) -> CheckOutcome {
    let content = room.put_new("file", 100).await?;
    room.make("directory").await?;
    room.put_new("directory/inside", 10).await?;
    refused(
        "copy of what is not there",
        &[NotFound],
        room.copy("missing", "to", Always).await,
    )?;
    refused(
        "copy of what is not there over a file",
        &[NotFound],
        room.copy("missing", "file", Always).await,
    )?;
    refused(
        "copy of a directory",
        room.no_object(),
        room.copy("directory", "to", Always).await,
    )?;
    room.nothing_at("to").await?;
    room.is("file", content).await.map(drop)
}
