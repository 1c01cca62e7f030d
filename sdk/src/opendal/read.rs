//! Reading: the service checks the answer, and the body goes to the host untouched.

use std::ops::Range;

use opendal_core::BytesRange;
use opendal_core::raw::oio::ReadStreamDyn;
use opendal_core::raw::{OpRead, RpRead};

use super::adapter::{Adapter, check};
use super::exchange::Incoming;
use crate::attributes::{Attributes, Kind, ReadOptions};
use crate::error::{Error, Result};
use crate::source::{MAX_PIECE, Source};

impl Adapter {
    pub(super) async fn read(
        &self,
        path: &str,
        options: ReadOptions,
    ) -> Result<(Attributes, Source)> {
        check(path)?;
        // Servers answer a GET of a directory with whatever they like, a page for browsers among
        // it.
        let before = if self.own_directories {
            Some(self.found(path).await?)
        } else {
            None
        };
        if before
            .as_ref()
            .is_some_and(|before| before.kind == Kind::Directory)
        {
            return Err(Error::IsADirectory);
        }
        let range = match options.range {
            None => BytesRange::default(),
            Some(range) => BytesRange::new(
                range.start,
                range.end.map(|end| end.saturating_sub(range.start)),
            ),
        };
        let (opened, stream) = self.open(path, range).await?;
        let incoming = self.exchange.incoming();
        let attributes = match opened.metadata() {
            Some(metadata) => self.attributes(metadata),
            None => self.found(path).await?,
        };
        if incoming
            .as_ref()
            .and_then(|incoming| incoming.part)
            .is_some_and(|part| part.size.is_none())
        {
            return Err(Error::Unavailable(
                "the storage does not say how large an object is of which it sends a part".into(),
            ));
        }
        Self::demand(&options.condition, Some(&attributes))?;
        let wanted = match options.range {
            None => 0..attributes.size,
            Some(range) => range.within(attributes.size)?,
        };
        Ok((attributes, body(incoming, stream, wanted)?))
    }

    /// Opens an object, which may be missing only while it is replaced.
    async fn open(
        &self,
        path: &str,
        range: BytesRange,
    ) -> Result<(RpRead, Box<dyn ReadStreamDyn>)> {
        let mut looks = self.looks();
        loop {
            self.exchange.begin();
            let reader = self
                .service()
                .read_dyn(self.context(), path, OpRead::new())
                .map_err(|e| self.failure(e))?;
            let error = match reader.open_dyn(range).await {
                Ok(opened) => return Ok(opened),
                Err(error) => self.unopened(path, error).await?,
            };
            looks -= 1;
            if error != Error::NotFound || looks == 0 {
                return Err(error);
            }
        }
    }

    /// Why an object could not be opened.
    async fn unopened(&self, path: &str, error: opendal_core::Error) -> Result<Error> {
        let refusal = self.exchange.refusal();
        let unsatisfiable = refusal.filter(|refusal| refusal.status == 416);
        match (self.failure(error), unsatisfiable) {
            (_, Some(refusal)) => Ok(Error::InvalidRange(match refusal.size {
                Some(size) => size,
                None => self.found(path).await?.size,
            })),
            (Error::NotFound, _) => Ok(match self.look(path).await? {
                Some(Attributes {
                    kind: Kind::Directory,
                    ..
                }) => Error::IsADirectory,
                _ => Error::NotFound,
            }),
            (error, _) => Ok(error),
        }
    }
}

/// The bytes that are wanted: those of the host, if they are these and nobody has read of them.
fn body(
    incoming: Option<Incoming>,
    stream: Box<dyn ReadStreamDyn>,
    wanted: Range<u64>,
) -> Result<Source> {
    let size = wanted.end - wanted.start;
    let Some((incoming, source)) =
        incoming.and_then(|incoming| incoming.take().map(|source| (incoming, source)))
    else {
        return Ok(through_memory(stream, size));
    };
    let start = incoming.part.map_or(0, |part| part.start);
    match wanted.start.checked_sub(start) {
        None => Err(Error::Unavailable(
            "the storage sent another part of the object than it was asked for".into(),
        )),
        // The host holds it to its length where the server announces none.
        Some(0) if source.size().is_none_or(|announced| announced == size) => Ok(source),
        Some(skipped) => Ok(within(source, skipped, size)),
    }
}

/// A part of a source whose server cannot send parts.
fn within(source: Source, mut skipped: u64, size: u64) -> Source {
    Source::produce(Some(size), async move |sink| {
        let mut left = size;
        while left > 0 {
            let Some(mut piece) = source.read(MAX_PIECE).await? else {
                break;
            };
            let before = skipped.min(piece.len() as u64);
            skipped -= before;
            piece.drain(..before as usize);
            piece.truncate(left.min(MAX_PIECE.into()) as usize);
            left -= piece.len() as u64;
            if !piece.is_empty() {
                sink.write(piece).await?;
            }
        }
        Ok(())
    })
}

/// Bytes that a service has changed, or that do not come by HTTP.
fn through_memory(mut stream: Box<dyn ReadStreamDyn>, size: u64) -> Source {
    Source::produce(Some(size), async move |sink| {
        let mut left = size;
        while left > 0 {
            let mut piece = stream
                .read_dyn()
                .await
                .map_err(|error| super::failure::failure(error, None))?;
            if piece.is_empty() {
                break;
            }
            piece.truncate(left.min(piece.len() as u64) as usize);
            left -= piece.len() as u64;
            for piece in piece {
                sink.write(piece.to_vec()).await?;
            }
        }
        Ok(())
    })
}
