//! The lease of this process: begun, renewed, given up; and those of others that are over, fenced
//! and cleared away.
//!
//! A lease that was lost is fenced before the next one begins, so that nothing is ever done under
//! the old one while this process takes part again. What waits for a lock is woken from here.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::locks::Fences;
use callfs_model::metadata::LeaseId;
use futures_util::StreamExt;
use tokio::sync::{Notify, oneshot};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::scripts::{BEGIN, BURY, EXPIRE, RENEW};
use super::server::{LockServer, unreachable};

/// Between attempts of what cannot be done now.
const AGAIN: Duration = Duration::from_millis(200);
/// Wakes that came before their place was known; more than this are forgotten, and found when the
/// lease is renewed.
const EARLY: usize = 1000;

/// What this process holds and waits for.
#[derive(Default)]
pub(super) struct Leases {
    state: Mutex<LeaseState>,
    /// There is a reason to renew now.
    look: Notify,
    #[cfg(test)]
    pub(super) marked: tokio::sync::watch::Sender<String>,
}

#[derive(Default)]
struct LeaseState {
    /// The lease, and until when it holds whatever the server says.
    current: Option<(LeaseId, Instant)>,
    /// Every place, and who waits for its turn.
    places: HashMap<u64, Option<oneshot::Sender<()>>>,
    early: HashSet<u64>,
    /// Why there is no lease.
    why: Option<(ErrorKind, String)>,
}

/// What is told of a lock that was lost.
pub(super) fn lost() -> Error {
    let message =
        "the locks of this node were lost, because its lease was not renewed in time; try again";
    Error::new(ErrorKind::Locked, message).retry_after(Duration::from_secs(1))
}

impl Leases {
    fn state(&self) -> MutexGuard<'_, LeaseState> {
        // Nothing below panics half-way.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The lease, as long as it holds.
    pub(super) fn current(&self) -> Option<LeaseId> {
        self.state()
            .current
            .filter(|(_, until)| Instant::now() < *until)
            .map(|(lease, _)| lease)
    }

    pub(super) fn holds(&self, lease: &LeaseId) -> bool {
        self.current().is_some_and(|current| current == *lease)
    }

    /// Why there is no lease.
    pub(super) fn why(&self) -> Error {
        self.state()
            .why
            .clone()
            .map_or_else(unreachable, |(kind, message)| Error::new(kind, message))
    }

    /// Has the lease looked after at once.
    pub(super) fn look(&self) {
        self.look.notify_one();
    }

    /// There is a place; `wake` is told when its turn has come.
    pub(super) fn enter(
        &self,
        lease: LeaseId,
        ticket: u64,
        wake: oneshot::Sender<()>,
        granted: bool,
    ) {
        let mut state = self.state();
        if state.current.is_none_or(|(current, _)| current != lease) {
            return;
        }
        let early = state.early.remove(&ticket);
        let waiting = if granted || early {
            // Whoever left does not want to know.
            let _ = wake.send(());
            None
        } else {
            Some(wake)
        };
        state.places.insert(ticket, waiting);
    }

    /// The turn of a place has come.
    fn wake(&self, ticket: u64) {
        let mut state = self.state();
        match state.places.get_mut(&ticket) {
            Some(waiting) => {
                if let Some(wake) = waiting.take() {
                    let _ = wake.send(());
                }
            }
            None => {
                if state.early.len() >= EARLY {
                    state.early.clear();
                }
                state.early.insert(ticket);
            }
        }
    }

    pub(super) fn forget(&self, ticket: u64) {
        let mut state = self.state();
        state.places.remove(&ticket);
        state.early.remove(&ticket);
    }

    pub(super) fn knows(&self, ticket: u64) -> bool {
        self.state().places.contains_key(&ticket)
    }

    fn begun(&self, lease: LeaseId, until: Instant) {
        let mut state = self.state();
        state.current = Some((lease, until));
        state.why = None;
    }

    fn renewed(&self, until: Instant, granted: Vec<u64>) {
        if let Some((_, current)) = &mut self.state().current {
            *current = until;
        }
        granted
            .into_iter()
            .filter(|ticket| self.knows(*ticket))
            .for_each(|ticket| self.wake(ticket));
    }

    /// All that is held is lost, and whoever waits is told.
    fn lose(&self, why: &Error) {
        *self.state() = LeaseState {
            why: Some((why.kind(), why.message().to_owned())),
            ..LeaseState::default()
        };
    }
}

/// The one that keeps the lease.
pub(super) struct Keeper {
    server: Arc<LockServer>,
    length: Duration,
    fences: Arc<dyn Fences>,
    leases: Arc<Leases>,
}

/// Why a lease ended.
enum LeaseEnd {
    Lost(Error),
    Stopped,
}

impl Keeper {
    pub(super) fn new(server: Arc<LockServer>, length: Duration, fences: Arc<dyn Fences>) -> Self {
        Self {
            server,
            length,
            fences,
            leases: Arc::default(),
        }
    }

    pub(super) fn leases(&self) -> Arc<Leases> {
        self.leases.clone()
    }

