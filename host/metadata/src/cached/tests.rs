use std::collections::HashMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::FutureExt;
use tokio::sync::Semaphore;

use super::*;
use crate::suite::{metadata_suite, path, record};
use crate::{SqliteStore, suite};

struct Fixture(suite::Folder);

impl suite::Place for Fixture {
    type Store = Cached<SqliteStore>;

    async fn new() -> Option<Self> {
        Some(Self(suite::Folder::new()))
    }

    async fn open(&self) -> Self::Store {
        Cached::new(Arc::new(self.0.sqlite().await), 1000)
    }
}

metadata_suite!(Fixture);

/// A store whose reads and changes stop half-way, after they looked or before they act, until they
/// are let go.
struct Gated {
    records: Mutex<HashMap<FilePath, Arc<Record>>>,
    reads: AtomicUsize,
    reading: Semaphore,
    changing: Semaphore,
}

impl Gated {
    fn cached() -> Cached<Self> {
        let gates = Self {
            records: Mutex::default(),
            reads: AtomicUsize::new(0),
            reading: Semaphore::new(0),
            changing: Semaphore::new(0),
        };
        Cached::new(Arc::new(gates), 100)
    }

    /// The same of one that others change.
    fn shared(notifications: &Arc<Notifications>) -> Cached<Self> {
        let Cached { store, .. } = Self::cached();
        Cached::shared(store, 100, notifications.clone())
    }
}

#[async_trait]
impl Metadata for Gated {
    async fn get(&self, path: &FilePath) -> Result<Option<Arc<Record>>> {
        self.reads.fetch_add(1, Ordering::SeqCst);
        let seen = self.records.lock().expect("unpoisoned").get(path).cloned();
        self.reading.acquire().await.expect("open").forget();
        Ok(seen)
    }

    async fn children(&self, _: &FilePath, _: Option<&str>, _: u32) -> Result<Vec<Record>> {
        Ok(Vec::new())
    }

    async fn records(&self, _: &FilePath, _: Option<&FilePath>, _: u32) -> Result<Vec<Record>> {
        Ok(Vec::new())
    }

    async fn apply(&self, changes: Vec<Change>) -> Result<()> {
        self.changing.acquire().await.expect("open").forget();
        let mut records = self.records.lock().expect("unpoisoned");
        for change in changes {
            match change {
                Change::Put(record) => drop(records.insert(record.path.clone(), Arc::new(record))),
                Change::RemoveTree(path) => records.retain(|known, _| !known.is_within(&path)),
                other => panic!("not needed here: {other:?}"),
            }
        }
        Ok(())
    }

    async fn intents(&self) -> Result<Vec<(IntentId, Intent)>> {
        Ok(Vec::new())
    }

    async fn ready(&self) -> Result<()> {
        Ok(())
    }

    async fn close(&self) {}
}

