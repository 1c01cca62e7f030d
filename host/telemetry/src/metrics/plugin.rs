//! Components: their calls, failures, instances and bytes.
//!
//! The labels of whatever happens on every call are resolved once, so that counting costs little
//! beside a call of a microsecond or two.

use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;

use prometheus::{
    Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, IntGaugeVec, Opts,
    Registry,
};

use super::{Metrics, buckets, register};

/// The families; [`PluginMetrics`] are their handles.
#[derive(Clone)]
pub(super) struct PluginFamilies {
    calls: IntCounterVec,
    delegated: IntCounterVec,
    seconds: HistogramVec,
    traps: IntCounterVec,
    instances: IntGaugeVec,
    memory: IntGaugeVec,
    memory_rises: Arc<Mutex<()>>,
    bytes: IntCounterVec,
    waits: IntCounterVec,
    generations: IntGaugeVec,
    http: IntCounterVec,
    http_seconds: HistogramVec,
    http_refused: IntCounterVec,
}

/// Handles for one generation of a component, which is counted for as long as somebody has them.
pub struct PluginMetrics(Option<Handles>);

struct Handles {
    plugin: String,
    families: PluginFamilies,
    /// Few, so that going through them is faster than hashing labels.
    operations: RwLock<Vec<OperationMetrics>>,
    delegated: RwLock<Vec<(&'static str, IntCounter)>>,
    idle: IntGauge,
    busy: IntGauge,
    memory: IntGauge,
    native_read: IntCounter,
    native_write: IntCounter,
    guest_read: IntCounter,
    guest_write: IntCounter,
    waits: IntCounter,
    generations: IntGauge,
}

#[derive(Clone)]
struct OperationMetrics {
    name: &'static str,
    ok: IntCounter,
    seconds: Histogram,
}

impl PluginFamilies {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let calls = Opts::new(
            "callfs_plugin_calls_total",
            "Calls of components by how they ended.",
        );
        let delegated = Opts::new(
            "callfs_plugin_delegated_total",
            "Operations that components have delegated to the gateway: calls that were not made.",
        );
        let seconds = HistogramOpts::new(
            "callfs_plugin_call_seconds",
            "Time that calls of components took.",
        );
        let traps = Opts::new(
            "callfs_plugin_traps_total",
            "Instances that were given up, and why.",
        );
        let instances = Opts::new("callfs_plugin_instances", "Instances of components.");
        let memory = Opts::new(
            "callfs_plugin_memory_bytes_max",
            "The most memory that one instance has had.",
        );
        let bytes = Opts::new(
            "callfs_plugin_bytes_total",
            "Bytes of files by who carried them.",
        );
        let waits = Opts::new(
            "callfs_plugin_waits_total",
            "Calls that had to wait for an instance.",
        );
        let generations = "Loaded components that are in use, one for each mount; more than that \
                           finish what they began.";
        let generations = Opts::new("callfs_plugin_generations", generations);
        let http = Opts::new(
            "callfs_plugin_http_requests_total",
            "Requests that components sent, by how they ended.",
        );
        let http_seconds = HistogramOpts::new(
            "callfs_plugin_http_request_seconds",
            "Time until the head of the answer was there.",
        );
        let http_refused = Opts::new(
            "callfs_plugin_http_refused_total",
            "Requests that components were not allowed to send, and why.",
        );
        Ok(Self {
            calls: register(
                registry,
                IntCounterVec::new(calls, &["plugin", "operation", "outcome"]),
            )?,
            delegated: register(
                registry,
                IntCounterVec::new(delegated, &["plugin", "operation"]),
            )?,
            seconds: register(
                registry,
                HistogramVec::new(seconds.buckets(call_buckets()), &["plugin", "operation"]),
            )?,
            traps: register(registry, IntCounterVec::new(traps, &["plugin", "reason"]))?,
            instances: register(registry, IntGaugeVec::new(instances, &["plugin", "state"]))?,
            memory: register(registry, IntGaugeVec::new(memory, &["plugin"]))?,
            memory_rises: Arc::default(),
            bytes: register(
                registry,
                IntCounterVec::new(bytes, &["plugin", "direction", "carrier"]),
            )?,
            waits: register(registry, IntCounterVec::new(waits, &["plugin"]))?,
            generations: register(registry, IntGaugeVec::new(generations, &["plugin"]))?,
            http: register(registry, IntCounterVec::new(http, &["plugin", "outcome"]))?,
            http_seconds: register(
                registry,
                HistogramVec::new(http_seconds.buckets(buckets()), &["plugin"]),
            )?,
            http_refused: register(
                registry,
                IntCounterVec::new(http_refused, &["plugin", "reason"]),
            )?,
        })
    }
}

/// Calls of authorizers take a microsecond or two.
fn call_buckets() -> Vec<f64> {
    [
        0.000_001,
        0.000_002_5,
        0.000_005,
        0.000_01,
        0.000_025,
        0.000_05,
    ]
    .into_iter()
    .chain(buckets())
    .collect()
}

impl PluginMetrics {
    /// Handles for a component.
    pub fn new(metrics: &Metrics, plugin: &str) -> Self {
        let families = metrics.plugins.clone();
        let generations = families.generations.with_label_values(&[plugin]);
        generations.inc();
        let bytes = |direction, carrier| {
            families
                .bytes
                .with_label_values(&[plugin, direction, carrier])
        };
        Self(Some(Handles {
            idle: families.instances.with_label_values(&[plugin, "idle"]),
            busy: families.instances.with_label_values(&[plugin, "busy"]),
            memory: families.memory.with_label_values(&[plugin]),
            native_read: bytes("read", "native"),
            native_write: bytes("write", "native"),
            guest_read: bytes("read", "guest"),
            guest_write: bytes("write", "guest"),
            waits: families.waits.with_label_values(&[plugin]),
            generations,
            operations: RwLock::default(),
            delegated: RwLock::default(),
            plugin: plugin.to_owned(),
            families,
        }))
    }

