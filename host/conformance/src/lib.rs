//! Tries out what a component claims, through the same traits as the engine.
//!
//! A suite is a table of named checks, each of which proves one sentence and is gated on the
//! abilities that are claimed. A storage is changed below one directory of the suite's own alone,
//! which is removed at the end, also after a failure or when somebody stops it. It knows nothing of
//! wasmtime, HTTP or the command line.

mod authenticator;
mod authorizer;
mod check;
mod clearing;
mod content;
mod finding;
mod report;
mod storage;
#[cfg(test)]
mod tests;
mod timed;

use std::sync::Arc;

use callfs_model::error::Result;
use callfs_model::identity::{Authenticator, Authorizer, Credential};
use callfs_model::shutdown::Shutdown;
use callfs_model::storage::Storage;
pub use check::Described;
pub use finding::Finding;
use futures_util::future::BoxFuture;
pub use report::{Carried, CheckReport, Checked, Latency, Verdict};

/// What is tried out.
#[derive(Clone)]
pub enum Candidate {
    /// A storage backend.
    Storage(Arc<dyn Storage>),
    /// Who says who callers are.
    Authenticator(Arc<dyn Authenticator>),
    /// Who says what callers may do.
    Authorizer(Arc<dyn Authorizer>),
}

/// How it is tried out.
#[derive(Default)]
pub struct Plan {
    /// A storage that could be written is only looked at.
    pub read_only: bool,
    /// Only checks whose name has this in it.
    pub only: Option<String>,
    /// A credential that an authenticator has to recognise.
    pub credential: Option<Credential>,
    /// Ends it early.
    pub stop: Shutdown,
    /// Is told what happens.
    pub watch: Option<Box<dyn Fn(CheckProgress) + Send + Sync>>,
}

/// What happens while a suite runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckProgress {
    /// So many checks will be made.
    Planned(usize),
    /// A check begins.
    Begun(&'static str),
    /// What the checks left is being removed.
    Clearing,
}

impl Plan {
    fn tell(&self, progress: CheckProgress) {
        if let Some(watch) = &self.watch {
            watch(progress);
        }
    }

    fn wants(&self, name: &str) -> bool {
        self.only.as_ref().is_none_or(|only| name.contains(only))
    }
}

impl Candidate {
    /// What it is.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Storage(_) => "storage",
            Self::Authenticator(_) => "authenticator",
            Self::Authorizer(_) => "authorizer",
        }
    }

    /// The checks that there are for it, claimed or not.
    pub fn checks(&self, plan: &Plan) -> Vec<Described> {
        match self {
            Self::Storage(storage) => storage::checks(storage.abilities().write && !plan.read_only),
            Self::Authenticator(_) => authenticator::checks(),
            Self::Authorizer(_) => authorizer::checks(),
        }
    }

    /// Tries out everything that it claims; fails if it cannot even be begun.
    pub fn run<'a>(&'a self, plan: &'a Plan) -> BoxFuture<'a, Result<CheckReport>> {
        Box::pin(async move {
            match self {
                Self::Storage(storage) => storage::run(storage.clone(), plan).await,
                Self::Authenticator(authenticator) => {
                    Ok(authenticator::run(authenticator.clone(), plan).await)
                }
                Self::Authorizer(authorizer) => Ok(authorizer::run(authorizer.clone(), plan).await),
            }
        })
    }
}
