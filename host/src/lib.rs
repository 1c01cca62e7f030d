//! CallFS: one REST filesystem over any storage, extended by sandboxed WebAssembly components.

pub mod cli;
pub mod config;

pub mod app;

pub mod http;
pub mod identity;

pub mod engine;
pub mod links;
pub mod locks;
pub mod metadata;
pub mod storage;

pub mod conformance;
pub mod egress;
pub mod plugins;
pub mod sandbox;

pub mod folder;

pub mod error;
pub mod path;
pub mod reloadable;
pub mod shutdown;
pub mod source;
pub mod telemetry;
