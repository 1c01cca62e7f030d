//! What one mount or authenticator may reach, and with which credentials: data that the
//! configuration makes.

use super::credential::SigningKey;
use super::origin::HttpOrigin;

/// What may be reached, and with what.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Rules {
    /// Origins; without any, nothing leaves.
    pub origins: Vec<OriginGrant>,
    /// Credential slots.
    pub slots: Vec<GrantedSlot>,
}

/// An origin that may be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OriginGrant {
    /// Which.
    pub origin: HttpOrigin,
    /// Whether its name may lead to an address that is not of the public internet.
    pub private: bool,
}

/// A credential under the name by which requests ask for it.
#[derive(Debug, Clone, PartialEq)]
pub struct GrantedSlot {
    /// The name.
    pub name: String,
    /// Where it may go, and nowhere else.
    pub origins: Vec<HttpOrigin>,
    /// The secret.
    pub credential: SigningKey,
}

impl Rules {
    pub(super) fn origin(&self, origin: &HttpOrigin) -> Option<&OriginGrant> {
        self.origins.iter().find(|grant| grant.origin == *origin)
    }

    pub(super) fn slot(&self, name: &str) -> Option<&GrantedSlot> {
        self.slots.iter().find(|slot| slot.name == name)
    }
}
