//! Asks the authorizer, and fails closed.
//!
//! A decision counts only if the authorizer answered, and answered every question; anything else is
//! an error, and the operation does not happen. It knows nothing of where owners and modes come
//! from.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Authorizer, Decision, Identity, Question};
use callfs_model::reloadable::Reloadable;

/// The most files and directories that one call of the authorizer is told of: each question brings
/// all directories on its way, so the number of questions bounds nothing.
const MAX_NODES: usize = 16_384;

/// The authorizer, as the rest of CallFS uses it.
#[derive(Clone)]
pub struct Authorization {
    authorizer: Reloadable<dyn Authorizer>,
}

impl Authorization {
    /// Decisions by this authorizer.
    pub fn new(authorizer: Arc<dyn Authorizer>) -> Self {
        Self {
            authorizer: Reloadable::new(authorizer),
        }
    }

    /// From the next question on, decisions by this one.
    pub fn replace(&self, authorizer: Arc<dyn Authorizer>) {
        self.authorizer.replace(authorizer);
    }

    /// One decision for each question, in the same order, all by the same generation.
    pub async fn decide(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        let authorizer = self.authorizer.current();
        let mut decisions = Vec::with_capacity(questions.len());
        for batch in batches(questions) {
            let decided = authorizer.authorize(who, batch).await?;
            let given = decided.len();
            let wanted = batch.len();
            if given != wanted {
                let name = authorizer.name();
                let message =
                    format!("the authorizer '{name}' gave {given} decisions on {wanted} questions");
                return Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name));
            }
            decisions.extend(decided);
        }
        Ok(decisions)
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
    use callfs_model::identity::{AccessNode, Action};
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
