//! Bytes with an end, and how a component makes them itself.
//!
//! A source of the host is best returned untouched. Whoever transforms reads one piece at a time
//! with [`Source::read`] and writes it to the [`Sink`] of a new one, so that memory holds a piece
//! and never an object.

use wit_bindgen::rt::async_support::{FutureReader, StreamReader, StreamResult};

pub use crate::bindings::callfs::plugin::io::{Source, Transfer, Written};
use crate::bindings::{wit_future, wit_stream};
use crate::error::{Error, Result};

/// The largest piece that [`Source::read`] answers, in bytes (WIT `io.source`).
pub const MAX_PIECE: u32 = 256 << 10;

impl Source {
    /// A source whose bytes `produce` writes while they are read, also after the call that returns
    /// it is over.
    ///
    /// `Ok` from `produce` says that the bytes are complete, and an error that they are not; so
    /// does a component that is stopped half-way. A stated `size`, in bytes, must be met
    /// exactly. Only to be called while the host waits for this component, that is in anything
    /// but `Plugin::configure`.
    ///
    /// ```no_run
    /// use callfs_sdk::{MAX_PIECE, Source};
    ///
    /// /// The same bytes in upper case, one piece in memory at a time.
    /// fn shout(quiet: Source) -> Source {
    ///     Source::produce(quiet.size(), async move |sink| {
    ///         while let Some(mut piece) = quiet.read(MAX_PIECE).await? {
    ///             piece.make_ascii_uppercase();
    ///             sink.write(piece).await?;
    ///         }
    ///         Ok(())
    ///     })
    /// }
    /// ```
    pub fn produce<F>(size: Option<u64>, produce: F) -> Self
    where
        F: AsyncFnOnce(&mut Sink) -> Result<()> + 'static,
    {
        let (writer, bytes) = wit_stream::new();
        let (result, end) = wit_future::new(|| {
            Err(Error::Interrupted(
                "the component stopped before the end".into(),
            ))
        });
        wit_bindgen::spawn_local(async move {
            let mut sink = Sink(writer);
            let outcome = produce(&mut sink).await;
            drop(sink);
            // Who does not read to the end does not want to know how it was.
            let _ = result.write(outcome).await;
        });
        Self::from_stream(bytes, end, size)
    }
}

/// Where a component writes the bytes of a source that it makes ([`Source::produce`]).
pub struct Sink(wit_bindgen::rt::async_support::StreamWriter<u8>);

impl Sink {
    /// Hands over a piece, and waits until all of it was taken. [`Error::Interrupted`] if nobody
    /// reads any more: pass it on with `?`.
    pub async fn write(&mut self, piece: Vec<u8>) -> Result<()> {
        if self.0.write_all(piece).await.is_empty() {
            Ok(())
        } else {
            Err(Error::Interrupted("nobody reads the bytes any more".into()))
        }
    }
}

impl Source {
    /// The bytes, to be read into memory that the component keeps and uses again: quicker than
    /// [`Source::read`], which hands over each piece in memory of its own.
    pub fn reader(self) -> Reader {
        let (bytes, end) = Self::into_stream(self);
        Reader {
            bytes,
            end: Some(end),
        }
    }
}

/// Reads a source into buffers ([`Source::reader`]).
pub struct Reader {
    bytes: StreamReader<u8>,
    end: Option<FutureReader<Result<()>>>,
}

impl Reader {
    /// Appends bytes until the buffer is as long as its capacity, or the source is at its end: then
    /// it is shorter.
    pub async fn fill(&mut self, mut buffer: Vec<u8>) -> Result<Vec<u8>> {
        while buffer.len() < buffer.capacity() && self.end.is_some() {
            let (outcome, filled) = self.bytes.read(buffer).await;
            buffer = filled;
            if !matches!(outcome, StreamResult::Complete(_))
                && let Some(end) = self.end.take()
            {
                end.await?;
            }
        }
        Ok(buffer)
    }
}
