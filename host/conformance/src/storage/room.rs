//! A directory in which one check works, and what checks do there.
//!
//! Writes are carried out as the engine does it: staged, then published under the condition. What
//! an operation answers is compared at once, so that a check says only what is special about it.

use std::sync::Arc;

use callfs_model::error::{ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, DirectoryEntry, EntryKind, Storage, WriteOptions,
    WriteOutcome,
};

use super::super::check::CheckSubject;
use super::super::content::SampleContent;
use super::super::finding::{CheckOutcome, Finding, holds, refused, same, told, works};
use super::super::timed::{LatencyClock, Timed};

/// The directory; a clone is the same one.
#[derive(Clone)]
pub(super) struct Room {
    storage: Arc<Timed>,
    directory: String,
}

impl Room {
    /// One that is made when the check begins; the empty path is all of the storage, and there.
    pub(super) fn new(storage: Arc<Timed>, directory: String) -> Self {
        Self { storage, directory }
    }

    pub(super) fn storage(&self) -> &dyn Storage {
        &*self.storage
    }

    /// What serves parts of the storage without it.
    pub(super) fn front(&self) -> Option<&dyn Storage> {
        self.storage.front()
    }

    pub(super) fn clock(&self) -> &Arc<LatencyClock> {
        self.storage.clock()
    }

    pub(super) fn abilities(&self) -> Abilities {
        self.storage.abilities()
    }

