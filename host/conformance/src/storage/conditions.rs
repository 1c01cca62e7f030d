//! Operations that happen only if the object is in a state.

use callfs_model::error::ErrorKind::{self, AlreadyExists, NotFound, PreconditionFailed};
use callfs_model::storage::{Attributes, Condition};
use tokio::task::JoinSet;

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, refused, same, works};
use super::room::{Room, joined, may_be_lost};

/// Both words for a condition that does not hold because something is there.
const TAKEN: &[ErrorKind] = &[AlreadyExists, PreconditionFailed];
/// Both words for one that does not hold because nothing is there.
const GONE: &[ErrorKind] = &[PreconditionFailed, NotFound];
/// How many take part in a race.
const CROWD: usize = 16;

fn one_of(etags: &[&str]) -> Condition {
    Condition::EtagIn(etags.iter().map(ToString::to_string).collect())
}

/// Writes something new and answers its etag, without which no condition could ever name it.
async fn tagged(room: &Room, name: &str) -> CheckOutcome<(SampleContent, String)> {
    let content = room.put_new(name, 1000).await?;
    let Attributes { etag, .. } = works(format!("stat({name:?})"), room.stat(name).await)?;
    let etag = etag.ok_or_else(|| {
        Finding::new(
            format!("stat({name:?})"),
            "an etag, for conditions are claimed to be honoured",
            "none",
        )
    })?;
    Ok((content, etag))
}

pub(super) async fn read(room: &Room) -> CheckOutcome {
    let content = room.put_new("object", 1000).await?;
    let etag = works("stat(\"object\")", room.stat("object").await)?.etag;
    let read = async |condition: Condition| {
        room.storage()
            .read(&room.at("object"), None, condition)
            .await
    };
    for condition in [Condition::Absent, one_of(&["another"]), one_of(&[])] {
        let operation = format!("read(\"object\", if {condition:?})");
        refused(operation, &[PreconditionFailed], read(condition).await)?;
    }
    let Some(etag) = etag else { return Ok(()) };
    for etags in [
        vec![etag.as_str()],
        vec!["another", &etag],
        vec![&etag, "another"],
    ] {
        let operation = || format!("read(\"object\", if {etags:?})");
        let (opened, source) = works(operation(), read(one_of(&etags)).await)?;
        same(operation(), "the etag", Some(&etag), opened.etag.as_ref())?;
        let verified = content.verify(source, 0..1000).await;
        verified
            .map_err(|differs| Finding::new(operation(), "the version that has it", differs))?;
    }
    room.put_new("object", 1000).await?;
    refused(
        "read(\"object\", if it is a version that was replaced)",
        &[PreconditionFailed],
        read(one_of(&[&etag])).await,
    )
}

pub(super) async fn write_absent(room: &Room) -> CheckOutcome {
    let old = room.put_new("taken", 1000).await?;
    let taken = room
        .write("taken", SampleContent::new(10).source(), Condition::Absent)
        .await;
    refused("write(\"taken\", if Absent)", TAKEN, taken)?;
    room.is("taken", old).await?;
    let new = SampleContent::new(2000);
    works(
        "write(\"free\", if Absent)",
        room.write("free", new.source(), Condition::Absent).await,
    )?;
    room.is("free", new).await?;
    works(
        "remove(\"free\")",
        room.remove("free", Condition::Always).await,
    )?;
    let again = SampleContent::new(10);
    works(
        "write of a path that is free again",
        room.write("free", again.source(), Condition::Absent).await,
    )?;
    room.is("free", again).await?;
    room.lists("", 10, &["free", "taken"]).await.map(drop)
}

pub(super) async fn write_etag(room: &Room) -> CheckOutcome {
    let (old, etag) = tagged(room, "object").await?;
    let write = async |name: &str, condition| {
        room.write(name, SampleContent::new(10).source(), condition)
            .await
    };
    for etags in [&["another"][..], &[]] {
        let operation = format!("write(\"object\", if {etags:?})");
        refused(
            operation,
            &[PreconditionFailed],
            write("object", one_of(etags)).await,
        )?;
    }
    refused(
        "write(\"missing\", if it is a version)",
        GONE,
        write("missing", one_of(&[&etag])).await,
    )?;
    room.nothing_at("missing").await?;
    room.is("object", old).await?;
    let new = SampleContent::new(2000);
    let written = room
        .write("object", new.source(), one_of(&["another", &etag]))
        .await;
    works(
        "write(\"object\", if it is the version that is there)",
        written,
    )?;
    room.is("object", new).await?;
    refused(
        "write under an etag that was replaced",
        &[PreconditionFailed],
        write("object", one_of(&[&etag])).await,
    )?;
    room.is("object", new).await.map(drop)
}

