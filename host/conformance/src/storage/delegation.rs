//! What a storage has delegated is served without it: the folder has to be what it says.

use callfs_model::error::Result;
use callfs_model::storage::{
    Attributes, Condition, DirectoryEntry, EntryKind, ListingPage, Storage,
};

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, same, told, works};
use super::existing::found;
use super::room::Room;

/// A name that is hardly there.
const MISSING: &str = "callfs-check-is-missing";
/// How much of a file is compared byte by byte.
const COMPARED: u64 = 1 << 20;

/// Of what is written for it.
pub(super) async fn written(room: &Room) -> CheckOutcome {
    room.put("file", SampleContent::new(100_000)).await?;
    if room.abilities().directories {
        room.make("directory").await?;
        room.put("directory/file", SampleContent::new(1)).await?;
    }
    existing(room).await
}

/// Of what is there.
pub(super) async fn existing(room: &Room) -> CheckOutcome {
    let Some(front) = room.front() else {
        return Ok(());
    };
    let (directories, files) = found(room).await?;
    for directory in &directories {
        looks_equal(room, front, directory).await?;
        let path = room.at(directory);
        let asked = room.storage().list(&path, None, 1000).await;
        let served = front.list(&path, None, 1000).await;
        // The component cannot say which directory it listed.
        let names = |page: ListingPage| ListingPage {
            directory: None,
            entries: page.entries.into_iter().map(plain_entry).collect(),
            ..page
        };
        let operation = format!("list({directory:?})");
        equal(operation, asked.map(names), served.map(names))?;
    }
    for (file, entry) in &files {
        looks_equal(room, front, file).await?;
        if entry.attributes.kind == EntryKind::File && entry.attributes.size <= COMPARED {
            let asked = bytes(room.storage(), &room.at(file)).await;
            let served = bytes(front, &room.at(file)).await;
            let operation = format!("read({file:?})");
            let asked = works(&operation, asked)?;
            let served = works(&operation, served)?;
            same(
                operation,
                "whether the bytes are equal",
                true,
                asked == served,
            )?;
        }
    }
    looks_equal(room, front, MISSING).await
}

async fn looks_equal(room: &Room, front: &dyn Storage, name: &str) -> CheckOutcome {
    let path = room.at(name);
    let asked = room.storage().stat(&path).await;
    let served = front.stat(&path).await;
    equal(
        format!("stat({name:?})"),
        asked.map(plain),
        served.map(plain),
    )
}

/// What a component can say: whether a filesystem keeps modes is known to the host alone.
fn plain(attributes: Attributes) -> Attributes {
    Attributes {
        keeps_mode: false,
        ..attributes
    }
}

fn plain_entry(entry: DirectoryEntry) -> DirectoryEntry {
    DirectoryEntry {
        attributes: plain(entry.attributes),
        ..entry
    }
}

/// The component and the folder say the same, or fail alike.
fn equal<T: PartialEq + std::fmt::Debug>(
    operation: String,
    asked: Result<T>,
    served: Result<T>,
) -> CheckOutcome {
    match (asked, served) {
        (Ok(asked), Ok(served)) => same(operation, "what the component says", asked, served),
        (Err(asked), Err(served)) => {
            let what = "how the component fails";
            same(operation, what, asked.kind(), served.kind())
        }
        (asked, served) => {
            let said = |said: Result<T>| match said {
                Ok(found) => format!("{found:?}"),
                Err(error) => told(&error),
            };
            let expected = format!("what the component says: {}", said(asked));
            Err(Finding::new(operation, expected, said(served)))
        }
    }
}

async fn bytes(storage: &dyn Storage, path: &str) -> Result<Vec<u8>> {
    let (_, mut source) = storage.read(path, None, Condition::Always).await?;
    let mut bytes = Vec::new();
    while let Some(piece) = source.next().await? {
        bytes.extend_from_slice(&piece);
    }
    Ok(bytes)
}
