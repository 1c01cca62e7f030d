//! Who is part of the cluster: joins, leaves, and tells.

use std::collections::BTreeSet;
use std::time::Duration;

use callfs_model::error::{Error, ErrorKind, Result};
use openraft::ChangeMembers;
use openraft::error::{ClientWriteError, RaftError};
use tokio::time::timeout;

use super::command::{NodeId, RaftPeer, Refusal, id_of};
use super::failure::no_leader;
use super::message::{self, Done, Hello, Join, Leave, Member, Status};
use super::node::{Leader, RaftNode};

/// How long a node may take to catch up when it joins.
pub(super) const JOINING: Duration = Duration::from_secs(120);
/// How long a node may take to say who it is.
const HELLO: Duration = Duration::from_secs(5);

impl RaftNode {
    pub(super) async fn hello(&self) -> Hello {
        let has_state = self.core.is_initialized().await.unwrap_or(true);
        Hello {
            node: self.peer.name.clone(),
            has_state,
        }
    }

    /// Adds a node that runs at this address, and waits until it is up to date.
    pub(super) async fn join(&self, join: Join) -> Result<()> {
        let id = id_of(&join.name);
        match self.leader() {
            Leader::Here => {}
            Leader::There(leader, peer) if !join.passed_on => {
                let join = Join {
                    passed_on: true,
                    ..join
                };
                return self.pass_on(leader, &peer, message::JOIN, &join).await;
            }
            _ => return Err(no_leader("nobody leads")),
        }
        let wrong = |message: String| Err(Error::new(ErrorKind::BadRequest, message));
        let said: Hello = match self
            .client
            .ask(&join.address, message::HELLO, 0, &(), HELLO)
            .await
        {
            Ok(said) => said,
            Err(cause) => return Err(no_answer(&join, &cause)),
        };
        let Join { name, address, .. } = &join;
        if said.node != *name {
            return wrong(format!(
                "the node at {address} is '{}' and not '{name}'; give each node its own address",
                said.node
            ));
        }
        let (known, is_voter) = self.known(id);
        match known {
            Some(known) if known.name != *name => {
                return wrong(format!(
                    "'{name}' cannot be told from '{}'; give the node another name",
                    known.name
                ));
            }
            Some(known) if known.address != *address => {
                return wrong(format!(
                    "'{name}' is a member at {}; run `callfs cluster leave {name}` first",
                    known.address
                ));
            }
            Some(_) if is_voter && said.has_state => return Ok(()),
            // It has lost what it promised.
            Some(_) if is_voter => {
                return wrong(format!(
                    "'{name}' is a member and has lost its folder; run `callfs cluster leave \
                     {name}` first"
                ));
            }
            None if said.has_state => {
                return wrong(format!(
                    "'{name}' has the state of another cluster, or of an earlier time; empty its \
                     raft.dir"
                ));
            }
            _ => {}
        }
        let peer = RaftPeer {
            name: name.clone(),
            address: address.clone(),
        };
        let joining = async {
            self.core
                .add_learner(id, peer, true)
                .await
                .map_err(failed)?;
            self.core
                .change_membership(ChangeMembers::AddVoterIds(BTreeSet::from([id])), true)
                .await
                .map_err(failed)
        };
        let late = || no_leader("the new node did not catch up in time; join it again");
        timeout(JOINING, joining)
            .await
            .map_err(|_| late())?
            .map(drop)
    }

