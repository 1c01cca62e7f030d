//! Copying an object inside of S3.

use callfs_sdk::{Attributes, Condition, Error, Result};
use serde::Deserialize;

use crate::bucket::{Bucket, document};
use crate::condition::Resolved;
use crate::key::Key;
use crate::multipart::Upload;
use crate::object::{self, Found};
use crate::part::{self, MAX_PART};
use crate::refusal::{Document, Refusal};

/// Parts of an object that is too large to be copied in one piece, in bytes.
const COPIED_PART: u64 = 1 << 30;

/// What a copy answers; also where it fails, the status may be 200.
#[derive(Deserialize)]
enum Copied {
    CopyObjectResult(Stored),
    Error(Document),
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "ETag")]
    etag: String,
    #[serde(rename = "LastModified")]
    modified: Option<String>,
}

/// Copies the version of an object that is there now.
pub(crate) async fn copy(bucket: &Bucket, from: &Key, to: &Key, condition: Condition) -> Result<Attributes> {
    let source = object::head(bucket, from).await?.ok_or(Error::NotFound)?;
    let condition = Resolved::new(bucket, to, condition).await?;
    let stored = match source.attributes.size {
        0..=MAX_PART => whole(bucket, from, &source, to, &condition).await?,
        size => (in_parts(bucket, from, &source, size, to, &condition).await?, None),
    };
    let (etag, modified) = stored;
    Ok(Attributes { etag, modified, ..source.attributes })
}

async fn whole(
    bucket: &Bucket,
    from: &Key,
    source: &Found,
    to: &Key,
    condition: &Resolved,
) -> Result<(Option<String>, Option<i64>)> {
    let call = bucket.object("PUT", to, &[]).storing(None).header("x-amz-copy-source", bucket.copy_source(from));
    let etag = source.attributes.etag.as_ref();
    let call = call.maybe(etag.map(|etag| ("x-amz-copy-source-if-match", format!("\"{etag}\""))));
    let call = call.maybe(condition.header());
    let what = call.what().to_owned();
    let response = call.insist(|| None).await.map_err(|failure| condition.explain(failure.into()))?;
    match parse(&document(response).await?)? {
        Copied::CopyObjectResult(stored) => {
            Ok((object::etag(&stored.etag), stored.modified.as_deref().and_then(object::time)))
        }
        Copied::Error(refused) => Err(condition.explain(Refusal::new(200, &what, refused).into())),
    }
}

async fn in_parts(
    bucket: &Bucket,
    from: &Key,
    source: &Found,
    size: u64,
    to: &Key,
    condition: &Resolved,
) -> Result<Option<String>> {
    let part = part::size(size, COPIED_PART)?;
    let mut upload = Upload::begin(bucket, to, |call| source.carry(call.storing(None))).await?;
    let mut start = 0;
    while start < size {
        let end = size.min(start + part);
        let etag = source.attributes.etag.as_deref();
        if let Err(error) = upload.copied_part(from, etag, (start, end - 1)).await {
            return Err(upload.abort(error).await);
        }
        start = end;
    }
    match upload.complete(condition).await {
        Ok(etag) => Ok(etag),
        Err(error) => Err(upload.abort(error).await),
    }
}

fn parse(answer: &str) -> Result<Copied> {
    let unexpected = |error| Error::other("UNEXPECTED_ANSWER", format!("S3 answered with another document: {error}"));
    quick_xml::de::from_str(answer).map_err(unexpected)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_that_began_well_may_be_an_error() {
        let done = "<?xml version=\"1.0\"?>\n<CopyObjectResult xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    <LastModified>2009-10-12T17:50:30.000Z</LastModified><ETag>\"9b2c\"</ETag></CopyObjectResult>";
        let Ok(Copied::CopyObjectResult(Stored { etag, modified })) = parse(done) else { panic!("copied") };
        assert_eq!((etag.as_str(), modified.as_deref()), ("\"9b2c\"", Some("2009-10-12T17:50:30.000Z")));
        let failed = "  \n<Error><Code>SlowDown</Code><Message>Reduce</Message></Error>";
        assert!(matches!(parse(failed), Ok(Copied::Error(_))));
    }
}
