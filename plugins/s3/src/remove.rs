//! Removing an object. S3 removes what is not there without a word, so it is looked at first.

use callfs_sdk::{Condition, Error, Result};

use crate::bucket::Bucket;
use crate::key::Key;
use crate::object;

/// Removes an object.
pub(crate) async fn remove(bucket: &Bucket, key: &Key, condition: Condition) -> Result<()> {
    let found = object::head(bucket, key)
        .await?
        .ok_or(Error::NotFound)?
        .attributes;
    object::check(&condition, &found)?;
    let unchanged = match (condition, found.etag) {
        (Condition::EtagIn(_), Some(etag)) if bucket.conditional => {
            Some(("if-match", format!("\"{etag}\"")))
        }
        _ => None,
    };
    bucket
        .object("DELETE", key, &[])
        .maybe(unchanged)
        .insist(|| None)
        .await?;
    Ok(())
}
