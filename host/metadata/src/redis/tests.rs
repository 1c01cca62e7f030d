use std::time::{Duration, Instant};

use callfs_model::metadata::Content;
use callfs_test_servers::{Redis as Server, unique};
use futures_util::FutureExt;

use super::*;
use crate::suite::{Place, link_suite, metadata_suite, path, record, tombstone, work_together};
use crate::{Cached, Touched};

/// A prefix of its own in the server that all share.
struct Prefix {
    server: &'static Server,
    prefix: String,
}

impl Place for Prefix {
    type Store = RedisStore;

    async fn new() -> Option<Self> {
        Some(Self {
            server: Server::shared()?,
            prefix: unique(),
        })
    }

    async fn open(&self) -> RedisStore {
        self.hear(&Arc::new(Notifications::new())).await
    }
}

impl Prefix {
    async fn hear(&self, notifications: &Arc<Notifications>) -> RedisStore {
        RedisStore::open(self.server.url(), &self.prefix, notifications.clone())
            .await
            .expect("opened")
    }
}

metadata_suite!(Prefix);
link_suite!(Prefix);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_is_claimed_by_one_alone_or_by_many_together() {
    let Some(prefix) = Prefix::new().await else {
        return;
    };
    let one = prefix.open().await;
    let two = prefix.open().await;
    let together = one.claim(false).await.expect("free");
    let also = two.claim(false).await.expect("together");
    let refused = two.claim(true).await.err().expect("others are there");
    let message = refused.message();
    assert!(
        message.contains("another gateway uses the metadata store"),
        "{message}"
    );
    drop((together, also));
    let alone = two.claim(true).await.expect("free");
    one.claim(false).await.err().expect("claimed");
    let other = Prefix::new().await.expect("the same server").open().await;
    let _elsewhere = other.claim(true).await.expect("another store");
    drop(alone);
    let _again = one.claim(true).await.expect("free");
    one.apply(vec![put("/a", "alice")]).await.expect("put");
}

/// As long as anything may take that is not to fail.
const PATIENCE: Duration = Duration::from_secs(20);

async fn until(what: &str, mut holds: impl AsyncFnMut() -> bool) {
    let start = Instant::now();
    while !holds().await {
        assert!(start.elapsed() < PATIENCE, "{what} within {PATIENCE:?}");
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn put(text: &str, owner: &str) -> Change {
    Change::Put(record(text, owner))
}

fn rename(from: &str, to: &str) -> Change {
    Change::Rename {
        from: path(from),
        to: path(to),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn several_nodes_are_linearizable_together() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let stores: [Arc<dyn Metadata>; 2] =
        [Arc::new(place.open().await), Arc::new(place.open().await)];
    let mut done = 0;
    for round in 0..10 {
        done += work_together(&stores, &format!("/{round}"), round, 12).await;
    }
    assert!(done > 100, "only {done} changes were made");
}

/// A script that is refused leaves every key as it was, whatever it had written before.
#[tokio::test]
async fn a_refusal_undoes_every_kind_of_step() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    let intent = Intent::Reconcile { path: path("/a") };
    let tree = (0..1200).map(|n| put(&format!("/tree/{n:04}"), "alice"));
    store
        .apply(
            tree.chain([put("/to/old", "bob"), put("/tree", "bob")])
                .collect(),
        )
        .await
        .expect("put");
    store
        .apply(vec![
            Change::Begin([1; 16], intent.clone()),
            Change::Begin([2; 16], intent.clone()),
        ])
        .await
        .expect("begun");
    let before = (
        everything(&store).await,
        store.intents().await.expect("read"),
    );
    let refused = vec![
        put("/new", "eve"),
        put("/tree/0007", "eve"),
        Change::Remove(path("/tree/0008")),
        rename("/tree", "/to"),
        rename("/to", "/elsewhere"),
        Change::RemoveTree(path("/elsewhere/0009")),
        put("/tree", "eve"),
        Change::End([1; 16]),
        Change::Begin([1; 16], Intent::Reconcile { path: path("/b") }),
        Change::Begin([3; 16], intent),
        Change::Fence([9; 16]),
        Change::RemoveTree(FilePath::root()),
        Change::Expect {
            path: path("/new"),
            revision: Some(1),
        },
    ];
    let error = store.apply(refused).await.expect_err("it is gone");
    assert_eq!(error.kind(), ErrorKind::PreconditionFailed);
    let after = (
        everything(&store).await,
        store.intents().await.expect("read"),
    );
    assert!(
        after == before,
        "{} records were {}",
        after.0.len(),
        before.0.len()
    );
    store
        .apply(vec![Change::Under([9; 16])])
        .await
        .expect("not fenced");
    assert_eq!(
        store
            .children(&path("/tree"), None, 2000)
            .await
            .expect("listed")
            .len(),
        1200
    );
}

async fn everything(store: &RedisStore) -> Vec<Record> {
    store
        .records(&FilePath::root(), None, 100_000)
        .await
        .expect("scanned")
}

/// Also when it is the server that refuses: here a key is of another type.
#[tokio::test]
async fn what_fails_half_way_is_undone() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    store.apply(vec![put("/a", "alice")]).await.expect("put");
    let mut spoil = ::redis::cmd("SET");
    spoil.arg(store.keys.of("fences")).arg("spoiled");
    store
        .connection
        .change::<String>(RedisRequest::Command(spoil))
        .await
        .expect("spoiled");
    let error = store
        .apply(vec![rename("/a", "/b"), Change::Fence([1; 16])])
        .await
        .expect_err("spoiled");
    assert!(
        error
            .causes()
            .is_some_and(|causes| causes.contains("WRONGTYPE")),
        "{error:?}"
    );
    assert!(store.get(&path("/a")).await.expect("read").is_some());
    assert!(store.get(&path("/b")).await.expect("read").is_none());
}

#[tokio::test]
async fn a_cache_hears_what_another_node_commits() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let cached = Cached::shared(
        Arc::new(place.hear(&notifications).await),
        100,
        notifications.clone(),
    );
    let other = place.open().await;
    let a = path("/a");
    other.apply(vec![put("/a", "0")]).await.expect("put");
    for n in 1..20 {
        until("remembered", async || {
            cached.get(&a).await.expect("read");
            cached.peek(&a).is_some()
        })
        .await;
        // A step that names the path, or one that does not.
        let changes = match n % 2 {
            0 => vec![put("/a", &n.to_string())],
            _ => vec![put("/b", &n.to_string()), rename("/b", "/a")],
        };
        other.apply(changes).await.expect("changed");
        until("heard", async || {
            cached.get(&a).await.expect("read").expect("there").owner == n.to_string()
        })
        .await;
    }
    assert!(notifications.is_recent());
    let mut tombstones = notifications.tombstones();
    tombstones.mark_unchanged();
    other
        .apply(vec![Change::Begin([1; 16], tombstone("/x"))])
        .await
        .expect("begun");
    tokio::time::timeout(PATIENCE, tombstones.changed())
        .await
        .expect("heard")
        .expect("open");
}

