//! Storage backends: one mandatory trait, and one for each optional ability.
//!
//! What the host promises a backend: paths are valid, relative to the mount, and empty for its own
//! root; permissions and locks are no concern of it. What a backend promises is said at each
//! function.

use crate::attributes::{Attributes, Condition, Page, ReadOptions, WriteOptions};
use crate::bindings::storage::exports::callfs::plugin::storage as storage_interface;
use crate::bindings::storage_copy::exports::callfs::plugin::storage_copy as copy_interface;
use crate::bindings::storage_delegation::exports::callfs::plugin::storage_delegation as delegation;
use crate::bindings::storage_directories::exports::callfs::plugin::storage_directories as tree;
use crate::bindings::storage_exchange::exports::callfs::plugin::storage_exchange as exchanging;
use crate::bindings::storage_modes::exports::callfs::plugin::storage_modes as modes_interface;
use crate::bindings::storage_rename::exports::callfs::plugin::storage_rename as rename_interface;
use crate::bindings::storage_write::exports::callfs::plugin::storage_write as write_interface;
use crate::error::Result;
use crate::export::{Component, Exported};
use crate::plugin::{Plugin, configured};
use crate::source::{Source, Written};

/// A part of a storage that is a granted folder (WIT `storage-delegation`).
pub use delegation::Delegation;

/// What every backend can do (WIT `storage`).
pub trait Storage: Plugin {
    /// What a path names; [`Error::NotFound`](crate::Error::NotFound) if nothing, or
    /// [`Error::NotADirectory`](crate::Error::NotADirectory) if one of its ancestors is a file.
    ///
    /// The mount's own root, the empty path, always exists.
    fn stat(&self, path: &str) -> impl Future<Output = Result<Attributes>>;

    /// Opens an object: its attributes as opened, and its bytes or a range of them.
    ///
    /// Both belong together: a client is promised that length and that etag, whatever happens to
    /// the path meanwhile. `attributes.size` is that of the whole object, also with a range
    /// ([`ByteRange::within`](crate::ByteRange::within)). `options.condition` must hold of what
    /// is opened ([`Condition::holds`]), else
    /// [`Error::PreconditionFailed`](crate::Error::PreconditionFailed). A directory is
    /// [`Error::IsADirectory`](crate::Error::IsADirectory), or may be
    /// [`Error::NotFound`](crate::Error::NotFound) with the feature `implicit-directories`. Return
    /// a source of the host untouched and the host moves the bytes natively after this call is
    /// over.
    fn read(
        &self,
        path: &str,
        options: ReadOptions,
    ) -> impl Future<Output = Result<(Attributes, Source)>>;

    /// A page of a directory: at most `limit` entries, those whose name is greater than `after`.
    ///
    /// Names are in byte order and each appears once: the host merges pages and takes the last name
    /// as the next `after`. [`Page::cut`] makes one of one entry more than asked for. A page
    /// may be shorter than `limit` with `more` set, but then not empty.
    fn list(
        &self,
        path: &str,
        after: Option<&str>,
        limit: u32,
    ) -> impl Future<Output = Result<Page>>;
}

/// Objects can be written and removed (WIT `storage-write`).
pub trait Write: Storage {
    /// Stores an object, replacing one of the same path: all of the new content or the old one
    /// untouched, also when the body ends in an error, the component is stopped or the machine
    /// is.
    ///
    /// A [`Transfer`](crate::Transfer) of the host keeps that promise by itself: return it as
    /// [`Written::Carried`]. Else answer [`Written::Done`] when the object is durable. The
    /// parent directory exists. `options.condition` is only set for components with the feature
    /// `conditional-write`; for the others the host checks it under a lock.
    fn write(
        &self,
        path: &str,
        body: Source,
        options: WriteOptions,
    ) -> impl Future<Output = Result<Written>>;

    /// Removes an object; [`Error::IsADirectory`](crate::Error::IsADirectory) if it is none. With
    /// the feature `implicit-directories`, this may also succeed where there is no object, and then
    /// changes nothing.
    fn remove(&self, path: &str, condition: Condition) -> impl Future<Output = Result<()>>;
}

/// Directories exist by themselves (WIT `storage-directories`).
///
/// Without this, a backend has the feature `implicit-directories` or a fixed tree.
pub trait Directories: Storage {
    /// Makes a directory whose parent exists; [`Error::AlreadyExists`](crate::Error::AlreadyExists)
    /// if the path is taken, by whatever.
    fn make(&self, path: &str, mode: Option<u32>) -> impl Future<Output = Result<Attributes>>;

