//! The metadata store in Redis, for several machines at once.
//!
//! Each change is one script, which Redis runs while nobody else is served: all of it or nothing,
//! and all that read see either. (A tree of 20,000 moves in about 0.2 s, during which everybody
//! waits.) The script also tells the notifications of it to every process that has the metadata
//! store open. All keys of a metadata store are in one hash slot, so that a tree moves within it;
//! several indexes, with other prefixes, may be in other slots. The URL names a primary: of a
//! cluster, the node that owns the slot of the prefix. What Redis acknowledged it keeps as long as
//! its own settings say: it takes `appendonly yes` and `appendfsync always` to lose nothing with
//! the machine, and a replica that takes over may lack the last changes. It knows nothing of who
//! asks, and caches nothing.

mod changes;
mod claim;
mod connection;
mod durability;
mod failure;
mod keys;
mod links;
mod notifications;
mod row;
mod scan;

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use ::redis::{FromRedisValue, ScriptInvocation};
use async_trait::async_trait;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, Intent, IntentId, Metadata, Record};
use callfs_model::path::FilePath;
use futures_util::future::BoxFuture;
use tokio_util::sync::DropGuard;
use tokio_util::task::TaskTracker;

pub use self::claim::RedisClaim;
use self::connection::{Connection, RedisRequest};
use self::keys::RedisKeys;
use super::Notifications;
use super::queue::closed;

/// How the keys and their values are laid out. A metadata store of another layout is not touched.
const FORMAT: &str = "2";
/// The one before: its values are read, and lack what was not recorded then.
const FORMER: &str = "1";

/// A store in one Redis server.
pub struct RedisStore {
    connection: Arc<Connection>,
    keys: RedisKeys,
    /// Changes that are under way, also those whose callers left. Closed with the store.
    underway: TaskTracker,
    notifications: Mutex<Option<DropGuard>>,
    /// Whether what [`claim`](Self::claim) claimed is held.
    held: Arc<AtomicBool>,
}

impl RedisStore {
    /// Opens the metadata store of a prefix in the server of `redis://user:password@host:6379/0`,
    /// `rediss://` for TLS, or `redis+unix:///path?db=0`, and tells this notifications what
    /// anybody changes in it.
    pub fn open<'a>(
        url: &'a str,
        prefix: &'a str,
        notifications: Arc<Notifications>,
    ) -> BoxFuture<'a, Result<Self>> {
        Box::pin(async move {
            let keys = RedisKeys::new(prefix)?;
            let connection = Arc::new(Connection::new(keys::client(url)?));
            claim(&connection, &keys).await?;
            durability::look(&connection).await;
            let notifications =
                notifications::listen(connection.clone(), keys.channel(), notifications);
            Ok(Self {
                connection,
                keys,
                underway: TaskTracker::new(),
                notifications: Mutex::new(Some(notifications)),
                held: Arc::new(AtomicBool::new(true)),
            })
        })
    }

    /// What tells this metadata store from others.
    pub async fn identity(&self) -> Result<String> {
        let mut random = [0; 16];
        getrandom::fill(&mut random).map_err(|cause| Error::internal(cause.to_string()))?;
        let mut set = ::redis::cmd("SET");
        set.arg(self.keys.of("identity"))
            .arg(hex::encode(random))
            .arg("NX");
        // The first gateway names the store, and asking twice changes nothing.
        self.connection
            .read::<Option<String>>(RedisRequest::Command(set))
            .await?;
        let identity: Option<String> = self.ask("GET", "identity", None).await?;
        identity.ok_or_else(|| failure::damaged("it has no identity"))
    }

    /// Claims the metadata store for this gateway alone, or together with others that do not claim
    /// it for themselves alone, for as long as the claim lives; refused if others stand against
    /// it.
    pub async fn claim(&self, alone: bool) -> Result<RedisClaim> {
        let client = self.connection.client().clone();
        let store = self.identity().await?;
        RedisClaim::new(client, store, alone, self.held.clone()).await
    }

    /// Fails while the claim is lost: another gateway may hold it by now, and know nothing of the
    /// locks of this one.
    fn claimed(&self) -> Result<()> {
        if self.held.load(Ordering::SeqCst) {
            return Ok(());
        }
        let message = "the claim on the metadata store (Redis) was lost; nothing is changed until \
                       it is held again";
        Err(Error::new(ErrorKind::BackendUnavailable, message))
    }

    fn refuse_if_closed(&self) -> Result<()> {
        if self.underway.is_closed() {
            Err(closed())
        } else {
            Ok(())
        }
    }

    async fn read<T: FromRedisValue>(&self, script: ScriptInvocation<'_>) -> Result<T> {
        self.refuse_if_closed()?;
        self.connection.read(RedisRequest::Script(script)).await
    }

    async fn ask<T: FromRedisValue>(
        &self,
        command: &str,
        key: &str,
        field: Option<&str>,
    ) -> Result<T> {
        self.refuse_if_closed()?;
        let mut ask = ::redis::cmd(command);
        ask.arg(self.keys.of(key)).arg(field);
        self.connection.read(RedisRequest::Command(ask)).await
    }

    /// In a task of its own, so that it is sent, and waited for, also when the caller leaves.
    async fn run<T: FromRedisValue + Send + 'static>(
        &self,
        script: ScriptInvocation<'static>,
    ) -> Result<T> {
        self.claimed()?;
        // Before the question, so that whoever closes waits for it.
        let token = self.underway.token();
        self.refuse_if_closed()?;
        let connection = self.connection.clone();
        let task = tokio::spawn(async move {
            let _token = token;
            connection.change(RedisRequest::Script(script)).await
        });
        task.await.map_err(Error::internal)?
    }
}