#[tokio::test]
async fn a_cache_without_news_is_not_used() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let store = Arc::new(place.hear(&notifications).await);
    let cached = Cached::shared(store.clone(), 100, notifications.clone());
    let a = path("/a");
    cached.apply(vec![put("/a", "alice")]).await.expect("put");
    until("remembered", async || {
        cached.get(&a).await.expect("read");
        cached.peek(&a).is_some()
    })
    .await;
    drop(store.notifications.lock().expect("unpoisoned").take());
    until("no longer recent", async || !notifications.is_recent()).await;
    assert!(cached.peek(&a).is_none());
    place
        .open()
        .await
        .apply(vec![put("/a", "bob")])
        .await
        .expect("put");
    assert_eq!(
        cached.get(&a).await.expect("read").expect("there").owner,
        "bob"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_was_gone_is_used_again_and_lacks_nothing() {
    let Some(mut server) = Server::own() else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let store = Arc::new(
        RedisStore::open(server.url(), "gone", notifications.clone())
            .await
            .expect("opened"),
    );
    let cached = Cached::shared(store.clone(), 100, notifications.clone());
    let a = path("/a");
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        for n in 0..50 {
            let name = format!("/{round}-{n}");
            store
                .apply(vec![put(&name, "alice")])
                .await
                .expect("the server is back");
            acknowledged.push(name);
        }
        store.apply(vec![put("/a", "alice")]).await.expect("put");
        until("remembered", async || {
            cached.get(&a).await.expect("read");
            cached.peek(&a).is_some()
        })
        .await;
        server.stop();
        let start = Instant::now();
        let down = |error: Error| {
            assert_eq!(error.kind(), ErrorKind::BackendUnavailable, "{error}");
            assert!(error.message().contains("(Redis)"), "{error}");
        };
        down(
            store
                .apply(vec![put("/lost", "alice")])
                .await
                .expect_err("it is gone"),
        );
        down(store.get(&a).await.expect_err("it is gone"));
        down(
            store
                .children(&FilePath::root(), None, 10)
                .await
                .expect_err("it is gone"),
        );
        down(store.ready().await.expect_err("it is gone"));
        assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
        until("no longer recent", async || !notifications.is_recent()).await;
        server.start();
        until("ready", async || store.ready().await.is_ok()).await;
        for name in &acknowledged {
            assert!(
                store.get(&path(name)).await.expect("read").is_some(),
                "{name} was acknowledged"
            );
        }
        assert_eq!(
            store.get(&path("/lost")).await.expect("read"),
            None,
            "nobody was there to make it"
        );
        until("recent again", async || notifications.is_recent()).await;
    }
}

