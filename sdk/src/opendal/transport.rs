//! The way out of a component as OpenDAL's transport.
//!
//! Requests leave unsigned, with the name of a credential slot: the host signs. Bodies of objects
//! pass untouched, in both directions; what else a service asks for is small, and larger answers
//! are refused before they fill the memory.

use std::sync::Arc;

use http::{Request, Response};
use opendal_core::{Buffer, Error, ErrorKind, HttpBody, HttpTransport, Result};

use super::exchange::Exchange;

/// Sends what a service asks for.
pub(super) struct Transport {
    pub(super) exchange: Arc<Exchange>,
    pub(super) credential: Option<String>,
    /// The largest answer, in bytes, that is not the body of an object.
    pub(super) limit: u64,
}

impl HttpTransport for Transport {
    #[cfg(target_arch = "wasm32")]
    async fn fetch(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
        self.send(request).await
    }

    /// Natively there is no host that would send anything.
    #[cfg(not(target_arch = "wasm32"))]
    async fn fetch(&self, _: Request<Buffer>) -> Result<Response<HttpBody>> {
        let _ = (&self.exchange, &self.credential, self.limit);
        Err(Error::new(
            ErrorKind::Unsupported,
            "a component sends requests only where CallFS runs it",
        ))
    }
}

#[cfg(target_arch = "wasm32")]
mod sending {
    use std::sync::Mutex;

    use futures_util::stream;
    use http::HeaderValue;
    use opendal_core::raw::Operation;

    use super::*;
    use crate::http as capability;
    use crate::opendal::exchange::{Incoming, Part, Refusal, Substitution};
    use crate::source::{MAX_PIECE, Source};

    /// Headers that whoever sends a request decides about.
    const HOST_DECIDES: [&str; 7] = [
        "authorization",
        "proxy-authorization",
        "host",
        "content-length",
        "transfer-encoding",
        "connection",
        "expect",
    ];

    impl Transport {
        pub(super) async fn send(&self, request: Request<Buffer>) -> Result<Response<HttpBody>> {
            let (head, body) = request.into_parts();
            let method = head.method.as_str();
            let reads = head.extensions.get::<Operation>() == Some(&Operation::Read);
            let body = match self.exchange.substitute(&body.to_bytes()) {
                Substitution::Replace(source) if is_digested(&head.headers) => {
                    drop(source);
                    return Err(refused(
                        "the service sends a digest of the body, which the adapter never sees",
                    ));
                }
                Substitution::Replace(source) => Some(source),
                Substitution::Refuse(why) => return Err(refused(why)),
                // An empty body has a length too, where there may be a body.
                Substitution::Keep
                    if body.is_empty() && !matches!(method, "PUT" | "POST" | "PATCH") =>
                {
                    None
                }
                Substitution::Keep => Some(Source::from_bytes(&body.to_bytes())),
            };
            let mut request = capability::Request::new(method, head.uri.to_string());
            request.credential = self.credential.clone();
            // A service leaves that header empty which is for a secret that it has not got.
            let passes = |name: &str, value: &HeaderValue| {
                !HOST_DECIDES.contains(&name) && !value.is_empty()
            };
            let passed = head
                .headers
                .iter()
                .filter(|(name, value)| passes(name.as_str(), value));
            request.headers = passed
                .map(|(name, value)| (name.as_str().into(), value.as_bytes().into()))
                .collect();

            let response = capability::send(request, body).await.map_err(failed)?;
            let success = (200..300).contains(&response.status);
            let part = response.header("content-range").and_then(Part::parse);
            self.exchange.answered((!success).then(|| Refusal {
                method: method.into(),
                status: response.status,
                size: part.and_then(|part| part.size),
            }));
            let mut answer = Response::builder().status(response.status);
            for (name, value) in &response.headers {
                answer = answer.header(name, value.as_slice());
            }
            let body = Arc::new(Mutex::new(Some(response.body)));
            let incoming = Incoming {
                body,
                part: part.filter(|_| response.status == 206),
            };
            let object = reads && success;
            if object {
                self.exchange.arrived(incoming.clone());
            }
            let limit = if object { u64::MAX } else { self.limit };
            answer
                .body(lazily(incoming, limit))
                .map_err(|error| refused(&error.to_string()))
        }
    }

    /// The body for whoever reads it; until then it can be taken away.
    fn lazily(incoming: Incoming, limit: u64) -> HttpBody {
        let pieces = stream::unfold(
            (incoming, None, limit),
            |(incoming, source, left)| async move {
                let source: Source = match source {
                    Some(source) => source,
                    None => incoming.take()?,
                };
                match source.read(MAX_PIECE).await {
                    Ok(Some(piece)) => match left.checked_sub(piece.len() as u64) {
                        Some(left) => {
                            Some((Ok(Buffer::from(piece)), (incoming, Some(source), left)))
                        }
                        None => {
                            let error = crate::Error::other(
                                "RESPONSE_TOO_LARGE",
                                "the answer of the storage is too large",
                            );
                            Some((Err(failed(error)), (incoming, Some(source), 0)))
                        }
                    },
                    Ok(None) => None,
                    Err(error) => Some((Err(failed(error)), (incoming, Some(source), left))),
                }
            },
        );
        HttpBody::new(Box::pin(pieces), None)
    }

    /// Whether a header tells of the bytes of the body.
    fn is_digested(headers: &http::HeaderMap) -> bool {
        let digests = [
            "content-md5",
            "x-amz-checksum",
            "x-amz-sdk-checksum",
            "digest",
            "content-digest",
            "x-goog-hash",
        ];
        headers.keys().any(|name| {
            digests
                .iter()
                .any(|digest| name.as_str().starts_with(digest))
        })
    }

    /// An error of the contract, to be found again by `failure`.
    fn failed(error: crate::Error) -> Error {
        Error::new(ErrorKind::Unexpected, error.message()).set_source(error)
    }

    fn refused(why: &str) -> Error {
        Error::new(ErrorKind::Unsupported, why)
    }
}
