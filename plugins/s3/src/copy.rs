//! Copying an object inside of S3.

use callfs_sdk::{Attributes, Condition, Error, Result};
use serde::Deserialize;

use crate::bucket::{Bucket, Call, document};
use crate::condition::Resolved;
use crate::key::Key;
use crate::multipart::Upload;
use crate::object::{self, Found};
use crate::refusal::{Document, Refusal};
use crate::{part, retry};

/// An object is copied in one request up to this size, in bytes. S3 takes more, but there are
/// servers that do not answer before they are done, and nobody waits for them without end.
const ONE_REQUEST: u64 = 512 << 20;
/// Parts of a larger object, in bytes.
const COPIED_PART: u64 = 256 << 20;

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
pub(crate) async fn copy(
    bucket: &Bucket,
    from: &Key,
    to: &Key,
    condition: Condition,
) -> Result<Attributes> {
    let source = object::head(bucket, from).await?.ok_or(Error::NotFound)?;
    let condition = Resolved::new(bucket, to, condition).await?;
    let stored = match source.attributes.size {
        0..=ONE_REQUEST => whole(bucket, from, &source, to, &condition).await?,
        size => (
            in_parts(bucket, from, &source, size, to, &condition).await?,
            None,
        ),
    };
    let (etag, modified) = stored;
    Ok(Attributes {
        etag,
        modified,
        ..source.attributes
    })
}

async fn whole(
    bucket: &Bucket,
    from: &Key,
    source: &Found,
    to: &Key,
    condition: &Resolved,
) -> Result<(Option<String>, Option<i64>)> {
    let call = bucket
        .object("PUT", to, &[])
        .storing(None)
        .header("x-amz-copy-source", bucket.copy_source(from));
    let etag = source.attributes.etag.as_ref();
    let call = call.maybe(etag.map(|etag| ("x-amz-copy-source-if-match", format!("\"{etag}\""))));
    let call = call.maybe(condition.header());
    match stored(call).await {
        Ok(stored) => Ok((
            object::etag(&stored.etag),
            stored.modified.as_deref().and_then(object::time),
        )),
        Err(error) => {
            let error =
                about_source(error, &source.attributes, || object::head(bucket, from)).await?;
            Err(condition.explain(error))
        }
    }
}

async fn stored(call: Call<'_>) -> Result<Stored> {
    let what = call.what().to_owned();
    let response = call.insist(|| None).await?;
    match parse(&document(response).await.map_err(retry::unknown)?)? {
        Copied::CopyObjectResult(stored) => Ok(stored),
        Copied::Error(refused) => Err(Refusal::new(200, &what, refused).into()),
    }
}

/// Fails with what became of the source, if that is why a copy failed, and answers the failure as
/// it is otherwise: S3 says the same of the source as of what is to be replaced, so the source is
/// looked at `again`.
async fn about_source<F>(
    error: Error,
    copied: &Attributes,
    again: impl FnOnce() -> F,
) -> Result<Error>
where
    F: Future<Output = Result<Option<Found>>>,
{
    if !matches!(error, Error::NotFound | Error::PreconditionFailed) {
        return Ok(error);
    }
    let now = again().await?.ok_or(Error::NotFound)?.attributes;
    if copied.etag.is_none() || copied.etag == now.etag {
        Ok(error)
    } else {
        Err(Error::Unavailable(
            "the source changed while it was copied".into(),
        ))
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
            let error =
                about_source(error, &source.attributes, || object::head(bucket, from)).await;
            return Err(upload.abort(error.unwrap_or_else(|error| error)).await);
        }
        start = end;
    }
    match upload.complete(condition).await {
        Ok(etag) => Ok(etag),
        Err(error) => Err(upload.abort(error).await),
    }
}

fn parse(answer: &str) -> Result<Copied> {
    let unexpected = |error| {
        Error::other(
            "UNEXPECTED_ANSWER",
            format!("S3 answered with another document: {error}"),
        )
    };
    quick_xml::de::from_str(answer).map_err(unexpected)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use callfs_sdk::testing::{configure, run};

    use super::*;
    use crate::S3;

    /// What a copy that fails in this way is answered with, if the source has this etag now and had
    /// `one`; and how often the source was looked at for it.
    fn explained(error: Error, condition: Condition, now: Result<Option<&str>>) -> (Error, u32) {
        let s3: S3 = configure(r#"{"bucket": "archive"}"#).expect("a good configuration");
        let key = s3.bucket.key("to").expect("an object");
        let condition =
            run(Resolved::new(&s3.bucket, &key, condition)).expect("left to the server");
        let had = |etag: &str| Attributes {
            etag: Some(etag.to_owned()),
            ..Attributes::file(1)
        };
        let looked = Cell::new(0);
        let again = async || {
            looked.set(looked.get() + 1);
            now.map(|etag| {
                etag.map(|etag| Found {
                    attributes: had(etag),
                    carried: Vec::new(),
                })
            })
        };
        let error = match run(about_source(error, &had("one"), again)) {
            Ok(error) => condition.explain(error),
            Err(error) => error,
        };
        (error, looked.get())
    }

    #[test]
    fn a_refusal_is_about_the_source_if_the_source_is_not_what_it_was() {
        let changed = Error::Unavailable("the source changed while it was copied".into());
        for error in [Error::PreconditionFailed, Error::NotFound] {
            for condition in [
                Condition::Always,
                Condition::Absent,
                Condition::EtagIn(vec!["x".into()]),
            ] {
                let explained = |now| explained(error.clone(), condition.clone(), now);
                assert_eq!(
                    explained(Ok(None)),
                    (Error::NotFound, 1),
                    "{error} {condition:?}"
                );
                assert_eq!(
                    explained(Ok(Some("two"))),
                    (changed.clone(), 1),
                    "{error} {condition:?}"
                );
                let unavailable = Error::Unavailable("busy".into());
                assert_eq!(
                    explained(Err(unavailable.clone())),
                    (unavailable, 1),
                    "{error} {condition:?}"
                );
            }
        }
    }

    #[test]
    fn any_other_refusal_is_about_what_is_to_be_replaced() {
        let same = || Ok(Some("one"));
        let current = || Condition::EtagIn(vec!["x".into()]);
        assert_eq!(
            explained(Error::PreconditionFailed, Condition::Absent, same()),
            (Error::AlreadyExists, 1)
        );
        assert_eq!(
            explained(Error::PreconditionFailed, current(), same()),
            (Error::PreconditionFailed, 1)
        );
        assert_eq!(
            explained(Error::NotFound, current(), same()),
            (Error::PreconditionFailed, 1)
        );
        assert_eq!(
            explained(Error::InsufficientStorage, current(), Ok(None)),
            (Error::InsufficientStorage, 0)
        );
    }

    #[test]
    fn an_answer_that_began_well_may_be_an_error() {
        let done = "<?xml version=\"1.0\"?>\n<CopyObjectResult \
                    xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\">\
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    \
                    <LastModified>2009-10-12T17:50:30.000Z</LastModified>\
                    <ETag>\"9b2c\"</ETag></CopyObjectResult>";
        let Ok(Copied::CopyObjectResult(Stored { etag, modified })) = parse(done) else {
            panic!("copied")
        };
        assert_eq!(
            (etag.as_str(), modified.as_deref()),
            ("\"9b2c\"", Some("2009-10-12T17:50:30.000Z"))
        );
        let failed = "  \n<Error><Code>SlowDown</Code><Message>Reduce</Message></Error>";
        assert!(matches!(parse(failed), Ok(Copied::Error(_))));
    }
}
