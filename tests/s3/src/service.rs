//! What S3 does, of which `s3s` reads the requests and writes the answers.

use std::time::{Duration, UNIX_EPOCH};

use s3s::dto::*;
use s3s::{S3, S3Request, S3Response, S3Result, s3_error};

use crate::conditions::Conditions;
use crate::listing::{self, encoded};
use crate::store::{self, Kept, Object, Store, now, slice};
use crate::uploads::{Part, Upload, Uploads};

/// The largest object that is stored or copied in one request, in bytes.
const ONE_REQUEST: u64 = 5 << 30;

pub(crate) struct Service {
    bucket: String,
    store: Store,
    uploads: Uploads,
}

impl Service {
    pub(crate) fn new(bucket: String, store: Store) -> Self {
        let uploads = Uploads::open(store.root.join("uploads"))
            .unwrap_or_else(|error| panic!("the uploads: {error}"));
        Self {
            bucket,
            store,
            uploads,
        }
    }

    fn check(&self, bucket: &str) -> S3Result<()> {
        if bucket == self.bucket {
            Ok(())
        } else {
            Err(s3_error!(NoSuchBucket))
        }
    }

    fn object(&self, bucket: &str, key: &str) -> S3Result<Object> {
        self.check(bucket)?;
        self.store
            .look(|objects| objects.get(key).cloned())
            .ok_or_else(|| s3_error!(NoSuchKey))
    }

    /// The object that is to be copied, in the version that is asked for.
    fn source(&self, source: &CopySource, version: Option<&ETagCondition>) -> S3Result<Object> {
        let CopySource::Bucket { bucket, key, .. } = source else {
            return Err(s3_error!(NotImplemented));
        };
        let object = self.object(bucket, key)?;
        let conditions = Conditions {
            matches: version.cloned(),
            matches_not: None,
        };
        conditions.permit(Some(&object)).map(|()| object)
    }

    fn commit(&self, key: &str, object: Option<Object>, conditions: &Conditions) -> S3Result<()> {
        let written = self
            .store
            .commit(key, object, |stored| conditions.permit(stored))?;
        written.map_err(|error| s3_error!(error, InternalError))
    }

    async fn keep(
        &self,
        body: Option<StreamingBlob>,
        length: Option<i64>,
    ) -> S3Result<store::Extent> {
        let length = length.ok_or_else(|| s3_error!(MissingContentLength))?;
        if length as u64 > ONE_REQUEST {
            return Err(s3_error!(EntityTooLarge));
        }
        let body = body.ok_or_else(|| s3_error!(IncompleteBody))?;
        let body = futures_util::TryStreamExt::map_err(body, std::io::Error::other);
        let extent = self
            .store
            .keep(body)
            .await
            .map_err(|error| s3_error!(error, IncompleteBody))?;
        if extent.length != length as u64 {
            self.store.discard(extent);
            return Err(s3_error!(IncompleteBody));
        }
        Ok(extent)
    }
}

fn tag(etag: &str) -> ETag {
    ETag::Strong(etag.to_owned())
}

fn time(seconds: u64) -> Timestamp {
    (UNIX_EPOCH + Duration::from_secs(seconds)).into()
}

fn metadata(kept: &Kept) -> Option<Metadata> {
    Some(kept.metadata.clone().into_iter().collect())
}

macro_rules! kept {
    ($input:expr) => {
        Kept {
            content_type: $input.content_type.as_ref().map(ToString::to_string),
            content_encoding: $input.content_encoding.as_ref().map(ToString::to_string),
            metadata: $input
                .metadata
                .clone()
                .unwrap_or_default()
                .into_iter()
                .collect(),
            encryption: $input
                .server_side_encryption
                .as_ref()
                .map(|encryption| encryption.as_str().to_owned()),
            kms_key: $input.ssekms_key_id.clone(),
            storage_class: $input
                .storage_class
                .as_ref()
                .map(|class| class.as_str().to_owned()),
        }
    };
}

