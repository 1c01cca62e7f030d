//! A storage whose component has delegated parts of it: what they need no component for is done
//! here, in the granted folder, and everything else by the component.
//!
//! The component decided when it was loaded, and decides again when it is loaded again. Nothing is
//! done here that it does not export, and nothing in a folder that was not granted to it.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_folder::Folder;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, Durability, LinkedWay, ListingPage, ReadOptions,
    Storage, StorageIdentity, Walked, WriteOptions, WriteOutcome,
};
use callfs_telemetry::PluginMetrics;

use super::bindings::exports::callfs::plugin::storage_delegation as wit;
use super::grants::Grants;
use super::storage::StoragePlugin;

/// A part of a storage that is a granted folder.
pub(super) struct Delegation {
    /// What the root of the folder is in the storage.
    path: String,
    folder: Arc<Folder>,
    changes: bool,
}

/// The parts of a storage that its component has delegated, the longest path first.
#[derive(Default)]
pub(super) struct Delegations(Vec<Delegation>);

/// See the module.
pub(super) struct DelegatingStorage {
    component: Arc<StoragePlugin>,
    parts: Delegations,
    metrics: Arc<PluginMetrics>,
    /// Counts the bytes of what is read.
    meter: Arc<dyn Fn(u64) + Send + Sync>,
}

impl Delegations {
    /// What a component answered, or why that makes no sense.
    pub(super) fn granted(answered: Vec<wit::Delegation>, grants: &Grants) -> Result<Self, String> {
        let mut parts = Vec::with_capacity(answered.len());
        for delegation in answered {
            let wit::Delegation {
                path,
                directory,
                changes,
            } = delegation;
            let Some(folder) = grants.directory(&directory) else {
                let granted = grants.directories.iter().map(|(name, _)| name.as_str());
                let granted: Vec<_> = granted.collect();
                return Err(format!(
                    "it delegates '{path}' to the folder '{directory}', which is not granted; \
                     granted: {}",
                    granted.join(", ")
                ));
            };
            callfs_folder::check_path(&path).map_err(|error| {
                format!("it delegates a path that is none: {}", error.message())
            })?;
            parts.push(Delegation {
                path,
                folder: folder.clone(),
                changes,
            });
        }
        parts.sort_by_key(|part| std::cmp::Reverse(part.path.len()));
        let twice = parts.windows(2).find(|pair| pair[0].path == pair[1].path);
        if let Some(pair) = twice {
            return Err(format!("it delegates '{}' twice", pair[0].path));
        }
        Ok(Self(parts))
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The folder that a path is in, and the path there.
    fn find<'a>(&self, path: &'a str) -> Option<(&Delegation, &'a str)> {
        self.0
            .iter()
            .find_map(|part| Some((part, part.rest(path)?)))
    }
}

impl Delegation {
    /// The path in the folder, if it is in it.
    fn rest<'a>(&self, path: &'a str) -> Option<&'a str> {
        if self.path.is_empty() {
            return Some(path);
        }
        match path.strip_prefix(&self.path)? {
            "" => Some(""),
            rest => rest.strip_prefix('/'),
        }
    }

    /// The path in the storage of one in the folder.
    fn whole(&self, rest: &str) -> String {
        match (self.path.as_str(), rest) {
            (at, "") => at.to_owned(),
            ("", rest) => rest.to_owned(),
            (at, rest) => format!("{at}/{rest}"),
        }
    }
}

impl DelegatingStorage {
    pub(super) fn new(
        component: Arc<StoragePlugin>,
        parts: Delegations,
        metrics: Arc<PluginMetrics>,
    ) -> Self {
        let counted = metrics.clone();
        Self {
            component,
            parts,
            metrics,
            meter: Arc::new(move |bytes| counted.native_read(bytes)),
        }
    }

