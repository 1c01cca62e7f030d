//! CallFS: one REST filesystem over any storage, extended by sandboxed WebAssembly components.

pub mod cli;
pub mod config;
pub mod engine;
pub mod error;
pub mod http;
pub mod identity;
pub mod locks;
pub mod metadata;
pub mod path;
pub mod shutdown;
pub mod source;
pub mod storage;
pub mod telemetry;
