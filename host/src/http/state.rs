//! What every handler may reach: one documented struct, built once, the same in production and in tests.
//!
//! It is also the one place where the names of the engine and of its neighbours enter this module.

use std::sync::Arc;
use std::time::Duration;

use super::cors::Cors;
use super::rate_limit::RateLimits;
use crate::reloadable::Reloadable;
use crate::shutdown::Shutdown;
use http::HeaderValue;

pub(super) use crate::engine::{
    AttributeChange, CopyOptions, DeleteOptions, Digest, Engine, EntityTag, Etags, Filter, Glob, Info, ListOptions,
    Opened, Outcome, Precondition, PutOptions, RenameOptions, Stored, Walk,
};
pub(super) use crate::identity::Authentication;
pub(super) use crate::links::{Link, LinkId, Links, MAX_USES, Redemption, Terms, Version};
pub(super) use crate::telemetry::Metrics;

/// The parts behind the routes.
pub struct App {
    /// The filesystem.
    pub engine: Arc<Engine>,
    /// Files for whoever has a token.
    pub links: Arc<Links>,
    /// Who a caller is.
    pub authentication: Reloadable<Authentication>,
    /// What is counted.
    pub metrics: Arc<Metrics>,
    /// Name of this node, in `X-CallFS-Instance-ID`.
    pub instance_id: HeaderValue,
    /// Where clients reach this, without a slash at the end.
    pub external_url: String,
    /// How long a body may make no progress, in either direction.
    pub idle_timeout: Duration,
    /// Once it has begun, the service is no longer ready.
    pub shutdown: Shutdown,
    /// Which pages of other sites may call.
    pub cors: Option<Arc<Cors>>,
    /// How often one client may ask.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// Whether there is a log line for each request.
    pub log_requests: bool,
}
