//! A limit on how long nothing may happen. It costs nothing while something does: the clock starts
//! when a wait starts, and only a wait that lasts is registered with the runtime.

use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep};

/// The limit and the wait under way.
pub(crate) struct Idle {
    limit: Duration,
    sleep: Option<Pin<Box<Sleep>>>,
    waiting: bool,
}

impl Idle {
    /// Nothing waits yet.
    pub(crate) fn new(limit: Duration) -> Self {
        Self {
            limit,
            sleep: None,
            waiting: false,
        }
    }

    /// Something happened: the next wait starts anew.
    pub(crate) fn progress(&mut self) {
        self.waiting = false;
    }

    /// Nothing happened: ready once that has been so for the whole limit.
    pub(crate) fn poll_elapsed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        let sleep = self
            .sleep
            .get_or_insert_with(|| Box::pin(sleep(self.limit)));
        if !self.waiting {
            self.waiting = true;
            sleep.as_mut().reset(Instant::now() + self.limit);
        }
        sleep.as_mut().poll(cx)
    }
}