    /// The folder that may be looked at for a path.
    fn looked_at<'a>(
        &self,
        operation: &'static str,
        path: &'a str,
    ) -> Option<(&Arc<Folder>, &'a str)> {
        let (part, rest) = self.parts.find(path)?;
        self.metrics.delegated(operation);
        Some((&part.folder, rest))
    }

    /// The folder, if the storage is that as a whole.
    fn walked(&self, operation: &'static str) -> Option<&Arc<Folder>> {
        // One look may find several directories, and the component knows those above a part.
        let [
            Delegation {
                path: at, folder, ..
            },
        ] = self.parts.0.as_slice()
        else {
            return None;
        };
        if !at.is_empty() {
            return None;
        }
        self.metrics.delegated(operation);
        Some(folder)
    }

    /// The bytes of what was opened, if the condition holds of it.
    fn opened(
        &self,
        path: &str,
        attributes: &Attributes,
        source: Source,
        condition: &Condition,
    ) -> Result<Source> {
        let holds = match condition {
            Condition::Always => true,
            Condition::Absent => false,
            Condition::EtagIn(etags) => attributes.etag.as_ref().is_some_and(|e| etags.contains(e)),
        };
        if !holds {
            let message = format!("'{path}' is not in the state that was asked for");
            return Err(Error::new(ErrorKind::PreconditionFailed, message));
        }
        Ok(source.metered(Some(self.meter.clone())))
    }

    /// The folder that may be changed at a path, if the component could be asked for it; its root
    /// stands in a directory that is not in it, and stays with the component.
    fn changed<'a>(
        &self,
        operation: &'static str,
        able: bool,
        path: &'a str,
    ) -> Option<(&Arc<Folder>, &'a str)> {
        let (part, rest) = self.parts.find(path)?;
        if !(able && part.changes) || rest.is_empty() {
            return None;
        }
        self.metrics.delegated(operation);
        Some((&part.folder, rest))
    }

    /// The same of two paths in one folder.
    fn both_changed<'a>(
        &self,
        operation: &'static str,
        able: bool,
        from: &'a str,
        to: &'a str,
    ) -> Option<(&Arc<Folder>, &'a str, &'a str)> {
        let (one, _) = self.parts.find(from)?;
        let (other, rest) = self.parts.find(to)?;
        if !std::ptr::eq(one, other) || rest.is_empty() {
            return None;
        }
        let (folder, from) = self.changed(operation, able, from)?;
        Some((folder, from, rest))
    }
}

#[async_trait]
impl Storage for DelegatingStorage {
    fn name(&self) -> &str {
        self.component.name()
    }

    fn abilities(&self) -> Abilities {
        self.component.abilities()
    }

    fn identity(&self) -> Option<StorageIdentity> {
        self.component.identity()
    }

    fn durability(&self) -> Durability {
        self.component.durability()
    }

    async fn flush(&self) -> Result<()> {
        self.component.flush().await
    }

    async fn in_place(&self) -> Result<()> {
        self.component.in_place().await
    }

    fn undelegated(&self) -> Option<Arc<dyn Storage>> {
        Some(self.component.clone())
    }

    async fn stat(&self, path: &str) -> Result<Attributes> {
        match self.looked_at("stat", path) {
            Some((folder, rest)) => folder.stat(rest).await,
            None => self.component.stat(path).await,
        }
    }

    async fn walk(&self, path: &str, read: Option<&ReadOptions>) -> Option<Walked> {
        let folder = self.walked(if read.is_some() { "read" } else { "stat" })?;
        let range = read.map(|options| options.range);
        let Walked { directories, found } = folder.walk(path, range).await?;
        let found = found.and_then(|(attributes, source)| match (source, read) {
            (Some(source), Some(ReadOptions { condition, .. })) => {
                let source = self.opened(path, &attributes, source, condition)?;
                Ok((attributes, Some(source)))
            }
            (source, _) => Ok((attributes, source)),
        });
        Some(Walked { directories, found })
    }

