//! One gate for every request that leaves: allow-list, addresses, signing, counting.
//!
//! A [`Gate`] is what one mount or authenticator may reach. A request passes it in a fixed order
//! (method and URI, origin, headers, credential, address), each redirect passes it again, and what
//! is refused at any step is counted and logged. Secrets come in as [`SigningKey`]s and go out in
//! signed requests and nowhere else. It knows nothing of components, and nothing of what is asked
//! for.

mod address;
mod body;
mod client;
mod credential;
mod failure;
mod gate;
mod headers;
mod origin;
mod redirect;
mod rules;
mod sigv4;

pub use client::Egress;
pub use credential::SigningKey;
pub use gate::{Gate, OutgoingRequest, Response};
pub use origin::HttpOrigin;
pub use rules::{GrantedSlot, OriginGrant, Rules};
