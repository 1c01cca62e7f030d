//! One node: what it proposes, and what it asks of the one that leads.
//!
//! A change is proposed once. It is proposed again only if it is known that nothing was: there was
//! no connection, or the one that was asked does not lead. Looking for the one that leads takes a
//! bounded time.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use openraft::Raft as Core;
use openraft::error::RaftError;
use tokio::time::{Instant, timeout, timeout_at};

use super::client::{PeerClient, Unanswered};
use super::command::{NodeId, RaftCommand, RaftPeer, StepOutcome, Types};
use super::failure::{Trouble, no_leader, not_a_member, stopped, unknown};
use super::message::{self, Commit, Committed, ReadAt};
use crate::queue::QueuedStep;

/// How long anybody waits for the cluster.
pub(super) const PATIENCE: Duration = Duration::from_secs(4);
/// The same as long as nothing came of waiting before.
const IMPATIENCE: Duration = Duration::from_millis(800);
/// How long until the next attempt.
const PAUSE: Duration = Duration::from_millis(100);

pub(super) struct RaftNode {
    pub(super) id: NodeId,
    pub(super) peer: RaftPeer,
    pub(super) core: Core<Types>,
    pub(super) client: PeerClient,
    /// Whether the last change found nobody who leads.
    is_alone: AtomicBool,
}

/// Who leads.
pub(super) enum Leader {
    Here,
    There(NodeId, RaftPeer),
    Nobody,
}

impl RaftNode {
    pub(super) fn new(id: NodeId, peer: RaftPeer, core: Core<Types>, client: PeerClient) -> Self {
        Self {
            id,
            peer,
            core,
            client,
            is_alone: AtomicBool::new(false),
        }
    }

    /// As far as this node knows.
    pub(super) fn leader(&self) -> Leader {
        let metrics = self.core.metrics();
        let metrics = metrics.borrow();
        match metrics.current_leader {
            Some(id) if id == self.id => Leader::Here,
            Some(id) => match metrics.membership_config.membership().get_node(&id) {
                Some(peer) => Leader::There(id, peer.clone()),
                None => Leader::Nobody,
            },
            None => Leader::Nobody,
        }
    }

    /// Whether this node runs, and is part of a cluster.
    pub(super) fn check(&self) -> Result<()> {
        let metrics = self.core.metrics();
        let metrics = metrics.borrow();
        if let Err(cause) = &metrics.running_state {
            return Err(stopped(cause.clone()));
        }
        match metrics.membership_config.membership().get_node(&self.id) {
            Some(_) => Ok(()),
            None => Err(not_a_member()),
        }
    }

    /// Carries out each step as a whole or not at all, wherever the leader is, and answers what
    /// became of each.
    pub(super) async fn commit(&self, steps: &[QueuedStep]) -> Result<Vec<StepOutcome>> {
        self.check()?;
        let patience = if self.is_alone.load(Ordering::Relaxed) {
            IMPATIENCE
        } else {
            PATIENCE
        };
        let deadline = Instant::now() + patience;
        let mut why = String::from("nobody leads");
        let result = loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                break Err(no_leader(&why));
            }
            let committed: Committed = match self.leader() {
                Leader::Nobody => Err(Trouble::NotLeader),
                Leader::Here => self.propose(steps.to_vec(), left).await,
                Leader::There(id, peer) => {
                    let question = Commit {
                        steps: steps.to_vec(),
                    };
                    match self
                        .client
                        .ask(&peer.address, message::COMMIT, id, &question, left)
                        .await
                    {
                        Ok(committed) => committed,
                        Err(cause @ (Unanswered::NotSent(..) | Unanswered::Refused(..))) => {
                            why = cause.to_string();
                            Err(Trouble::NotLeader)
                        }
                        Err(cause) => Err(Trouble::Unknown(cause.to_string())),
                    }
                }
            };
            match committed {
                Ok(outcomes) if outcomes.len() == steps.len() => break Ok(outcomes),
                Ok(_) => break Err(unknown("the leader answered for other changes")),
                Err(Trouble::Unknown(why)) => break Err(unknown(&why)),
                Err(Trouble::NotLeader) => self.pause(deadline).await,
            }
        };
        let is_alone = result
            .as_ref()
            .is_err_and(|error: &Error| error.kind() == ErrorKind::BackendUnavailable);
        self.is_alone.store(is_alone, Ordering::Relaxed);
        result
    }

    /// The same if this node leads.
    pub(super) async fn propose(&self, steps: Vec<QueuedStep>, patience: Duration) -> Committed {
        // Whoever does not lead proposes nothing. Afterwards, to be told to ask another can also
        // mean that the change is in the log of some node, and that a later leader may find
        // it there.
        if !matches!(self.leader(), Leader::Here) {
            return Err(Trouble::NotLeader);
        }
        match timeout(patience, self.core.client_write(RaftCommand { steps })).await {
            Ok(Ok(written)) => Ok(written.data),
            Ok(Err(cause)) => Err(Trouble::Unknown(cause.to_string())),
            Err(_) => Err(Trouble::Unknown(
                "most members did not confirm it in time".into(),
            )),
        }
    }

    /// Waits until everything that was committed before is applied here.
    pub(super) async fn catch_up(&self, patience: Duration) -> Result<()> {
        self.check()?;
        let deadline = Instant::now() + patience;
        let mut why = String::from("nobody leads");
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(no_leader(&why));
            }
            let at: ReadAt = match self.leader() {
                Leader::Nobody => Err("nobody leads".into()),
                Leader::Here => self.read_at().await,
                Leader::There(id, peer) => {
                    let asked = self
                        .client
                        .ask(
                            &peer.address,
                            message::READ,
                            id,
                            &(),
                            left.min(PATIENCE / 2),
                        )
                        .await;
                    asked.unwrap_or_else(|cause| Err(cause.to_string()))
                }
            };
            match at {
                Ok(at) => {
                    let left = deadline.saturating_duration_since(Instant::now());
                    let applied = self
                        .core
                        .wait(Some(left))
                        .applied_index_at_least(at, "a read")
                        .await;
                    return applied
                        .map(drop)
                        .map_err(|_| no_leader("this node is behind the others"));
                }
                Err(cause) => why = cause,
            }
            self.check()?;
            self.pause(deadline).await;
        }
    }

    /// Up to where a read has to see, if this node leads: most members say that it does.
    pub(super) async fn read_at(&self) -> ReadAt {
        match timeout(PATIENCE / 2, self.core.get_read_log_id()).await {
            Ok(Ok((at, _))) => Ok(at.map(|at| at.index)),
            Ok(Err(RaftError::APIError(cause))) => Err(cause.to_string()),
            Ok(Err(RaftError::Fatal(cause))) => Err(cause.to_string()),
            Err(_) => Err("most members did not confirm who leads".into()),
        }
    }

    /// Until there is notifications of who leads, for a moment at most.
    async fn pause(&self, deadline: Instant) {
        let mut metrics = self.core.metrics();
        let leader = metrics.borrow_and_update().current_leader;
        let other = metrics.wait_for(|metrics| metrics.current_leader != leader);
        // What came of it is looked at by whoever waits.
        let _ = timeout_at(deadline.min(Instant::now() + PAUSE), other).await;
    }
}
