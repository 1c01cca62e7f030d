//! What an operation says of a path that is not what it needs.

use callfs_model::error::ErrorKind::{
    AlreadyExists, DirectoryNotEmpty, IsADirectory, NotADirectory, NotFound,
};
use callfs_model::error::{ErrorKind, Result};
use callfs_model::storage::{Condition, EntryKind};

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, refused, same, works};
use super::room::Room;

/// Below a file there is nothing, and both words for it are true.
const BELOW_A_FILE: &[ErrorKind] = &[NotFound, NotADirectory];

/// A directory with a file in it, a file, and nothing else.
async fn furnished(room: &Room) -> CheckOutcome<SampleContent> {
    room.make("directory").await?;
    room.put_new("directory/inside", 10).await?;
    room.put_new("file", 100).await
}

pub(super) async fn stat_directories(room: &Room) -> CheckOutcome {
    furnished(room).await?;
    for (name, found) in [
        ("the root", room.storage().stat("").await),
        ("a directory", room.stat("directory").await),
    ] {
        let found = works(format!("stat of {name}"), found)?;
        same(
            format!("stat of {name}"),
            "kind and size",
            (EntryKind::Directory, 0),
            (found.kind, found.size),
        )?;
    }
    let file = works("stat(\"file\")", room.stat("file").await)?;
    same(
        "stat(\"file\")",
        "kind and size",
        (EntryKind::File, 100),
        (file.kind, file.size),
    )
}

pub(super) async fn stat_missing(room: &Room) -> CheckOutcome {
    furnished(room).await?;
    for name in [
        "missing",
        "missing/below",
        "directory/missing",
        "fil",
        "file0",
        "directory/insid",
    ] {
        refused(
            format!("stat({name:?})"),
            &[NotFound],
            room.stat(name).await,
        )?;
    }
    refused(
        "stat(\"file/below\")",
        BELOW_A_FILE,
        room.stat("file/below").await,
    )
}

pub(super) async fn read_wrong_kind(room: &Room) -> CheckOutcome {
    furnished(room).await?;
    refused(
        "read of a directory",
        room.no_object(),
        room.read("directory", None).await,
    )?;
    refused(
        "read of what is not there",
        &[NotFound],
        room.read("missing", None).await,
    )?;
    refused(
        "read below a file",
        BELOW_A_FILE,
        room.read("file/below", None).await,
    )
}

pub(super) async fn list_wrong_kind(room: &Room) -> CheckOutcome {
    furnished(room).await?;
    let list = async |name: &str| room.storage().list(&room.at(name), None, 10).await;
    refused("list of a file", &[NotADirectory], list("file").await)?;
    refused(
        "list of what is not there",
        &[NotFound],
        list("missing").await,
    )?;
    refused("list below a file", BELOW_A_FILE, list("file/below").await)
}

pub(super) async fn remove_wrong_kind(room: &Room) -> CheckOutcome {
    let file = furnished(room).await?;
    let remove = async |name: &str| room.remove(name, Condition::Always).await;
    // Such a storage need not know whether there was something to remove.
    let may_succeed = room.abilities().implicit_directories;
    let refused = |operation: &str, kinds: &[ErrorKind], removed: Result<()>| match removed {
        Ok(()) if may_succeed => Ok(()),
        removed => refused(operation, kinds, removed),
    };
    refused(
        "remove of a directory",
        &[IsADirectory],
        remove("directory").await,
    )?;
    room.lists("directory", 10, &["inside"]).await?;
    refused(
        "remove of what is not there",
        &[NotFound],
        remove("missing").await,
    )?;
    refused(
        "remove below a file",
        BELOW_A_FILE,
        remove("file/below").await,
    )?;
    room.is("file", file).await?;
    works("remove(\"file\")", remove("file").await)?;
    room.nothing_at("file").await?;
    refused(
        "remove of what was removed",
        &[NotFound],
        remove("file").await,
    )
}

pub(super) async fn write_wrong_kind(room: &Room) -> CheckOutcome {
    let file = furnished(room).await?;
    room.make("empty").await?;
    for directory in ["directory", "empty"] {
        let written = room
            .write(
                directory,
                SampleContent::new(10).source(),
                Condition::Always,
            )
            .await;
        refused(
            format!("write over the directory {directory:?}"),
            &[IsADirectory],
            written,
        )?;
    }
    let below = room
        .write(
            "file/below",
            SampleContent::new(10).source(),
            Condition::Always,
        )
        .await;
    refused("write below a file", BELOW_A_FILE, below)?;
    room.is("file", file).await?;
    room.lists("directory", 10, &["inside"]).await?;
    room.lists("empty", 10, &[""; 0]).await.map(drop)
}

pub(super) async fn make_taken(room: &Room) -> CheckOutcome {
    let file = furnished(room).await?;
    let make = async |name: &str| room.storage().make(&room.at(name), Some(0o755)).await;
    refused(
        "make where a directory is",
        &[AlreadyExists],
        make("directory").await,
    )?;
    refused("make where a file is", &[AlreadyExists], make("file").await)?;
    refused("make below a file", BELOW_A_FILE, make("file/below").await)?;
    refused(
        "make where the parent is missing",
        &[NotFound],
        make("missing/below").await,
    )?;
    room.is("file", file).await?;
    room.lists("", 10, &["directory", "file"]).await?;
    room.lists("directory", 10, &["inside"]).await?;
    works("make(\"directory/deeper\")", make("directory/deeper").await)?;
    room.lists("directory", 10, &["deeper", "inside"])
        .await
        .map(drop)
}

pub(super) async fn remove_directory_wrong_kind(room: &Room) -> CheckOutcome {
    let file = furnished(room).await?;
    let remove = async |name: &str| room.storage().remove_directory(&room.at(name)).await;
    refused(
        "remove-directory of one with a file in it",
        &[DirectoryNotEmpty],
        remove("directory").await,
    )?;
    room.lists("directory", 10, &["inside"]).await?;
    room.make("outer").await?;
    room.make("outer/inner").await?;
    refused(
        "remove-directory of one with a directory in it",
        &[DirectoryNotEmpty],
        remove("outer").await,
    )?;
    refused(
        "remove-directory of a file",
        &[NotADirectory],
        remove("file").await,
    )?;
    room.is("file", file).await?;
    refused(
        "remove-directory of what is not there",
        &[NotFound],
        remove("missing").await,
    )?;
    works(
        "remove-directory(\"outer/inner\")",
        remove("outer/inner").await,
    )?;
    works("remove-directory(\"outer\")", remove("outer").await)?;
    refused(
        "stat of a directory that was removed",
        &[NotFound],
        room.stat("outer").await,
    )
}
