//! What is committed, told to every node by NOTIFY, which PostgreSQL delivers in the order of the
//! commits; and how recent that is, by notes to oneself on the same channel.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use callfs_model::error::Result;
use serde::{Deserialize, Serialize};
use sqlx::postgres::PgListener;
use sqlx::{PgConnection, PgPool};
use tokio_util::sync::CancellationToken;

use super::server::within;
use crate::notifications::{HEARTBEAT, Notifications, Touched};
use crate::queue::QueuedStep;

/// A channel is one of a database.
const CHANNEL: &str = "callfs_index";
/// What PostgreSQL takes, less a little.
const LONGEST: usize = 7_900;
/// Notes to oneself that do not come back, until the connection is given up.
const LOST: usize = 20;

#[derive(Serialize, Deserialize)]
enum PostgresNotification {
    Changed(Touched),
    Heartbeat(u128),
}

/// Tells what was carried out, when the transaction is committed.
pub(super) async fn tell(
    connection: &mut PgConnection,
    group: &[QueuedStep],
    outcomes: &[Result<()>],
) -> Result<(), sqlx::Error> {
    let done = group
        .iter()
        .zip(outcomes)
        .filter(|(_, outcome)| outcome.is_ok());
    let changes = done.filter_map(|(step, _)| match step {
        QueuedStep::Records(changes) => Some(changes),
        QueuedStep::Link(_) => None,
    });
    let touched = Touched::of(changes.flatten());
    if touched.is_empty() {
        return Ok(());
    }
    let text = |touched| {
        serde_json::to_string(&PostgresNotification::Changed(touched))
            .map_err(|cause| sqlx::Error::Encode(cause.into()))
    };
    let tombstones = touched.tombstones;
    let mut payload = text(touched)?;
    if payload.len() > LONGEST {
        payload = text(Touched {
            tombstones,
            trees: true,
            paths: Vec::new(),
        })?;
    }
    notify(connection, &payload).await
}

async fn notify<'a>(executor: impl sqlx::PgExecutor<'a>, payload: &str) -> Result<(), sqlx::Error> {
    sqlx::query("SELECT pg_notify($1, $2)")
        .bind(CHANNEL)
        .bind(payload)
        .execute(executor)
        .await
        .map(drop)
}

/// Passes notifications on until the end; a connection that breaks is replaced.
pub(super) async fn follow(
    pool: PgPool,
    notifications: Arc<Notifications>,
    stop: CancellationToken,
) {
    let following = async {
        loop {
            if let Err(cause) = hear(&pool, &notifications).await {
                tracing::debug!(%cause, "no notifications of the metadata store; what is \
                    remembered of it is not used");
            }
            tokio::time::sleep(HEARTBEAT).await;
        }
    };
    tokio::select! {
        () = stop.cancelled() => {}
        () = following => {}
    }
    pool.close().await;
}

async fn hear(pool: &PgPool, notifications: &Notifications) -> Result<(), sqlx::Error> {
    let mut listener = within(PgListener::connect_with(pool)).await?;
    listener.eager_reconnect(false);
    within(listener.listen(CHANNEL)).await?;
    // Whatever was missed.
    notifications.changed(&Touched::everything());
    let sent = Mutex::new(HashMap::<u128, Instant>::new());
    let locked = || sent.lock().unwrap_or_else(PoisonError::into_inner);
    let heartbeats = async {
        let mut ticks = tokio::time::interval(HEARTBEAT);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            ticks.tick().await;
            let mut nonce = [0; 16];
            getrandom::fill(&mut nonce)
                .map_err(|cause| sqlx::Error::Io(std::io::Error::other(cause.to_string())))?;
            let nonce = u128::from_ne_bytes(nonce);
            if locked().len() > LOST {
                return Err(sqlx::Error::Io(std::io::ErrorKind::TimedOut.into()));
            }
            locked().insert(nonce, Instant::now());
            let payload =
                serde_json::to_string(&PostgresNotification::Heartbeat(nonce)).unwrap_or_default();
            within(notify(pool, &payload)).await?;
        }
    };
    let hearing = async {
        while let Some(notification) = listener.try_recv().await? {
            match serde_json::from_str(notification.payload()) {
                Ok(PostgresNotification::Changed(touched)) => notifications.changed(&touched),
                // That of somebody else is none of ours.
                Ok(PostgresNotification::Heartbeat(nonce)) => {
                    if let Some(then) = locked().remove(&nonce) {
                        notifications.current(then);
                    }
                }
                // Of a newer callfs, maybe.
                Err(_) => notifications.changed(&Touched::everything()),
            }
        }
        Ok(())
    };
    tokio::select! {
        ended = heartbeats => ended,
        ended = hearing => ended,
    }
}
