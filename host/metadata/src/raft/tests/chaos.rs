//! Three nodes whose leader is killed every two seconds while their messages are lost.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use tokio::net::TcpStream;
use tokio::sync::watch;

use super::*;

/// How long it goes on, and how often the leader is killed.
const LASTS: Duration = Duration::from_secs(10);
const KILLS: Duration = Duration::from_secs(2);
/// When it gives up: too few changes were made or too few connections cut.
const LASTS_AT_MOST: Duration = Duration::from_secs(180);
/// The longest that a connection lives while messages are lost, in milliseconds.
const LIFE: u64 = 200;

/// What lies between the nodes. It cuts connections at random, with whatever is on the way in them,
/// once it is told to.
#[derive(Clone, Default)]
struct Wire {
    cuts: watch::Sender<bool>,
    cut: Arc<AtomicU64>,
    random: Arc<AtomicU64>,
}

impl Wire {
    /// An address that leads to another one.
    async fn to(&self, target: SocketAddr) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("bound");
        let wire = self.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let wire = wire.clone();
                tokio::spawn(async move { wire.connect(stream, target).await });
            }
        });
        address
    }

    async fn connect(&self, mut from: TcpStream, target: SocketAddr) {
        let Ok(mut to) = TcpStream::connect(target).await else {
            return;
        };
        let life = async {
            // It fails only without a sender, and this wire is one.
            let _ = self.cuts.subscribe().wait_for(|cuts| *cuts).await;
            // Weyl's sequence: spread evenly, and the same in every run.
            let random = self
                .random
                .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst)
                >> 32;
            tokio::time::sleep(Duration::from_millis(1 + random % LIFE)).await;
        };
        tokio::select! {
            _ = tokio::io::copy_bidirectional(&mut from, &mut to) => {}
            () = life => drop(self.cut.fetch_add(1, Ordering::SeqCst)),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn is_linearizable_while_leaders_are_killed_and_messages_are_lost() {
    let wire = Wire::default();
    let mut cluster = Cluster {
        folder: tempfile::tempdir().expect("a folder"),
        pace: Pace::default(),
        nodes: Vec::new(),
    };
    for number in 0..3 {
        let name = format!("node-{number}");
        let listen: SocketAddr = ([127, 0, 0, 1], callfs_test_servers::free_port()).into();
        let advertise = Some(wire.to(listen).await.to_string());
        let settings = settings(&name, &cluster.folder.path().join(&name), number == 0);
        let settings = RaftSettings {
            listen,
            advertise,
            ..settings
        };
        cluster
            .nodes
            .push(Running::start(settings, cluster.pace.clone()).await);
        if number > 0 {
            cluster.join(number).await;
        }
    }
    cluster.settled().await;
    wire.cuts.send_replace(true);
    let start = Instant::now();
    let mut done = 0;
    let mut killed = 0;
    let mut round = 0;
    let mut next = KILLS;
    let cut = || wire.cut.load(Ordering::SeqCst);
    while start.elapsed() < LASTS || killed < 4 || done < 20 || cut() < 20 {
        let is_in_time = start.elapsed() < LASTS_AT_MOST;
        assert!(
            is_in_time,
            "{done} changes were made, {} connections cut and {killed} leaders killed",
            cut()
        );
        let stores = cluster.stores();
        let working =
            tokio::spawn(
                async move { work_together(&stores, &format!("/{round}"), round, 3).await },
            );
        if start.elapsed() >= next
            && let Some(leader) = cluster.leader()
        {
            let settings = cluster.nodes.remove(leader).kill().await;
            cluster
                .nodes
                .push(Running::start(settings, cluster.pace.clone()).await);
            killed += 1;
            next = start.elapsed() + KILLS;
        }
        done += working.await.expect("it makes sense");
        round += 1;
    }
    wire.cuts.send_replace(false);
    cluster.settled().await;
}
