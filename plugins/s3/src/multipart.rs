//! An upload in parts: invisible until it is completed, and never left behind if that can be
//! helped.

use std::time::{Duration, SystemTime};

use callfs_sdk::{Error, Result, Source, log};
use quick_xml::escape::escape;
use serde::Deserialize;

use crate::bucket::{Bucket, Call, document};
use crate::condition::Resolved;
use crate::key::Key;
use crate::refusal::{Document, Failure, Refusal};
use crate::{object, retry};

/// Uploads of a key that are older than this belong to nobody any more.
const ABANDONED: Duration = Duration::from_secs(24 * 60 * 60);

/// An upload that has begun.
pub(crate) struct Upload<'a> {
    bucket: &'a Bucket,
    key: &'a Key,
    id: String,
    /// Etags of the parts so far, as S3 gave them.
    parts: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Begun {
    upload_id: String,
}

/// What completing an upload answers; also where it fails, the status may be 200.
#[derive(Deserialize)]
enum Completed {
    CompleteMultipartUploadResult(Stored),
    Error(Document),
}

/// What copying a part answers; the status may be 200 all the same.
#[derive(Deserialize)]
enum Copied {
    CopyPartResult(Stored),
    Error(Document),
}

#[derive(Deserialize)]
struct Stored {
    #[serde(rename = "ETag")]
    etag: String,
}

