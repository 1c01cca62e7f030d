//! What a request says, parsed: its target, its query and its header fields, each by the RFC that
//! defines it.

pub(crate) mod accept;
pub(crate) mod accept_encoding;
pub(crate) mod dictionary;
pub(crate) mod digest;
pub(crate) mod disposition;
pub(crate) mod if_range;
pub(crate) mod json;
pub(crate) mod lines;
pub(crate) mod media_type;
pub(crate) mod members;
pub(crate) mod mtime;
pub(crate) mod precondition;
pub(crate) mod purpose;
pub(crate) mod query;
pub(crate) mod range;
pub(crate) mod target;
