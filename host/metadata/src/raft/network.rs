//! How openraft reaches the other nodes.

use openraft::error::{
    InstallSnapshotError, NetworkError, RPCError, RaftError, RemoteError, Unreachable,
};
use openraft::network::RPCOption;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, InstallSnapshotRequest, InstallSnapshotResponse,
    VoteRequest, VoteResponse,
};
use openraft::{RaftNetwork, RaftNetworkFactory};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::client::{PeerClient, Unanswered};
use super::command::{NodeId, RaftPeer, Types};
use super::message;

type NetworkFailure<E = openraft::error::Infallible> =
    RPCError<NodeId, RaftPeer, RaftError<NodeId, E>>;

/// To every node.
pub(super) struct PeerNetwork(pub(super) PeerClient);

/// To one node.
pub(super) struct PeerConnection {
    client: PeerClient,
    to: NodeId,
    address: String,
}

impl RaftNetworkFactory<Types> for PeerNetwork {
    type Network = PeerConnection;

    async fn new_client(&mut self, to: NodeId, peer: &RaftPeer) -> PeerConnection {
        PeerConnection {
            client: self.0.clone(),
            to,
            address: peer.address.clone(),
        }
    }
}

impl PeerConnection {
    async fn ask<T: DeserializeOwned, E: std::error::Error + DeserializeOwned>(
        &self,
        what: &str,
        question: &impl Serialize,
        option: &RPCOption,
    ) -> Result<T, NetworkFailure<E>> {
        let answer: Result<Result<T, RaftError<NodeId, E>>, Unanswered> = self
            .client
            .ask(&self.address, what, self.to, question, option.hard_ttl())
            .await;
        match answer {
            Ok(answer) => {
                answer.map_err(|cause| RPCError::RemoteError(RemoteError::new(self.to, cause)))
            }
            Err(cause @ Unanswered::NotSent(..)) => {
                Err(RPCError::Unreachable(Unreachable::new(&cause)))
            }
            Err(cause) => Err(RPCError::Network(NetworkError::new(&cause))),
        }
    }
}

impl RaftNetwork<Types> for PeerConnection {
    async fn append_entries(
        &mut self,
        request: AppendEntriesRequest<Types>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<NodeId>, NetworkFailure> {
        self.ask(message::APPEND, &request, &option).await
    }

    async fn install_snapshot(
        &mut self,
        request: InstallSnapshotRequest<Types>,
        option: RPCOption,
    ) -> Result<InstallSnapshotResponse<NodeId>, NetworkFailure<InstallSnapshotError>> {
        self.ask(message::SNAPSHOT, &request, &option).await
    }

    async fn vote(
        &mut self,
        request: VoteRequest<NodeId>,
        option: RPCOption,
    ) -> Result<VoteResponse<NodeId>, NetworkFailure> {
        self.ask(message::VOTE, &request, &option).await
    }
}
