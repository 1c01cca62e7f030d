//! Builds every long-lived part once, from a configuration: the same for production and for tests.
//!
//! Parts are built from the inside out (store, locks, components, engine, HTTP) and stopped from
//! the outside in: no new connections, then what is under way, then the store.

mod components;
mod folders;
mod generation;
mod locks;
mod metadata;
mod offline;
mod overlaps;
mod reload;
mod trial;

use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use callfs_engine::{Defaults, Engine, Intents, Tombstones};
use callfs_http::{
    App, Compression, ConnectionLimits, Cors, Listener, MediaTypes, Origins, Quota, RateLimits,
    TrustedProxies,
};
use callfs_links::{LinkSettings, Links, Secret, System};
use callfs_model::locks::Locks;
use callfs_model::metadata::Metadata as _;
use callfs_model::reloadable::Reloadable;
use callfs_model::shutdown::Shutdown;
use callfs_telemetry::Metrics;
pub use folders::AcceptedFolders;
use folders::{FolderCheck, FolderUse};
use generation::Current;
pub use generation::granted;
use http::HeaderValue;
pub use metadata::MetadataHandle;
pub use offline::{OfflineFilesystem, OfflineWork};
use reload::Reloads;
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::task::AbortOnDropHandle;
pub use trial::{TrialPart, load, try_all};

use crate::config::{
    self, Config, ConfigError, CorsOrigin, LinkSecret, Listen, Loaded, Proxy, RateLimit,
};
use crate::plugins::FolderWatch;

/// How long what is under way may take to finish once the service stops.
const DRAIN: Duration = Duration::from_secs(30);

