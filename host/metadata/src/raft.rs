//! The metadata store on several nodes without a server: each has all of it, and they agree on
//! every change (Raft).
//!
//! A change is a group in a log; it is answered when most members have it on their disks, and each
//! member applies it to an SQLite file of its own, in the same order. A read sees everything that
//! was committed before it, on every node. With most members gone nothing is changed and nothing is
//! read. Members know each other by a secret; what they say is signed and not encrypted, so their
//! network is to be a trusted one, or a tunnel. It knows nothing of who asks, and caches nothing.

mod client;
mod command;
mod committer;
mod failure;
mod folder;
mod log;
mod machine;
mod membership;
mod message;
mod network;
mod node;
mod reads;
mod remote;
mod server;
mod settings;
mod signature;
mod snapshot;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{
    Change, Intent, IntentId, Link, LinkChange, LinkId, LinkStore, Metadata, Record,
};
use callfs_model::path::FilePath;
use callfs_model::storage::Durability;
use futures_util::future::BoxFuture;
use openraft::{Raft as Core, RaftMetrics};
use tokio::net::TcpListener;
use tokio_util::sync::{CancellationToken, DropGuard};
use tokio_util::task::TaskTracker;

use self::client::PeerClient;
use self::command::{RaftPeer, id_of};
use self::committer::Proposer;
use self::folder::RaftFolder;
use self::log::RaftLog;
use self::machine::StateMachine;
use self::message::{Join, Leave};
pub use self::message::{Member, Status};
use self::network::PeerNetwork;
use self::node::RaftNode;
use self::reads::Reads;
pub use self::remote::RaftMember;
use self::settings::Pace;
pub use self::settings::RaftSettings;
use self::signature::MessageSigner;
use super::Notifications;
use super::notifications::HEARTBEAT;
use super::queue::{CommitQueue, QueuedStep, closed};
use super::sqlite::Readers;

/// One node of a store that several share.
pub struct RaftStore {
    node: Arc<RaftNode>,
    log: RaftLog,
    readers: Arc<ArcSwap<Readers>>,
    reads: Arc<Reads>,
    queue: CommitQueue,
    stop: CancellationToken,
    tasks: TaskTracker,
    _stop: DropGuard,
}

impl RaftStore {
    /// Starts a node from what is in its folder. It is there at once; whether the cluster answers
    /// is seen when it is asked.
    pub fn open(
        settings: RaftSettings,
        notifications: Arc<Notifications>,
    ) -> BoxFuture<'static, Result<Self>> {
        Box::pin(async move { Self::start(settings, Pace::default(), notifications).await })
    }

    async fn start(
        settings: RaftSettings,
        pace: Pace,
        notifications: Arc<Notifications>,
    ) -> Result<Self> {
        let folder = RaftFolder::open(&settings.dir)?;
        let log = RaftLog::open(&folder.log()?, &settings.node).await?;
        let machine = StateMachine::open(folder, notifications.clone()).await?;
        let readers = machine.readers();
        let listener = TcpListener::bind(settings.listen).await.map_err(|cause| {
            let message = format!(
                "cannot listen on {} for the metadata store (Raft): {cause}",
                settings.listen
            );
            Error::new(ErrorKind::Internal, message).because(cause)
        })?;
        let peer = RaftPeer {
            address: address(&settings, &listener)?,
            name: settings.node,
        };
        let id = id_of(&peer.name);
        let signer = MessageSigner::new(&settings.secret);
        let client = PeerClient::new(signer.clone());
        let network = PeerNetwork(client.clone());
        let core = Core::new(id, Arc::new(pace.config()?), network, log.clone(), machine).await;
        let core = core.map_err(failure::stopped)?;
        begin(&core, id, &peer, settings.bootstrap).await?;
        let node = Arc::new(RaftNode::new(id, peer, core, client));
        let stop = CancellationToken::new();
        let tasks = TaskTracker::new();
        tasks.spawn(server::serve(listener, node.clone(), signer, stop.clone()));
        let reads = Arc::new(Reads::new(&node));
        let heartbeats = stop.clone();
        let reader = reads.clone();
        tasks.spawn(async move {
            heartbeats
                .run_until_cancelled(heartbeat(&reader, &notifications))
                .await
        });
        let queue = CommitQueue::new(Proposer(node.clone()));
        Ok(Self {
            node,
            log,
            readers,
            reads,
            queue,
            _stop: stop.clone().drop_guard(),
            stop,
            tasks,
        })
    }

    /// Adds a node that runs and is part of no cluster, and waits until it is up to date.
    pub fn join<'a>(&'a self, name: &'a str, address: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.node
                .join(Join {
                    name: name.into(),
                    address: address.into(),
                    passed_on: false,
                })
                .await
        })
    }

    /// Takes a node out of the cluster, whether it runs or not.
    pub fn leave<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.node
                .leave(Leave {
                    name: name.into(),
                    passed_on: false,
                })
                .await
        })
    }

    /// What this node knows of the cluster.
    pub fn status(&self) -> Status {
        self.node.status()
    }

    /// Where the others reach this node.
    pub fn address(&self) -> &str {
        &self.node.peer.address
    }

    /// What reads everything that was committed before.
    async fn readers(&self) -> Result<Arc<Readers>> {
        if self.queue.is_closed() {
            return Err(closed());
        }
        self.reads.turn().await?;
        Ok(self.readers.load_full())
    }
}

