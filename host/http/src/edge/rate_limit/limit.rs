//! One limit: a generic cell rate algorithm (GCRA) over the buckets of many clients.

use std::hash::Hash;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use governor::clock::{Clock, MonotonicClock};
use governor::middleware::StateInformationMiddleware;
use governor::{Quota as Rate, RateLimiter};

use super::Quota;
use super::buckets::Buckets;

/// How many requests there are between two looks for buckets that are full again.
const SWEEP_EVERY: u32 = 1 << 12;

/// See the module.
pub(super) struct Limit<K: Hash + Eq + Clone, C: Clock = MonotonicClock> {
    name: &'static str,
    limiter: RateLimiter<K, Buckets<K>, C, StateInformationMiddleware>,
    /// Time for one request.
    period: Duration,
    burst: u32,
    requests: AtomicU32,
}

/// What a client has left after a request, or when it may send the next.
#[derive(Debug, Clone, Copy)]
pub(super) struct Remaining {
    pub(super) name: &'static str,
    /// How long a client who was refused has to wait.
    pub(super) wait: Duration,
    burst: u32,
    period: Duration,
    remaining: u32,
    full_in: Duration,
}

impl<K: Hash + Eq + Clone> Limit<K> {
    pub(super) fn new(name: &'static str, quota: Quota) -> Self {
        Self::with_clock(name, quota, MonotonicClock)
    }
}

impl<K: Hash + Eq + Clone, C: Clock> Limit<K, C> {
    fn with_clock(
        name: &'static str,
        Quota {
            requests,
            per,
            burst,
        }: Quota,
        clock: C,
    ) -> Self {
        let period = (per / requests.get()).max(Duration::from_nanos(1));
        // It is none only for a period of zero.
        let rate = Rate::with_period(period)
            .unwrap_or(Rate::per_second(requests))
            .allow_burst(burst);
        let limiter = RateLimiter::new(rate, Buckets::default(), clock);
        Self {
            name,
            limiter,
            period,
            burst: burst.get(),
            requests: AtomicU32::new(0),
        }
    }

    /// Takes one request out of a client's bucket; an error if it is empty.
    pub(super) fn take(&self, client: &K) -> Result<Remaining, Remaining> {
        if self.requests.fetch_add(1, Ordering::Relaxed) % SWEEP_EVERY == SWEEP_EVERY - 1 {
            self.limiter.retain_recent();
        }
        match self.limiter.check_key(client) {
            Ok(state) => Ok(self.left(state.remaining_burst_capacity(), Duration::ZERO)),
            Err(refused) => Err(self.left(0, refused.wait_time_from(self.limiter.clock().now()))),
        }
    }

    fn left(&self, remaining: u32, wait: Duration) -> Remaining {
        let full_in = self.period * (self.burst - remaining.min(self.burst));
        Remaining {
            name: self.name,
            wait,
            burst: self.burst,
            period: self.period,
            remaining,
            full_in,
        }
    }
}

impl Remaining {
    /// An item of `RateLimit-Policy`: so many requests in the time in which an empty bucket is full
    /// again. That is the same rate as in the configuration, told so that what is left never
    /// exceeds the quota.
    pub(super) fn policy(&self) -> String {
        format!(
            "\"{}\";q={};w={}",
            self.name,
            self.burst,
            seconds(self.period * self.burst)
        )
    }

    /// An item of `RateLimit`: how many are left, and when all will be.
    pub(super) fn state(&self) -> String {
        format!(
            "\"{}\";r={};t={}",
            self.name,
            self.remaining,
            seconds(self.full_in)
        )
    }
}

/// Rounded up: whoever waits that long has waited long enough.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use governor::clock::FakeRelativeClock;

    use super::*;

    fn limit(
        requests: u32,
        per: u64,
        burst: u32,
    ) -> (Limit<&'static str, FakeRelativeClock>, FakeRelativeClock) {
        let number = |number| NonZeroU32::new(number).expect("not zero");
        let quota = Quota {
            requests: number(requests),
            per: Duration::from_secs(per),
            burst: number(burst),
        };
        let clock = FakeRelativeClock::default();
        (Limit::with_clock("ip", quota, clock.clone()), clock)
    }

    #[test]
    fn a_burst_then_the_rate() {
        let (limit, clock) = limit(2, 1, 3);
        for remaining in [2, 1, 0] {
            assert_eq!(
                limit.take(&"a").expect("within the burst").remaining,
                remaining
            );
        }
        let refused = limit.take(&"a").expect_err("one too many");
        assert_eq!(
            (refused.wait, refused.remaining),
            (Duration::from_millis(500), 0)
        );
        assert_eq!(limit.take(&"b").expect("somebody else").remaining, 2);
        clock.advance(Duration::from_millis(499));
        assert!(
            limit.take(&"a").is_err(),
            "being refused neither helps nor harms"
        );
        clock.advance(Duration::from_millis(1));
        assert_eq!(limit.take(&"a").expect("waited").remaining, 0);
        clock.advance(Duration::from_secs(60));
        assert_eq!(limit.take(&"a").expect("full again").remaining, 2);
    }

    #[test]
    fn tells_a_policy_and_where_a_client_stands() {
        let (limit, _) = limit(100, 1, 200);
        let left = limit.take(&"a").expect("the first");
        assert_eq!(
            (left.policy().as_str(), left.state().as_str()),
            ("\"ip\";q=200;w=2", "\"ip\";r=199;t=1")
        );
    }

    #[test]
    fn buckets_that_are_full_again_are_forgotten() {
        let (limit, clock) = limit(1, 1, 1);
        assert!(limit.take(&"a").is_ok());
        clock.advance(Duration::from_secs(10));
        for _ in 0..SWEEP_EVERY {
            let _ = limit.take(&"b");
        }
        assert_eq!(limit.limiter.len(), 1, "only b");
    }
}
