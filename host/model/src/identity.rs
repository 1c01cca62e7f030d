//! Who a caller is, and what they may do: what the host expects of authenticators and authorizers,
//! which are components.
//!
//! It knows nothing of HTTP or storage.

use std::sync::Arc;

use async_trait::async_trait;

use crate::error::Result;
use crate::storage::EntryKind;

/// A caller, as an authenticator recognised them.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Identity {
    /// Unique name of the user.
    pub subject: String,
    /// Groups, the first of which owns what the user creates.
    pub groups: Vec<String>,
    /// Whether permissions do not apply.
    pub admin: bool,
    /// Anything an authorizer may want to know, by name.
    pub attributes: Vec<(String, String)>,
}

/// What a caller shows.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum Credential {
    /// A token.
    Bearer(String),
    /// User-id and password.
    Basic(String, String),
    /// Request headers that the authenticator asked for: name in lower case, value.
    Headers(Vec<(String, Vec<u8>)>),
}

/// An identity and how long it may be remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recognised {
    /// The caller.
    pub identity: Identity,
    /// For how many seconds this answer may be remembered.
    pub cache_seconds: u32,
}

/// A component that says who a caller is.
#[async_trait]
pub trait Authenticator: Send + Sync {
    /// Name of the component.
    fn name(&self) -> &str;

    /// Names, in lower case, of further request headers that it looks at.
    fn headers(&self) -> &[String];

    /// The identity behind a credential, or none.
    async fn authenticate(&self, credential: &Credential) -> Result<Option<Recognised>>;
}

/// What a caller wants to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Action {
    /// Read the bytes or the attributes of the target.
    Read,
    /// Replace the bytes of the target.
    Write,
    /// Make the target, which does not exist, in its parent.
    Create,
    /// Remove the target from its parent.
    Delete,
    /// See the names in the target.
    List,
    /// Reach what is inside the target.
    Traverse,
    /// Take the target away from its parent.
    Move,
    /// Hand out a link to the target.
    Share,
    /// Change owner, group or mode of the target.
    Administer,
    /// Something that no component can know, as an action of a later contract would be.
    Other(&'static str),
}

impl Action {
    /// Every action of this contract.
    pub const ALL: [Self; 9] = [
        Self::Read,
        Self::Write,
        Self::Create,
        Self::Delete,
        Self::List,
        Self::Traverse,
        Self::Move,
        Self::Share,
        Self::Administer,
    ];
}

/// A file or directory as the permission model sees it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AccessNode {
    /// What it is.
    pub kind: EntryKind,
    /// User.
    pub owner: String,
    /// Group.
    pub group: String,
    /// POSIX permission bits.
    pub mode: u32,
}

/// One question to the authorizer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// What the caller wants to do.
    pub action: Action,
    /// Absolute path of the target.
    pub path: String,
    /// None for [`Action::Create`].
    pub target: Option<AccessNode>,
    /// The directories on the way, the root first and the parent last. Questions about one
    /// directory share them.
    pub ancestors: Arc<[AccessNode]>,
}

/// One answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Yes.
    Allow,
    /// No, and why.
    Deny(String),
}

/// What decides what an authorizer says, besides its configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DecidesBy {
    /// Nobody knows: the time, what was asked before, something outside.
    Anything,
    /// The caller and the question: equal ones have equal answers.
    Question,
    /// The same, and the path makes no difference but in the words of a denial.
    Rights,
}

/// A component that says what a caller may do.
#[async_trait]
pub trait Authorizer: Send + Sync {
    /// Name of the component.
    fn name(&self) -> &str;

    /// What its answers depend on: others are remembered for as long as it is the authorizer.
    fn decides_by(&self) -> DecidesBy {
        DecidesBy::Anything
    }

    /// One decision for each question, in the same order.
    async fn authorize(&self, identity: &Identity, questions: &[Question])
    -> Result<Vec<Decision>>;
}