    /// Takes a node out, whether it runs or not.
    pub(super) async fn leave(&self, leave: Leave) -> Result<()> {
        match self.leader() {
            Leader::Here => {}
            Leader::There(leader, peer) if !leave.passed_on => {
                let leave = Leave {
                    passed_on: true,
                    ..leave
                };
                return self.pass_on(leader, &peer, message::LEAVE, &leave).await;
            }
            _ => return Err(no_leader("nobody leads")),
        }
        let id = id_of(&leave.name);
        let change = match self.known(id) {
            (None, _) => {
                let message = format!(
                    "'{}' is not part of the cluster; `callfs cluster status` tells who is",
                    leave.name
                );
                return Err(Error::new(ErrorKind::NotFound, message));
            }
            (Some(_), true) => ChangeMembers::RemoveVoters(BTreeSet::from([id])),
            (Some(_), false) => ChangeMembers::RemoveNodes(BTreeSet::from([id])),
        };
        let leaving = self.core.change_membership(change, false);
        let late = || no_leader("most members did not confirm it in time");
        timeout(HELLO, leaving)
            .await
            .map_err(|_| late())?
            .map(drop)
            .map_err(failed)
    }

    /// What this node knows of the cluster.
    pub(super) fn status(&self) -> Status {
        let metrics = self.core.metrics();
        let metrics = metrics.borrow();
        let members = metrics.membership_config.membership();
        let voters: BTreeSet<NodeId> = members.voter_ids().collect();
        let last = metrics.last_log_index.unwrap_or_default();
        let lag = |id: &NodeId| {
            let replicated = metrics.replication.as_ref()?.get(id)?;
            Some(last.saturating_sub(replicated.map_or(0, |log| log.index)))
        };
        let member = |(id, peer): (&NodeId, &RaftPeer)| {
            let role = match (metrics.current_leader == Some(*id), voters.contains(id)) {
                (true, _) => "leader",
                (_, true) => "voter",
                _ => "learner",
            };
            Member {
                name: peer.name.clone(),
                address: peer.address.clone(),
                role: role.into(),
                lag: lag(id),
            }
        };
        let leader = metrics
            .current_leader
            .and_then(|id| members.get_node(&id))
            .map(|peer| peer.name.clone());
        Status {
            node: self.peer.name.clone(),
            leader,
            term: metrics.current_term,
            applied: metrics.last_applied.map_or(0, |log| log.index),
            members: members.nodes().map(member).collect(),
        }
    }

    /// The member of this number, and whether it votes.
    fn known(&self, id: NodeId) -> (Option<RaftPeer>, bool) {
        let metrics = self.core.metrics();
        let metrics = metrics.borrow();
        let members = metrics.membership_config.membership();
        let is_voter = members.voter_ids().any(|voter| voter == id);
        (members.get_node(&id).cloned(), is_voter)
    }

    async fn pass_on(
        &self,
        to: NodeId,
        peer: &RaftPeer,
        what: &str,
        question: &impl serde::Serialize,
    ) -> Result<()> {
        let done: Result<Done, _> = self
            .client
            .ask(&peer.address, what, to, question, 2 * JOINING)
            .await;
        done.map_err(|cause| no_leader(&cause.to_string()))?
            .map_err(Refusal::error)
    }
}

/// What is answered to whoever asked for it from elsewhere.
pub(super) fn done(result: Result<()>) -> Done {
    result.map_err(|cause| Refusal::from(&cause))
}

fn no_answer(join: &Join, cause: &super::client::Unanswered) -> Error {
    let message = format!(
        "the cluster cannot reach '{}': {cause}; see that it runs, and that raft.advertise is \
         where the others reach it",
        join.name
    );
    Error::new(ErrorKind::BackendUnavailable, message)
}

fn failed(cause: RaftError<NodeId, ClientWriteError<NodeId, RaftPeer>>) -> Error {
    let message = match &cause {
        RaftError::APIError(ClientWriteError::ForwardToLeader(_)) => {
            return no_leader("another node leads now; try again");
        }
        RaftError::APIError(ClientWriteError::ChangeMembershipError(cause)) => {
            format!("the members cannot be changed now: {cause}")
        }
        RaftError::Fatal(cause) => return super::failure::stopped(cause.clone()),
    };
    Error::new(ErrorKind::BackendUnavailable, message).because(cause)
}
