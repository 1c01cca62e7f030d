//! The connections of the whole gateway: pooled, without a proxy, and to addresses that were
//! checked.

use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use callfs_model::source::MAX_CHUNK;
use callfs_telemetry::PluginMetrics;
use http::{Request, Uri};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder, MaybeHttpsStream};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client as Pool, ResponseFuture};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use rustls::{ClientConfig, RootCertStore};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tower::{BoxError, Service};

use super::address::Resolver;
use super::body::Outgoing;
use super::gate::Gate;
use super::rules::Rules;

/// How long a connection may take, TLS included.
const CONNECT: Duration = Duration::from_secs(10);
/// Many servers close a connection that rests for 20 seconds; ours are closed before.
const IDLE: Duration = Duration::from_secs(15);

/// What all gates share.
#[derive(Default)]
pub struct Egress {
    /// Made for the first that needs it: reading the certificates of a system takes a moment.
    client: Mutex<Option<Arc<HttpClient>>>,
}

impl Egress {
    /// The gate of a component; none if there is nothing that it may reach.
    pub fn gate(
        &self,
        plugin: &str,
        rules: &Rules,
        metrics: Arc<PluginMetrics>,
    ) -> Result<Option<Gate>, rustls::Error> {
        if rules.origins.is_empty() {
            return Ok(None);
        }
        Ok(Some(Gate::new(
            plugin,
            rules.clone(),
            self.client()?,
            metrics,
        )))
    }

    fn client(&self) -> Result<Arc<HttpClient>, rustls::Error> {
        let mut client = self.client.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(client) = &*client {
            return Ok(client.clone());
        }
        Ok(client.insert(Arc::new(HttpClient::new()?)).clone())
    }
}

/// Two pools, so that a connection to an internal address serves only those who were granted one.
pub(super) struct HttpClient {
    public: Pool<Connector, Outgoing>,
    private: Pool<Connector, Outgoing>,
}

impl HttpClient {
    fn new() -> Result<Self, rustls::Error> {
        let tls = tls()?;
        Ok(Self {
            public: pool(false, &tls),
            private: pool(true, &tls),
        })
    }

    /// Sends a request whose origin was granted, `private` or not.
    pub(super) fn send(&self, request: Request<Outgoing>, private: bool) -> ResponseFuture {
        if private {
            self.private.request(request)
        } else {
            self.public.request(request)
        }
    }
}

/// Certificates that the system trusts, or those of Mozilla where it names none.
fn tls() -> Result<ClientConfig, rustls::Error> {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "cannot read certificates of the system");
    }
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        tracing::warn!(
            "the system names no certificates to trust; those of Mozilla are trusted instead"
        );
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config =
        ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

fn pool(private: bool, tls: &ClientConfig) -> Pool<Connector, Outgoing> {
    let mut tcp = HttpConnector::new_with_resolver(Resolver { private });
    tcp.enforce_http(false);
    tcp.set_nodelay(true);
    let tls = HttpsConnectorBuilder::new().with_tls_config(tls.clone());
    Pool::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE)
        // The head of an answer fits into one piece, or it is refused.
        .http1_max_buf_size(MAX_CHUNK)
        .build(Connector(
            tls.https_or_http().enable_http1().wrap_connector(tcp),
        ))
}

/// Connects within its time.
#[derive(Clone)]
struct Connector(HttpsConnector<HttpConnector<Resolver>>);

impl Service<Uri> for Connector {
    type Response = MaybeHttpsStream<TokioIo<TcpStream>>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let connecting = self.0.call(uri);
        Box::pin(async move {
            timeout(CONNECT, connecting)
                .await
                .map_err(|_| format!("no connection within {CONNECT:?}"))?
        })
    }
}
