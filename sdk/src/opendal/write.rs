//! Writing: the service makes the request, and the host puts the body in.
//!
//! A service takes bytes that are in memory, in one piece or in parts. It is given a placeholder,
//! which the transport replaces by the body, so that the size of an object is nobody's concern.
//! Only a body of unknown length for a service that can take parts goes through memory, a part at a
//! time: such a service wants to know lengths.

use opendal_core::options::WriteOptions as Options;
use opendal_core::raw::OpWrite;
use opendal_core::raw::oio::{Write as _, Writer};

use super::adapter::{Adapter, check};
use crate::attributes::{Attributes, Condition, WriteOptions};
use crate::error::{Error, Result};
use crate::source::{MAX_PIECE, Source, Written};

/// The size of a part, in bytes, unless an object would have more parts than services take.
const PART: u64 = 8 << 20;
/// As much as an instance has room for while a part waits and the next one grows.
const LARGEST_PART: u64 = 16 << 20;
/// What S3 and those who follow it take.
const PARTS: u64 = 10_000;

impl Adapter {
    pub(super) async fn write(
        &self,
        path: &str,
        body: Source,
        options: WriteOptions,
    ) -> Result<Written> {
        check(path)?;
        if !self.stages {
            return match self.put(path, body, options).await {
                Ok(()) => self.found(path).await.map(Written::Done),
                Err(error) => Err(self.refused(path, error).await),
            };
        }
        let staged = self.stage().await?;
        let put = WriteOptions {
            condition: Condition::Always,
            ..options
        };
        let published = match self.put(&staged, body, put).await {
            Ok(()) => self.publish(&staged, path, &options.condition).await,
            Err(Error::NotFound) => Err(Error::Unavailable(
                "the directory for uploads in progress went away".into(),
            )),
            Err(error) => Err(error),
        };
        self.published(&staged, published).await.map(Written::Done)
    }

    /// Writes under a name; on an error there is a part of it, or nothing, or what was there.
    async fn put(&self, name: &str, body: Source, options: WriteOptions) -> Result<()> {
        let size = body.size();
        let can = self.service().capability_dyn();
        let once = can
            .write_multi_max_size
            .map_or(u64::MAX, |most| most as u64);
        let whole = !can.write_can_multi || size.is_some_and(|size| size <= once);
        let args = self.arguments(options)?;
        self.exchange.begin();
        let mut writer = self
            .service()
            .write_dyn(self.context(), name, args)
            .map_err(|error| self.failure(error))?;
        let written = if whole {
            self.put_whole(&mut writer, body).await
        } else {
            self.put_parts(&mut writer, body).await
        };
        if written.is_err() {
            // What the service began to make of parts; there is nobody to tell that this failed
            // too.
            let _ = writer.abort().await;
        }
        written
    }

    async fn put_whole(&self, writer: &mut Writer, body: Source) -> Result<()> {
        let placeholder = self.exchange.offer(body);
        let written = match writer.write(placeholder.into()).await {
            Ok(()) => writer.close().await.map(drop),
            Err(error) => Err(error),
        };
        let sent = self.exchange.withdraw();
        written.map_err(|error| self.failure(error))?;
        if sent {
            Ok(())
        } else {
            Err(Error::Unsupported(
                "the service does not send the body of an object as it is".into(),
            ))
        }
    }

    async fn put_parts(&self, writer: &mut Writer, body: Source) -> Result<()> {
        let least = self
            .service()
            .capability_dyn()
            .write_multi_min_size
            .unwrap_or(0) as u64;
        let part = body
            .size()
            .map_or(PART, |size| size.div_ceil(PARTS))
            .max(PART)
            .max(least);
        if part > LARGEST_PART {
            return Err(Error::InvalidArgument(format!(
                "the storage takes no more than {PARTS} parts of {LARGEST_PART} bytes"
            )));
        }
        let mut waiting = Vec::with_capacity(part as usize);
        while let Some(piece) = body.read(MAX_PIECE).await? {
            if waiting.len() + piece.len() > part as usize {
                let full = std::mem::replace(&mut waiting, Vec::with_capacity(part as usize));
                writer
                    .write(full.into())
                    .await
                    .map_err(|error| self.failure(error))?;
            }
            waiting.extend(piece);
        }
        writer
            .write(waiting.into())
            .await
            .map_err(|error| self.failure(error))?;
        writer.close().await.map_err(|error| self.failure(error))?;
        Ok(())
    }

    /// What a service is to know besides the bytes, as far as it can.
    fn arguments(&self, options: WriteOptions) -> Result<OpWrite> {
        let can = self.service().capability_dyn();
        let mut asked = Options {
            content_type: options.content_type.filter(|_| can.write_with_content_type),
            ..Options::default()
        };
        match options.condition {
            Condition::Always => {}
            Condition::Absent if can.write_with_if_not_exists => asked.if_not_exists = true,
            Condition::EtagIn(etags) if can.write_with_if_match && etags.len() == 1 => {
                asked.if_match = etags.first().map(|etag| format!("\"{etag}\""));
            }
            Condition::Absent | Condition::EtagIn(_) => {
                return Err(Error::Unsupported(
                    "the service writes without conditions".into(),
                ));
            }
        }
        let (args, _) = OpWrite::from_options(&can, asked).map_err(|error| self.failure(error))?;
        Ok(args)
    }

    /// What is at the destination now; if something went wrong, nothing is left of what was staged.
    pub(super) async fn published(
        &self,
        staged: &str,
        published: Result<Attributes>,
    ) -> Result<Attributes> {
        if published.is_err() {
            // The next write makes the directory again, if somebody has removed it, and looks for
            // what this one left.
            self.staging_made.set(false);
            let _ = self.delete(staged).await;
        }
        published
    }
}