/// Serves until the shutdown begins and the requests in flight are done. Calls `listening` once,
/// with the addresses as the system bound them: those of the service, and those for metrics alone.
/// Folders that do not agree with what is recorded are served only if they are `accepted`.
pub async fn serve(
    loaded: Loaded,
    accepted: AcceptedFolders,
    listening: impl FnOnce(&[Listen], &[Listen]),
    shutdown: Shutdown,
) -> anyhow::Result<()> {
    // From here on, neither a SIGHUP nor a change in the plugin folder is missed.
    let hangups = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let config = loaded.config.clone();
    let watch = config.plugins.dir.clone().map(FolderWatch::start);
    raise_file_limit();
    let metrics = Metrics::new()?;
    let secret = link_secret(&config.links.secret)?;
    let limits = ConnectionLimits {
        connections: config.server.max_connections.get() as usize,
        per_address: config.server.max_connections_per_address.get() as usize,
        proxies: trusted_proxies(&config),
        idle_timeout: config.server.idle_timeout,
        drain_timeout: DRAIN,
    };
    // They listen before anything is waited for, so that the service is seen to live.
    let (listeners, bound) = listen(&config.server.listen).await?;
    let waits_for: Reloadable<str> = Reloadable::new("metadata".into());
    let starting = callfs_http::starting_service(metrics.clone(), waits_for.clone());
    let edge = Reloadable::new(Arc::new(starting));
    let server = callfs_http::serve(listeners, edge.clone(), shutdown.clone(), limits.clone());
    let server = AbortOnDropHandle::new(tokio::spawn(server));
    let store = Arc::new(MetadataHandle::open(&config).await?);
    if !store.answers(shutdown.begun()).await? {
        store.close().await;
        return Ok(());
    }
    let begun = async {
        folders::admit(&config, &*store.metadata, accepted, FolderCheck::Serve).await?;
        let folders = FolderUse::Serve {
            metadata: Some(store.identity.clone()),
        };
        waits_for.replace("locks".into());
        let locks = locks::open(&config.locks, &store).await?;
        waits_for.replace("components".into());
        Ok((
            locks,
            Reloads::start(loaded, metrics.clone(), folders).await?,
        ))
    };
    let begun = tokio::select! {
        begun = begun => begun,
        () = shutdown.begun() => {
            store.close().await;
            return Ok(());
        }
    };
    let (locks, reloads) = match begun {
        Ok(begun) => begun,
        Err(error) => {
            store.metadata.close().await;
            return Err(error);
        }
    };
    let engine = Arc::new(build(&config, reloads.current(), &store, locks.clone()));
    waits_for.replace("recovery".into());
    let mounts = &reloads.current().mounts;
    let check = FolderCheck::Serve;
    folders::admit_filled(&config, &*store.metadata, mounts, accepted, check).await?;
    folders::remember(&config, &*store.metadata, mounts).await?;
    let healed = engine
        .recover()
        .await
        .context("cannot heal what a crash left behind")?;
    if healed > 0 {
        tracing::info!(
            healed,
            "finished or undid moves and copies that an earlier run had begun"
        );
    }

    let (open, open_bound) = listen(config.metrics.listen.as_slice()).await?;
    let links = Links::new(
        store.links.clone(),
        &secret,
        link_settings(&config.links),
        Arc::new(System),
    );
    let sweeping = tokio::spawn(links.clone().sweep_until(shutdown.clone()));
    let clearing_ends = shutdown.begun();
    let following_ends = shutdown.begun();
    let reloading_ends = shutdown.begun();
    let app = Arc::new(App {
        engine: engine.clone(),
        links: links.clone(),
        authentication: reloads.current().authentication.clone(),
        metrics: metrics.clone(),
        instance_id: HeaderValue::from_str(&config.node.id)?,
        external_url: external_url(&config, &bound),
        idle_timeout: config.server.idle_timeout,
        media_types: media_types(&config)?,
        cors: config
            .server
            .cors
            .as_ref()
            .map(cors)
            .transpose()?
            .map(Arc::new),
        compression: compression(&config.server.compression),
        rate_limits: rate_limits(&config, &metrics),
        shutdown: shutdown.clone(),
        log_requests: config.log.requests,
    });
    let metrics_server = callfs_http::serve(
        open,
        Reloadable::new(Arc::new(callfs_http::metrics_service(metrics))),
        shutdown,
        limits,
    );
    edge.replace(Arc::new(callfs_http::service(app)));
    let clearing = engine.clear_abandoned(clearing_ends);
    let following = async {
        if let Some(notifications) = &store.notifications {
            engine
                .follow(notifications.tombstones(), following_ends)
                .await;
        }
    };
    listening(&bound, &open_bound);
    let reloading = tokio::spawn(reloads.run(hangups, watch, reloading_ends));
    let (served, (), (), ()) = tokio::join!(server, metrics_server, clearing, following);
    served?;
    reloading.await?;
    sweeping.await?;
    links.close().await;
    locks.close().await;
    store.metadata.close().await;
    Ok(())
}

/// Every connection and every file that is read takes a descriptor; the usual soft limit is there
/// for programs that would break with more, and this is none of them.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "the limit of open files stays as it is");
    }
}

/// Which pages of other sites may call.
fn cors(config: &config::CorsConfig) -> anyhow::Result<Cors> {
    let named = config.origins.iter().filter_map(|origin| match origin {
        CorsOrigin::Any => None,
        CorsOrigin::Named(origin) => Some(HeaderValue::from_str(origin)),
    });
    let open = config.origins.contains(&CorsOrigin::Any);
    let origins = if open {
        Origins::Any
    } else {
        Origins::These(named.collect::<Result<_, _>>()?)
    };
    Ok(Cors {
        origins,
        max_age: config.max_age,
    })
}

/// Which responses are compressed.
fn compression(config: &config::CompressionConfig) -> Option<Arc<Compression>> {
    Compression::new(config.codings.clone(), config.min_size, config.files)
}

/// Of files that were stored without one.
fn media_types(config: &Config) -> anyhow::Result<MediaTypes> {
    MediaTypes::new(&config.media_types)
        .map_err(|(extension, message)| anyhow::anyhow!("media_types.{extension}: {message}"))
}

