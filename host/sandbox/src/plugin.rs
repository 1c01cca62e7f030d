//! A loaded component: checked, compiled, configured, and called.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_telemetry::PluginMetrics;
use tokio::time::{timeout, timeout_at};
use wasmtime::component::{Accessor, InstancePre};

use super::bindings::callfs::plugin::types as wit;
use super::convert;
use super::exports::{ExportIndices, Exports};
use super::grants::Grants;
use super::inspection::{self, Inspection, PluginKind};
use super::instance::{Instance, InstanceState};
use super::limits::CallLimits;
use super::logging::PluginLog;
use super::pool::{Checkout, LastingTurn, Pool};
use super::runtime::{Runtime, RuntimeEngine};
use super::used_instance::UsedInstance;

type InstanceStore = wasmtime::Store<InstanceState>;

/// What a component is loaded with.
#[derive(Clone)]
pub struct PluginSettings {
    /// Name for messages, metrics and logs.
    pub name: Arc<str>,
    /// The configuration, a JSON object.
    pub config: Arc<str>,
    /// What it was given.
    pub grants: Arc<Grants>,
    /// What it may use.
    pub limits: CallLimits,
}

/// Why a component was not loaded: one line for the operator, with what to do.
#[derive(Debug, thiserror::Error)]
#[error("plugin '{plugin}': {message}")]
pub struct LoadError {
    /// Its name.
    pub plugin: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

/// A loaded component.
pub(super) struct Plugin {
    settings: PluginSettings,
    machine: RuntimeEngine,
    component: InstancePre<InstanceState>,
    indices: ExportIndices,
    pool: Arc<Pool>,
    log: PluginLog,
    metrics: Arc<PluginMetrics>,
    /// It carries out writes with streams of its own making, which take as long as a client takes.
    makes_writes: AtomicBool,
}

/// What a call needs whose instance goes on after it, because it made a stream.
enum StreamTurn {
    /// Nothing: it has one, if one was free.
    Optional(Option<LastingTurn>),
    /// One, or the call counts as not made.
    Required(Option<LastingTurn>),
}

impl Plugin {
    /// Checks, compiles and configures a component, and answers what it says of itself.
    pub(super) async fn load(
        runtime: &Runtime,
        component: &[u8],
        kind: PluginKind,
        settings: PluginSettings,
        metrics: Arc<PluginMetrics>,
    ) -> Result<(Self, Inspection), LoadError> {
        let refuse = |message: String| LoadError {
            plugin: settings.name.to_string(),
            message,
        };
        inspection::check_binary(component).map_err(refuse)?;
        let machine = runtime.machine(kind);
        let compiled = match tokio::task::block_in_place(|| machine.compile(component)) {
            Ok(compiled) => compiled,
            Err(error) => {
                // What is wrong may be that it is of another kind, and so made for the other
                // machine.
                let other = runtime.machine(PluginKind::Storage);
                if let Ok(compiled) = tokio::task::block_in_place(|| other.compile(component)) {
                    inspection::check(other, &compiled, kind, &settings.grants).map_err(refuse)?;
                }
                return Err(refuse(format!("it does not compile: {error:#}")));
            }
        };
        inspection::check(machine, &compiled, kind, &settings.grants).map_err(refuse)?;
        let linked = machine.linker().instantiate_pre(&compiled);
        let linked =
            linked.map_err(|error| refuse(format!("it does not fit the contract: {error:#}")))?;
        let indices = ExportIndices::of(&linked).map_err(|error| refuse(format!("{error:#}")))?;
        let log = PluginLog::new(&settings.name);
        let pool = Pool::new(
            settings.name.clone(),
            settings.limits.instances,
            metrics.clone(),
        );
        let plugin = Self {
            settings,
            machine: machine.clone(),
            component: linked,
            indices,
            pool,
            log,
            metrics,
            makes_writes: AtomicBool::new(false),
        };
        let inspection = plugin.configure_first(component).await?;
        Ok((plugin, inspection))
    }

