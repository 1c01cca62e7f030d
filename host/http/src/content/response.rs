//! The content of a file as a response: all of it, one part, or several (RFC 9110 sections 15.3.7
//! and 15.5.17).
//!
//! It comes after the preconditions of a request, whose outcome is not known here. A part is sliced
//! off the file as it was opened; where that cannot be, as with what a component streams, the
//! storage is asked again for just that part of just that version.

use std::ops::Range;
use std::sync::Arc;
use std::time::SystemTime;

use axum::body::Body;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::source::Source;
use callfs_model::storage::ByteRange;
use futures_util::FutureExt;
use futures_util::future::{self, BoxFuture};
use http::StatusCode;
use http::header::{CONTENT_RANGE, HeaderMap, HeaderValue};

use crate::content::multipart;
use crate::content::streams::Download;
use crate::edge::request_id::RequestId;
use crate::fields::if_range::IfRange;
use crate::fields::range::{ByteRanges, Selection};
use crate::problem::Problem;
use crate::state::{App, Info, Redemption};

/// The part of a file that a request wants.
pub(crate) struct RequestedPart {
    ranges: Option<ByteRanges>,
    if_range: Option<IfRange>,
}

/// Who reads a file.
pub(crate) enum Reader {
    /// Somebody who was recognised, and who may.
    Caller(Arc<Identity>),
    /// Whoever has a link, as its maker may; what they get is counted.
    Link(Arc<Identity>, Arc<Redemption>),
}

impl RequestedPart {
    /// Reads the headers.
    pub(crate) fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        Ok(Self {
            ranges: ByteRanges::of(headers)?,
            if_range: IfRange::of(headers)?,
        })
    }

    /// The range if it is a single one that does not depend on the file, for storages that are
    /// asked for each part. With `If-Range` the whole file may be the answer.
    pub(crate) fn single(&self) -> Option<ByteRange> {
        match self.if_range {
            None => self.ranges.as_ref()?.single(),
            Some(_) => None,
        }
    }

    /// The parts of a file to send, none for the whole.
    pub(crate) fn parts(&self, info: &Info, source: &Source) -> Result<Vec<Range<u64>>> {
        // Several parts must be of one version, and without an etag nobody can tell when the
        // storage is asked again.
        let can_send = |ranges: &[Range<u64>]| {
            ranges.len() == 1 || source.is_seekable() || info.etag.is_some()
        };
        match self.select(info, SystemTime::now()) {
            Selection::Nothing => Err(unsatisfiable(info)),
            Selection::Parts(ranges) if can_send(&ranges) => Ok(ranges),
            Selection::Parts(_) | Selection::Whole => Ok(Vec::new()),
        }
    }

    fn select(&self, info: &Info, now: SystemTime) -> Selection {
        let applies = |_: &&ByteRanges| {
            self.if_range
                .as_ref()
                .is_none_or(|condition| condition.holds(info.validators(), now))
        };
        self.ranges
            .as_ref()
            .filter(applies)
            .map_or(Selection::Whole, |ranges| ranges.select(info.size))
    }
}

/// A file as it was opened, for somebody.
pub(crate) struct FileResponse {
    pub(crate) app: Arc<App>,
    pub(crate) reader: Reader,
    pub(crate) info: Info,
    pub(crate) source: Source,
    /// What the source has of the file, if not all.
    pub(crate) opened: Option<Range<u64>>,
}

impl FileResponse {
    /// Puts [parts](RequestedPart::parts) of it, or the whole, into a response that has the headers
    /// of the whole file.
    pub(crate) async fn send(
        self,
        parts: Vec<Range<u64>>,
        mut response: Response,
        id: RequestId,
    ) -> Result<Response> {
        let limit = self.app.idle_timeout;
        let mut body = if parts.is_empty() {
            self.whole().await?
        } else {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            self.parts(parts, response.headers_mut()).await?
        };
        if body.size() == Some(0) {
            // No body is read of an answer without one: whether it is right is to be known before.
            while body.next().await?.is_some() {}
        }
        *response.body_mut() = Body::new(Download::new(body, limit, id));
        Ok(response)
    }

