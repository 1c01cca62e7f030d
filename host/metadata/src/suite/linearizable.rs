//! Many clients at once see what they would see one after the other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::history::{Event, Operation, Outcome, makes_sense};
use super::*;

const CLIENTS: u64 = 20;
/// Histories, each in a directory of its own, and operations of each client in one of them.
const ROUNDS: u64 = 12;
const OPERATIONS: u64 = 8;
const NAMES: [&str; 3] = ["a", "b", "c"];

/// The clients of one history. Every moment is later than the one before.
pub(crate) struct Clients {
    directory: String,
    clock: AtomicU64,
    values: AtomicU64,
    state: AtomicU64,
}

impl Clients {
    /// Clients that work in a directory of their own.
    pub(crate) fn new(directory: String, seed: u64) -> Self {
        let state = AtomicU64::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        Self {
            directory,
            clock: AtomicU64::new(0),
            values: AtomicU64::new(0),
            state,
        }
    }

    fn now(&self) -> u64 {
        self.clock.fetch_add(1, Ordering::SeqCst)
    }

    /// splitmix64: which operation comes next is the same in every run; when it comes is not.
    fn random(&self, below: u64) -> u64 {
        let mut z = self
            .state
            .fetch_add(0x9e37_79b9_7f4a_7c15, Ordering::SeqCst);
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (z ^ (z >> 31)) % below
    }

    fn path(&self, name: &str) -> FilePath {
        path(&format!("{}/{name}", self.directory))
    }

    /// The value of a record is its owner's name.
    async fn look(&self, store: &dyn Metadata, name: &str) -> (Event, Option<u64>) {
        let began = self.now();
        let found = store.get(&self.path(name)).await;
        let ended = self.now();
        let operation = Operation::Read(name.into());
        match found {
            Ok(record) => {
                let value = record
                    .as_ref()
                    .map(|record| record.owner.parse().expect("a number"));
                let revision = record.map(|record| record.revision);
                (
                    Event {
                        began,
                        ended,
                        operation,
                        outcome: Outcome::Found(value),
                    },
                    revision,
                )
            }
            Err(_) => (
                Event {
                    began,
                    ended: u64::MAX,
                    operation,
                    outcome: Outcome::Unknown,
                },
                None,
            ),
        }
    }

    /// One client: looks, and changes what it saw if it still is so.
    pub(crate) async fn work(&self, store: &dyn Metadata, operations: u64) -> Vec<Event> {
        let mut events = Vec::new();
        while (events.len() as u64) < operations {
            let name = NAMES[self.random(3) as usize];
            let (seen, revision) = self.look(store, name).await;
            let Outcome::Found(value) = seen.outcome else {
                events.push(seen);
                continue;
            };
            events.push(seen);
            let expect = Change::Expect {
                path: self.path(name),
                revision,
            };
            let (operation, change) = match (self.random(4), value) {
                (0, Some(expected)) => {
                    let to = NAMES[(self.random(2) as usize + 1 + position(name)) % 3];
                    let change = Change::Rename {
                        from: self.path(name),
                        to: self.path(to),
                    };
                    (
                        Operation::Rename {
                            from: name.into(),
                            to: to.into(),
                            expected,
                        },
                        change,
                    )
                }
                (1, Some(expected)) => (
                    Operation::Remove {
                        name: name.into(),
                        expected,
                    },
                    Change::Remove(self.path(name)),
                ),
                _ => {
                    let next = self.values.fetch_add(1, Ordering::SeqCst) + 1;
                    let record = record(self.path(name).as_str(), &next.to_string());
                    (
                        Operation::Write {
                            name: name.into(),
                            expected: value,
                            value: next,
                        },
                        Change::Put(record),
                    )
                }
            };
            let began = self.now();
            let outcome = match store.apply(vec![expect, change]).await {
                Ok(()) => Outcome::Done,
                Err(error) if error.kind() == ErrorKind::PreconditionFailed => Outcome::Refused,
                Err(_) => Outcome::Unknown,
            };
            let ended = if outcome == Outcome::Unknown {
                u64::MAX
            } else {
                self.now()
            };
            events.push(Event {
                began,
                ended,
                operation,
                outcome,
            });
        }
        events
    }
}

fn position(name: &str) -> usize {
    NAMES
        .iter()
        .position(|one| *one == name)
        .unwrap_or_default()
}

/// What twenty clients of these stores saw makes sense; answers how many changes were made. Several
/// stores are several nodes of one.
pub(crate) async fn work_together(
    stores: &[Arc<dyn Metadata>],
    directory: &str,
    seed: u64,
    operations: u64,
) -> usize {
    let clients = Arc::new(Clients::new(directory.to_owned(), seed));
    let tasks = (0..CLIENTS).map(|client| {
        let clients = clients.clone();
        let store = stores[client as usize % stores.len()].clone();
        tokio::spawn(async move { clients.work(&*store, operations).await })
    });
    let mut events = Vec::new();
    for task in futures_util::future::join_all(tasks).await {
        events.extend(task.expect("no panic"));
    }
    assert!(makes_sense(&events), "there is no order for {events:#?}");
    events
        .iter()
        .filter(|event| event.outcome == Outcome::Done)
        .count()
}

pub(crate) async fn is_linearizable<P: Place>(place: &P) {
    let store: Arc<dyn Metadata> = Arc::new(place.open().await);
    let mut done = 0;
    for round in 0..ROUNDS {
        done += work_together(
            std::slice::from_ref(&store),
            &format!("/{round}"),
            round,
            OPERATIONS,
        )
        .await;
    }
    assert!(done > 100, "only {done} changes were made");
    store.close().await;
}
