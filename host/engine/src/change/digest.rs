//! Digests of a body: those that a client announced, and those of the bytes that went by.
//!
//! It knows neither headers nor where the bytes go; [`body`](crate::change::body) feeds it.

use callfs_model::error::{Error, ErrorKind, Result};
use sha2::{Digest as _, Sha256, Sha512};

/// What the bytes of a body must hash to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Digest {
    /// SHA-256.
    Sha256([u8; 32]),
    /// SHA-512.
    Sha512([u8; 64]),
}

/// The hashes of bytes that go by: SHA-256 always, because it is recorded, SHA-512 where it was
/// announced.
pub(crate) struct Hashes {
    announced: Vec<Digest>,
    sha256: Sha256,
    sha512: Option<Sha512>,
}

impl Hashes {
    /// Of bytes that must have these digests.
    pub(crate) fn new(announced: Vec<Digest>) -> Self {
        let sha512 = announced
            .iter()
            .any(|digest| matches!(digest, Digest::Sha512(_)))
            .then(Sha512::new);
        Self {
            announced,
            sha256: Sha256::new(),
            sha512,
        }
    }

    /// More bytes went by.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        self.sha256.update(bytes);
        if let Some(sha512) = &mut self.sha512 {
            sha512.update(bytes);
        }
    }

    /// SHA-256 of the bytes so far.
    pub(crate) fn sha256(&self) -> [u8; 32] {
        self.sha256.clone().finalize().into()
    }

    /// Whether the bytes so far are those that were announced.
    pub(crate) fn verify(&self) -> Result<()> {
        let sha512 = self
            .sha512
            .as_ref()
            .map(|sha512| <[u8; 64]>::from(sha512.clone().finalize()));
        for digest in &self.announced {
            let (name, same) = match digest {
                Digest::Sha256(announced) => ("sha-256", *announced == self.sha256()),
                Digest::Sha512(announced) => ("sha-512", Some(*announced) == sha512),
            };
            if !same {
                let message = format!(
                    "the body does not have the {name} digest that was announced, so nothing was \
                     stored; send it again"
                );
                return Err(Error::new(ErrorKind::DigestMismatch, message));
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_announced_digest_must_hold() {
        let short: [u8; 32] = Sha256::digest(b"abc").into();
        let long: [u8; 64] = Sha512::digest(b"abc").into();
        let right256 = Digest::Sha256(short);
        let right512 = Digest::Sha512(long);
        let wrong256 = Digest::Sha256([0; 32]);
        let wrong512 = Digest::Sha512([0; 64]);
        let table = [
            (vec![], true),
            (vec![right256.clone()], true),
            (vec![right512.clone()], true),
            (vec![right256.clone(), right512.clone()], true),
            (vec![wrong256.clone()], false),
            (vec![wrong512.clone()], false),
            (vec![right256.clone(), wrong512], false),
            (vec![right256, wrong256], false),
        ];
        for (announced, holds) in table {
            let mut hashes = Hashes::new(announced.clone());
            hashes.update(b"a");
            hashes.update(b"bc");
            let verified = hashes.verify().map_err(|error| error.kind());
            assert_eq!(
                verified,
                if holds {
                    Ok(())
                } else {
                    Err(ErrorKind::DigestMismatch)
                },
                "{announced:?}"
            );
            assert_eq!(hashes.sha256(), short);
        }
    }
}
