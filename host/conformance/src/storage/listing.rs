//! Pages of directories.

use callfs_model::storage::{Condition, EntryKind};
use futures_util::{StreamExt, TryStreamExt};

use super::super::finding::{CheckOutcome, Finding, same, works};
use super::names::torture;
use super::room::Room;
use super::versions::compare;

/// How many names a directory has that is listed completely.
const MANY: usize = 2500;
/// How many objects are written at the same time.
const AT_ONCE: usize = 16;

/// Files and directories under names that sort badly, some of which would be in the way of each
/// other were a path sorted as a whole: `a/…` comes after `a-b` and `a.b`, and before `a0`.
async fn mixed(room: &Room) -> CheckOutcome<Vec<String>> {
    let names = torture();
    for (number, name) in names.iter().enumerate() {
        if number % 3 == 0 {
            room.make(name).await?;
            room.put_new(&format!("{name}/below"), 1).await?;
            room.put_new(&format!("{name}/too"), 1).await?;
        } else {
            room.put_new(name, number as u64).await?;
        }
    }
    Ok(names)
}

pub(super) async fn order(room: &Room) -> CheckOutcome {
    let names = mixed(room).await?;
    for entry in room.lists("", 1000, &names).await? {
        let name = &entry.name;
        let number = names.iter().position(|one| one == name).unwrap_or_default();
        let expected = if number % 3 == 0 {
            (EntryKind::Directory, 0)
        } else {
            (EntryKind::File, number as u64)
        };
        let seen = (entry.attributes.kind, entry.attributes.size);
        same(
            format!("list, the entry {name:?}"),
            "kind and size",
            expected,
            seen,
        )?;
        same(
            format!("list, the entry {name:?}"),
            "whether it is a link",
            false,
            entry.link,
        )?;
        let stat = works(format!("stat({name:?})"), room.stat(name).await)?;
        compare(
            &format!("list and stat of {name:?}"),
            &entry.attributes,
            &stat,
        )?;
    }
    Ok(())
}

pub(super) async fn pages(room: &Room) -> CheckOutcome {
    let names = mixed(room).await?;
    for limit in (1..=names.len() + 1).chain([4096, 100_000]) {
        room.lists("", limit as u32, &names).await?;
    }
    Ok(())
}

pub(super) async fn after(room: &Room) -> CheckOutcome {
    let mut names = mixed(room).await?;
    names.sort_unstable();
    // Names that are there, and those just before and after them, which are not.
    let near = names.iter().flat_map(|name| {
        let shorter = name
            .char_indices()
            .next_back()
            .map_or("", |(end, _)| &name[..end]);
        [
            name.clone(),
            format!("{name}-"),
            format!("{name}0"),
            shorter.to_owned(),
        ]
    });
    let marks: Vec<String> = near
        .chain(["!".into(), "zzzz".into(), "\u{10ffff}\u{10ffff}".into()])
        .collect();
    for mark in marks
        .iter()
        .filter(|mark| !mark.is_empty() && mark.len() <= 255)
    {
        let expected: Vec<&String> = names.iter().filter(|name| *name > mark).collect();
        let listed = room.list_after("", Some(mark), 1000).await?;
        let listed: Vec<&String> = listed.iter().map(|entry| &entry.name).collect();
        same(
            format!("list(after {mark:?})"),
            "the names after it",
            expected,
            listed,
        )?;
    }
    Ok(())
}

pub(super) async fn complete(room: &Room) -> CheckOutcome {
    let names: Vec<String> = (0..MANY)
        .map(|number| format!("entry-{number:05}"))
        .collect();
    let writes: Vec<_> = names.iter().map(|name| room.put_new(name, 1)).collect();
    futures_util::stream::iter(writes)
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<_>>()
        .await?;
    for limit in [1000, 999, MANY - 1, MANY, MANY + 1, 100] {
        room.lists("", limit as u32, &names).await?;
    }
    let first = works("list(1)", room.storage().list(&room.at(""), None, 1).await)?;
    if first.more {
        Ok(())
    } else {
        Err(Finding::new(
            format!("list(1) of {MANY} names"),
            "more follow",
            "that was all",
        ))
    }
}

pub(super) async fn fresh(room: &Room) -> CheckOutcome {
    let mut names: Vec<String> = Vec::new();
    for number in 0..20 {
        let name = format!("entry-{:02}", (number * 7) % 20);
        let content = room.put_new(&name, 10 + number).await?;
        names.push(name.clone());
        let listed = room.lists("", 7, &names).await?;
        let size = listed
            .iter()
            .find(|entry| entry.name == name)
            .map(|entry| entry.attributes.size);
        same(
            format!("list after write({name:?})"),
            "its size",
            Some(content.size),
            size,
        )?;
        if number % 3 == 2 {
            let name = names.remove(0);
            works(
                format!("remove({name:?})"),
                room.remove(&name, Condition::Always).await,
            )?;
            room.lists("", 7, &names).await?;
        }
    }
    Ok(())
}
