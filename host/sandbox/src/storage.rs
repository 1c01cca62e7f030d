//! A component as a storage backend.

use std::sync::Arc;

use async_trait::async_trait;
use callfs_folder::Folder;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, Durability, ListingPage, Storage, StorageIdentity,
    Transfer, WriteOptions, WriteOutcome, cannot,
};
use callfs_telemetry::PluginMetrics;
use futures_util::future::BoxFuture;
use sha2::{Digest, Sha256};
use wasmtime::component::{Accessor, Resource};

use super::bindings::callfs::plugin::{io as io_wit, types as types_wit};
use super::bindings::exports::callfs::plugin::{storage as wit, storage_write as write_wit};
use super::convert;
use super::delegation::{DelegatingStorage, Delegations};
use super::exports::Exports;
use super::grants::Grants;
use super::inspection::{Inspection, PluginKind};
use super::instance::InstanceState;
use super::io::HostSource;
use super::limits::HandedOver;
use super::plugin::{LoadError, Plugin, PluginSettings};
use super::runtime::Runtime;
use super::stream::ending_within;

/// A component as a storage backend.
pub struct StoragePlugin {
    plugin: Plugin,
    abilities: Abilities,
    identity: Option<StorageIdentity>,
    /// Those that it was granted.
    folders: Vec<Arc<Folder>>,
    inspection: Inspection,
    delegations: Delegations,
    metrics: Arc<PluginMetrics>,
    handed_over: HandedOver,
}

impl StoragePlugin {
    /// Loads a component that exports `storage`.
    pub fn load<'a>(
        runtime: &'a Runtime,
        component: &'a [u8],
        settings: PluginSettings,
        metrics: Arc<PluginMetrics>,
    ) -> BoxFuture<'a, Result<Self, LoadError>> {
        Box::pin(async move {
            let identity = identity(&settings);
            let grants = settings.grants.clone();
            let handed_over = HandedOver::new(settings.limits);
            let kind = PluginKind::Storage;
            let (plugin, inspection) =
                Plugin::load(runtime, component, kind, settings, metrics.clone()).await?;
            Ok(Self {
                abilities: abilities(&inspection),
                delegations: delegations(&plugin, &inspection, &grants).await?,
                identity,
                folders: grants
                    .directories
                    .iter()
                    .map(|(_, folder)| folder.clone())
                    .collect(),
                plugin,
                inspection,
                metrics,
                handed_over,
            })
        })
    }

    /// What the component is.
    pub fn inspection(&self) -> &Inspection {
        &self.inspection
    }

    /// The storage to serve: the component, apart from what it has delegated.
    pub fn into_storage(mut self) -> Arc<dyn Storage> {
        let parts = std::mem::take(&mut self.delegations);
        let metrics = self.metrics.clone();
        let component = Arc::new(self);
        if parts.is_empty() {
            component
        } else {
            Arc::new(DelegatingStorage::new(component, parts, metrics))
        }
    }
}

/// What a component delegates, if it delegates anything.
async fn delegations(
    plugin: &Plugin,
    inspection: &Inspection,
    grants: &Grants,
) -> Result<Delegations, LoadError> {
    if !inspection.exports("storage-delegation") {
        return Ok(Delegations::default());
    }
    let refuse = |message: String| LoadError {
        plugin: plugin.name().to_string(),
        message,
    };
    let call = plugin.call_sync("delegations", async |store, exports| {
        exports.delegation()?.call_delegations(store).await
    });
    let answered = call
        .await
        .map_err(|error| refuse(format!("it does not say what it delegates: {error:#}")))?;
    Delegations::granted(answered, grants).map_err(refuse)
}

impl StoragePlugin {
    /// An ability that the component does not export is refused here, in words, and not by a trap.
    fn require(&self, able: bool, what: &str) -> Result<()> {
        if able {
            Ok(())
        } else {
            Err(cannot(self.plugin.name(), what))
        }
    }

    /// A source is as long as the attributes and the range promise, or reading it ends in an error.
    fn hold_to_its_word(
        &self,
        source: Source,
        attributes: &Attributes,
        range: Option<ByteRange>,
    ) -> Result<Source> {
        let size = attributes.size;
        if range.is_some_and(|range| range.start >= size) {
            // Whatever the component has opened, there is nothing of it to read.
            let name = self.plugin.name();
            let message = format!("the range that was asked of '{name}' begins after the end");
            return Err(Error::new(ErrorKind::RangeNotSatisfiable { size }, message));
        }
        let range = range.unwrap_or(ByteRange {
            start: 0,
            end: None,
        });
        let end = range.end.unwrap_or(attributes.size).min(attributes.size);
        let promised = end.saturating_sub(range.start);
        match source.size() {
            Some(size) if size != promised => {
                let name = self.plugin.name();
                let message =
                    format!("the plugin '{name}' promised {promised} bytes and opened {size}");
                Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(&**name))
            }
            Some(_) => Ok(source),
            None => {
                let to_finish = self.plugin.call_timeout();
                let name = self.plugin.name().clone();
                Ok(ending_within(source, promised, to_finish, name))
            }
        }
    }
}

