//! `If-Match` and `If-None-Match` of writes.

use hyper::HeaderMap;
use s3s::dto::ETagCondition;
use s3s::{S3Result, s3_error};

use crate::store::Object;

/// What must be true of what is stored under a key.
#[derive(Default)]
pub(crate) struct Conditions {
    pub(crate) matches: Option<ETagCondition>,
    pub(crate) matches_not: Option<ETagCondition>,
}

impl Conditions {
    /// Those of a request for which the protocol has none of its own.
    pub(crate) fn of(headers: &HeaderMap) -> S3Result<Self> {
        let read = |name: &str| match headers.get(name) {
            None => Ok(None),
            Some(value) => ETagCondition::parse_http_header(value.as_bytes())
                .map(Some)
                .map_err(|_| s3_error!(InvalidArgument)),
        };
        Ok(Self {
            matches: read("if-match")?,
            matches_not: read("if-none-match")?,
        })
    }

    pub(crate) fn permit(&self, stored: Option<&Object>) -> S3Result<()> {
        let is = |condition: &ETagCondition, object: &Object| {
            condition.is_any()
                || condition
                    .as_etag()
                    .is_some_and(|etag| etag.value() == object.etag)
        };
        match (&self.matches, stored) {
            (Some(_), None) => return Err(s3_error!(NoSuchKey)),
            (Some(condition), Some(object)) if !is(condition, object) => {
                return Err(s3_error!(PreconditionFailed));
            }
            _ => {}
        }
        match (&self.matches_not, stored) {
            (Some(condition), Some(object)) if is(condition, object) => {
                Err(s3_error!(PreconditionFailed))
            }
            _ => Ok(()),
        }
    }
}