    /// What a component says of itself, with nothing granted.
    pub(super) async fn inspect(
        runtime: &Runtime,
        name: &str,
        component: &[u8],
    ) -> Result<Inspection, LoadError> {
        let refuse = |message: String| LoadError {
            plugin: name.into(),
            message,
        };
        inspection::check_binary(component).map_err(refuse)?;
        let machine = runtime.machine(PluginKind::Storage);
        let described = async {
            let compiled = tokio::task::block_in_place(|| machine.compile(component))?;
            let linked = machine.linker().instantiate_pre(&compiled)?;
            let settings = PluginSettings {
                name: name.into(),
                config: "{}".into(),
                grants: Arc::default(),
                limits: CallLimits::default(),
            };
            let metrics = Arc::new(PluginMetrics::detached());
            let indices = ExportIndices::of(&linked)?;
            let log = PluginLog::new(name);
            let mut instance =
                Instance::new(machine, &linked, &indices, &settings, &log, &metrics).await?;
            let exports = instance.exports.clone();
            wasmtime::error::Ok((
                compiled,
                exports.lifecycle.call_describe(&mut instance.store).await?,
            ))
        };
        let limit = CallLimits::default().call_timeout;
        let described = timeout(limit, described)
            .await
            .map_err(|_| refuse(format!("it does not start within {limit:?}")))?;
        let (compiled, description) = described.map_err(|error| refuse(format!("{error:#}")))?;
        Inspection::new(component, machine, &compiled, description).map_err(refuse)
    }

    pub(super) fn name(&self) -> &Arc<str> {
        &self.settings.name
    }

    /// How long a call may take without any byte moved on its behalf.
    pub(super) fn call_timeout(&self) -> Duration {
        self.settings.limits.call_timeout
    }

    /// Makes the first instance, which shows whether the configuration is right.
    async fn configure_first(&self, component: &[u8]) -> Result<Inspection, LoadError> {
        let refuse = |message: String| LoadError {
            plugin: self.settings.name.to_string(),
            message,
        };
        let mut checkout = self
            .pool
            .check_out()
            .await
            .map_err(|error| refuse(error.message().into()))?;
        drop(checkout.take());
        let start = async {
            let mut instance = self
                .instantiate()
                .await
                .map_err(|error| refuse(format!("it does not start: {error:#}")))?;
            let exports = instance.exports.clone();
            match exports
                .lifecycle
                .call_configure(&mut instance.store, &self.settings.config)
                .await
            {
                Ok(Ok(())) => {}
                Ok(Err(error)) if error.path.is_empty() => {
                    return Err(refuse(format!("config: {}", error.message)));
                }
                Ok(Err(error)) => {
                    return Err(refuse(format!("config.{}: {}", error.path, error.message)));
                }
                Err(error) => {
                    return Err(refuse(format!(
                        "it does not take its configuration: {error:#}"
                    )));
                }
            }
            let description = exports.lifecycle.call_describe(&mut instance.store).await;
            let description = description
                .map_err(|error| refuse(format!("it does not describe itself: {error:#}")))?;
            Ok((instance, description))
        };
        let limit = self.settings.limits.call_timeout;
        let started = timeout(limit, start).await;
        let (instance, description) =
            started.map_err(|_| refuse(format!("it does not start within {limit:?}")))??;
        let inspection = Inspection::new(
            component,
            &self.machine,
            self.component.component(),
            description,
        );
        let inspection = inspection.map_err(refuse)?;
        checkout.put_back(instance, Checkout::lifetime());
        Ok(inspection)
    }

    async fn instantiate(&self) -> wasmtime::Result<Instance> {
        let Self {
            machine,
            component,
            indices,
            settings,
            log,
            metrics,
            ..
        } = self;
        Instance::new(machine, component, indices, settings, log, metrics).await
    }

    /// A configured instance, made as soon as that makes sense.
    async fn fresh(&self) -> wasmtime::Result<Instance> {
        self.pool.pause().await;
        let start = async {
            let mut instance = self.instantiate().await?;
            let exports = instance.exports.clone();
            match exports
                .lifecycle
                .call_configure(&mut instance.store, &self.settings.config)
                .await?
            {
                Ok(()) => Ok(instance),
                Err(error) => wasmtime::bail!(
                    "the configuration was refused: {}: {}",
                    error.path,
                    error.message
                ),
            }
        };
        let limit = self.settings.limits.call_timeout;
        timeout(limit, start)
            .await
            .unwrap_or_else(|_| wasmtime::bail!("it did not start within {limit:?}"))
    }

    /// Waits for the right to make a call that lasts as long as a client writes; it is held until
    /// then.
    pub(super) async fn admit_writer(&self) -> Result<LastingTurn> {
        self.pool.admit_writer().await
    }

    /// Calls an asynchronous export: one instance for this call alone, within its limits.
    pub(super) async fn call<R>(
        &self,
        operation: &'static str,
        call: impl AsyncFnOnce(
            &Accessor<InstanceState>,
            &Exports,
        ) -> wasmtime::Result<Result<R, wit::Error>>,
    ) -> Result<R> {
        let turn = StreamTurn::Optional(None);
        self.call_in_turn(operation, turn, call)
            .await?
            .ok_or_else(|| Error::internal("a call that needs no turn was refused one"))
    }

