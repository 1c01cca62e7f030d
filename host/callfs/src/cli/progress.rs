//! How far a long command is, on stderr, if somebody looks.

use std::time::Duration;

use indicatif::{ProgressBar, ProgressDrawTarget};

/// A line that moves; none if stderr is no terminal.
pub(super) struct ProgressLine(ProgressBar);

impl ProgressLine {
    pub(super) fn start(what: &'static str) -> Self {
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
        bar.set_message(what);
        bar.set_style(indicatif::ProgressStyle::default_spinner());
        bar.enable_steady_tick(Duration::from_millis(100));
        Self(bar)
    }

    pub(super) fn tell(&self, text: String) {
        if !self.0.is_hidden() {
            self.0.set_message(text);
        }
    }

    /// Does something to the terminal while the line is not there.
    pub(super) fn aside<T>(&self, work: impl FnOnce() -> T) -> T {
        self.0.suspend(work)
    }
}

impl Drop for ProgressLine {
    fn drop(&mut self) {
        self.0.finish_and_clear();
    }
}
