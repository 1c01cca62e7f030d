//! Changing: every operation that makes, replaces, moves or removes something.
//!
//! Each holds the lock of its paths from its last check to its commit, and changes the metadata
//! through [`commit`] alone.

pub(crate) mod attributes;
pub(crate) mod body;
pub(crate) mod build;
pub(crate) mod commit;
pub(crate) mod copy;
pub(crate) mod delete;
pub(crate) mod digest;
pub(crate) mod directory;
pub(crate) mod exchange;
pub(crate) mod parents;
pub(crate) mod put;
pub(crate) mod relocation;
pub(crate) mod rename;
pub(crate) mod room;
pub(crate) mod transfer;
