//! Which components serve now, since when, and how often that was tried to be changed.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::SystemTime;

use prometheus::{GaugeVec, IntCounterVec, IntGaugeVec, Opts, Registry};

use super::register;

/// How a reload can end.
const OUTCOMES: [&str; 3] = ["ok", "refused", "unchanged"];

/// The families and what they say now.
#[derive(Clone)]
pub struct ReloadMetrics {
    reloads: IntCounterVec,
    info: IntGaugeVec,
    loaded: GaugeVec,
    serving: Arc<Mutex<BTreeSet<Serving>>>,
}

/// A component that serves.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Serving {
    /// Its name in the configuration.
    pub plugin: String,
    /// What it says is its version.
    pub version: String,
    /// SHA-256 of the component, in hexadecimal.
    pub sha256: String,
}

impl ReloadMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let reloads = Opts::new(
            "callfs_reloads_total",
            "Reloads of components and configuration by how they ended.",
        );
        let info = Opts::new(
            "callfs_plugin_info",
            "Always 1; the labels tell which components serve.",
        );
        let loaded = Opts::new(
            "callfs_plugin_loaded_time_seconds",
            "When a component was loaded last, since 1970.",
        );
        let reloads = register(registry, IntCounterVec::new(reloads, &["outcome"]))?;
        OUTCOMES
            .iter()
            .for_each(|outcome| reloads.with_label_values(&[outcome]).inc_by(0));
        Ok(Self {
            reloads,
            info: register(
                registry,
                IntGaugeVec::new(info, &["plugin", "version", "sha256"]),
            )?,
            loaded: register(registry, GaugeVec::new(loaded, &["plugin"]))?,
            serving: Arc::default(),
        })
    }

    /// A reload is over.
    pub fn finished(&self, outcome: &'static str) {
        self.reloads.with_label_values(&[outcome]).inc();
    }

    /// A component was loaded just now.
    pub fn loaded(&self, plugin: &str) {
        let now = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        self.loaded
            .with_label_values(&[plugin])
            .set(now.as_secs_f64());
    }

    /// These components serve from now on, and no others.
    pub fn serves(&self, now: BTreeSet<Serving>) {
        let mut before = self.serving.lock().unwrap_or_else(PoisonError::into_inner);
        for new in now.difference(&before) {
            self.info.with_label_values(&new.labels()).set(1);
        }
        for gone in before.difference(&now) {
            // It was set above, at some time.
            let _ = self.info.remove_label_values(&gone.labels());
        }
        *before = now;
    }
}

impl Serving {
    fn labels(&self) -> [&str; 3] {
        [&self.plugin, &self.version, &self.sha256]
    }
}
