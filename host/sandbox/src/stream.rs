//! Bytes that pass through guest memory: a source as a stream for the guest, and a guest's stream
//! as a source.
//!
//! A stream always travels with the result that tells whether it is complete. Chunks are bounded by
//! the host, whatever size a guest names, and a guest that is not read from waits. A guest that
//! does not come to an end after its last byte keeps no reader waiting for longer than a call may.

use std::any::{Any, TypeId};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Buf, Bytes};
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::{MAX_CHUNK, Source};
use futures_util::{StreamExt, stream};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio_util::sync::PollSender;
use wasmtime::StoreContextMut;
use wasmtime::component::{
    Destination, FutureConsumer, FutureReader, Source as GuestItems, StreamConsumer,
    StreamProducer, StreamReader, StreamResult, VecBuffer,
};

use super::bindings::callfs::plugin::types as wit;
use super::convert;
use super::instance::InstanceState;

/// How a stream ended, as the contract says it.
pub(super) type StreamEnd = std::result::Result<(), wit::Error>;

/// Counts the guest streams of an instance that somebody may still read.
#[derive(Clone, Default)]
pub(super) struct OpenStreams(Arc<Streams>);

#[derive(Default)]
struct Streams {
    open: AtomicUsize,
    closed: Notify,
    given_up: Notify,
    failure: Mutex<Option<String>>,
}

impl OpenStreams {
    /// Whether any is open.
    pub(super) fn any(&self) -> bool {
        self.0.open.load(Ordering::Acquire) > 0
    }

    /// Waits until none is.
    pub(super) async fn closed(&self) {
        loop {
            let closed = self.0.closed.notified();
            if !self.any() {
                return;
            }
            closed.await;
        }
    }

    /// Waits until a reader waited in vain for the end of one.
    pub(super) async fn given_up(&self) {
        self.0.given_up.notified().await;
    }

    /// The instance that writes them is about to go, for this reason.
    pub(super) fn failed(&self, why: String) {
        *self.failure() = Some(why);
    }

    fn failure(&self) -> MutexGuard<'_, Option<String>> {
        let failure = &self.0.failure;
        failure.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn open(&self) -> OpenStream {
        self.0.open.fetch_add(1, Ordering::AcqRel);
        OpenStream(self.clone())
    }
}

/// One of them.
struct OpenStream(OpenStreams);

impl OpenStream {
    fn give_up(&self) {
        self.0.0.given_up.notify_one();
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        let streams = &self.0.0;
        if streams.open.fetch_sub(1, Ordering::AcqRel) == 1 {
            streams.closed.notify_one();
        }
    }
}

/// A source, for a guest to read as a stream.
pub(super) struct SourceProducer {
    source: Source,
    /// What was taken from the source and did not fit into the guest's buffer.
    rest: Bytes,
    /// The guest made the bytes itself.
    own: bool,
    end: Option<oneshot::Sender<StreamEnd>>,
}

impl SourceProducer {
    /// The producer, and the result that goes with it.
    pub(super) fn new(
        source: Source,
        rest: Bytes,
        own: bool,
    ) -> (Self, oneshot::Receiver<StreamEnd>) {
        let (end, ended) = oneshot::channel();
        (
            Self {
                source: source.metered(None),
                rest,
                own,
                end: Some(end),
            },
            ended,
        )
    }

    /// What is left, if nothing was cut out of its middle.
    fn into_source(self) -> Option<Source> {
        self.rest.is_empty().then_some(self.source)
    }

    fn finish(&mut self, end: StreamEnd) -> Poll<wasmtime::Result<StreamResult>> {
        if let Some(sender) = self.end.take() {
            // Whoever dropped the result does not want to know.
            let _ = sender.send(end);
        }
        Poll::Ready(Ok(StreamResult::Dropped))
    }
}

impl StreamProducer<InstanceState> for SourceProducer {
    type Item = u8;
    type Buffer = VecBuffer<u8>;

