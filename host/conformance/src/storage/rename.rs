//! Moves.

use callfs_model::error::ErrorKind;
use callfs_model::storage::Condition::Always;

use super::super::finding::{CheckOutcome, Finding, refused, works};
use super::room::Room;

pub(super) async fn file(room: &Room) -> CheckOutcome {
    room.make("there").await?;
    room.put_new("there/anchor", 1).await?;
    let content = room.put_new("file", 100_000).await?;
    let mut from = "file".to_owned();
    for to in ["other", "there/file", "there/\u{e9}t\u{e9} #1.txt", "back"] {
        works(
            format!("rename({from:?}, {to:?})"),
            room.rename(&from, to, Always).await,
        )?;
        room.nothing_at(&from).await?;
        room.is(to, content).await?;
        from = to.into();
    }
    room.put_new("replaced", 500_000).await?;
    works(
        "rename over a file",
        room.rename("back", "replaced", Always).await,
    )?;
    room.is("replaced", content).await?;
    room.nothing_at("back").await?;
    room.lists("there", 10, &["anchor"]).await?;
    room.lists("", 10, &["replaced", "there"]).await.map(drop)
}

pub(super) async fn directory(room: &Room) -> CheckOutcome {
    // Whoever compares prefixes of paths, bytes or characters in the wrong way takes a neighbour
    // with it.
    let neighbours = ["d-a", "d.a", "da", "D", "d0", "c"];
    let tree = [
        "file",
        "sub/file",
        "sub/deep/er/file",
        "sub/d\u{e9}j\u{e0}/\u{1f600}",
        "d/d",
        "%2F",
        "d b",
    ];
    for directory in [
        "d",
        "d/sub",
        "d/sub/deep",
        "d/sub/deep/er",
        "d/sub/d\u{e9}j\u{e0}",
        "d/d",
    ] {
        room.make(directory).await?;
    }
    let mut inside = Vec::new();
    let mut beside = Vec::new();
    for (number, name) in tree.iter().enumerate() {
        inside.push((
            *name,
            room.put_new(&format!("d/{name}"), 100 + number as u64)
                .await?,
        ));
    }
    for (number, name) in neighbours.iter().enumerate() {
        room.make(name).await?;
        let file = format!("{name}/file");
        beside.push((room.put_new(&file, 200 + number as u64).await?, file));
    }
    let mut from = "d";
    for to in ["\u{e9}tage \u{4e2d}", "c/moved", "d"] {
        works(
            format!("rename of the directory {from:?} to {to:?}"),
            room.rename(from, to, Always).await,
        )?;
        refused(
            format!("stat({from:?}) after it moved"),
            &[ErrorKind::NotFound],
            room.stat(from).await,
        )?;
        for (name, content) in &inside {
            room.is(&format!("{to}/{name}"), *content).await?;
            room.nothing_at(&format!("{from}/{name}")).await?;
        }
        for (content, file) in &beside {
            room.is(file, *content).await?;
        }
        from = to;
    }
    room.lists("d", 10, &["%2F", "d", "d b", "file", "sub"])
        .await?;
    room.lists("", 20, &["D", "c", "d", "d-a", "d.a", "d0", "da"])
        .await
        .map(drop)
}

pub(super) async fn missing(room: &Room) -> CheckOutcome {
    let content = room.put_new("file", 100).await?;
    refused(
        "rename of what is not there",
        &[ErrorKind::NotFound],
        room.rename("missing", "to", Always).await,
    )?;
    refused(
        "rename of what is not there over a file",
        &[ErrorKind::NotFound],
        room.rename("missing", "file", Always).await,
    )?;
    room.nothing_at("to").await?;
    room.is("file", content).await.map(drop)
}

pub(super) async fn into_itself(room: &Room) -> CheckOutcome {
    room.make("d").await?;
    room.make("d/e").await?;
    let content = room.put_new("d/e/file", 100).await?;
    for to in ["d/inside", "d/e/inside", "d/e"] {
        if room.rename("d", to, Always).await.is_ok() {
            return Err(Finding::new(
                format!("rename(\"d\", {to:?})"),
                "it is refused",
                "it worked",
            ));
        }
        room.is("d/e/file", content).await?;
    }
    room.lists("d", 10, &["e"]).await?;
    room.lists("d/e", 10, &["file"]).await.map(drop)
}