    /// Handles that count nothing, for a component that is only looked at.
    pub fn detached() -> Self {
        Self(None)
    }

    /// A call is over. The outcome is `ok` or the name of a failure.
    pub fn call(&self, operation: &'static str, outcome: &'static str, elapsed: Duration) {
        let Some(handles) = &self.0 else { return };
        let resolved = handles.operation(operation);
        resolved.seconds.observe(elapsed.as_secs_f64());
        match outcome {
            "ok" => resolved.ok.inc(),
            failure => handles
                .families
                .calls
                .with_label_values(&[&handles.plugin, operation, failure])
                .inc(),
        }
    }

    /// The gateway did itself what the component has delegated.
    pub fn delegated(&self, operation: &'static str) {
        let Some(handles) = &self.0 else { return };
        let known = handles.delegated.read();
        let known = known.unwrap_or_else(PoisonError::into_inner);
        if let Some((_, count)) = known.iter().find(|(name, _)| *name == operation) {
            return count.inc();
        }
        drop(known);
        let labels = [handles.plugin.as_str(), operation];
        let count = handles.families.delegated.with_label_values(&labels);
        count.inc();
        let mut known = handles
            .delegated
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        // Two may have found it missing; both count in the same place.
        if known.iter().all(|(name, _)| *name != operation) {
            known.push((operation, count));
        }
    }

    /// An instance was given up.
    pub fn trap(&self, reason: &'static str) {
        if let Some(handles) = &self.0 {
            handles
                .families
                .traps
                .with_label_values(&[handles.plugin.as_str(), reason])
                .inc();
        }
    }

    /// A call had to wait for an instance.
    pub fn wait(&self) {
        self.count(|handles| &handles.waits, 1);
    }

    /// So many more instances are busy, or less.
    pub fn busy(&self, change: i64) {
        if let Some(handles) = &self.0 {
            handles.busy.add(change);
        }
    }

    /// So many more instances are idle, or less.
    pub fn idle(&self, change: i64) {
        if let Some(handles) = &self.0 {
            handles.idle.add(change);
        }
    }

    /// An instance has this much memory, in bytes; the most is kept.
    pub fn memory(&self, bytes: usize) {
        let Some(handles) = &self.0 else { return };
        let bytes = i64::try_from(bytes).unwrap_or(i64::MAX);
        if bytes > handles.memory.get() {
            // A gauge cannot take a maximum by itself: without this a lower value could overwrite a
            // higher one.
            let _rising = handles
                .families
                .memory_rises
                .lock()
                .unwrap_or_else(PoisonError::into_inner);
            if bytes > handles.memory.get() {
                handles.memory.set(bytes);
            }
        }
    }

    /// A request of the component was answered with a status.
    pub fn http_answered(&self, status: u16, elapsed: Duration) {
        let class = match status / 100 {
            1 => "1xx",
            2 => "2xx",
            3 => "3xx",
            4 => "4xx",
            _ => "5xx",
        };
        self.http_ended(class, elapsed);
    }

    /// A request of the component was not answered; the outcome says why.
    pub fn http_failed(&self, outcome: &'static str, elapsed: Duration) {
        self.http_ended(outcome, elapsed);
    }

    fn http_ended(&self, outcome: &'static str, elapsed: Duration) {
        let Some(Handles {
            plugin, families, ..
        }) = &self.0
        else {
            return;
        };
        families
            .http
            .with_label_values(&[plugin.as_str(), outcome])
            .inc();
        families
            .http_seconds
            .with_label_values(&[plugin])
            .observe(elapsed.as_secs_f64());
    }

    /// A request of the component was not allowed.
    pub fn http_refused(&self, reason: &'static str) {
        if let Some(Handles {
            plugin, families, ..
        }) = &self.0
        {
            families
                .http_refused
                .with_label_values(&[plugin.as_str(), reason])
                .inc();
        }
    }

    /// Bytes left the storage without the component.
    pub fn native_read(&self, bytes: u64) {
        self.count(|handles| &handles.native_read, bytes);
    }

    /// Bytes entered the storage without the component.
    pub fn native_write(&self, bytes: u64) {
        self.count(|handles| &handles.native_write, bytes);
    }

    /// Bytes left the storage through the memory of the component.
    pub fn guest_read(&self, bytes: u64) {
        self.count(|handles| &handles.guest_read, bytes);
    }

    /// Bytes entered the storage through the memory of the component.
    pub fn guest_write(&self, bytes: u64) {
        self.count(|handles| &handles.guest_write, bytes);
    }

    fn count(&self, counter: impl Fn(&Handles) -> &IntCounter, by: u64) {
        if let Some(handles) = &self.0 {
            counter(handles).inc_by(by);
        }
    }
}

impl Drop for Handles {
    fn drop(&mut self) {
        self.generations.dec();
    }
}

impl Handles {
    fn operation(&self, name: &'static str) -> OperationMetrics {
        let known = self
            .operations
            .read()
            .unwrap_or_else(PoisonError::into_inner);
        if let Some(operation) = known.iter().find(|operation| operation.name == name) {
            return operation.clone();
        }
        drop(known);
        let operation = OperationMetrics {
            name,
            ok: self
                .families
                .calls
                .with_label_values(&[self.plugin.as_str(), name, "ok"]),
            seconds: self
                .families
                .seconds
                .with_label_values(&[self.plugin.as_str(), name]),
        };
        self.operations
            .write()
            .unwrap_or_else(PoisonError::into_inner)
            .push(operation.clone());
        operation
    }
}
