//! The gateway ends and starts again: after a crash, with a metadata store that `fsck --repair`
//! changed, or with an older one. Clients read until the end and from the moment the gateway
//! listens again, and none of them reads bytes that the states before and after both deny.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::Step::*;
use super::{MUTATIONS, PUBLIC, SECRET, Step, two_mounts};
use crate::harness::{Client, Gateway, bytes, command, eventually, succeeds};

/// How often the gateway is killed during each mutation: once before each [`Repair`].
const KILLS: usize = 3;
/// How often all paths are read before the end of a gateway, and right after its start.
const PASSES: usize = 20;

/// What an operator does while no gateway runs.
#[derive(Debug, Clone, Copy)]
enum Repair {
    Nothing,
    Fsck,
    /// Writes a dump and imports it.
    Import,
}

const REPAIRS: [Repair; 3] = [Repair::Nothing, Repair::Fsck, Repair::Import];

/// Bob and Carol, who read some paths from the start of a gateway until its end.
struct PathReaders {
    tasks: JoinSet<()>,
    passes: Arc<AtomicUsize>,
}

impl PathReaders {
    fn start(gateway: &Gateway, what: &'static str, paths: &[&'static str]) -> Self {
        let mut tasks = JoinSet::new();
        let passes: Arc<AtomicUsize> = Arc::default();
        for who in [gateway.bob(), gateway.carol()] {
            tasks.spawn(read_until_the_end(
                who,
                what,
                paths.to_vec(),
                Arc::clone(&passes),
            ));
        }
        Self { tasks, passes }
    }

    /// Waits until all paths were read so often from now on.
    async fn have_read(&mut self, times: usize) {
        let enough = self.passes.load(Ordering::SeqCst) + times;
        eventually("the paths to be read", async || {
            if let Some(ended) = self.tasks.try_join_next() {
                ended.expect("no reader sees what is secret");
                panic!("a reader ended before the gateway");
            }
            (self.passes.load(Ordering::SeqCst) >= enough).then_some(())
        })
        .await;
    }

    /// Waits until the readers notice that the gateway has ended.
    async fn end(mut self) {
        while let Some(ended) = self.tasks.join_next().await {
            ended.expect("no reader sees what is secret");
        }
    }
}

/// Reads paths until the gateway is gone; none of the answers is what is secret.
async fn read_until_the_end(
    who: Client,
    what: &'static str,
    paths: Vec<&'static str>,
    passes: Arc<AtomicUsize>,
) {
    loop {
        for path in &paths {
            let Ok(reply) = who.get(path).attempt().await else {
                return;
            };
            // 400: a file is where a directory would have to be. 503: it is starting, or ending.
            let expected = [200, 400, 403, 404, 423, 503].contains(&reply.status);
            assert!(expected, "{what}: {path}: {}", reply.text());
            assert_ne!(reply.body, SECRET.as_bytes(), "{what}: {path}");
        }
        passes.fetch_add(1, Ordering::SeqCst);
    }
}

/// Alice's requests, one after the other, until the gateway is gone; counts the answers.
async fn change_until_the_end(
    alice: Client,
    what: &'static str,
    round: &'static [Step],
    answered: Arc<AtomicUsize>,
) {
    for step in round.iter().cycle() {
        let Ok(reply) = step.call(&alice).attempt().await else {
            return;
        };
        let succeeded = (200..300).contains(&reply.status);
        assert!(succeeded, "{what}: {step:?} answers {}", reply.text());
        answered.fetch_add(1, Ordering::SeqCst);
    }
}

/// A command of the gateway's configuration, while it does not run; it must succeed.
fn offline(gateway: &Gateway, arguments: &[&str]) {
    let mut command = command(&gateway.path(""));
    let config = gateway.path("callfs.toml");
    succeeds(command.args(arguments).arg("--config").arg(config));
}

