//! What is kept of a key.
//!
//! A fast hash is enough: a key is random and long, so that nobody can try them all, unlike a
//! password; and a slow one would be paid on every request.

use sha2::{Digest as _, Sha256};
use subtle::{Choice, ConstantTimeEq};

/// What marks a digest in the configuration.
const PREFIX: &str = "sha256:";
/// The shortest key, in characters: 16 of 64 different ones are 96 bits.
const SHORTEST: usize = 16;

/// SHA-256 of a key.
pub(crate) struct Digest([u8; 32]);

impl Digest {
    /// That of a key as somebody presents it.
    pub(crate) fn of(key: &str) -> Self {
        Self(Sha256::digest(key.as_bytes()).into())
    }

    /// From the configuration: a key in plain text, or its digest. The error never repeats the
    /// text, which may be a key.
    pub(crate) fn configured(text: &str) -> Result<Self, String> {
        if let Some(hex) = text.strip_prefix(PREFIX) {
            let mut digest = [0; 32];
            return match hex::decode_to_slice(hex, &mut digest) {
                Ok(()) => Ok(Self(digest)),
                Err(_) => Err(
                    "what follows 'sha256:' must be 64 hexadecimal digits, as `callfs key hash` \
                     prints"
                        .into(),
                ),
            };
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(
                "a key must be of visible ASCII characters without spaces, or no header could \
                 carry it"
                    .into(),
            );
        }
        if text.len() < SHORTEST {
            let length = text.len();
            return Err(format!(
                "a key of {length} characters can be guessed: use at least {SHORTEST}, as `callfs \
                 key generate` does"
            ));
        }
        Ok(Self::of(text))
    }

    /// Whether they are the same, in a time that does not tell where they differ.
    pub(crate) fn same(&self, other: &Self) -> Choice {
        self.0.ct_eq(&other.0)
    }
}
