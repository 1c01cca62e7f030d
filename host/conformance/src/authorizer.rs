//! The suite for authorizers: as many answers as questions, always the same, and no to what is not
//! known.

mod remembered;

use std::sync::Arc;

use callfs_model::identity::{
    AccessNode, Action, Authorizer, DecidesBy, Decision, Identity, Question,
};
use callfs_model::storage::EntryKind;
use tokio::task::JoinSet;

use super::Plan;
use super::check::{Check, CheckSubject, Described, checks, run_all};
use super::finding::{CheckOutcome, Finding, holds, same, works};
use super::report::CheckReport;
use super::timed::LatencyClock;

/// An authorizer at work.
#[derive(Clone)]
struct Judge {
    authorizer: Arc<dyn Authorizer>,
    clock: Arc<LatencyClock>,
}

impl CheckSubject for Judge {}

/// What an authorizer may declare of its decisions, so that they can be remembered.
enum AuthorizerNeed {
    Pure,
    PathBlind,
}

use AuthorizerNeed::{PathBlind, Pure};

impl AuthorizerNeed {
    /// Why it cannot be had.
    fn lacking(&self, by: DecidesBy) -> Option<&'static str> {
        let (has, name) = match self {
            Pure => (by != DecidesBy::Anything, "pure-decisions"),
            PathBlind => (by == DecidesBy::Rights, "path-blind"),
        };
        (!has).then_some(name)
    }
}

const CHECKS: &[Check<Judge, AuthorizerNeed>] = checks! { Judge, AuthorizerNeed:
    "one-answer-each", [], "there are as many decisions as questions, for batches of every \
                            size", one_each;
    "order", [], "decisions come in the order of the questions", order;
    "deterministic", [], "one question has one answer", deterministic;
    "unknown-action", [], "an action that nobody knows is denied", unknown_action;
    "deep-paths", [], "two thousand directories on the way are looked at", deep;
    "strange-words", [], "names, groups and modes of any kind are decided about", strange;
    "reasons", [], "a denial says why, in one line", reasons;
    "concurrency", [], "sixty-four who ask at once get the answers that each gets alone", crowd;
    "pure-decisions", [Pure], "a question has the answer that it had, after which others and with \
        which others it may be asked", remembered::pure;
    "path-blind", [PathBlind], "a question about another path with the same rights is decided \
        alike", remembered::path_blind;
};

pub(super) fn checks() -> Vec<Described> {
    CHECKS.iter().map(Check::described).collect()
}

pub(super) async fn run(authorizer: Arc<dyn Authorizer>, plan: &Plan) -> CheckReport {
    let judge = Judge {
        authorizer,
        clock: Arc::default(),
    };
    let by = judge.authorizer.decides_by();
    let lacking =
        |check: &Check<Judge, AuthorizerNeed>| check.needs.iter().find_map(|need| need.lacking(by));
    let (checks, interrupted) = run_all(CHECKS, plan, lacking, |_| judge.clone()).await;
    let latencies = judge.clock.latencies();
    let throughput = Vec::new();
    let component = judge.authorizer.name().to_owned();
    let kind = "authorizer";
    let claims = claims(by);
    CheckReport {
        component,
        kind,
        claims,
        checks,
        latencies,
        throughput,
        left_behind: None,
        interrupted,
    }
}

fn claims(by: DecidesBy) -> Vec<&'static str> {
    match by {
        DecidesBy::Anything => vec!["authorizer"],
        DecidesBy::Question => vec!["authorizer", "pure-decisions"],
        DecidesBy::Rights => vec!["authorizer", "pure-decisions", "path-blind"],
    }
}

impl Judge {
    /// One decision for each question.
    async fn ask(&self, who: &Identity, questions: &[Question]) -> CheckOutcome<Vec<Decision>> {
        let operation = || {
            format!(
                "authorize({:?}, {} questions)",
                who.subject,
                questions.len()
            )
        };
        let asked = self
            .clock
            .time("authorize", self.authorizer.authorize(who, questions));
        let decisions = works(operation(), asked.await)?;
        same(
            operation(),
            "how many decisions",
            questions.len(),
            decisions.len(),
        )?;
        Ok(decisions)
    }
}

fn person(subject: &str, groups: &[&str], admin: bool) -> Identity {
    let groups = groups.iter().map(|&group| group.into()).collect();
    Identity {
        subject: subject.into(),
        groups,
        admin,
        attributes: vec![("check".into(), "yes".into())],
    }
}

fn people() -> Vec<Identity> {
    vec![
        person("alice", &["staff", "art"], false),
        person("bob", &[], false),
        person("root", &["root"], false),
        person("boss", &["staff"], true),
    ]
}

fn node(kind: EntryKind, owner: &str, mode: u32) -> AccessNode {
    AccessNode {
        kind,
        owner: owner.into(),
        group: "staff".into(),
        mode,
    }
}

/// About something below so many directories.
fn question(action: Action, depth: usize, kind: EntryKind, owner: &str, mode: u32) -> Question {
    let target = (action != Action::Create).then(|| node(kind, owner, mode));
    let ancestors = (0..depth.max(1))
        .map(|_| node(EntryKind::Directory, "root", 0o755))
        .collect();
    Question {
        action,
        path: "/d".repeat(depth.max(1)),
        target,
        ancestors,
    }
}

