//! Storing an object: in one request while it is small, in parts when it is large. Nothing is
//! visible before S3 confirmed all of it.

use std::rc::Rc;

use callfs_sdk::{Attributes, Error, MAX_PIECE, Reader, Result, Source, WriteOptions};

use crate::bucket::{Bucket, Call};
use crate::condition::Resolved;
use crate::key::Key;
use crate::multipart::Upload;
use crate::object;
use crate::part::{self, MAX_PARTS};

/// A body of known length is sent in one request up to this size, in bytes.
const ONE_REQUEST: u64 = 64 << 20;
/// A body of unknown length that is larger than this gets the memory of a whole part at once, in
/// bytes.
const SMALL: usize = 1 << 20;

/// Stores an object.
pub(crate) async fn write(
    bucket: &Bucket,
    key: &Key,
    body: Source,
    options: WriteOptions,
) -> Result<Attributes> {
    let content_type = options.content_type;
    let condition = Resolved::new(bucket, key, options.condition).await?;
    let write = Write {
        bucket,
        key,
        content_type: content_type.as_deref(),
        condition,
    };
    let (size, etag) = match body.size() {
        Some(size) if size <= ONE_REQUEST => (size, write.whole(body).await?),
        Some(size) => (size, write.in_parts(body, size).await?),
        None => write.collected(body).await?,
    };
    Ok(Attributes {
        etag,
        content_type,
        ..Attributes::file(size)
    })
}

struct Write<'a> {
    bucket: &'a Bucket,
    key: &'a Key,
    content_type: Option<&'a str>,
    condition: Resolved,
}

impl<'a> Write<'a> {
    /// One request, with the bytes as they come.
    async fn whole(&self, body: Source) -> Result<Option<String>> {
        self.stored(self.put().send(Some(body)).await.map_err(Error::from))
    }

    /// Parts that go by natively.
    async fn in_parts(&self, body: Source, size: u64) -> Result<Option<String>> {
        let part = part::size(size, self.bucket.part_size)?;
        let mut upload = self.begin().await?;
        while body.size().is_none_or(|left| left > 0) {
            if let Err(error) = upload.part(body.split(part)).await {
                return Err(upload.abort(error).await);
            }
        }
        self.complete(upload).await
    }

    /// Parts that are collected first, because S3 wants to know their length: one request if there
    /// is only one.
    async fn collected(&self, body: Source) -> Result<(u64, Option<String>)> {
        let mut held = Held::new(self.bucket.part_size);
        let mut body = body.reader();
        let mut ended = held.fill(&mut body).await?;
        let mut size = held.len();
        if ended {
            let response = self
                .put()
                .insist(|| Some(held.source()))
                .await
                .map_err(Error::from);
            return Ok((size, self.stored(response)?));
        }
        let mut upload = self.begin().await?;
        for _ in 0..MAX_PARTS {
            if let Err(error) = upload.held_part(|| held.source()).await {
                return Err(upload.abort(error).await);
            }
            if ended {
                return Ok((size, self.complete(upload).await?));
            }
            ended = match held.fill(&mut body).await {
                // A part that has nothing is none.
                Ok(true) if held.len() == 0 => return Ok((size, self.complete(upload).await?)),
                Ok(ended) => ended,
                Err(error) => return Err(upload.abort(error).await),
            };
            size += held.len();
        }
        let message = format!(
            "the body has more than {MAX_PARTS} parts of {} bytes: configure a larger part_size",
            self.bucket.part_size
        );
        Err(upload.abort(Error::InvalidArgument(message)).await)
    }

    async fn begin(&self) -> Result<Upload<'a>> {
        Upload::begin(self.bucket, self.key, |call| {
            call.storing(self.content_type)
        })
        .await
    }

    async fn complete(&self, upload: Upload<'a>) -> Result<Option<String>> {
        match upload.complete(&self.condition).await {
            Ok(etag) => Ok(etag),
            Err(error) => Err(upload.abort(error).await),
        }
    }

    fn put(&self) -> Call<'a> {
        self.bucket
            .object("PUT", self.key, &[])
            .storing(self.content_type)
            .maybe(self.condition.header())
    }

    /// The etag of what was stored.
    fn stored(&self, response: Result<callfs_sdk::http::Response>) -> Result<Option<String>> {
        let response = response.map_err(|error| self.condition.explain(error))?;
        Ok(response.header("etag").and_then(object::etag))
    }
}

/// A part in memory, which can be sent again.
struct Held {
    bytes: Rc<Vec<u8>>,
    capacity: usize,
}

impl Held {
    fn new(capacity: u64) -> Self {
        Self {
            bytes: Rc::default(),
            capacity: capacity as usize,
        }
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }

    /// Replaces what is held with what comes next; answers whether the body is at its end.
    async fn fill(&mut self, body: &mut Reader) -> Result<bool> {
        let mut bytes = Rc::try_unwrap(std::mem::take(&mut self.bytes)).unwrap_or_default();
        bytes.clear();
        bytes.reserve_exact(SMALL);
        bytes = body.fill(bytes).await?;
        if bytes.len() < self.capacity && bytes.len() == bytes.capacity() {
            bytes.reserve_exact(self.capacity - bytes.len());
            bytes = body.fill(bytes).await?;
        }
        let ended = bytes.len() < self.capacity;
        self.bytes = Rc::new(bytes);
        Ok(ended)
    }

    /// The bytes, once more.
    fn source(&self) -> Source {
        let bytes = self.bytes.clone();
        Source::produce(Some(self.len()), async move |sink| {
            for piece in bytes.chunks(MAX_PIECE as usize) {
                sink.write(piece.to_vec()).await?;
            }
            Ok(())
        })
    }
}
