//! What tells versions of an object apart, and what is known about them.

use std::collections::HashSet;
use std::time::{SystemTime, UNIX_EPOCH};

use callfs_model::storage::{Attributes, Condition, EntryKind};

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, holds, same, works};
use super::room::Room;

const SECOND: i64 = 1_000_000_000;

pub(super) async fn changes(room: &Room) -> CheckOutcome {
    let mut seen = HashSet::new();
    for version in 0..20 {
        // All of one size, and as fast as they can be: only the bytes differ.
        let written = room.put("object", SampleContent::new(1000)).await?;
        let stat = works("stat(\"object\")", room.stat("object").await)?;
        // A write need not know the etag already.
        if written.etag.is_some() {
            same(
                "stat(\"object\") after a write",
                "the etag that the write answered",
                &written.etag,
                &stat.etag,
            )?;
        }
        let Some(etag) = stat.etag else { continue };
        holds(
            "etag",
            "a word that fits between quotes",
            is_opaque(&etag),
            format!("{etag:?}"),
        )?;
        let operation = format!("write of version {version}, of the same size");
        holds(
            operation,
            "an etag that no version before had",
            seen.insert(etag.clone()),
            format!("{etag:?} again"),
        )?;
    }
    Ok(())
}

/// RFC 9110 section 8.8.3.
fn is_opaque(etag: &str) -> bool {
    etag.bytes()
        .all(|byte| matches!(byte, 0x21 | 0x23..=0x7e | 0x80..))
}

pub(super) async fn stays(room: &Room) -> CheckOutcome {
    let content = room.put_new("object", 1000).await?;
    let first = works("stat(\"object\")", room.stat("object").await)?;
    room.put_new("neighbour", 1000).await?;
    works(
        "remove(\"neighbour\")",
        room.remove("neighbour", Condition::Always).await,
    )?;
    for _ in 0..5 {
        let opened = room.is("object", content).await?;
        same(
            "read(\"object\") of what nobody changed",
            "its etag",
            &first.etag,
            &opened.etag,
        )?;
        let again = works("stat(\"object\")", room.stat("object").await)?;
        same(
            "stat(\"object\") of what nobody changed",
            "its etag",
            &first.etag,
            &again.etag,
        )?;
        same(
            "stat(\"object\") of what nobody changed",
            "its time",
            &first.modified,
            &again.modified,
        )?;
    }
    Ok(())
}

pub(super) async fn agree(room: &Room) -> CheckOutcome {
    for size in [0, 1, 70_000] {
        let content = SampleContent::new(size);
        let written = room.put("object", content).await?;
        let opened = room.is("object", content).await?;
        let stat = works("stat(\"object\")", room.stat("object").await)?;
        let listed = room.lists("", 10, &["object"]).await?.remove(0).attributes;
        compare("write and stat", &written, &stat)?;
        compare("read and stat", &opened, &stat)?;
        compare("list and stat", &listed, &stat)?;
        same("read and stat", "etag", &stat.etag, &opened.etag)?;
    }
    Ok(())
}

/// Two looks at one version. What one of them does not tell is no contradiction, and protocols
/// round times.
pub(super) fn compare(looks: &str, one: &Attributes, other: &Attributes) -> CheckOutcome {
    same(
        looks,
        "kind and size",
        (one.kind, one.size),
        (other.kind, other.size),
    )?;
    if let (Some(one), Some(other)) = (&one.etag, &other.etag) {
        same(looks, "etag", one, other)?;
    }
    if let (Some(one), Some(other)) = (&one.mode, &other.mode) {
        same(looks, "mode", one, other)?;
    }
    match (one.modified, other.modified) {
        (Some(one), Some(other)) if one.abs_diff(other) > SECOND as u64 => Err(Finding::new(
            looks,
            "times within a second of each other",
            format!("{one} and {other}"),
        )),
        _ => Ok(()),
    }
}

pub(super) async fn modified(room: &Room) -> CheckOutcome {
    room.put_new("object", 10).await?;
    let stat = works("stat(\"object\")", room.stat("object").await)?;
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| since.as_nanos() as i64);
    let Some(modified) = stat.modified else {
        return Ok(());
    };
    let seconds = (now - modified) as f64 / SECOND as f64;
    let recent = now.abs_diff(modified) <= 60 * SECOND as u64;
    holds(
        "stat(\"object\") after a write",
        "changed within a minute of now",
        recent,
        format!("{seconds} s ago"),
    )
}

pub(super) async fn media_type(room: &Room) -> CheckOutcome {
    for media_type in [
        "text/x-callfs-check; charset=utf-8",
        "application/octet-stream",
    ] {
        let content = SampleContent::new(10);
        let written = room
            .write_with(
                "object",
                content.source(),
                Condition::Always,
                Some(media_type.into()),
            )
            .await;
        works(
            format!("write(\"object\", of type {media_type:?})"),
            written,
        )?;
        let stat = works("stat(\"object\")", room.stat("object").await)?;
        let opened = room.is("object", content).await?;
        for (look, seen) in [("stat", stat), ("read", opened)] {
            if let Some(seen) = seen.content_type {
                same(
                    format!("{look}(\"object\")"),
                    "the media type that was written",
                    media_type,
                    &seen,
                )?;
            }
            if let Some(mode) = seen.mode.filter(|_| seen.kind == EntryKind::File) {
                same(
                    format!("{look}(\"object\")"),
                    "the mode that was written",
                    0o640,
                    mode,
                )?;
            }
        }
    }
    Ok(())
}