    fn poll_produce<'a>(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'a, InstanceState>,
        destination: Destination<'a, u8, Self::Buffer>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        // A piece may be empty, and an empty answer would be taken for a broken promise.
        while self.rest.is_empty() {
            match self.source.poll_piece(cx) {
                Poll::Ready(Some(Ok(piece))) => self.rest = piece,
                Poll::Ready(Some(Err(error))) => {
                    return self.finish(Err(convert::error_out(&error)));
                }
                Poll::Ready(None) => return self.finish(Ok(())),
                Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
                Poll::Pending => return Poll::Pending,
            }
        }
        let offered = self.rest.len().min(MAX_CHUNK);
        let count = destination
            .remaining(&mut store)
            .map_or(offered, |room| room.min(offered));
        store.data_mut().meter.moved(count as u64, self.own);
        let metrics = store.data().metrics.clone();
        let mut destination = destination.as_direct(store, offered);
        let room = destination.remaining();
        room[..count].copy_from_slice(&self.rest[..count]);
        destination.mark_written(count);
        self.rest.advance(count);
        metrics.guest_write(count as u64);
        Poll::Ready(Ok(StreamResult::Completed))
    }

    fn try_into(producer: Pin<Box<Self>>, wanted: TypeId) -> Result<Box<dyn Any>, Pin<Box<Self>>> {
        if wanted != TypeId::of::<Self>() {
            return Err(producer);
        }
        let producer: Box<Self> = Pin::into_inner(producer);
        Ok(producer)
    }
}

/// A guest's stream as a source. One that the host made and the guest passes on untouched is taken
/// back as it was.
pub(super) fn from_guest(
    mut store: StoreContextMut<'_, InstanceState>,
    data: StreamReader<u8>,
    mut end: FutureReader<StreamEnd>,
    size: Option<u64>,
) -> wasmtime::Result<Source> {
    let data = match data.try_into::<SourceProducer>(&mut store) {
        Ok(producer) => match producer.into_source() {
            Some(source) => {
                end.close(&mut store)?;
                return Ok(source);
            }
            None => wasmtime::bail!("a stream that was read from cannot become a source again"),
        },
        Err(data) => data,
    };
    let open = store.data().streams.open();
    let metrics = store.data().metrics.clone();
    let plugin = store.data().plugin.clone();
    let to_finish = store.data().meter.call_timeout();
    let (chunks, received) = mpsc::channel(2);
    let (sender, ended) = oneshot::channel();
    data.pipe(
        &mut store,
        ChunkConsumer {
            chunks: PollSender::new(chunks),
        },
    )?;
    end.pipe(
        &mut store,
        EndConsumer {
            ended: Some(sender),
        },
    )?;

    let reading = Reading {
        received,
        ended: Some(ended),
        left: size,
        to_finish,
        plugin,
        open,
    };
    let stream = stream::unfold(reading, |mut reading| async {
        reading.next().await.map(|piece| (piece, reading))
    });
    let meter = Arc::new(move |bytes| metrics.guest_read(bytes));
    Ok(Source::from_stream(stream.boxed(), size).metered(Some(meter)))
}

/// The host's end of a guest's stream.
struct Reading {
    received: mpsc::Receiver<Bytes>,
    ended: Option<oneshot::Receiver<StreamEnd>>,
    /// How many bytes are still to come, where the guest said that.
    left: Option<u64>,
    /// How long the end may take after the last of them.
    to_finish: Duration,
    plugin: Arc<str>,
    open: OpenStream,
}

impl Reading {
    async fn next(&mut self) -> Option<Result<Bytes>> {
        // A guest that waits for others writes when it can. What it says last has no such reason.
        if self.left != Some(0)
            && let Some(piece) = self.received.recv().await
        {
            let size = piece.len() as u64;
            self.left = self.left.map(|left| left.saturating_sub(size));
            return Some(Ok(piece));
        }
        let to_finish = self.to_finish;
        match tokio::time::timeout(to_finish, self.end()).await {
            Ok(end) => end,
            Err(_) => {
                self.open.give_up();
                Some(Err(endless(&self.plugin, to_finish)))
            }
        }
    }

