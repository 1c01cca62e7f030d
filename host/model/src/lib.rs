//! The words that all other crates share: paths, errors, sources of bytes, and the traits of
//! storage, identity, metadata and locks that other crates implement.
//!
//! A path becomes a [`FilePath`](path::FilePath) at the door and is never text again; an error has
//! one shape. It must not know any implementation, and depends on no other crate of the host.

pub mod error;
pub mod identity;
pub mod locks;
pub mod metadata;
pub mod path;
pub mod reloadable;
pub mod request;
pub mod shutdown;
pub mod source;
pub mod storage;