/// Frozen rather than gone: nothing is refused, and nothing is answered.
#[tokio::test]
async fn a_server_that_does_not_answer_is_not_waited_for() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .expect("a port");
    let url = format!("redis://{}/", listener.local_addr().expect("bound"));
    let start = Instant::now();
    let error = RedisStore::open(&url, "mute", Arc::new(Notifications::new()))
        .await
        .err()
        .expect("mute");
    assert_eq!(error.kind(), ErrorKind::BackendUnavailable, "{error}");
    assert!(start.elapsed() < PATIENCE, "{:?}", start.elapsed());
}

/// The answer is not waited for longer, and what was sent is not sent again.
#[tokio::test]
async fn a_change_whose_answer_is_late_is_made_at_most_once() {
    let Some(server) = Server::own() else { return };
    let store = RedisStore::open(server.url(), "late", Arc::new(Notifications::new()))
        .await
        .expect("opened");
    store.apply(vec![put("/a", "alice")]).await.expect("put");
    let revision = async || {
        store
            .get(&path("/a"))
            .await
            .ok()
            .flatten()
            .map(|record| record.revision)
    };
    let before = revision().await.expect("there");
    let mut pause = ::redis::cmd("CLIENT");
    pause.arg("PAUSE").arg(6000).arg("ALL");
    store
        .connection
        .change::<String>(RedisRequest::Command(pause))
        .await
        .expect("paused");
    // Had it waited for the end of the pause, there would be an answer.
    let error = store.apply(vec![put("/a", "bob")]).await.expect_err("late");
    assert_eq!(error.kind(), ErrorKind::BackendTimeout, "{error}");
    until("answers again", async || revision().await.is_some()).await;
    let after = revision().await.expect("there");
    assert!(
        [before, before + 1].contains(&after),
        "{after} after {before}"
    );
    store.apply(vec![put("/a", "carol")]).await.expect("put");
    assert_eq!(revision().await, Some(after + 1));
}

#[tokio::test]
async fn a_change_that_its_caller_left_is_carried_out() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    let mut change = store.apply(vec![put("/a", "alice")]);
    assert!((&mut change).now_or_never().is_none());
    drop(change);
    store.close().await;
    assert!(
        place
            .open()
            .await
            .get(&path("/a"))
            .await
            .expect("read")
            .is_some()
    );
}

#[tokio::test]
async fn answers_nothing_when_it_is_closed() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    store.apply(vec![put("/a", "alice")]).await.expect("put");
    store.close().await;
    store.close().await;
    let closed = |error: Error| error.kind() == ErrorKind::NotReady;
    assert!(store.get(&path("/a")).await.is_err_and(closed));
    assert!(store.children(&path("/"), None, 1).await.is_err_and(closed));
    assert!(store.intents().await.is_err_and(closed));
    assert!(
        store
            .apply(vec![Change::Remove(path("/a"))])
            .await
            .is_err_and(closed)
    );
    assert!(
        callfs_model::metadata::LinkStore::list(&store, None, None, 1)
            .await
            .is_err_and(closed)
    );
    assert!(store.ready().await.is_err_and(closed));
}

#[tokio::test]
async fn says_that_a_password_is_wrong_without_saying_it() {
    let Some(server) = Server::own() else { return };
    let admin = Connection::new(keys::client(server.url()).expect("good"));
    let mut user = ::redis::cmd("ACL");
    user.arg("SETUSER")
        .arg("carol")
        .arg("on")
        .arg(">s3cret!")
        .arg("~{mine}:*")
        .arg("&{mine}:*")
        .arg("+@all")
        .arg("-config");
    admin
        .change::<String>(RedisRequest::Command(user))
        .await
        .expect("made");
    let at = |user: &str, password: &str| {
        server
            .url()
            .replace("redis://", &format!("redis://{user}:{password}@"))
    };
    let notifications = || Arc::new(Notifications::new());
    for (user, password) in [("carol", "wr0ng"), ("nobody", "s3cret%21")] {
        let error = RedisStore::open(&at(user, password), "mine", notifications())
            .await
            .err()
            .expect("refused");
        assert!(
            error.message().contains("refuses the user or the password"),
            "{error}"
        );
        let all = format!("{error:?} {:?}", error.causes());
        assert!(!all.contains("wr0ng") && !all.contains("s3cret"), "{all}");
    }
    let error = RedisStore::open(&at("carol", "s3cret%21"), "others", notifications())
        .await
        .err()
        .expect("refused");
    assert!(error.message().contains("forbids its user"), "{error}");
    // Nor may she see the settings, which is no reason to fail.
    let heard = notifications();
    let store = RedisStore::open(&at("carol", "s3cret%21"), "mine", heard.clone())
        .await
        .expect("opened");
    store.apply(vec![put("/a", "carol")]).await.expect("put");
    until("recent", async || heard.is_recent()).await;
}

