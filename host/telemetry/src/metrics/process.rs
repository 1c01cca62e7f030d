//! This process, as Linux tells in `/proc`. Elsewhere only its start is known.

use std::fs;
use std::time::{SystemTime, UNIX_EPOCH};

use prometheus::{Gauge, IntCounter, IntGauge, Registry};

use super::register;
use crate::logs;

/// Metrics of the process under the names that Prometheus gives them.
pub(super) struct Process {
    resident: IntGauge,
    descriptors: IntGauge,
    lost_lines: IntCounter,
}

impl Process {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let start = Gauge::new(
            "process_start_time_seconds",
            "When the process started, in seconds since 1970.",
        );
        let start = register(registry, start)?;
        start.set(
            SystemTime::now()
                .duration_since(UNIX_EPOCH)
                .unwrap_or_default()
                .as_secs_f64(),
        );
        let resident = IntGauge::new("process_resident_memory_bytes", "Resident memory.");
        let descriptors = IntGauge::new("process_open_fds", "Open file descriptors.");
        let lost_lines = IntCounter::new(
            "callfs_log_lines_lost_total",
            "Log lines that could not be written to stderr, or for which there was no room because \
             its reader is slow.",
        );
        Ok(Self {
            resident: register(registry, resident)?,
            descriptors: register(registry, descriptors)?,
            lost_lines: register(registry, lost_lines)?,
        })
    }

    /// Looks again; what cannot be seen keeps its value.
    pub(super) fn refresh(&self) {
        // The lines are counted by the process, and metrics of one process may be several in tests.
        let lost = logs::lost_lines();
        self.lost_lines
            .inc_by(lost.saturating_sub(self.lost_lines.get()));
        if let Some(kibibytes) = resident_kibibytes() {
            self.resident.set(kibibytes * 1024);
        }
        if let Ok(descriptors) = fs::read_dir("/proc/self/fd") {
            // One of them is the folder that is being read.
            self.descriptors
                .set(i64::try_from(descriptors.count().saturating_sub(1)).unwrap_or(i64::MAX));
        }
    }
}

fn resident_kibibytes() -> Option<i64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}
