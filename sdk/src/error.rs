//! The one error of the contract, with short ways to make and to match it.

use std::fmt;

pub use crate::bindings::callfs::plugin::types::{Error, OtherError};

/// The result of every operation of the contract.
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that has no case of its own: a stable UPPER_SNAKE `code`, and one line for people,
    /// without secrets.
    pub fn other(code: impl Into<String>, message: impl Into<String>) -> Self {
        Self::Other(OtherError {
            code: code.into(),
            message: message.into(),
            retryable: false,
        })
    }

    /// One line for people that says what happened; `Display` is that of the generated type, and
    /// names the case.
    pub fn message(&self) -> String {
        match self {
            Self::NotFound => "not found".into(),
            Self::AlreadyExists => "already exists".into(),
            Self::NotADirectory => "not a directory".into(),
            Self::IsADirectory => "is a directory".into(),
            Self::DirectoryNotEmpty => "the directory is not empty".into(),
            Self::PreconditionFailed => "the precondition does not hold".into(),
            Self::InvalidRange(size) => format!("the range starts after the end of {size} bytes"),
            Self::InsufficientStorage => "no space is left".into(),
            Self::AccessDenied(why)
            | Self::Unsupported(why)
            | Self::InvalidArgument(why)
            | Self::Unavailable(why)
            | Self::Interrupted(why) => why.clone(),
            Self::Other(other) => other.message.clone(),
        }
    }
}

/// Why a configuration was refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where in the configuration, as `keys[2].user`; empty for the whole.
    pub path: String,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl ConfigError {
    /// What is wrong at a place in the configuration, as `keys[2].user`.
    pub fn at(path: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            message: message.into(),
        }
    }
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.path.is_empty() {
            f.write_str(&self.message)
        } else {
            write!(f, "{}: {}", self.path, self.message)
        }
    }
}

impl std::error::Error for ConfigError {}
