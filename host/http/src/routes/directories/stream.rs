//! A listing as a stream: each entry as soon as it is found, at the speed of whoever reads them.
//!
//! How an entry is written is the business of a [`Format`]. Before each page of names it is asked
//! again who the caller is, because a reader may take as long as they like.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::request;
use callfs_model::source::Source;
use futures_util::stream::{self, Stream, StreamExt, try_unfold};
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;

use crate::content::streams::Download;
use crate::edge::caller::ShownCredentials;
use crate::edge::request_id::RequestId;
use crate::state::{App, Filter, Info, ListOptions, MatchingEffort, Walk};

/// How many entries go out together, if they are there already: nothing waits for another.
const TOGETHER: usize = 64;

/// Bytes of an entry, for most of them.
const ENTRY: usize = 256;

/// Adds an entry to what is there.
pub(super) type WriteEntry = Box<dyn Fn(&Info, &mut Vec<u8>) -> Result<()> + Send + Sync>;
/// Says that there is more after a path.
pub(super) type WriteNext = Box<dyn Fn(&FilePath, &mut Vec<u8>) -> Result<()> + Send>;
/// How many entries are looked at after the last one that the limit lets through, until it is said
/// that there may be more.
const MAX_BEYOND: usize = 10_000;

/// How a listing is written.
pub(super) struct Format {
    /// What comes before the first entry.
    pub(super) before: Vec<u8>,
    /// One entry, added to what is there.
    pub(super) entry: WriteEntry,
    /// That there is more after a path, where a limit cuts the listing there.
    pub(super) next: WriteNext,
    /// What comes at the end; a reader of it has everything that was asked for.
    pub(super) after: &'static [u8],
}

/// Who reads a listing.
pub(crate) struct ListingReader {
    pub(crate) who: Arc<Identity>,
    pub(crate) shown: ShownCredentials,
}

/// A listing under way.
struct ListingStream {
    app: Arc<App>,
    reader: ListingReader,
    /// How many pages the walk had begun when the caller was last identified.
    pages: u64,
    entry: WriteEntry,
    next: WriteNext,
    walk: Walk,
    /// What was found before there was a response.
    first: Option<Info>,
    directory: FilePath,
    filter: Filter,
    effort: MatchingEffort,
    left: Option<usize>,
    /// Where a listing that is cut would go on: after the last entry that was found.
    cursor: Option<FilePath>,
    /// How many were found since the limit was reached.
    beyond: usize,
    /// It was said that there is more.
    is_cut: bool,
}

/// The body of such a response; no limit without `limit`, whatever the options say. A failure
/// before the first entry is an error, any later one cuts the response short.
pub(super) async fn body(
    app: &Arc<App>,
    reader: ListingReader,
    directory: FilePath,
    options: ListOptions,
    limit: Option<usize>,
    request_id: RequestId,
    format: Format,
) -> Result<Body> {
    let Format {
        before,
        entry,
        next,
        after,
    } = format;
    let (walk, first) = app
        .engine
        .walk_all(
            &reader.who,
            &directory,
            options.depth(),
            options.after.as_ref(),
        )
        .await?;
    let entries = ListingStream {
        app: app.clone(),
        reader,
        pages: walk.pages(),
        entry,
        next,
        walk,
        first,
        directory,
        filter: options.filter,
        effort: MatchingEffort::default(),
        left: limit,
        cursor: None,
        beyond: 0,
        is_cut: false,
    };
    let pieces = stream::iter([Ok(before)])
        .chain(produced(entries))
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

/// The entries of a listing, found by a task of its own: a client that reads slowly polls nothing,
/// and what the listing waits for meanwhile, as a turn at the metadata store, would be kept from
/// others.
fn produced(mut listing: ListingStream) -> impl Stream<Item = Result<Vec<u8>>> + Send {
    let (pieces, received) = mpsc::channel(TOGETHER);
    let producing = async move {
        loop {
            let piece = listing.next().await;
            let goes_on = matches!(piece, Ok(Some(_)));
            if pieces.send(piece).await.is_err() || !goes_on {
                break;
            }
        }
    };
    let producer = AbortOnDropHandle::new(tokio::spawn(request::for_current(producing)));
    try_unfold((received, producer), |(mut received, producer)| async {
        let lost = || Error::internal("the task that lists ended before the listing");
        let piece = received.recv().await.ok_or_else(lost)??;
        Ok(piece.map(|piece| (piece, (received, producer))))
    })
}

impl ListingStream {
    /// The next entry; an empty piece for what is not wanted, so that a search that finds little is
    /// seen to go on.
    async fn next(&mut self) -> Result<Option<Vec<u8>>> {
        if self.is_cut {
            return Ok(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.walk.next().await?,
        };
        self.identify().await?;
        let Some(info) = next else { return Ok(None) };
        let mut piece = Vec::with_capacity(ENTRY);
        let wanted = self.filter.takes(&self.directory, &info, &mut self.effort);
        let wanted = wanted.await;
        match (&self.cursor, self.left) {
            (Some(cursor), Some(0)) => {
                // It is complete unless something else is wanted, but looking for that has an end.
                self.beyond += 1;
                if wanted || self.beyond == MAX_BEYOND {
                    self.is_cut = true;
                    (self.next)(cursor, &mut piece)?;
                }
            }
            _ if wanted => {
                self.left = self.left.map(|left| left - 1);
                (self.entry)(&info, &mut piece)?;
            }
            _ => {}
        }
        self.cursor = Some(info.path);
        Ok(Some(piece))
    }
}

impl ListingStream {
    /// Looks again at who reads this, if another page was begun.
    async fn identify(&mut self) -> Result<()> {
        let pages = self.walk.pages();
        if std::mem::replace(&mut self.pages, pages) == pages {
            return Ok(());
        }
        let who = self.reader.shown.identify(&self.app).await?;
        if who.subject != self.reader.who.subject {
            let message = "the credentials are another caller's now";
            return Err(Error::new(ErrorKind::Unauthenticated, message));
        }
        if who != self.reader.who {
            self.walk.go_on_as(&who);
            self.reader.who = who;
        }
        Ok(())
    }
}

/// Several pieces as one, and the failure that ends them, if one does: what came before it still
/// goes out.
fn together(pieces: Vec<Result<Vec<u8>>>) -> impl Iterator<Item = Result<Bytes>> {
    let size = pieces.iter().flatten().map(Vec::len).sum();
    let mut one = Vec::with_capacity(size);
    let mut failure = None;
    for piece in pieces {
        match piece {
            Ok(piece) => one.extend(piece),
            Err(error) => failure = Some(Err(error)),
        }
    }
    std::iter::once(Ok(one.into())).chain(failure)
}
