//! What every handler may reach: one documented struct, built once, the same in production and in
//! tests.
//!
//! It is also the one place where the names of the engine and of its neighbours enter this module.

use std::sync::Arc;
use std::time::Duration;

pub(crate) use callfs_engine::{
    AdmittedPut, AttributeChange, CopyOptions, DeleteOptions, Digest, Engine, EntityTag, Etags,
    ExchangeOptions, Filter, Glob, Info, ListOptions, Listing, MODE_BITS, MatchingEffort,
    OpenedPath, Outcome, Precondition, PutOptions, RenameOptions, StoredFile, Validators, Walk,
};
pub(crate) use callfs_identity::Authentication;
pub(crate) use callfs_links::{
    FileVersion, Link, LinkId, LinkOptions, Links, MAX_USES, Redemption, Terms,
};
use callfs_model::reloadable::Reloadable;
use callfs_model::shutdown::Shutdown;
pub(crate) use callfs_telemetry::Metrics;
use http::HeaderValue;

use crate::content::media_types::MediaTypes;
use crate::edge::compression::Compression;
use crate::edge::cors::Cors;
use crate::edge::rate_limit::RateLimits;

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
    /// Of files that were stored without one.
    pub media_types: MediaTypes,
    /// Which pages of other sites may call.
    pub cors: Option<Arc<Cors>>,
    /// Which responses are compressed; none if it is off.
    pub compression: Option<Arc<Compression>>,
    /// How often one client may ask.
    pub rate_limits: Option<Arc<RateLimits>>,
    /// Whether there is a log line for each request.
    pub log_requests: bool,
}