    /// Begins a lease; waits while the memory of the server is too young.
    pub(super) async fn begin(&self) -> Result<LeaseId> {
        let mut lease = LeaseId::default();
        getrandom::fill(&mut lease).map_err(|cause| Error::internal(cause.to_string()))?;
        let arguments = [hex::encode(lease), self.length.as_millis().to_string()];
        loop {
            let sent = Instant::now();
            match self.server.run::<u64>(&BEGIN, &arguments).await? {
                0 => {
                    self.leases.begun(lease, sent + self.length);
                    return Ok(lease);
                }
                wait => {
                    tracing::info!(
                        wait,
                        "the lock server is new or forgot everything: nothing is locked for so \
                         many milliseconds, because what it forgot may still be held"
                    );
                    tokio::time::sleep(Duration::from_millis(wait).min(self.length)).await;
                }
            }
        }
    }

    /// Keeps a lease, and the next ones, until it is told to stop. Lets go of the guard last.
    pub(super) async fn run(self, first: LeaseId, stop: CancellationToken, _stopped: DropGuard) {
        let mut lease = first;
        let reaping = self.reap();
        let keeping = async {
            loop {
                match self.keep(lease, &stop).await {
                    LeaseEnd::Stopped => break,
                    LeaseEnd::Lost(why) => {
                        tracing::warn!(%why, "all locks of this node were lost; what is under way \
                            under them is refused");
                        self.leases.lose(&why);
                    }
                }
                tokio::select! {
                    () = stop.cancelled() => break,
                    next = self.again(lease) => lease = next,
                }
            }
        };
        tokio::select! {
            () = keeping => {}
            () = reaping => {}
        }
        self.leases.lose(&lost());
        // What it held is free at once; if this is not heard, after the lease.
        let _ = self.server.run::<()>(&BURY, &[hex::encode(lease)]).await;
    }

    /// The next lease, once the last one is fenced.
    async fn again(&self, last: LeaseId) -> LeaseId {
        loop {
            let begun = async {
                self.fences.fence(last).await?;
                self.server.run::<()>(&BURY, &[hex::encode(last)]).await?;
                self.begin().await
            };
            match begun.await {
                Ok(lease) => {
                    tracing::info!("this node can lock again");
                    return lease;
                }
                Err(why) => self.leases.lose(&why),
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Renews a lease until it is lost, and wakes who waits under it.
    async fn keep(&self, lease: LeaseId, stop: &CancellationToken) -> LeaseEnd {
        let name = hex::encode(lease);
        tokio::select! {
            () = stop.cancelled() => LeaseEnd::Stopped,
            why = self.renew(&name) => LeaseEnd::Lost(why),
            never = self.listen(&name) => match never {},
        }
    }

    async fn renew(&self, lease: &str) -> Error {
        let arguments = [lease.to_owned(), self.length.as_millis().to_string()];
        let mut until = Instant::now() + self.length;
        let mut pause = self.length / 3;
        loop {
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = self.leases.look.notified() => {}
            }
            let sent = Instant::now();
            let left = until.saturating_duration_since(sent);
            let renewed = tokio::time::timeout(
                left,
                self.server.run::<Option<Vec<u64>>>(&RENEW, &arguments),
            )
            .await;
            match renewed {
                Ok(Ok(Some(granted))) => {
                    until = sent + self.length;
                    self.leases.renewed(until, granted);
                    pause = self.length / 3;
                }
                Ok(Ok(None)) => return lost(),
                Ok(Err(why)) if Instant::now() >= until => return why,
                Ok(Err(_)) => pause = AGAIN.min(self.length / 10),
                Err(_) => return unreachable(),
            }
        }
    }

    /// Hears whose turn has come.
    async fn listen(&self, lease: &str) -> std::convert::Infallible {
        loop {
            if let Ok(mut wakes) = self.server.wakes(lease).await {
                // Some may have been told before.
                self.leases.look();
                let mut messages = wakes.on_message();
                while let Some(message) = messages.next().await {
                    let text: String = message.get_payload().unwrap_or_default();
                    match text.parse() {
                        Ok(ticket) => self.leases.wake(ticket),
                        #[cfg(test)]
                        Err(_) => drop(self.leases.marked.send_replace(text)),
                        #[cfg(not(test))]
                        Err(_) => {}
                    }
                }
            }
            tokio::time::sleep(AGAIN).await;
        }
    }

    /// Looks for leases of others that are over, and clears them away.
    async fn reap(&self) {
        loop {
            tokio::time::sleep(self.length / 3).await;
            let Ok(dead) = self
                .server
                .run::<Vec<String>>(&EXPIRE, &[] as &[&str])
                .await
            else {
                continue;
            };
            for name in dead {
                let mut lease = LeaseId::default();
                if hex::decode_to_slice(&name, &mut lease).is_err() {
                    continue;
                }
                // Fenced first: only then may anybody have what was locked under it.
                let cleared = match self.fences.fence(lease).await {
                    Ok(()) => self.server.run::<()>(&BURY, &[&name]).await,
                    failed => failed,
                };
                match cleared {
                    Ok(()) => {
                        tracing::info!(
                            lease = name,
                            "a node did not renew its lease; what it had locked is free"
                        )
                    }
                    Err(error) => {
                        tracing::warn!(lease = name, %error, "the locks of a dead node stay for \
                            now")
                    }
                }
            }
        }
    }
}
