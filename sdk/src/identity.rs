//! Authenticators say who a caller is; authorizers say what a caller may do.
//!
//! Both fail closed: an error of an authenticator is nobody, and a question that is not well-formed
//! is denied before the authorizer sees it. They know nothing of storage.

use crate::bindings::authenticator::exports::callfs::plugin::authenticator as authn;
pub use crate::bindings::authenticator::exports::callfs::plugin::authenticator::{
    Credential, Recognised,
};
use crate::bindings::authorizer::exports::callfs::plugin::authorizer as authz;
pub use crate::bindings::authorizer::exports::callfs::plugin::authorizer::{
    Action, Decision, Node, Question,
};
pub use crate::bindings::callfs::plugin::types::Identity;
use crate::error::Result;
use crate::export::{Component, Exported};
use crate::plugin::{Plugin, configured};

/// Says who a caller is (WIT `authenticator`).
///
/// The host asks every configured authenticator in turn, and remembers an answer for as long as it
/// says.
pub trait Authenticator: Plugin {
    /// Names, in lower case, of further request headers that this authenticator looks at. A request
    /// that has any of them is asked about as [`Credential::Headers`].
    fn headers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The identity behind a credential and how long the host may remember it; `Ok(None)` for one
    /// that is not known.
    ///
    /// An error counts as none too, and is logged: keep it for what an operator can mend, and never
    /// put the credential into it. Compare secrets in constant time.
    fn authenticate(
        &self,
        credential: Credential,
    ) -> impl Future<Output = Result<Option<Recognised>>>;
}

/// Says what a caller may do (WIT `authorizer`).
///
/// Pure and quick, a few microseconds: it is asked on every request, and has the CPU but nothing
/// else to answer with.
pub trait Authorizer: Plugin {
    /// One decision.
    ///
    /// The directories on the way are part of the question ([`Question::way`]): who may not pass
    /// them may do nothing to what is inside, and must get the same reason whether or not
    /// anything is. `identity.admin` is for the authorizer to honour. [`Action::Other`] is to
    /// be denied, unless the caller is an administrator.
    fn decide(&self, identity: &Identity, question: &Question) -> Decision;
}

impl Identity {
    /// Whether the caller is in a group.
    pub fn is_in(&self, group: &str) -> bool {
        self.groups.iter().any(|of_caller| of_caller == group)
    }
}

impl Decision {
    /// A denial. The reason is for the log and for the caller: it names nothing that the caller may
    /// not know.
    pub fn deny(reason: impl Into<String>) -> Self {
        Self::Deny(reason.into())
    }
}

impl Question {
    /// The directories on the way to the target, each with its path: the root first and the parent
    /// last.
    pub fn way(&self) -> impl Iterator<Item = (&str, &Node)> {
        let paths = self
            .path
            .match_indices('/')
            .map(|(slash, _)| &self.path[..slash.max(1)]);
        paths.zip(&self.ancestors)
    }

    /// The directory that holds the target, with its path; none for the root.
    pub fn parent(&self) -> Option<(&str, &Node)> {
        let parent = self.ancestors.last()?;
        let slash = self.path.rfind('/')?;
        Some((&self.path[..slash.max(1)], parent))
    }

    /// Whether there is an ancestor for every directory in the path: without one, nobody would ask
    /// for its permission.
    fn is_whole(&self) -> bool {
        let directories = if self.path == "/" {
            0
        } else {
            self.path.matches('/').count()
        };
        self.path.starts_with('/') && self.ancestors.len() == directories
    }
}

impl<P: Exported + Authenticator> authn::Guest for Component<P> {
    fn headers() -> Vec<String> {
        configured::<P>()
            .map(Authenticator::headers)
            .unwrap_or_default()
    }

    async fn authenticate(credential: Credential) -> Result<Option<Recognised>> {
        configured::<P>()?.authenticate(credential).await
    }
}

impl<P: Exported + Authorizer> authz::Guest for Component<P> {
    fn authorize(identity: Identity, questions: Vec<Question>) -> Vec<Decision> {
        match configured::<P>() {
            Ok(authorizer) => questions
                .iter()
                .map(|question| answer(authorizer, &identity, question))
                .collect(),
            Err(error) => questions
                .iter()
                .map(|_| Decision::deny(error.message()))
                .collect(),
        }
    }
}

/// The door of every authorizer: what passes is well-formed.
fn answer(authorizer: &impl Authorizer, identity: &Identity, question: &Question) -> Decision {
    if question.is_whole() {
        authorizer.decide(identity, question)
    } else {
        Decision::deny("the question does not name every directory on the way")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ConfigError, Kind, NoConfig};

    /// Allows everything.
    struct Open;

    impl Plugin for Open {
        const NAME: &'static str = "open";
        const VERSION: &'static str = "0.0.0";
        const SUMMARY: &'static str = "allows everything";
        type Config = NoConfig;

        fn configure(_: NoConfig) -> Result<Self, ConfigError> {
            Ok(Self)
        }
    }

    impl Authorizer for Open {
        fn decide(&self, _: &Identity, _: &Question) -> Decision {
            Decision::Allow
        }
    }

    fn question(path: &str, owners: &[&str]) -> Question {
        let directory = |owner: &&str| Node {
            kind: Kind::Directory,
            owner: (*owner).into(),
            group: String::new(),
            mode: 0o755,
        };
        Question {
            action: Action::Create,
            path: path.into(),
            target: None,
            ancestors: owners.iter().map(directory).collect(),
        }
    }

    fn way(question: &Question) -> Vec<(&str, &str)> {
        question
            .way()
            .map(|(path, node)| (path, node.owner.as_str()))
            .collect()
    }

    #[test]
    fn the_way_pairs_paths_with_directories() {
        assert_eq!(way(&question("/", &[])), []);
        assert_eq!(way(&question("/x", &["r"])), [("/", "r")]);
        let deep = question("/ä/b/x", &["r", "a", "b"]);
        assert_eq!(way(&deep), [("/", "r"), ("/ä", "a"), ("/ä/b", "b")]);
        assert_eq!(deep.parent().map(|(path, _)| path), Some("/ä/b"));
    }

    #[test]
    fn a_question_that_skips_a_directory_is_denied() {
        let nobody = Identity {
            subject: "nobody".into(),
            groups: vec![],
            admin: false,
            attributes: vec![],
        };
        let allowed = |path, owners: &[&str]| {
            matches!(
                answer(&Open, &nobody, &question(path, owners)),
                Decision::Allow
            )
        };
        assert!(allowed("/", &[]));
        assert!(allowed("/a/x", &["r", "a"]));
        assert!(!allowed("/a/x", &["r"]));
        assert!(!allowed("/a/x", &[]));
        assert!(!allowed("/", &["r"]));
        assert!(!allowed("a/x", &["r"]));
        assert!(!allowed("", &[]));
    }
}
