//! An object: what S3 says of it, and its bytes.

use callfs_sdk::http::Response;
use callfs_sdk::{Attributes, ByteRange, Condition, Error, ReadOptions, Result, Source};

use crate::bucket::{Bucket, Call};
use crate::key::Key;
use crate::refusal::{Failure, Refusal};

/// An object that was looked at.
pub(crate) struct Found {
    pub(crate) attributes: Attributes,
    /// What else a copy of it must have.
    pub(crate) carried: Vec<(String, Vec<u8>)>,
}

/// Headers of an object that a copy of it keeps, beside its metadata.
const CARRIED: [&str; 5] = [
    "cache-control",
    "content-disposition",
    "content-encoding",
    "content-language",
    "content-type",
];
const METADATA: &str = "x-amz-meta-";

/// Looks at an object; none if nothing is stored under the key.
pub(crate) async fn head(bucket: &Bucket, key: &Key) -> Result<Option<Found>> {
    let response = match bucket.object("HEAD", key, &[]).insist(|| None).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) if refusal.is_absent() => return Ok(None),
        Err(failure) => return Err(failure.into()),
    };
    let size = response
        .header("content-length")
        .and_then(|size| size.parse().ok())
        .ok_or_else(no_size)?;
    let attributes = attributes(&response, size);
    let is_carried = |name: &str| {
        let name = name.to_ascii_lowercase();
        name.starts_with(METADATA) || CARRIED.contains(&name.as_str())
    };
    let carried = response
        .headers
        .into_iter()
        .filter(|(name, _)| is_carried(name))
        .collect();
    Ok(Some(Found {
        attributes,
        carried,
    }))
}

/// Opens an object: what it says of itself as it is sent, and its body untouched.
pub(crate) async fn get(
    bucket: &Bucket,
    key: &Key,
    options: ReadOptions,
) -> Result<(Attributes, Source)> {
    let ReadOptions {
        range, condition, ..
    } = options;
    if let Some(ByteRange {
        start,
        end: Some(end),
    }) = range
        && end <= start
    {
        // HTTP has no way to ask for nothing.
        let found = head(bucket, key).await?.ok_or(Error::NotFound)?.attributes;
        check(&condition, &found)?;
        ByteRange {
            start,
            end: Some(end),
        }
        .within(found.size)?;
        return Ok((found, Source::from_bytes(&[])));
    }
    let mut call = bucket.object("GET", key, &[]);
    if let Some(ByteRange { start, end }) = range {
        let last = end.map(|end| (end - 1).to_string()).unwrap_or_default();
        call = call.header("range", format!("bytes={start}-{last}"));
    }
    if let Condition::EtagIn(etags) = &condition
        && let [etag] = &etags[..]
    {
        call = call.header("if-match", format!("\"{etag}\""));
    }
    let what = call.what().to_owned();
    let response = match call.insist(|| None).await {
        Ok(response) => response,
        Err(Failure::Refused(refusal)) if refusal.status == 416 => {
            return Err(beyond(bucket, key, refusal).await?);
        }
        Err(failure) => return Err(failure.into()),
    };
    let whole = || {
        response
            .header("content-length")
            .and_then(|size| size.parse().ok())
    };
    let size = match (range, response.status) {
        (Some(_), 206) => response.header("content-range").and_then(total),
        (None, 200) => whole(),
        (Some(ByteRange { start: 0, end }), 200) => {
            whole().filter(|size| end.is_none_or(|end| end >= *size))
        }
        _ => None,
    };
    let size = size.ok_or_else(|| {
        Error::other(
            "UNEXPECTED_ANSWER",
            format!("S3 answered the {what} with another part"),
        )
    })?;
    let attributes = attributes(&response, size);
    check(&condition, &attributes)?;
    Ok((attributes, response.body))
}

/// Fails unless a condition holds of an object that is there.
pub(crate) fn check(condition: &Condition, found: &Attributes) -> Result<()> {
    if condition.holds(Some(found)) {
        Ok(())
    } else {
        Err(Error::PreconditionFailed)
    }
}

/// What the headers of an answer say of the object.
fn attributes(response: &Response, size: u64) -> Attributes {
    let modified = response.header("last-modified").and_then(date);
    let content_type = response.header("content-type").map(ToOwned::to_owned);
    let attributes = Attributes {
        etag: response.header("etag").and_then(etag),
        modified,
        content_type,
        ..Attributes::file(size)
    };
    attributes.in_codings(response.header("content-encoding").unwrap_or_default())
}

/// The opaque part of an entity tag; none of a weak one, which does not promise that the bytes are
/// the same.
pub(crate) fn etag(quoted: &str) -> Option<String> {
    let bare = quoted.trim();
    if bare.starts_with("W/") {
        return None;
    }
    let bare = bare
        .strip_prefix('"')
        .and_then(|bare| bare.strip_suffix('"'))
        .unwrap_or(bare);
    (!bare.is_empty() && !bare.contains('"')).then(|| bare.to_owned())
}

/// A range beyond the end; S3 says how far that is, and others may have to be asked.
async fn beyond(bucket: &Bucket, key: &Key, refusal: Refusal) -> Result<Error> {
    match refusal.size {
        Some(size) => Ok(Error::InvalidRange(size)),
        None => Ok(head(bucket, key).await?.map_or(Error::NotFound, |found| {
            Error::InvalidRange(found.attributes.size)
        })),
    }
}

/// The size of the whole in `bytes 0-9/100` (RFC 9110 section 14.4).
fn total(content_range: &str) -> Option<u64> {
    content_range
        .strip_prefix("bytes ")?
        .rsplit_once('/')?
        .1
        .parse()
        .ok()
}

/// An HTTP date (RFC 9110 section 5.6.7), in nanoseconds since 1970.
fn date(text: &str) -> Option<i64> {
    let timestamp = jiff::fmt::rfc2822::DateTimeParser::new()
        .parse_timestamp(text)
        .ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

/// A time in a document (RFC 3339), in nanoseconds since 1970.
pub(crate) fn time(text: &str) -> Option<i64> {
    let timestamp: jiff::Timestamp = text.parse().ok()?;
    i64::try_from(timestamp.as_nanosecond()).ok()
}

fn no_size() -> Error {
    Error::other(
        "UNEXPECTED_ANSWER",
        "S3 did not say how large the object is",
    )
}

impl Found {
    /// Adds to a request what a copy of this object keeps.
    pub(crate) fn carry<'a>(&self, call: Call<'a>) -> Call<'a> {
        self.carried
            .iter()
            .fold(call, |call, (name, value)| call.header(name, value.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn etags_lose_their_quotes() {
        assert_eq!(etag("\"abc-2\"").as_deref(), Some("abc-2"));
        assert_eq!(etag("abc").as_deref(), Some("abc"));
        assert_eq!(etag("W/\"abc\""), None);
        assert_eq!(etag("\"\""), None);
    }

    #[test]
    fn times_are_read_from_headers_and_documents() {
        assert_eq!(
            date("Mon, 12 Oct 2009 17:50:30 GMT"),
            Some(1_255_369_830_000_000_000)
        );
        assert_eq!(
            time("2009-10-12T17:50:30.000Z"),
            Some(1_255_369_830_000_000_000)
        );
        assert_eq!(date("yesterday"), None);
        assert_eq!(time("yesterday"), None);
    }

    #[test]
    fn a_part_says_how_large_the_whole_is() {
        assert_eq!(total("bytes 0-9/100"), Some(100));
        assert_eq!(total("bytes */100"), Some(100));
        assert_eq!(total("bytes 0-9/*"), None);
        assert_eq!(total("0-9"), None);
    }
}