    /// The same of an export that answers a source. Where all instances that may be kept busy by
    /// clients who read are, it lets go of the stream, waits without an instance, and asks again,
    /// with another of these calls.
    pub(super) async fn call_read<R, C>(
        &self,
        operation: &'static str,
        calls: impl Fn() -> C,
    ) -> Result<R>
    where
        C: AsyncFnOnce(
            &Accessor<InstanceState>,
            &Exports,
        ) -> wasmtime::Result<Result<R, wit::Error>>,
    {
        let mut turn = None;
        loop {
            let needed = StreamTurn::Required(turn.take());
            if let Some(read) = self.call_in_turn(operation, needed, calls()).await? {
                return Ok(read);
            }
            turn = Some(self.pool.admit_reader().await?);
        }
    }

    /// The same of an export that answers a transfer. Whether the component makes the bytes itself
    /// is known once it did.
    pub(super) async fn call_write<R>(
        &self,
        operation: &'static str,
        call: impl AsyncFnOnce(
            &Accessor<InstanceState>,
            &Exports,
        ) -> wasmtime::Result<Result<R, wit::Error>>,
    ) -> Result<R> {
        let turn = if self.makes_writes.load(Ordering::Relaxed) {
            Some(self.pool.admit_writer().await?)
        } else {
            None
        };
        let turn = StreamTurn::Optional(turn);
        self.call_in_turn(
            operation,
            turn,
            async |accessor: &Accessor<InstanceState>, exports: &Exports| {
                let written = call(accessor, exports).await?;
                if accessor.with(|mut access| access.get().streams.any()) {
                    self.makes_writes.store(true, Ordering::Relaxed);
                }
                Ok(written)
            },
        )
        .await?
        .ok_or_else(|| Error::internal("a call that needs no turn was refused one"))
    }

    /// None if the call made a stream and has no turn for it.
    async fn call_in_turn<R>(
        &self,
        operation: &'static str,
        turn: StreamTurn,
        call: impl AsyncFnOnce(
            &Accessor<InstanceState>,
            &Exports,
        ) -> wasmtime::Result<Result<R, wit::Error>>,
    ) -> Result<Option<R>> {
        let started = Instant::now();
        let (checkout, mut instance, calls_left) = self.begin(operation).await?;
        let exports = instance.exports.clone();
        let resting = instance.concurrent_state();
        let outcome = {
            // Bytes that move on behalf of the call put its end off, so the deadline is looked up
            // again when it is over.
            let progress = instance.store.data().meter.progress();
            let mut deadline = progress.deadline();
            let stopwatch = instance.store.data().meter.stopwatch();
            let running = instance
                .store
                .run_concurrent(async |accessor| call(accessor, &exports).await);
            let mut running = pin!(stopwatch.timing(running));
            loop {
                match timeout_at(deadline.into(), &mut running).await {
                    Ok(outcome) => break Some(outcome.flatten()),
                    Err(_) => match progress.deadline() {
                        later if later > deadline => deadline = later,
                        _ => break None,
                    },
                }
            }
        };
        let result = match outcome {
            Some(Ok(result)) => {
                let mut result = result
                    .map(Some)
                    .map_err(|error| convert::error_in(error, &self.settings.name));
                let mut kept = None;
                let streamed = instance.store.data().streams.any();
                if streamed {
                    kept = match turn {
                        StreamTurn::Optional(turn) | StreamTurn::Required(turn @ Some(_)) => turn,
                        StreamTurn::Required(None) => {
                            let turn = self.pool.try_admit_reader();
                            if turn.is_none() {
                                // Its streams close with it.
                                result = result.map(|_| None);
                            }
                            turn
                        }
                    };
                }
                let used = UsedInstance {
                    checkout,
                    instance,
                    calls_left,
                };
                if streamed {
                    self.go_on(used, resting, kept);
                } else {
                    self.end(used);
                }
                result
            }
            Some(Err(trap)) => Err(self.broken(&instance, &trap)),
            None => Err(self.overdue()),
        };
        self.metrics
            .call(operation, outcome_label(&result), started.elapsed());
        result
    }

    /// Calls a synchronous export, within its limits.
    pub(super) async fn call_sync<R>(
        &self,
        operation: &'static str,
        call: impl AsyncFnOnce(&mut InstanceStore, &Exports) -> wasmtime::Result<R>,
    ) -> Result<R> {
        let started = Instant::now();
        let (checkout, mut instance, calls_left) = self.begin(operation).await?;
        let exports = instance.exports.clone();
        let (deadline, stopwatch) = {
            let meter = &instance.store.data().meter;
            (meter.progress().deadline(), meter.stopwatch())
        };
        let result = match timeout_at(
            deadline.into(),
            stopwatch.timing(call(&mut instance.store, &exports)),
        )
        .await
        {
            Ok(Ok(result)) => {
                let used = UsedInstance {
                    checkout,
                    instance,
                    calls_left,
                };
                self.end(used);
                Ok(result)
            }
            Ok(Err(trap)) => Err(self.broken(&instance, &trap)),
            Err(_) => Err(self.overdue()),
        };
        self.metrics
            .call(operation, outcome_label(&result), started.elapsed());
        result
    }

