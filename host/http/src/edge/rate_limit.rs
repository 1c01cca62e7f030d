//! How often one client may ask: a limit for each address, checked before anything else is, so that
//! guessing keys is limited too, and one for each identity, checked as soon as there is one.
//!
//! A request that either refuses is not carried out. Where a limit is configured, every response
//! says how much is left, in the `RateLimit` and `RateLimit-Policy` fields of
//! draft-ietf-httpapi-ratelimit-headers. A process that connects over a Unix socket has no address:
//! the permissions of the socket's file say who that is, and no limit by address holds.

mod buckets;
mod limit;

use std::net::{IpAddr, Ipv4Addr};
use std::num::NonZeroU32;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use axum::body::Body;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use http::Request;
use http::header::{HeaderMap, HeaderName, HeaderValue};
use http::request::Parts;
use limit::{Limit, Remaining};

use crate::edge::client_address::{ConnectionPeer, TrustedProxies};
use crate::problem::{Problem, Result};
use callfs_telemetry::Metrics;

pub(crate) const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
pub(crate) const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");

/// How many requests one client may make.
#[derive(Debug, Clone, Copy)]
pub struct Quota {
    /// So many in the long run,
    pub requests: NonZeroU32,
    /// in this time, which divided by the requests is at least a nanosecond,
    pub per: Duration,
    /// and so many at once.
    pub burst: NonZeroU32,
}

/// The limits of this node.
pub struct RateLimits {
    by_address: Option<Limit<ClientNetwork>>,
    by_identity: Option<Limit<String>>,
    proxies: TrustedProxies,
    metrics: Arc<Metrics>,
}

/// Addresses that count as one client: whoever has one address of IPv6 usually has all that share
/// its first 64 bits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum ClientNetwork {
    V4(Ipv4Addr),
    V6([u16; 4]),
}

/// What a request left of the limits that hold for it, collected on its way.
#[derive(Clone)]
pub(crate) struct Standing(Arc<RateLimitState>);

struct RateLimitState {
    limits: Arc<RateLimits>,
    address: Option<Remaining>,
    identity: OnceLock<Remaining>,
}

impl RateLimits {
    /// None if neither limit is wanted.
    pub fn new(
        per_ip: Option<Quota>,
        per_identity: Option<Quota>,
        proxies: TrustedProxies,
        metrics: Arc<Metrics>,
    ) -> Option<Arc<Self>> {
        if per_ip.is_none() && per_identity.is_none() {
            return None;
        }
        let by_address = per_ip.map(|quota| Limit::new("ip", quota));
        let by_identity = per_identity.map(|quota| Limit::new("identity", quota));
        Some(Arc::new(Self {
            by_address,
            by_identity,
            proxies,
            metrics,
        }))
    }

    /// Counts a request by its address. The standing is in the request from then on.
    pub(crate) fn arrive(
        self: &Arc<Self>,
        peer: ConnectionPeer,
        request: &mut Request<Body>,
    ) -> (Standing, Result<()>) {
        let client = self.proxies.client(peer, request.headers());
        let taken = self
            .by_address
            .as_ref()
            .zip(client)
            .map(|(limit, address)| limit.take(&ClientNetwork::of(address)));
        let left = taken.map(|taken| match taken {
            Ok(left) | Err(left) => left,
        });
        let standing = Standing(Arc::new(RateLimitState {
            limits: self.clone(),
            address: left,
            identity: OnceLock::new(),
        }));
        request.extensions_mut().insert(standing.clone());
        match taken {
            Some(Err(left)) => (standing, Err(self.refuse(left, "this address has sent"))),
            _ => (standing, Ok(())),
        }
    }

    fn refuse(&self, left: Remaining, who: &str) -> Problem {
        self.metrics.http().refused(left.name);
        let message = format!(
            "{who} more requests than its limit allows; try again after the time in Retry-After"
        );
        let error = Error::new(ErrorKind::NotReady, message).retry_after(left.wait);
        Problem::rate_limit_exceeded(error)
    }
}

