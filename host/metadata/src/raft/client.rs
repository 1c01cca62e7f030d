//! Asks another node: one signed request over HTTP/1.1, and an answer whose signature is checked.

use std::time::Duration;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{Method, Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper_util::client::legacy::Client as Pool;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;

use super::command::NodeId;
use super::message::{self, LARGEST};
use super::signature::{HEAD_SIGNATURE, MessageSigner, MessageStamp, NONCE, SIGNATURE, TIME};

/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(2);
/// Connections that rest longer are closed.
const IDLE: Duration = Duration::from_secs(15);

#[derive(Clone)]
pub(super) struct PeerClient {
    pool: Pool<HttpConnector, Full<Bytes>>,
    signer: MessageSigner,
}

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub(super) enum Unanswered {
    /// The request was not sent.
    #[error("no connection to {0}: {1}")]
    NotSent(String, String),
    /// The other node did nothing.
    #[error("{0} refused the request: {1}")]
    Refused(String, String),
    /// The request may have been carried out.
    #[error("no answer from {0}: {1}")]
    Lost(String, String),
}

impl PeerClient {
    pub(super) fn new(signer: MessageSigner) -> Self {
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT));
        let mut builder = Pool::builder(TokioExecutor::new());
        // A request is repeated by whoever knows whether that is safe.
        builder
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(IDLE)
            .retry_canceled_requests(false);
        Self {
            pool: builder.build(connector),
            signer,
        }
    }

    /// Asks the node of this number, or whoever is there, and waits for so long.
    pub(super) async fn ask<T: DeserializeOwned>(
        &self,
        address: &str,
        what: &str,
        to: NodeId,
        question: &impl Serialize,
        patience: Duration,
    ) -> Result<T, Unanswered> {
        let not_sent = |why: String| Unanswered::NotSent(address.to_owned(), why);
        let body = postcard::to_allocvec(question).map_err(|cause| not_sent(cause.to_string()))?;
        if body.len() > LARGEST {
            return Err(not_sent(format!(
                "the request has {} bytes, and {LARGEST} is the limit",
                body.len()
            )));
        }
        match timeout(patience, self.send(address, &message::path(what, to), body)).await {
            Ok(answer) => {
                let lost = |cause: postcard::Error| {
                    Unanswered::Lost(address.to_owned(), cause.to_string())
                };
                postcard::from_bytes(&answer?).map_err(lost)
            }
            Err(_) => Err(Unanswered::Lost(
                address.to_owned(),
                format!("nothing came within {patience:?}"),
            )),
        }
    }

    pub(super) async fn send(
        &self,
        address: &str,
        path: &str,
        body: Vec<u8>,
    ) -> Result<Bytes, Unanswered> {
        let not_sent = |why: String| Unanswered::NotSent(address.to_owned(), why);
        let lost = |why: String| Unanswered::Lost(address.to_owned(), why);
        let stamp = MessageStamp::now().map_err(|cause| not_sent(cause.to_string()))?;
        let request = Request::builder()
            .method(Method::POST)
            .uri(format!("http://{address}{path}"))
            .header(CONTENT_TYPE, "application/octet-stream")
            .header(TIME, &stamp.time)
            .header(NONCE, &stamp.nonce)
            .header(HEAD_SIGNATURE, self.signer.head(path, &stamp, body.len()))
            .header(SIGNATURE, self.signer.request(path, &stamp, &body))
            .body(Full::new(Bytes::from(body)))
            .map_err(|cause| not_sent(cause.to_string()))?;
        let response = self.pool.request(request).await.map_err(|cause| {
            if cause.is_connect() {
                not_sent(describe(&cause))
            } else {
                lost(describe(&cause))
            }
        })?;
        let status = response.status();
        let signature = response
            .headers()
            .get(SIGNATURE)
            .and_then(|value| value.to_str().ok())
            .map(str::to_owned);
        let body = Limited::new(response.into_body(), LARGEST).collect().await;
        let body = body.map_err(|cause| lost(cause.to_string()))?.to_bytes();
        let is_signed = signature.is_some_and(|signature| {
            self.signer
                .is_answer(&signature, status.as_u16(), &stamp.nonce, &body)
        });
        match status {
            StatusCode::OK if is_signed => Ok(body),
            // Without a signature nobody knows who says so, and what became of the request.
            _ if is_signed => Err(Unanswered::Refused(
                address.to_owned(),
                String::from_utf8_lossy(&body).into_owned(),
            )),
            StatusCode::UNAUTHORIZED => Err(lost(
                "it does not know this node's signature; see that cluster.secret is the same on \
                 both, and that their clocks agree"
                    .into(),
            )),
            _ => Err(lost(format!(
                "it answered {status} without a signature of this cluster; see that \
                 cluster.secret is the same on both"
            ))),
        }
    }
}

fn describe(cause: &(dyn std::error::Error + 'static)) -> String {
    let mut text = cause.to_string();
    let mut next = cause.source();
    while let Some(cause) = next {
        text = format!("{text}: {cause}");
        next = cause.source();
    }
    text
}
