//! Asks the authorizer, and fails closed.
//!
//! A decision counts only if the authorizer answered, and answered every question; anything else is
//! an error, and the operation does not happen. What is remembered of earlier answers, where the
//! authorizer allows that, counts as an answer. It knows nothing of where owners and modes come
//! from.

use std::borrow::Cow;
use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Authorizer, Decision, Identity, Question};
use callfs_model::reloadable::Reloadable;

use crate::decisions::Decisions;

/// The most files and directories that one call of the authorizer is told of: each question brings
/// all directories on its way, so the number of questions bounds nothing.
const MAX_NODES: usize = 16_384;

/// The authorizer, as the rest of CallFS uses it.
#[derive(Clone)]
pub struct Authorization {
    authorizer: Reloadable<Decisions>,
}

impl Authorization {
    /// Decisions by this authorizer.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer: Reloadable::new(Arc::new(Decisions::new(authorizer))),
        }
    }

    /// From the next question on, decisions by this one.
    pub fn replace(&self, authorizer: Arc<dyn Authorizer>) {
        self.authorizer
            .replace(Arc::new(Decisions::new(authorizer)));
    }

    /// One decision for each question, in the same order, all by the same generation.
    pub async fn decide(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        let generation = self.authorizer.current();
        let mut known: Vec<Option<Decision>> = Vec::with_capacity(questions.len());
        known.extend(questions.iter().map(|one| generation.known(who, one)));
        let open = if generation.remembers() {
            let all = questions.iter().zip(&known);
            let open = all.filter(|(_, known)| known.is_none());
            Cow::Owned(open.map(|(one, _)| one.clone()).collect())
        } else {
            Cow::Borrowed(questions)
        };
        let mut decisions = Vec::with_capacity(open.len());
        for batch in batches(&open) {
            let decided = generation.ask(who, batch).await?;
            let given = decided.len();
            let wanted = batch.len();
            if given != wanted {
                let name = generation.authorizer.name();
                let message =
                    format!("the authorizer '{name}' gave {given} decisions on {wanted} questions");
                return Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name));
            }
            decisions.extend(decided);
        }
        let mut decided = decisions.into_iter();
        let all = known
            .into_iter()
            .map(|known| known.or_else(|| decided.next()));
        all.collect::<Option<_>>()
            .ok_or_else(|| Error::internal("a question without a decision"))
    }

    /// Fails with [`ErrorKind::PermissionDenied`] and the reason unless everything is allowed.
    pub async fn require(&self, who: &Identity, questions: &[Question]) -> Result<()> {
        let decisions = self.decide(who, questions).await?;
        match questions
            .iter()
            .zip(decisions)
            .find_map(|(question, decision)| denial(question, decision))
        {
            Some(error) => Err(error),
            None => Ok(()),
        }
    }

    /// Which of the questions are allowed, in the same order.
    pub async fn filter(&self, who: &Identity, questions: &[Question]) -> Result<Vec<bool>> {
        let decisions = self.decide(who, questions).await?;
        Ok(decisions
            .into_iter()
            .map(|decision| decision == Decision::Allow)
            .collect())
    }
}

/// The questions, as many at a time as one call of the authorizer takes.
fn batches(mut questions: &[Question]) -> impl Iterator<Item = &[Question]> {
    std::iter::from_fn(move || {
        let mut nodes = 0;
        let fits = |question: &&Question| {
            nodes += question.ancestors.len() + 1;
            nodes <= MAX_NODES
        };
        let count = questions.iter().take_while(fits).count();
        // A question that is too large alone is still asked.
        let (batch, rest) = questions.split_at(count.max(1).min(questions.len()));
        questions = rest;
        (!batch.is_empty()).then_some(batch)
    })
}

fn denial(question: &Question, decision: Decision) -> Option<Error> {
    match decision {
        Decision::Allow => None,
        Decision::Deny(reason) => {
            let message = format!("permission denied on '{}': {reason}", question.path);
            Some(Error::new(ErrorKind::PermissionDenied, message))
        }
    }
}

