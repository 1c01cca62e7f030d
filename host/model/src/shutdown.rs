//! One token that tells every part to come to an end.
//!
//! The first SIGINT or SIGTERM asks for it, the second does not ask. It does not know what the
//! parts have left to do.

use std::future::Future;
use std::io;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio_util::sync::CancellationToken;

/// Cheap to clone; all clones are one.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    token: CancellationToken,
}

impl Shutdown {
    /// One that only [`Shutdown::begin`] begins.
    pub fn new() -> Self {
        Self::default()
    }

    /// One that SIGINT and SIGTERM begin too. The second of them ends the process at once, with 128
    /// and its number; `last` is done before.
    pub fn on_signals(last: impl FnOnce() + Send + 'static) -> io::Result<Self> {
        let interrupt = signal(SignalKind::interrupt())?;
        let terminate = signal(SignalKind::terminate())?;
        let shutdown = Self::new();
        tokio::spawn(listen(interrupt, terminate, shutdown.clone(), last));
        Ok(shutdown)
    }

    /// Asks every part to come to an end.
    pub fn begin(&self) {
        self.token.cancel();
    }

    /// Whether it was asked for.
    pub fn has_begun(&self) -> bool {
        self.token.is_cancelled()
    }

    /// Until it is asked for.
    pub fn begun(&self) -> impl Future<Output = ()> + Send + 'static {
        self.token.clone().cancelled_owned()
    }

    /// The token itself, for parts that hand it on.
    pub fn token(&self) -> &CancellationToken {
        &self.token
    }
}

async fn listen(
    mut interrupt: Signal,
    mut terminate: Signal,
    shutdown: Shutdown,
    last: impl FnOnce(),
) {
    let name = next(&mut interrupt, &mut terminate).await.0;
    // Before it is logged: the end must not depend on the log.
    shutdown.begin();
    tracing::info!(
        signal = name,
        "finishing what is under way; a second signal ends at once"
    );
    let (name, number) = next(&mut interrupt, &mut terminate).await;
    tracing::warn!(signal = name, "ending at once");
    last();
    std::process::exit(128 + number.as_raw_value());
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> (&'static str, SignalKind) {
    tokio::select! {
        _ = interrupt.recv() => ("SIGINT", SignalKind::interrupt()),
        _ = terminate.recv() => ("SIGTERM", SignalKind::terminate()),
    }
}

#[cfg(test)]
mod tests {
    use rustix::process::{Signal, getpid, kill_process};

    use super::*;

    #[tokio::test]
    async fn begins_with_a_signal() {
        let shutdown = Shutdown::on_signals(|| ()).expect("handlers");
        assert!(!shutdown.has_begun());
        kill_process(getpid(), Signal::TERM).expect("a signal to this process");
        shutdown.begun().await;
        assert!(shutdown.has_begun());
    }

    #[tokio::test]
    async fn is_one_for_all_clones() {
        let one = Shutdown::new();
        let other = Shutdown::new();
        let clone = one.clone();
        clone.begin();
        one.begun().await;
        assert!(one.has_begun() && !other.has_begun());
    }
}
