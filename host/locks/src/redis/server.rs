//! The lock server: how it is reached, what is asked of it, and what its failures mean. Every wait
//! is bounded, and a password is in no message.

use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, PubSub};
use ::redis::{AsyncConnectionConfig, Client, FromRedisValue, RedisError, Script, ToRedisArgs};
use callfs_model::error::{Error, ErrorKind, Result};
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long the server may take for anything.
const PATIENCE: Duration = Duration::from_secs(3);

pub(super) struct LockServer {
    client: Client,
    /// What every key begins with; in braces, so that all of them are in one slot of a cluster.
    base: String,
    connection: Mutex<Option<MultiplexedConnection>>,
}

impl LockServer {
    pub(super) fn new(url: &str, prefix: &str) -> Result<Self> {
        let wrong = |_| {
            let message =
                "the url of the lock server cannot be read; give redis://user:password@host:6379/0";
            Error::new(ErrorKind::BadRequest, message)
        };
        let client = Client::open(url).map_err(wrong)?;
        Ok(Self {
            client,
            base: format!("{{{prefix}}}:locks"),
            connection: Mutex::default(),
        })
    }

    /// Runs a script. If this fails, nobody knows whether it ran.
    pub(super) async fn run<T: FromRedisValue>(
        &self,
        script: &Script,
        arguments: &[impl ToRedisArgs],
    ) -> Result<T> {
        let mut connection = self.connected().await?;
        let mut call = script.key(&self.base);
        for argument in arguments {
            call.arg(argument);
        }
        match timeout(PATIENCE, call.invoke_async(&mut connection)).await {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(cause)) => {
                if !matches!(cause.kind(), ::redis::ErrorKind::Server(_)) {
                    self.connection.lock().await.take();
                }
                Err(failed(cause))
            }
            Err(_) => {
                self.connection.lock().await.take();
                Err(unreachable())
            }
        }
    }

    /// A connection on which the wakes of a lease arrive.
    pub(super) async fn wakes(&self, lease: &str) -> Result<PubSub> {
        let connected = async {
            let mut wakes = self.client.get_async_pubsub().await?;
            wakes.subscribe(self.channel(lease)).await?;
            Ok(wakes)
        };
        timeout(PATIENCE, connected)
            .await
            .map_err(|_| unreachable())?
            .map_err(failed)
    }

    /// Where the wakes of a lease are told.
    pub(super) fn channel(&self, lease: &str) -> String {
        format!("{}:wake:{lease}", self.base)
    }

    async fn connected(&self) -> Result<MultiplexedConnection> {
        let mut connection = self.connection.lock().await;
        if let Some(connection) = &*connection {
            return Ok(connection.clone());
        }
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(PATIENCE))
            .set_response_timeout(Some(PATIENCE));
        let connected = self
            .client
            .get_multiplexed_async_connection_with_config(&config);
        let made = timeout(PATIENCE, connected)
            .await
            .map_err(|_| unreachable())?
            .map_err(failed)?;
        Ok(connection.insert(made).clone())
    }

    /// Asks the server anything else.
    #[cfg(test)]
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &::redis::Cmd) -> Result<T> {
        command
            .query_async(&mut self.connected().await?)
            .await
            .map_err(failed)
    }

    #[cfg(test)]
    pub(super) fn base(&self) -> &str {
        &self.base
    }
}

fn failed(cause: RedisError) -> Error {
    let unavailable = |what: &str| {
        let message = format!("the lock server (Redis) {what}");
        Error::new(ErrorKind::BackendUnavailable, message)
    };
    let error = match (cause.kind(), cause.code()) {
        (::redis::ErrorKind::AuthenticationFailed, _) | (_, Some("NOAUTH" | "WRONGPASS")) => {
            unavailable("refuses the user or the password; correct locks.url")
        }
        (_, Some("NOPERM")) => unavailable(
            "forbids its user what is needed; allow it all keys and channels of the prefix",
        ),
        (_, Some("READONLY")) => unavailable("is a replica; name the primary in locks.url"),
        (_, Some("LOADING" | "MASTERDOWN" | "BUSY")) => unavailable("is not ready yet"),
        (_, Some("MISCONF" | "OOM")) => unavailable("cannot keep more; see its log"),
        (::redis::ErrorKind::Io, _) => unreachable(),
        _ => return Error::internal(cause),
    };
    error.because(cause)
}

pub(super) fn unreachable() -> Error {
    let message =
        "the lock server (Redis) cannot be reached; see that it runs, and that locks.url names it";
    Error::new(ErrorKind::BackendUnavailable, message)
}
