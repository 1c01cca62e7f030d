//! `multipart/byteranges` (RFC 9110 section 14.6): several parts of one file in one body, whose
//! length is known before its first byte is.

use std::ops::Range;

use bytes::Bytes;
use callfs_model::error::{Error, Result};
use callfs_model::source::Source;
use futures_util::{StreamExt, TryStreamExt, stream};
use http::header::{CONTENT_TYPE, HeaderMap, HeaderValue};

use crate::content::response::{Parts, content_range};

/// The body, and its type in place of that of the file.
pub(crate) fn body(
    parts: Parts,
    ranges: Vec<Range<u64>>,
    size: u64,
    headers: &mut HeaderMap,
) -> Result<Source> {
    let boundary = boundary()?;
    let outer = HeaderValue::try_from(format!("multipart/byteranges; boundary={boundary}"))
        .map_err(Error::internal)?;
    let inner = headers.insert(CONTENT_TYPE, outer);
    let mut heads = Vec::with_capacity(ranges.len());
    for range in &ranges {
        // The line break belongs to the delimiter (RFC 2046 section 5.1.1), and the first has
        // nothing to end.
        let line_break = if heads.is_empty() { "" } else { "\r\n" };
        heads.push(head(
            &format!("{line_break}--{boundary}\r\n"),
            inner.as_ref(),
            range,
            size,
        )?);
    }
    let tail = Bytes::from(format!("\r\n--{boundary}--\r\n"));
    let framing = heads
        .iter()
        .chain([&tail])
        .map(|text| text.len() as u64)
        .sum::<u64>();
    let length = framing
        + ranges
            .iter()
            .map(|range| range.end - range.start)
            .sum::<u64>();

    let framed = stream::iter(heads.into_iter().zip(ranges)).then(move |(head, range)| {
        let part = parts.open(range);
        async move { Ok(stream::iter([Ok(head)]).chain(part.await?)) }
    });
    let pieces = framed.try_flatten().chain(stream::iter([Ok(tail)]));
    Ok(Source::from_stream(pieces.boxed(), Some(length)))
}

/// What is in front of a part.
fn head(
    delimiter: &str,
    inner: Option<&HeaderValue>,
    range: &Range<u64>,
    size: u64,
) -> Result<Bytes> {
    let mut head = delimiter.as_bytes().to_vec();
    if let Some(inner) = inner {
        head.extend_from_slice(b"Content-Type: ");
        head.extend_from_slice(inner.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Content-Range: ");
    head.extend_from_slice(content_range(range, size)?.as_bytes());
    head.extend_from_slice(b"\r\n\r\n");
    Ok(head.into())
}

/// 128 random bits: whoever wrote the file cannot have put it there.
fn boundary() -> Result<String> {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).map_err(|error| Error::internal(error.to_string()))?;
    Ok(hex::encode(bits))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_body_is_as_long_as_it_says() {
        let mut headers =
            HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("text/plain"))]);
        let parts = Parts::Sliced(Source::from_bytes("0123456789"));
        let mut source = body(parts, vec![7..10, 0..2], 10, &mut headers).expect("a body");
        let size = source.size().expect("known");
        let mut all = Vec::new();
        while let Some(piece) = source.next().await.expect("whole") {
            all.extend_from_slice(&piece);
        }
        assert_eq!(all.len() as u64, size);
        let kind = headers[CONTENT_TYPE].to_str().expect("text").to_owned();
        let boundary = kind
            .strip_prefix("multipart/byteranges; boundary=")
            .expect("its type");
        let expected = format!(
            "--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: bytes \
             7-9/10\r\n\r\n789\r\n--{boundary}\r\nContent-Type: text/plain\r\nContent-Range: \
             bytes 0-1/10\r\n\r\n01\r\n--{boundary}--\r\n"
        );
        assert_eq!(String::from_utf8(all).expect("text"), expected);
    }
}
