//! News of what is committed: heard on a connection of its own, for as long as the store is open.
//!
//! Each script tells what it changed on the channel of the metadata store, in the order of the
//! commits. A heartbeat goes through the connection of the changes and has to come back on that of
//! the notifications: so everything that was committed before it was sent has been heard. Whenever
//! the connection is made again, anything may have been missed.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use ::redis::aio::PubSubStream;
use futures_util::StreamExt;
use tokio::time::{MissedTickBehavior, interval, sleep, timeout};
use tokio_util::sync::{CancellationToken, DropGuard};

use super::connection::{CONNECT, Connection, RedisRequest};
use crate::notifications::HEARTBEAT;
use crate::{Notifications, Touched};

/// How long a heartbeat may be under way before its connection is given up.
const LOST: Duration = Duration::from_secs(5);
/// Between two attempts to connect.
const PAUSE: Duration = Duration::from_millis(500);
/// How a heartbeat begins; notifications are JSON objects, which do not.
const BEAT: &[u8] = b"beat:";

/// Hears the notifications of a channel until the guard is dropped.
pub(super) fn listen(
    connection: Arc<Connection>,
    channel: String,
    notifications: Arc<Notifications>,
) -> DropGuard {
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let listening = RedisListener {
        connection,
        channel,
        notifications,
        beat: Mutex::default(),
    };
    tokio::spawn(async move { stopped.run_until_cancelled(listening.run()).await });
    stop.drop_guard()
}

struct RedisListener {
    connection: Arc<Connection>,
    channel: String,
    notifications: Arc<Notifications>,
    /// The heartbeat that is under way, and when it was sent.
    beat: Mutex<Option<(Vec<u8>, Instant)>>,
}

impl RedisListener {
    async fn run(&self) {
        loop {
            match timeout(CONNECT, self.subscribe()).await {
                Ok(Ok(stream)) => {
                    // Whatever was missed before; from here on nothing is.
                    self.notifications.changed(&Touched::everything());
                    self.put_beat(None);
                    tokio::select! {
                        () = self.hear(stream) => {}
                        () = self.send_beats() => {}
                    }
                    tracing::warn!(
                        "the notifications of the metadata store (Redis) broke off; nothing is \
                         answered from memory until they are back"
                    );
                }
                Ok(Err(cause)) => {
                    tracing::debug!(%cause, "the notifications of the metadata store cannot be \
                        heard")
                }
                Err(_) => tracing::debug!(
                    "the notifications of the metadata store cannot be heard: no answer"
                ),
            }
            sleep(PAUSE).await;
        }
    }

    async fn subscribe(&self) -> ::redis::RedisResult<PubSubStream> {
        let mut channel = self.connection.client().get_async_pubsub().await?;
        channel.subscribe(&self.channel).await?;
        Ok(channel.into_on_message())
    }

    /// Until the connection is lost.
    async fn hear(&self, mut stream: PubSubStream) {
        while let Some(message) = stream.next().await {
            let told = message.get_payload_bytes();
            if told.starts_with(BEAT) {
                self.beat_came_back(told);
            } else {
                // What is not understood may mean anything.
                let touched =
                    serde_json::from_slice(told).unwrap_or_else(|_| Touched::everything());
                self.notifications.changed(&touched);
            }
        }
    }

    /// Until one does not come back.
    async fn send_beats(&self) {
        let mut ticks = interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let under_way = self
                .beat
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .as_ref()
                .map(|(_, then)| *then);
            match under_way {
                Some(then) if then.elapsed() > LOST => return,
                Some(_) => {}
                None => self.send_beat().await,
            }
        }
    }

    async fn send_beat(&self) {
        let mut nonce = [0; 16];
        if getrandom::fill(&mut nonce).is_err() {
            return;
        }
        let beat = [BEAT, hex::encode(nonce).as_bytes()].concat();
        self.put_beat(Some((beat.clone(), Instant::now())));
        let mut publish = ::redis::cmd("PUBLISH");
        publish.arg(&self.channel).arg(beat);
        // If it fails it does not come back, which is what counts.
        let _ = self
            .connection
            .read::<i64>(RedisRequest::Command(publish))
            .await;
    }

    fn put_beat(&self, beat: Option<(Vec<u8>, Instant)>) {
        *self.beat.lock().unwrap_or_else(PoisonError::into_inner) = beat;
    }

    fn beat_came_back(&self, told: &[u8]) {
        let mut beat = self.beat.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, then)) = beat.take_if(|(sent, _)| sent == told) {
            self.notifications.current(then);
        }
    }
}
