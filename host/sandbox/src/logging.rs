//! What components say: `wasi:logging`, and whatever they write to standard output and error.
//!
//! Lines go to the operator's log with the plugin's name; they are cut, stripped of control
//! characters and limited in rate, so that a component can neither forge lines nor fill a disk.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use callfs_telemetry::Allowance;
use tokio::io::AsyncWrite;
use tracing::Level;

use super::bindings::wasi::logging::logging;
use super::instance::InstanceState;

/// The longest line, in bytes.
const MAX_LINE: usize = 4096;

/// How much is kept of what an instance said last, in bytes.
const MAX_LAST_WORDS: usize = 1024;

/// The log of one plugin, as one instance writes it.
#[derive(Clone)]
pub(super) struct PluginLog {
    target: Arc<LogTarget>,
    /// What the instance wrote to standard output and error during this call: a panic tells there
    /// what was wrong, and traps.
    last_words: Arc<Mutex<String>>,
}

struct LogTarget {
    plugin: String,
    allowance: Allowance,
}

impl PluginLog {
    pub(super) fn new(plugin: &str) -> Self {
        Self {
            target: Arc::new(LogTarget {
                plugin: plugin.into(),
                allowance: Allowance::default(),
            }),
            last_words: Arc::default(),
        }
    }

    /// The same log for another instance.
    pub(super) fn for_instance(&self) -> Self {
        Self {
            target: self.target.clone(),
            last_words: Arc::default(),
        }
    }

    /// What was said since this was last asked.
    pub(super) fn take_last_words(&self) -> String {
        std::mem::take(&mut *self.said())
    }

    fn said(&self) -> MutexGuard<'_, String> {
        self.last_words
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn remember(&self, line: &str) {
        let mut said = self.said();
        if !said.is_empty() {
            said.push(' ');
        }
        said.extend(
            line.chars()
                .filter(|c| !c.is_control())
                .take(MAX_LAST_WORDS),
        );
        // The last of it is what matters.
        let excess = said.len().saturating_sub(MAX_LAST_WORDS);
        let from = said.ceil_char_boundary(excess);
        said.drain(..from);
    }

    /// Logs a line, or counts it as suppressed.
    pub(super) fn line(&self, level: Level, message: &str) {
        let Some(suppressed) = self.target.allowance.admit() else {
            return;
        };
        let plugin = &self.target.plugin;
        if suppressed > 0 {
            tracing::warn!(
                plugin,
                suppressed,
                "the plugin logged more lines than are let through"
            );
        }
        let line: String = message
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .collect();
        let line = &line[..line.floor_char_boundary(MAX_LINE)];
        match level {
            Level::ERROR => tracing::error!(plugin, "{line}"),
            Level::WARN => tracing::warn!(plugin, "{line}"),
            Level::INFO => tracing::info!(plugin, "{line}"),
            _ => tracing::debug!(plugin, "{line}"),
        }
    }
}

impl logging::Host for InstanceState {
    fn log(
        &mut self,
        level: logging::Level,
        context: String,
        message: String,
    ) -> wasmtime::Result<()> {
        let level = match level {
            logging::Level::Trace | logging::Level::Debug => Level::DEBUG,
            logging::Level::Info => Level::INFO,
            logging::Level::Warn => Level::WARN,
            logging::Level::Error | logging::Level::Critical => Level::ERROR,
        };
        if context.is_empty() {
            self.log.line(level, &message);
        } else {
            self.log.line(level, &format!("{context}: {message}"));
        }
        Ok(())
    }
}

/// Standard output or error of a component: each write is a line or more.
impl wasmtime_wasi::cli::StdoutStream for PluginLog {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl wasmtime_wasi::cli::IsTerminal for PluginLog {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl AsyncWrite for PluginLog {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<std::io::Result<usize>> {
        let text = String::from_utf8_lossy(&bytes[..bytes.len().min(4 * MAX_LINE)]);
        text.lines()
            .filter(|line| !line.trim().is_empty())
            .for_each(|line| {
                self.remember(line);
                self.line(Level::INFO, line);
            });
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<std::io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
