//! What a response carries: bytes, parts of them, and what is said of a file in headers and in
//! JSON.

pub(crate) mod compressed;
pub(crate) mod entry;
pub(crate) mod form;
pub(crate) mod media_types;
pub(crate) mod multipart;
pub(crate) mod representation;
pub(crate) mod response;
pub(crate) mod streams;
