use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use ::redis::cmd;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::metadata::LeaseId;
use callfs_test_servers as servers;

use super::*;
use crate::suite::{Place, locks_suite};

/// Short, so that what is over is over soon, and long enough to be renewed on a busy machine.
const LEASE: Duration = Duration::from_millis(1500);
const LONG: Duration = Duration::from_secs(60);
const DEADLINE: Duration = Duration::from_secs(30);

/// What was fenced, in order.
#[derive(Default)]
struct Fenced {
    leases: Mutex<Vec<LeaseId>>,
    broken: AtomicBool,
}

#[async_trait]
impl Fences for Fenced {
    async fn fence(&self, lease: LeaseId) -> Result<()> {
        if self.broken.load(Ordering::SeqCst) {
            return Err(Error::new(
                ErrorKind::BackendUnavailable,
                "the metadata store is down",
            ));
        }
        self.leases.lock().expect("unpoisoned").push(lease);
        Ok(())
    }
}

impl Fenced {
    fn has(&self, lease: Option<LeaseId>) -> bool {
        self.leases
            .lock()
            .expect("unpoisoned")
            .contains(&lease.expect("a lease"))
    }
}

impl RedisLocks {
    /// As if the process was killed.
    fn die(&self) {
        self.tasks.iter().for_each(|task| task.abort());
    }

    async fn settled(&self) {
        static MARKS: AtomicU64 = AtomicU64::new(0);
        let (done, settled) = oneshot::channel();
        queue::send(&self.requests, QueueRequest::Settle(done));
        settled.await.expect("the queue runs");
        // Wakes come in order, so whatever was told before this has arrived with it.
        let mark = format!("mark {}", MARKS.fetch_add(1, Ordering::SeqCst));
        let mut marked = self.leases.marked.subscribe();
        let lease = hex::encode(self.leases.current().expect("a lease"));
        let start = Instant::now();
        while *marked.borrow_and_update() != mark {
            let mut publish = cmd("PUBLISH");
            publish.arg(self.server.channel(&lease)).arg(&mark);
            let heard: u64 = self.server.ask(&publish).await.expect("published");
            assert!(start.elapsed() < DEADLINE, "nobody hears the mark");
            if heard > 0 {
                let _ = tokio::time::timeout(Duration::from_millis(100), marked.changed()).await;
            }
        }
    }
}

struct Fixture(Arc<RedisLocks>);

impl Place for Fixture {
    type Locks = RedisLocks;

    async fn new() -> Option<Self> {
        let url = servers::Redis::shared()?.url();
        let locks = RedisLocks::open(
            url,
            &servers::unique(),
            2 * LEASE,
            Arc::new(Fenced::default()),
        )
        .await
        .expect("opened");
        Some(Self(Arc::new(locks)))
    }

    fn locks(&self) -> Arc<RedisLocks> {
        self.0.clone()
    }

    async fn settle(&self) {
        self.0.settled().await;
    }

    async fn check_empty(&self) {
        let keys: Vec<String> = self
            .0
            .server
            .ask(cmd("KEYS").arg(format!("{}:*", glob(self.0.server.base()))))
            .await
            .expect("keys");
        let left: Vec<&String> = keys
            .iter()
            .filter(|key| key.contains(":x:") || key.contains(":p:") || key.ends_with("tickets"))
            .collect();
        assert!(left.is_empty(), "{left:?}");
    }
}

/// A name as a pattern.
fn glob(name: &str) -> String {
    name.replace('{', "\\{").replace('}', "\\}")
}

locks_suite!(Fixture);

async fn open(url: &str, prefix: &str, fenced: &Arc<Fenced>) -> Arc<RedisLocks> {
    Arc::new(
        RedisLocks::open(url, prefix, LEASE, fenced.clone())
            .await
            .expect("opened"),
    )
}

fn paths(text: &str) -> Vec<FilePath> {
    vec![FilePath::parse(text).expect("a good path")]
}

async fn hold(locks: &RedisLocks, text: &str) -> Guard {
    locks.acquire(&paths(text), LONG).await.expect("granted")
}

