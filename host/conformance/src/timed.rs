//! A storage whose every operation is timed and, where the component fails in it, named with its
//! input; and which remembers what was put where.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::source::Source;
use callfs_model::storage::{
    Abilities, Attributes, ByteRange, Condition, ListingPage, Staged, Storage, Transfer,
    WriteOptions, WriteOutcome,
};
use futures_util::StreamExt;
use futures_util::future::BoxFuture;

use super::report::{Carried, Latency};

/// The storage, and a clock beside it.
pub(super) struct Timed {
    storage: Arc<dyn Storage>,
    front: Option<Arc<dyn Storage>>,
    clock: Arc<LatencyClock>,
    touched: Mutex<BTreeSet<String>>,
}

/// How long operations took.
#[derive(Default)]
pub(super) struct LatencyClock {
    operations: Mutex<BTreeMap<&'static str, Vec<Duration>>>,
    carried: Mutex<Vec<Carried>>,
}

impl LatencyClock {
    pub(super) async fn time<T>(
        &self,
        operation: &'static str,
        work: impl Future<Output = T>,
    ) -> T {
        let begun = Instant::now();
        let done = work.await;
        let took = begun.elapsed();
        self.operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .entry(operation)
            .or_default()
            .push(took);
        done
    }

    /// Bytes that were moved in one go.
    pub(super) fn carried(&self, operation: &'static str, bytes: u64, took: Duration) {
        let bytes_per_second = bytes as f64 / took.as_secs_f64().max(f64::EPSILON);
        let carried = Carried {
            operation,
            bytes,
            bytes_per_second,
        };
        self.carried
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(carried);
    }

    pub(super) fn latencies(&self) -> Vec<Latency> {
        let operations = self
            .operations
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        operations
            .iter()
            .map(|(operation, took)| Latency::of(operation, took.clone()))
            .collect()
    }

    pub(super) fn throughput(&self) -> Vec<Carried> {
        self.carried
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Timed {
    pub(super) fn new(storage: Arc<dyn Storage>) -> Self {
        Self {
            storage,
            front: None,
            clock: Arc::default(),
            touched: Mutex::default(),
        }
    }

    /// The same of what stands behind another storage, which serves parts of it itself.
    pub(super) fn behind(self, front: Arc<dyn Storage>) -> Self {
        let front = Some(front);
        Self { front, ..self }
    }

    /// What stands before it.
    pub(super) fn front(&self) -> Option<&dyn Storage> {
        self.front.as_deref()
    }

    pub(super) fn clock(&self) -> &Arc<LatencyClock> {
        &self.clock
    }

    /// Every path that something may have been put at.
    pub(super) fn touched(&self) -> BTreeSet<String> {
        self.touched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    fn touch(&self, path: &str) {
        self.touched
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(path.into());
    }

    fn timed(&self, written: WriteOutcome, call: StorageCall) -> WriteOutcome {
        match written {
            WriteOutcome::Done(attributes) => WriteOutcome::Done(attributes),
            WriteOutcome::Carried(transfer) => WriteOutcome::Carried(Box::new(TimedTransfer {
                transfer,
                clock: self.clock.clone(),
                call,
            })),
        }
    }
}

/// A call of the storage as a report shows it, with its input.
struct StorageCall(String);

impl StorageCall {
    /// A component that failed, where it was to answer, says nothing of what it was called with.
    fn told<T>(&self, answered: Result<T>) -> Result<T> {
        answered.map_err(|error| self.named_in(error))
    }

    fn named_in(&self, error: Error) -> Error {
        if !matches!(
            error.kind(),
            ErrorKind::PluginFailed | ErrorKind::BackendTimeout
        ) {
            return error;
        }
        let message = format!("{}, called with {}", error.message(), self.0);
        let mut named = Error::new(error.kind(), message);
        if let Some(causes) = error.causes() {
            named = named.because(causes);
        }
        match error.plugin() {
            Some(plugin) => named.of_plugin(plugin),
            None => named,
        }
    }

    /// The same of bytes that the component writes while they are read.
    fn streamed(self, source: Source) -> Source {
        if source.is_seekable() {
            return source;
        }
        let size = source.size();
        let pieces = source.map(move |piece| self.told(piece));
        Source::from_stream(pieces.boxed(), size)
    }
}

struct TimedTransfer {
    transfer: Box<dyn Transfer>,
    clock: Arc<LatencyClock>,
    call: StorageCall,
}

impl Transfer for TimedTransfer {
    fn stage(self: Box<Self>) -> BoxFuture<'static, Result<Box<dyn Staged>>> {
        let Self {
            transfer,
            clock,
            call,
        } = *self;
        Box::pin(async move {
            let staged = clock.time("stage", transfer.stage()).await;
            let staged = call.told(staged)?;
            Ok(Box::new(TimedStaged(staged, clock)) as Box<dyn Staged>)
        })
    }
}

struct TimedStaged(Box<dyn Staged>, Arc<LatencyClock>);

impl Staged for TimedStaged {
    fn attributes(&self) -> Option<&Attributes> {
        self.0.attributes()
    }

    fn publish(self: Box<Self>, condition: Condition) -> BoxFuture<'static, Result<Attributes>> {
        let Self(staged, clock) = *self;
        Box::pin(async move { clock.time("publish", staged.publish(condition)).await })
    }
}

#[async_trait]
impl Storage for Timed {
    fn name(&self) -> &str {
        self.storage.name()
    }

