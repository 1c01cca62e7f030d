//! Which gateways use a metadata store: one alone, or any number that share their locks.
//!
//! A claim is the name of a connection of its own, which the server forgets when that ends. A
//! gateway names its connection first and looks at the names of others then, so that of two that
//! come at the same time at least one sees the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ::redis::aio::MultiplexedConnection;
use ::redis::{AsyncConnectionConfig, Client, RedisError, RedisResult, cmd};
use callfs_model::error::{Error, ErrorKind, Result};
use tokio::task::JoinHandle;

use super::connection::CONNECT;
use super::failure::{failed, unreachable};

/// How long a gateway that has just ended may stay in the list of connections.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often a claim is made sure of, and tried for.
const PAUSE: Duration = Duration::from_secs(1);
const AGAIN: Duration = Duration::from_millis(100);

/// Held for as long as it lives.
pub struct RedisClaim(JoinHandle<()>);

impl Drop for RedisClaim {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// What others see of a claim.
#[derive(Clone)]
struct ClaimName {
    /// Of the metadata store.
    store: String,
    alone: bool,
}

/// Whether a claim stands.
enum ClaimState {
    Held,
    /// Others stand against it.
    Refused,
    /// The server does not tell who is connected.
    Unknown(RedisError),
}

impl RedisClaim {
    /// Claims the metadata store of an identity. `held` says from then on whether the claim is
    /// held.
    pub(super) async fn new(
        client: Client,
        store: String,
        alone: bool,
        held: Arc<AtomicBool>,
    ) -> Result<Self> {
        let name = ClaimName { store, alone };
        let mut connection = connect(&client).await.map_err(unreachable)?;
        let start = Instant::now();
        loop {
            match name.take(&mut connection).await {
                Ok(ClaimState::Held) => break,
                Ok(ClaimState::Unknown(cause)) => {
                    tracing::warn!(
                        %cause,
                        "the metadata store (Redis) does not tell which gateways use it (CLIENT \
                         LIST): make sure that no other one does without shared locks"
                    );
                    break;
                }
                Ok(ClaimState::Refused) if start.elapsed() > PATIENCE => {
                    let message = "another gateway uses the metadata store (Redis); stop it, give \
                                   this one a prefix of its own, or set [locks] manager = \
                                   \"redis\" for all of them";
                    return Err(Error::new(ErrorKind::NotReady, message));
                }
                Ok(ClaimState::Refused) => tokio::time::sleep(AGAIN).await,
                Err(cause) => return Err(failed(cause, false)),
            }
        }
        Ok(Self(tokio::spawn(keep(connection, client, name, held))))
    }
}

impl ClaimName {
    fn of(&self, alone: bool) -> String {
        let kind = if alone { "alone" } else { "shared" };
        format!("callfs-{kind}:{}", self.store)
    }

    async fn take(&self, connection: &mut MultiplexedConnection) -> RedisResult<ClaimState> {
        let named: RedisResult<()> = cmd("CLIENT")
            .arg("SETNAME")
            .arg(self.of(self.alone))
            .query_async(connection)
            .await;
        let listed = async {
            named?;
            let own: u64 = cmd("CLIENT").arg("ID").query_async(connection).await?;
            let list: String = cmd("CLIENT").arg("LIST").query_async(connection).await?;
            RedisResult::Ok((own, list))
        };
        match listed.await {
            Ok((own, list)) if self.stands(own, &list) => Ok(ClaimState::Held),
            Ok(_) => Ok(ClaimState::Refused),
            Err(cause) if cause.is_io_error() => Err(cause),
            Err(cause) => Ok(ClaimState::Unknown(cause)),
        }
    }

    /// Whether none of the connections in a list but the own one stands against this.
    fn stands(&self, own: u64, list: &str) -> bool {
        let field = |line: &'_ str, name: &str| -> Option<String> {
            let mut fields = line.split(' ');
            fields.find_map(|field| field.strip_prefix(name).map(ToOwned::to_owned))
        };
        let against = |name: &str| name == self.of(true) || (self.alone && name == self.of(false));
        !list.lines().any(|line| {
            let other = field(line, "id=").is_none_or(|id| id != own.to_string());
            other && field(line, "name=").is_some_and(|name| against(&name))
        })
    }
}

async fn connect(client: &Client) -> RedisResult<MultiplexedConnection> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(CONNECT));
    client
        .get_multiplexed_async_connection_with_config(&config)
        .await
}

/// Takes it again whenever its connection was lost.
async fn keep(
    mut connection: MultiplexedConnection,
    client: Client,
    name: ClaimName,
    held: Arc<AtomicBool>,
) {
    loop {
        tokio::time::sleep(PAUSE).await;
        if held.load(Ordering::SeqCst) {
            let answer: RedisResult<String> = cmd("PING").query_async(&mut connection).await;
            if answer.is_ok() {
                continue;
            }
        }
        held.store(false, Ordering::SeqCst);
        if let Ok(mut next) = connect(&client).await
            && let Ok(ClaimState::Held | ClaimState::Unknown(_)) = name.take(&mut next).await
        {
            connection = next;
            held.store(true, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_alone_stands_against_all_and_those_that_share_against_none() {
        let line = |id: u64, name: &str| format!("id={id} addr=1:2 laddr=3:4 name={name} db=0\n");
        for (mine, other, stands) in [
            (true, Some("callfs-alone:s"), false),
            (true, Some("callfs-shared:s"), false),
            (false, Some("callfs-alone:s"), false),
            (false, Some("callfs-shared:s"), true),
            (true, Some("callfs-alone:other"), true),
            (true, Some(""), true),
            (true, None, true),
        ] {
            let name = ClaimName {
                store: "s".into(),
                alone: mine,
            };
            let others = other.map(|other| line(8, other)).unwrap_or_default();
            let list = line(7, &name.of(mine)) + &others;
            assert_eq!(name.stands(7, &list), stands, "{mine} {other:?}");
        }
    }
}
