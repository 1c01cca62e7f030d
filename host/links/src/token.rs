//! Tokens: the id of a link and an HMAC-SHA256 over it, as 64 characters of URL-safe base64.
//!
//! Whether a text is one is known without asking anybody. What it leads to is not known here.

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use callfs_model::metadata::LinkId;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use super::Secret;

/// Sets these signatures apart from any other that somebody makes with the same secret.
const PURPOSE: &[u8] = b"callfs link 1\0";
const ID: usize = size_of::<LinkId>();
const SIGNATURE: usize = 32;

/// What opens a link. It can be told to its maker and is never printed.
pub struct Token(String);

impl Token {
    /// For the one who made the link.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(***)")
    }
}

/// Makes tokens, and recognises its own.
pub(super) struct TokenSigner(Hmac<Sha256>);

impl TokenSigner {
    pub(super) fn new(secret: &Secret) -> Self {
        // A key of any length will do, as RFC 2104 says; the type has to allow for others.
        let keyed = Hmac::new_from_slice(secret.bytes());
        Self(
            keyed
                .unwrap_or_else(|_| Hmac::new(&Default::default()))
                .chain_update(PURPOSE),
        )
    }

    /// The token of a link.
    pub(super) fn sign(&self, id: &LinkId) -> Token {
        let signature = self.0.clone().chain_update(id).finalize().into_bytes();
        Token(BASE64_URL_SAFE_NO_PAD.encode([id.as_slice(), &signature].concat()))
    }

    /// Whether a text is a token that was made with this secret; how long it takes to say no tells
    /// nothing.
    pub(super) fn has_signed(&self, text: &str) -> bool {
        let mut bytes = [0; ID + SIGNATURE];
        if BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) != Ok(bytes.len()) {
            return false;
        }
        let (id, signature) = bytes.split_at(ID);
        self.0
            .clone()
            .chain_update(id)
            .verify_slice(signature)
            .is_ok()
    }
}

#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod tests {
    use super::*;

    fn signer(text: &str) -> TokenSigner {
        TokenSigner::new(&Secret::of(&text.repeat(32)).expect("long enough"))
    }

    #[test]
    fn knows_its_own_tokens_and_no_others() {
        let ours = signer("a");
        let theirs = signer("b");
        let token = ours.sign(&[7; 16]);
        let text = token.reveal();
        assert_eq!(text.len(), 64);
        assert!(
            text.bytes()
                .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_')),
            "{text}"
        );
        assert!(ours.has_signed(text) && !theirs.has_signed(text));
        assert_ne!(text, ours.sign(&[8; 16]).reveal());
        // One bit of any character makes it another.
        for at in 0..text.len() {
            let mut bytes = text.as_bytes().to_vec();
            bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
            assert!(
                !ours.has_signed(&String::from_utf8(bytes).expect("text")),
                "{at}"
            );
        }
        for bad in [
            "",
            "A",
            &text[1..],
            &format!("{text}A"),
            &format!("{text}="),
            &text.repeat(2),
            "ä",
            &" ".repeat(64),
        ] {
            assert!(!ours.has_signed(bad), "{bad}");
        }
    }

    #[test]
    fn is_never_printed() {
        assert_eq!(format!("{:?}", signer("a").sign(&[7; 16])), "Token(***)");
    }
}
