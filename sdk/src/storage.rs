//! Storage backends: one mandatory trait, and one for each optional ability.

pub use crate::bindings::callfs::plugin::io::{Source, Transfer, Written};
pub use crate::bindings::callfs::plugin::types::{Attributes, ByteRange, Condition, Entry, Kind};
pub use crate::bindings::storage::exports::callfs::plugin::storage::{Page, ReadOptions};
pub use crate::bindings::storage_write::exports::callfs::plugin::storage_write::WriteOptions;

use crate::bindings::storage::exports::callfs::plugin::storage as storage_interface;
use crate::bindings::storage_copy::exports::callfs::plugin::storage_copy as copy_interface;
use crate::bindings::storage_directories::exports::callfs::plugin::storage_directories as directories_interface;
use crate::bindings::storage_rename::exports::callfs::plugin::storage_rename as rename_interface;
use crate::bindings::storage_write::exports::callfs::plugin::storage_write as write_interface;
use crate::error::Result;
use crate::export::{Component, Exported};
use crate::plugin::{Plugin, configured};

/// What every backend can do (WIT `storage`).
///
/// Paths are relative to the mount, validated by the host, and empty for the mount's own root.
pub trait Storage: Plugin {
    /// What a path names; [`Error::NotFound`](crate::Error::NotFound) if nothing.
    fn stat(&self, path: &str) -> impl Future<Output = Result<Attributes>>;

    /// Opens an object: its attributes as opened (`size` is that of the whole object) and its bytes, or a range of them.
    ///
    /// `options.condition` must hold of the object that is opened. Return a source of the host untouched and the host
    /// moves the bytes natively after this call is over.
    fn read(&self, path: &str, options: ReadOptions) -> impl Future<Output = Result<(Attributes, Source)>>;

    /// A page of a directory in byte order of the names: at most `limit` entries, those after the name `after`.
    fn list(&self, path: &str, after: Option<&str>, limit: u32) -> impl Future<Output = Result<Page>>;
}

/// Objects can be written and removed (WIT `storage-write`).
pub trait Write: Storage {
    /// Stores an object, replacing one of the same path. All of the new content or the old one untouched, also when the
    /// body ends in an error. `options.condition` is only set for components with the feature `conditional-write`.
    fn write(&self, path: &str, body: Source, options: WriteOptions) -> impl Future<Output = Result<Written>>;

    /// Removes an object.
    fn remove(&self, path: &str, condition: Condition) -> impl Future<Output = Result<()>>;
}

/// Directories exist by themselves (WIT `storage-directories`).
pub trait Directories: Storage {
    /// Makes a directory whose parent exists.
    fn make(&self, path: &str, mode: Option<u32>) -> impl Future<Output = Result<Attributes>>;

    /// Removes an empty directory.
    fn remove_directory(&self, path: &str) -> impl Future<Output = Result<()>>;
}

/// An object, or a directory with everything below it, moves in one step (WIT `storage-rename`).
pub trait Rename: Storage {
    /// Moves `from` to `to`; the condition is about `to`.
    fn rename(&self, from: &str, to: &str, condition: Condition) -> impl Future<Output = Result<()>>;
}

/// An object is copied without its bytes passing through CallFS (WIT `storage-copy`).
pub trait Copy: Storage {
    /// Copies `from` to `to`, atomically; the condition is about `to`.
    fn copy(&self, from: &str, to: &str, condition: Condition) -> impl Future<Output = Result<Written>>;
}

impl<P: Exported + Storage> storage_interface::Guest for Component<P> {
    async fn stat(path: String) -> Result<Attributes> {
        configured::<P>()?.stat(&path).await
    }

    async fn read(path: String, options: ReadOptions) -> Result<(Attributes, Source)> {
        configured::<P>()?.read(&path, options).await
    }

    async fn list(path: String, after: Option<String>, limit: u32) -> Result<Page> {
        configured::<P>()?.list(&path, after.as_deref(), limit).await
    }
}

impl<P: Exported + Write> write_interface::Guest for Component<P> {
    async fn write(path: String, body: Source, options: WriteOptions) -> Result<Written> {
        configured::<P>()?.write(&path, body, options).await
    }

    async fn remove(path: String, condition: Condition) -> Result<()> {
        configured::<P>()?.remove(&path, condition).await
    }
}

impl<P: Exported + Directories> directories_interface::Guest for Component<P> {
    async fn make(path: String, mode: Option<u32>) -> Result<Attributes> {
        configured::<P>()?.make(&path, mode).await
    }

    async fn remove_directory(path: String) -> Result<()> {
        configured::<P>()?.remove_directory(&path).await
    }
}

impl<P: Exported + Rename> rename_interface::Guest for Component<P> {
    async fn rename(from: String, to: String, condition: Condition) -> Result<()> {
        configured::<P>()?.rename(&from, &to, condition).await
    }
}

impl<P: Exported + Copy> copy_interface::Guest for Component<P> {
    async fn copy(from: String, to: String, condition: Condition) -> Result<Written> {
        configured::<P>()?.copy(&from, &to, condition).await
    }
}