impl Repair {
    fn carry_out(self, gateway: &Gateway) {
        match self {
            Self::Nothing => {}
            Self::Fsck => offline(gateway, &["fsck", "--repair"]),
            Self::Import => {
                offline(gateway, &["metadata", "export", "dump.ndjson"]);
                offline(gateway, &["metadata", "import", "dump.ndjson", "--replace"]);
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_secret_before_a_crash_is_secret_right_after_the_next_start() {
    for (number, mutation) in MUTATIONS.iter().enumerate() {
        let what = mutation.what;
        for kill in 0..KILLS {
            let repair = REPAIRS[kill % REPAIRS.len()];
            let mut gateway = two_mounts().await;
            let alice = gateway.alice();
            for step in mutation.prepare {
                step.succeeds(&alice, what).await;
            }
            let mut readers = PathReaders::start(&gateway, what, mutation.reads);
            readers.have_read(1).await;
            let answered: Arc<AtomicUsize> = Arc::default();
            let changes = tokio::spawn(change_until_the_end(
                alice,
                what,
                mutation.round,
                Arc::clone(&answered),
            ));
            // Another request each time, and another moment of it.
            let moment = bytes((number * KILLS + kill) as u64, 2);
            let enough = usize::from(moment[0]) % (2 * mutation.round.len());
            eventually("some changes", async || {
                let over = changes.is_finished() || answered.load(Ordering::SeqCst) >= enough;
                over.then_some(())
            })
            .await;
            tokio::time::sleep(Duration::from_micros(20 * u64::from(moment[1]))).await;
            gateway.kill();
            changes.await.expect("changes until the end");
            readers.end().await;

            repair.carry_out(&gateway);
            let mut gateway = gateway.restart();
            let mut readers = PathReaders::start(&gateway, what, mutation.reads);
            readers.have_read(PASSES).await;
            gateway.kill();
            readers.end().await;
        }
    }
}

/// What other programs do to the served folder while no gateway runs, so that `fsck --repair` has
/// something to repair.
struct DiskDamage {
    what: &'static str,
    prepare: &'static [Step],
    /// With the folder at `/`.
    done: fn(&Path),
    reads: &'static [&'static str],
}

const DAMAGES: [DiskDamage; 8] = [
    DiskDamage {
        what: "a closed file was moved",
        prepare: &[Put("/moved", SECRET), Mode("/moved", "0600")],
        done: |files| fs::rename(files.join("moved"), files.join("away")).expect("moved"),
        reads: &["/moved", "/away"],
    },
    DiskDamage {
        what: "a closed file was copied with its mode",
        prepare: &[Put("/copied", SECRET), Mode("/copied", "0600")],
        done: |files| {
            fs::copy(files.join("copied"), files.join("copy")).expect("copied");
        },
        reads: &["/copied", "/copy"],
    },
    DiskDamage {
        what: "a closed directory is in the place of a file",
        prepare: &[Put("/turned", PUBLIC)],
        done: |files| {
            fs::remove_file(files.join("turned")).expect("removed");
            closed_directory(&files.join("turned"));
        },
        reads: &["/turned/file"],
    },
    DiskDamage {
        what: "a closed file and an open one changed places",
        prepare: &[
            Put("/one", SECRET),
            Mode("/one", "0600"),
            Put("/other", PUBLIC),
        ],
        done: |files| {
            fs::rename(files.join("one"), files.join("kept")).expect("moved");
            fs::rename(files.join("other"), files.join("one")).expect("moved");
            fs::rename(files.join("kept"), files.join("other")).expect("moved");
        },
        reads: &["/one", "/other"],
    },
    DiskDamage {
        what: "another program's closed file is in the place of an open one",
        prepare: &[Put("/inbox", PUBLIC)],
        done: |files| {
            let inbox = files.join("inbox");
            fs::remove_file(&inbox).expect("removed");
            fs::write(&inbox, SECRET).expect("written");
            fs::set_permissions(&inbox, Permissions::from_mode(0o600)).expect("closed");
        },
        reads: &["/inbox"],
    },
    DiskDamage {
        what: "another program's closed directory is in the place of an open one",
        prepare: &[Put("/top/file", PUBLIC)],
        done: |files| {
            fs::remove_dir_all(files.join("top")).expect("removed");
            closed_directory(&files.join("top"));
        },
        reads: &["/top/file"],
    },
    DiskDamage {
        what: "a closed directory was moved",
        prepare: &[Put("/dir/file", SECRET), Mode("/dir", "0700")],
        done: |files| fs::rename(files.join("dir"), files.join("far-dir")).expect("moved"),
        reads: &["/dir/file", "/far-dir/file"],
    },
    DiskDamage {
        what: "a file was put into a closed directory",
        prepare: &[Put("/closed/file", SECRET), Mode("/closed", "0700")],
        done: |files| fs::write(files.join("closed/new"), SECRET).expect("written"),
        reads: &["/closed/file", "/closed/new"],
    },
];

/// Makes a directory with the mode 0700 and a secret file that is open itself.
fn closed_directory(at: &Path) {
    fs::create_dir(at).expect("made");
    fs::set_permissions(at, Permissions::from_mode(0o700)).expect("closed");
    fs::write(at.join("file"), SECRET).expect("written");
}

/// The administrator reads a secret at one of these paths, so it could have been read.
async fn is_there(gateway: &Gateway, what: &str, paths: &[&'static str]) {
    let admin = gateway.admin();
    for path in paths {
        if admin.get(path).await.body == SECRET.as_bytes() {
            return;
        }
    }
    panic!("{what}: nothing secret is at {paths:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_secret_before_and_after_fsck_repairs_is_secret_at_its_ends() {
    let mut gateway = two_mounts().await;
    let alice = gateway.alice();
    for damage in &DAMAGES {
        for step in damage.prepare {
            step.succeeds(&alice, damage.what).await;
        }
    }
    gateway.stop();
    for damage in &DAMAGES {
        (damage.done)(&gateway.path("files"));
    }
    let reads: Vec<&'static str> = DAMAGES
        .iter()
        .flat_map(|damage| damage.reads)
        .copied()
        .collect();
    let repairs: [&[&str]; 3] = [
        &["fsck", "--repair"],
        &["fsck", "--repair", "--adopt"],
        &["fsck", "--repair"],
    ];
    for arguments in repairs {
        gateway = gateway.restart();
        let mut readers = PathReaders::start(&gateway, "before fsck", &reads);
        readers.have_read(PASSES).await;
        gateway.stop();
        readers.end().await;
        offline(&gateway, arguments);
        gateway = gateway.restart();
        let mut readers = PathReaders::start(&gateway, "after fsck", &reads);
        readers.have_read(PASSES).await;
        for damage in &DAMAGES {
            is_there(&gateway, damage.what, damage.reads).await;
        }
        gateway.stop();
        readers.end().await;
    }
}

/// What changes between a dump and its import.
struct Drift {
    what: &'static str,
    /// Before the dump is written.
    dumped: &'static [Step],
    since: &'static [Step],
    reads: &'static [&'static str],
}

const DRIFTS: [Drift; 10] = [
    Drift {
        what: "a closed file stays",
        dumped: &[Put("/kept", SECRET), Mode("/kept", "0600")],
        since: &[],
        reads: &["/kept"],
    },
    Drift {
        what: "a closed file is written again",
        dumped: &[Put("/rewritten", PUBLIC), Mode("/rewritten", "0600")],
        since: &[Put("/rewritten", SECRET)],
        reads: &["/rewritten"],
    },
    Drift {
        what: "a closed file is removed, and another one made",
        dumped: &[Put("/again", SECRET), Mode("/again", "0600")],
        since: &[
            Delete("/again"),
            Put("/again", PUBLIC),
            Mode("/again", "0600"),
            Put("/again", SECRET),
        ],
        reads: &["/again"],
    },
    Drift {
        what: "a closed file moves",
        dumped: &[Put("/moved", SECRET), Mode("/moved", "0600")],
        since: &[Move("/moved", "/away")],
        reads: &["/moved", "/away"],
    },
    Drift {
        what: "a closed file moves to another mount",
        dumped: &[Put("/sent", SECRET), Mode("/sent", "0600")],
        since: &[Move("/sent", "/far/sent")],
        reads: &["/sent", "/far/sent"],
    },
    Drift {
        what: "a closed file is copied",
        dumped: &[Put("/copied", SECRET), Mode("/copied", "0600")],
        since: &[Copy("/copied", "/copy")],
        reads: &["/copied", "/copy"],
    },
    Drift {
        what: "a closed file is made",
        dumped: &[],
        since: &[
            Put("/new", PUBLIC),
            Mode("/new", "0600"),
            Put("/new", SECRET),
        ],
        reads: &["/new"],
    },
    Drift {
        what: "a directory moves, and is closed",
        dumped: &[Put("/dir/file", PUBLIC)],
        since: &[
            Move("/dir", "/closed-dir"),
            Mode("/closed-dir", "0700"),
            Put("/closed-dir/file", SECRET),
        ],
        reads: &["/dir/file", "/closed-dir/file"],
    },
    Drift {
        what: "a closed directory is made",
        dumped: &[],
        since: &[
            Make("/new-dir"),
            Mode("/new-dir", "0700"),
            Put("/new-dir/deep/file", SECRET),
        ],
        reads: &["/new-dir/deep/file"],
    },
    Drift {
        what: "a file is made in a closed directory",
        dumped: &[Make("/closed"), Mode("/closed", "0700")],
        since: &[Put("/closed/file", SECRET)],
        reads: &["/closed/file"],
    },
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_secret_before_an_import_and_by_its_dump_is_secret_at_its_ends() {
    let mut gateway = two_mounts().await;
    let alice = gateway.alice();
    for drift in &DRIFTS {
        for step in drift.dumped {
            step.succeeds(&alice, drift.what).await;
        }
    }
    gateway.stop();
    offline(&gateway, &["metadata", "export", "dump.ndjson"]);
    gateway = gateway.restart();
    let reads: Vec<&'static str> = DRIFTS
        .iter()
        .flat_map(|drift| drift.reads)
        .copied()
        .collect();
    let mut readers = PathReaders::start(&gateway, "before the import", &reads);
    let alice = gateway.alice();
    for drift in &DRIFTS {
        for step in drift.since {
            step.succeeds(&alice, drift.what).await;
        }
    }
    readers.have_read(PASSES).await;
    gateway.stop();
    readers.end().await;
    let import = ["metadata", "import", "dump.ndjson", "--replace"];
    // `fsck` meets what the dump does not know of, and what it knows of and is gone.
    let orders: [&[&str]; 4] = [
        &import,
        &["fsck", "--repair"],
        &["fsck", "--repair", "--adopt"],
        &import,
    ];
    for arguments in orders {
        offline(&gateway, arguments);
        gateway = gateway.restart();
        let mut readers = PathReaders::start(&gateway, "after the import", &reads);
        readers.have_read(PASSES).await;
        for drift in &DRIFTS {
            is_there(&gateway, drift.what, drift.reads).await;
        }
        gateway.stop();
        readers.end().await;
    }
}
