//! `[rate_limits]`: how often one client may ask.

use std::num::NonZeroU32;
use std::time::Duration;

use serde::de::{Deserialize, Deserializer, Error};

use super::quantity;

/// After this, an empty bucket has to be full again.
const LONGEST: Duration = Duration::from_secs(366 * 24 * 60 * 60);

/// `[rate_limits]`
#[derive(Debug, Clone, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateLimitsConfig {
    /// For each address, whoever asks; none unless said.
    #[serde(default)]
    pub per_ip: Option<RateLimit>,
    /// For each identity, from wherever it asks; none unless said.
    #[serde(default)]
    pub per_identity: Option<RateLimit>,
}

/// `{ requests = 100, per = "1s", burst = 200 }`
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateLimit {
    /// So many requests in the long run,
    pub requests: NonZeroU32,
    /// in this time,
    pub per: Duration,
    /// and so many at once; as many as `requests` unless said.
    pub burst: NonZeroU32,
}

impl<'de> Deserialize<'de> for RateLimit {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Written {
            #[serde(deserialize_with = "some_requests")]
            requests: NonZeroU32,
            #[serde(deserialize_with = "quantity::some_duration")]
            per: Duration,
            #[serde(default, deserialize_with = "some_burst")]
            burst: Option<NonZeroU32>,
        }
        let Written {
            requests,
            per,
            burst,
        } = Written::deserialize(deserializer)?;
        let burst = burst.unwrap_or(requests);
        if per / requests.get() < Duration::from_nanos(1) {
            return Err(D::Error::custom(
                "more than a request a nanosecond is no limit; leave it out",
            ));
        }
        if (per / requests.get())
            .checked_mul(burst.get())
            .is_none_or(|full| full > LONGEST)
        {
            let message = "a client that used all of 'burst' would wait for more than a year; \
                           give more requests";
            return Err(D::Error::custom(message));
        }
        Ok(Self {
            requests,
            per,
            burst,
        })
    }
}

fn some_requests<'de, D: Deserializer<'de>>(deserializer: D) -> Result<NonZeroU32, D::Error> {
    let number = u32::deserialize(deserializer)?;
    NonZeroU32::new(number)
        .ok_or_else(|| D::Error::custom("a limit of 0 refuses everything; give at least 1"))
}

fn some_burst<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<NonZeroU32>, D::Error> {
    some_requests(deserializer).map(Some)
}