#[cfg(test)]
mod tests {
    use async_trait::async_trait;
    use callfs_model::identity::{AccessNode, Action, DecidesBy};
    use callfs_model::storage::EntryKind;

    use super::*;

    /// Gives the same decisions whatever it is asked; none at all is a failure.
    struct Fixed(Option<Vec<Decision>>);

    #[async_trait]
    impl Authorizer for Fixed {
        fn name(&self) -> &str {
            "fixed"
        }

        async fn authorize(&self, _: &Identity, _: &[Question]) -> Result<Vec<Decision>> {
            self.0
                .clone()
                .ok_or_else(|| Error::new(ErrorKind::PluginFailed, "trapped").of_plugin("fixed"))
        }
    }

    fn alice() -> Identity {
        Identity {
            subject: "alice".into(),
            groups: vec![],
            admin: false,
            attributes: vec![],
        }
    }

    async fn require(decisions: Option<Vec<Decision>>) -> Result<()> {
        let question = |path: &str| Question {
            action: Action::Read,
            path: path.into(),
            target: None,
            ancestors: [].into(),
        };
        Authorization::new(Arc::new(Fixed(decisions)))
            .require(&alice(), &[question("/a"), question("/b")])
            .await
    }

    /// Allows everything, and remembers how many questions and nodes each call had.
    #[derive(Default)]
    struct Counting(std::sync::Mutex<Vec<(usize, usize)>>);

    #[async_trait]
    impl Authorizer for Counting {
        fn name(&self) -> &str {
            "counting"
        }

        async fn authorize(&self, _: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
            let nodes = questions.iter().map(|one| one.ancestors.len() + 1).sum();
            self.0
                .lock()
                .expect("no panic")
                .push((questions.len(), nodes));
            Ok(vec![Decision::Allow; questions.len()])
        }
    }

    #[tokio::test]
    async fn a_call_is_told_of_a_bounded_number_of_nodes() {
        let node = AccessNode {
            kind: EntryKind::Directory,
            owner: "alice".into(),
            group: "alice".into(),
            mode: 0o755,
        };
        // Questions, the depth of each, and the calls that they take.
        let table = [
            (0, 0, 0),
            (1, 0, 1),
            (1, MAX_NODES * 2, 1),
            (2, MAX_NODES * 2, 2),
            (1000, 15, 1),
            (1000, 2047, 125),
        ];
        for (count, depth, calls) in table {
            let counting = Arc::new(Counting::default());
            let question = Question {
                action: Action::Delete,
                path: "/a".into(),
                target: None,
                ancestors: vec![node.clone(); depth].into(),
            };
            let questions = vec![question; count];
            let authorization = Authorization::new(counting.clone());
            let decisions = authorization.decide(&alice(), &questions).await;
            assert_eq!(decisions.expect("allowed").len(), count);
            let asked = counting.0.lock().expect("no panic");
            assert_eq!(asked.len(), calls, "{count} questions of depth {depth}");
            assert!(
                asked
                    .iter()
                    .all(|(questions, nodes)| *questions == 1 || *nodes <= MAX_NODES),
                "{asked:?}"
            );
        }
    }

    /// Allows nothing to `bob` and everything to others, and remembers how often it was asked.
    struct Remembered {
        by: DecidesBy,
        asked: std::sync::atomic::AtomicUsize,
    }

    #[async_trait]
    impl Authorizer for Remembered {
        fn name(&self) -> &str {
            "remembered"
        }

        fn decides_by(&self) -> DecidesBy {
            self.by
        }

        async fn authorize(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
            self.asked
                .fetch_add(questions.len(), std::sync::atomic::Ordering::Relaxed);
            let decide = |question: &Question| match who.subject.as_str() {
                "bob" => Decision::Deny(format!("not {}", question.path)),
                _ => Decision::Allow,
            };
            Ok(questions.iter().map(decide).collect())
        }
    }