    async fn over_links(&self, path: &str) -> Result<Option<LinkedWay>> {
        let Some((part, rest)) = self.parts.find(path) else {
            return Ok(None);
        };
        let way = part.folder.over_links(rest).await?;
        Ok(way.map(|LinkedWay { place, end }| LinkedWay {
            place: place.map(|path| part.whole(&path)),
            end: end.map(|path| part.whole(&path)),
        }))
    }

    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)> {
        let Some((folder, rest)) = self.looked_at("read", path) else {
            return self.component.read(path, range, condition).await;
        };
        let (attributes, source) = folder.read(rest, range).await?;
        let source = self.opened(path, &attributes, source, &condition)?;
        Ok((attributes, source))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage> {
        let Some((folder, rest)) = self.looked_at("list", path) else {
            return self.component.list(path, after, limit).await;
        };
        folder.list_page(rest, after, limit).await
    }

    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<WriteOutcome> {
        let Abilities {
            write,
            carried_write,
            ..
        } = self.abilities();
        let able = write && carried_write;
        let Some((folder, rest)) = self.changed("write", able, path) else {
            return self.component.write(path, body, options).await;
        };
        let WriteOptions {
            condition, mode, ..
        } = options;
        let metrics = self.metrics.clone();
        let body = body.metered(Some(Arc::new(move |bytes| metrics.native_write(bytes))));
        let transfer = folder.write(rest, body, condition, mode)?;
        Ok(WriteOutcome::Carried(transfer))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        match self.changed("remove", self.abilities().write, path) {
            Some((folder, rest)) => folder.remove_file(rest, condition).await,
            None => self.component.remove(path, condition).await,
        }
    }

    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        match self.changed("make", self.abilities().directories, path) {
            Some((folder, rest)) => folder.make(rest, mode).await,
            None => self.component.make(path, mode).await,
        }
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        match self.changed("remove_directory", self.abilities().directories, path) {
            Some((folder, rest)) => folder.remove_directory(rest).await,
            None => self.component.remove_directory(path).await,
        }
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        match self.changed("set_mode", self.abilities().modes, path) {
            Some((folder, rest)) => folder.set_mode(rest, mode).await,
            None => self.component.set_mode(path, mode).await,
        }
    }

    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        match self.both_changed("rename", self.abilities().rename, from, to) {
            Some((folder, from, to)) => folder.rename(from, to, condition).await,
            None => self.component.rename(from, to, condition).await,
        }
    }

    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        match self.both_changed("exchange", self.abilities().exchange, one, other) {
            Some((folder, one, other)) => folder.exchange(one, other).await,
            None => self.component.exchange(one, other).await,
        }
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        let Abilities {
            copy,
            carried_write,
            ..
        } = self.abilities();
        match self.both_changed("copy", copy && carried_write, from, to) {
            Some((folder, from, to)) => {
                Ok(WriteOutcome::Carried(folder.copy(from, to, condition)?))
            }
            None => self.component.copy(from, to, condition).await,
        }
    }
}

#[cfg(test)]
mod tests {
    use callfs_folder::FolderAccess;

    use super::*;

    fn grants() -> (tempfile::TempDir, Grants) {
        let host = tempfile::tempdir().expect("a folder");
        let directories = ["one", "other"].map(|name| {
            let folder = Folder::open(&host.path().join(name), FolderAccess::ReadWrite);
            (name.to_owned(), folder.expect("opens"))
        });
        let grants = Grants {
            directories: directories.into(),
            http: None,
        };
        (host, grants)
    }

    fn delegation(path: &str, directory: &str) -> wit::Delegation {
        wit::Delegation {
            path: path.into(),
            directory: directory.into(),
            changes: true,
        }
    }

    #[test]
    fn a_path_is_in_the_innermost_part() {
        let (_host, grants) = grants();
        let answered = [("", "one"), ("a/b", "other")].map(|(path, name)| delegation(path, name));
        let parts = Delegations::granted(answered.into(), &grants).expect("granted");
        for (path, folder, rest) in [
            ("", "one", ""),
            ("a", "one", "a"),
            ("a/b", "other", ""),
            ("a/b/c", "other", "c"),
            ("a/bc", "one", "a/bc"),
        ] {
            let (part, found) = parts.find(path).expect("all of it is delegated");
            let expected = grants.directory(folder).expect("granted");
            assert!(Arc::ptr_eq(&part.folder, expected), "{path}");
            assert_eq!(found, rest, "{path}");
        }
        let parts = Delegations::granted(vec![delegation("a", "one")], &grants).expect("granted");
        for path in ["", "b", "ab"] {
            assert!(parts.find(path).is_none(), "{path}");
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_in_words() {
        let (_host, grants) = grants();
        for (answered, message) in [
            (
                vec![delegation("", "third")],
                "'third', which is not granted; granted: one, other",
            ),
            (vec![delegation("/a", "one")], "must not start with '/'"),
            (vec![delegation("a/../b", "one")], "a path that is none"),
            (
                vec![delegation("a", "one"), delegation("a", "other")],
                "delegates 'a' twice",
            ),
        ] {
            let refused = Delegations::granted(answered, &grants);
            let refused = refused.err().expect("refused");
            assert!(refused.contains(message), "{refused}");
        }
    }
}
