//! Which gateways use a metadata store: one alone, or any number that share their locks. A lock of
//! the session of a connection of its own, which the server lets go of when that ends.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use callfs_model::error::{Error, ErrorKind, Result};
use sqlx::Connection;
use sqlx::postgres::{PgConnectOptions, PgConnection};
use tokio::task::JoinHandle;

use super::failure::PostgresFailures;
use super::server::{PATIENCE, connect, within};

/// Of the database; any number that nobody else takes: "callfs" in ASCII.
const KEY: i64 = 0x6361_6c6c_6673;
/// How often it is made sure of, and tried for.
const PAUSE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(100);

/// Held for as long as it lives.
pub struct Claim(JoinHandle<()>);

impl Claim {
    pub(super) async fn new(
        options: Arc<PgConnectOptions>,
        failures: Arc<PostgresFailures>,
        alone: bool,
        held: Arc<AtomicBool>,
    ) -> Result<Self> {
        let mut connection = connect(&options)
            .await
            .map_err(|cause| failures.failed(cause))?;
        let start = Instant::now();
        // A gateway that has just ended may not be gone for the server yet.
        while !take(&mut connection, alone)
            .await
            .map_err(|cause| failures.failed(cause))?
        {
            if start.elapsed() > PATIENCE {
                let whose = failures.store();
                let message = format!(
                    "another gateway uses the metadata store in {whose}; stop it, give this one a \
                     metadata store of its own, or set [locks] manager = \"redis\" for all of them"
                );
                return Err(Error::new(ErrorKind::NotReady, message));
            }
            tokio::time::sleep(AGAIN).await;
        }
        Ok(Self(tokio::spawn(keep(connection, options, alone, held))))
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn take(connection: &mut PgConnection, alone: bool) -> Result<bool, sqlx::Error> {
    let take = if alone {
        "SELECT pg_try_advisory_lock($1)"
    } else {
        "SELECT pg_try_advisory_lock_shared($1)"
    };
    within(sqlx::query_scalar(take).bind(KEY).fetch_one(connection)).await
}

/// Takes it again whenever its connection was lost.
async fn keep(
    mut connection: PgConnection,
    options: Arc<PgConnectOptions>,
    alone: bool,
    held: Arc<AtomicBool>,
) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if held.load(Ordering::SeqCst) && within(connection.ping()).await.is_ok() {
            continue;
        }
        held.store(false, Ordering::SeqCst);
        if let Ok(mut next) = connect(&options).await
            && take(&mut next, alone).await.unwrap_or(false)
        {
            connection = next;
            held.store(true, Ordering::SeqCst);
        }
    }
}
