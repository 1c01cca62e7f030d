//! Changes on their way to the one that commits: what is waiting goes together, and is answered
//! when it is durable.
//!
//! One commit serves everybody who waited for it. A step that is refused takes nobody down with it,
//! and a caller who leaves changes nothing: its step is carried out, all of it. It knows nothing of
//! how a store commits.

use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, LinkChange};
use serde::{Deserialize, Serialize};
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

/// Steps in one commit, at most.
const GROUP: usize = 256;
/// Steps that wait before callers have to.
const WAITING: usize = 1024;

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
    /// answers for each what became of it. Whoever is told that it was carried out can rely on
    /// its being durable.
    async fn commit(&mut self, group: &[QueuedStep]) -> Vec<Result<()>>;

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
    answer: oneshot::Sender<Result<()>>,
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
    pub(super) async fn commit(&self, step: QueuedStep) -> Result<()> {
        let (answer, outcome) = oneshot::channel();
        self.sender
            .send(Batch { step, answer })
            .await
            .map_err(|_| closed())?;
        outcome.await.map_err(|_| {
            Error::internal("the writer of the metadata store ended before it answered")
        })?
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
    mut committer: impl Committer,
    mut receiver: mpsc::Receiver<Batch>,
    stop: CancellationToken,
    _stopped: DropGuard,
) {
    let mut group = Vec::with_capacity(GROUP);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled(), if !receiver.is_closed() => receiver.close(),
            taken = receiver.recv_many(&mut group, GROUP) => match taken {
                0 => break,
                _ => {
                    let (steps, answers): (Vec<QueuedStep>, Vec<_>) =
                        group.drain(..).map(|batch| (batch.step, batch.answer)).unzip();
                    let outcomes = committer.commit(&steps).await;
                    for (answer, outcome) in answers.into_iter().zip(outcomes) {
                        // A caller who left does not want its answer.
                        let _ = answer.send(outcome);
                    }
                }
            },
        }
    }
    committer.close().await;
}
