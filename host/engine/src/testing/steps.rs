//! Storages and a metadata store that go one step at a time, or fail at one: what a test needs to
//! look between any two steps of a change, and to break it off at every one.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use callfs_model::error::{Error, ErrorKind, Result};
use tokio::sync::Semaphore;

tokio::task_local! {
    /// Whoever looks takes no steps.
    static LOOKS: ();
}

/// Shared by everything that takes steps together.
#[derive(Clone)]
pub(crate) struct Steps(Arc<Inner>);

struct Inner {
    driven: AtomicBool,
    arrived: Semaphore,
    go: Semaphore,
    taken: AtomicUsize,
    fault: Mutex<Option<Fault>>,
}

/// What goes wrong, at a step that is counted from 1.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Fault {
    /// That step alone.
    Once(usize),
    /// That step and every later one, as if everything went down.
    From(usize),
    /// If that step is a change of the metadata store, it is carried out, and its answer is lost.
    Unanswered(usize),
    /// The same, and every later step fails.
    UnansweredFrom(usize),
    /// The same, and the next two steps fail; then all is well.
    UnansweredForAWhile(usize),
}

/// What a step is told.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Go,
    /// Carry it out and say that it failed.
    Unanswered,
}

impl Steps {
    pub(super) fn new() -> Self {
        Self(Arc::new(Inner {
            driven: AtomicBool::new(false),
            arrived: Semaphore::new(0),
            go: Semaphore::new(0),
            taken: AtomicUsize::new(0),
            fault: Mutex::new(None),
        }))
    }

    /// One step of whoever changes something.
    pub(super) async fn take(&self) -> Result<Verdict> {
        if LOOKS.try_with(|()| ()).is_ok() {
            return Ok(Verdict::Go);
        }
        if self.0.driven.load(Ordering::SeqCst) {
            self.0.arrived.add_permits(1);
            self.0.go.acquire().await.map_err(Error::internal)?.forget();
        }
        let step = self.0.taken.fetch_add(1, Ordering::SeqCst) + 1;
        let failed = || {
            Err(Error::new(
                ErrorKind::BackendUnavailable,
                format!("step {step} failed"),
            ))
        };
        match *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Fault::Once(at)) if step == at => failed(),
            Some(Fault::From(at)) if step >= at => failed(),
            Some(Fault::UnansweredFrom(at)) if step > at => failed(),
            Some(Fault::UnansweredForAWhile(at)) if step == at + 1 || step == at + 2 => failed(),
            Some(
                Fault::Unanswered(at) | Fault::UnansweredFrom(at) | Fault::UnansweredForAWhile(at),
            ) if step == at => Ok(Verdict::Unanswered),
            _ => Ok(Verdict::Go),
        }
    }

    /// How many were taken since the count was begun.
    pub(crate) fn taken(&self) -> usize {
        self.0.taken.load(Ordering::SeqCst)
    }

    /// Begins to count, and decides what goes wrong.
    pub(crate) fn fail(&self, fault: Option<Fault>) {
        self.0.taken.store(0, Ordering::SeqCst);
        *self.0.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Does some work, and looks before each of its steps and after the last.
    pub(crate) async fn drive<T>(
        &self,
        work: impl Future<Output = T>,
        mut look: impl AsyncFnMut(),
    ) -> T {
        self.0.driven.store(true, Ordering::SeqCst);
        let mut work = std::pin::pin!(work);
        let done = loop {
            tokio::select! {
                done = &mut work => break done,
                arrived = self.0.arrived.acquire() => arrived.expect("open").forget(),
            }
            LOOKS.scope((), look()).await;
            self.0.go.add_permits(1);
        };
        self.0.driven.store(false, Ordering::SeqCst);
        LOOKS.scope((), look()).await;
        done
    }
}
