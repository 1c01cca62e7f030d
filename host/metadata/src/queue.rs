//! Changes on their way to the one that commits: what is waiting goes together, and is answered
//! when it is durable.
//!
//! One commit serves everybody who waited for it. A step that is refused takes nobody down with it,
//! and a caller who leaves changes nothing: its step is carried out, all of it. A step without a
//! waiting caller goes with the next, or after a moment alone. It knows nothing of how a store
//! commits.

use std::pin::pin;
use std::time::Duration;

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, LinkChange};
use callfs_model::storage::Durability;
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;
use tokio_util::sync::{CancellationToken, DropGuard};

/// Steps in one commit, at most.
const GROUP: usize = 256;
/// Steps that wait before callers have to.
const WAITING: usize = 1024;
/// How long a step without a waiting caller waits for another one to be committed with.
const LINGER: Duration = Duration::from_millis(20);
/// How long a relaxed commit waits for others before all of them are made durable.
const FLUSH: Duration = Duration::from_millis(500);

/// What is carried out as a whole or not at all.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum QueuedStep {
    /// Changes of the records, in order.
    Records(Vec<Change>),
    /// A change of the links.
    Link(Box<LinkChange>),
}

/// The one that commits.
#[async_trait]
pub(super) trait Committer: Send + 'static {
    /// Carries out each step as a whole or not at all, in order, all of them in one commit, and
    /// answers for each what became of it. A strict commit is durable when this returns, and with
    /// it every commit before; a relaxed one may become durable later.
    async fn commit(&mut self, group: &[QueuedStep], durability: Durability) -> Vec<Result<()>>;

    /// Makes every commit before durable.
    async fn flush(&mut self) -> Result<()> {
        Ok(())
    }

    /// Lets go of the store, in which nothing more will be changed.
    async fn close(self);
}

/// Where steps wait for a committer.
pub(super) struct CommitQueue {
    sender: mpsc::Sender<Batch>,
    stop: CancellationToken,
    stopped: CancellationToken,
}

/// A step, and who waits for it.
struct Batch {
    step: QueuedStep,
    waiter: StepWaiter,
}

/// Who is told what became of a step.
enum StepWaiter {
    Caller(oneshot::Sender<Result<()>>, Durability),
    /// No caller; the value is dropped once the step is carried out or has failed.
    Unawaited(Box<dyn Send>),
}

impl StepWaiter {
    fn is_caller(&self) -> bool {
        matches!(self, Self::Caller(..))
    }

    fn is_strict(&self) -> bool {
        matches!(self, Self::Caller(_, Durability::Strict))
    }
}

impl CommitQueue {
    /// A queue in front of a committer, which runs until the queue is closed or dropped.
    pub(super) fn new(committer: impl Committer) -> Self {
        let (queue, committing) = Self::before(committer);
        tokio::spawn(committing);
        queue
    }

    /// The same for a committer that waits for a disk. It has a thread of its own, which takes the
    /// steps from those who want them carried out and gives them the answers, with no task between.
    pub(super) fn on_thread(committer: impl Committer) -> Result<Self> {
        let (queue, committing) = Self::before(committer);
        let runtime = Handle::current();
        std::thread::Builder::new()
            .name("metadata-writer".into())
            .spawn(move || runtime.block_on(committing))
            .map_err(Error::internal)?;
        Ok(queue)
    }

    fn before<C: Committer>(committer: C) -> (Self, impl Future<Output = ()> + use<C>) {
        let (sender, receiver) = mpsc::channel(WAITING);
        let stop = CancellationToken::new();
        let stopped = CancellationToken::new();
        let committing = run(
            committer,
            receiver,
            stop.clone(),
            stopped.clone().drop_guard(),
        );
        let queue = Self {
            sender,
            stop,
            stopped,
        };
        (queue, committing)
    }

    /// Has a step carried out.
    pub(super) async fn commit(&self, step: QueuedStep, durability: Durability) -> Result<()> {
        let (answer, outcome) = oneshot::channel();
        self.put(step, StepWaiter::Caller(answer, durability))
            .await?;
        outcome.await.map_err(|_| {
            Error::internal("the writer of the metadata store ended before it answered")
        })?
    }