/// Where the others reach a node.
fn address(settings: &RaftSettings, listener: &TcpListener) -> Result<String> {
    if let Some(address) = &settings.advertise {
        return Ok(address.clone());
    }
    let address = listener.local_addr().map_err(Error::internal)?;
    if address.ip().is_unspecified() {
        let message =
            format!("nobody can be told to reach this node at {address}; set raft.advertise");
        return Err(Error::new(ErrorKind::BadRequest, message));
    }
    Ok(address.to_string())
}

/// Begins a cluster of its own, or the next election if there is nobody else to wait for.
async fn begin(
    core: &Core<command::Types>,
    id: u64,
    peer: &RaftPeer,
    bootstrap: bool,
) -> Result<()> {
    let is_new = !core.is_initialized().await.map_err(failure::stopped)?;
    if is_new && !bootstrap {
        return Ok(());
    }
    if is_new {
        core.initialize(BTreeMap::from([(id, peer.clone())]))
            .await
            .map_err(Error::internal)?;
    }
    let members = core
        .with_raft_state(|state| state.membership_state.effective().membership().clone())
        .await;
    let members = members.map_err(failure::stopped)?;
    if let Some(known) = members
        .get_node(&id)
        .filter(|known| known.address != peer.address)
    {
        tracing::warn!(known = %known.address, now = %peer.address, "the other members look for \
            this node elsewhere; set \
            raft.advertise to where they do, or let it leave, empty its folder and join again");
    }
    // What is known of the members is looked up there, and is told a moment after it is known.
    let some = |metrics: &RaftMetrics<u64, RaftPeer>| {
        metrics
            .membership_config
            .membership()
            .nodes()
            .next()
            .is_some()
    };
    if members.nodes().next().is_some() {
        core.wait(Some(node::PATIENCE))
            .metrics(some, "the members")
            .await
            .map_err(Error::internal)?;
    }
    if !is_new && members.voter_ids().eq([id]) {
        core.trigger().elect().await.map_err(failure::stopped)?;
    }
    Ok(())
}

/// Makes sure that the notifications are recent: what was committed before has been applied, and
/// thereby told.
async fn heartbeat(reads: &Reads, notifications: &Notifications) {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let then = Instant::now();
        if reads.turn().await.is_ok() {
            notifications.current(then);
        }
    }
}

#[async_trait]
impl Metadata for RaftStore {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        self.readers().await?.get(path).await
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.readers()
            .await?
            .children(directory, after, limit)
            .await
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        self.readers().await?.records(within, after, limit).await
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        let step = QueuedStep::Records(changes);
        self.queue.commit(step, Durability::Strict).await
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        self.readers().await?.intents().await
    }

    async fn ready(&self) -> Result<()> {
        self.readers().await?.answer().await
    }

    async fn close(&self) {
        self.queue.close().await;
        self.stop.cancel();
        if let Err(cause) = self.node.core.shutdown().await {
            tracing::warn!(%cause, "the metadata store (Raft) was not stopped well; what it \
                                    answered is in its log");
        }
        self.tasks.close();
        self.tasks.wait().await;
        self.readers.load().close().await;
        self.log.close().await;
    }
}

#[async_trait]
impl LinkStore for RaftStore {
    async fn change(&self, change: LinkChange) -> Result<()> {
        let step = QueuedStep::Link(Box::new(change));
        self.queue.commit(step, Durability::Strict).await
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.readers().await?.link_by_token(token_sha256).await
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.readers().await?.link_by_id(id).await
    }

    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        self.readers().await?.links(maker, after, limit).await
    }
}
