//! Runs components, each in a box of its own: with the powers that were granted, within its limits,
//! and with a failure that costs one request.
//!
//! This is the only module that names wasmtime. A component is checked before it runs
//! ([`Inspection`]), loaded into a [`Runtime`], and used through the traits of `storage` and
//! `identity`; nothing of it is shared between two calls that run at the same time. The module
//! knows nothing of users, paths that users see, or HTTP.

mod authenticator;
mod authorizer;
mod bindings;
mod cache;
mod convert;
mod delegation;
mod directories;
mod exports;
mod grants;
mod http;
mod inspection;
mod instance;
mod io;
mod limits;
mod logging;
mod plugin;
mod pool;
mod runtime;
mod stopwatch;
mod storage;
mod stream;
mod used_instance;

pub use authenticator::AuthenticatorPlugin;
pub use authorizer::AuthorizerPlugin;
pub use cache::CompileCache;
pub use grants::Grants;
pub use inspection::{Inspection, PluginKind, imports, inspect};
pub use limits::CallLimits;
pub use plugin::{LoadError, PluginSettings};
pub use runtime::Runtime;
pub use storage::{StoragePlugin, identity_of_folders};