pub(super) async fn remove_etag(room: &Room) -> CheckOutcome {
    let (old, etag) = tagged(room, "object").await?;
    for etags in [&["another"][..], &[]] {
        let operation = format!("remove(\"object\", if {etags:?})");
        refused(
            operation,
            &[PreconditionFailed],
            room.remove("object", one_of(etags)).await,
        )?;
    }
    room.is("object", old).await?;
    refused(
        "remove(\"missing\", if it is a version)",
        GONE,
        room.remove("missing", one_of(&[&etag])).await,
    )?;
    works(
        "remove(\"object\", if it is the version that is there)",
        room.remove("object", one_of(&[&etag])).await,
    )?;
    room.nothing_at("object").await
}

pub(super) async fn rename(room: &Room) -> CheckOutcome {
    let source = room.put_new("from", 500).await?;
    let (old, etag) = tagged(room, "to").await?;
    refused(
        "rename(\"from\", \"to\", if Absent)",
        TAKEN,
        room.rename("from", "to", Condition::Absent).await,
    )?;
    let another = room.rename("from", "to", one_of(&["another"])).await;
    refused(
        "rename(\"from\", \"to\", if another version)",
        &[PreconditionFailed],
        another,
    )?;
    let nothing = room.rename("from", "missing", one_of(&[&etag])).await;
    refused(
        "rename(\"from\", \"missing\", if it is a version)",
        GONE,
        nothing,
    )?;
    room.is("from", source).await?;
    room.is("to", old).await?;
    works(
        "rename(\"from\", \"to\", if it is that version)",
        room.rename("from", "to", one_of(&[&etag])).await,
    )?;
    room.is("to", source).await?;
    works(
        "rename(\"to\", \"free\", if Absent)",
        room.rename("to", "free", Condition::Absent).await,
    )?;
    room.is("free", source).await?;
    room.lists("", 10, &["free"]).await.map(drop)
}

pub(super) async fn copy(room: &Room) -> CheckOutcome {
    let source = room.put_new("from", 500).await?;
    let (old, etag) = tagged(room, "to").await?;
    refused(
        "copy(\"from\", \"to\", if Absent)",
        TAKEN,
        room.copy("from", "to", Condition::Absent).await,
    )?;
    let another = room.copy("from", "to", one_of(&["another"])).await;
    refused(
        "copy(\"from\", \"to\", if another version)",
        &[PreconditionFailed],
        another,
    )?;
    room.is("to", old).await?;
    works(
        "copy(\"from\", \"to\", if it is that version)",
        room.copy("from", "to", one_of(&[&etag])).await,
    )?;
    room.is("to", source).await?;
    works(
        "copy(\"from\", \"free\", if Absent)",
        room.copy("from", "free", Condition::Absent).await,
    )?;
    room.is("free", source).await?;
    room.is("from", source).await.map(drop)
}

pub(super) async fn race_absent(room: &Room) -> CheckOutcome {
    for round in 0..5 {
        race(room, &format!("new-{round}"), Condition::Absent, TAKEN).await?;
    }
    Ok(())
}

pub(super) async fn race_etag(room: &Room) -> CheckOutcome {
    for round in 0..5 {
        let name = format!("object-{round}");
        let (_, etag) = tagged(room, &name).await?;
        race(room, &name, one_of(&[&etag]), &[PreconditionFailed]).await?;
    }
    Ok(())
}

/// Many writes of which one may succeed, and is there afterwards.
async fn race(
    room: &Room,
    name: &str,
    condition: Condition,
    lost: &'static [ErrorKind],
) -> CheckOutcome {
    let mut tasks = JoinSet::new();
    for size in 0..CROWD as u64 {
        let room = room.clone();
        let name = name.to_owned();
        let condition = condition.clone();
        tasks.spawn(async move {
            let content = SampleContent::new(10_000 + size);
            let written = room.write(&name, content.source(), condition).await;
            may_be_lost("one write of many under one condition", written, lost)
                .map(|won| won.map(|_| content))
        });
    }
    let mut winners = Vec::new();
    while let Some(task) = tasks.join_next().await {
        winners.extend(joined(task)?);
    }
    let operation = format!("{CROWD} writes of {name:?} at once, each if {condition:?}");
    match winners.as_slice() {
        [winner] => room.is(name, *winner).await.map(drop),
        _ => Err(Finding::new(
            operation,
            "one of them works",
            format!("{} worked", winners.len()),
        )),
    }
}
