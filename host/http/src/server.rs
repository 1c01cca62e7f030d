//! Listeners and connections: HTTP/1.1 over TCP and Unix sockets.
//!
//! A connection lives as long as something moves on it. When the service stops, it accepts nothing
//! more, says so on every connection, and lets what is under way finish for a bounded time.
//!
//! A request that arrived whole is answered also if its client has closed its side of the
//! connection, and one that changes something is carried out also if the client is gone: the
//! connection is served until then, and counts until then.

mod connections;
mod gate;
mod head;
mod listener;
mod socket;
#[cfg(test)]
mod tests;

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use axum::body::Body;
use callfs_model::reloadable::Reloadable;
use callfs_model::shutdown::Shutdown;
use connections::OpenConnections;
use futures_util::future::BoxFuture;
use head::RefusedHead;
use http::header::{CONNECTION, HOST, HeaderValue};
use http::{Request, Response, Version};
use hyper::body::Incoming;
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
pub use listener::Listener;
use socket::{SocketWatch, TimedSocket};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use crate::content::streams::UploadBody;
use crate::edge::client_address::{ConnectionPeer, TrustedProxies};
use crate::edge::service::Edge;

/// How long a client may take to send the head of a request, and how long an idle connection is
/// kept.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);

/// How connections are served.
#[derive(Debug, Clone)]
pub struct ConnectionLimits {
    /// How many there are at the same time.
    pub connections: usize,
    /// How many there are from one address; an IPv6 client is its /64.
    pub per_address: usize,
    /// Who may have as many as all others together, because it speaks for many clients.
    pub proxies: TrustedProxies,
    /// How long a transfer may move nothing, in either direction.
    pub idle_timeout: Duration,
    /// How long what is under way may take to finish once the service stops.
    pub drain_timeout: Duration,
}

/// Serves until `shutdown` begins and the last connection is done, or the drain timeout is over.
/// Each request is answered by the edge that holds when it arrives.
pub fn serve(
    listeners: Vec<Listener>,
    edge: Reloadable<Edge>,
    shutdown: Shutdown,
    limits: ConnectionLimits,
) -> BoxFuture<'static, ()> {
    Box::pin(async move {
        let abort = CancellationToken::new();
        let connections = TaskTracker::new();
        let drain_timeout = limits.drain_timeout;
        let open = OpenConnections::new(&limits, edge.current().metrics().clone());
        let server = Arc::new(HttpServer {
            builder: builder(),
            open,
            edge,
            limits,
            shutdown,
            abort: abort.clone(),
        });
        let accepting = listeners
            .into_iter()
            .map(|listener| accept(listener, server.clone(), connections.clone()));
        futures_util::future::join_all(accepting).await;

        connections.close();
        if tokio::time::timeout(drain_timeout, connections.wait())
            .await
            .is_err()
        {
            tracing::warn!(
                connections = connections.len(),
                "the time to finish is over; what is still open is cut"
            );
            abort.cancel();
            connections.wait().await;
        }
    })
}

/// What all connections share.
struct HttpServer {
    builder: Builder,
    open: Arc<OpenConnections>,
    edge: Reloadable<Edge>,
    limits: ConnectionLimits,
    shutdown: Shutdown,
    abort: CancellationToken,
}

fn builder() -> Builder {
    let mut builder = Builder::new();
    builder
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        // A client that has sent all it will may still read.
        .half_close(true)
        .max_buf_size(head::MAX_HEAD);
    builder
}

async fn accept(mut listener: Listener, server: Arc<HttpServer>, connections: TaskTracker) {
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = server.shutdown.begun() => return,
        };
        match accepted {
            Ok(listener::Accepted::Tcp(stream, address)) => {
                drop(
                    connections.spawn(
                        server
                            .clone()
                            .connection(stream, ConnectionPeer::Address(address.ip())),
                    ),
                );
            }
            Ok(listener::Accepted::Unix(stream)) => {
                drop(connections.spawn(server.clone().connection(stream, ConnectionPeer::Local)));
            }
            Err(error) => {
                tracing::warn!(cause = %error, "a connection could not be accepted");
                listener::recover(&error).await;
            }
        }
    }
}

impl HttpServer {
    async fn connection(self: Arc<Self>, stream: impl socket::Socket, peer: ConnectionPeer) {
        // One that is refused is closed at once: its client is told nothing, and costs nothing.
        let Some(_open) = self.open.admit(peer) else {
            return;
        };
        let watch = Arc::new(SocketWatch::default());
        let socket = TimedSocket::new(
            stream,
            self.limits.idle_timeout,
            HEAD_TIMEOUT,
            watch.clone(),
        );
        let server = self.clone();
        let seen = watch.clone();
        let service = service_fn(move |request: Request<Incoming>| {
            seen.request_arrived(!request.method().is_safe());
            let server = server.clone();
            let watch = seen.clone();
            let refused = watch.take_refused();
            async move {
                match refused {
                    Some(head) => server.refuse(*head, peer, &watch).await,
                    None => server.respond(request, peer, &watch).await,
                }
            }
        });
        let mut connection = pin!(self.builder.serve_connection(TokioIo::new(socket), service));
        let ended = tokio::select! {
            ended = connection.as_mut() => ended,
            () = self.shutdown.begun() => {
                watch.shutting_down();
                connection.as_mut().graceful_shutdown();
                tokio::select! {
                    ended = connection => ended,
                    () = self.abort.cancelled() => return,
                }
            }
        };
        if let Err(error) = ended {
            // Clients come and go; what failed on our side has been logged where it failed.
            tracing::debug!(cause = %error, "a connection ended early");
        }
    }

    /// Nothing more is read from a client that sent a head like this.
    async fn refuse(
        &self,
        head: RefusedHead,
        peer: ConnectionPeer,
        watch: &SocketWatch,
    ) -> Result<Response<Body>, NeverFails> {
        watch.body_left_unread();
        let mut response = self.edge.current().handle(head.into_request(), peer).await;
        response
            .headers_mut()
            .insert(CONNECTION, HeaderValue::from_static("close"));
        Ok(response)
    }

    async fn respond(
        &self,
        mut request: Request<Incoming>,
        peer: ConnectionPeer,
        watch: &SocketWatch,
    ) -> Result<Response<Body>, NeverFails> {
        set_host(&mut request);
        let edge = self.edge.current();
        if http_body::Body::is_end_stream(request.body()) {
            return Ok(edge.handle(request.map(|_| Body::empty()), peer).await);
        }
        let version = request.version();
        let unread = Arc::new(AtomicBool::new(false));
        let upload = |incoming| {
            let metrics = edge.metrics().clone();
            Body::new(UploadBody::new(
                incoming,
                self.limits.idle_timeout,
                unread.clone(),
                metrics,
            ))
        };
        let mut response = edge.handle(request.map(upload), peer).await;
        if unread.load(Ordering::Relaxed) && version < Version::HTTP_2 {
            // What is left of the body stands between this and the next request. Say so, and see to
            // it that the client reads the answer before the connection is reset.
            response
                .headers_mut()
                .insert(CONNECTION, HeaderValue::from_static("close"));
            watch.body_left_unread();
        }
        Ok(response)
    }
}

/// RFC 9112 section 3.2.2: where the target is a whole URI, its authority counts, and what the
/// client wrote into `Host` does not.
fn set_host<B>(request: &mut Request<B>) {
    let authority = request.uri().authority();
    let host = authority.and_then(|authority| HeaderValue::from_str(authority.as_str()).ok());
    if let Some(host) = host {
        request.headers_mut().insert(HOST, host);
    }
}

type NeverFails = std::convert::Infallible;
