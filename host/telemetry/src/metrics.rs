//! Counters of everything that happens, in the text format of Prometheus.
//!
//! Each family is registered once, here or below; whoever counts holds handles whose labels are
//! resolved already, so that counting is an atomic addition. It does not know what the numbers mean
//! to those who count.

mod http;
mod plugin;
mod process;
mod reloads;

use std::sync::Arc;

pub use http::HttpMetrics;
use plugin::PluginFamilies;
pub use plugin::PluginMetrics;
use process::Process;
use prometheus::core::Collector;
use prometheus::{IntGaugeVec, Opts, Registry, TextEncoder};
pub use reloads::{ReloadMetrics, Serving};

/// Media type of what [`Metrics::render`] gives.
pub const CONTENT_TYPE: &str = prometheus::TEXT_FORMAT;

/// All metrics of this process.
pub struct Metrics {
    registry: Registry,
    http: HttpMetrics,
    plugins: PluginFamilies,
    reloads: ReloadMetrics,
    process: Process,
}

impl Metrics {
    /// Registers every family. It fails only if two have one name.
    pub fn new() -> prometheus::Result<Arc<Self>> {
        let registry = Registry::new();
        let build = Opts::new(
            "callfs_build_info",
            "Always 1; the label tells the version.",
        );
        let build = register(&registry, IntGaugeVec::new(build, &["version"]))?;
        build.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
        let http = HttpMetrics::register(&registry)?;
        let plugins = PluginFamilies::register(&registry)?;
        let reloads = ReloadMetrics::register(&registry)?;
        let process = Process::register(&registry)?;
        Ok(Arc::new(Self {
            registry,
            http,
            plugins,
            reloads,
            process,
        }))
    }

    /// Requests.
    pub fn http(&self) -> &HttpMetrics {
        &self.http
    }

    /// What serves now, and how that changed.
    pub fn reloads(&self) -> &ReloadMetrics {
        &self.reloads
    }

    /// All of them, as [`CONTENT_TYPE`].
    pub fn render(&self) -> String {
        self.process.refresh();
        // Encoding fails only for families without a metric, and the registry gathers none of
        // those.
        TextEncoder::new()
            .encode_to_string(&self.registry.gather())
            .unwrap_or_default()
    }
}

/// From 100 microseconds, a call of a component, to a minute, a transfer.
fn buckets() -> Vec<f64> {
    vec![
        0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5,
        5.0, 10.0, 60.0,
    ]
}

