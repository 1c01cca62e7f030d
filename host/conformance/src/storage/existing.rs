//! What can be checked of a storage that is only read, on what is there.

use callfs_model::error::ErrorKind::{
    NotADirectory, NotFound, PreconditionFailed, RangeNotSatisfiable,
};
use callfs_model::source::Source;
use callfs_model::storage::{ByteRange, Condition, DirectoryEntry, EntryKind};

use super::super::finding::{CheckOutcome, Finding, refused, same, told, works};
use super::room::Room;
use super::versions::compare;

/// How many directories are looked into, and how many files are looked at.
const DIRECTORIES: usize = 20;
const FILES: usize = 50;
/// How much of a file is compared byte by byte.
const COMPARED: usize = 1 << 20;
/// A name that is hardly there.
const MISSING: &str = "callfs-check-is-missing";

/// Files and directories from the root down, as far as is enough.
pub(super) async fn found(
    room: &Room,
) -> CheckOutcome<(Vec<String>, Vec<(String, DirectoryEntry)>)> {
    let mut directories = vec![String::new()];
    let mut files = Vec::new();
    let mut next = 0;
    while next < directories.len() && next < DIRECTORIES {
        let directory = directories[next].clone();
        next += 1;
        for entry in room.list(&directory, 1000).await? {
            let path = if directory.is_empty() {
                entry.name.clone()
            } else {
                format!("{directory}/{}", entry.name)
            };
            match entry.attributes.kind {
                EntryKind::Directory if !entry.link => directories.push(path),
                EntryKind::File if files.len() < FILES => files.push((path, entry)),
                _ => {}
            }
        }
    }
    directories.truncate(DIRECTORIES);
    Ok((directories, files))
}

/// Whether there is anything to look at; a storage that cannot even say so is looked at.
pub(super) async fn has_file(room: &Room) -> bool {
    sample(room).await.map_or(true, |sample| sample.is_some())
}

pub(super) async fn root(room: &Room) -> CheckOutcome {
    let root = works("stat of the root", room.stat("").await)?;
    same(
        "stat of the root",
        "kind and size",
        (EntryKind::Directory, 0),
        (root.kind, root.size),
    )
}

pub(super) async fn missing(room: &Room) -> CheckOutcome {
    room.nothing_at(MISSING).await?;
    refused(
        "list of what is not there",
        &[NotFound],
        room.storage().list(MISSING, None, 10).await,
    )?;
    let below = format!("{MISSING}/below");
    refused(
        "stat below what is not there",
        &[NotFound],
        room.stat(&below).await,
    )
}

pub(super) async fn order(room: &Room) -> CheckOutcome {
    found(room).await.map(drop)
}

