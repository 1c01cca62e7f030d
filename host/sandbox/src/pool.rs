//! Warm instances, checked out one call at a time.
//!
//! An instance is never shared. It counts as broken from the moment it is taken until whoever took
//! it says that the call went well; a broken or worn one is dropped, which ends whatever still runs
//! in it.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_telemetry::PluginMetrics;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::instance::Instance;

/// How long a call waits for an instance.
const MAX_WAIT: Duration = Duration::from_secs(10);
/// Calls that an instance serves at least before it is replaced; up to twice as many, so that not
/// all go at once.
const MIN_CALLS: u32 = 20_000;
/// Failures in a row after which new instances are made more and more slowly: warm ones still
/// serve, and whoever needs a new one waits instead of being refused, because a caller who provokes
/// failures must not deny the plugin to others.
const PATIENCE: u32 = 10;
/// The longest that making one is put off.
const MAX_PAUSE: Duration = Duration::from_secs(1);

/// The instances of one plugin.
pub(super) struct Pool {
    plugin: Arc<str>,
    permits: Arc<Semaphore>,
    /// Fewer than `permits`: what takes as long as a client takes must leave something to others.
    writers: Arc<Semaphore>,
    readers: Arc<Semaphore>,
    /// Fewer than `permits`, for writers and readers together.
    lasting: Arc<Semaphore>,
    idle: Mutex<Vec<Warm>>,
    failures: Mutex<FailureStreak>,
    metrics: Arc<PluginMetrics>,
}

struct Warm {
    instance: Instance,
    calls_left: u32,
}

#[derive(Default)]
struct FailureStreak {
    in_a_row: u32,
    not_before: Option<Instant>,
}

/// The right to keep an instance for as long as a client takes.
pub(super) struct LastingTurn {
    _kind: OwnedSemaphorePermit,
    _lasting: OwnedSemaphorePermit,
}

/// The right to use one instance.
pub(super) struct Checkout {
    pool: Arc<Pool>,
    warm: Option<Warm>,
    _permit: OwnedSemaphorePermit,
}

impl Pool {
    pub(super) fn new(
        plugin: Arc<str>,
        instances: usize,
        metrics: Arc<PluginMetrics>,
    ) -> Arc<Self> {
        let permits = Arc::new(Semaphore::new(instances.max(1)));
        let most = || Arc::new(Semaphore::new((instances * 3 / 4).max(1)));
        // One of each kind at least: a copy within a mount reads and writes at the same time.
        let lasting = Arc::new(Semaphore::new((instances * 7 / 8).max(2)));
        Arc::new(Self {
            plugin,
            permits,
            writers: most(),
            readers: most(),
            lasting,
            idle: Mutex::default(),
            failures: Mutex::default(),
            metrics,
        })
    }

    /// Waits for the right to use an instance, warm if there is one.
    pub(super) async fn check_out(self: &Arc<Self>) -> Result<Checkout> {
        let permit = self.wait_for(&self.permits).await?;
        self.metrics.busy(1);
        let warm = self
            .idle
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .pop();
        if warm.is_some() {
            self.metrics.idle(-1);
        }
        Ok(Checkout {
            pool: self.clone(),
            warm,
            _permit: permit,
        })
    }

    /// Waits for the right to keep an instance for as long as a client writes.
    pub(super) async fn admit_writer(&self) -> Result<LastingTurn> {
        Ok(LastingTurn {
            _kind: self.wait_for(&self.writers).await?,
            _lasting: self.wait_for(&self.lasting).await?,
        })
    }

    /// Waits for the right to keep an instance for as long as a client reads what it makes.
    pub(super) async fn admit_reader(&self) -> Result<LastingTurn> {
        Ok(LastingTurn {
            _kind: self.wait_for(&self.readers).await?,
            _lasting: self.wait_for(&self.lasting).await?,
        })
    }

    /// The same, if that is possible at once.
    pub(super) fn try_admit_reader(&self) -> Option<LastingTurn> {
        Some(LastingTurn {
            _kind: self.readers.clone().try_acquire_owned().ok()?,
            _lasting: self.lasting.clone().try_acquire_owned().ok()?,
        })
    }

    async fn wait_for(&self, permits: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit> {
        if let Ok(permit) = permits.clone().try_acquire_owned() {
            return Ok(permit);
        }
        self.metrics.wait();
        let permit = tokio::time::timeout(MAX_WAIT, permits.clone().acquire_owned()).await;
        permit.map_err(|_| self.busy())?.map_err(Error::internal)
    }

    /// A call failed in a way that is the plugin's fault.
    pub(super) fn failed(&self) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        failures.in_a_row += 1;
        if let Some(excess) = failures.in_a_row.checked_sub(PATIENCE) {
            let pause = (Duration::from_millis(10) * 2_u32.pow(excess.min(10))).min(MAX_PAUSE);
            failures.not_before = Some(Instant::now() + pause);
        }
    }

    /// A call went well.
    pub(super) fn succeeded(&self) {
        let mut failures = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if failures.in_a_row > 0 {
            *failures = FailureStreak::default();
        }
    }

    /// Waits until another instance may be made.
    pub(super) async fn pause(&self) {
        let not_before = self
            .failures
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .not_before;
        if let Some(not_before) = not_before {
            tokio::time::sleep_until(not_before.into()).await;
        }
    }

    fn busy(&self) -> Error {
        let message = format!("all instances of the plugin '{}' are busy", self.plugin);
        let error = Error::new(ErrorKind::BackendUnavailable, message).of_plugin(&*self.plugin);
        error.retry_after(Duration::from_secs(1))
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let idle = self.idle.get_mut().unwrap_or_else(PoisonError::into_inner);
        self.metrics.idle(-(idle.len() as i64));
    }
}

impl Checkout {
    /// Takes the warm instance out, if there is one; from here on it counts as broken.
    pub(super) fn take(&mut self) -> Option<(Instance, u32)> {
        self.warm
            .take()
            .map(|warm| (warm.instance, warm.calls_left))
    }

    /// How many calls a new instance serves.
    pub(super) fn lifetime() -> u32 {
        let mut random = [0; 4];
        // Without randomness all instances wear out together, which is only slower.
        let _ = getrandom::fill(&mut random);
        MIN_CALLS + u32::from_le_bytes(random) % MIN_CALLS
    }

    /// Gives an instance back after a call that went well.
    pub(super) fn put_back(mut self, instance: Instance, calls_left: u32) {
        if calls_left > 0 {
            self.warm = Some(Warm {
                instance,
                calls_left,
            });
        }
    }
}

impl Drop for Checkout {
    fn drop(&mut self) {
        self.pool.metrics.busy(-1);
        if let Some(warm) = self.warm.take() {
            self.pool.metrics.idle(1);
            self.pool
                .idle
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .push(warm);
        }
    }
}
