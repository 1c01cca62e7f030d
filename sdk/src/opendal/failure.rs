//! Errors of OpenDAL in the words of the contract.
//!
//! What a server writes into its answers goes to the log at most: it may name what clients must not
//! see.

use opendal_core::{Error as Failure, ErrorKind};

use super::exchange::Refusal;
use crate::error::Error;
use crate::log;

/// What a failed operation means; `refusal` is the answer of the server that may have caused it.
pub(super) fn failure(failure: Failure, refusal: Option<&Refusal>) -> Error {
    if let Some(error) =
        std::error::Error::source(&failure).and_then(|source| source.downcast_ref::<Error>())
    {
        return error.clone();
    }
    let said = |what: &str| match refusal {
        Some(Refusal { method, status, .. }) => format!("{what}: {status} to {method}"),
        None => what.to_owned(),
    };
    match failure.kind() {
        ErrorKind::NotFound => Error::NotFound,
        ErrorKind::AlreadyExists => Error::AlreadyExists,
        ErrorKind::IsADirectory => Error::IsADirectory,
        ErrorKind::NotADirectory => Error::NotADirectory,
        ErrorKind::ConditionNotMatch => Error::PreconditionFailed,
        ErrorKind::PermissionDenied => Error::AccessDenied(said("the storage refused access")),
        ErrorKind::RateLimited => Error::Unavailable(said("the storage is asked too often")),
        ErrorKind::Unsupported => Error::Unsupported(failure.message().to_owned()),
        ErrorKind::IsSameFile => {
            Error::InvalidArgument("source and destination are the same".into())
        }
        _ => {
            log::debug(&failure.to_string());
            unexpected(&failure, refusal, said)
        }
    }
}

fn unexpected(
    failure: &Failure,
    refusal: Option<&Refusal>,
    said: impl Fn(&str) -> String,
) -> Error {
    match refusal.map(|refusal| refusal.status) {
        Some(401 | 403 | 407) => Error::AccessDenied(said("the storage refused access")),
        Some(404 | 410) => Error::NotFound,
        Some(412) => Error::PreconditionFailed,
        Some(413) => Error::InvalidArgument(said("the storage takes no objects of that size")),
        Some(423) => Error::Unavailable(said("another client of the storage has locked it")),
        Some(507) => Error::InsufficientStorage,
        Some(408 | 409 | 425 | 429 | 500..) => Error::Unavailable(said("the storage failed")),
        _ if failure.is_temporary() => Error::Unavailable(said("the storage failed")),
        Some(_) => Error::other("STORAGE_FAILED", said("the storage failed")),
        None => Error::other(
            "STORAGE_FAILED",
            "the storage answered what its service does not understand",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn met(kind: ErrorKind, status: Option<u16>) -> Error {
        let refusal = status.map(|status| Refusal {
            method: "PUT".into(),
            status,
            size: None,
        });
        failure(Failure::new(kind, "secret"), refusal.as_ref())
    }

    #[test]
    fn kinds_keep_their_meaning() {
        assert_eq!(met(ErrorKind::NotFound, Some(404)), Error::NotFound);
        assert_eq!(
            met(ErrorKind::ConditionNotMatch, Some(412)),
            Error::PreconditionFailed
        );
        assert_eq!(
            met(ErrorKind::Unexpected, Some(507)),
            Error::InsufficientStorage
        );
        assert_eq!(
            met(ErrorKind::PermissionDenied, Some(403)),
            Error::AccessDenied("the storage refused access: 403 to PUT".into())
        );
        for status in [409, 429, 500, 503] {
            let error = met(ErrorKind::Unexpected, Some(status));
            assert!(
                matches!(error, Error::Unavailable(_)),
                "{status}: {error:?}"
            );
        }
        assert!(matches!(
            met(ErrorKind::Unexpected, Some(405)),
            Error::Other(_)
        ));
    }

    #[test]
    fn nothing_that_a_server_wrote_reaches_clients() {
        for status in [None, Some(400), Some(401), Some(500)] {
            assert!(
                !met(ErrorKind::Unexpected, status)
                    .message()
                    .contains("secret")
            );
        }
    }

    #[test]
    fn an_error_of_the_host_is_passed_on() {
        let own = Error::Interrupted("the client went away".into());
        let carried = Failure::new(ErrorKind::Unexpected, "sending").set_source(own.clone());
        assert_eq!(failure(carried, None), own);
    }
}
