//! What HTTP counts, in the metrics of this process.

use std::sync::Arc;

use crate::http::{Finished, Meter};
use crate::telemetry::Metrics;

/// The metrics, as HTTP sees them.
pub(super) struct Counting(Arc<Metrics>);

impl Counting {
    pub(super) fn new(metrics: Arc<Metrics>) -> Self {
        Self(metrics)
    }
}

impl Meter for Counting {
    fn request_started(&self) {
        self.0.http().started();
    }

    fn request_finished(&self, request: Finished) {
        let Finished { route, method, status, duration } = request;
        self.0.http().finished(route, method, status, duration);
    }

    fn received(&self, bytes: u64) {
        self.0.http().received(bytes);
    }

    fn sent(&self, bytes: u64) {
        self.0.http().sent(bytes);
    }

    fn render(&self) -> String {
        self.0.render()
    }
}
