//! The `io` capability: sources and transfers as resources.

use std::sync::Arc;

use bytes::Bytes;
use callfs_model::error::Error;
use callfs_model::source::{MAX_CHUNK, Source};
use callfs_model::storage::{Condition, Transfer};
use futures_util::FutureExt;
use tokio::sync::oneshot;
use wasmtime::component::{Access, Accessor, FutureReader, HasSelf, Resource, StreamReader};

use super::bindings::callfs::plugin::{io, types as wit};
use super::convert;
use super::instance::InstanceState;
use super::limits::{HandedOver, HeldBytes};
use super::stream::{self, SourceProducer, StreamEnd};

/// A source in the hands of a component.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct HostSource {
    /// None while it is being read.
    source: Option<Source>,
    /// What was taken from the source and is not yet handed out.
    rest: Bytes,
    /// The component made the bytes itself: reading them back moves nothing.
    own: bool,
    /// For the bytes that it made.
    made: Option<HeldBytes>,
    /// For what was taken and is not yet handed out.
    taken: Option<HeldBytes>,
}

impl HostSource {
    pub(super) fn new(source: Source) -> Self {
        Self {
            source: Some(source),
            rest: Bytes::new(),
            own: false,
            made: None,
            taken: None,
        }
    }

    fn own(source: Source) -> Self {
        Self {
            own: true,
            ..Self::new(source)
        }
    }

    /// The source, untouched, for the request that called the component; none if requests hold too
    /// many bytes already that the component made.
    pub(super) fn hand_out(self, requests: &HandedOver) -> wasmtime::Result<Option<Source>> {
        let fits = self
            .made
            .as_ref()
            .is_none_or(|made| made.hand_over(requests));
        Ok(if fits {
            Some(self.into_source()?)
        } else {
            None
        })
    }

    /// The source, untouched; an error if the component has read a part of it.
    pub(super) fn into_source(self) -> wasmtime::Result<Source> {
        match self.source {
            Some(source) if self.rest.is_empty() => Ok(source),
            Some(_) => wasmtime::bail!(
                "a source that was read in part cannot be handed on; use into-stream first"
            ),
            None => wasmtime::bail!("a source cannot be handed on while it is being read"),
        }
    }
}

/// A transfer in the hands of a component.
#[expect(unreachable_pub, reason = "the generated bindings re-export it")]
pub struct HostTransfer {
    pub(super) transfer: Box<dyn Transfer>,
    /// What must hold when it is published.
    pub(super) condition: Condition,
}

impl io::Host for InstanceState {}

impl io::HostSource for InstanceState {
    fn from_bytes(&mut self, bytes: Vec<u8>) -> wasmtime::Result<Resource<HostSource>> {
        let (bytes, made) = self.meter.hold(bytes)?;
        let metrics = self.metrics.clone();
        let meter = Arc::new(move |bytes| metrics.guest_read(bytes));
        Ok(self.table.push(HostSource {
            made: Some(made),
            ..HostSource::own(Source::from_bytes(bytes).metered(Some(meter)))
        })?)
    }

    fn size(&mut self, source: Resource<HostSource>) -> wasmtime::Result<Option<u64>> {
        let HostSource { source, rest, .. } = self.table.get(&source)?;
        Ok(source
            .as_ref()
            .and_then(Source::size)
            .map(|size| size + rest.len() as u64))
    }

    fn split(
        &mut self,
        source: Resource<HostSource>,
        max: u64,
    ) -> wasmtime::Result<Resource<HostSource>> {
        let held = self.table.get_mut(&source)?;
        let Some(whole) = held.source.take() else {
            wasmtime::bail!("a source cannot be split while it is being read")
        };
        let mut whole = whole.put_back(std::mem::take(&mut held.rest));
        let part = whole.split_front(max);
        held.source = Some(whole);
        held.taken = None;
        let own = held.own;
        let made = held.made.clone();
        Ok(self.table.push(HostSource {
            own,
            made,
            ..HostSource::new(part)
        })?)
    }

    fn drop(&mut self, source: Resource<HostSource>) -> wasmtime::Result<()> {
        self.table.delete(source)?;
        Ok(())
    }
}

