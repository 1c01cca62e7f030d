mod chaos;

use std::time::Duration;

use super::*;
use crate::suite::{Place, link_suite, metadata_suite, path, record, work_together};

/// How long anything may take that should take a moment. Generous, because test machines are busy.
const DEADLINE: Duration = Duration::from_secs(60);
const ASK_AGAIN: Duration = Duration::from_millis(20);

/// A folder for a node that is a cluster by itself.
struct Alone(tempfile::TempDir);

impl Place for Alone {
    type Store = RaftStore;

    async fn new() -> Option<Self> {
        Some(Self(tempfile::tempdir().expect("a folder")))
    }

    async fn open(&self) -> RaftStore {
        // What was closed or dropped before lets go of the folder when its last task has ended.
        let start = Instant::now();
        loop {
            match RaftStore::start(
                settings("alone", self.0.path(), true),
                Pace::default(),
                Arc::default(),
            )
            .await
            {
                Err(error) if error.message().starts_with("another process uses") => {
                    assert!(start.elapsed() < DEADLINE, "{error}");
                }
                opened => return opened.expect("opened"),
            }
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

metadata_suite!(Alone);
link_suite!(Alone);

fn settings(node: &str, dir: &std::path::Path, bootstrap: bool) -> RaftSettings {
    RaftSettings {
        node: node.into(),
        listen: ([127, 0, 0, 1], 0).into(),
        advertise: None,
        dir: dir.into(),
        bootstrap,
        secret: b"the secret of these tests".to_vec(),
    }
}

/// A few nodes of one cluster, each with its runtime, so that one can be ended as a process ends.
struct Cluster {
    folder: tempfile::TempDir,
    pace: Pace,
    nodes: Vec<Running>,
}

struct Running {
    store: Arc<RaftStore>,
    settings: RaftSettings,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Running {
    async fn start(settings: RaftSettings, pace: Pace) -> Self {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder
            .worker_threads(1)
            .enable_all()
            .build()
            .expect("a runtime");
        let told = settings.clone();
        let fixed = pace;
        let started =
            runtime.spawn(async move { RaftStore::start(told, fixed, Arc::default()).await });
        let store = Arc::new(started.await.expect("no panic").expect("started"));
        // It keeps its address when it is started again.
        let listen = match settings.advertise {
            Some(_) => settings.listen,
            None => store.address().parse().expect("an address"),
        };
        Self {
            store,
            settings: RaftSettings { listen, ..settings },
            runtime: Some(runtime),
        }
    }

    /// Ends it in the middle of whatever it does.
    async fn kill(mut self) -> RaftSettings {
        let runtime = self.runtime.take().expect("running");
        tokio::task::spawn_blocking(move || runtime.shutdown_timeout(Duration::from_secs(10)))
            .await
            .expect("ended");
        self.settings.clone()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Cluster {
    async fn new(size: usize, pace: Pace) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let mut cluster = Self {
            folder,
            pace,
            nodes: Vec::new(),
        };
        for number in 0..size {
            cluster.start(&format!("node-{number}"), number == 0).await;
            if number > 0 {
                cluster.join(number).await;
            }
        }
        cluster
    }

    async fn start(&mut self, name: &str, bootstrap: bool) {
        let settings = settings(name, &self.folder.path().join(name), bootstrap);
        self.nodes
            .push(Running::start(settings, self.pace.clone()).await);
    }

    async fn join(&self, number: usize) {
        let node = &self.nodes[number].store;
        self.nodes[0]
            .store
            .join(&node.status().node, node.address())
            .await
            .expect("joined");
    }

    fn stores(&self) -> Vec<Arc<dyn Metadata>> {
        self.nodes
            .iter()
            .map(|node| node.store.clone() as Arc<dyn Metadata>)
            .collect()
    }

    /// The number of the one that leads.
    fn leader(&self) -> Option<usize> {
        let names: Vec<_> = self.nodes.iter().map(|node| node.store.status()).collect();
        names
            .iter()
            .position(|status| status.leader.as_ref() == Some(&status.node))
    }

    async fn settled(&self) -> usize {
        for node in &self.nodes {
            retried(|| node.store.ready()).await;
        }
        // Each node learns a moment after an election who won it.
        let start = Instant::now();
        loop {
            if let Some(leader) = self.leader() {
                return leader;
            }
            assert!(start.elapsed() < DEADLINE, "no node leads");
            tokio::time::sleep(ASK_AGAIN).await;
        }
    }
}

/// Tries until it works, for a while.
async fn retried<F: Future<Output = Result<()>>>(attempt: impl Fn() -> F) {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(()) => return,
            Err(error) => assert!(start.elapsed() < DEADLINE, "{error}"),
        }
        tokio::time::sleep(ASK_AGAIN).await;
    }
}

/// How many groups of changes a node has applied.
fn applied(store: &RaftStore) -> u64 {
    store
        .node
        .core
        .metrics()
        .borrow()
        .last_applied
        .as_ref()
        .map_or(0, |last| last.index)
}

fn put(name: &str) -> Change {
    Change::Put(record(name, "alice"))
}

async fn is_there(store: &RaftStore, name: &str) -> bool {
    store.get(&path(name)).await.expect("read").is_some()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn three_nodes_are_one_store() {
    let cluster = Cluster::new(3, Pace::default()).await;
    let stores = cluster.stores();
    let mut done = 0;
    for round in 0..6 {
        done += work_together(&stores, &format!("/{round}"), round, 4).await;
    }
    assert!(done > 30, "only {done} changes were made");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_follower_passes_changes_on_and_answers_what_was_refused() {
    let cluster = Cluster::new(3, Pace::default()).await;
    let leader = cluster.settled().await;
    let one = &cluster.nodes[(leader + 1) % 3].store;
    let other = &cluster.nodes[(leader + 2) % 3].store;
    one.apply(vec![put("/a")]).await.expect("changed");
    assert!(is_there(other, "/a").await);
    let kind = |result: Result<()>| result.expect_err("refused").kind();
    let expect = Change::Expect {
        path: path("/a"),
        revision: None,
    };
    assert_eq!(
        kind(one.apply(vec![expect]).await),
        ErrorKind::PreconditionFailed
    );
    other
        .apply(vec![Change::Fence([7; 16])])
        .await
        .expect("fenced");
    assert_eq!(
        kind(one.apply(vec![Change::Under([7; 16]), put("/b")]).await),
        ErrorKind::Locked
    );
    let begin = || Change::Begin([1; 16], Intent::Reconcile { path: path("/a") });
    one.apply(vec![begin()]).await.expect("begun");
    assert_eq!(
        kind(one.apply(vec![begin()]).await),
        ErrorKind::AlreadyExists
    );
    assert!(!is_there(one, "/b").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_most_members_nothing_is_changed_or_read() {
    let mut cluster = Cluster::new(3, Pace::default()).await;
    cluster.nodes[0]
        .store
        .apply(vec![put("/a")])
        .await
        .expect("changed");
    let second = cluster.nodes.pop().expect("there").kill().await;
    cluster.nodes.pop().expect("there").kill().await;
    let left = &cluster.nodes[0].store;
    for outcome in [
        left.apply(vec![put("/b")]).await,
        left.get(&path("/a")).await.map(drop),
        left.ready().await,
    ] {
        assert_eq!(
            outcome.expect_err("nobody else is there").kind(),
            ErrorKind::BackendUnavailable
        );
    }
    let asked = tokio::time::timeout(DEADLINE, left.get(&path("/a")))
        .await
        .expect("a bounded wait");
    asked.expect_err("nobody else is there");
    cluster
        .nodes
        .push(Running::start(second, Pace::default()).await);
    cluster.settled().await;
    assert!(is_there(&cluster.nodes[1].store, "/a").await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_answered_outlives_the_end_of_every_node() {
    let mut cluster = Cluster::new(3, Pace::default()).await;
    for number in 0..30 {
        cluster.nodes[number % 3]
            .store
            .apply(vec![put(&format!("/{number}"))])
            .await
            .expect("changed");
    }
    let mut killed = Vec::new();
    for node in cluster.nodes.drain(..) {
        killed.push(node.kill().await);
    }
    for settings in killed {
        cluster
            .nodes
            .push(Running::start(settings, Pace::default()).await);
    }
    cluster.settled().await;
    for number in 0..30 {
        assert!(
            is_there(
                &cluster.nodes[(number + 1) % 3].store,
                &format!("/{number}")
            )
            .await,
            "/{number}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_linearizable_while_leaders_are_killed() {
    let mut cluster = Cluster::new(3, Pace::default()).await;
    let mut done = 0;
    let mut hits = 0;
    let mut round = 0;
    while done < 20 || hits < 5 {
        assert!(
            round < 50,
            "{done} changes were made, and {hits} kills came amid changes"
        );
        let leader = cluster.settled().await;
        let store = cluster.nodes[leader].store.clone();
        let before = applied(&store);
        let stores = cluster.stores();
        let working =
            tokio::spawn(
                async move { work_together(&stores, &format!("/{round}"), round, 3).await },
            );
        // After another number of changes each time, so few that most of the work is still to come.
        while applied(&store) <= before + round % 3 && !working.is_finished() {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        hits += usize::from(!working.is_finished());
        drop(store);
        let settings = cluster.nodes.remove(leader).kill().await;
        done += working.await.expect("it makes sense");
        cluster
            .nodes
            .push(Running::start(settings, Pace::default()).await);
        round += 1;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn one_that_was_away_gets_the_log_or_a_snapshot() {
    let pace = Pace {
        snapshot_every: 20,
        keep: 5,
        ..Pace::default()
    };
    for changes in [5, 120] {
        let mut cluster = Cluster::new(3, pace.clone()).await;
        let away = cluster.nodes.pop().expect("there").kill().await;
        for number in 0..changes {
            cluster.nodes[0]
                .store
                .apply(vec![put(&format!("/{number}"))])
                .await
                .expect("changed");
        }
        if changes > 20 {
            // Until then the log has all of it.
            for node in &cluster.nodes {
                let mut metrics = node.store.node.core.metrics();
                let dropped = metrics.wait_for(|now| now.purged.is_some());
                dropped.await.expect("the node runs");
            }
        }
        let dir = away.dir.clone();
        // More than one may have come.
        let is_replaced = || {
            let mut names = std::fs::read_dir(&dir).expect("read").flatten();
            names.any(|entry| {
                let name = entry.file_name();
                let name = name.to_string_lossy();
                name.starts_with("state-") && !name.starts_with("state-1.")
            })
        };
        cluster.nodes.push(Running::start(away, pace.clone()).await);
        cluster.settled().await;
        let back = &cluster.nodes[2].store;
        for number in 0..changes {
            assert!(is_there(back, &format!("/{number}")).await, "/{number}");
        }
        assert_eq!(
            is_replaced(),
            changes > 20,
            "a state is replaced by a snapshot and by nothing else"
        );
        // Whoever has its state from a snapshot goes on from there.
        back.apply(vec![put("/more")]).await.expect("changed");
        assert!(is_there(&cluster.nodes[0].store, "/more").await);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_join_and_leave() {
    let mut cluster = Cluster::new(1, Pace::default()).await;
    cluster.start("node-1", false).await;
    let waiting = cluster.nodes[1]
        .store
        .ready()
        .await
        .expect_err("nobody added it");
    assert!(
        waiting.message().contains("callfs cluster join"),
        "{waiting}"
    );
    let wrong = cluster.nodes[0]
        .store
        .join("another", cluster.nodes[1].store.address())
        .await
        .expect_err("refused");
    assert_eq!(wrong.kind(), ErrorKind::BadRequest);
    cluster.join(1).await;
    cluster.join(1).await;
    cluster.settled().await;
    cluster.start("node-2", false).await;
    // Through one that does not lead.
    let third = cluster.nodes[2].store.clone();
    cluster.nodes[1]
        .store
        .join("node-2", third.address())
        .await
        .expect("joined");
    assert_eq!(third.status().members.len(), 3);
    cluster.nodes[1].store.leave("node-2").await.expect("left");
    assert_eq!(cluster.nodes[0].store.status().members.len(), 2);
    let unknown = cluster.nodes[0]
        .store
        .leave("node-2")
        .await
        .expect_err("it is gone");
    assert_eq!(unknown.kind(), ErrorKind::NotFound);
    cluster.nodes[1]
        .store
        .apply(vec![put("/a")])
        .await
        .expect("changed");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_is_asked_from_outside() {
    let mut cluster = Cluster::new(1, Pace::default()).await;
    cluster.start("node-1", false).await;
    let first = cluster.nodes[0].store.address();
    let second = cluster.nodes[1].store.address();
    let member = RaftMember::new(first, b"the secret of these tests");
    member.join("node-1", second).await.expect("joined");
    let status = RaftMember::new(second, b"the secret of these tests")
        .status()
        .await
        .expect("told");
    assert_eq!((status.node.as_str(), status.members.len()), ("node-1", 2));
    member.leave("node-1").await.expect("left");
    assert_eq!(member.status().await.expect("told").members.len(), 1);
    assert_eq!(
        member.leave("node-1").await.expect_err("it is gone").kind(),
        ErrorKind::NotFound
    );
    let stranger = RaftMember::new(first, b"another");
    assert!(
        stranger
            .status()
            .await
            .expect_err("refused")
            .message()
            .contains("cluster.secret")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_with_another_secret_is_nobody() {
    let cluster = Cluster::new(1, Pace::default()).await;
    let folder = tempfile::tempdir().expect("a folder");
    let stranger = RaftSettings {
        secret: b"another".to_vec(),
        ..settings("stranger", folder.path(), false)
    };
    let stranger = Running::start(stranger, Pace::default()).await;
    let refused = cluster.nodes[0]
        .store
        .join("stranger", stranger.store.address())
        .await
        .expect_err("refused");
    assert!(refused.message().contains("cluster.secret"), "{refused}");
    assert_eq!(cluster.nodes[0].store.status().members.len(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_stranger_is_refused_before_its_body_is_read() {
    use super::signature::{HEAD_SIGNATURE, MessageSigner, MessageStamp, NONCE, SIGNATURE, TIME};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    let cluster = Cluster::new(1, Pace::default()).await;
    let address = cluster.nodes[0].store.address().to_owned();
    let path = message::path(message::STATUS, 0);
    let ours = MessageSigner::new(b"the secret of these tests");
    let theirs = MessageSigner::new(b"another");
    let length = 32 << 20;
    // Who signs the head, and for which length.
    for (signer, signed) in [(&theirs, length), (&ours, 4), (&ours, length + 1)] {
        let stamp = MessageStamp::now().expect("random");
        let mut stream = tokio::net::TcpStream::connect(&address)
            .await
            .expect("it listens");
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{TIME}: \
             {}\r\n{NONCE}: {}\r\n{SIGNATURE}: {}\r\n{HEAD_SIGNATURE}: {}\r\n\r\n",
            stamp.time,
            stamp.nonce,
            signer.request(&path, &stamp, b"x"),
            signer.head(&path, &stamp, signed)
        );
        stream.write_all(head.as_bytes()).await.expect("sent");
        let mut answer = [0; 12];
        tokio::time::timeout(DEADLINE, stream.read_exact(&mut answer))
            .await
            .expect("no byte of the body is waited for")
            .expect("an answer");
        assert_eq!(&answer, b"HTTP/1.1 401");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_node_of_another_version_is_refused_with_the_reason() {
    let cluster = Cluster::new(1, Pace::default()).await;
    let client = PeerClient::new(MessageSigner::new(b"the secret of these tests"));
    let sent = client.send(
        cluster.nodes[0].store.address(),
        "/raft/1/status/0",
        Vec::new(),
    );
    let refused = sent.await.expect_err("refused").to_string();
    assert!(refused.contains("run the same callfs"), "{refused}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_folder_is_of_one_node() {
    let place = Alone::new().await.expect("a folder");
    let store = place.open().await;
    let again = RaftStore::open(settings("alone", place.0.path(), true), Arc::default())
        .await
        .err()
        .expect("refused");
    assert!(again.message().contains("another process uses"), "{again}");
    store.close().await;
    drop(store);
    let other = settings("other", place.0.path(), true);
    let start = Instant::now();
    loop {
        let refused = RaftStore::open(other.clone(), Arc::default())
            .await
            .err()
            .expect("refused");
        if refused.message().contains("is of the node 'alone'") {
            break;
        }
        assert!(start.elapsed() < DEADLINE, "{refused}");
        tokio::time::sleep(ASK_AGAIN).await;
    }
}