#[async_trait::async_trait]
impl S3 for Service {
    async fn head_object(
        &self,
        req: S3Request<HeadObjectInput>,
    ) -> S3Result<S3Response<HeadObjectOutput>> {
        let object = self.object(&req.input.bucket, &req.input.key)?;
        Ok(S3Response::new(HeadObjectOutput {
            content_length: Some(object.size() as i64),
            content_type: object.kept.content_type.clone(),
            content_encoding: object.kept.content_encoding.clone(),
            e_tag: Some(tag(&object.etag)),
            last_modified: Some(time(object.modified)),
            metadata: metadata(&object.kept),
            ..Default::default()
        }))
    }

    async fn get_object(
        &self,
        req: S3Request<GetObjectInput>,
    ) -> S3Result<S3Response<GetObjectOutput>> {
        let input = req.input;
        let object = self.object(&input.bucket, &input.key)?;
        Conditions {
            matches: input.if_match,
            matches_not: None,
        }
        .permit(Some(&object))?;
        let size = object.size();
        let range = input.range.map(|range| range.check(size)).transpose()?;
        let (start, end) = range
            .clone()
            .map_or((0, size), |range| (range.start, range.end));
        Ok(S3Response::new(GetObjectOutput {
            body: Some(StreamingBlob::wrap(self.store.read(
                &object,
                start,
                end - start,
            ))),
            content_length: Some((end - start) as i64),
            content_range: range
                .map(|range| format!("bytes {}-{}/{size}", range.start, range.end - 1)),
            content_type: object.kept.content_type.clone(),
            content_encoding: object.kept.content_encoding.clone(),
            e_tag: Some(tag(&object.etag)),
            last_modified: Some(time(object.modified)),
            metadata: metadata(&object.kept),
            ..Default::default()
        }))
    }

    async fn put_object(
        &self,
        req: S3Request<PutObjectInput>,
    ) -> S3Result<S3Response<PutObjectOutput>> {
        let mut input = req.input;
        self.check(&input.bucket)?;
        let conditions = Conditions {
            matches: input.if_match.take(),
            matches_not: input.if_none_match.take(),
        };
        let kept = kept!(input);
        let extent = self.keep(input.body.take(), input.content_length).await?;
        let etag = store::etag(extent);
        let extents = if extent.length == 0 {
            Vec::new()
        } else {
            vec![extent]
        };
        let object = Object {
            extents,
            etag: etag.clone(),
            modified: now(),
            kept,
        };
        self.commit(&input.key, Some(object), &conditions)
            .inspect_err(|_| self.store.discard(extent))?;
        Ok(S3Response::new(PutObjectOutput {
            e_tag: Some(tag(&etag)),
            ..Default::default()
        }))
    }

