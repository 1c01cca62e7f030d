//! A listing as a stream: one entry a line, each as soon as it is found, at the speed of whoever reads them.

use std::sync::Arc;

use axum::body::Body;
use bytes::Bytes;
use futures_util::stream::{self, StreamExt, try_unfold};

use crate::error::{Error, Result};
use crate::http::body::Download;
use crate::http::entry::Entry;
use crate::http::request_id::RequestId;
use crate::http::state::{App, Filter, Info, ListOptions, Walk};
use crate::identity::Identity;
use crate::path::FilePath;
use crate::source::Source;

/// How many lines go out together, if they are there already: nothing waits for another.
const TOGETHER: usize = 64;

/// A listing under way.
struct Lines {
    walk: Walk,
    /// What was found before there was a response.
    first: Option<Info>,
    directory: FilePath,
    filter: Filter,
    left: Option<usize>,
}

/// The body of a stream of entries; no limit without `limit`, whatever the options say. A failure before the first
/// entry is an error, any later one cuts the response short.
pub(super) async fn body(
    app: &Arc<App>,
    who: &Identity,
    directory: FilePath,
    options: ListOptions,
    limit: Option<usize>,
    request_id: RequestId,
) -> Result<Body> {
    let (_, mut walk) = app.engine.walk(who, &directory, options.depth(), options.after.as_ref()).await?;
    let first = walk.next().await?;
    let lines = Lines { walk, first, directory, filter: options.filter, left: limit };
    let pieces = try_unfold(lines, Lines::next).ready_chunks(TOGETHER);
    let pieces = pieces.flat_map(|lines| stream::iter(together(lines)));
    let source = Source::from_stream(pieces.boxed(), None);
    Ok(Body::new(Download::new(source, app.idle_timeout, request_id)))
}

impl Lines {
    /// The next line; an empty one for what is not wanted, so that a search that finds little is seen to go on.
    async fn next(mut self) -> Result<Option<(Vec<u8>, Self)>> {
        if self.left == Some(0) {
            return Ok(None);
        }
        let next = match self.first.take() {
            Some(first) => Some(first),
            None => self.walk.next().await?,
        };
        let Some(info) = next else { return Ok(None) };
        let mut line = Vec::new();
        if self.filter.takes(&self.directory, &info) {
            self.left = self.left.map(|left| left - 1);
            serde_json::to_writer(&mut line, &Entry::from(&info)).map_err(Error::internal)?;
            line.push(b'\n');
        }
        Ok(Some((line, self)))
    }
}

/// Lines as one piece, and the failure that ends them, if one does: what came before it still goes out.
fn together(lines: Vec<Result<Vec<u8>>>) -> impl Iterator<Item = Result<Bytes>> {
    let (mut piece, mut failure) = (Vec::new(), None);
    for line in lines {
        match line {
            Ok(line) => piece.extend(line),
            Err(error) => failure = Some(Err(error)),
        }
    }
    std::iter::once(Ok(piece.into())).chain(failure)
}
