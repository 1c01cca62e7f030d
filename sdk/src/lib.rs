//! Write storage backends, authenticators and authorizers for CallFS.
//!
//! A plugin is a type with a configuration ([`Plugin`]) and one or more abilities ([`Storage`], [`Write`],
//! [`Directories`], [`Rename`], [`Copy`], or [`Authenticator`], or [`Authorizer`]), exported by one macro
//! ([`export!`]). Compiled for `wasm32-wasip2` as a `cdylib`, it is a component that CallFS loads from its plugin folder,
//! sandboxed: it can use the folders ([`directories`]) and origins ([`http`]) that the operator granted, and nothing else.
//!
//! **The component decides, the host carries.** A [`Source`] is bytes with an end. Return one that the host gave you and
//! the bytes move at native speed without passing through your memory, also after your call is over.
//!
//! ```ignore
//! use callfs_sdk::{Attributes, ConfigError, Page, Plugin, ReadOptions, Result, Source, Storage, directories::Directory};
//!
//! struct Readonly { folder: Directory }
//!
//! #[derive(serde::Deserialize, schemars::JsonSchema)]
//! struct Config { folder: String }
//!
//! impl Plugin for Readonly {
//!     const NAME: &'static str = "readonly";
//!     const VERSION: &'static str = env!("CARGO_PKG_VERSION");
//!     const SUMMARY: &'static str = "serves one granted folder, read-only";
//!     type Config = Config;
//!
//!     fn configure(config: Config) -> Result<Self, ConfigError> {
//!         let folder = Directory::open(&config.folder).map_err(|e| ConfigError::at("folder", e.message()))?;
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
//!         self.folder.read(path.into(), options.range).await
//!     }
//!
//!     async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<Page> {
//!         let entries = self.folder.list(path.into(), after.map(Into::into), limit).await?;
//!         Ok(Page { more: entries.len() == limit as usize, entries })
//!     }
//! }
//!
//! callfs_sdk::export!(Readonly: Storage);
//! ```
#![deny(missing_docs)]

extern crate self as callfs_sdk;

#[doc(hidden)]
#[allow(clippy::all, clippy::allow_attributes, missing_docs, unreachable_pub, reason = "generated from wit/")]
pub mod bindings;
mod config;
mod error;
mod export;
mod identity;
pub mod log;
mod plugin;
mod storage;

pub use error::{ConfigError, Error, OtherError, Result};
#[doc(hidden)]
pub use export::{Component, Exported};
pub use identity::{Action, Authenticator, Authorizer, Credential, Decision, Identity, Node, Question, Recognised};
pub use plugin::{NoConfig, Plugin};
pub use storage::{
    Attributes, ByteRange, Condition, Copy, Directories, Entry, Kind, Page, ReadOptions, Rename, Source, Storage,
    Transfer, Write, WriteOptions, Written,
};

/// Folders of the host that were granted to this component (WIT `directories`).
pub mod directories {
    pub use crate::bindings::callfs::plugin::directories::{Directory, granted};
}

/// HTTP requests to origins that were granted to this component (WIT `http`).
pub mod http {
    pub use crate::bindings::callfs::plugin::http::{Request, Response, send};
}

#[doc(hidden)]
pub use wit_bindgen;
