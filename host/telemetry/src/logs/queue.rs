//! Log lines between the code that logs and the thread that writes them. The code that logs never
//! waits: lines that do not fit are dropped, and the gap keeps its place among the others.
//!
//! The queue is bounded in bytes. One that is bounded in lines (tracing-appender) holds as much as
//! its longest lines, and a line may be as long as the head of a request.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// How many bytes wait at most, the line that is being written included.
const CAPACITY: usize = 1 << 20;

/// What the writing thread has to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum QueuedLine {
    /// To write a line.
    Line(Box<[u8]>),
    /// To tell how many lines were dropped here.
    Gap(u64),
}

impl QueuedLine {
    fn size(&self) -> usize {
        match self {
            Self::Line(line) => size(line),
            Self::Gap(_) => 0,
        }
    }
}

/// Lines in the order in which they were logged. One thread takes them.
#[derive(Default)]
pub(super) struct LineQueue {
    waiting: Mutex<WaitingLines>,
    /// The thread sleeps, and there is something to take.
    filled: Condvar,
    /// Everything is written.
    written: Condvar,
}

#[derive(Default)]
struct WaitingLines {
    lines: VecDeque<QueuedLine>,
    /// The size of all lines here, and of the one that is being written.
    bytes: usize,
    /// Lines dropped at the end of the queue. Once there is one, all are dropped until half of the
    /// queue is written: one long gap is easier to read around than many short ones.
    dropped: u64,
    /// The size of what is being written.
    taken: Option<usize>,
    /// Whether the thread sleeps. Waking it is a system call, which a busy thread does not need.
    sleeps: bool,
}

impl LineQueue {
    /// Adds a line and says `true`, or drops and counts it if it does not fit.
    pub(super) fn push(&self, line: &[u8]) -> bool {
        let mut waiting = self.lock();
        let fits = waiting.dropped == 0 && waiting.bytes.saturating_add(size(line)) <= CAPACITY;
        if fits {
            waiting.add(line);
        } else {
            waiting.dropped += 1;
        }
        self.wake(waiting);
        fits
    }

    /// Adds a line although there may be no room for it.
    pub(super) fn push_beyond_capacity(&self, line: &[u8]) {
        let mut waiting = self.lock();
        waiting.end_gap();
        waiting.add(line);
        self.wake(waiting);
    }

    /// Waits for the next line. What was taken before counts as written.
    pub(super) fn take(&self) -> QueuedLine {
        let mut waiting = self.lock();
        let written = waiting.taken.take().unwrap_or_default();
        waiting.bytes = waiting.bytes.saturating_sub(written);
        loop {
            if waiting.bytes <= CAPACITY / 2 {
                waiting.end_gap();
            }
            if let Some(line) = waiting.lines.pop_front() {
                waiting.taken = Some(line.size());
                return line;
            }
            self.written.notify_all();
            waiting.sleeps = true;
            waiting = self
                .filled
                .wait(waiting)
                .unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Waits until everything is written, but not longer than this.
    pub(super) fn wait_until_written(&self, limit: Duration) {
        let waiting = self.lock();
        drop(
            self.written
                .wait_timeout_while(waiting, limit, |waiting| !waiting.are_written()),
        );
    }

    fn lock(&self) -> MutexGuard<'_, WaitingLines> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake(&self, mut waiting: MutexGuard<'_, WaitingLines>) {
        let sleeps = std::mem::take(&mut waiting.sleeps);
        drop(waiting);
        if sleeps {
            self.filled.notify_one();
        }
    }
}

impl WaitingLines {
    fn add(&mut self, line: &[u8]) {
        self.bytes = self.bytes.saturating_add(size(line));
        self.lines.push_back(QueuedLine::Line(line.into()));
    }

    fn end_gap(&mut self) {
        let dropped = std::mem::take(&mut self.dropped);
        if dropped > 0 {
            self.lines.push_back(QueuedLine::Gap(dropped));
        }
    }