    /// Has a step carried out in its turn, after a moment at most, and returns before that. `held`
    /// is dropped afterwards.
    pub(super) async fn commit_soon(&self, step: QueuedStep, held: Box<dyn Send>) -> Result<()> {
        self.put(step, StepWaiter::Unawaited(held)).await
    }

    async fn put(&self, step: QueuedStep, waiter: StepWaiter) -> Result<()> {
        let batch = Batch { step, waiter };
        self.sender.send(batch).await.map_err(|_| closed())
    }

    /// Whether nothing is taken any more.
    pub(super) fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Carries out what is waiting, takes nothing more, and returns when the store was let go of.
    pub(super) async fn close(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

/// The store was closed before.
pub(super) fn closed() -> Error {
    Error::new(ErrorKind::NotReady, "the metadata store is closed")
}

/// Lets go of the guard last.
async fn run(
    committer: impl Committer,
    mut receiver: mpsc::Receiver<Batch>,
    stop: CancellationToken,
    _stopped: DropGuard,
) {
    let mut group = Vec::with_capacity(GROUP);
    let mut linger = pin!(tokio::time::sleep(LINGER));
    let mut flush = pin!(tokio::time::sleep(FLUSH));
    let mut log = CommitLog {
        committer,
        relaxed: false,
    };
    loop {
        let room = GROUP - group.len();
        let lingers = !group.is_empty();
        let was_relaxed = log.relaxed;
        tokio::select! {
            biased;
            () = stop.cancelled(), if !receiver.is_closed() => receiver.close(),
            () = &mut flush, if was_relaxed => {
                log.flush().await;
                flush.as_mut().reset(Instant::now() + FLUSH);
            }
            taken = receiver.recv_many(&mut group, room) => {
                if taken == 0 {
                    log.commit(&mut group).await;
                    break;
                }
                if group.len() == GROUP || group.iter().any(|batch| batch.waiter.is_caller()) {
                    log.commit(&mut group).await;
                } else if !lingers {
                    linger.as_mut().reset(Instant::now() + LINGER);
                }
            }
            () = &mut linger, if lingers => log.commit(&mut group).await,
        }
        if log.relaxed && !was_relaxed {
            flush.as_mut().reset(Instant::now() + FLUSH);
        }
    }
    log.committer.close().await;
}

/// A committer, and whether one of its commits may not be durable yet.
struct CommitLog<C> {
    committer: C,
    relaxed: bool,
}

impl<C: Committer> CommitLog<C> {
    async fn commit(&mut self, group: &mut Vec<Batch>) {
        if group.is_empty() {
            return;
        }
        let (steps, waiters): (Vec<QueuedStep>, Vec<_>) = group
            .drain(..)
            .map(|batch| (batch.step, batch.waiter))
            .unzip();
        let durability = if waiters.iter().any(StepWaiter::is_strict) {
            Durability::Strict
        } else {
            Durability::Relaxed
        };
        let outcomes = self.committer.commit(&steps, durability).await;
        // A strict commit that fails, or changes nothing, flushes nothing.
        self.relaxed |= durability == Durability::Relaxed;
        for (waiter, outcome) in waiters.into_iter().zip(outcomes) {
            match (waiter, outcome) {
                // A caller who left does not want its answer.
                (StepWaiter::Caller(answer, _), outcome) => drop(answer.send(outcome)),
                (StepWaiter::Unawaited(held), Ok(())) => drop(held),
                (StepWaiter::Unawaited(_), Err(error)) => tracing::warn!(
                    %error,
                    "what is recorded could not be tidied up; that is done at the next start"
                ),
            }
        }
    }

    async fn flush(&mut self) {
        match self.committer.flush().await {
            Ok(()) => self.relaxed = false,
            Err(error) => tracing::error!(
                %error,
                "the metadata store cannot be flushed; a power loss may undo its last changes"
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    use Durability::{Relaxed, Strict};

    /// Keeps the sizes of the groups that were committed, and 0 for each flush.
    struct Counting(Arc<Mutex<Vec<(usize, Durability)>>>);

    #[async_trait]
    impl Committer for Counting {
        async fn commit(
            &mut self,
            group: &[QueuedStep],
            durability: Durability,
        ) -> Vec<Result<()>> {
            let mut groups = self.0.lock().expect("no panic");
            groups.push((group.len(), durability));
            group.iter().map(|_| Ok(())).collect()
        }

        async fn flush(&mut self) -> Result<()> {
            self.0.lock().expect("no panic").push((0, Strict));
            Ok(())
        }

        async fn close(self) {}
    }

    fn step() -> QueuedStep {
        QueuedStep::Records(Vec::new())
    }

    #[tokio::test]
    async fn an_unawaited_step_goes_with_the_next() {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let queue = CommitQueue::new(Counting(groups.clone()));
        let (done, mut carried_out) = mpsc::channel::<()>(1);
        for _ in 0..2 {
            let held = Box::new(done.clone());
            queue.commit_soon(step(), held).await.expect("queued");
        }
        drop(done);
        queue.commit(step(), Strict).await.expect("carried out");
        assert_eq!(*groups.lock().expect("no panic"), [(3, Strict)]);
        assert_eq!(carried_out.recv().await, None, "what was held is let go of");
    }

    #[tokio::test]
    async fn an_unawaited_step_alone_waits_for_a_moment() {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let queue = CommitQueue::new(Counting(groups.clone()));
        let (done, mut carried_out) = mpsc::channel::<()>(1);
        let began = Instant::now();
        queue
            .commit_soon(step(), Box::new(done))
            .await
            .expect("queued");
        assert_eq!(carried_out.recv().await, None);
        assert_eq!(*groups.lock().expect("no panic"), [(1, Relaxed)]);
        assert!(began.elapsed() >= LINGER);
    }

    #[tokio::test]
    async fn closing_carries_out_what_waits() {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let queue = CommitQueue::new(Counting(groups.clone()));
        queue
            .commit_soon(step(), Box::new(()))
            .await
            .expect("queued");
        queue.close().await;
        assert_eq!(*groups.lock().expect("no panic"), [(1, Relaxed)]);
    }

    #[tokio::test]
    async fn relaxed_commits_are_flushed_together_after_a_moment() {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let queue = CommitQueue::new(Counting(groups.clone()));
        let began = Instant::now();
        for _ in 0..2 {
            queue.commit(step(), Relaxed).await.expect("carried out");
        }
        let committed = || groups.lock().expect("no panic").clone();
        let flushed = async {
            while committed().len() < 3 {
                tokio::task::yield_now().await;
            }
        };
        tokio::time::timeout(20 * FLUSH, flushed)
            .await
            .expect("flushed");
        assert!(began.elapsed() >= FLUSH);
        assert_eq!(committed(), [(1, Relaxed), (1, Relaxed), (0, Strict)]);
    }

    #[tokio::test]
    async fn only_a_flush_leaves_nothing_to_flush() {
        let mut log = CommitLog {
            committer: Counting(Arc::default()),
            relaxed: false,
        };
        for (durability, relaxed) in [(Strict, false), (Relaxed, true), (Strict, true)] {
            let (answer, _outcome) = oneshot::channel();
            let waiter = StepWaiter::Caller(answer, durability);
            let step = step();
            log.commit(&mut vec![Batch { step, waiter }]).await;
            assert_eq!(log.relaxed, relaxed);
        }
        log.flush().await;
        assert!(!log.relaxed);
    }

    #[tokio::test]
    async fn a_group_is_strict_if_one_of_its_callers_is() {
        let groups = Arc::new(Mutex::new(Vec::new()));
        let queue = CommitQueue::new(Counting(groups.clone()));
        let (relaxed, strict) =
            tokio::join!(queue.commit(step(), Relaxed), queue.commit(step(), Strict));
        relaxed.and(strict).expect("carried out");
        assert_eq!(*groups.lock().expect("no panic"), [(2, Strict)]);
    }
}
