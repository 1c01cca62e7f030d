//! Requests on their way to the server, in the order in which they were made, so that who asked
//! first here is first there. Whatever becomes of a request, dropping its place lets the next one
//! in.

use std::sync::Arc;
use std::time::Duration;

use callfs_model::error::Result;
use callfs_model::metadata::LeaseId;
use tokio::sync::{mpsc, oneshot};
use tokio::task::AbortHandle;

use super::lease::{Leases, lost};
use super::scripts::{ENTER, LEAVE, TICKETS};
use super::server::LockServer;

/// Between attempts to give up what nobody knows of, while the server is away; the lease may be
/// over before that.
const AGAIN: Duration = Duration::from_millis(100);

pub(super) type Sender = mpsc::UnboundedSender<QueueRequest>;

pub(super) enum QueueRequest {
    Enter(Vec<String>, oneshot::Sender<Result<Entered>>),
    Leave(LeaseId, u64),
    /// Everything before this was carried out.
    #[cfg(test)]
    Settle(oneshot::Sender<()>),
}

/// A request that has its place.
pub(super) struct Entered {
    pub(super) place: QueueTicket,
    pub(super) granted: oneshot::Receiver<()>,
}

/// A place in the queues, first or not; leaves them when it is dropped.
pub(super) struct QueueTicket {
    pub(super) lease: LeaseId,
    ticket: u64,
    requests: mpsc::WeakUnboundedSender<QueueRequest>,
    leases: Arc<Leases>,
}

impl Drop for QueueTicket {
    fn drop(&mut self) {
        self.leases.forget(self.ticket);
        if let Some(requests) = self.requests.upgrade() {
            send(&requests, QueueRequest::Leave(self.lease, self.ticket));
        }
    }
}

pub(super) fn send(requests: &Sender, request: QueueRequest) {
    // They are taken for as long as the manager is there; after it, its lease is over.
    let _ = requests.send(request);
}

/// Carries requests out until nobody can make any more.
pub(super) fn start(server: Arc<LockServer>, leases: Arc<Leases>) -> (Sender, AbortHandle) {
    let (sender, requests) = mpsc::unbounded_channel();
    let queue = RedisQueue {
        server,
        leases,
        requests: sender.downgrade(),
        unsure: false,
    };
    let task = tokio::spawn(queue.run(requests));
    (sender, task.abort_handle())
}

struct RedisQueue {
    server: Arc<LockServer>,
    leases: Arc<Leases>,
    requests: mpsc::WeakUnboundedSender<QueueRequest>,
    /// An answer was lost: there may be a place that nobody here knows of.
    unsure: bool,
}

impl RedisQueue {
    async fn run(mut self, mut requests: mpsc::UnboundedReceiver<QueueRequest>) {
        loop {
            let request = tokio::select! {
                biased;
                request = requests.recv() => request,
                () = tokio::time::sleep(AGAIN), if self.unsure => {
                    self.clear_up().await;
                    continue;
                }
            };
            match request {
                None => return,
                Some(QueueRequest::Enter(_, answer)) if answer.is_closed() => {}
                Some(QueueRequest::Enter(paths, answer)) => {
                    // A place whose requester has left is dropped with the answer.
                    let _ = answer.send(self.enter(paths).await);
                }
                Some(QueueRequest::Leave(lease, ticket)) => {
                    // If it is not heard, it is found among those that nobody knows of.
                    if self.leases.holds(&lease) {
                        self.unsure |= self.server.run::<()>(&LEAVE, &[ticket]).await.is_err();
                    }
                }
                #[cfg(test)]
                Some(QueueRequest::Settle(settled)) => {
                    let _ = settled.send(());
                }
            }
        }
    }

    async fn enter(&mut self, paths: Vec<String>) -> Result<Entered> {
        let Some(lease) = self.leases.current() else {
            return Err(self.leases.why());
        };
        let arguments: Vec<String> = std::iter::once(hex::encode(lease)).chain(paths).collect();
        let entered: Result<(u64, u8)> = self.server.run(&ENTER, &arguments).await;
        let (ticket, granted) = entered.inspect_err(|_| self.unsure = true)?;
        if ticket == 0 {
            self.leases.look();
            return Err(lost());
        }
        let (wake, woken) = oneshot::channel();
        self.leases.enter(lease, ticket, wake, granted != 0);
        let place = QueueTicket {
            lease,
            ticket,
            requests: self.requests.clone(),
            leases: self.leases.clone(),
        };
        Ok(Entered {
            place,
            granted: woken,
        })
    }

    /// Gives up the places of which nobody here knows. Nothing is on its way meanwhile.
    async fn clear_up(&mut self) {
        let Some(lease) = self.leases.current() else {
            self.unsure = false;
            return;
        };
        let Ok(tickets) = self
            .server
            .run::<Vec<u64>>(&TICKETS, &[hex::encode(lease)])
            .await
        else {
            return;
        };
        let mut cleared = true;
        for ticket in tickets
            .into_iter()
            .filter(|ticket| !self.leases.knows(*ticket))
        {
            cleared &= self.server.run::<()>(&LEAVE, &[ticket]).await.is_ok();
        }
        self.unsure = !cleared;
    }
}
