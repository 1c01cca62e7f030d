//! What one component may use: memory, processor time, wall time and instances.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use bytes::Bytes;
use wasmtime::ResourceLimiter;

use super::stopwatch::Stopwatch;

/// How often a running guest is looked at.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// What holding anything takes besides its bytes.
const HOLDING: usize = 256;

/// How much more processor time a call gets for each [`MOVED`] bytes that it moves through guest
/// memory.
const TIME_TO_MOVE: Duration = Duration::from_millis(10);
const MOVED: u64 = 1 << 20;

/// Bytes that requests took over may be this part of the memory that all instances may have.
const HANDED_OVER_PART: usize = 8;

/// What one component may use.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CallLimits {
    /// Linear memory of one instance, in bytes.
    pub memory: usize,
    /// Processor time of one call, measured in ticks of 10 ms; it grows by as much for each MiB
    /// that the call moves through guest memory.
    pub cpu_time: Duration,
    /// Wall time of one call without any byte moved on its behalf.
    pub call_timeout: Duration,
    /// Instances, and so calls at the same time.
    pub instances: usize,
}

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            memory: 64 << 20,
            cpu_time: Duration::from_secs(1),
            call_timeout: Duration::from_secs(30),
            instances: 64,
        }
    }
}

/// Bytes that the host holds for a component, given back with the last of those that share them.
#[derive(Clone)]
pub(super) struct HeldBytes(Arc<HeldCharge>);

struct HeldCharge {
    bytes: usize,
    /// What they are charged to: an instance, or all requests that took bytes over.
    account: Mutex<Arc<AtomicUsize>>,
}

/// The bytes that the instances of one component made and requests took over: clients read them
/// as slowly as they like, and meanwhile the instances make others.
#[derive(Debug, Clone)]
pub(super) struct HandedOver {
    held: Arc<AtomicUsize>,
    most: usize,
}

impl HandedOver {
    pub(super) fn new(limits: CallLimits) -> Self {
        let part = (limits.instances / HANDED_OVER_PART).max(1);
        Self {
            held: Arc::default(),
            most: limits.memory.saturating_mul(part),
        }
    }
}

impl HeldBytes {
    /// The bytes with the charge for them.
    pub(super) fn of(self, bytes: impl AsRef<[u8]> + Send + 'static) -> Bytes {
        Bytes::from_owner(Charged {
            bytes,
            _charge: self,
        })
    }

