//! A listing as a stream: each entry as soon as it is found, at the speed of whoever reads them.
//!
//! How an entry is written is the business of a [`Format`].

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use callfs_model::error::Result;
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use futures_util::stream::{self, StreamExt, try_unfold};

use crate::content::streams::Download;
use crate::edge::request_id::RequestId;
use crate::state::{App, Filter, Info, ListOptions, MatchingEffort, Walk};

/// How many entries go out together, if they are there already: nothing waits for another.
const TOGETHER: usize = 64;

/// How a listing is written.
pub(super) struct Format {
    /// What comes before the first entry.
    pub(super) before: Vec<u8>,
    /// One entry, added to what is there.
    pub(super) entry: fn(&Info, &mut Vec<u8>) -> Result<()>,
    /// What comes after the last entry; whoever reads it has all of them.
    pub(super) after: &'static [u8],
}

/// A listing under way.
struct ListingStream {
    entry: fn(&Info, &mut Vec<u8>) -> Result<()>,
    walk: Walk,
    /// What was found before there was a response.
    first: Option<Info>,
    directory: FilePath,
    filter: Filter,
    effort: MatchingEffort,
    left: Option<usize>,
}

/// The body of such a response; no limit without `limit`, whatever the options say. A failure
/// before the first entry is an error, any later one cuts the response short.
pub(super) async fn body(
    app: &Arc<App>,
    who: &Identity,
    directory: FilePath,
    options: ListOptions,
    limit: Option<usize>,
    request_id: RequestId,
    format: Format,
) -> Result<Body> {
    let Format {
        before,
        entry,
        after,
    } = format;
    let (_, mut walk) = app
        .engine
        .walk(who, &directory, options.depth(), options.after.as_ref())
        .await?;
    let first = walk.next().await?;
    let entries = ListingStream {
        entry,
        walk,
        first,
        directory,
        filter: options.filter,
        effort: MatchingEffort::default(),
        left: limit,
    };
    let pieces = try_unfold(entries, ListingStream::next);
    let pieces = stream::iter([Ok(before)])
        .chain(pieces)
        .chain(stream::iter([Ok(after.to_vec())]));
    let pieces = pieces
        .ready_chunks(TOGETHER)
        .flat_map(|pieces| stream::iter(together(pieces)));
    let source = Source::from_stream(pieces.boxed(), None);
    Ok(Body::new(Download::new(
        source,
        app.idle_timeout,
        request_id,
    )))
}

impl ListingStream {
    /// The next entry; an empty piece for what is not wanted, so that a search that finds little is
    /// seen to go on.
    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.walk.next().await?,
        };
        let Some(info) = next else { return Ok(None) };
        let mut piece = Vec::new();
        let wanted = self.filter.takes(&self.directory, &info, &mut self.effort);
        if wanted.await {
            self.left = self.left.map(|left| left - 1);
            (self.entry)(&info, &mut piece)?;
        }
        Ok(Some((piece, self)))
    }
}

/// Several pieces as one, and the failure that ends them, if one does: what came before it still
/// goes out.
fn together(pieces: Vec<Result<Vec<u8>>>) -> impl Iterator<Item = Result<Bytes>> {
    let mut one = Vec::new();
    let mut failure = None;
    for piece in pieces {
        match piece {
            Ok(piece) => one.extend(piece),
            Err(error) => failure = Some(Err(error)),
        }
    }
    std::iter::once(Ok(one.into())).chain(failure)
}
