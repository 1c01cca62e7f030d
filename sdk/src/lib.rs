//! Write storage backends, authenticators and authorizers for CallFS.
//!
//! A plugin is a type with a configuration ([`Plugin`]) and one or more abilities ([`Storage`],
//! [`Write`], [`Directories`], [`Modes`], [`Rename`], [`Exchange`], [`Copy`], or
//! [`Authenticator`], or [`Authorizer`]), exported by one macro ([`export!`]). Compiled for
//! `wasm32-wasip2` as a
//! `cdylib`, it is a component that CallFS loads from its plugin folder, sandboxed: it can use the
//! folders ([`directories`]) and origins ([`http`]) that the operator granted, and nothing else.
//!
//! **The component decides, the host carries.** A [`Source`] is bytes with an end. Return one that
//! the host gave you and the bytes move at native speed without passing through your memory, also
//! after your call is over. To transform them, see [`Source::produce`].
//!
//! `callfs plugin new` writes a project to start from, `sdk/README.md` is a walk of twenty minutes
//! to a backend of your own with the contract on one page, and `sdk/examples` has two whole ones: a
//! storage in memory, and one that encrypts.
//!
//! # A backend
//!
//! ```no_run
//! use callfs_sdk::directories::Directory;
//! use callfs_sdk::{
//!     Attributes, ConfigError, Error, Page, Plugin, ReadOptions, Result, Source, Storage,
//! };
//!
//! struct Readonly {
//!     folder: Directory,
//! }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Config {
//!     /// Name (`guest`) of the granted folder to serve.
//!     folder: String,
//! }
//!
//! impl Plugin for Readonly {
//!     const NAME: &'static str = "readonly";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     const SUMMARY: &'static str = "serves one granted folder, read-only";
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, ConfigError> {
//!         let folder = Directory::open(&config.folder)
//!             .map_err(|e| ConfigError::at("folder", e.message()))?;
//!         Ok(Self { folder })
//!     }
//! }
//!
//! impl Storage for Readonly {
//!     async fn stat(&self, path: &str) -> Result<Attributes> {
//!         self.folder.stat(path.into()).await
//!     }
//!
//!     async fn read(&self, path: &str, options: ReadOptions) -> Result<(Attributes, Source)> {
//!         let (attributes, source) = self.folder.read(path.into(), options.range).await?;
//!         if !options.condition.holds(Some(&attributes)) {
//!             return Err(Error::PreconditionFailed);
//!         }
//!         Ok((attributes, source))
//!     }
//!
//!     async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
//!         let one_more = limit.saturating_add(1);
//!         let entries = self.folder.list(path.into(), after.map(Into::into), one_more).await?;
//!         Ok(Page::cut(entries, limit))
//!     }
//! }
//!
//! callfs_sdk::export!(Readonly: Storage);
//! ```
//!
//! ```toml
//! [lib]
//! crate-type = ["cdylib", "rlib"]    # rlib for unit tests, which run natively: see `testing`
//!
//! [dependencies]
//! callfs-sdk = "0.1"
//! schemars = "1"
//! serde = { version = "1", features = ["derive"] }
//! ```
//!
//! `cargo build --release --target wasm32-wasip2` makes the component. Put it into the plugin
//! folder under the name that it describes itself with, mount it, and grant it what it imports:
//!
//! ```toml
//! [[mount]]
//! path = "/manuals"
//! component = "readonly"
//! config = { folder = "/" }
//! grants.directories = [{ host = "/usr/share/doc", guest = "/", access = "read-only" }]
//! ```
//!
//! # An instance
//!
//! The host keeps several instances of a component, configures each, and gives one call at a time
//! to each; it retires them when it likes, and at once after a failure. So nothing in memory is
//! shared or survives: a cache is fine, a counter is not. A [`Source::produce`] that is still being
//! read occupies its instance.
//!
//! By default an instance has 64 MiB of memory, and a call 1 second of CPU and 30 seconds of time;
//! the operator may set other limits. A panic, or a limit that is passed, ends the one request with
//! an error that names the component.
//!
//! # Errors
//!
//! Every operation answers with an [`Error`] of the contract, which the host turns into the right
//! status for the client. Choose the kind with care, since clients act on it: [`Error::NotFound`]
//! for what is not there, [`Error::Unavailable`] for what may work later, [`Error::other`] for what
//! has no kind. Their texts reach clients: name the thing, and no secrets.
#![deny(missing_docs)]

extern crate self as callfs_sdk;

mod attributes;
#[doc(hidden)]
#[allow(
    clippy::all,
    clippy::allow_attributes,
    missing_docs,
    unreachable_pub,
    unsafe_code,
    reason = "generated from wit/"
)]
pub mod bindings;
mod config;
mod error;
mod export;
pub mod http;
mod identity;
pub mod log;
#[cfg(feature = "opendal")]
pub mod opendal;
mod plugin;
mod source;
mod storage;
pub mod testing;

pub use attributes::{
    Attributes, ByteRange, Condition, Entry, Kind, Page, ReadOptions, WriteOptions,
};
pub use error::{ConfigError, Error, OtherError, Result};
#[doc(hidden)]
pub use export::{Component, Exported};
pub use identity::{
    Action, Authenticator, Authorizer, Credential, Decision, Identity, Node, Question, Recognised,
};
pub use plugin::{NoConfig, Plugin};
pub use source::{MAX_PIECE, Reader, Sink, Source, Transfer, Written};
pub use storage::{
    Copy, Delegate, Delegation, Directories, Exchange, Modes, Rename, Storage, Write,
};

/// Folders of the host that were granted to this component (WIT `directories`).
///
/// Open one by the name under which it was granted (`guest` in `grants.directories`), once, in
/// `Plugin::configure`. Nothing outside can be reached through it, whatever the path; paths are
/// those that [`Storage`] gets, as they are.
pub mod directories {
    pub use crate::bindings::callfs::plugin::directories::{Directory, granted};
}

#[doc(hidden)]
pub use wit_bindgen;