    /// How it ended, or more than was announced.
    async fn end(&mut self) -> Option<Result<Bytes>> {
        if let Some(piece) = self.received.recv().await {
            return Some(Ok(piece));
        }
        match self.ended.take()?.await {
            Ok(Ok(())) => None,
            Ok(Err(error)) => Some(Err(convert::error_in(error, &self.plugin))),
            Err(_) => {
                let message = format!(
                    "the plugin '{}' stopped in the middle of a stream",
                    self.plugin
                );
                let error = Error::new(ErrorKind::PluginFailed, message).of_plugin(&*self.plugin);
                let why = self.open.0.failure().clone();
                Some(Err(match why {
                    Some(why) => error.because(why),
                    None => error,
                }))
            }
        }
    }
}

/// The same source, which has so many bytes without saying so: its end comes within a time after
/// the last of them, or is an error.
pub(super) fn ending_within(
    source: Source,
    size: u64,
    to_finish: Duration,
    plugin: Arc<str>,
) -> Source {
    let begun = (source, size, plugin);
    let pieces = stream::unfold(begun, move |(mut source, left, plugin)| async move {
        let next = source.next();
        let piece = match left {
            0 => tokio::time::timeout(to_finish, next)
                .await
                .unwrap_or_else(|_| Err(endless(&plugin, to_finish))),
            _ => next.await,
        };
        let piece = piece.transpose()?;
        let size = piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
        Some((piece, (source, left.saturating_sub(size), plugin)))
    });
    Source::from_stream(pieces.boxed(), Some(size))
}

fn endless(plugin: &str, to_finish: Duration) -> Error {
    let message = format!(
        "the plugin '{plugin}' did not end its stream within {to_finish:?} after the last byte"
    );
    Error::new(ErrorKind::BackendTimeout, message).of_plugin(plugin)
}

/// Takes chunks from a guest as fast as somebody reads them.
struct ChunkConsumer {
    chunks: PollSender<Bytes>,
}

impl StreamConsumer<InstanceState> for ChunkConsumer {
    type Item = u8;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        mut store: StoreContextMut<'_, InstanceState>,
        items: GuestItems<'_, u8>,
        finish: bool,
    ) -> Poll<wasmtime::Result<StreamResult>> {
        match self.chunks.poll_reserve(cx) {
            Poll::Ready(Ok(())) => {}
            Poll::Ready(Err(_)) => return Poll::Ready(Ok(StreamResult::Dropped)),
            Poll::Pending if finish => return Poll::Ready(Ok(StreamResult::Cancelled)),
            Poll::Pending => return Poll::Pending,
        }
        let count = items.remaining(&mut store).min(MAX_CHUNK);
        store.data_mut().meter.moved(count as u64, false);
        let charge = store.data_mut().meter.charge_held(count)?;
        let mut items = items.as_direct(store);
        let offered = items.remaining();
        if count > 0 {
            let chunk = offered[..count].to_vec();
            items.mark_read(count);
            if self.chunks.send_item(charge.of(chunk)).is_err() {
                return Poll::Ready(Ok(StreamResult::Dropped));
            }
        }
        Poll::Ready(Ok(StreamResult::Completed))
    }
}

/// Takes the result that goes with a guest's stream.
struct EndConsumer {
    ended: Option<oneshot::Sender<StreamEnd>>,
}

impl FutureConsumer<InstanceState> for EndConsumer {
    type Item = StreamEnd;

    fn poll_consume(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        store: StoreContextMut<'_, InstanceState>,
        mut items: GuestItems<'_, StreamEnd>,
        _: bool,
    ) -> Poll<wasmtime::Result<()>> {
        let mut end = None;
        items.read(store, &mut end)?;
        if let (Some(end), Some(ended)) = (end, self.ended.take()) {
            // Whoever stopped reading does not want to know.
            let _ = ended.send(end);
        }
        Poll::Ready(Ok(()))
    }
}
