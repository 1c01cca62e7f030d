//! One instance of a component: its store, and what the host keeps for it.

use std::sync::Arc;

use callfs_telemetry::PluginMetrics;
use wasmtime::component::{InstancePre, ResourceTable};
use wasmtime::{AsContextMut, Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::exports::{ExportIndices, Exports};
use super::grants::Grants;
use super::io::{HostSource, HostTransfer};
use super::limits::InstanceMeter;
use super::logging::PluginLog;
use super::plugin::PluginSettings;
use super::runtime::RuntimeEngine;
use super::stream::OpenStreams;

/// Resources that one instance may hold at the same time.
const MAX_RESOURCES: usize = 1000;
/// How much randomness one call of `wasi:random` gives, in bytes: it is made on the spot, while
/// others wait.
const MAX_RANDOM: u64 = 64 << 10;
/// What one call may hand to the host in lists and strings, in bytes.
const MAX_HANDED_OVER: usize = 4 << 20;

/// What the host keeps for one instance.
pub(super) struct InstanceState {
    pub(super) table: ResourceTable,
    wasi: WasiCtx,
    pub(super) plugin: Arc<str>,
    pub(super) grants: Arc<Grants>,
    pub(super) meter: InstanceMeter,
    pub(super) log: PluginLog,
    pub(super) metrics: Arc<PluginMetrics>,
    pub(super) streams: OpenStreams,
}

impl InstanceState {
    /// Whether the component holds on to anything that bytes flow through.
    pub(super) fn keeps_bytes(&mut self) -> bool {
        self.table
            .iter_mut()
            .any(|held| held.is::<HostSource>() || held.is::<HostTransfer>())
    }
}

impl WasiView for InstanceState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView {
            ctx: &mut self.wasi,
            table: &mut self.table,
        }
    }
}

/// One instance.
pub(super) struct Instance {
    pub(super) store: Store<InstanceState>,
    pub(super) exports: Arc<Exports>,
}

impl Instance {
    /// Instantiates; the component's own start code runs within the limits.
    pub(super) async fn new(
        machine: &RuntimeEngine,
        component: &InstancePre<InstanceState>,
        indices: &ExportIndices,
        settings: &PluginSettings,
        log: &PluginLog,
        metrics: &Arc<PluginMetrics>,
    ) -> wasmtime::Result<Self> {
        let mut store = Store::new(machine.engine(), state(settings, log, metrics));
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(MAX_HANDED_OVER);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let meter = &mut store.data_mut().meter;
            Ok(if meter.tick() {
                // The worker thread gets its turn at every tick, whatever the guest does.
                UpdateDeadline::YieldCustom(1, Box::pin(meter.pause()))
            } else {
                UpdateDeadline::Interrupt
            })
        });
        let instance = component.instantiate_async(&mut store).await?;
        let exports = indices.load(&mut store, &instance)?;
        Ok(Self {
            store,
            exports: Arc::new(exports),
        })
    }
}

impl Instance {
    /// How many tasks, streams and futures there are in it: as many as before a call once nothing
    /// of the call is left.
    pub(super) fn concurrent_state(&mut self) -> usize {
        self.store.as_context_mut().concurrent_state_table_size()
    }
}

fn state(
    settings: &PluginSettings,
    log: &PluginLog,
    metrics: &Arc<PluginMetrics>,
) -> InstanceState {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_RESOURCES);
    let log = log.for_instance();
    // No folders, no environment, no arguments, no sockets: what Rust's std imports, it gets empty.
    let wasi = WasiCtx::builder()
        .stdout(log.clone())
        .stderr(log.clone())
        .max_random_size(MAX_RANDOM)
        .build();
    InstanceState {
        table,
        wasi,
        plugin: settings.name.clone(),
        grants: settings.grants.clone(),
        meter: InstanceMeter::new(settings.limits),
        log,
        metrics: metrics.clone(),
        streams: OpenStreams::default(),
    }
}