    fn are_written(&self) -> bool {
        self.lines.is_empty() && self.taken.is_none() && self.dropped == 0
    }
}

/// What a line takes in the queue.
fn size(line: &[u8]) -> usize {
    line.len().saturating_add(size_of::<QueuedLine>())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::thread;
    use std::time::Instant;

    use super::*;

    const LONG: Duration = Duration::from_secs(60);

    /// How many of so many lines are kept while no thread takes any.
    fn fill(queue: &LineQueue, line: &[u8], times: usize) -> usize {
        (0..times).filter(|_| queue.push(line)).count()
    }

    fn line(text: &[u8]) -> QueuedLine {
        QueuedLine::Line(text.into())
    }

    #[test]
    fn is_bounded_in_bytes_whatever_the_length_of_a_line() {
        for length in [0, 1, 100, 10_000, CAPACITY / 3, CAPACITY] {
            let text = vec![b'x'; length];
            let times = 2 * CAPACITY / size(&text) + 2;
            let queue = LineQueue::default();
            let kept = fill(&queue, &text, times);
            assert_eq!(kept, CAPACITY / size(&text), "{length}");
            assert_eq!(queue.lock().bytes, kept * size(&text), "{length}");
            for _ in 0..kept {
                assert_eq!(queue.take(), line(&text), "{length}");
            }
            let dropped = u64::try_from(times - kept).expect("a small number");
            assert_eq!(queue.take(), QueuedLine::Gap(dropped), "{length}");
            // One that is too long in itself drops no others.
            assert!(queue.push(b"short"), "{length}");
            assert_eq!(queue.take(), line(b"short"), "{length}");
        }
    }

    #[test]
    fn a_gap_lasts_until_half_is_written_and_has_its_place() {
        let text = [b'x'; 1000];
        let queue = LineQueue::default();
        let kept = fill(&queue, &text, CAPACITY / 1000);
        let mut dropped = u64::try_from(CAPACITY / 1000 - kept).expect("a small number");
        // The thread says that a line is written when it takes the next.
        for _ in 0..=kept / 2 {
            assert!(!queue.push(b"too early"));
            dropped += 1;
            assert_eq!(queue.take(), line(&text));
        }
        assert!(queue.push(b"after the gap"));
        for _ in kept / 2 + 1..kept {
            assert_eq!(queue.take(), line(&text));
        }
        assert_eq!(queue.take(), QueuedLine::Gap(dropped));
        assert_eq!(queue.take(), line(b"after the gap"));
    }

    #[test]
    fn what_is_added_beyond_the_capacity_has_its_place_too() {
        let text = [b'x'; 1000];
        let queue = LineQueue::default();
        let kept = fill(&queue, &text, CAPACITY / 1000);
        let dropped = u64::try_from(CAPACITY / 1000 - kept).expect("a small number");
        queue.push_beyond_capacity(b"the end");
        assert!(!queue.push(&text));
        for _ in 0..kept {
            assert_eq!(queue.take(), line(&text));
        }
        assert_eq!(queue.take(), QueuedLine::Gap(dropped));
        assert_eq!(queue.take(), line(b"the end"));
        assert_eq!(queue.take(), QueuedLine::Gap(1));
    }

    #[test]
    fn waits_for_what_is_written_and_not_for_a_stuck_thread() {
        let queue = Arc::new(LineQueue::default());
        queue.wait_until_written(LONG);

        assert!(queue.push(b"a line"));
        let limit = Duration::from_millis(20);
        let start = Instant::now();
        queue.wait_until_written(limit);
        assert!(start.elapsed() >= limit);
        queue.take();
        let start = Instant::now();
        queue.wait_until_written(limit);
        assert!(start.elapsed() >= limit, "it is taken, and not yet written");

        let taking = queue.clone();
        thread::spawn(move || taking.take());
        queue.wait_until_written(LONG);
        assert!(queue.lock().are_written());
    }
}
