//! What the host may remember of decisions: who declares too much has callers get the answers of
//! others.

use std::sync::Arc;

use callfs_model::identity::{Decision, Identity, Question};
use tokio::task::JoinSet;

use super::super::finding::{CheckOutcome, Finding, same};
use super::{Judge, people, questions};

/// In how many ways the questions are asked again, at the same time, so that other instances of the
/// component are asked as well.
const WAYS: usize = 32;

/// Larger than the number of questions, and a prime: its multiples give them every order.
const PRIME: usize = 997;

/// Every question of everybody, with its decision.
type Decided = Vec<(Identity, Vec<Decision>)>;

pub(super) async fn pure(judge: &Judge) -> CheckOutcome {
    let all: Arc<[Question]> = questions().into();
    let mut decided = Decided::new();
    for who in people() {
        let decisions = judge.ask(&who, &all).await?;
        decided.push((who, decisions));
    }
    let decided = Arc::new(decided);
    // One after the other, so that whatever is left of somebody else's questions is seen.
    for way in 0..decided.len() {
        again(judge, &all, &decided, way).await?;
    }
    let mut tasks = JoinSet::new();
    for way in 0..WAYS {
        let judge = judge.clone();
        let all = all.clone();
        let decided = decided.clone();
        tasks.spawn(async move { again(&judge, &all, &decided, way).await });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap_or_else(|error| Err(Finding::new("a task", "it ends", error)))?;
    }
    Ok(())
}

/// Asks everything in another order, in other batches, and first of somebody else.
async fn again(
    judge: &Judge,
    all: &[Question],
    decided: &[(Identity, Vec<Decision>)],
    way: usize,
) -> CheckOutcome {
    let mut order: Vec<usize> = (0..all.len()).collect();
    order.sort_by_key(|place| (place + 1) * (way + 2) % PRIME);
    let batch = [7, 1, 100, all.len()][way % 4];
    for turn in 0..decided.len() {
        let (who, expected) = &decided[(way + turn) % decided.len()];
        for places in order.chunks(batch) {
            let asked: Vec<Question> = places.iter().map(|&place| all[place].clone()).collect();
            let decisions = judge.ask(who, &asked).await?;
            for (&place, decision) in places.iter().zip(&decisions) {
                same(
                    format!("authorize({:?}, {:?}) again", who.subject, all[place]),
                    "the decision of before",
                    &expected[place],
                    decision,
                )?;
            }
        }
    }
    Ok(())
}

/// Names that a rule about paths may look for.
const NAMES: &[&str] = &[
    "public",
    "private",
    "home",
    "tmp",
    "alice",
    "bob",
    "root",
    "staff",
    ".hidden",
    "index.html",
    "Public",
    "with a space",
    "\u{e9}t\u{e9} \u{1f600}",
];

pub(super) async fn path_blind(judge: &Judge) -> CheckOutcome {
    let all = questions();
    for who in people() {
        let expected = judge.ask(&who, &all).await?;
        for first in 0..NAMES.len() {
            let moved: Vec<Question> = all.iter().map(|one| elsewhere(one, first)).collect();
            let decisions = judge.ask(&who, &moved).await?;
            for ((question, expected), decision) in moved.iter().zip(&expected).zip(&decisions) {
                let path = &question.path;
                same(
                    format!("authorize({:?}, {question:?})", who.subject),
                    &format!("whether it is allowed does not depend on the path {path:?}"),
                    *expected == Decision::Allow,
                    *decision == Decision::Allow,
                )?;
            }
        }
    }
    Ok(())
}

/// The same question about another path that is as deep: the directories on the way are the same.
fn elsewhere(question: &Question, first: usize) -> Question {
    let names = NAMES.iter().cycle().skip(first);
    let path: String = names
        .take(question.ancestors.len())
        .map(|name| format!("/{name}"))
        .collect();
    Question {
        path: if path.is_empty() { "/".into() } else { path },
        ..question.clone()
    }
}
