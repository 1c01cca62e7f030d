//! XChaCha20-Poly1305 over the chunks of a file, in the STREAM construction (Hoang, Reyhanitabar,
//! Rogaway, Vizár, 2015).
//!
//! A chunk's nonce is made of the file's random prefix, the chunk's number and whether it is the
//! last, so chunks that are changed, swapped, left out, or taken from another file do not open. The
//! header is authenticated with each. It knows nothing of where the bytes come from.

use callfs_sdk::{Error, Result};
use chacha20poly1305::aead::AeadInOut;
use chacha20poly1305::{KeyInit, XChaCha20Poly1305, XNonce};
use hkdf::Hkdf;
use sha2::Sha256;

use crate::layout::HEADER;

/// How every encrypted file starts; the digit is the version of this format.
const MAGIC: [u8; 8] = *b"callfsE1";
const PREFIX: usize = 19;

/// What opens and seals files.
pub(crate) struct Key(XChaCha20Poly1305);

/// What opens and seals one file.
pub(crate) struct FileCipher {
    cipher: XChaCha20Poly1305,
    header: [u8; HEADER as usize],
}

impl Key {
    /// From a secret that nobody can guess: it is spread, not slowed down.
    pub(crate) fn from_secret(secret: &str) -> Self {
        let mut key = [0; 32];
        let derived = Hkdf::<Sha256>::new(None, secret.as_bytes())
            .expand(b"callfs-example-encrypted 1", &mut key);
        derived.expect("HKDF-SHA-256 makes up to 8160 bytes");
        Self(XChaCha20Poly1305::new(&key.into()))
    }

    /// For a new file.
    pub(crate) fn fresh(&self) -> Result<FileCipher> {
        let mut header = [0; HEADER as usize];
        header[..MAGIC.len()].copy_from_slice(&MAGIC);
        let random = getrandom::fill(&mut header[MAGIC.len()..]);
        random.map_err(|_| Error::Unavailable("there is no randomness to encrypt with".into()))?;
        Ok(FileCipher {
            cipher: self.0.clone(),
            header,
        })
    }

    /// For a file that starts like this; none if no encrypted file does.
    pub(crate) fn of(&self, header: &[u8]) -> Option<FileCipher> {
        let header = header
            .try_into()
            .ok()
            .filter(|header: &[u8; HEADER as usize]| header.starts_with(&MAGIC))?;
        Some(FileCipher {
            cipher: self.0.clone(),
            header,
        })
    }
}

impl FileCipher {
    /// How the file starts.
    pub(crate) fn header(&self) -> &[u8] {
        &self.header
    }

    /// Encrypts a chunk, in place, and appends its tag.
    pub(crate) fn seal(&self, chunk: u64, last: bool, bytes: &mut Vec<u8>) -> Result<()> {
        let too_long =
            || Error::InvalidArgument("a file of more than 256 TiB cannot be encrypted".into());
        let nonce = self.nonce(chunk, last).ok_or_else(too_long)?;
        self.cipher
            .encrypt_in_place(&nonce, &self.header, bytes)
            .map_err(|_| too_long())
    }

    /// Decrypts a chunk, in place, and removes its tag; an error if it is not what was sealed at
    /// this place.
    pub(crate) fn open(&self, chunk: u64, last: bool, bytes: &mut Vec<u8>) -> Result<()> {
        let opened = self.nonce(chunk, last).and_then(|nonce| {
            self.cipher
                .decrypt_in_place(&nonce, &self.header, bytes)
                .ok()
        });
        opened.ok_or_else(|| {
            Error::other(
                "DECRYPTION_FAILED",
                "the file was changed outside of CallFS, or encrypted with another key",
            )
        })
    }

    fn nonce(&self, chunk: u64, last: bool) -> Option<XNonce> {
        let mut nonce = [0; PREFIX + 5];
        nonce[..PREFIX].copy_from_slice(&self.header[MAGIC.len()..]);
        nonce[PREFIX..PREFIX + 4].copy_from_slice(&u32::try_from(chunk).ok()?.to_be_bytes());
        nonce[PREFIX + 4] = u8::from(last);
        Some(nonce.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    fn sealed(cipher: &FileCipher, chunk: u64, last: bool) -> Vec<u8> {
        let mut bytes = b"attack at dawn".to_vec();
        cipher.seal(chunk, last, &mut bytes).expect("sealed");
        bytes
    }

    fn opens(cipher: &FileCipher, chunk: u64, last: bool, sealed: &[u8]) -> bool {
        let mut bytes = sealed.to_vec();
        let opened = cipher.open(chunk, last, &mut bytes).is_ok();
        assert!(!opened || bytes == b"attack at dawn");
        opened
    }

    #[test]
    fn a_chunk_opens_where_it_was_sealed_and_nowhere_else() {
        let key = Key::from_secret(SECRET);
        let cipher = key.fresh().expect("random");
        let bytes = sealed(&cipher, 3, false);
        assert_eq!(bytes.len(), 14 + 16);
        let again = key.of(cipher.header()).expect("a header");
        assert!(opens(&again, 3, false, &bytes));
        assert!(!opens(&again, 4, false, &bytes), "swapped");
        assert!(!opens(&again, 3, true, &bytes), "cut after it");
        assert!(
            !opens(&key.fresh().expect("random"), 3, false, &bytes),
            "of another file"
        );
        assert!(!opens(&again, 3, false, &bytes[..20]), "shortened");
        assert!(!opens(&again, 3, false, &[]), "gone");
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            assert!(!opens(&again, 3, false, &changed), "byte {at}");
        }
    }

    #[test]
    fn another_secret_opens_nothing() {
        let cipher = Key::from_secret(SECRET).fresh().expect("random");
        let other = Key::from_secret("another secret of enough characters")
            .of(cipher.header())
            .expect("a header");
        assert!(!opens(&other, 0, true, &sealed(&cipher, 0, true)));
    }

    #[test]
    fn other_files_have_no_header() {
        let key = Key::from_secret(SECRET);
        assert!(key.of(b"a text that is as long as a header").is_none());
        assert!(key.of(&MAGIC).is_none());
        assert!(key.of(&[MAGIC.as_slice(), &[0; PREFIX]].concat()).is_some());
    }

    #[test]
    fn the_counter_never_wraps() {
        let cipher = Key::from_secret(SECRET).fresh().expect("random");
        assert!(cipher.seal(1 << 32, false, &mut Vec::new()).is_err());
    }
}
