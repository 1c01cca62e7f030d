//! Requests: how many, how long, how much.

use std::time::Duration;

use http::StatusCode;
use prometheus::{
    HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
};

use super::{buckets, register};

/// Metrics of all requests.
pub struct HttpMetrics {
    requests: IntCounterVec,
    seconds: HistogramVec,
    in_flight: IntGauge,
    connections: IntGauge,
    connections_refused: IntCounterVec,
    rate_limited: IntCounterVec,
    received: IntCounter,
    sent: IntCounter,
}

impl HttpMetrics {
    pub(super) fn register(registry: &Registry) -> prometheus::Result<Self> {
        let requests = Opts::new(
            "callfs_http_requests_total",
            "Requests that are over; 'closed' by their clients.",
        );
        let seconds = HistogramOpts::new(
            "callfs_http_request_seconds",
            "Time from a request to the last byte of its answer.",
        );
        let in_flight = IntGauge::new("callfs_http_in_flight", "Requests under way.");
        let connections = IntGauge::new("callfs_http_connections", "Connections that are open.");
        let connections_refused = Opts::new(
            "callfs_http_connections_refused_total",
            "Connections closed because there were too many, in total or from one address.",
        );
        let limited = Opts::new(
            "callfs_http_rate_limited_total",
            "Requests refused by a rate limit.",
        );
        let bytes = Opts::new(
            "callfs_http_bytes_total",
            "Bytes of request bodies (in) and of answers (out).",
        );
        let bytes = register(registry, IntCounterVec::new(bytes, &["direction"]))?;
        Ok(Self {
            requests: register(
                registry,
                IntCounterVec::new(requests, &["method", "route", "status"]),
            )?,
            seconds: register(
                registry,
                HistogramVec::new(seconds.buckets(buckets()), &["route"]),
            )?,
            in_flight: register(registry, in_flight)?,
            connections: register(registry, connections)?,
            connections_refused: register(
                registry,
                IntCounterVec::new(connections_refused, &["limit"]),
            )?,
            rate_limited: register(registry, IntCounterVec::new(limited, &["limit"]))?,
            received: bytes.with_label_values(&["in"]),
            sent: bytes.with_label_values(&["out"]),
        })
    }

    /// A request arrived. Each is finished once.
    pub fn started(&self) {
        self.in_flight.inc();
    }

    /// A request is over; without a status, because its client went away. Route and method are each
    /// one of few words, never what a client wrote.
    pub fn finished(
        &self,
        route: &'static str,
        method: &'static str,
        status: Option<u16>,
        elapsed: Duration,
    ) {
        self.in_flight.dec();
        let status = status.and_then(|code| StatusCode::from_u16(code).ok());
        let status = status.as_ref().map_or("closed", StatusCode::as_str);
        self.requests
            .with_label_values(&[method, route, status])
            .inc();
        self.seconds
            .with_label_values(&[route])
            .observe(elapsed.as_secs_f64());
    }

    /// A connection was accepted. Each is closed once.
    pub fn connection_opened(&self) {
        self.connections.inc();
    }

    /// A connection ended.
    pub fn connection_closed(&self) {
        self.connections.dec();
    }

    /// A connection was closed at once because of a limit, which is one of few.
    pub fn connection_refused(&self, limit: &'static str) {
        self.connections_refused.with_label_values(&[limit]).inc();
    }

    /// A request was refused by a rate limit, which is one of few.
    pub fn refused(&self, limit: &'static str) {
        self.rate_limited.with_label_values(&[limit]).inc();
    }

    /// Bytes of a request body arrived.
    pub fn received(&self, bytes: u64) {
        self.received.inc_by(bytes);
    }

    /// Bytes of an answer left.
    pub fn sent(&self, bytes: u64) {
        self.sent.inc_by(bytes);
    }
}
