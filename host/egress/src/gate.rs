//! The gate of one component: every request of it passes here, in a fixed order.

use std::pin::pin;
use std::sync::Arc;
use std::time::{Instant, SystemTime};

use bytes::Bytes;
use callfs_model::error::Result;
use callfs_model::source::Source;
use callfs_telemetry::{Allowance, PluginMetrics};
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Uri};
use hyper::body::Incoming;
use tokio::sync::Semaphore;
use tokio::time::timeout_at;

use super::body::{self, Outgoing};
use super::client::HttpClient;
use super::failure::EgressFailure;
use super::origin::{HttpOrigin, NoOrigin};
use super::rules::{GrantedSlot, OriginGrant, Rules};
use super::sigv4::Payload;
use super::{headers, redirect};

/// How many requests of one component may wait for an answer at the same time.
const MAX_WAITING: usize = 256;

/// What a component wants to send. Nothing in it is to be trusted.
pub struct OutgoingRequest {
    /// A token (RFC 9110 section 9).
    pub method: String,
    /// Absolute.
    pub uri: String,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The slot to sign with.
    pub credential: Option<String>,
    /// The body.
    pub body: Option<Source>,
}

/// What came back.
pub struct Response {
    /// Status code.
    pub status: u16,
    /// Names and values.
    pub headers: Vec<(String, Vec<u8>)>,
    /// The body, which outlives the gate.
    pub body: Source,
}

/// What one component may reach.
pub struct Gate {
    plugin: Arc<str>,
    rules: Rules,
    client: Arc<HttpClient>,
    metrics: Arc<PluginMetrics>,
    allowance: Allowance,
    /// Requests that wait for the head of an answer: each has a connection, and connections are
    /// for everybody.
    waiting: Semaphore,
}

/// A request that is one, but may still not pass.
struct Parsed<'a> {
    method: Method,
    headers: HeaderMap,
    slot: Option<&'a GrantedSlot>,
}

/// A request whose origin may be reached.
struct Admitted<'a> {
    uri: Uri,
    grant: &'a OriginGrant,
}

impl Gate {
    pub(super) fn new(
        plugin: &str,
        rules: Rules,
        client: Arc<HttpClient>,
        metrics: Arc<PluginMetrics>,
    ) -> Self {
        Self {
            plugin: plugin.into(),
            rules,
            client,
            metrics,
            allowance: Allowance::default(),
            waiting: Semaphore::new(MAX_WAITING),
        }
    }

    /// Sends a request and answers when the head of the response has arrived, or fails by the time
    /// that `give_up` names: it is asked again when that has come.
    pub async fn send(
        &self,
        request: OutgoingRequest,
        give_up: &(dyn Fn() -> Instant + Send + Sync),
    ) -> Result<Response> {
        let started = Instant::now();
        let shown = ShownUri::of(&request.uri);
        match self.pass(request, give_up).await {
            Ok(response) => {
                self.metrics
                    .http_answered(response.status, started.elapsed());
                Ok(response)
            }
            Err(failure) => {
                self.metrics
                    .http_failed(failure.outcome(), started.elapsed());
                self.report(&failure, &shown);
                Err(failure.into_error())
            }
        }
    }

    async fn pass(
        &self,
        request: OutgoingRequest,
        give_up: &(dyn Fn() -> Instant + Send + Sync),
    ) -> Result<Response, EgressFailure> {
        let OutgoingRequest {
            method,
            uri,
            headers,
            credential,
            mut body,
        } = request;
        let mut admitted = self.admit(&uri)?;
        let mut parsed = self.parse(&method, &headers, credential.as_deref(), &mut body)?;
        if let Some(slot) = parsed
            .slot
            .filter(|slot| !slot.origins.contains(&admitted.grant.origin))
        {
            let name = &slot.name;
            let origin = &admitted.grant.origin;
            return Err(EgressFailure::refused(
                "credential",
                format!(
                    "the credential '{name}' is not meant for {origin}; add that to \
                     credentials.{name}.origins"
                ),
            ));
        }
        let has_body = body.is_some();
        for _ in 0..=redirect::MOST {
            let answer = self
                .exchange(&parsed, &admitted, body.take(), give_up)
                .await?;
            let (head, incoming) = answer.into_parts();
            let next = if has_body {
                None
            } else {
                redirect::next(&parsed.method, &admitted.uri, head.status, &head.headers)
            };
            let Some(next) = next else {
                let headers = head.headers.iter();
                return Ok(Response {
                    status: head.status.as_u16(),
                    headers: headers
                        .map(|(name, value)| (name.to_string(), value.as_bytes().to_vec()))
                        .collect(),
                    body: body::incoming(incoming, body::IDLE),
                });
            };
            let before = &admitted.grant.origin;
            let after = self.admit(&next)?;
            if after.grant.origin != *before {
                headers::depersonalise(&mut parsed.headers);
                parsed.slot = parsed
                    .slot
                    .filter(|slot| slot.origins.contains(&after.grant.origin));
            }
            admitted = after;
        }
        Err(EgressFailure::unavailable(
            "redirects",
            "the other server redirects in circles",
        ))
    }