/// Makes the metadata store of these keys one of this layout, unless it is one of another that is
/// not the one before.
async fn claim(connection: &Connection, keys: &RedisKeys) -> Result<()> {
    let mut set = ::redis::cmd("SET");
    set.arg(keys.of("format")).arg(FORMAT).arg("NX");
    connection
        .read::<Option<String>>(RedisRequest::Command(set))
        .await?;
    let mut get = ::redis::cmd("GET");
    get.arg(keys.of("format"));
    let format: Option<String> = connection.read(RedisRequest::Command(get)).await?;
    match format.as_deref() {
        Some(FORMAT) => return Ok(()),
        Some(FORMER) => {
            // What is recorded from now on, the callfs before this one cannot read.
            let mut set = ::redis::cmd("SET");
            set.arg(keys.of("format")).arg(FORMAT);
            return connection.read(RedisRequest::Command(set)).await;
        }
        _ => {}
    }
    let message = format!(
        "the metadata store (Redis) has format {:?} at this prefix, and this callfs has format \
         {FORMAT}; use the callfs that made it, or another prefix",
        format.unwrap_or_default()
    );
    Err(Error::new(ErrorKind::Internal, message))
}

#[async_trait]
impl Metadata for RedisStore {
    fn may_change(&self) -> Result<()> {
        self.claimed()
    }

    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        let value: Option<Vec<u8>> = self.ask("HGET", "records", Some(path.as_str())).await?;
        value
            .map(|value| row::record(path.clone(), &value).map(Arc::new))
            .transpose()
    }

    async fn children(
        &self,
        directory: &FilePath,
        after: Option<&str>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let page: Vec<Vec<u8>> = self
            .read(scan::children(&self.keys, directory, after, limit))
            .await?;
        row::records(&page)
    }

    async fn records(
        &self,
        within: &FilePath,
        after: Option<&FilePath>,
        limit: u32,
    ) -> Result<Vec<Record>> {
        let page: Vec<Vec<u8>> = self
            .read(scan::records(&self.keys, within, after, limit))
            .await?;
        row::records(&page)
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        changes.iter().try_for_each(Change::check)?;
        let answer: Vec<String> = self.run(changes::script(&self.keys, &changes)?).await?;
        changes::outcome(&changes, &answer)
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        row::intents(self.ask("HGETALL", "intents", None).await?)
    }

    async fn ready(&self) -> Result<()> {
        // A change that changes nothing: a server can answer and be a replica, or have a full disk.
        self.ask::<i64>("PERSIST", "format", None).await?;
        self.claimed()
    }

    async fn close(&self) {
        drop(
            self.notifications
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
                .take(),
        );
        self.underway.close();
        self.underway.wait().await;
        self.connection.close().await;
    }
}

#[cfg(test)]
mod tests;