pub(super) async fn pages(room: &Room) -> CheckOutcome {
    let (directories, _) = found(room).await?;
    for directory in directories {
        let names: Vec<String> = room
            .list(&directory, 1000)
            .await?
            .into_iter()
            .map(|entry| entry.name)
            .collect();
        // Page by page through all of a large directory would take for ever.
        for limit in [1, 2, 3, 7, names.len() / 2, names.len(), names.len() + 1] {
            if limit > 0 && names.len() / limit <= 200 {
                room.lists(&directory, limit as u32, &names).await?;
            }
        }
        for mark in names.iter().step_by(1 + names.len() / 20) {
            let expected: Vec<&String> = names.iter().filter(|name| *name > mark).take(3).collect();
            let listed = works("list", room.storage().list(&directory, Some(mark), 3).await)?;
            let listed: Vec<&String> = listed.entries.iter().map(|entry| &entry.name).collect();
            same(
                format!("list({directory:?}, after {mark:?}, 3)"),
                "the names after it",
                expected,
                listed,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn agree(room: &Room) -> CheckOutcome {
    for (path, entry) in found(room).await?.1 {
        let stat = works(format!("stat({path:?})"), room.stat(&path).await)?;
        let (opened, source) = works(format!("read({path:?})"), room.read(&path, None).await)?;
        compare(
            &format!("list and stat of {path:?}"),
            &entry.attributes,
            &stat,
        )?;
        compare(&format!("read and stat of {path:?}"), &opened, &stat)?;
        same(
            format!("read and stat of {path:?}"),
            "etag",
            &stat.etag,
            &opened.etag,
        )?;
        if stat.size <= COMPARED as u64 {
            let read = gathered(&path, source).await?.len() as u64;
            same(
                format!("read({path:?}) to the end"),
                "how many bytes",
                stat.size,
                read,
            )?;
        }
    }
    Ok(())
}

pub(super) async fn wrong_kind(room: &Room) -> CheckOutcome {
    let (directories, files) = found(room).await?;
    for directory in directories {
        refused(
            format!("read of the directory {directory:?}"),
            room.no_object(),
            room.read(&directory, None).await,
        )?;
    }
    for (file, _) in files.into_iter().take(10) {
        refused(
            format!("list of the file {file:?}"),
            &[NotADirectory],
            room.storage().list(&file, None, 1).await,
        )?;
        let below = format!("{file}/below");
        refused(
            format!("stat({below:?}), below a file"),
            &[NotFound, NotADirectory],
            room.stat(&below).await,
        )?;
    }
    Ok(())
}

/// The smallest file that has bytes in it.
async fn sample(room: &Room) -> CheckOutcome<Option<(String, u64)>> {
    let files = found(room)
        .await?
        .1
        .into_iter()
        .map(|(path, entry)| (path, entry.attributes.size));
    Ok(files
        .filter(|(_, size)| *size > 0)
        .min_by_key(|(_, size)| *size))
}

pub(super) async fn sampled(room: &Room) -> CheckOutcome<(String, u64)> {
    let sample = sample(room).await?;
    sample.ok_or_else(|| {
        Finding::new(
            "list",
            "the file that was there before",
            "no file with anything in it",
        )
    })
}

pub(super) async fn ranges(room: &Room) -> CheckOutcome {
    let (path, size) = sampled(room).await?;
    let (_, whole) = works(format!("read({path:?})"), room.read(&path, None).await)?;
    let whole = gathered(&path, whole).await?;
    let compared = whole.len() as u64;
    for (start, end) in [
        (0, 1),
        (0, compared),
        (compared / 3, compared / 2 + 1),
        (compared - 1, compared),
        (0, size + 10),
    ] {
        let operation = || format!("read({path:?}, {start}..{end}) of {size} bytes");
        let (opened, part) = works(
            operation(),
            room.read(
                &path,
                Some(ByteRange {
                    start,
                    end: Some(end),
                }),
            )
            .await,
        )?;
        same(
            operation(),
            "the size of the whole object",
            size,
            opened.size,
        )?;
        let part = gathered(&path, part).await?;
        let expected = &whole[start as usize..end.min(compared) as usize];
        same(
            operation(),
            "how many bytes",
            expected.len().min(COMPARED),
            part.len(),
        )?;
        same(
            operation(),
            "that they are those of the whole",
            true,
            part == expected[..part.len()],
        )?;
    }
    for start in [size, size + 1] {
        let opened = room.read(&path, Some(ByteRange { start, end: None })).await;
        refused(
            format!("read({path:?}, {start}..) of {size} bytes"),
            &[RangeNotSatisfiable { size }],
            opened,
        )?;
    }
    Ok(())
}

pub(super) async fn condition(room: &Room) -> CheckOutcome {
    let (path, _) = sampled(room).await?;
    let read = async |condition| room.storage().read(&path, None, condition).await;
    for condition in [
        Condition::Absent,
        Condition::EtagIn(vec!["another".into()]),
        Condition::EtagIn(vec![]),
    ] {
        refused(
            format!("read({path:?}, if {condition:?})"),
            &[PreconditionFailed],
            read(condition).await,
        )?;
    }
    if let Some(etag) = works(format!("stat({path:?})"), room.stat(&path).await)?.etag {
        works(
            format!("read({path:?}, if it is as it is)"),
            read(Condition::EtagIn(vec![etag])).await,
        )?;
    }
    Ok(())
}

pub(super) async fn abandoned(room: &Room) -> CheckOutcome {
    let (path, size) = sampled(room).await?;
    for _ in 0..100 {
        let (_, mut source) = works(format!("read({path:?})"), room.read(&path, None).await)?;
        works(format!("the first piece of {path:?}"), source.next().await)?;
    }
    let stat = works(format!("stat({path:?})"), room.stat(&path).await)?;
    same(format!("stat({path:?})"), "its size", size, stat.size)
}

/// The beginning of a source.
async fn gathered(path: &str, mut source: Source) -> CheckOutcome<Vec<u8>> {
    let mut all = Vec::new();
    loop {
        match source.next().await {
            Ok(Some(piece)) if all.len() < COMPARED => all.extend_from_slice(&piece),
            Ok(Some(_)) | Ok(None) => break,
            Err(error) => {
                let operation = format!("read({path:?}), after {} bytes", all.len());
                return Err(Finding::new(operation, "it goes on", told(&error)));
            }
        }
    }
    all.truncate(COMPARED);
    Ok(all)
}
