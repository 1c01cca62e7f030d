//! Authenticators say who a caller is; authorizers say what a caller may do.

pub use crate::bindings::authenticator::exports::callfs::plugin::authenticator::{Credential, Recognised};
pub use crate::bindings::authorizer::exports::callfs::plugin::authorizer::{Action, Decision, Node, Question};
pub use crate::bindings::callfs::plugin::types::Identity;

use crate::bindings::authenticator::exports::callfs::plugin::authenticator as authenticator_interface;
use crate::bindings::authorizer::exports::callfs::plugin::authorizer as authorizer_interface;
use crate::error::Result;
use crate::export::{Component, Exported};
use crate::plugin::{Plugin, configured};

/// Says who a caller is (WIT `authenticator`).
pub trait Authenticator: Plugin {
    /// Names, in lower case, of further request headers that this authenticator looks at.
    fn headers(&self) -> Vec<String> {
        Vec::new()
    }

    /// The identity behind a credential and how long the host may remember it, or none.
    fn authenticate(&self, credential: Credential) -> impl Future<Output = Result<Option<Recognised>>>;
}

/// Says what a caller may do (WIT `authorizer`). Pure and quick: it is asked on every request.
pub trait Authorizer: Plugin {
    /// One decision. The ancestors of the target are part of the question: whoever may not reach it may do nothing to it.
    fn decide(&self, identity: &Identity, question: &Question) -> Decision;
}

impl<P: Exported + Authenticator> authenticator_interface::Guest for Component<P> {
    fn headers() -> Vec<String> {
        configured::<P>().map(Authenticator::headers).unwrap_or_default()
    }

    async fn authenticate(credential: Credential) -> Result<Option<Recognised>> {
        configured::<P>()?.authenticate(credential).await
    }
}

impl<P: Exported + Authorizer> authorizer_interface::Guest for Component<P> {
    fn authorize(identity: Identity, questions: Vec<Question>) -> Vec<Decision> {
        let decide = |question: &Question| match configured::<P>() {
            Ok(authorizer) => authorizer.decide(&identity, question),
            Err(error) => Decision::Deny(error.message()),
        };
        questions.iter().map(decide).collect()
    }
}
