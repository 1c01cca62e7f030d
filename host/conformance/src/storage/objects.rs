//! What tells an object from another one that takes its place.

use std::collections::HashSet;

use callfs_model::storage::{
    Attributes, Condition, DirectoryEntry, EntryKind, WriteOptions, WriteOutcome,
};

use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, holds, same, works};
use super::existing::found;
use super::room::Room;

/// The longest name of an object, in bytes: the host records it.
const LONGEST: usize = 64;

/// How often an object is replaced: a name that is derived from an inode number alone comes back
/// soon.
const REPLACED: usize = 20;

/// How many entries of a directory are looked at where nothing may be changed.
const LOOKED_AT: usize = 20;

/// The names that were seen; the one of a replacement is none of them.
struct ObjectNames<'a> {
    room: &'a Room,
    seen: HashSet<String>,
}

/// A storage that names no objects passes: there is nothing to compare.
pub(super) async fn distinct(room: &Room) -> CheckOutcome {
    let mut names = ObjectNames {
        room,
        seen: HashSet::new(),
    };
    names.files().await?;
    names.moved_file().await?;
    if room.abilities().directories {
        names.directories().await?;
        names.moved_directory().await?;
    }
    Ok(())
}

impl ObjectNames<'_> {
    async fn files(&mut self) -> CheckOutcome {
        for turn in 0..REPLACED {
            let operation = format!("write(\"object\") in place of another, version {turn}");
            self.put("object").await?;
            self.is_new(&operation, "object").await?;
            let operation = format!("write(\"fleeting\") after it was removed, version {turn}");
            self.put("fleeting").await?;
            self.is_new(&operation, "fleeting").await?;
            works(
                "remove(\"fleeting\")",
                self.room.remove("fleeting", Condition::Always).await,
            )?;
        }
        if self.room.abilities().copy {
            let copied = works(
                "copy(\"object\", \"copy\")",
                self.room.copy("object", "copy", Condition::Always).await,
            )?;
            self.agrees("copy(\"object\", \"copy\")", "copy", &copied)
                .await?;
            self.is_new("copy(\"object\", \"copy\")", "copy").await?;
        }
        Ok(())
    }

    async fn moved_file(&mut self) -> CheckOutcome {
        self.put("here").await?;
        let name = self.is_new("write(\"here\")", "here").await?;
        self.keeps_over_mode("here", 0o600, &name).await?;
        if self.room.abilities().rename {
            self.put("replaced").await?;
            self.moves("here", "there", &name).await?;
            self.moves("there", "replaced", &name).await?;
            self.put("there").await?;
            self.is_new("write(\"there\"), where another was before", "there")
                .await?;
        }
        Ok(())
    }

    async fn directories(&mut self) -> CheckOutcome {
        for turn in 0..REPLACED {
            self.make("directory").await?;
            let operation = format!("make(\"directory\") after it was removed, version {turn}");
            self.is_new(&operation, "directory").await?;
            let path = self.room.at("directory");
            let removed = self.room.storage().remove_directory(&path);
            works("remove-directory(\"directory\")", removed.await)?;
        }
        self.put("directory").await?;
        self.is_new("write(\"directory\"), where a directory was", "directory")
            .await
            .map(drop)
    }

    async fn moved_directory(&mut self) -> CheckOutcome {
        self.make("d").await?;
        self.put("d/inside").await?;
        let name = self.is_new("make(\"d\")", "d").await?;
        let inside = self.is_new("write(\"d/inside\")", "d/inside").await?;
        self.keeps_over_mode("d", 0o700, &name).await?;
        if self.room.abilities().rename {
            self.moves("d", "e", &name).await?;
            same(
                "rename(\"d\", \"e\")",
                "the name of the object in it",
                inside,
                self.name("e/inside").await?,
            )?;
            self.make("d").await?;
            self.is_new("make(\"d\"), where another was before", "d")
                .await?;
        }
        Ok(())
    }

    /// Writes as the engine does, which announces a replacement before it is published.
    async fn put(&self, name: &str) -> CheckOutcome {
        let operation = format!("write({name:?})");
        let content = SampleContent::new(100);
        let options = WriteOptions {
            mode: Some(0o640),
            ..WriteOptions::default()
        };
        let path = self.room.at(name);
        let write = self.room.storage().write(&path, content.source(), options);
        let written = match works(&operation, write.await)? {
            WriteOutcome::Done(written) => written,
            WriteOutcome::Carried(transfer) => {
                let staged = works(&operation, transfer.stage().await)?;
                let announced = staged.attributes().cloned();
                let published = works(&operation, staged.publish(Condition::Always).await)?;
                if let Some(announced) = announced {
                    same(
                        format!("{operation}, staged and published"),
                        "the object that was announced",
                        announced.object,
                        published.object.clone(),
                    )?;
                }
                published
            }
        };
        self.agrees(&operation, name, &written).await?;
        let opened = self.room.is(name, content).await?;
        self.agrees(&format!("read({name:?})"), name, &opened).await
    }

    async fn make(&self, name: &str) -> CheckOutcome {
        let path = self.room.at(name);
        let made = self.room.storage().make(&path, Some(0o755));
        let operation = format!("make({name:?})");
        let made = works(&operation, made.await)?;
        self.agrees(&operation, name, &made).await
    }

    async fn moves(&self, from: &str, to: &str, name: &Option<String>) -> CheckOutcome {
        let operation = format!("rename({from:?}, {to:?})");
        works(
            &operation,
            self.room.rename(from, to, Condition::Always).await,
        )?;
        same(
            operation,
            "the object that was moved",
            name,
            &self.name(to).await?,
        )
    }

    async fn keeps_over_mode(&self, path: &str, mode: u32, name: &Option<String>) -> CheckOutcome {
        if !self.room.abilities().modes {
            return Ok(());
        }
        let operation = format!("set-mode({path:?}, {mode:o})");
        let at = self.room.at(path);
        let changed = self.room.storage().set_mode(&at, mode);
        works(&operation, changed.await)?;
        same(
            operation,
            "the object whose mode it is",
            name,
            &self.name(path).await?,
        )
    }

    /// The name of what is at a path, on which stat and list agree.
    async fn name(&self, path: &str) -> CheckOutcome<Option<String>> {
        let stat = works(format!("stat({path:?})"), self.room.stat(path).await)?;
        is_short(path, &stat)?;
        let (parent, name) = path.rsplit_once('/').unwrap_or(("", path));
        let listed = self.room.list(parent, 1000).await?;
        let listed = listed.into_iter().find(|entry| entry.name == name);
        let listed = listed.and_then(|entry| entry.attributes.object);
        same(
            format!("list({parent:?}) and stat({path:?})"),
            "the object",
            &stat.object,
            &listed,
        )?;
        Ok(stat.object)
    }

    /// What an operation told of a path is the object that is there.
    async fn agrees(&self, operation: &str, path: &str, told: &Attributes) -> CheckOutcome {
        same(
            format!("{operation} and stat"),
            "the object",
            &told.object,
            &self.name(path).await?,
        )
    }

    /// What is at a path was never there before; answers its name.
    async fn is_new(&mut self, operation: &str, path: &str) -> CheckOutcome<Option<String>> {
        let name = self.name(path).await?;
        if let Some(name) = &name {
            holds(
                operation,
                "an object with a name that none before had",
                self.seen.insert(name.clone()),
                format!("{name:?} again"),
            )?;
        }
        Ok(name)
    }
}