/// Who is believed about the address of a client.
fn trusted_proxies(config: &Config) -> TrustedProxies {
    let mut proxies = TrustedProxies::default();
    for proxy in &config.server.trusted_proxies {
        match proxy {
            Proxy::Network(network) => proxies.networks.push(*network),
            Proxy::Local => proxies.local = true,
        }
    }
    proxies
}

/// How often one client may ask, and who is believed about who a client is.
fn rate_limits(config: &Config, metrics: &Arc<Metrics>) -> Option<Arc<RateLimits>> {
    let quota = |limit: Option<RateLimit>| {
        limit.map(
            |RateLimit {
                 requests,
                 per,
                 burst,
             }| Quota {
                requests,
                per,
                burst,
            },
        )
    };
    let proxies = trusted_proxies(config);
    let limits = &config.rate_limits;
    RateLimits::new(
        quota(limits.per_ip),
        quota(limits.per_identity),
        proxies,
        metrics.clone(),
    )
}

/// The engine with everything below it.
fn build(
    config: &Config,
    current: &Current,
    store: &MetadataHandle,
    locks: Arc<dyn Locks>,
) -> Engine {
    let root = &config.filesystem.root;
    Engine {
        mounts: current.mounts.clone(),
        metadata: store.metadata.clone(),
        locks,
        authorizer: current.authorizer.clone(),
        defaults: Defaults {
            owner: root.owner.clone(),
            group: root.group.clone(),
            root_mode: root.mode,
            umask: config.filesystem.umask,
        },
        tombstones: if store.notifications.is_some() {
            Tombstones::shared()
        } else {
            Tombstones::default()
        },
        intents: Intents::default(),
        lock_wait: config.locks.wait,
        max_upload: config.server.max_upload,
    }
}

fn link_secret(secret: &LinkSecret) -> anyhow::Result<Secret> {
    let (found, file) = match secret {
        LinkSecret::Given(text) => (Secret::of(text), None),
        LinkSecret::Kept(file) => (Secret::kept_in(file), Some(file)),
    };
    let place = file
        .map(|file| format!(" in '{}'", file.display()))
        .unwrap_or_default();
    Ok(found.map_err(|cause| ConfigError {
        origin: None,
        key: Some("links.secret".into()),
        message: format!("the secret{place} cannot be used: {cause}"),
    })?)
}

fn link_settings(links: &config::LinksConfig) -> LinkSettings {
    LinkSettings {
        grace: links.grace,
        expiry: links.expiry,
        max_expiry: links.max_expiry,
    }
}

/// Where clients reach what listens there; a client of a Unix socket knows where it is.
fn external_url(config: &Config, bound: &[Listen]) -> String {
    let first = || bound.iter().find_map(Listen::url);
    config
        .server
        .external_url
        .clone()
        .or_else(first)
        .unwrap_or_else(|| "http://localhost".into())
}

/// Binds addresses, and answers them as the system bound them.
async fn listen(addresses: &[Listen]) -> anyhow::Result<(Vec<Listener>, Vec<Listen>)> {
    let mut listeners = Vec::new();
    let mut bound = Vec::new();
    for address in addresses {
        let listener = match address {
            Listen::Tcp(address) => Listener::tcp(*address),
            Listen::Unix(path) => {
                if let Some(folder) = path.parent().filter(|folder| *folder != Path::new("")) {
                    fs::create_dir_all(folder)
                        .with_context(|| format!("cannot make {}", folder.display()))?;
                }
                Listener::unix(path).await
            }
        };
        let listener = listener.with_context(|| format!("cannot listen on {address}"))?;
        bound.push(
            listener
                .local_addr()
                .map_or_else(|| address.clone(), Listen::Tcp),
        );
        listeners.push(listener);
    }
    Ok((listeners, bound))
}
