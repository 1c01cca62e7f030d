//! Log lines, to stderr: for people or for machines, as configured. `RUST_LOG` is not looked at.
//!
//! Logging never fails: a line that cannot be written is counted as lost, and the code that logged
//! it goes on. In a process that serves it does not wait either: a thread writes the lines, and
//! those for which a stuck reader leaves no room are lost.

mod about;
mod line;
mod output;
mod panics;
mod queue;

use std::io::{IsTerminal, stderr};

use tracing_subscriber::EnvFilter;

use self::about::AboutRequests;
use self::line::EscapedFields;
use self::output::LogOutput;
pub use self::output::{drain, lost_lines, say, write_behind};

/// How a log line looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

/// Starts logging, once in a process.
pub fn start(level: &str, format: LogFormat) -> Result<(), String> {
    let lines = tracing_subscriber::fmt()
        .with_env_filter(filter(level)?)
        .with_writer(|| LogOutput)
        // The subscriber would report failed writes on stderr, and panic because that fails too.
        .log_internal_errors(false);
    let started = match format {
        LogFormat::Text => lines
            .fmt_fields(EscapedFields)
            .with_ansi(wants_colour())
            .map_event_format(|lines| AboutRequests {
                lines: lines.with_ansi(wants_colour()),
                format,
            })
            .try_init(),
        LogFormat::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(false)
            .with_span_list(false)
            .map_event_format(|lines| AboutRequests { lines, format })
            .try_init(),
    };
    started.map_err(|error| format!("cannot start logging: {error}"))
}

/// Crates of the host, whose events have the target `callfs_…`. A filter may also name them as
/// modules of `callfs`.
const CRATES: [&str; 12] = [
    "conformance",
    "egress",
    "engine",
    "folder",
    "http",
    "identity",
    "links",
    "locks",
    "metadata",
    "model",
    "sandbox",
    "telemetry",
];

/// A level, or levels by module as in `info,callfs_engine=debug`.
pub fn filter(text: &str) -> Result<EnvFilter, String> {
    // There is nothing below debug: it is compiled out.
    const LEVELS: [&str; 5] = ["off", "error", "warn", "info", "debug"];
    let is_level = |part: &str| LEVELS.iter().any(|level| level.eq_ignore_ascii_case(part));
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    // A word alone would be taken for a module of which everything is logged: almost always a level
    // with a typing error.
    if let Some(unknown) = parts
        .iter()
        .find(|part| !part.contains(['=', '[', ']', '{', '}']) && !is_level(part))
    {
        let levels = LEVELS.join(", ");
        return Err(format!(
            "'{unknown}' is no log level; give one of {levels}, by module as \
             'info,callfs_engine=debug'"
        ));
    }
    let parts: Vec<String> = parts.into_iter().map(target).collect();
    EnvFilter::try_new(parts.join(","))
        .map_err(|error| format!("'{text}' is no log filter: {error}"))
}

/// A part of a filter, with the target under which a crate logs.
fn target(part: &str) -> String {
    let named = |rest: &str, name: &str| {
        let rest = rest.strip_prefix(name)?;
        rest.starts_with([':', '=', '['])
            .then(|| format!("callfs_{name}{rest}"))
    };
    let renamed = part
        .strip_prefix("callfs::")
        .and_then(|rest| CRATES.iter().find_map(|name| named(rest, name)));
    renamed.unwrap_or_else(|| part.to_owned())
}

fn wants_colour() -> bool {
    stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accepts_levels_and_refuses_typing_errors() {
        for good in [
            "info",
            "WARN",
            "off",
            "info,callfs_engine=debug",
            "info,callfs::engine=debug",
            "warn, h2=off",
        ] {
            assert!(filter(good).is_ok(), "{good}");
        }
        assert_eq!(
            target("callfs::engine::recovery=debug"),
            "callfs_engine::recovery=debug"
        );
        assert_eq!(target("callfs::requests=off"), "callfs::requests=off");
        for bad in ["", "inof", "trace", "info,callfs", "callfs=loud"] {
            assert!(filter(bad).is_err(), "{bad}");
        }
    }
}
