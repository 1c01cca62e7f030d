//! Why a request was not answered, in the words of the gateway: refused here, or failed out there.

use std::error::Error as StdError;

use callfs_model::error::{Error, ErrorKind};
use hyper_util::client::legacy::Error as ClientError;

use super::address::Internal;

/// A request that did not get an answer.
#[derive(Debug)]
pub(super) enum EgressFailure {
    /// A rule forbids it; the reason is a label.
    Refused {
        reason: &'static str,
        message: String,
    },
    /// It is no request.
    Invalid(String),
    /// The other side did not answer; the outcome is a label.
    Failed { outcome: &'static str, error: Error },
}

impl EgressFailure {
    pub(super) fn refused(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Refused {
            reason,
            message: message.into(),
        }
    }

    pub(super) fn unavailable(outcome: &'static str, message: &str) -> Self {
        Self::Failed {
            outcome,
            error: Error::new(ErrorKind::BackendUnavailable, message),
        }
    }

    /// What became of a request that was on its way.
    pub(super) fn of(error: ClientError) -> Self {
        if find::<Internal>(&error).is_some() {
            return Self::refused(
                "address",
                "its name leads to a private or special address; if that is meant, grant it with \
                 private = true",
            );
        }
        if let Some(body) = find::<Error>(&error) {
            // The body that was to be sent failed: that is what whoever sends it wants to know.
            let error =
                Error::new(body.kind(), body.message()).because(body.causes().unwrap_or_default());
            return Self::Failed {
                outcome: "interrupted",
                error,
            };
        }
        let (outcome, message) = match find::<hyper::Error>(&error) {
            _ if error.is_connect() => ("unreachable", "the other server cannot be reached"),
            Some(cause) if cause.is_parse() => {
                ("malformed", "the other server's answer is not HTTP")
            }
            _ => (
                "interrupted",
                "the other server closed the connection before it answered",
            ),
        };
        Self::Failed {
            outcome,
            error: Error::new(ErrorKind::BackendUnavailable, message).because(error),
        }
    }

    /// The label under which the request is counted.
    pub(super) fn outcome(&self) -> &'static str {
        match self {
            Self::Refused { .. } => "refused",
            Self::Invalid(_) => "invalid",
            Self::Failed { outcome, .. } => outcome,
        }
    }

    /// The failure as others know it.
    pub(super) fn into_error(self) -> Error {
        match self {
            Self::Refused { message, .. } => Error::new(ErrorKind::PermissionDenied, message),
            Self::Invalid(message) => Error::new(ErrorKind::BadRequest, message),
            Self::Failed { error, .. } => error,
        }
    }
}

/// The first cause of a type.
fn find<E: StdError + 'static>(error: &ClientError) -> Option<&E> {
    let mut next = StdError::source(error);
    while let Some(cause) = next {
        if let Some(found) = cause.downcast_ref() {
            return Some(found);
        }
        next = cause.source();
    }
    None
}
