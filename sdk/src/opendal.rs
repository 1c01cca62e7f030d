//! Any service of [Apache OpenDAL](https://opendal.apache.org) as a storage backend (feature
//! `opendal`).
//!
//! A plugin builds the service and hands it to an [`Adapter`]:
//!
//! ```ignore
//! use callfs_sdk::opendal::{Adapted, Adapter};
//! use callfs_sdk::{ConfigError, Plugin};
//! use opendal::services;
//!
//! struct Swift(Adapter);
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Config {
//!     /// Address of the account, as `https://swift.example.com/v1/AUTH_name`.
//!     endpoint: String,
//!     /// Name of the container.
//!     container: String,
//!     /// Name of the credential slot with a token for it.
//!     credential: String,
//! }
//!
//! impl Plugin for Swift {
//!     const NAME: &'static str = "swift";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     const SUMMARY: &'static str = "serves a container of OpenStack Swift";
//!     const FEATURES: &'static [&'static str] = &["implicit-directories"];
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, ConfigError> {
//!         let service = services::Swift::default()
//!             .endpoint(&config.endpoint)
//!             .container(&config.container);
//!         Adapter::new(service, Some(config.credential)).map(Self)
//!     }
//! }
//!
//! impl Adapted for Swift {
//!     fn adapter(&self) -> &Adapter {
//!         &self.0
//!     }
//! }
//!
//! callfs_sdk::export!(Swift: Storage + Write + Copy);
//! ```
//!
//! ```toml
//! [dependencies]
//! callfs-sdk = { version = "0.1", features = ["opendal"] }
//! opendal = { version = "0.59", default-features = false, features = ["services-swift"] }
//! ```
//!
//! Name what the service can do, which its page in OpenDAL's documentation shows: `Write` for
//! `write` and `delete`, `Copy` for `copy`, `Rename` for `rename`, and `Directories` for
//! `create_dir`, if directories are more than a prefix of names there; if not, say
//! `implicit-directories` as above. What a service cannot is an error of its own when it is asked.
//!
//! What holds, whatever the service:
//!
//! - The host signs. A service is built without secrets, and an `authorization` that it makes all
//!   the same is dropped.
//! - Bytes that are read go from the server to the client without passing through the component;
//!   their attributes are those of the same answer. A service that changes bytes, or finds them by
//!   other means than one request, streams them through memory.
//! - The type and the codings (`Content-Encoding`) of an object are those that the service keeps.
//!   Of a service that keeps no types, neither is believed.
//! - Bytes that are written take the same way back, in one request; through memory,
//!   [parts](Adapter) of 8 MiB at a time, where their length is unknown and the service takes
//!   parts.
//! - A write is as atomic as a request of the service. Object stores keep what is there until all
//!   bytes have arrived; for others there is [`Adapter::replace_by_rename`].
//! - Pages are in byte order of names. Where a service cannot start after a name, each page lists
//!   the whole directory, and where one answer holds all of it, as with WebDAV, it may be 8 MiB:
//!   some ten thousand names.
//! - Nothing that fails is tried again, and there are no timeouts here: OpenDAL's layers for it
//!   need timers that a component has not got, and the host has. But where files are replaced by
//!   renaming, some servers remove the old file before they move the new one: what is missing is
//!   looked for three times, at once, and a move that another one got in the way of is tried as
//!   often before it is [`Error::Unavailable`](crate::Error::Unavailable). That narrows the gap of
//!   such servers and cannot close it.
//! - A directory is made only where its parent is one, whatever the service would make besides.
//! - Directories are looked at before they are removed or replaced, because servers do that with
//!   all that is in them.
//!
//! Not for services that have no HTTP behind them, that digest or wrap the bodies they send, or
//! that send them twice: they cannot write ([`Error::Unsupported`](crate::Error::Unsupported)), and
//! some leave a placeholder where they tried.

mod adapter;
mod change;
#[cfg_attr(
    not(target_arch = "wasm32"),
    expect(dead_code, reason = "only a component sends and receives")
)]
mod exchange;
mod failure;
mod list;
mod read;
mod stage;
#[cfg(test)]
mod tests;
mod transport;
mod write;

pub use adapter::Adapter;

use crate::attributes::{Attributes, Condition, Page, ReadOptions, WriteOptions};
use crate::error::Result;
use crate::plugin::Plugin;
use crate::source::{Source, Written};
use crate::storage::{Copy, Directories, Rename, Storage, Write};

/// A plugin whose storage is an OpenDAL service: it has every ability, and exports those that the
/// service has.
pub trait Adapted: Plugin {
    /// The service, made in [`Plugin::configure`].
    fn adapter(&self) -> &Adapter;
}

impl<P: Adapted> Storage for P {
    async fn stat(&self, path: &str) -> Result<Attributes> {
        self.adapter().stat(path).await
    }

    async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
        self.adapter().read(path, options).await
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
        self.adapter().list(path, after, limit).await
    }
}

impl<P: Adapted> Write for P {
    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<Written> {
        self.adapter().write(path, body, options).await
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        self.adapter().remove(path, &condition).await
    }
}

impl<P: Adapted> Directories for P {
    async fn make(&self, path: &str, _mode: Option<u32>) -> Result<Attributes> {
        self.adapter().make(path).await
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        self.adapter().remove_directory(path).await
    }
}

impl<P: Adapted> Rename for P {
    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.adapter().rename(from, to, &condition).await
    }
}

impl<P: Adapted> Copy for P {
    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<Written> {
        self.adapter().copy(from, to, &condition).await
    }
}
