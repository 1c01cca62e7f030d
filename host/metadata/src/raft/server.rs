//! Answers the other nodes: HTTP/1.1, each request signed and taken once, each answer signed.
//!
//! Whoever has no secret of this cluster is told so and nothing else. Nothing is encrypted; what is
//! on the wire can be read by whoever can read the network.

use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::{Body as _, Incoming};
use hyper::server::conn::http1::Builder;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::membership::done;
use super::message::{self, LARGEST};
use super::node::{Leader, PATIENCE, RaftNode};
use super::signature::{HEAD_SIGNATURE, MessageSigner, MessageStamp, SIGNATURE, Used};

/// How long a request may take to arrive, and how long an idle connection is kept.
const ARRIVAL: Duration = Duration::from_secs(30);
/// How many connections there are at the same time: nobody is known before the first request.
const CONNECTIONS: usize = 1024;
/// What is held of a connection before the head of a request has come, in bytes.
const MAX_HEAD: usize = 32 << 10;
/// How often it is logged that somebody was refused.
const COMPLAINT: Duration = Duration::from_secs(10);
/// How long the listener rests when it cannot accept.
const REST: Duration = Duration::from_millis(100);

pub(super) struct PeerServer {
    node: Arc<RaftNode>,
    signer: MessageSigner,
    used: Used,
    complained: Mutex<Option<Instant>>,
}

/// Takes connections until it is told to stop; then all of them end.
pub(super) async fn serve(
    listener: TcpListener,
    node: Arc<RaftNode>,
    signer: MessageSigner,
    stop: CancellationToken,
) {
    let server = Arc::new(PeerServer {
        node,
        signer,
        used: Used::default(),
        complained: Mutex::new(None),
    });
    let connections = TaskTracker::new();
    while let Some(accepted) = stop.run_until_cancelled(listener.accept()).await {
        match accepted {
            // One too many is closed at once.
            Ok(_) if connections.len() >= CONNECTIONS => {}
            Ok((stream, _)) => {
                let server = server.clone();
                let stop = stop.clone();
                drop(connections.spawn(async move {
                    stop.run_until_cancelled(server.connection(stream)).await
                }));
            }
            Err(cause) => {
                tracing::warn!(%cause, "a connection of another node could not be accepted");
                tokio::time::sleep(REST).await;
            }
        }
    }
    connections.close();
    connections.wait().await;
}

impl PeerServer {
    async fn connection(self: Arc<Self>, stream: TcpStream) {
        // Without it answers are late, and nothing else.
        let _ = stream.set_nodelay(true);
        let service = service_fn(|request| {
            let server = self.clone();
            async move { Ok::<_, Infallible>(server.respond(request).await) }
        });
        let mut builder = Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(ARRIVAL)
            .max_buf_size(MAX_HEAD);
        if let Err(cause) = builder
            .serve_connection(TokioIo::new(stream), service)
            .await
        {
            tracing::debug!(%cause, "a connection of another node ended early");
        }
    }

    async fn respond(&self, request: Request<Incoming>) -> Response<Full<Bytes>> {
        let (head, body) = request.into_parts();
        let text = |name: &str| head.headers.get(name)?.to_str().ok();
        let (Some(stamp), Some(signature), Some(signed_head)) = (
            MessageStamp::of(&head.headers),
            text(SIGNATURE),
            text(HEAD_SIGNATURE),
        ) else {
            return self.stranger("it is not signed");
        };
        if head.method != Method::POST || !stamp.is_recent() {
            return self.stranger("it was not made within 30 seconds of this node's clock");
        }
        let length = body.size_hint().exact();
        let Some(length) = length.and_then(|length| usize::try_from(length).ok()) else {
            return self.stranger("its length is not announced");
        };
        // Before anything is held for it.
        if !self
            .signer
            .is_head(signed_head, head.uri.path(), &stamp, length)
        {
            return self.stranger("its signature is not one of this cluster");
        }
        if self.used.contains(&stamp.nonce) {
            return self.stranger("it came before");
        }
        if length > LARGEST {
            return plain(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let body = match timeout(ARRIVAL, Limited::new(body, length).collect()).await {
            Ok(Ok(body)) => body.to_bytes(),
            _ => return plain(StatusCode::BAD_REQUEST),
        };
        if !self
            .signer
            .is_request(signature, head.uri.path(), &stamp, &body)
        {
            return self.stranger("its signature is not one of this cluster");
        }
        if !self.used.first(&stamp.nonce) {
            return self.stranger("it came before");
        }
        let (status, body) = match self.answer(head.uri.path(), &body).await {
            Ok(body) => (StatusCode::OK, body),
            Err(why) => (StatusCode::BAD_REQUEST, why.into_bytes()),
        };
        let signature = self.signer.answer(status.as_u16(), &stamp.nonce, &body);
        let mut response = Response::new(Full::new(Bytes::from(body)));
        *response.status_mut() = status;
        if let Ok(signature) = signature.parse() {
            response.headers_mut().insert(SIGNATURE, signature);
        }
        response
    }

    /// What a member of the cluster is answered, or why not.
    async fn answer(&self, path: &str, body: &[u8]) -> Result<Vec<u8>, String> {
        let node = &self.node;
        let unknown = || format!("there is nothing at {path}");
        let Some(rest) = path.strip_prefix(message::PREFIX) else {
            return Err(format!(
                "it is at {path}, and this node answers at {}; let every node run the same callfs",
                message::PREFIX
            ));
        };
        let (what, to) = rest.split_once('/').ok_or_else(unknown)?;
        let anybody = [
            message::HELLO,
            message::JOIN,
            message::LEAVE,
            message::STATUS,
        ]
        .contains(&what);
        if to != node.id.to_string() && !(anybody && to == "0") {
            return Err(format!(
                "this is the node '{}' and not the one that was asked",
                node.peer.name
            ));
        }
        match what {
            message::APPEND => encode(&node.core.append_entries(decode(body)?).await),
            message::VOTE => encode(&node.core.vote(decode(body)?).await),
            message::SNAPSHOT => encode(&node.core.install_snapshot(decode(body)?).await),
            message::COMMIT => {
                let message::Commit { steps } = decode(body)?;
                encode(&node.propose(steps, PATIENCE).await)
            }
            message::READ => match node.leader() {
                Leader::Here => encode(&node.read_at().await),
                _ => encode(&message::ReadAt::Err(
                    "the node that was asked does not lead".into(),
                )),
            },
            message::HELLO => encode(&node.hello().await),
            message::JOIN => encode(&done(node.join(decode(body)?).await)),
            message::LEAVE => encode(&done(node.leave(decode(body)?).await)),
            message::STATUS => encode(&node.status()),
            _ => Err(unknown()),
        }
    }

    fn stranger(&self, why: &str) -> Response<Full<Bytes>> {
        let mut complained = self
            .complained
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if complained.is_none_or(|last| last.elapsed() > COMPLAINT) {
            *complained = Some(Instant::now());
            tracing::warn!(
                why,
                "a request to the metadata store (Raft) was refused; see that cluster.secret is \
                 the same on every node, and that their clocks agree"
            );
        }
        plain(StatusCode::UNAUTHORIZED)
    }
}

fn decode<T: DeserializeOwned>(body: &[u8]) -> Result<T, String> {
    postcard::from_bytes(body).map_err(|cause| format!("the request cannot be read: {cause}"))
}

fn encode(answer: &impl Serialize) -> Result<Vec<u8>, String> {
    postcard::to_allocvec(answer).map_err(|cause| format!("the answer cannot be written: {cause}"))
}

fn plain(status: StatusCode) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::default());
    *response.status_mut() = status;
    response
}