/// What the component keeps objects in: the folders that it was granted, or what its configuration
/// names. None if a folder has no identity.
fn identity(settings: &PluginSettings) -> Option<StorageIdentity> {
    let folders = &settings.grants.directories;
    if folders.is_empty() {
        let mut digest = Sha256::new();
        digest.update(settings.name.as_bytes());
        digest.update([0]);
        digest.update(settings.config.as_bytes());
        return Some(shortened(digest));
    }
    let folders: Option<Vec<_>> = folders
        .iter()
        .map(|(guest, folder)| Some((guest.clone(), folder.identity()?)))
        .collect();
    Some(identity_of_folders(&folders?))
}

/// The identity of a storage whose component is granted these folders, each with the name under
/// which it opens it.
pub fn identity_of_folders(folders: &[(String, StorageIdentity)]) -> StorageIdentity {
    let mut digest = Sha256::new();
    for (guest, identity) in folders {
        digest.update(guest.as_bytes());
        digest.update([0]);
        digest.update(identity);
    }
    shortened(digest)
}

fn shortened(digest: Sha256) -> StorageIdentity {
    let digest: [u8; 32] = digest.finalize().into();
    let mut identity = StorageIdentity::default();
    let length = identity.len();
    identity.copy_from_slice(&digest[..length]);
    identity
}

/// What its type and its description say that it can do.
fn abilities(inspection: &Inspection) -> Abilities {
    let exports = |interface: &str| inspection.exports(interface);
    let says = |feature: &str| inspection.features.iter().any(|said| said == feature);
    Abilities {
        write: exports("storage-write"),
        directories: exports("storage-directories"),
        modes: exports("storage-modes"),
        rename: exports("storage-rename"),
        copy: exports("storage-copy"),
        conditional_write: says("conditional-write"),
        carried_write: says("carried-write"),
        implicit_directories: says("implicit-directories"),
        exchange: exports("storage-exchange"),
    }
}

/// A write as the component answered it, out of its instance.
enum Answered {
    Done(Attributes),
    Carried(Box<dyn Transfer>),
}

fn take_written(
    accessor: &Accessor<InstanceState>,
    written: io_wit::Written,
) -> wasmtime::Result<Answered> {
    Ok(match written {
        io_wit::Written::Done(attributes) => Answered::Done(convert::attributes_in(attributes)),
        io_wit::Written::Carried(resource) => Answered::Carried(
            accessor
                .with(|mut access| access.get().table.delete(resource))?
                .transfer,
        ),
    })
}

fn give_source(
    accessor: &Accessor<InstanceState>,
    source: Source,
) -> wasmtime::Result<Resource<HostSource>> {
    Ok(accessor.with(|mut access| access.get().table.push(HostSource::new(source)))?)
}

impl From<Answered> for WriteOutcome {
    fn from(answered: Answered) -> Self {
        match answered {
            Answered::Done(attributes) => Self::Done(attributes),
            Answered::Carried(transfer) => Self::Carried(transfer),
        }
    }
}

#[async_trait]
impl Storage for StoragePlugin {
    fn name(&self) -> &str {
        self.plugin.name()
    }

    fn abilities(&self) -> Abilities {
        self.abilities
    }

    fn identity(&self) -> Option<StorageIdentity> {
        self.identity
    }

    fn durability(&self) -> Durability {
        let is_relaxed = |folder: &Arc<Folder>| folder.durability() == Durability::Relaxed;
        if self.folders.iter().any(is_relaxed) {
            Durability::Relaxed
        } else {
            Durability::Strict
        }
    }

    async fn flush(&self) -> Result<()> {
        for folder in &self.folders {
            folder.flush().await?;
        }
        Ok(())
    }

    async fn in_place(&self) -> Result<()> {
        for folder in &self.folders {
            folder.check_in_place().await?;
        }
        Ok(())
    }

