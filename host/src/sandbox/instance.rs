//! One instance of a component: its store, and what it exports.

use std::sync::Arc;

use wasmtime::component::{InstancePre, ResourceTable};
use wasmtime::{Store, UpdateDeadline};
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};

use super::bindings::exports::callfs::plugin::{
    authenticator, authorizer, lifecycle, storage, storage_copy, storage_directories, storage_rename, storage_write,
};
use super::grants::Grants;
use super::io::{HostSource, HostTransfer};
use super::limits::Meter;
use super::logging::PluginLog;
use super::plugin::Settings;
use super::runtime::Machine;
use super::stream::OpenStreams;
use crate::telemetry::PluginMetrics;

/// Resources that one instance may hold at the same time.
const MAX_RESOURCES: usize = 1000;
/// How much randomness one call of `wasi:random` gives, in bytes: it is made on the spot, while others wait.
const MAX_RANDOM: u64 = 64 << 10;
/// What one call may hand to the host in lists and strings, in bytes.
const MAX_HANDED_OVER: usize = 4 << 20;

/// What the host keeps for one instance.
pub(super) struct State {
    pub(super) table: ResourceTable,
    wasi: WasiCtx,
    pub(super) plugin: Arc<str>,
    pub(super) grants: Arc<Grants>,
    pub(super) meter: Meter,
    pub(super) log: PluginLog,
    pub(super) metrics: Arc<PluginMetrics>,
    pub(super) streams: OpenStreams,
}

impl State {
    /// Whether the component holds on to anything that bytes flow through.
    pub(super) fn keeps_bytes(&mut self) -> bool {
        self.table.iter_mut().any(|held| held.is::<HostSource>() || held.is::<HostTransfer>())
    }
}

impl WasiView for State {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

/// Where in a component each interface is; those it does not export are none.
#[derive(Clone)]
pub(super) struct ExportIndices {
    lifecycle: lifecycle::GuestIndices,
    storage: Option<storage::GuestIndices>,
    write: Option<storage_write::GuestIndices>,
    directories: Option<storage_directories::GuestIndices>,
    rename: Option<storage_rename::GuestIndices>,
    copy: Option<storage_copy::GuestIndices>,
    authenticator: Option<authenticator::GuestIndices>,
    authorizer: Option<authorizer::GuestIndices>,
}

impl ExportIndices {
    /// An interface that is exported must be the one of the contract, or this fails.
    pub(super) fn of(component: &InstancePre<State>) -> wasmtime::Result<Self> {
        let exports = |name: &str| {
            let name = format!("callfs:plugin/{name}@0.1.0");
            component.component().get_export_index(None, &name).is_some()
        };
        Ok(Self {
            lifecycle: lifecycle::GuestIndices::new(component)?,
            storage: exports("storage").then(|| storage::GuestIndices::new(component)).transpose()?,
            write: exports("storage-write").then(|| storage_write::GuestIndices::new(component)).transpose()?,
            directories: exports("storage-directories")
                .then(|| storage_directories::GuestIndices::new(component))
                .transpose()?,
            rename: exports("storage-rename").then(|| storage_rename::GuestIndices::new(component)).transpose()?,
            copy: exports("storage-copy").then(|| storage_copy::GuestIndices::new(component)).transpose()?,
            authenticator: exports("authenticator").then(|| authenticator::GuestIndices::new(component)).transpose()?,
            authorizer: exports("authorizer").then(|| authorizer::GuestIndices::new(component)).transpose()?,
        })
    }
}

/// What an instance exports.
pub(super) struct Exports {
    pub(super) lifecycle: lifecycle::Guest,
    storage: Option<storage::Guest>,
    write: Option<storage_write::Guest>,
    directories: Option<storage_directories::Guest>,
    rename: Option<storage_rename::Guest>,
    copy: Option<storage_copy::Guest>,
    authenticator: Option<authenticator::Guest>,
    authorizer: Option<authorizer::Guest>,
}

/// An interface that the component was checked to export when it was loaded.
macro_rules! exported {
    ($($field:ident: $guest:ty),+ $(,)?) => {
        impl Exports {
            $(pub(super) fn $field(&self) -> wasmtime::Result<&$guest> {
                self.$field.as_ref().ok_or_else(|| wasmtime::format_err!("the component does not export it"))
            })+
        }
    };
}

exported! {
    storage: storage::Guest,
    write: storage_write::Guest,
    directories: storage_directories::Guest,
    rename: storage_rename::Guest,
    copy: storage_copy::Guest,
    authenticator: authenticator::Guest,
    authorizer: authorizer::Guest,
}

/// One instance.
pub(super) struct Instance {
    pub(super) store: Store<State>,
    pub(super) exports: Arc<Exports>,
}

impl Instance {
    /// Instantiates; the component's own start code runs within the limits.
    pub(super) async fn new(
        machine: &Machine,
        component: &InstancePre<State>,
        indices: &ExportIndices,
        settings: &Settings,
        log: &PluginLog,
        metrics: &Arc<PluginMetrics>,
    ) -> wasmtime::Result<Self> {
        let mut store = Store::new(machine.engine(), state(settings, log, metrics));
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(MAX_HANDED_OVER);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| {
            let meter = &mut store.data_mut().meter;
            Ok(match meter.tick() {
                // The worker thread gets its turn at every tick, whatever the guest does.
                true => UpdateDeadline::YieldCustom(1, Box::pin(meter.pause())),
                false => UpdateDeadline::Interrupt,
            })
        });
        let instance = component.instantiate_async(&mut store).await?;
        let store_ref = &mut store;
        let exports = Exports {
            lifecycle: indices.lifecycle.load(&mut *store_ref, &instance)?,
            storage: load(&indices.storage, |i| i.load(&mut *store_ref, &instance))?,
            write: load(&indices.write, |i| i.load(&mut *store_ref, &instance))?,
            directories: load(&indices.directories, |i| i.load(&mut *store_ref, &instance))?,
            rename: load(&indices.rename, |i| i.load(&mut *store_ref, &instance))?,
            copy: load(&indices.copy, |i| i.load(&mut *store_ref, &instance))?,
            authenticator: load(&indices.authenticator, |i| i.load(&mut *store_ref, &instance))?,
            authorizer: load(&indices.authorizer, |i| i.load(&mut *store_ref, &instance))?,
        };
        Ok(Self { store, exports: Arc::new(exports) })
    }
}

fn load<I, G>(indices: &Option<I>, load: impl FnOnce(&I) -> wasmtime::Result<G>) -> wasmtime::Result<Option<G>> {
    indices.as_ref().map(load).transpose()
}

fn state(settings: &Settings, log: &PluginLog, metrics: &Arc<PluginMetrics>) -> State {
    let mut table = ResourceTable::new();
    table.set_max_capacity(MAX_RESOURCES);
    // No folders, no environment, no arguments, no sockets: what Rust's std imports, it gets empty.
    let wasi = WasiCtx::builder().stdout(log.clone()).stderr(log.clone()).max_random_size(MAX_RANDOM).build();
    State {
        table,
        wasi,
        plugin: settings.name.clone(),
        grants: settings.grants.clone(),
        meter: Meter::new(settings.limits),
        log: log.clone(),
        metrics: metrics.clone(),
        streams: OpenStreams::default(),
    }
}
