//! How many lines one talker may log: so many at once, and so many again each second.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Lines that may be logged at once, and then each second.
const LINES: u32 = 50;

/// What one talker has left.
pub struct Allowance(Mutex<AllowanceState>);

struct AllowanceState {
    left: u32,
    renewed: Instant,
    suppressed: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        Self(Mutex::new(AllowanceState {
            left: LINES,
            renewed: Instant::now(),
            suppressed: 0,
        }))
    }
}

impl Allowance {
    /// Whether a line may pass, and how many did not since the last that did.
    pub fn admit(&self) -> Option<u64> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.renewed.elapsed() > Duration::from_secs(1) {
            state.left = LINES;
            state.renewed = Instant::now();
        }
        if state.left == 0 {
            state.suppressed += 1;
            return None;
        }
        state.left -= 1;
        Some(std::mem::take(&mut state.suppressed))
    }
}