    async fn stat(&self, path: &str) -> Result<Attributes> {
        let path = path.to_owned();
        let call = self.plugin.call("stat", async |accessor, exports| {
            exports.storage()?.call_stat(accessor, path).await
        });
        Ok(convert::attributes_in(call.await?))
    }

    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)> {
        let path = path.to_owned();
        let options = wit::ReadOptions {
            range: range.map(convert::range_out),
            condition: convert::condition_out(condition),
            extra: Vec::new(),
        };
        let call = || {
            let path = path.clone();
            let options = options.clone();
            let handed_over = self.handed_over.clone();
            async move |accessor: &Accessor<InstanceState>, exports: &Exports| {
                let read = exports.storage()?.call_read(accessor, path, options);
                let (attributes, resource) = match read.await? {
                    Ok(opened) => opened,
                    Err(error) => return Ok(Err(error)),
                };
                let source = accessor
                    .with(|mut access| access.get().table.delete(resource))?
                    .hand_out(&handed_over)?;
                let refused = || {
                    let why = "clients are still reading too many bytes that the component made";
                    types_wit::Error::Unavailable(why.into())
                };
                Ok(source
                    .map(|source| (attributes, source))
                    .ok_or_else(refused))
            }
        };
        let (attributes, source) = self.plugin.call_read("read", call).await?;
        let attributes = convert::attributes_in(attributes);
        let source = self.hold_to_its_word(source, &attributes, range)?;
        Ok((attributes, source))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage> {
        let path = path.to_owned();
        let after = after.map(str::to_owned);
        let last = after.clone();
        let call = self.plugin.call("list", async |accessor, exports| {
            exports
                .storage()?
                .call_list(accessor, path, after, limit)
                .await
        });
        let page = call.await?;
        let names = last
            .as_deref()
            .into_iter()
            .chain(page.entries.iter().map(|entry| entry.name.as_str()));
        if !names.is_sorted_by(|one, next| one < next) {
            let name = self.plugin.name();
            let message = format!("the plugin '{name}' listed names that are out of order");
            return Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(&**name));
        }
        Ok(ListingPage {
            entries: page.entries.into_iter().map(convert::entry_in).collect(),
            more: page.more,
            directory: None,
        })
    }

    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<WriteOutcome> {
        self.require(self.abilities.write, "write")?;
        let _turn = if self.abilities.carried_write {
            None
        } else {
            Some(self.plugin.admit_writer().await?)
        };
        let path = path.to_owned();
        let WriteOptions {
            condition,
            content_type,
            mode,
        } = options;
        let options = write_wit::WriteOptions {
            condition: convert::condition_out(condition),
            content_type,
            mode,
            extra: Vec::new(),
        };
        let call = self.plugin.call_write("write", async |accessor, exports| {
            let body = give_source(accessor, body)?;
            match exports
                .write()?
                .call_write(accessor, path, body, options)
                .await?
            {
                Ok(written) => Ok(Ok(take_written(accessor, written)?)),
                Err(error) => Ok(Err(error)),
            }
        });
        Ok(call.await?.into())
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.require(self.abilities.write, "remove files")?;
        let path = path.to_owned();
        let condition = convert::condition_out(condition);
        let call = self.plugin.call("remove", async |accessor, exports| {
            exports
                .write()?
                .call_remove(accessor, path, condition)
                .await
        });
        call.await
    }

    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.require(self.abilities.directories, "make directories")?;
        let path = path.to_owned();
        let call = self.plugin.call("make", async |accessor, exports| {
            exports.directories()?.call_make(accessor, path, mode).await
        });
        Ok(convert::attributes_in(call.await?))
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.require(self.abilities.directories, "remove directories")?;
        let path = path.to_owned();
        let call = self
            .plugin
            .call("remove_directory", async |accessor, exports| {
                exports
                    .directories()?
                    .call_remove_directory(accessor, path)
                    .await
            });
        call.await
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        self.require(self.abilities.modes, "change permission bits")?;
        let path = path.to_owned();
        let call = self.plugin.call("set_mode", async |accessor, exports| {
            exports.modes()?.call_set_mode(accessor, path, mode).await
        });
        call.await
    }

    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.require(self.abilities.rename, "rename")?;
        let from = from.to_owned();
        let to = to.to_owned();
        let condition = convert::condition_out(condition);
        let call = self.plugin.call("rename", async |accessor, exports| {
            exports
                .rename()?
                .call_rename(accessor, from, to, condition)
                .await
        });
        call.await
    }

    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        self.require(self.abilities.exchange, "exchange two paths")?;
        let one = one.to_owned();
        let other = other.to_owned();
        let call = self.plugin.call("exchange", async |accessor, exports| {
            exports
                .exchange()?
                .call_exchange(accessor, one, other)
                .await
        });
        call.await
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        self.require(self.abilities.copy, "copy")?;
        let from = from.to_owned();
        let to = to.to_owned();
        let condition = convert::condition_out(condition);
        let call = self.plugin.call_write("copy", async |accessor, exports| {
            match exports
                .copy()?
                .call_copy(accessor, from, to, condition)
                .await?
            {
                Ok(written) => Ok(Ok(take_written(accessor, written)?)),
                Err(error) => Ok(Err(error)),
            }
        });
        Ok(call.await?.into())
    }
}
