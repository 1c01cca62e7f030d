//! Conditions of a write, as S3 takes them.

use callfs_sdk::{Condition, Error, Result};

use crate::bucket::Bucket;
use crate::key::Key;
use crate::object;

/// A condition that was looked at: what is left of it goes with the request that makes the object
/// visible.
pub(crate) struct Resolved {
    header: Option<(&'static str, String)>,
    absent: bool,
}

impl Resolved {
    /// S3 takes one etag: of several, the one that is current. Where the server honours no
    /// conditions they are looked at here, which is as good as it gets.
    pub(crate) async fn new(bucket: &Bucket, key: &Key, condition: Condition) -> Result<Self> {
        let header = match condition {
            Condition::Always => None,
            Condition::Absent if bucket.conditional => Some(("if-none-match", "*".to_owned())),
            Condition::Absent => match object::head(bucket, key).await? {
                Some(_) => return Err(Error::AlreadyExists),
                None => None,
            },
            Condition::EtagIn(etags) => match &etags[..] {
                [etag] if bucket.conditional => Some(if_match(etag)),
                _ => {
                    let found = object::head(bucket, key)
                        .await?
                        .and_then(|found| found.attributes.etag);
                    let current = found
                        .filter(|etag| etags.contains(etag))
                        .ok_or(Error::PreconditionFailed)?;
                    bucket.conditional.then(|| if_match(&current))
                }
            },
        };
        let absent = matches!(header, Some(("if-none-match", _)));
        Ok(Self { header, absent })
    }

    /// The header that says it, if one is needed.
    pub(crate) fn header(&self) -> Option<(&'static str, String)> {
        self.header.clone()
    }

    /// What a failure means under this condition.
    pub(crate) fn explain(&self, error: Error) -> Error {
        match error {
            Error::PreconditionFailed if self.absent => Error::AlreadyExists,
            // S3 says so of an object that was to have an etag and does not exist.
            Error::NotFound if self.header.is_some() => Error::PreconditionFailed,
            error => error,
        }
    }
}

fn if_match(etag: &str) -> (&'static str, String) {
    ("if-match", format!("\"{etag}\""))
}
