//! Looking: what a path names, what a directory holds, and what a caller may know of either.
//!
//! It changes nothing and takes no locks.

pub(crate) mod children;
pub(crate) mod filter;
pub(crate) mod glob;
pub(crate) mod implied;
pub(crate) mod last_look;
pub(crate) mod links;
pub(crate) mod list;
pub(crate) mod name_order;
pub(crate) mod neighbours;
pub(crate) mod object;
pub(crate) mod path;
pub(crate) mod permission;
pub(crate) mod presence;
pub(crate) mod read;
pub(crate) mod records;
pub(crate) mod share;
pub(crate) mod walk;
pub(crate) mod way;
