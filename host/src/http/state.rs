//! What every handler may reach: one documented struct, built once, the same in production and in tests.
//!
//! It is also the one place where the names of the engine and of its neighbours enter this module.

use std::sync::Arc;
use std::time::Duration;

use http::HeaderValue;
use tokio_util::sync::CancellationToken;

pub(super) use crate::engine::{
    AttributeChange, Engine, EntityTag, Etags, Info, ListOptions, Opened, Outcome, Precondition, PutOptions,
    RenameOptions, Stored,
};
pub(super) use crate::identity::Authentication;

/// The parts behind the routes.
pub struct App {
    /// The filesystem.
    pub engine: Arc<Engine>,
    /// Who a caller is.
    pub authentication: Authentication,
    /// What is counted.
    pub meter: Arc<dyn Meter>,
    /// Name of this node, in `X-CallFS-Instance-ID`.
    pub instance_id: HeaderValue,
    /// How long a body may make no progress, in either direction.
    pub idle_timeout: Duration,
    /// Cancelled when the service is about to stop: it is no longer ready.
    pub draining: CancellationToken,
}

/// What is counted of requests, and how all that is counted reads.
pub trait Meter: Send + Sync {
    /// A request arrived.
    fn request_started(&self);

    /// It is over: the last byte of its response left, or the connection broke.
    fn request_finished(&self, request: Finished);

    /// Bytes of a request's body arrived.
    fn received(&self, bytes: u64);

    /// Bytes of a response's body left.
    fn sent(&self, bytes: u64);

    /// Everything that is counted, in the text format of Prometheus.
    fn render(&self) -> String;
}

/// A request that is over.
#[derive(Debug, Clone, Copy)]
pub struct Finished {
    /// A closed set: `files`, `directories`, `health`, `metrics`, `other`.
    pub route: &'static str,
    /// A closed set: the methods of RFC 9110 and `PATCH`, else `OTHER`.
    pub method: &'static str,
    /// None if the client went away before there was one.
    pub status: Option<u16>,
    /// From the request's head to the last byte of the response.
    pub duration: Duration,
}