/// A command for the server, about one of the keys of a store.
async fn command(store: &RedisStore, name: &str, key: &str, rest: &[&str]) {
    let mut command = ::redis::cmd(name);
    command.arg(store.keys.of(key)).arg(rest);
    store
        .connection
        .change::<()>(RedisRequest::Command(command))
        .await
        .expect("carried out");
}

#[tokio::test]
async fn values_of_the_format_before_are_read() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    let row = r#"7:{"owner":"alice","group":"staff","mode":420,"content":{"etag":"v1"}}"#;
    command(&store, "HSET", "records", &["/a", row]).await;
    let id = "0123456789abcdef";
    let intent = r#"8:{"Discard":{"path":"/a","inside":true}}"#;
    command(&store, "HSET", "intents", &[id, intent]).await;
    command(&store, "SET", "format", &["1"]).await;
    let store = place.open().await;
    let found = store.get(&path("/a")).await.expect("read").expect("there");
    let content = Content {
        etag: Some("v1".into()),
        ..Content::default()
    };
    let expected = Record {
        content: Some(content),
        revision: 7,
        ..record("/a", "alice")
    };
    assert_eq!(*found, expected);
    let unknown = Intent::Tombstone {
        path: path("/a"),
        inside: true,
        storage: None,
        newest: None,
    };
    let intents = store.intents().await.expect("read");
    assert_eq!(intents[0].1, unknown);
    let format: Option<String> = store.ask("GET", "format", None).await.expect("read");
    assert_eq!(format.as_deref(), Some(FORMAT), "the one before refuses it");
    command(
        &store,
        "HSET",
        "records",
        &["/a", &row.replace("}}", "},\"object\":\"12\"}")],
    )
    .await;
    let error = store.get(&path("/a")).await.expect_err("no object");
    let causes = format!("{:?}", error.causes());
    assert!(causes.contains("names no object"), "{causes}");
}

#[tokio::test]
async fn an_index_of_another_format_is_not_touched() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    command(&store, "SET", "format", &["3"]).await;
    let error = RedisStore::open(
        place.server.url(),
        &place.prefix,
        Arc::new(Notifications::new()),
    )
    .await
    .err()
    .expect("refused");
    assert!(error.message().contains("has format \"3\""), "{error}");
}

#[tokio::test]
async fn a_script_that_the_server_forgot_is_loaded_again() {
    let Some(server) = Server::own() else { return };
    let store = RedisStore::open(server.url(), "forgot", Arc::new(Notifications::new()))
        .await
        .expect("opened");
    for n in 0..3 {
        store
            .apply(vec![put(&format!("/{n}"), "alice")])
            .await
            .expect("put");
        let mut flush = ::redis::cmd("SCRIPT");
        flush.arg("FLUSH");
        store
            .connection
            .change::<String>(RedisRequest::Command(flush))
            .await
            .expect("flushed");
    }
    assert_eq!(everything(&store).await.len(), 3);
}

#[tokio::test]
async fn a_tree_of_twenty_thousand_moves_in_one_step() {
    const FILES: usize = 20_000;
    let Some(place) = Prefix::new().await else {
        return;
    };
    let store = place.open().await;
    let files: Vec<Change> = (0..FILES)
        .map(|n| put(&format!("/from/{:03}/file-{n}", n % 200), "alice"))
        .collect();
    for some in files.chunks(5000) {
        store.apply(some.to_vec()).await.expect("put");
    }
    let start = Instant::now();
    store
        .apply(vec![rename("/from", "/to/somewhere/longer")])
        .await
        .expect("moved");
    eprintln!("{FILES} records moved in {:?}", start.elapsed());
    assert_eq!(everything(&store).await.len(), FILES);
    assert!(
        store
            .records(&path("/from"), None, 1)
            .await
            .expect("scanned")
            .is_empty()
    );
    assert_eq!(
        store
            .children(&path("/to/somewhere/longer/007"), None, 1000)
            .await
            .expect("listed")
            .len(),
        FILES / 200
    );
}

/// What cannot be understood may mean anything.
#[tokio::test]
async fn strange_news_void_everything() {
    let Some(place) = Prefix::new().await else {
        return;
    };
    let notifications = Arc::new(Notifications::new());
    let store = place.hear(&notifications).await;
    until("heard", async || notifications.is_recent()).await;
    let before = *notifications.tombstones().borrow();
    let mut strange = ::redis::cmd("PUBLISH");
    strange.arg(store.keys.channel()).arg("from the future");
    store
        .connection
        .change::<i64>(RedisRequest::Command(strange))
        .await
        .expect("told");
    until("heard", async || {
        *notifications.tombstones().borrow() > before
    })
    .await;
    assert!(Touched::everything().tombstones);
}
