//! What one component may use: memory, processor time, wall time and instances.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

/// How often a running guest is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Processor time of one call, measured in ticks of 10 ms.
    pub cpu_time: Duration,
    /// Wall time of one call without any byte moved on its behalf.
    pub call_timeout: Duration,
    /// Instances, and so calls at the same time.
    pub instances: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu_time: Duration::from_secs(1),
            call_timeout: Duration::from_secs(30),
            instances: 64,
        }
    }
}

/// Watches one instance.
pub(super) struct Meter {
    limits: Limits,
    /// Linear memory in use, and the most that ever was, in bytes.
    memory: usize,
    /// A request for more memory was refused: what fails next fails for that reason.
    pub(super) out_of_memory: bool,
    /// Ticks that the current call has used.
    ticks: u32,
    /// The current call used up its time.
    pub(super) out_of_time: bool,
    progress: Progress,
    /// When the guest was last seen to begin or go on running, in milliseconds since [`START`].
    running_since: Arc<AtomicU64>,
}

/// When a byte was last moved on behalf of a call; readable while the call runs.
#[derive(Clone)]
pub(super) struct Progress {
    limits: Limits,
    /// Milliseconds since [`START`].
    last: Arc<AtomicU64>,
}

/// An instant before any call.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    START.elapsed().as_millis() as u64
}

impl Progress {
    fn new(limits: Limits) -> Self {
        let progress = Self { limits, last: Arc::default() };
        progress.advance();
        progress
    }

    /// Bytes were moved.
    pub(super) fn advance(&self) {
        self.last.store(now(), Ordering::Relaxed);
    }

    /// When the call is over for lack of progress.
    pub(super) fn deadline(&self) -> Instant {
        *START + Duration::from_millis(self.last.load(Ordering::Relaxed)) + self.limits.call_timeout
    }

    /// When a tenth of the time without progress is left: whoever waits for others on behalf of the call gives up then,
    /// so that the component can still say so.
    pub(super) fn nearly_over(&self) -> Instant {
        self.deadline() - self.limits.call_timeout / 10
    }
}

impl Meter {
    pub(super) fn new(limits: Limits) -> Self {
        Self {
            limits,
            memory: 0,
            out_of_memory: false,
            ticks: 0,
            out_of_time: false,
            progress: Progress::new(limits),
            running_since: Arc::new(AtomicU64::new(now())),
        }
    }

    /// A call begins.
    pub(super) fn begin(&mut self) {
        self.ticks = 0;
        self.out_of_memory = false;
        self.progress.advance();
        self.running_since.store(now(), Ordering::Relaxed);
    }

    /// The guest ran into another tick; whether it may go on. A tick counts only if the guest was running all the while:
    /// one that waited for the host finds the deadline passed when it goes on, and is not to blame for that.
    pub(super) fn tick(&mut self) -> bool {
        let now = now();
        let ran = now.saturating_sub(self.running_since.swap(now, Ordering::Relaxed));
        if ran < 2 * TICK.as_millis() as u64 {
            self.ticks += 1;
        }
        self.out_of_time = TICK * self.ticks > self.limits.cpu_time;
        !self.out_of_time
    }

    /// Lets other tasks run for a moment, which is not the guest's time.
    pub(super) fn pause(&self) -> impl Future<Output = ()> + Send + 'static {
        let running_since = self.running_since.clone();
        async move {
            tokio::task::yield_now().await;
            running_since.store(now(), Ordering::Relaxed);
        }
    }

    /// Bytes were moved.
    pub(super) fn advance(&mut self) {
        self.progress.advance();
    }

    /// Says when the current call is over for lack of progress.
    pub(super) fn progress(&self) -> Progress {
        self.progress.clone()
    }

    /// The most linear memory that was ever in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Meter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory - current.min(self.memory) + desired;
        let fits = total <= self.limits.memory;
        if fits {
            self.memory = total;
        } else {
            self.out_of_memory = true;
        }
        Ok(fits)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(desired <= 20_000)
    }
}