    /// Everything else that can be said of a request before it is sent.
    fn parse(
        &self,
        method: &str,
        given: &[(String, Vec<u8>)],
        credential: Option<&str>,
        body: &mut Option<Source>,
    ) -> Result<Parsed<'_>, EgressFailure> {
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| EgressFailure::Invalid("the method is no token of RFC 9110".into()))?;
        if matches!(method, Method::CONNECT | Method::TRACE) {
            return Err(EgressFailure::refused(
                "method",
                format!("the method {method} is not for components"),
            ));
        }
        let mut headers = headers::parse(given).map_err(EgressFailure::Invalid)?;
        announce(
            headers::take_length(&mut headers).map_err(EgressFailure::Invalid)?,
            body,
        )?;
        let slot = credential.map(|name| self.slot(name)).transpose()?;
        let is_ours = |name: &&header::HeaderName| {
            headers::is_hosts(name)
                || slot.is_some_and(|slot: &GrantedSlot| slot.credential.owns(name))
        };
        if let Some(name) = headers.keys().find(is_ours) {
            return Err(EgressFailure::refused(
                "header",
                format!("the header '{name}' is set by the gateway; leave it out"),
            ));
        }
        headers::complete(&mut headers);
        Ok(Parsed {
            method,
            headers,
            slot,
        })
    }

    fn slot(&self, name: &str) -> Result<&GrantedSlot, EgressFailure> {
        self.rules.slot(name).ok_or_else(|| {
            let shown: String = name.escape_default().take(100).collect();
            let message = format!(
                "the credential '{shown}' is not granted; add \"{shown}\" to grants.credentials"
            );
            EgressFailure::refused("credential", message)
        })
    }

    /// Whether a URI may be reached, and the URI as it will be: what was looked at is what is
    /// connected to.
    fn admit(&self, uri: &str) -> Result<Admitted<'_>, EgressFailure> {
        let invalid = |why: &str| EgressFailure::Invalid(format!("the URI {why}"));
        if !uri.is_ascii() {
            return Err(invalid("has characters that need percent-encoding"));
        }
        let uri: Uri = uri.parse().map_err(|_| invalid("cannot be read"))?;
        let origin = HttpOrigin::of(&uri).map_err(|why| match why {
            NoOrigin::NotHttp => invalid(why.message()),
            NoOrigin::UserInfo => {
                EgressFailure::refused("user_info", format!("the URI {}", why.message()))
            }
            NoOrigin::Host | NoOrigin::Port => {
                EgressFailure::refused("origin", format!("the URI {}", why.message()))
            }
        })?;
        let grant = self.rules.origin(&origin).ok_or_else(|| {
            let message =
                format!("the origin {origin} is not granted; add \"{origin}\" to grants.http");
            EgressFailure::refused("origin", message)
        })?;
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder()
            .scheme(origin.scheme())
            .authority(origin.authority())
            .path_and_query(path)
            .build();
        Ok(Admitted {
            uri: uri.map_err(|_| invalid("cannot be read"))?,
            grant,
        })
    }

    /// One request and its answer. It is signed last, when all else stands.
    async fn exchange(
        &self,
        parsed: &Parsed<'_>,
        admitted: &Admitted<'_>,
        body: Option<Source>,
        give_up: &(dyn Fn() -> Instant + Send + Sync),
    ) -> Result<http::Response<Incoming>, EgressFailure> {
        let Admitted { uri, grant } = admitted;
        let host = HeaderValue::from_str(&grant.origin.authority())
            .map_err(|_| EgressFailure::Invalid("the host cannot be sent in a header".into()))?;
        let (mut head, ()) = http::Request::new(()).into_parts();
        (head.method, head.uri, head.headers) =
            (parsed.method.clone(), uri.clone(), parsed.headers.clone());
        head.headers.insert(header::HOST, host);
        let is_empty = body.as_ref().is_none_or(|body| body.size() == Some(0));
        if is_empty && matches!(head.method, Method::POST | Method::PUT | Method::PATCH) {
            // Where content has a meaning, no content has to be announced, too (RFC 9110 section
            // 8.6): S3 insists.
            head.headers
                .insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        if let Some(slot) = parsed.slot {
            let empty = Bytes::new();
            let held = body.as_ref().map_or(Some(&empty), Source::as_bytes);
            let payload = held.map_or(Payload::Streamed, |bytes| Payload::Held(bytes));
            let signed = slot.credential.sign(&mut head, payload, SystemTime::now());
            signed.map_err(|_| {
                EgressFailure::Invalid("it cannot be signed: a header of it is no text".into())
            })?;
        }
        // A name may lead to an internal address only where that was granted; an address was
        // granted as such.
        let private = grant.private || grant.origin.address().is_some();
        let waited = timeout_at(give_up().into(), self.waiting.acquire()).await;
        let Ok(Ok(_one)) = waited else {
            return Err(EgressFailure::unavailable(
                "busy",
                "too many requests of this component wait for an answer",
            ));
        };
        let outgoing = Outgoing::new(body);
        let mut answer = pin!(
            self.client
                .send(http::Request::from_parts(head, outgoing), private)
        );
        // Bytes of the body that move put the end off, so the deadline is looked up again when it
        // is over.
        let mut until = give_up();
        loop {
            match timeout_at(until.into(), &mut answer).await {
                Ok(answer) => return answer.map_err(EgressFailure::of),
                Err(_) => match give_up() {
                    later if later > until => until = later,
                    _ => {
                        return Err(EgressFailure::unavailable(
                            "timeout",
                            "the other server did not answer in time",
                        ));
                    }
                },
            }
        }
    }

    /// For the operator: what was refused and what failed, once each, but not without end.
    fn report(&self, failure: &EgressFailure, to: &ShownUri) {
        let plugin = &*self.plugin;
        if let EgressFailure::Refused { reason, .. } = failure {
            self.metrics.http_refused(reason);
        }
        let Some(suppressed) = self.allowance.admit() else {
            return;
        };
        if suppressed > 0 {
            tracing::warn!(
                plugin,
                suppressed,
                "more requests of the plugin went wrong than are logged"
            );
        }
        match failure {
            EgressFailure::Refused { reason, message } => {
                tracing::warn!(plugin, reason, to = %to.0, "refused a request of the plugin: \
                    {message}");
            }
            EgressFailure::Invalid(message) => {
                tracing::warn!(plugin, to = %to.0, "the plugin sent what is no request: {message}");
            }
            EgressFailure::Failed { error, .. } => {
                let cause = error.causes().unwrap_or_default();
                tracing::warn!(plugin, to = %to.0, cause, "a request of the plugin failed: \
                    {error}");
            }
        }
    }
}

/// A length that is announced must be the length of the body.
fn announce(length: Option<u64>, body: &mut Option<Source>) -> Result<(), EgressFailure> {
    let Some(length) = length else { return Ok(()) };
    match body.as_ref().map_or(Some(0), Source::size) {
        Some(size) if size == length => {}
        Some(size) => {
            let message = format!("'content-length' says {length}, and the body has {size} bytes");
            return Err(EgressFailure::Invalid(message));
        }
        None => *body = body.take().map(|body| body.expecting(length)),
    }
    Ok(())
}

/// Where a request was to go, as a log may say it: what comes after the host could be a secret.
struct ShownUri(String);

impl ShownUri {
    fn of(uri: &str) -> Self {
        let (scheme, rest) = uri.split_once("://").unwrap_or(("", uri));
        let authority = rest.split(['/', '?', '#', '\\']).next().unwrap_or_default();
        let host = authority.rsplit('@').next().unwrap_or_default();
        Self(
            format!("{scheme}://{host}")
                .escape_default()
                .take(300)
                .collect(),
        )
    }
}