    async fn whole(self) -> Result<Source> {
        if self.opened.is_some() {
            let size = self.info.size;
            return self.into_parts().open(0..size).await;
        }
        Ok(self.carried_from(0))
    }

    /// The source as it was opened, which begins at that byte of the file.
    fn carried_from(self, start: u64) -> Source {
        match self.reader {
            Reader::Caller(_) => self.source,
            Reader::Link(_, redemption) => redemption.carry(self.source, start),
        }
    }

    async fn parts(self, mut ranges: Vec<Range<u64>>, headers: &mut HeaderMap) -> Result<Source> {
        let size = self.info.size;
        if ranges.len() > 1 {
            return multipart::body(self.into_parts(), ranges, size, headers);
        }
        let range = ranges.swap_remove(0);
        headers.insert(CONTENT_RANGE, content_range(&range, size)?);
        if self.opened.as_ref() == Some(&range) {
            return Ok(self.carried_from(range.start));
        }
        self.into_parts().open(range).await
    }

    /// A stream is let go of, because whoever makes it may have to end before anything else can be
    /// opened.
    fn into_parts(self) -> Parts {
        let Self {
            app,
            reader,
            info,
            source,
            opened,
        } = self;
        let (who, redemption) = match reader {
            Reader::Caller(who) => (PartReader::Caller(who), None),
            Reader::Link(maker, redemption) => (PartReader::LinkOf(maker), Some(redemption)),
        };
        let parts = if opened.is_none() && source.is_seekable() {
            Parts::Sliced(source)
        } else {
            Parts::Opened { app, who, info }
        };
        match redemption {
            Some(redemption) => Parts::Counted(Box::new(parts), redemption),
            None => parts,
        }
    }
}

/// Who opens a part.
#[derive(Clone)]
pub(crate) enum PartReader {
    /// Who was recognised.
    Caller(Arc<Identity>),
    /// Whoever has a link of this maker.
    LinkOf(Arc<Identity>),
}

/// Any part of one version of a file.
pub(crate) enum Parts {
    /// Of the file that is open.
    Sliced(Source),
    /// Each opened when it is its turn.
    Opened {
        app: Arc<App>,
        who: PartReader,
        info: Info,
    },
    /// Any of these, counted.
    Counted(Box<Parts>, Arc<Redemption>),
}

impl Parts {
    /// The bytes of a range within the file.
    pub(crate) fn open(&self, range: Range<u64>) -> BoxFuture<'static, Result<Source>> {
        match self {
            Self::Sliced(source) => {
                let part = source
                    .slice(range)
                    .ok_or_else(|| Error::internal("a stream was to be sliced"));
                future::ready(part).boxed()
            }
            Self::Opened { app, who, info } => {
                let app = app.clone();
                let who = who.clone();
                let info = info.clone();
                let open = async move {
                    match who {
                        PartReader::Caller(who) => app.engine.open_part(&who, &info, range).await,
                        PartReader::LinkOf(maker) => {
                            app.engine.open_shared_part(&maker, &info, range).await
                        }
                    }
                };
                open.boxed()
            }
            Self::Counted(parts, redemption) => {
                let part = parts.open(range.clone());
                let redemption = redemption.clone();
                let start = range.start;
                async move { Ok(redemption.carry(part.await?, start)) }.boxed()
            }
        }
    }
}

/// `bytes first-last/size` of a range that is not empty.
pub(crate) fn content_range(range: &Range<u64>, size: u64) -> Result<HeaderValue> {
    let text = format!(
        "bytes {}-{}/{size}",
        range.start,
        range.end.saturating_sub(1)
    );
    HeaderValue::try_from(text).map_err(Error::internal)
}

fn unsatisfiable(info: &Info) -> Error {
    let Info { path, size, .. } = info;
    let message = format!(
        "none of the ranges lies within the {size} bytes of '{path}'; ask for bytes before {size}"
    );
    Error::new(ErrorKind::RangeNotSatisfiable { size: *size }, message)
}
