//! Whole files on their way through memory, a few chunks at a time.

use std::ops::Range;

use callfs_sdk::{Error, MAX_PIECE, Result, Sink, Source};

use crate::cipher::FileCipher;
use crate::layout::{CHUNK, Layout};

/// Encrypts a body into a sink. If the body breaks off, so does what comes out.
pub(crate) async fn seal(cipher: &FileCipher, body: &Source, sink: &mut Sink) -> Result<()> {
    sink.write(cipher.header().to_vec()).await?;
    let mut pending = Vec::new();
    let mut chunk = 0;
    while let Some(piece) = body.read(MAX_PIECE).await? {
        pending.extend(piece);
        // What may be the last chunk waits: only the end of the body tells.
        while pending.len() > CHUNK as usize {
            let rest = pending.split_off(CHUNK as usize);
            cipher.seal(chunk, false, &mut pending)?;
            sink.write(std::mem::replace(&mut pending, rest)).await?;
            chunk += 1;
        }
    }
    cipher.seal(chunk, true, &mut pending)?;
    sink.write(pending).await
}

/// Decrypts chunks as they are asked for.
pub(crate) struct Opening {
    cipher: FileCipher,
    layout: Layout,
    sealed: Source,
    chunks: Range<u64>,
    /// What was read of the next chunk, and of those behind it.
    pending: Vec<u8>,
}

impl Opening {
    /// Of the chunks that a source holds.
    pub(crate) fn new(
        cipher: FileCipher,
        layout: Layout,
        sealed: Source,
        chunks: Range<u64>,
    ) -> Self {
        Self {
            cipher,
            layout,
            sealed,
            chunks,
            pending: Vec::new(),
        }
    }

    /// The content of the next chunk.
    pub(crate) async fn next(&mut self) -> Result<Vec<u8>> {
        let early = || Error::Interrupted("the encrypted file ends early".into());
        let chunk = self.chunks.next().ok_or_else(early)?;
        let wanted = self.layout.sealed(chunk) as usize;
        while self.pending.len() < wanted {
            self.pending
                .extend(self.sealed.read(MAX_PIECE).await?.ok_or_else(early)?);
        }
        let rest = self.pending.split_off(wanted);
        let mut bytes = std::mem::replace(&mut self.pending, rest);
        self.cipher
            .open(chunk, self.layout.is_last(chunk), &mut bytes)?;
        Ok(bytes)
    }
}