async fn eventually(what: &str, mut ask: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !ask().await {
        assert!(start.elapsed() < DEADLINE, "still waiting: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn gateways_exclude_each_other_and_take_turns() {
    let Some(server) = servers::Redis::shared() else {
        return;
    };
    let prefix = servers::unique();
    let fenced = Arc::new(Fenced::default());
    let one = open(server.url(), &prefix, &fenced).await;
    let two = open(server.url(), &prefix, &fenced).await;
    let first = hold(&one, "/a/b").await;
    let refused = two
        .acquire(&paths("/a"), Duration::from_millis(50))
        .await
        .err()
        .expect("held elsewhere");
    assert_eq!(refused.kind(), ErrorKind::Locked);
    let waiting = async || -> u64 {
        let mut count = cmd("ZCARD");
        count.arg(format!("{}:x:/a", two.server.base()));
        two.server.ask(&count).await.expect("counted")
    };
    eventually("who was refused to leave", async || waiting().await == 0).await;
    let order = Arc::new(Mutex::new(Vec::new()));
    let mut turns = Vec::new();
    for turn in 0..6 {
        let locks = if turn % 2 == 0 {
            two.clone()
        } else {
            one.clone()
        };
        let order = order.clone();
        turns.push(tokio::spawn(async move {
            let _guard = hold(&locks, "/a").await;
            order.lock().expect("unpoisoned").push(turn);
        }));
        eventually("a place in the queue", async || waiting().await == turn + 1).await;
    }
    drop(first);
    for turn in turns {
        turn.await.expect("no panic");
    }
    assert_eq!(*order.lock().expect("unpoisoned"), [0, 1, 2, 3, 4, 5]);
    assert!(fenced.leases.lock().expect("unpoisoned").is_empty());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_a_dead_gateway_held_is_free_after_its_lease_and_fenced_before() {
    let Some(server) = servers::Redis::shared() else {
        return;
    };
    let prefix = servers::unique();
    let fenced = Arc::new(Fenced::default());
    let one = open(server.url(), &prefix, &fenced).await;
    let two = open(server.url(), &prefix, &fenced).await;
    let held = hold(&one, "/a").await;
    fenced.broken.store(true, Ordering::SeqCst);
    one.die();
    let dead: Vec<String> = Vec::new();
    eventually("the lease to be over", async || {
        let found: Vec<String> = two
            .server
            .ask(cmd("SMEMBERS").arg(format!("{}:dead", two.server.base())))
            .await
            .expect("asked");
        found != dead
    })
    .await;
    // As long as it is not fenced, nobody else gets what it held.
    assert!(two.acquire(&paths("/a"), 2 * LEASE).await.is_err());
    fenced.broken.store(false, Ordering::SeqCst);
    let next = hold(&two, "/a").await;
    assert!(fenced.has(held.lease()) && !fenced.has(next.lease()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_closed_is_free_at_once() {
    let Some(server) = servers::Redis::shared() else {
        return;
    };
    let prefix = servers::unique();
    let fenced = Arc::new(Fenced::default());
    let one = open(server.url(), &prefix, &fenced).await;
    let two = open(server.url(), &prefix, &fenced).await;
    let held = hold(&one, "/a").await;
    one.close().await;
    hold(&two, "/a").await;
    assert!(
        !fenced.has(held.lease()),
        "it was let go of, and not found to be over"
    );
    one.acquire(&paths("/b"), LONG).await.err().expect("closed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_gateway_that_was_cut_off_loses_its_locks_and_begins_anew() {
    let Some(mut server) = servers::Redis::own() else {
        return;
    };
    let fenced = Arc::new(Fenced::default());
    let locks = open(server.url(), "cut-off", &fenced).await;
    let held = hold(&locks, "/a").await;
    server.stop();
    let refused = locks
        .acquire(&paths("/b"), LONG)
        .await
        .err()
        .expect("nobody is there");
    assert_eq!(refused.kind(), ErrorKind::BackendUnavailable);
    assert!(
        refused
            .message()
            .contains("the lock server (Redis) cannot be reached"),
        "{refused}"
    );
    assert!(locks.ready().await.is_err());
    eventually("the lease to be over", async || {
        locks.leases.current().is_none()
    })
    .await;
    server.start();
    eventually("the manager to be ready", async || {
        locks.ready().await.is_ok()
    })
    .await;
    // The old lease was fenced before the new one began, and what was held under it is free.
    assert!(fenced.has(held.lease()));
    let again = hold(&locks, "/a").await;
    assert_ne!(again.lease(), held.lease());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_forgot_grants_nothing_that_may_still_be_held() {
    let Some(server) = servers::Redis::own() else {
        return;
    };
    let fenced = Arc::new(Fenced::default());
    let one = open(server.url(), "forgot", &fenced).await;
    let held = hold(&one, "/a").await;
    let _: () = one.server.ask(&cmd("FLUSHALL")).await.expect("forgotten");
    // Another process has no memory of its own.
    let two = open(server.url(), "forgot", &fenced).await;
    let next = hold(&two, "/a").await;
    assert!(
        !one.leases.holds(&held.lease().expect("a lease")),
        "it was granted to others while it was held"
    );
    eventually("the old lease to be fenced", async || {
        fenced.has(held.lease())
    })
    .await;
    assert!(!fenced.has(next.lease()));
}

#[tokio::test]
async fn a_bad_url_is_told_without_its_password() {
    let opened = async |url: &str| {
        let error = RedisLocks::open(url, "x", LEASE, Arc::new(Fenced::default()))
            .await
            .err()
            .expect("refused");
        assert!(
            !format!("{error} {:?}", error.causes()).contains("s3cret"),
            "{error}"
        );
        error.message().to_owned()
    };
    assert!(
        opened("redis://:s3cret@:x/")
            .await
            .contains("cannot be read")
    );
    assert!(
        opened("redis://:s3cret@127.0.0.1:1/")
            .await
            .contains("cannot be reached")
    );
}