#[derive(Deserialize)]
struct Uploads {
    #[serde(rename = "Upload", default)]
    uploads: Vec<Pending>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Pending {
    key: String,
    upload_id: String,
    initiated: String,
}

impl<'a> Upload<'a> {
    /// Begins one. `prepare` adds what the object will have.
    pub(crate) async fn begin(
        bucket: &'a Bucket,
        key: &'a Key,
        prepare: impl Fn(Call<'a>) -> Call<'a>,
    ) -> Result<Self> {
        abort_abandoned(bucket, key).await;
        let call = prepare(bucket.object("POST", key, &[("uploads", "")]));
        let answer = document(call.insist(|| None).await?).await?;
        let Begun { upload_id: id } = parse(&answer)?;
        Ok(Self {
            bucket,
            key,
            id,
            parts: Vec::new(),
        })
    }

    /// Sends a part whose bytes cannot be had again.
    pub(crate) async fn part(&mut self, bytes: Source) -> Result<()> {
        let response = self.call("PUT").send(Some(bytes)).await?;
        self.took(response.header("etag"))
    }

    /// Sends a part that can be made again.
    pub(crate) async fn held_part(&mut self, bytes: impl Fn() -> Source) -> Result<()> {
        let response = self.call("PUT").insist(|| Some(bytes())).await?;
        self.took(response.header("etag"))
    }

    /// Takes a part from another object, which must still have this etag: `range` is of its first
    /// and its last byte.
    pub(crate) async fn copied_part(
        &mut self,
        from: &Key,
        etag: Option<&str>,
        range: (u64, u64),
    ) -> Result<()> {
        let call = self
            .call("PUT")
            .header("x-amz-copy-source", self.bucket.copy_source(from));
        let call = call.header(
            "x-amz-copy-source-range",
            format!("bytes={}-{}", range.0, range.1),
        );
        let call =
            call.maybe(etag.map(|etag| ("x-amz-copy-source-if-match", format!("\"{etag}\""))));
        let what = call.what().to_owned();
        let answer = document(call.insist(|| None).await?).await?;
        match parse(&answer)? {
            Copied::CopyPartResult(Stored { etag }) => self.took(Some(&etag)),
            Copied::Error(refused) => Err(Refusal::new(200, &what, refused).into()),
        }
    }

    /// Makes the object of all parts, and answers its etag. Nothing is visible before, and nothing
    /// is lost if it fails.
    pub(crate) async fn complete(&self, condition: &Resolved) -> Result<Option<String>> {
        let parts = self.parts.iter().zip(1..).map(|(etag, number): (_, u32)| {
            format!(
                "<Part><PartNumber>{number}</PartNumber><ETag>{}</ETag></Part>",
                escape(etag.as_str())
            )
        });
        let body = format!(
            "<CompleteMultipartUpload>{}</CompleteMultipartUpload>",
            parts.collect::<String>()
        );
        let completed = retry::until_it_helps(condition.header().is_some(), async || {
            let call = self
                .call_whole("POST")
                .header("content-type", "application/xml")
                .maybe(condition.header());
            let what = call.what().to_owned();
            let response = match call.send(Some(Source::from_bytes(body.as_bytes()))).await {
                // Whether it was completed is not known, and asking again would not tell.
                Err(Failure::Broken(error)) => return Ok(Err(retry::unknown(error))),
                answered => answered?,
            };
            let answer = match document(response).await {
                Ok(answer) => answer,
                Err(error) => return Ok(Err(retry::unknown(error))),
            };
            match parse(&answer).map_err(Failure::Broken)? {
                Completed::CompleteMultipartUploadResult(Stored { etag }) => {
                    Ok(Ok(object::etag(&etag)))
                }
                Completed::Error(refused) => {
                    Err(Failure::Refused(Refusal::new(200, &what, refused)))
                }
            }
        });
        completed
            .await
            .map_err(Error::from)
            .and_then(|completed| completed)
            .map_err(|error| condition.explain(error))
    }

    /// Gives it up, and with it the parts. Answers the failure that was the reason.
    pub(crate) async fn abort(self, reason: Error) -> Error {
        if let Err(failure) = self.call_whole("DELETE").insist(|| None).await {
            let error = Error::from(failure);
            if error != Error::NotFound {
                let why = error.message();
                log::warn(&format!(
                    "the parts of an upload stay until the bucket's lifecycle removes them: {why}"
                ));
            }
        }
        reason
    }

    fn took(&mut self, etag: Option<&str>) -> Result<()> {
        let etag =
            etag.ok_or_else(|| Error::other("UNEXPECTED_ANSWER", "S3 gave a part no etag"))?;
        self.parts.push(etag.to_owned());
        Ok(())
    }

    /// A request about the next part.
    fn call(&self, method: &'static str) -> Call<'a> {
        let number = (self.parts.len() + 1).to_string();
        self.bucket.object(
            method,
            self.key,
            &[("partNumber", &number), ("uploadId", &self.id)],
        )
    }

    /// A request about the whole upload.
    fn call_whole(&self, method: &'static str) -> Call<'a> {
        self.bucket
            .object(method, self.key, &[("uploadId", &self.id)])
    }
}

/// Gives up what a gateway that was killed left under a key. Whoever may not list uploads leaves
/// that to the bucket's lifecycle.
async fn abort_abandoned(bucket: &Bucket, key: &Key) {
    let query = [
        ("max-uploads", "100"),
        ("prefix", key.as_str()),
        ("uploads", ""),
    ];
    let Ok(response) = bucket.listing(&query).send(None).await else {
        return;
    };
    let listed = document(response)
        .await
        .and_then(|answer| parse::<Uploads>(&answer));
    let Some(limit) = SystemTime::now().checked_sub(ABANDONED) else {
        return;
    };
    let limit = limit
        .duration_since(SystemTime::UNIX_EPOCH)
        .unwrap_or_default()
        .as_nanos();
    let is_abandoned = |upload: &Pending| {
        let initiated = object::time(&upload.initiated).and_then(|time| u128::try_from(time).ok());
        upload.key == key.as_str() && initiated.is_some_and(|initiated| initiated < limit)
    };
    for upload in listed
        .into_iter()
        .flat_map(|listed| listed.uploads)
        .filter(is_abandoned)
    {
        let call = bucket.object("DELETE", key, &[("uploadId", &upload.upload_id)]);
        // The next upload of this key tries again.
        let _ = call.send(None).await;
    }
}

fn parse<'de, T: Deserialize<'de>>(answer: &'de str) -> Result<T> {
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
    use super::*;

    const HEAD: &str = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\n  ";

    #[test]
    fn an_answer_that_began_well_may_be_an_error() {
        let done = format!(
            "{HEAD}<CompleteMultipartUploadResult \
             xmlns=\"http://s3.amazonaws.com/doc/2006-03-01/\"><Location>l</Location>\
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             \
             <Bucket>b</Bucket><Key>k</Key>\
  <ETag>&quot;3858f62230ac3c915f300c664312c11f-9&quot;</ETag>\
             </CompleteMultipartUploadResult>"
        );
        let Ok(Completed::CompleteMultipartUploadResult(Stored { etag })) = parse(&done) else {
            panic!("completed")
        };
        assert_eq!(
            object::etag(&etag).as_deref(),
            Some("3858f62230ac3c915f300c664312c11f-9")
        );
        let failed = format!("{HEAD}<Error><Code>InternalError</Code><Message>m</Message></Error>");
        let Ok(Completed::Error(document)) = parse(&failed) else {
            panic!("an error")
        };
        assert!(Refusal::new(200, "POST", document).is_passing());
        assert!(parse::<Completed>("<html></html>").is_err());
    }

    #[test]
    fn uploads_under_a_key_are_listed() {
        let listed = "<ListMultipartUploadsResult><Bucket>b</Bucket><KeyMarker/><Upload><Key>a</\
                      Key><UploadId>1</UploadId><Initiator><ID>x</ID></\
                      Initiator><Initiated>2010-11-10T20:48:33.000Z</Initiated></\
                      Upload><Upload><Key>b</Key><UploadId>2</UploadId><Initiated>2010-11-10T20:\
                      48:33.000Z</Initiated></Upload></ListMultipartUploadsResult>";
        let Uploads { uploads } = parse(listed).expect("a listing");
        let ids: Vec<&str> = uploads
            .iter()
            .map(|upload| upload.upload_id.as_str())
            .collect();
        assert_eq!(ids, ["1", "2"]);
        assert!(
            parse::<Uploads>("<ListMultipartUploadsResult/>")
                .expect("a listing")
                .uploads
                .is_empty()
        );
    }
}
