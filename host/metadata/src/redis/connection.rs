//! The connection that everybody shares, made again when it is lost. Every wait is bounded.
//!
//! A read whose connection was lost is asked once more on a new one. A change is never sent twice:
//! only that its script is unknown to the server, which is an answer, makes it load the script and
//! ask again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use ::redis::aio::{MultiplexedConnection, SendError};
use ::redis::{
    AsyncConnectionConfig, Client, Cmd, FromRedisValue, PushInfo, PushKind, RedisError,
    RedisResult, ScriptInvocation, Value, from_redis_value,
};
use callfs_model::error::{Error, Result};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::failure::{failed, no_connection, unreachable};

/// How long a request waits for a connection.
pub(super) const CONNECT: Duration = Duration::from_secs(2);
/// How long it waits for its answer.
const ANSWER: Duration = Duration::from_secs(4);

/// A connection to one server.
pub(super) struct Connection {
    client: Client,
    current: Mutex<Option<Live>>,
}

#[derive(Clone)]
struct Live {
    connection: MultiplexedConnection,
    alive: Arc<AtomicBool>,
}

/// What is asked.
pub(super) enum RedisRequest<'a> {
    Command(Cmd),
    Script(ScriptInvocation<'a>),
}

impl RedisRequest<'_> {
    async fn send(&self, connection: &mut MultiplexedConnection) -> RedisResult<Value> {
        match self {
            Self::Command(command) => command.query_async(connection).await,
            Self::Script(script) => script.invoke_async(connection).await,
        }
    }
}

impl Connection {
    pub(super) fn new(client: Client) -> Self {
        Self {
            client,
            current: Mutex::new(None),
        }
    }

    pub(super) fn client(&self) -> &Client {
        &self.client
    }

    /// Asks for what changes nothing, or may be done twice.
    pub(super) async fn read<T: FromRedisValue>(&self, request: RedisRequest<'_>) -> Result<T> {
        let answer = match self.attempt(&request).await? {
            Err(cause) if cause.is_io_error() && !cause.is_timeout() => {
                self.attempt(&request).await?
            }
            answer => answer,
        };
        understood(answer.map_err(|cause| failed(cause, false))?)
    }

    /// Has something changed. If the answer is lost, nobody knows whether it was.
    pub(super) async fn change<T: FromRedisValue>(&self, request: RedisRequest<'_>) -> Result<T> {
        understood(
            self.attempt(&request)
                .await?
                .map_err(|cause| failed(cause, true))?,
        )
    }

    /// Lets go of the connection.
    pub(super) async fn close(&self) {
        *self.current.lock().await = None;
    }

    /// Fails only if there is no connection, so that nothing was sent.
    async fn attempt(&self, request: &RedisRequest<'_>) -> Result<RedisResult<Value>> {
        let live = timeout(CONNECT, self.live())
            .await
            .map_err(|_| no_connection())?;
        let mut live = live.map_err(unreachable)?;
        let answer = request.send(&mut live.connection).await;
        if answer.as_ref().is_err_and(RedisError::is_io_error) {
            // Also when it only was slow: the network may have swallowed it.
            live.alive.store(false, Ordering::SeqCst);
        }
        Ok(answer)
    }

    async fn live(&self) -> RedisResult<Live> {
        let mut current = self.current.lock().await;
        if let Some(live) = current
            .as_ref()
            .filter(|live| live.alive.load(Ordering::SeqCst))
        {
            return Ok(live.clone());
        }
        *current = None;
        let alive = Arc::new(AtomicBool::new(true));
        let lost = alive.clone();
        // Told at once, so that the next change is not sent into the void.
        let told = move |push: PushInfo| {
            if push.kind == PushKind::Disconnection {
                lost.store(false, Ordering::SeqCst);
            }
            Ok::<_, SendError>(())
        };
        let config = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(CONNECT))
            .set_response_timeout(Some(ANSWER))
            .set_push_sender(told);
        let connection = self
            .client
            .get_multiplexed_async_connection_with_config(&config)
            .await?;
        let live = Live { connection, alive };
        *current = Some(live.clone());
        Ok(live)
    }
}

fn understood<T: FromRedisValue>(value: Value) -> Result<T> {
    from_redis_value(value).map_err(Error::internal)
}
