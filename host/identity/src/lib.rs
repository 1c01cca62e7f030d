//! Asks authenticators who a caller is and the authorizer what they may do, and caches what it was
//! told.
//!
//! It fails closed: an error recognises no caller, and no decision is a denial. It must not know
//! HTTP, storage or which components it asks.

mod authentication;
mod authorization;
mod decisions;

pub use self::authentication::Authentication;
pub use self::authorization::Authorization;
