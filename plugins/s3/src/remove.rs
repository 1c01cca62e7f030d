//! Removing an object. S3 removes what is not there without a word, and whoever removes something
//! has looked at it.

use callfs_sdk::{Condition, Error, Result};

use crate::bucket::Bucket;
use crate::key::Key;
use crate::object;

/// Removes an object, if there is one. It is looked at where a condition says how it has to be.
pub(crate) async fn remove(bucket: &Bucket, key: &Key, condition: Condition) -> Result<()> {
    let unchanged = match condition {
        Condition::Always => None,
        condition => {
            let found = object::head(bucket, key)
                .await?
                .ok_or(Error::NotFound)?
                .attributes;
            object::check(&condition, &found)?;
            let etag = found.etag.filter(|_| bucket.conditional);
            etag.map(|etag| ("if-match", format!("\"{etag}\"")))
        }
    };
    bucket
        .object("DELETE", key, &[])
        .maybe(unchanged)
        .insist(|| None)
        .await?;
    Ok(())
}