    #[tokio::test]
    async fn an_answer_is_remembered_as_far_as_the_authorizer_says() {
        let node = |mode| AccessNode {
            kind: EntryKind::Directory,
            owner: "alice".into(),
            group: "alice".into(),
            mode,
        };
        let base = || Question {
            action: Action::Read,
            path: "/a".into(),
            target: Some(node(0o644)),
            ancestors: vec![node(0o755)].into(),
        };
        let bob = || Identity {
            subject: "bob".into(),
            ..alice()
        };
        let in_group = || Identity {
            groups: vec!["staff".into()],
            ..alice()
        };
        let admin = || Identity {
            admin: true,
            ..alice()
        };
        let other = |change: fn(&mut Question)| {
            let mut question = base();
            change(&mut question);
            question
        };
        // Each twice: how often a new question is asked when answers depend on it.
        let asked: Vec<(Identity, Question)> = vec![
            (alice(), base()),
            (in_group(), base()),
            (admin(), base()),
            (alice(), other(|one| one.action = Action::Write)),
            (alice(), other(|one| one.target = None)),
            (alice(), other(|one| one.ancestors = [].into())),
            (alice(), other(|one| one.path = "/b".into())),
            (bob(), base()),
            (bob(), other(|one| one.path = "/b".into())),
        ];
        let table = [
            (DecidesBy::Anything, 2 * asked.len()),
            (DecidesBy::Question, asked.len()),
            // The path makes no difference to alice, and a denial is worded for one path.
            (DecidesBy::Rights, asked.len() - 1),
        ];
        for (by, expected) in table {
            let make = || {
                Arc::new(Remembered {
                    by,
                    asked: Default::default(),
                })
            };
            let count = |one: &Remembered| one.asked.load(std::sync::atomic::Ordering::Relaxed);
            let authorizer = make();
            let authorization = Authorization::new(authorizer.clone());
            for (who, question) in &asked {
                for _ in 0..2 {
                    let decided = authorization
                        .decide(who, std::slice::from_ref(question))
                        .await;
                    let wanted = match who.subject.as_str() {
                        "bob" => Decision::Deny(format!("not {}", question.path)),
                        _ => Decision::Allow,
                    };
                    assert_eq!(decided.expect("decided"), [wanted], "{by:?}");
                }
            }
            assert_eq!(count(&authorizer), expected, "{by:?}");
            // Among others, in their order.
            let fresh = other(|one| one.action = Action::Delete);
            let mixed = [base(), fresh.clone(), base()];
            let before = count(&authorizer);
            authorization
                .require(&alice(), &mixed)
                .await
                .expect("allowed");
            let new = if by == DecidesBy::Anything { 3 } else { 1 };
            assert_eq!(count(&authorizer) - before, new, "{by:?}");
            // Another generation remembers nothing of this one.
            let next = make();
            authorization.replace(next.clone());
            authorization
                .require(&alice(), &[base()])
                .await
                .expect("allowed");
            assert_eq!(count(&next), 1);
        }
    }

    #[tokio::test]
    async fn allows_only_what_was_allowed_in_full() {
        let deny = || Decision::Deny("no".into());
        assert!(
            require(Some(vec![Decision::Allow, Decision::Allow]))
                .await
                .is_ok()
        );
        let denied = require(Some(vec![Decision::Allow, deny()]))
            .await
            .expect_err("denied");
        assert_eq!(
            (denied.kind(), denied.message()),
            (ErrorKind::PermissionDenied, "permission denied on '/b': no")
        );
        for broken in [
            None,
            Some(vec![]),
            Some(vec![Decision::Allow]),
            Some(vec![Decision::Allow; 3]),
        ] {
            let error = require(broken).await.expect_err("fails closed");
            assert_eq!(
                (error.kind(), error.plugin()),
                (ErrorKind::PluginFailed, Some("fixed"))
            );
        }
    }
}