    /// A request takes them over, and they are no longer charged to the instance; false if requests
    /// hold too many bytes already.
    pub(super) fn hand_over(&self, requests: &HandedOver) -> bool {
        let bytes = self.0.bytes;
        let account = &mut *self
            .0
            .account
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        if Arc::ptr_eq(account, &requests.held) {
            // A part of them was taken over before.
            return true;
        }
        let before = requests.held.fetch_add(bytes, Ordering::Relaxed);
        if before + bytes > requests.most {
            requests.held.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        account.fetch_sub(bytes, Ordering::Relaxed);
        *account = Arc::clone(&requests.held);
        true
    }
}

impl Drop for HeldCharge {
    fn drop(&mut self) {
        let account = self
            .account
            .get_mut()
            .unwrap_or_else(PoisonError::into_inner);
        account.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

/// Bytes with the charge for them.
struct Charged<B> {
    bytes: B,
    _charge: HeldBytes,
}

impl<B: AsRef<[u8]>> AsRef<[u8]> for Charged<B> {
    fn as_ref(&self) -> &[u8] {
        self.bytes.as_ref()
    }
}

/// Watches one instance.
pub(super) struct InstanceMeter {
    limits: CallLimits,
    /// Bytes in host memory that the component made the host hold.
    held: Arc<AtomicUsize>,
    /// Linear memory in use, and the most that ever was, in bytes.
    memory: usize,
    /// A request for more memory was refused: what fails next fails for that reason.
    pub(super) out_of_memory: bool,
    /// Processor time that the current call has used.
    used: Duration,
    /// Bytes that the current call has moved through guest memory.
    moved: u64,
    /// The current call used up its time.
    pub(super) out_of_time: bool,
    progress: CallProgress,
    stopwatch: Stopwatch,
}

/// When a byte was last moved on behalf of a call; readable while the call runs.
#[derive(Clone)]
pub(super) struct CallProgress {
    limits: CallLimits,
    /// Milliseconds since [`START`].
    last: Arc<AtomicU64>,
}

/// An instant before any call.
static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn now() -> u64 {
    START.elapsed().as_millis() as u64
}

impl CallProgress {
    fn new(limits: CallLimits) -> Self {
        let progress = Self {
            limits,
            last: Arc::default(),
        };
        progress.advance();
        progress
    }

    /// Bytes were moved.
    pub(super) fn advance(&self) {
        self.last.store(now(), Ordering::Relaxed);
    }

    /// For how long no byte was moved.
    pub(super) fn rested(&self) -> Duration {
        Duration::from_millis(now().saturating_sub(self.last.load(Ordering::Relaxed)))
    }

    /// When the call is over for lack of progress.
    pub(super) fn deadline(&self) -> Instant {
        *START + Duration::from_millis(self.last.load(Ordering::Relaxed)) + self.limits.call_timeout
    }

    /// When whoever began to wait for others on behalf of the call gives up: as long as a tenth of
    /// the time without progress is left, so that the component can still say so; but not at
    /// once, so that it can still clear up.
    pub(super) fn nearly_over(&self, begun: Instant) -> Instant {
        let timeout = self.limits.call_timeout;
        (self.deadline() - timeout / 10).max(begun + timeout / 20)
    }
}

impl InstanceMeter {
    pub(super) fn new(limits: CallLimits) -> Self {
        Self {
            limits,
            held: Arc::default(),
            memory: 0,
            out_of_memory: false,
            used: Duration::ZERO,
            moved: 0,
            out_of_time: false,
            progress: CallProgress::new(limits),
            stopwatch: Stopwatch::new(),
        }
    }

    /// A call begins.
    pub(super) fn begin(&mut self) {
        (self.used, self.moved) = (Duration::ZERO, 0);
        self.out_of_memory = false;
        self.progress.advance();
    }

    /// The guest ran into another tick; whether it may go on.
    pub(super) fn tick(&mut self) -> bool {
        self.charge(self.stopwatch.read(TICK))
    }

    fn charge(&mut self, used: Duration) -> bool {
        self.used += used;
        let to_move = TIME_TO_MOVE.mul_f64(self.moved as f64 / MOVED as f64);
        self.out_of_time = self.used > self.limits.cpu_time + to_move;
        !self.out_of_time
    }

    /// Lets other tasks run for a moment, which is not the guest's time.
    pub(super) fn pause(&self) -> impl Future<Output = ()> + Send + 'static {
        let stopwatch = self.stopwatch.clone();
        async move {
            tokio::task::yield_now().await;
            stopwatch.go_on();
        }
    }

    /// Times the guest; whatever runs it must run in this.
    pub(super) fn stopwatch(&self) -> Stopwatch {
        self.stopwatch.clone()
    }

    /// Bytes were moved.
    pub(super) fn advance(&mut self) {
        self.progress.advance();
    }

    /// Bytes entered or left guest memory. Those that the guest made itself and reads back have
    /// gone nowhere: no guest earns time by talking to itself.
    pub(super) fn moved(&mut self, bytes: u64, back: bool) {
        if back {
            self.moved = self.moved.saturating_sub(bytes);
        } else {
            self.moved += bytes;
            self.progress.advance();
        }
    }

    /// How long a call may take without any byte moved on its behalf.
    pub(super) fn call_timeout(&self) -> Duration {
        self.limits.call_timeout
    }

    /// Says when the current call is over for lack of progress.
    pub(super) fn progress(&self) -> CallProgress {
        self.progress.clone()
    }

    /// The same bytes, charged to the component for as long as they are held: as many as it may
    /// have of its own memory, and no more.
    pub(super) fn hold(
        &mut self,
        bytes: impl AsRef<[u8]> + Send + 'static,
    ) -> wasmtime::Result<(Bytes, HeldBytes)> {
        let charge = self.charge_held(bytes.as_ref().len())?;
        Ok((charge.clone().of(bytes), charge))
    }

    /// Charges so many bytes.
    pub(super) fn charge_held(&mut self, bytes: usize) -> wasmtime::Result<HeldBytes> {
        let bytes = bytes + HOLDING;
        let before = self.held.fetch_add(bytes, Ordering::Relaxed);
        let charge = HeldBytes(Arc::new(HeldCharge {
            bytes,
            account: Mutex::new(self.held.clone()),
        }));
        if before + bytes > self.limits.memory {
            self.out_of_memory = true;
            wasmtime::bail!(
                "the host holds more bytes of sources and streams for it than it may have memory"
            );
        }
        Ok(charge)
    }

    /// The most linear memory that was ever in use, in bytes.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for InstanceMeter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        let total = self.memory - current.min(self.memory) + desired;
        let fits = total <= self.limits.memory;
        if fits {
            self.memory = total;
        } else {
            self.out_of_memory = true;
        }
        Ok(fits)
    }