    /// What a directory is called where an object is needed. Where directories are made of what is
    /// below them, there is no object under the name of one.
    pub(super) fn no_object(&self) -> &'static [ErrorKind] {
        if self.abilities().implicit_directories {
            &[ErrorKind::IsADirectory, ErrorKind::NotFound]
        } else {
            &[ErrorKind::IsADirectory]
        }
    }

    /// The path of a name in here.
    pub(super) fn at(&self, name: &str) -> String {
        match (self.directory.as_str(), name) {
            ("", name) => name.into(),
            (directory, "") => directory.into(),
            (directory, name) => format!("{directory}/{name}"),
        }
    }

    /// Makes a directory, if directories are made.
    pub(super) async fn make(&self, name: &str) -> CheckOutcome {
        if self.abilities().implicit_directories {
            return Ok(());
        }
        let made = works(
            format!("make({name:?})"),
            self.storage.make(&self.at(name), Some(0o755)).await,
        )?;
        same(
            format!("make({name:?})"),
            "what it made",
            EntryKind::Directory,
            made.kind,
        )
    }

    /// Writes as the engine does.
    pub(super) async fn write(
        &self,
        name: &str,
        body: Source,
        condition: Condition,
    ) -> Result<Attributes> {
        self.write_with(name, body, condition, None).await
    }

    pub(super) async fn write_with(
        &self,
        name: &str,
        body: Source,
        condition: Condition,
        content_type: Option<String>,
    ) -> Result<Attributes> {
        let native = if self.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        let options = WriteOptions {
            condition: native,
            content_type,
            mode: Some(0o640),
        };
        finish(
            self.storage.write(&self.at(name), body, options).await?,
            condition,
        )
        .await
    }

    pub(super) async fn copy(
        &self,
        from: &str,
        to: &str,
        condition: Condition,
    ) -> Result<Attributes> {
        let native = if self.abilities().conditional_write {
            condition.clone()
        } else {
            Condition::Always
        };
        finish(
            self.storage
                .copy(&self.at(from), &self.at(to), native)
                .await?,
            condition,
        )
        .await
    }

    pub(super) async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.storage
            .rename(&self.at(from), &self.at(to), condition)
            .await
    }

    pub(super) async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        self.storage.exchange(&self.at(one), &self.at(other)).await
    }

    pub(super) async fn remove(&self, name: &str, condition: Condition) -> Result<()> {
        self.storage.remove(&self.at(name), condition).await
    }

    pub(super) async fn stat(&self, name: &str) -> Result<Attributes> {
        self.storage.stat(&self.at(name)).await
    }

    pub(super) async fn read(
        &self,
        name: &str,
        range: Option<ByteRange>,
    ) -> Result<(Attributes, Source)> {
        self.storage
            .read(&self.at(name), range, Condition::Always)
            .await
    }

    /// Writes something, which has to work.
    pub(super) async fn put(&self, name: &str, content: SampleContent) -> CheckOutcome<Attributes> {
        let operation = || format!("write({name:?}, {} bytes)", content.size);
        let written = works(
            operation(),
            self.write(name, content.source(), Condition::Always).await,
        )?;
        same(
            operation(),
            "what it stored",
            (EntryKind::File, content.size),
            (written.kind, written.size),
        )?;
        Ok(written)
    }

    /// Something new at a path.
    pub(super) async fn put_new(&self, name: &str, size: u64) -> CheckOutcome<SampleContent> {
        let content = SampleContent::new(size);
        self.put(name, content).await.map(|_| content)
    }

    /// What is at a path is all of this and nothing else; answers its attributes as opened.
    pub(super) async fn is(&self, name: &str, content: SampleContent) -> CheckOutcome<Attributes> {
        let (_, opened) = self.opens_one_of(name, &[content]).await?;
        Ok(opened)
    }

    /// What is at a path is one of these, whole; answers which.
    pub(super) async fn is_one_of(
        &self,
        name: &str,
        contents: &[SampleContent],
    ) -> CheckOutcome<SampleContent> {
        let (content, _) = self.opens_one_of(name, contents).await?;
        Ok(content)
    }

    /// Looks once: a write that was given up may still arrive between two looks.
    async fn opens_one_of(
        &self,
        name: &str,
        contents: &[SampleContent],
    ) -> CheckOutcome<(SampleContent, Attributes)> {
        let operation = || format!("read({name:?})");
        let (opened, source) = works(operation(), self.read(name, None).await)?;
        same(operation(), "kind", EntryKind::File, opened.kind)?;
        let Some(content) = contents.iter().find(|content| content.size == opened.size) else {
            let sizes: Vec<u64> = contents.iter().map(|content| content.size).collect();
            let expected = format!("one of the sizes that were written: {sizes:?}");
            return Err(Finding::new(operation(), expected, opened.size));
        };
        let verified = content.verify(source, 0..content.size).await;
        verified.map_err(|differs| {
            Finding::new(
                operation(),
                format!("the {} bytes that were written", content.size),
                differs,
            )
        })?;
        Ok((*content, opened))
    }

    /// Nothing is at a path, whoever asks.
    pub(super) async fn nothing_at(&self, name: &str) -> CheckOutcome {
        refused(
            format!("stat({name:?})"),
            &[ErrorKind::NotFound],
            self.stat(name).await,
        )?;
        refused(
            format!("read({name:?})"),
            &[ErrorKind::NotFound],
            self.read(name, None).await,
        )
    }

    /// All of a directory, in pages of a size; each page is held to its word.
    pub(super) async fn list(&self, name: &str, limit: u32) -> CheckOutcome<Vec<DirectoryEntry>> {
        self.list_after(name, None, limit).await
    }

    pub(super) async fn list_after(
        &self,
        name: &str,
        after: Option<&str>,
        limit: u32,
    ) -> CheckOutcome<Vec<DirectoryEntry>> {
        let path = self.at(name);
        let mut after = after.map(str::to_owned);
        let mut all = Vec::<DirectoryEntry>::new();
        loop {
            let operation = || format!("list({name:?}, after {after:?}, {limit})");
            let page = works(
                operation(),
                self.storage.list(&path, after.as_deref(), limit).await,
            )?;
            let count = page.entries.len();
            holds(
                operation(),
                "at most as many as were asked for",
                count <= limit as usize,
                count,
            )?;
            holds(
                operation(),
                "an empty page is the last one",
                count > 0 || !page.more,
                "an empty page before others",
            )?;
            let mut last = after.as_deref();
            for entry in &page.entries {
                let next = entry.name.as_str();
                if last.is_some_and(|last| last >= next) {
                    let expected =
                        "names in byte order, each once, all after the one that was given";
                    return Err(Finding::new(
                        operation(),
                        expected,
                        format!("{next:?} after {last:?}"),
                    ));
                }
                last = Some(next);
            }
            after = last.map(str::to_owned);
            all.extend(page.entries);
            if !page.more {
                return Ok(all);
            }
        }
    }

    /// The names of a directory are exactly these.
    pub(super) async fn lists(
        &self,
        name: &str,
        limit: u32,
        expected: &[impl AsRef<str>],
    ) -> CheckOutcome<Vec<DirectoryEntry>> {
        let entries = self.list(name, limit).await?;
        let mut expected: Vec<&str> = expected.iter().map(AsRef::as_ref).collect();
        expected.sort_unstable();
        let operation = || format!("list({name:?}, in pages of {limit})");
        for (place, name) in expected.iter().enumerate() {
            match entries.get(place) {
                Some(entry) if entry.name == *name => {}
                seen => {
                    let expected = format!("{name:?} in place {place}");
                    let seen = seen.map_or("the end".into(), |entry| format!("{:?}", entry.name));
                    return Err(Finding::new(operation(), expected, seen));
                }
            }
        }
        same(operation(), "how many names", expected.len(), entries.len())?;
        Ok(entries)
    }
}

impl CheckSubject for Room {
    async fn begin(&self) -> CheckOutcome {
        if self.directory.is_empty() {
            Ok(())
        } else {
            self.make("").await
        }
    }
}

/// What a task of a crowd answered.
pub(super) fn joined<T>(task: Result<CheckOutcome<T>, tokio::task::JoinError>) -> CheckOutcome<T> {
    task.unwrap_or_else(|error| Err(Finding::new("a task", "it ends", error)))
}

/// A failure that a crowd may cause: the same operation may work later.
pub(super) fn may_be_lost<T>(
    operation: &str,
    result: Result<T>,
    kinds: &[ErrorKind],
) -> CheckOutcome<Option<T>> {
    match result {
        Ok(done) => Ok(Some(done)),
        Err(error) if error.kind() != ErrorKind::PluginFailed && error.kind().is_retryable() => {
            Ok(None)
        }
        Err(error) if kinds.contains(&error.kind()) => Ok(None),
        Err(error) => Err(Finding::new(
            operation,
            "it works, or is to be tried again",
            told(&error),
        )),
    }
}

async fn finish(written: WriteOutcome, condition: Condition) -> Result<Attributes> {
    match written {
        WriteOutcome::Done(attributes) => Ok(attributes),
        WriteOutcome::Carried(transfer) => transfer.stage().await?.publish(condition).await,
    }
}