    async fn delete_object(
        &self,
        req: S3Request<DeleteObjectInput>,
    ) -> S3Result<S3Response<DeleteObjectOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let conditions = Conditions {
            matches: input.if_match,
            matches_not: None,
        };
        self.commit(&input.key, None, &conditions)?;
        Ok(S3Response::with_status(
            DeleteObjectOutput::default(),
            hyper::StatusCode::NO_CONTENT,
        ))
    }

    async fn copy_object(
        &self,
        req: S3Request<CopyObjectInput>,
    ) -> S3Result<S3Response<CopyObjectOutput>> {
        let conditions = Conditions::of(&req.headers)?;
        let input = req.input;
        self.check(&input.bucket)?;
        let source = self.source(&input.copy_source, input.copy_source_if_match.as_ref())?;
        if source.size() > ONE_REQUEST {
            return Err(s3_error!(
                InvalidRequest,
                "the source is larger than what is copied in one request"
            ));
        }
        let said = kept!(input);
        let kept = Kept {
            content_type: source.kept.content_type,
            content_encoding: source.kept.content_encoding,
            metadata: source.kept.metadata,
            ..said
        };
        let object = Object {
            modified: now(),
            kept,
            ..source
        };
        let result = CopyObjectResult {
            e_tag: Some(tag(&object.etag)),
            last_modified: Some(time(object.modified)),
            ..Default::default()
        };
        self.commit(&input.key, Some(object), &conditions)?;
        Ok(S3Response::new(CopyObjectOutput {
            copy_object_result: Some(result),
            ..Default::default()
        }))
    }

    async fn list_objects_v2(
        &self,
        req: S3Request<ListObjectsV2Input>,
    ) -> S3Result<S3Response<ListObjectsV2Output>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let delimiter = input.delimiter.clone().unwrap_or_default();
        let limit = input.max_keys.unwrap_or(1000).clamp(0, 1000);
        let encode = input
            .encoding_type
            .as_ref()
            .is_some_and(|encoding| encoding.as_str() == EncodingType::URL);
        let passed = input.continuation_token.is_some();
        let after = input
            .continuation_token
            .clone()
            .or(input.start_after.clone())
            .unwrap_or_default();
        let page = self
            .store
            .look(|o| listing::page(o, &prefix, &delimiter, &after, passed, limit as usize));
        let objects = page
            .objects
            .into_iter()
            .map(|(key, object)| s3s::dto::Object {
                key: Some(encoded(&key, encode)),
                size: Some(object.size() as i64),
                e_tag: Some(tag(&object.etag)),
                last_modified: Some(time(object.modified)),
                ..Default::default()
            });
        let objects: Vec<_> = objects.collect();
        let prefixes = page.prefixes.iter().map(|prefix| CommonPrefix {
            prefix: Some(encoded(prefix, encode)),
        });
        let prefixes: Vec<_> = prefixes.collect();
        Ok(S3Response::new(ListObjectsV2Output {
            name: Some(input.bucket),
            prefix: Some(encoded(&prefix, encode)),
            delimiter: input.delimiter,
            max_keys: Some(limit),
            key_count: Some((objects.len() + prefixes.len()) as i32),
            is_truncated: Some(page.next.is_some()),
            next_continuation_token: page.next,
            contents: Some(objects),
            common_prefixes: Some(prefixes),
            encoding_type: input.encoding_type,
            ..Default::default()
        }))
    }

    async fn create_multipart_upload(
        &self,
        req: S3Request<CreateMultipartUploadInput>,
    ) -> S3Result<S3Response<CreateMultipartUploadOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let upload = Upload {
            key: input.key.clone(),
            initiated: now(),
            kept: kept!(input),
            parts: Default::default(),
        };
        let id = self
            .uploads
            .begin(upload)
            .map_err(|error| s3_error!(error, InternalError))?;
        Ok(S3Response::new(CreateMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            upload_id: Some(id),
            ..Default::default()
        }))
    }

    async fn upload_part(
        &self,
        req: S3Request<UploadPartInput>,
    ) -> S3Result<S3Response<UploadPartOutput>> {
        let mut input = req.input;
        self.check(&input.bucket)?;
        if !(1..=10_000).contains(&input.part_number) {
            return Err(s3_error!(InvalidArgument));
        }
        self.uploads.find(&input.upload_id, &input.key)?;
        let extent = self.keep(input.body.take(), input.content_length).await?;
        let etag = store::etag(extent);
        let part = Part {
            extents: vec![extent],
            etag: etag.clone(),
        };
        self.uploads
            .add(&input.upload_id, input.part_number, part)
            .inspect_err(|_| self.store.discard(extent))?;
        Ok(S3Response::new(UploadPartOutput {
            e_tag: Some(tag(&etag)),
            ..Default::default()
        }))
    }

    async fn upload_part_copy(
        &self,
        req: S3Request<UploadPartCopyInput>,
    ) -> S3Result<S3Response<UploadPartCopyOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let source = self.source(&input.copy_source, input.copy_source_if_match.as_ref())?;
        let size = source.size();
        let range = input
            .copy_source_range
            .as_deref()
            .and_then(|range| range.strip_prefix("bytes="));
        let range = range
            .and_then(|range| range.split_once('-'))
            .ok_or_else(|| s3_error!(InvalidArgument))?;
        let (Ok(first), Ok(last)) = (range.0.parse::<u64>(), range.1.parse::<u64>()) else {
            return Err(s3_error!(InvalidArgument));
        };
        if first > last || last >= size || last - first >= ONE_REQUEST {
            return Err(s3_error!(InvalidRange));
        }
        let extents: Vec<_> = slice(&source.extents, first, last - first + 1).collect();
        let etag = format!(
            "{}{:04x}",
            &source.etag[..source.etag.len().min(28)],
            input.part_number
        );
        let part = Part {
            extents,
            etag: etag.clone(),
        };
        self.uploads
            .add(&input.upload_id, input.part_number, part)?;
        let result = CopyPartResult {
            e_tag: Some(tag(&etag)),
            ..Default::default()
        };
        Ok(S3Response::new(UploadPartCopyOutput {
            copy_part_result: Some(result),
            ..Default::default()
        }))
    }

    async fn complete_multipart_upload(
        &self,
        req: S3Request<CompleteMultipartUploadInput>,
    ) -> S3Result<S3Response<CompleteMultipartUploadOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let upload = self.uploads.find(&input.upload_id, &input.key)?;
        let parts = input
            .multipart_upload
            .and_then(|upload| upload.parts)
            .unwrap_or_default();
        let extents = upload.assemble(&parts)?;
        let etag = extents
            .first()
            .map_or_else(String::new, |extent| store::etag(*extent));
        let etag = format!("{etag}-{}", parts.len());
        let object = Object {
            extents,
            etag: etag.clone(),
            modified: now(),
            kept: upload.kept,
        };
        let conditions = Conditions {
            matches: input.if_match,
            matches_not: input.if_none_match,
        };
        self.commit(&input.key, Some(object), &conditions)?;
        self.uploads.end(&input.upload_id);
        Ok(S3Response::new(CompleteMultipartUploadOutput {
            bucket: Some(input.bucket),
            key: Some(input.key),
            e_tag: Some(tag(&etag)),
            ..Default::default()
        }))
    }

    async fn abort_multipart_upload(
        &self,
        req: S3Request<AbortMultipartUploadInput>,
    ) -> S3Result<S3Response<AbortMultipartUploadOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        self.uploads.find(&input.upload_id, &input.key)?;
        let ended = self.uploads.end(&input.upload_id);
        for extent in ended
            .iter()
            .flat_map(|upload| upload.parts.values())
            .flat_map(|part| &part.extents)
        {
            self.store.discard(*extent);
        }
        Ok(S3Response::with_status(
            AbortMultipartUploadOutput::default(),
            hyper::StatusCode::NO_CONTENT,
        ))
    }

    async fn list_multipart_uploads(
        &self,
        req: S3Request<ListMultipartUploadsInput>,
    ) -> S3Result<S3Response<ListMultipartUploadsOutput>> {
        let input = req.input;
        self.check(&input.bucket)?;
        let prefix = input.prefix.clone().unwrap_or_default();
        let open = self.uploads.all();
        let uploads = open
            .iter()
            .filter(|(_, upload)| upload.key.starts_with(&prefix));
        let uploads = uploads.map(|(id, upload)| MultipartUpload {
            key: Some(upload.key.clone()),
            upload_id: Some(id.clone()),
            initiated: Some(time(upload.initiated)),
            ..Default::default()
        });
        Ok(S3Response::new(ListMultipartUploadsOutput {
            bucket: Some(input.bucket),
            prefix: input.prefix,
            is_truncated: Some(false),
            uploads: Some(uploads.collect()),
            ..Default::default()
        }))
    }
}
