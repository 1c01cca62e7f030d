//! What CallFS tells about itself: logs and metrics. It knows nothing of who reads them.

pub mod logs;
pub mod metrics;

pub use metrics::{Metrics, PluginMetrics, Serving};