    fn abilities(&self) -> Abilities {
        self.storage.abilities()
    }

    async fn stat(&self, path: &str) -> Result<Attributes> {
        let call = StorageCall(format!("stat({path:?})"));
        call.told(self.clock.time("stat", self.storage.stat(path)).await)
    }

    async fn read(
        &self,
        path: &str,
        range: Option<ByteRange>,
        condition: Condition,
    ) -> Result<(Attributes, Source)> {
        let call = StorageCall(format!("read({path:?}, {range:?}, {condition:?})"));
        let opened = self
            .clock
            .time("read", self.storage.read(path, range, condition))
            .await;
        let (attributes, source) = call.told(opened)?;
        Ok((attributes, call.streamed(source)))
    }

    async fn list(&self, path: &str, after: Option<&str>, limit: u32) -> Result<ListingPage> {
        let call = StorageCall(format!("list({path:?}, {after:?}, {limit})"));
        let listed = self
            .clock
            .time("list", self.storage.list(path, after, limit))
            .await;
        call.told(listed)
    }

    async fn write(&self, path: &str, body: Source, options: WriteOptions) -> Result<WriteOutcome> {
        self.touch(path);
        let size = match body.size() {
            Some(size) => format!("{size} bytes"),
            None => "bytes of unknown length".to_owned(),
        };
        let condition = &options.condition;
        let call = StorageCall(format!("write({path:?}, {size}, {condition:?})"));
        let written = self
            .clock
            .time("write", self.storage.write(path, body, options))
            .await;
        let written = call.told(written)?;
        Ok(self.timed(written, call))
    }

    async fn remove(&self, path: &str, condition: Condition) -> Result<()> {
        let call = StorageCall(format!("remove({path:?}, {condition:?})"));
        let removed = self
            .clock
            .time("remove", self.storage.remove(path, condition))
            .await;
        call.told(removed)
    }

    async fn make(&self, path: &str, mode: Option<u32>) -> Result<Attributes> {
        self.touch(path);
        let call = StorageCall(format!("make({path:?}, {mode:?})"));
        call.told(self.clock.time("make", self.storage.make(path, mode)).await)
    }

    async fn remove_directory(&self, path: &str) -> Result<()> {
        let call = StorageCall(format!("remove-directory({path:?})"));
        let removed = self
            .clock
            .time("remove-directory", self.storage.remove_directory(path))
            .await;
        call.told(removed)
    }

    async fn set_mode(&self, path: &str, mode: u32) -> Result<()> {
        let call = StorageCall(format!("set-mode({path:?}, {mode:o})"));
        let set = self
            .clock
            .time("set-mode", self.storage.set_mode(path, mode))
            .await;
        call.told(set)
    }

    async fn rename(&self, from: &str, to: &str, condition: Condition) -> Result<()> {
        self.touch(to);
        let call = StorageCall(format!("rename({from:?}, {to:?}, {condition:?})"));
        let renamed = self
            .clock
            .time("rename", self.storage.rename(from, to, condition))
            .await;
        call.told(renamed)
    }

    async fn exchange(&self, one: &str, other: &str) -> Result<()> {
        self.touch(one);
        self.touch(other);
        let call = StorageCall(format!("exchange({one:?}, {other:?})"));
        let exchanged = self
            .clock
            .time("exchange", self.storage.exchange(one, other))
            .await;
        call.told(exchanged)
    }

    async fn copy(&self, from: &str, to: &str, condition: Condition) -> Result<WriteOutcome> {
        self.touch(to);
        let call = StorageCall(format!("copy({from:?}, {to:?}, {condition:?})"));
        let copied = self
            .clock
            .time("copy", self.storage.copy(from, to, condition))
            .await;
        let copied = call.told(copied)?;
        Ok(self.timed(copied, call))
    }
}
