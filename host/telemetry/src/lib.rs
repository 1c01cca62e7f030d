//! What CallFS tells about itself: logs and metrics. It knows nothing of who reads them.

mod allowance;
pub mod logs;
pub mod metrics;

pub use allowance::Allowance;
pub use metrics::{Metrics, PluginMetrics, Serving};