#[tokio::test]
async fn remembers_absence_and_presence_without_waiting() {
    let cached = Gated::cached();
    cached.store.reading.add_permits(2);
    cached.store.changing.add_permits(1);
    assert_eq!(cached.get(&path("/a")).await.expect("read"), None);
    assert_eq!(
        cached
            .get(&path("/a"))
            .now_or_never()
            .expect("at once")
            .expect("read"),
        None
    );
    cached
        .apply(vec![Change::Put(record("/a", "alice"))])
        .await
        .expect("changed");
    assert!(
        cached.peek(&path("/a")).is_none(),
        "the absence was forgotten"
    );
    assert!(cached.get(&path("/a")).await.expect("read").is_some());
    assert!(
        cached
            .get(&path("/a"))
            .now_or_never()
            .expect("at once")
            .expect("read")
            .is_some()
    );
    assert_eq!(cached.store.reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_slow_reader_does_not_bring_back_what_was_replaced() {
    for change in [
        Change::Put(record("/a", "bob")),
        Change::RemoveTree(path("/")),
    ] {
        let cached = Gated::cached();
        cached.store.changing.add_permits(2);
        cached
            .apply(vec![Change::Put(record("/a", "alice"))])
            .await
            .expect("changed");
        let a = path("/a");
        let mut slow = cached.get(&a);
        assert!(
            (&mut slow).now_or_never().is_none(),
            "it looked, and has not answered"
        );
        cached.apply(vec![change.clone()]).await.expect("changed");
        cached.store.reading.add_permits(2);
        assert_eq!(slow.await.expect("read").expect("seen").owner, "alice");
        assert!(
            cached.peek(&path("/a")).is_none(),
            "what the slow reader saw is void"
        );
        let now = cached
            .get(&path("/a"))
            .await
            .expect("read")
            .map(|record| record.owner.clone());
        assert_eq!(
            now.as_deref(),
            matches!(change, Change::Put(_)).then_some("bob")
        );
    }
}

#[tokio::test]
async fn nothing_is_remembered_while_a_change_is_under_way() {
    let cached = Gated::cached();
    cached.store.reading.add_permits(2);
    let mut change = cached.apply(vec![Change::Put(record("/a", "alice"))]);
    assert!((&mut change).now_or_never().is_none());
    assert_eq!(cached.get(&path("/a")).await.expect("read"), None);
    assert!(cached.peek(&path("/a")).is_none());
    cached.store.changing.add_permits(1);
    change.await.expect("changed");
    assert!(cached.get(&path("/a")).await.expect("read").is_some());
}

#[tokio::test]
async fn an_abandoned_change_still_voids_what_it_touches() {
    let cached = Gated::cached();
    cached.store.reading.add_permits(9);
    let mut change = cached.apply(vec![Change::Put(record("/a", "alice"))]);
    assert!((&mut change).now_or_never().is_none());
    drop(change);
    assert_eq!(cached.get(&path("/a")).await.expect("read"), None);
    assert!(
        cached.peek(&path("/a")).is_none(),
        "the change may come yet"
    );
    cached.store.changing.add_permits(1);
    // Its task runs as soon as this one yields, and the store is asked until then.
    while cached.stamps.of(&path("/a")).is_none() {
        tokio::task::yield_now().await;
    }
    assert!(cached.get(&path("/a")).await.expect("read").is_some());
}

#[tokio::test]
async fn what_others_change_is_remembered_while_the_news_are_recent() {
    let notifications = Arc::new(Notifications::new());
    let cached = Gated::shared(&notifications);
    cached.store.reading.add_permits(9);
    cached.store.changing.add_permits(9);
    cached
        .apply(vec![Change::Put(record("/a", "alice"))])
        .await
        .expect("changed");
    cached.get(&path("/a")).await.expect("read").expect("there");
    assert!(
        cached.peek(&path("/a")).is_none(),
        "nobody said that the notifications are recent"
    );
    notifications.current(std::time::Instant::now());
    assert!(cached.peek(&path("/a")).is_some());
    cached.get(&path("/b")).await.expect("read");
    assert!(
        cached.peek(&path("/b")).is_none(),
        "it may appear at any moment"
    );
    notifications.changed(&Touched {
        paths: vec![path("/a")],
        ..Touched::default()
    });
    assert!(cached.peek(&path("/a")).is_none());
    cached.get(&path("/a")).await.expect("read").expect("there");
    cached.forget(&[path("/a")]);
    assert!(cached.peek(&path("/a")).is_none());
}

#[test]
fn long_records_push_out_more_than_short_ones() {
    // The length of each path, and how many of those are remembered where a hundred would be.
    for (length, at_most) in [(10, 100), (100, 100), (1000, 60), (4000, 18)] {
        let entries = memory(100);
        for number in 0..1000 {
            let name = format!("{number:04}");
            let path = path(&format!(
                "/{}",
                "d/".repeat((length - name.len()) / 2) + &name
            ));
            let stamps = Stamps::new();
            let stamp = stamps.of(&path).expect("at rest");
            let record = Some(Arc::new(record(path.as_str(), "alice")));
            entries.insert(path, CachedRecord { stamp, record });
        }
        let held = entries.len();
        assert!(held <= at_most, "{held} of {length} bytes");
        assert!(entries.weight() <= 100 * WEIGHT);
        assert!(held > 0, "of {length} bytes");
    }
}