/// Questions of all kinds, many with different answers.
fn questions() -> Vec<Question> {
    let mut all = Vec::new();
    for action in Action::ALL {
        for owner in ["alice", "bob", "root"] {
            for mode in [0, 0o600, 0o644, 0o755, 0o777, 0o7777] {
                let kinds = [EntryKind::File, EntryKind::Directory, EntryKind::Special];
                all.extend(kinds.map(|kind| question(action, 3, kind, owner, mode)));
            }
        }
        // The root itself has no way to it.
        let root =
            Some(node(EntryKind::Directory, "root", 0o1777)).filter(|_| action != Action::Create);
        all.push(Question {
            action,
            path: "/".into(),
            target: root,
            ancestors: [].into(),
        });
    }
    all
}

async fn one_each(judge: &Judge) -> CheckOutcome {
    let all = questions();
    for who in people() {
        for size in [0, 1, 2, 3, all.len()] {
            judge.ask(&who, &all[..size]).await?;
        }
    }
    let many: Vec<Question> = all.iter().cycle().take(2000).cloned().collect();
    judge.ask(&people()[0], &many).await.map(drop)
}

async fn order(judge: &Judge) -> CheckOutcome {
    let all = questions();
    for who in people() {
        let together = judge.ask(&who, &all).await?;
        for (question, expected) in all.iter().zip(&together) {
            let alone = judge.ask(&who, std::slice::from_ref(question)).await?;
            let operation = format!(
                "authorize({:?}, {question:?}) alone and among others",
                who.subject
            );
            same(operation, "one decision", Some(expected), alone.first())?;
        }
        let backwards: Vec<Question> = all.iter().rev().cloned().collect();
        let mut decisions = judge.ask(&who, &backwards).await?;
        decisions.reverse();
        same(
            format!("authorize({:?}, all questions backwards)", who.subject),
            "the decisions backwards",
            &together,
            &decisions,
        )?;
    }
    Ok(())
}

async fn deterministic(judge: &Judge) -> CheckOutcome {
    let all = questions();
    for who in people() {
        let first = judge.ask(&who, &all).await?;
        for _ in 0..50 {
            let again = judge.ask(&who, &all).await?;
            same(
                format!("authorize({:?}) again", who.subject),
                "the first decisions",
                &first,
                &again,
            )?;
        }
    }
    Ok(())
}

async fn unknown_action(judge: &Judge) -> CheckOutcome {
    for who in people().into_iter().filter(|who| !who.admin) {
        for word in ["callfs-check", "", "READ", "read", "\u{1f600}"] {
            let asked = question(
                Action::Other(word),
                2,
                EntryKind::File,
                &who.subject,
                0o7777,
            );
            let decisions = judge.ask(&who, &[asked]).await?;
            let denied = matches!(decisions.as_slice(), [Decision::Deny(_)]);
            holds(
                format!("authorize({:?}, the action {word:?})", who.subject),
                "it is denied",
                denied,
                "it is allowed",
            )?;
        }
    }
    Ok(())
}

async fn deep(judge: &Judge) -> CheckOutcome {
    for who in people() {
        for depth in [1, 100, 2000] {
            let asked = Action::ALL
                .map(|action| question(action, depth, EntryKind::File, &who.subject, 0o644));
            judge.ask(&who, &asked).await?;
        }
    }
    Ok(())
}

async fn strange(judge: &Judge) -> CheckOutcome {
    let long = "x".repeat(4096);
    for word in [
        "",
        " ",
        "\0",
        "\u{1b}[2J",
        "\u{1f600}",
        "a/b",
        "..",
        "'",
        &long,
    ] {
        let groups: Vec<&str> = std::iter::repeat_n(word, 500).collect();
        let who = person(word, &groups, false);
        for action in Action::ALL {
            let mut asked = question(action, 2, EntryKind::File, word, u32::MAX);
            asked.path = format!("/{word}/{word}");
            judge.ask(&who, &[asked]).await?;
        }
    }
    Ok(())
}

async fn reasons(judge: &Judge) -> CheckOutcome {
    for who in people() {
        let all = questions();
        for (question, decision) in all.iter().zip(judge.ask(&who, &all).await?) {
            if let Decision::Deny(reason) = decision {
                let good = !reason.trim().is_empty() && !reason.contains('\n');
                holds(
                    format!("authorize({:?}, {question:?})", who.subject),
                    "a reason in one line",
                    good,
                    format!("{reason:?}"),
                )?;
            }
        }
    }
    Ok(())
}

async fn crowd(judge: &Judge) -> CheckOutcome {
    let all = Arc::new(questions());
    let mut alone = Vec::new();
    for who in people() {
        let decisions = judge.ask(&who, &all).await?;
        alone.push((who, decisions));
    }
    let mut tasks = JoinSet::new();
    let alone = Arc::new(alone);
    for task in 0..64 {
        let judge = judge.clone();
        let all = all.clone();
        let alone = alone.clone();
        tasks.spawn(async move {
            for turn in 0..5 {
                let (who, expected) = &alone[(task + turn) % alone.len()];
                let decisions = judge.ask(who, &all).await?;
                same(
                    format!("authorize({:?}) among others", who.subject),
                    "the decisions",
                    expected,
                    &decisions,
                )?;
            }
            Ok(())
        });
    }
    while let Some(task) = tasks.join_next().await {
        task.unwrap_or_else(|error| Err(Finding::new("a task", "it ends", error)))?;
    }
    Ok(())
}
