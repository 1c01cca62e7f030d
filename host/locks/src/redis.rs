//! Locks that several gateways share, in Redis, or in what speaks its protocol.
//!
//! The queues are those of [`Local`](super::LocalLocks), kept in the server and changed by scripts:
//! who came first is first everywhere. A process holds all of its locks under one lease. Whoever
//! finds a lease that is over has it fenced before anything that was locked under it is granted to
//! others, and a lease that could not be renewed in time is given up here no later than there. A
//! server that forgot everything grants nothing for as long as a lease lasts, because what it
//! forgot may still be held; it is assumed that all name the same length, and that clocks run about
//! as fast as each other.

mod lease;
mod queue;
mod scripts;
mod server;

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::locks::{Fences, Guard, Locks};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;
use tokio::sync::oneshot;
use tokio_util::sync::{CancellationToken, DropGuard};

use self::lease::{Keeper, Leases};
use self::queue::{Entered, QueueRequest};
use self::scripts::PING;
use self::server::LockServer;
use super::local::{locked, outermost};

/// A lock manager of several processes.
pub struct RedisLocks {
    requests: queue::Sender,
    server: Arc<LockServer>,
    leases: Arc<Leases>,
    stop: CancellationToken,
    stopped: CancellationToken,
    _stop: DropGuard,
    #[cfg(test)]
    tasks: [tokio::task::AbortHandle; 2],
}

impl RedisLocks {
    /// Opens `redis://host/0`; whoever names the same server and prefix shares the locks. A lock
    /// outlives a process that died for as long as a lease, which is fenced first. While the
    /// server does not answer, this fails.
    pub fn open<'a>(
        url: &'a str,
        prefix: &'a str,
        lease: Duration,
        fences: Arc<dyn Fences>,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let server = Arc::new(LockServer::new(url, prefix)?);
            let keeper = Keeper::new(server.clone(), lease, fences);
            let leases = keeper.leases();
            let first = keeper.begin().await?;
            let stop = CancellationToken::new();
            let stopped = CancellationToken::new();
            let (requests, _queue) = queue::start(server.clone(), leases.clone());
            let _keeper =
                tokio::spawn(keeper.run(first, stop.clone(), stopped.clone().drop_guard()))
                    .abort_handle();
            Ok(Self {
                requests,
                server,
                leases,
                _stop: stop.clone().drop_guard(),
                stop,
                stopped,
                #[cfg(test)]
                tasks: [_queue, _keeper],
            })
        })
    }
}

#[async_trait]
impl Locks for RedisLocks {
    async fn acquire(&self, paths: &[FilePath], wait: Duration) -> Result<Guard> {
        let names = outermost(paths)
            .into_iter()
            .map(|path| path.as_str().to_owned())
            .collect();
        let (answer, entered) = oneshot::channel();
        queue::send(&self.requests, QueueRequest::Enter(names, answer));
        // However short the wait is: a free lock is to be had.
        let Entered { place, granted } = entered.await.map_err(|_| server::unreachable())??;
        match tokio::time::timeout(wait, granted).await {
            Ok(Ok(())) if self.leases.holds(&place.lease) => Ok(Guard::leased(place.lease, place)),
            Ok(_) => Err(lease::lost()),
            Err(_) => Err(locked(paths)),
        }
    }

    async fn ready(&self) -> Result<()> {
        match self.leases.current() {
            Some(_) => self
                .server
                .run::<u64>(&PING, &[] as &[&str])
                .await
                .map(drop),
            None => Err(self.leases.why()),
        }
    }

    async fn close(&self) {
        self.stop.cancel();
        self.stopped.cancelled().await;
    }
}

#[cfg(test)]
mod tests;