/// Looks at what is there, without changing it.
pub(super) async fn existing(room: &Room) -> CheckOutcome {
    let (directories, _) = found(room).await?;
    for parent in directories {
        let entries = room.list(&parent, 1000).await?;
        let entries = entries
            .into_iter()
            .filter(|entry| entry.attributes.kind != EntryKind::Special);
        for DirectoryEntry {
            name, attributes, ..
        } in entries.take(LOOKED_AT)
        {
            let path = if parent.is_empty() {
                name
            } else {
                format!("{parent}/{name}")
            };
            let stat = works(format!("stat({path:?})"), room.stat(&path).await)?;
            is_short(&path, &stat)?;
            let agrees = |look: &str, told: Attributes| {
                let operation = format!("{look} and stat of {path:?}");
                same(operation, "the object", &stat.object, &told.object)
            };
            agrees("list", attributes)?;
            if stat.kind == EntryKind::File {
                let (opened, _) = works(format!("read({path:?})"), room.read(&path, None).await)?;
                agrees("read", opened)?;
            }
        }
    }
    Ok(())
}

fn is_short(path: &str, attributes: &Attributes) -> CheckOutcome {
    let length = attributes.object.as_ref().map_or(1, String::len);
    holds(
        format!("stat({path:?})"),
        "a name of the object of 1 to 64 bytes",
        (1..=LONGEST).contains(&length),
        format!("{length} bytes"),
    )
}