    async fn begin(&self, operation: &'static str) -> Result<(Checkout, Instance, u32)> {
        let refused = |error: Error| {
            self.metrics
                .call(operation, "refused", std::time::Duration::ZERO);
            error
        };
        let mut checkout = self.pool.check_out().await.map_err(refused)?;
        let (mut instance, calls_left) = match checkout.take() {
            Some(warm) => warm,
            None => match self.fresh().await {
                Ok(instance) => (instance, Checkout::lifetime()),
                Err(error) => {
                    self.pool.failed();
                    self.metrics.trap("start");
                    let message = format!("the plugin '{}' does not start", self.settings.name);
                    let error =
                        Error::new(ErrorKind::PluginFailed, message).because(format!("{error:#}"));
                    return Err(refused(error.of_plugin(&*self.settings.name)));
                }
            },
        };
        instance.store.data().log.take_last_words();
        instance.store.data_mut().meter.begin();
        instance.store.set_epoch_deadline(1);
        Ok((checkout, instance, calls_left - 1))
    }

    /// Gives the instance back.
    fn end(&self, used: UsedInstance) {
        self.pool.succeeded();
        self.metrics
            .memory(used.instance.store.data().meter.memory());
        used.put_back();
    }

    /// Keeps the instance running for as long as a stream of its making is read, and then for a
    /// bounded time until it has finished.
    fn go_on(&self, used: UsedInstance, resting: usize, turn: Option<LastingTurn>) {
        let streams = used.instance.store.data().streams.clone();
        self.pool.succeeded();
        self.metrics
            .memory(used.instance.store.data().meter.memory());
        let plugin = self.settings.name.clone();
        let metrics = self.metrics.clone();
        let to_finish = self.settings.limits.call_timeout;
        tokio::spawn(async move {
            let outcome = used.finish(streams, resting, to_finish).await;
            if let Err(error) = outcome {
                metrics.trap("stream");
                tracing::warn!(
                    plugin = &*plugin,
                    error = format!("{error:#}"),
                    "the plugin failed in the middle of a stream"
                );
            }
            drop(turn);
        });
    }

    /// What a trap means for the caller.
    fn broken(&self, instance: &Instance, trap: &wasmtime::Error) -> Error {
        self.pool.failed();
        let PluginSettings { name, limits, .. } = &self.settings;
        let meter = &instance.store.data().meter;
        self.metrics.memory(meter.memory());
        let (reason, kind, message) = if meter.out_of_time {
            let message = format!(
                "the plugin '{name}' used more than {:?} of processor time in one call",
                limits.cpu_time
            );
            ("cpu", ErrorKind::BackendTimeout, message)
        } else if meter.out_of_memory {
            let message = format!(
                "the plugin '{name}' ran out of its {} MiB of memory",
                limits.memory >> 20
            );
            ("memory", ErrorKind::PluginFailed, message)
        } else {
            (
                "trap",
                ErrorKind::PluginFailed,
                format!("the plugin '{name}' failed"),
            )
        };
        self.metrics.trap(reason);
        // What a component says when it panics, before where it was.
        let cause = match instance.store.data().log.take_last_words() {
            said if said.is_empty() => format!("{trap:#}"),
            said => format!("it said: {said}: {trap:#}"),
        };
        Error::new(kind, message).because(cause).of_plugin(&**name)
    }

    fn overdue(&self) -> Error {
        self.pool.failed();
        self.metrics.trap("timeout");
        let PluginSettings { name, limits, .. } = &self.settings;
        let message = format!(
            "the plugin '{name}' did not answer within {:?}",
            limits.call_timeout
        );
        Error::new(ErrorKind::BackendTimeout, message).of_plugin(&**name)
    }
}

/// The label under which a call is counted.
fn outcome_label<R>(result: &Result<R>) -> &'static str {
    match result.as_ref().map_err(Error::kind) {
        Ok(_) => "ok",
        Err(ErrorKind::NotFound) => "not_found",
        Err(ErrorKind::PluginFailed) => "failed",
        Err(ErrorKind::BackendTimeout) => "timeout",
        Err(_) => "error",
    }
}
