//! The edge: what every request passes on its way in, and every response on its way out, whatever
//! its route.

pub(crate) mod caller;
pub(crate) mod client_address;
pub(crate) mod compression;
pub(crate) mod cors;
pub(crate) mod counted;
pub(crate) mod idle;
pub(crate) mod rate_limit;
pub(crate) mod request_id;
pub(crate) mod security;
pub(crate) mod service;
pub(crate) mod shown;