fn register<C: Collector + Clone + 'static>(
    registry: &Registry,
    made: prometheus::Result<C>,
) -> prometheus::Result<C> {
    let collector = made?;
    registry.register(Box::new(collector.clone()))?;
    Ok(collector)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const FAMILIES: [&str; 27] = [
        "callfs_build_info",
        "callfs_http_requests_total",
        "callfs_http_request_seconds",
        "callfs_http_in_flight",
        "callfs_http_connections",
        "callfs_http_connections_refused_total",
        "callfs_http_bytes_total",
        "callfs_http_rate_limited_total",
        "callfs_plugin_calls_total",
        "callfs_plugin_delegated_total",
        "callfs_plugin_call_seconds",
        "callfs_plugin_traps_total",
        "callfs_plugin_instances",
        "callfs_plugin_memory_bytes_max",
        "callfs_plugin_bytes_total",
        "callfs_plugin_waits_total",
        "callfs_plugin_generations",
        "callfs_plugin_info",
        "callfs_plugin_loaded_time_seconds",
        "callfs_reloads_total",
        "callfs_plugin_http_requests_total",
        "callfs_plugin_http_request_seconds",
        "callfs_plugin_http_refused_total",
        "callfs_log_lines_lost_total",
        "process_resident_memory_bytes",
        "process_open_fds",
        "process_start_time_seconds",
    ];

    #[test]
    fn every_family_is_rendered_after_use() {
        let metrics = Metrics::new().expect("no name twice");
        metrics.http().started();
        metrics.http().started();
        metrics.http().started();
        metrics
            .http()
            .finished("files", "GET", Some(200), Duration::from_millis(2));
        metrics
            .http()
            .finished("files", "PUT", None, Duration::from_millis(2));
        metrics.http().refused("ip");
        metrics.http().connection_opened();
        metrics.http().connection_refused("total");
        metrics.http().received(5);
        metrics.http().sent(7);

        let localfs = PluginMetrics::new(&metrics, "localfs");
        localfs.call("read", "ok", Duration::from_micros(3));
        localfs.call("read", "ok", Duration::from_micros(3));
        localfs.call("read", "not-found", Duration::from_micros(3));
        localfs.delegated("stat");
        localfs.delegated("stat");
        localfs.trap("timeout");
        localfs.busy(1);
        localfs.memory(65_536);
        localfs.memory(1024);
        localfs.native_read(11);
        localfs.wait();
        localfs.http_answered(204, Duration::from_millis(2));
        localfs.http_failed("refused", Duration::from_millis(2));
        localfs.http_refused("origin");

        metrics.reloads().finished("refused");
        metrics.reloads().loaded("localfs");
        let serving = |version: &str| Serving {
            plugin: "localfs".into(),
            version: version.into(),
            sha256: "3f".into(),
        };
        metrics.reloads().serves([serving("1.0.0")].into());
        metrics.reloads().serves([serving("1.1.0")].into());

        let text = metrics.render();
        assert!(
            !text.contains("1.0.0"),
            "what serves no more is not told:\n{text}"
        );
        for family in FAMILIES {
            assert!(
                text.contains(&format!("# TYPE {family} ")),
                "{family} is missing from\n{text}"
            );
        }
        assert_eq!(
            text.matches("# TYPE ").count(),
            FAMILIES.len(),
            "a family is not in the list of this test:\n{text}"
        );
        for line in [
            concat!(
                r#"callfs_build_info{version=""#,
                env!("CARGO_PKG_VERSION"),
                r#""} 1"#
            ),
            r#"callfs_http_requests_total{method="GET",route="files",status="200"} 1"#,
            r#"callfs_http_requests_total{method="PUT",route="files",status="closed"} 1"#,
            r#"callfs_http_request_seconds_count{route="files"} 2"#,
            "callfs_http_in_flight 1",
            "callfs_http_connections 1",
            r#"callfs_http_connections_refused_total{limit="total"} 1"#,
            r#"callfs_http_bytes_total{direction="out"} 7"#,
            r#"callfs_plugin_calls_total{operation="read",outcome="ok",plugin="localfs"} 2"#,
            r#"callfs_plugin_calls_total{operation="read",outcome="not-found",plugin="localfs"} 1"#,
            r#"callfs_plugin_delegated_total{operation="stat",plugin="localfs"} 2"#,
            r#"callfs_plugin_call_seconds_count{operation="read",plugin="localfs"} 3"#,
            r#"callfs_plugin_traps_total{plugin="localfs",reason="timeout"} 1"#,
            r#"callfs_plugin_instances{plugin="localfs",state="busy"} 1"#,
            r#"callfs_plugin_instances{plugin="localfs",state="idle"} 0"#,
            r#"callfs_plugin_memory_bytes_max{plugin="localfs"} 65536"#,
            r#"callfs_plugin_bytes_total{carrier="native",direction="read",plugin="localfs"} 11"#,
            r#"callfs_plugin_generations{plugin="localfs"} 1"#,
            r#"callfs_plugin_info{plugin="localfs",sha256="3f",version="1.1.0"} 1"#,
            r#"callfs_reloads_total{outcome="refused"} 1"#,
            r#"callfs_reloads_total{outcome="ok"} 0"#,
            r#"callfs_plugin_http_requests_total{outcome="2xx",plugin="localfs"} 1"#,
            r#"callfs_plugin_http_requests_total{outcome="refused",plugin="localfs"} 1"#,
            r#"callfs_plugin_http_request_seconds_count{plugin="localfs"} 2"#,
            r#"callfs_plugin_http_refused_total{plugin="localfs",reason="origin"} 1"#,
        ] {
            assert!(
                text.lines().any(|other| other == line),
                "{line} is missing from\n{text}"
            );
        }
    }

    #[test]
    fn a_component_that_is_mounted_twice_is_counted_as_one() {
        let metrics = Metrics::new().expect("no name twice");
        let one = PluginMetrics::new(&metrics, "s3");
        let other = PluginMetrics::new(&metrics, "s3");
        one.idle(1);
        other.idle(1);
        one.memory(10);
        other.memory(5);
        let text = metrics.render();
        assert!(
            text.contains(r#"callfs_plugin_instances{plugin="s3",state="idle"} 2"#),
            "{text}"
        );
        assert!(
            text.contains(r#"callfs_plugin_memory_bytes_max{plugin="s3"} 10"#),
            "{text}"
        );
        assert!(
            text.contains(r#"callfs_plugin_generations{plugin="s3"} 2"#),
            "{text}"
        );
        drop(other);
        assert!(
            metrics
                .render()
                .contains(r#"callfs_plugin_generations{plugin="s3"} 1"#)
        );
    }
}
