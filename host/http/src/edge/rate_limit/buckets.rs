//! What is known of each client, in bounded memory: once there are too many to tell apart, new ones
//! share a bucket until there is room again. Whoever has a bucket keeps it, so a crowd cannot push
//! a limit away.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::{Mutex, MutexGuard, PoisonError};

use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;

/// Locks that requests of different clients rarely share.
const SHARDS: usize = 16;
/// Of each shard: about a hundred thousand clients in all.
const CLIENTS: usize = 1 << 13;

/// See the module.
pub(super) struct Buckets<K> {
    shards: [Mutex<HashMap<K, Nanos>>; SHARDS],
    crowd: Mutex<Option<Nanos>>,
    hasher: RandomState,
}

impl<K> Default for Buckets<K> {
    fn default() -> Self {
        Self {
            shards: Default::default(),
            crowd: Mutex::default(),
            hasher: RandomState::new(),
        }
    }
}

impl<K: Hash + Eq + Clone> Buckets<K> {
    fn shard(&self, key: &K) -> MutexGuard<'_, HashMap<K, Nanos>> {
        // The remainder is below the number of shards, whatever the width of the hash.
        lock(&self.shards[(self.hasher.hash_one(key) % SHARDS as u64) as usize])
    }
}

impl<K: Hash + Eq + Clone> StateStore for Buckets<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, measure: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut shard = self.shard(key);
        if let Some(bucket) = shard.get_mut(key) {
            let (outcome, next) = measure(Some(*bucket))?;
            *bucket = next;
            return Ok(outcome);
        }
        if shard.len() < CLIENTS {
            let (outcome, next) = measure(None)?;
            shard.insert(key.clone(), next);
            return Ok(outcome);
        }
        drop(shard);
        let mut crowd = lock(&self.crowd);
        let (outcome, next) = measure(*crowd)?;
        *crowd = Some(next);
        Ok(outcome)
    }
}

impl<K: Hash + Eq + Clone> ShrinkableKeyedStateStore<K> for Buckets<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.shards
            .iter()
            .for_each(|shard| lock(shard).retain(|_, bucket| *bucket > drop_below));
    }

    fn len(&self) -> usize {
        self.shards.iter().map(|shard| lock(shard).len()).sum()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Whoever panicked holding a lock left a whole map behind.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_crowd_is_bounded_and_pushes_nobody_out() {
        let buckets = Buckets::default();
        let seen = |key: u32| {
            let store = buckets.measure_and_replace(&key, |before| {
                Ok::<_, ()>((before.is_some(), Nanos::new(1)))
            });
            store.expect("measured")
        };
        assert!(!seen(0));
        for key in 1..200_000 {
            seen(key);
        }
        assert_eq!(buckets.len(), SHARDS * CLIENTS);
        assert!(seen(0), "the first is still known");
        assert!(seen(1_000_000), "a new one shares the bucket of the crowd");
        buckets.retain_recent(Nanos::new(1));
        assert!(buckets.is_empty());
        assert!(!seen(1_000_000), "there is room again");
    }
}
