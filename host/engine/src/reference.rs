//! The engine compared with a reference filesystem: after the same operations, both answer the
//! same.
//!
//! Sequences of random operations run against the engine, on storages in memory, and against
//! [`Tree`], which knows no storages, records, locks or steps. Both must answer each operation
//! alike, with the same kind of error, and hold the same files at the end. Between two steps of an
//! operation, and after a crash at any of them, the engine may show the state before or the state
//! after, and nothing else.
//!
//! A seed makes a sequence. A failure prints the seed and the shortest sequence that still fails; a
//! seed that ever failed stays in [`FAILED`]. The seeds of a short run are always the same. With
//! `CALLFS_TEST_MODEL_OPERATIONS` set, about that many operations run on each kind of world, and
//! their seeds are new ones.

mod generator;
mod operation;
mod rights;
mod run;
mod tree;

use callfs_model::storage::Abilities;
use generator::Generator;
use operation::Operation;
use run::{ModelCheck, check};
use tree::Tree;

use crate::testing::{bucket, copier, copying_bucket, folder, plain};

/// Seeds of sequences that failed once.
const FAILED: [u64; 0] = [];
/// How many operations each kind of world gets if the environment says nothing else.
const OPERATIONS: usize = 10_000;
/// How many operations a sequence has.
const LENGTH: usize = 100;

/// What is mounted at `/` and at `/far`.
type Kind = (&'static str, fn() -> Abilities, fn() -> Abilities);

const KINDS: [Kind; 5] = [
    ("folder and bucket", folder, bucket),
    ("plain and folder", plain, folder),
    ("copier and plain", copier, plain),
    ("bucket and copying bucket", bucket, copying_bucket),
    ("copying bucket and copier", copying_bucket, copier),
];

/// Runs one sequence after the other on each kind of world, `share` of the operations in all.
async fn compare(what: ModelCheck, share: usize) {
    let wanted = std::env::var("CALLFS_TEST_MODEL_OPERATIONS").ok();
    let (operations, first) = match wanted {
        None => (OPERATIONS, 0),
        Some(wanted) => (
            wanted.parse().expect("a number of operations"),
            getrandom::u64().expect("random numbers"),
        ),
    };
    let count = (operations / LENGTH).div_ceil(share) as u64;
    let seeds = (0..count).map(|number| first.wrapping_add(number));
    for seed in FAILED.into_iter().chain(seeds) {
        let sequence = Generator::new(seed).sequence(LENGTH);
        for kind in KINDS {
            if let Err(difference) = check(what, kind, &sequence).await {
                report(what, kind, seed, sequence.clone(), difference).await;
            }
        }
    }
}

/// Leaves out whatever is not needed to fail, and fails.
async fn report(
    what: ModelCheck,
    kind: Kind,
    seed: u64,
    mut sequence: Vec<Operation>,
    mut difference: String,
) {
    let mut at = sequence.len();
    while at > 0 {
        at -= 1;
        let mut shorter = sequence.clone();
        shorter.remove(at);
        if let Err(other) = check(what, kind, &shorter).await {
            sequence = shorter;
            difference = other;
            at = at.min(sequence.len());
        }
    }
    let operations: Vec<String> = sequence.iter().map(|one| format!("  {one:?}")).collect();
    panic!(
        "{what:?}, {}, seed {seed}:\n{}\n{difference}",
        kind.0,
        operations.join("\n")
    );
}

#[tokio::test]
async fn the_engine_answers_as_the_reference_does() {
    compare(ModelCheck::Answers, 1).await;
}

#[tokio::test]
async fn between_two_steps_a_reader_gets_what_was_readable_before_or_is_after() {
    compare(ModelCheck::Steps, 4).await;
}

#[tokio::test]
async fn a_crash_at_any_step_leaves_the_state_before_or_the_state_after() {
    compare(ModelCheck::Crashes, 2).await;
}
