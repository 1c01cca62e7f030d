//! Asks the authorizer, and fails closed.
//!
//! A decision counts only if the authorizer answered, and answered every question; anything else is
//! an error, and the operation does not happen. It knows nothing of where owners and modes come
//! from.

use std::sync::Arc;

use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::{Authorizer, Decision, Identity, Question};
use callfs_model::reloadable::Reloadable;

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

    /// One decision for each question, in the same order.
    pub async fn decide(&self, who: &Identity, questions: &[Question]) -> Result<Vec<Decision>> {
        let authorizer = self.authorizer.current();
        let decisions = authorizer.authorize(who, questions).await?;
        if decisions.len() == questions.len() {
            return Ok(decisions);
        }
        let name = authorizer.name();
        let given = decisions.len();
        let wanted = questions.len();
        let message =
            format!("the authorizer '{name}' gave {given} decisions on {wanted} questions");
        Err(Error::new(ErrorKind::PluginFailed, message).of_plugin(name))
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
    use callfs_model::identity::Action;

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

    async fn require(decisions: Option<Vec<Decision>>) -> Result<()> {
        let who = Identity {
            subject: "alice".into(),
            groups: vec![],
            admin: false,
            attributes: vec![],
        };
        let question = |path: &str| Question {
            action: Action::Read,
            path: path.into(),
            target: None,
            ancestors: vec![],
        };
        Authorization::new(Arc::new(Fixed(decisions)))
            .require(&who, &[question("/a"), question("/b")])
            .await
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
