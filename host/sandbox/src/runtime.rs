//! The machines that components run on, each with a compiler, a pool of memory and a clock.
//!
//! There are two. Components that may wait (storage, authenticators) need support for concurrency;
//! an authorizer may not wait, is asked on every request, and costs a fraction without.

use std::sync::Arc;
use std::thread;

use wasmtime::component::{Component, HasSelf, Linker};
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, PoolingAllocationConfig};

use super::bindings::{callfs, wasi};
use super::cache::CompileCache;
use super::inspection::PluginKind;
use super::instance::InstanceState;
use super::limits::TICK;

/// How many instances to reserve address space for; the second is for machines that ration it.
const POOLS: [u32; 2] = [1024, 128];

/// The machines that components run on.
pub struct Runtime {
    concurrent: RuntimeEngine,
    plain: RuntimeEngine,
}

/// One of them. Cheap to clone.
#[derive(Clone)]
pub(super) struct RuntimeEngine {
    engine: Engine,
    linker: Arc<Linker<InstanceState>>,
    cache: Option<CompileCache>,
}

impl Runtime {
    /// Machines for components of at most `memory` bytes each.
    pub fn new(memory: usize, cache: Option<CompileCache>) -> wasmtime::Result<Self> {
        let concurrent = RuntimeEngine::new(memory, true, cache.clone())?;
        let plain = RuntimeEngine::new(memory, false, cache)?;
        Ok(Self { concurrent, plain })
    }

    /// The machine for a kind of component.
    pub(super) fn machine(&self, kind: PluginKind) -> &RuntimeEngine {
        match kind {
            PluginKind::Storage | PluginKind::Authenticator => &self.concurrent,
            PluginKind::Authorizer => &self.plain,
        }
    }
}

impl RuntimeEngine {
    fn new(
        memory: usize,
        concurrency: bool,
        cache: Option<CompileCache>,
    ) -> wasmtime::Result<Self> {
        let engine = engine(memory, concurrency)?;
        start_clock(&engine)?;
        let linker = linker(&engine, concurrency)?;
        Ok(Self {
            engine,
            linker: Arc::new(linker),
            cache,
        })
    }

    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(super) fn linker(&self) -> &Linker<InstanceState> {
        &self.linker
    }

    /// Compiles a component. Takes a while, and no await point: call it from a thread that may
    /// block.
    pub(super) fn compile(&self, component: &[u8]) -> wasmtime::Result<Component> {
        match &self.cache {
            Some(cache) => cache.compile(&self.engine, component),
            None => Component::new(&self.engine, component),
        }
    }
}

/// Instances in a pool where the address space allows it: several times quicker to make.
fn engine(memory: usize, concurrency: bool) -> wasmtime::Result<Engine> {
    for instances in POOLS {
        let mut config = config(concurrency);
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(instances, memory)));
        match Engine::new(&config) {
            Ok(engine) => return Ok(engine),
            Err(error) => {
                tracing::debug!(%error, instances, "cannot reserve address space for a pool of \
                    instances")
            }
        }
    }
    tracing::warn!(
        "address space is short: instances of plugins are made one by one, which is slower"
    );
    Engine::new(&config(concurrency))
}

fn config(concurrency: bool) -> Config {
    let mut config = Config::new();
    config
        .epoch_interruption(true)
        .concurrency_support(concurrency);
    config
}

fn pool(instances: u32, memory: usize) -> PoolingAllocationConfig {
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(instances)
        .total_core_instances(instances * 4)
        .total_memories(instances)
        .total_tables(instances * 4)
        .total_stacks(instances)
        .max_memory_size(memory)
        // Enough for what linkers make of one program; without a bound, one component could take
        // all there is.
        .max_memories_per_component(2)
        .max_core_instances_per_component(8)
        .max_tables_per_component(8)
        .linear_memory_keep_resident(2 << 20)
        .table_keep_resident(512 << 10)
        .async_stack_keep_resident(64 << 10)
        // Resetting what was kept is only cheap where the kernel can tell which pages were touched.
        .pagemap_scan(Enabled::Auto);
    pool
}

/// Advances the epoch, from a thread that no guest can hold up, for as long as the engine lives.
fn start_clock(engine: &Engine) -> wasmtime::Result<()> {
    let engine = engine.weak();
    let clock = thread::Builder::new().name("callfs-epoch".into());
    clock.spawn(move || {
        while let Some(engine) = engine.upgrade() {
            engine.increment_epoch();
            drop(engine);
            thread::sleep(TICK);
        }
    })?;
    Ok(())
}

/// Everything that a component may import. What it was granted is checked when it is loaded, and
/// again by each capability.
fn linker(engine: &Engine, concurrency: bool) -> wasmtime::Result<Linker<InstanceState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    callfs::plugin::types::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
    wasi::logging::logging::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
    if concurrency {
        callfs::plugin::io::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| state)?;
        callfs::plugin::directories::add_to_linker::<_, HasSelf<InstanceState>>(
            &mut linker,
            |state| state,
        )?;
        callfs::plugin::http::add_to_linker::<_, HasSelf<InstanceState>>(&mut linker, |state| {
            state
        })?;
    }
    Ok(linker)
}