    fn table_growing(
        &mut self,
        _: usize,
        desired: usize,
        _: Option<usize>,
    ) -> wasmtime::Result<bool> {
        Ok(desired <= 20_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A meter whose guest has been running ever since.
    fn busy(cpu_time: Duration) -> InstanceMeter {
        let mut meter = InstanceMeter::new(CallLimits {
            cpu_time,
            ..CallLimits::default()
        });
        meter.begin();
        meter
    }

    /// How many ticks it may go on for; in each it was running all the while.
    fn ticks(meter: &mut InstanceMeter) -> u32 {
        let mut ticks = 0;
        loop {
            if !meter.charge(TICK) {
                return ticks;
            }
            ticks += 1;
            assert!(ticks < 100_000, "it would go on for ever");
        }
    }

    #[test]
    fn whoever_waits_for_others_leaves_time_to_say_so_and_to_clear_up() {
        let limits = CallLimits {
            call_timeout: Duration::from_secs(20),
            ..CallLimits::default()
        };
        let progress = CallProgress::new(limits);
        let seconds =
            |from: Instant, to: Instant| to.saturating_duration_since(from).as_secs_f64().round();
        let now = Instant::now();
        assert_eq!(seconds(now, progress.nearly_over(now)), 18.0);
        assert_eq!(seconds(now, progress.deadline()), 20.0);
        // What begins when that time is over has a twentieth of it, of its own.
        let late = now + Duration::from_secs(19);
        assert_eq!(seconds(late, progress.nearly_over(late)), 1.0);
    }

    #[test]
    fn a_busy_guest_is_stopped() {
        let mut meter = busy(Duration::from_secs(1));
        assert_eq!(ticks(&mut meter), 100);
        assert!(meter.out_of_time);
    }

    #[test]
    fn whoever_moves_bytes_gets_ten_milliseconds_for_each_mebibyte() {
        let mut meter = busy(Duration::from_secs(1));
        meter.moved(5 << 30, false);
        assert_eq!(ticks(&mut meter), 100 + 5 * 1024);
        meter.begin();
        assert_eq!(ticks(&mut meter), 100, "the next call moved nothing");
    }

    #[test]
    fn what_the_host_holds_is_bounded_by_the_memory_limit() {
        let mut meter = InstanceMeter::new(CallLimits {
            memory: 10 * (1000 + HOLDING),
            ..CallLimits::default()
        });
        let hold = |meter: &mut InstanceMeter| meter.hold(vec![1_u8; 1000]);
        let mut held: Vec<_> = (0..10).map(|_| hold(&mut meter).expect("fits")).collect();
        assert!(hold(&mut meter).is_err() && meter.out_of_memory);
        // A part of the bytes keeps all of them.
        let (bytes, charge) = held.pop().expect("ten");
        let part = bytes.slice(..1);
        drop((bytes, charge));
        assert!(hold(&mut meter).is_err());
        drop(part);
        let again = hold(&mut meter).expect("given back");
        // What a request took over is no longer the component's.
        assert!(hold(&mut meter).is_err());
        assert!(again.1.hand_over(&HandedOver::new(meter.limits)));
        held.push(hold(&mut meter).expect("released"));
        drop((again, held));
        assert_eq!(meter.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn what_requests_took_over_is_bounded_for_all_instances_together() {
        let limits = CallLimits {
            memory: 10 * (1000 + HOLDING),
            instances: 2 * HANDED_OVER_PART,
            ..CallLimits::default()
        };
        let requests = HandedOver::new(limits);
        let mut taken = Vec::new();
        // Each instance has room for ten, and requests have room for twenty.
        for _ in 0..4 {
            let mut meter = InstanceMeter::new(limits);
            for _ in 0..5 {
                let (bytes, charge) = meter.hold(vec![1_u8; 1000]).expect("fits");
                assert!(charge.hand_over(&requests));
                assert!(charge.hand_over(&requests), "it is taken over once");
                taken.push(bytes);
            }
            assert_eq!(meter.held.load(Ordering::Relaxed), 0);
        }
        let mut meter = InstanceMeter::new(limits);
        let (refused, charge) = meter.hold(vec![1_u8; 1000]).expect("fits");
        assert!(!charge.hand_over(&requests));
        assert_eq!(meter.held.load(Ordering::Relaxed), 1000 + HOLDING);
        taken.pop();
        assert!(charge.hand_over(&requests), "a request has ended");
        assert_eq!(meter.held.load(Ordering::Relaxed), 0);
        drop((refused, charge, taken));
        assert_eq!(requests.held.load(Ordering::Relaxed), 0);
    }

    #[test]
    fn whoever_talks_to_itself_gets_nothing() {
        let mut meter = busy(Duration::from_secs(1));
        meter.moved(1 << 30, false);
        meter.moved(1 << 30, true);
        assert_eq!(ticks(&mut meter), 100);
        meter.moved(1 << 20, true);
        assert_eq!(meter.moved, 0);
    }

    #[test]
    fn small_pieces_count_as_much_as_large_ones() {
        let mut meter = busy(Duration::from_secs(1));
        (0..4 << 10).for_each(|_| meter.moved(1 << 10, false));
        assert_eq!(ticks(&mut meter), 104);
    }
}