    /// Removes a directory; [`Error::DirectoryNotEmpty`](crate::Error::DirectoryNotEmpty) if
    /// something is in it.
    fn remove_directory(&self, path: &str) -> impl Future<Output = Result<()>>;
}

/// Objects and directories keep permission bits that can be changed (WIT `storage-modes`).
///
/// CallFS keeps the rights of its users itself. Leave this out unless others read the storage, too.
pub trait Modes: Storage {
    /// Gives what the path itself names other permission bits, at most `0o1777`.
    fn set_mode(&self, path: &str, mode: u32) -> impl Future<Output = Result<()>>;
}

/// An object, or a directory with everything below it, moves in one step (WIT `storage-rename`).
///
/// Leave it out if the storage cannot: CallFS then moves what is in its mount object by object,
/// where nobody sees it.
pub trait Rename: Storage {
    /// Moves `from` to `to`; the condition is about `to`, and with [`Condition::Absent`] nothing is
    /// ever replaced.
    fn rename(
        &self,
        from: &str,
        to: &str,
        condition: Condition,
    ) -> impl Future<Output = Result<()>>;
}

/// Two paths change places in one step (WIT `storage-exchange`).
///
/// Leave it out if the storage cannot, or does not name its objects
/// ([`Attributes`](crate::Attributes) `object`): CallFS then refuses to exchange what is in its
/// mount.
pub trait Exchange: Storage {
    /// Exchanges what two paths name, be it objects or directories, each with everything below it;
    /// [`Error::NotFound`](crate::Error::NotFound) if there is nothing at one of them. At no moment
    /// is one of them missing, or both the same.
    fn exchange(&self, one: &str, other: &str) -> impl Future<Output = Result<()>>;
}

/// An object is copied without its bytes passing through CallFS (WIT `storage-copy`).
///
/// Leave it out if the storage cannot.
pub trait Copy: Storage {
    /// Copies `from` to `to`, atomically as [`Write::write`]; the condition is about `to`.
    fn copy(
        &self,
        from: &str,
        to: &str,
        condition: Condition,
    ) -> impl Future<Output = Result<Written>>;
}

/// Parts of the storage are granted folders as they are, and the host serves them without a call
/// (WIT `storage-delegation`).
///
/// It makes reading them as fast as if there were no component. Leave it out if the component does
/// anything but hand the folder on, and with [`Delegation::changes`] leave out what it does when
/// something is written.
pub trait Delegate: Storage {
    /// The parts, asked once for each configuration.
    fn delegations(&self) -> Vec<Delegation>;
}

impl<P: Exported + Storage> storage_interface::Guest for Component<P> {
    async fn stat(path: String) -> Result<Attributes> {
        configured::<P>()?.stat(&path).await
    }

    async fn read(path: String, options: ReadOptions) -> Result<(Attributes, Source)> {
        configured::<P>()?.read(&path, options).await
    }

    async fn list(path: String, after: Option<String>, limit: u32) -> Result<Page> {
        configured::<P>()?
            .list(&path, after.as_deref(), limit)
            .await
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

impl<P: Exported + Directories> tree::Guest for Component<P> {
    async fn make(path: String, mode: Option<u32>) -> Result<Attributes> {
        configured::<P>()?.make(&path, mode).await
    }

    async fn remove_directory(path: String) -> Result<()> {
        configured::<P>()?.remove_directory(&path).await
    }
}

impl<P: Exported + Modes> modes_interface::Guest for Component<P> {
    async fn set_mode(path: String, mode: u32) -> Result<()> {
        configured::<P>()?.set_mode(&path, mode).await
    }
}

impl<P: Exported + Rename> rename_interface::Guest for Component<P> {
    async fn rename(from: String, to: String, condition: Condition) -> Result<()> {
        configured::<P>()?.rename(&from, &to, condition).await
    }
}

impl<P: Exported + Exchange> exchanging::Guest for Component<P> {
    async fn exchange(one: String, other: String) -> Result<()> {
        configured::<P>()?.exchange(&one, &other).await
    }
}

impl<P: Exported + Copy> copy_interface::Guest for Component<P> {
    async fn copy(from: String, to: String, condition: Condition) -> Result<Written> {
        configured::<P>()?.copy(&from, &to, condition).await
    }
}

impl<P: Exported + Delegate> delegation::Guest for Component<P> {
    fn delegations() -> Vec<Delegation> {
        configured::<P>().map_or_else(|_| Vec::new(), |plugin| plugin.delegations())
    }
}