impl Standing {
    /// The identity behind a request is known now: counts it, if requests are counted by identity.
    pub(crate) fn identified(parts: &Parts, identity: &Identity) -> Result<()> {
        let Some(Self(inner)) = parts.extensions.get() else {
            return Ok(());
        };
        let Some(limit) = &inner.limits.by_identity else {
            return Ok(());
        };
        let taken = limit.take(&identity.subject);
        inner.identity.get_or_init(|| match taken {
            Ok(left) | Err(left) => left,
        });
        taken
            .map(drop)
            .map_err(|left| inner.limits.refuse(left, "you have sent"))
    }

    /// Tells the client.
    pub(crate) fn add_headers(&self, headers: &mut HeaderMap) {
        let known: Vec<&Remaining> = self.0.address.iter().chain(self.0.identity.get()).collect();
        if known.is_empty() {
            return;
        }
        let list = |item: fn(&Remaining) -> String| {
            known
                .iter()
                .map(|left| item(left))
                .collect::<Vec<_>>()
                .join(", ")
        };
        for (name, text) in [
            (RATE_LIMIT_POLICY, list(Remaining::policy)),
            (RATE_LIMIT, list(Remaining::state)),
        ] {
            // Names of limits and numbers always fit.
            if let Ok(value) = HeaderValue::try_from(text) {
                headers.insert(name, value);
            }
        }
    }
}

impl ClientNetwork {
    fn of(address: IpAddr) -> Self {
        match address {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => {
                let [a, b, c, d, ..] = address.segments();
                Self::V6([a, b, c, d])
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[test]
    fn neighbours_in_ipv6_are_one_client() {
        let network = |text: &str| ClientNetwork::of(text.parse().expect("an address"));
        assert!(network("2001:db8::1") == network("2001:db8:0:0:ffff::2"));
        assert!(network("2001:db8:0:1::1") != network("2001:db8::1"));
        assert!(network("192.0.2.1") != network("192.0.2.2"));
    }

    #[test]
    fn tells_both_limits_and_counts_refusals() {
        let one = NonZeroU32::MIN;
        let hourly = Quota {
            requests: one,
            per: Duration::from_secs(3600),
            burst: one,
        };
        let metrics = Metrics::new().expect("no name twice");
        let proxies = TrustedProxies::default();
        let limits =
            RateLimits::new(Some(hourly), Some(hourly), proxies, metrics.clone()).expect("limits");
        let alice = Identity {
            subject: "alice".into(),
            groups: vec![],
            admin: false,
            attributes: vec![],
        };
        let arrive = |peer| {
            let mut request = Request::new(Body::empty());
            let (standing, arrived) = limits.arrive(peer, &mut request);
            (standing, arrived, request.into_parts().0)
        };

        let (standing, arrived, parts) = arrive(ConnectionPeer::Address([192, 0, 2, 1].into()));
        assert!(arrived.is_ok() && Standing::identified(&parts, &alice).is_ok());
        let mut headers = HeaderMap::new();
        standing.add_headers(&mut headers);
        assert_eq!(
            headers[RATE_LIMIT_POLICY],
            "\"ip\";q=1;w=3600, \"identity\";q=1;w=3600"
        );
        assert_eq!(
            headers[RATE_LIMIT],
            "\"ip\";r=0;t=3600, \"identity\";r=0;t=3600"
        );

        let refused = arrive(ConnectionPeer::Address([192, 0, 2, 1].into()))
            .1
            .expect_err("too many");
        assert_eq!(
            (refused.status(), refused.code()),
            (StatusCode::TOO_MANY_REQUESTS, "RATE_LIMIT_EXCEEDED")
        );
        let (_, arrived, parts) = arrive(ConnectionPeer::Address([192, 0, 2, 2].into()));
        assert!(arrived.is_ok(), "another address");
        assert!(
            Standing::identified(&parts, &alice).is_err(),
            "the same user"
        );
        let (standing, arrived, _) = arrive(ConnectionPeer::Local);
        assert!(arrived.is_ok());
        let mut none = HeaderMap::new();
        standing.add_headers(&mut none);
        assert!(none.is_empty(), "{none:?}");
        for limit in ["ip", "identity"] {
            let line = format!("callfs_http_rate_limited_total{{limit=\"{limit}\"}} 1");
            assert!(
                metrics.render().lines().any(|other| other == line),
                "{line}"
            );
        }
    }
}
