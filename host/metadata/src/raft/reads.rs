//! Reads that see everything that was committed before they began.
//!
//! To know that takes a round between most members. Rounds are shared: whoever comes while one runs
//! waits for the next one, which serves everybody who waits by then.

use std::sync::{Arc, Weak};

use callfs_model::error::{Error, Result};
use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::failure::no_leader;
use super::node::{PATIENCE, RaftNode};
use crate::queue::closed;

/// Reads that wait before others have to wait for their turn.
const WAITING: usize = 1024;

type ReadTurn = oneshot::Sender<Result<(), Arc<Error>>>;

pub(super) struct Reads(mpsc::Sender<ReadTurn>);

impl Reads {
    pub(super) fn new(node: &Arc<RaftNode>) -> Self {
        let (sender, receiver) = mpsc::channel(WAITING);
        tokio::spawn(rounds(Arc::downgrade(node), receiver));
        Self(sender)
    }

    /// Waits until a read of this node's state sees everything that was committed before.
    pub(super) async fn turn(&self) -> Result<()> {
        let waiting = async {
            let (turn, outcome) = oneshot::channel();
            self.0.send(turn).await.map_err(|_| closed())?;
            let outcome = outcome.await.map_err(|_| closed())?;
            outcome.map_err(|cause| Error::new(cause.kind(), cause.message()))
        };
        timeout(PATIENCE, waiting)
            .await
            .unwrap_or_else(|_| Err(no_leader("it did not answer in time")))
    }
}

async fn rounds(node: Weak<RaftNode>, mut receiver: mpsc::Receiver<ReadTurn>) {
    let mut waiting = Vec::new();
    while receiver.recv_many(&mut waiting, WAITING).await > 0 {
        let Some(node) = node.upgrade() else { return };
        let outcome = node.catch_up(PATIENCE).await.map_err(Arc::new);
        for turn in waiting.drain(..) {
            // Who left needs no answer.
            let _ = turn.send(outcome.clone());
        }
    }
}
