//! How a command fails: what it says, and its exit code.

use std::process::ExitCode;

use callfs_sandbox::LoadError;

use crate::config::ConfigError;
use crate::plugins::{CatalogueError, LockError};

/// Why a command failed.
#[derive(Debug)]
pub enum CommandFailure {
    /// It was tried and did not work.
    Failed(anyhow::Error),
    /// The command line makes no sense.
    Usage(String),
    /// The configuration does not hold.
    Configuration(ConfigError),
    /// A component that the configuration names cannot be used.
    Refused(anyhow::Error),
}

impl CommandFailure {
    /// Something did not work, and why.
    pub(super) fn failed(what: impl Into<String>, cause: impl Into<anyhow::Error>) -> Self {
        Self::Failed(cause.into().context(what.into()))
    }

    /// Serving did not work, and why. Components are a matter of configuration, although only
    /// loading them shows what is wrong with them; so are secrets that are kept elsewhere.
    pub(super) fn of_serving(error: anyhow::Error) -> Self {
        let refuses = |cause: &(dyn std::error::Error + 'static)| {
            cause.is::<LoadError>()
                || cause.is::<CatalogueError>()
                || cause.is::<LockError>()
                || cause.is::<ConfigError>()
        };
        let refused = error.chain().any(refuses);
        if refused {
            Self::Refused(error)
        } else {
            Self::Failed(error)
        }
    }

    /// Says it, and gives the exit code.
    pub(super) fn report(&self) -> ExitCode {
        let (said, code) = match self {
            Self::Refused(error) => (format!("{error:#}"), 78),
            Self::Failed(error) => (format!("{error:#}"), 1),
            Self::Usage(message) => (message.clone(), 2),
            Self::Configuration(error) => (error.to_string(), 78),
        };
        super::say(&format!("error: {said}"));
        ExitCode::from(code)
    }
}

impl From<ConfigError> for CommandFailure {
    fn from(error: ConfigError) -> Self {
        Self::Configuration(error)
    }
}

impl From<anyhow::Error> for CommandFailure {
    fn from(error: anyhow::Error) -> Self {
        Self::Failed(error)
    }
}