impl io::HostSourceWithStore<InstanceState> for HasSelf<InstanceState> {
    fn from_stream(
        mut host: Access<'_, InstanceState, Self>,
        data: StreamReader<u8>,
        end: FutureReader<StreamEnd>,
        size: Option<u64>,
    ) -> wasmtime::Result<Resource<HostSource>> {
        let source = stream::from_guest(
            wasmtime::AsContextMut::as_context_mut(&mut host),
            data,
            end,
            size,
        )?;
        Ok(host.get().table.push(HostSource::own(source))?)
    }

    async fn read(
        accessor: &Accessor<InstanceState, Self>,
        resource: Resource<HostSource>,
        max: u32,
    ) -> wasmtime::Result<Result<Option<Vec<u8>>, wit::Error>> {
        let max = (max as usize).clamp(1, MAX_CHUNK);
        let (source, mut rest) = accessor.with(|mut access| {
            let held = access.get().table.get_mut(&resource)?;
            wasmtime::error::Ok((held.source.take(), std::mem::take(&mut held.rest)))
        })?;
        let Some(mut source) = source else {
            wasmtime::bail!("a source cannot be read twice at the same time")
        };
        let ended = if rest.is_empty() {
            match source.next().await {
                Ok(Some(piece)) => {
                    rest = piece;
                    None
                }
                Ok(None) => Some(Ok(None)),
                Err(error) => Some(Err(convert::error_out(&error))),
            }
        } else {
            None
        };
        let piece = rest.split_to(rest.len().min(max));
        accessor.with(|mut access| {
            let state = access.get();
            state.metrics.guest_write(piece.len() as u64);
            let held = state.table.get_mut(&resource)?;
            state.meter.moved(piece.len() as u64, held.own);
            held.source = Some(source);
            // What it made itself is charged already.
            held.taken = None;
            if !rest.is_empty() && !held.own {
                held.taken = Some(state.meter.charge_held(rest.len())?);
            }
            held.rest = rest;
            wasmtime::error::Ok(())
        })?;
        Ok(ended.unwrap_or_else(|| Ok(Some(piece.to_vec()))))
    }

    fn into_stream(
        mut host: Access<'_, InstanceState, Self>,
        resource: Resource<HostSource>,
    ) -> wasmtime::Result<(StreamReader<u8>, FutureReader<StreamEnd>)> {
        let HostSource {
            source, rest, own, ..
        } = host.get().table.delete(resource)?;
        let Some(source) = source else {
            wasmtime::bail!("a source cannot become a stream while it is being read")
        };
        let (producer, ended) = SourceProducer::new(source, rest, own);
        let data = StreamReader::new(&mut host, producer)?;
        let end = FutureReader::new(&mut host, ended.map(end_of_stream))?;
        Ok((data, end))
    }
}

/// A producer that was dropped did not come to its end.
fn end_of_stream(
    ended: Result<StreamEnd, oneshot::error::RecvError>,
) -> wasmtime::Result<StreamEnd> {
    Ok(ended.unwrap_or_else(|_| {
        Err(wit::Error::Interrupted(
            "the stream was closed before its end".into(),
        ))
    }))
}

impl io::HostTransfer for InstanceState {
    fn drop(&mut self, transfer: Resource<HostTransfer>) -> wasmtime::Result<()> {
        self.table.delete(transfer)?;
        Ok(())
    }
}

impl io::HostTransferWithStore<InstanceState> for HasSelf<InstanceState> {
    async fn finish(
        accessor: &Accessor<InstanceState, Self>,
        resource: Resource<HostTransfer>,
    ) -> wasmtime::Result<Result<wit::Attributes, wit::Error>> {
        let HostTransfer {
            transfer,
            condition,
        } = accessor.with(|mut access| access.get().table.delete(resource))?;
        let finished: Result<_, Error> =
            async { transfer.stage().await?.publish(condition).await }.await;
        accessor.with(|mut access| access.get().meter.advance());
        Ok(finished
            .map(convert::attributes_out)
            .map_err(|error| convert::error_out(&error)))
    }
}
