//! Which part of a listing a client wants, and where the next one is.

use std::fmt::Write;

use callfs_model::path::FilePath;
use http::header::{HeaderMap, HeaderValue, LINK};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use crate::fields::accept::Shape;
use crate::fields::members::EntryMembers;
use crate::fields::query::Query;
use crate::fields::target::url;
use crate::problem::{Problem, Result};

const DEFAULT_LIMIT: usize = 1_000;
/// Of a document; a stream may be of any length.
const MAX_LIMIT: usize = 10_000;

/// A part of a listing.
pub(crate) struct PageQuery {
    /// How many entries; none for no limit.
    pub(super) limit: Option<usize>,
    pub(super) after: Option<FilePath>,
    /// What its entries have more than others.
    pub(super) members: EntryMembers,
    /// The query of the request without its cursor, as the next page's begins.
    kept: String,
}

impl PageQuery {
    /// The query parameters that choose it.
    pub(crate) const PARAMETERS: [&str; 3] = ["limit", "after", EntryMembers::PARAMETER];

    /// The page of a directory that the query asks for.
    pub(crate) fn of(query: &Query, directory: &FilePath, shape: Shape) -> Result<Self> {
        let limit = match (query.text("limit"), shape) {
            (Some("0"), Shape::Json) => {
                return Err(Problem::bad_request(format!(
                    "the query parameter 'limit' is '0', and only a stream goes without a limit; \
                     ask for one with 'Accept: application/x-ndjson', or give a number from 1 to \
                     {MAX_LIMIT}"
                )));
            }
            (_, Shape::Json) => query.number("limit", 1..=MAX_LIMIT)?,
            (_, Shape::Lines | Shape::Html) => query.number("limit", 0..=usize::MAX)?,
        };
        // Readers of a stream or of a page of links take it for all there is.
        let default = match shape {
            Shape::Json => DEFAULT_LIMIT,
            Shape::Lines | Shape::Html => 0,
        };
        let limit = Some(limit.unwrap_or(default)).filter(|limit| *limit > 0);
        let refused = || {
            let message = "the query parameter 'after' is no cursor of this directory; take it \
                           from 'next' or the Link header";
            Problem::bad_request(message)
        };
        let after = query
            .text("after")
            .map(|text| FilePath::parse(text).map_err(|_| refused()))
            .transpose()?;
        let members = EntryMembers::of(query)?;
        match after {
            Some(after) if !after.is_within(directory) || after == *directory => Err(refused()),
            after => Ok(Self {
                limit,
                after,
                members,
                kept: kept(query),
            }),
        }
    }

    /// What the entries have more than others.
    pub(crate) fn members(&self) -> EntryMembers {
        self.members
    }

    /// RFC 8288: where the next page is, with the other parameters as they were.
    pub(crate) fn add_next(
        &self,
        headers: &mut HeaderMap,
        prefix: &str,
        path: &FilePath,
        next: Option<&FilePath>,
    ) {
        let Some(next) = next else { return };
        let url = url(prefix, path);
        let query = self.continued()(next);
        if let Ok(link) = HeaderValue::try_from(format!("<{url}{query}>; rel=\"next\"")) {
            headers.insert(LINK, link);
        }
    }

    /// Makes the query of what comes after a cursor, with the other parameters as they were.
    pub(super) fn continued(&self) -> impl Fn(&FilePath) -> String + Send + use<> {
        let kept = self.kept.clone();
        move |next| format!("?{kept}after={}", encode(next.as_str()))
    }
}

fn kept(query: &Query) -> String {
    let mut kept = String::new();
    for (name, value) in query.iter().filter(|(name, _)| *name != "after") {
        // Writing into a string does not fail.
        let _ = write!(kept, "{}={}&", encode(name), encode(value));
    }
    kept
}

/// So that it reads back whatever it holds, `+` and `&` included.
fn encode(text: &str) -> impl std::fmt::Display {
    const SET: &percent_encoding::AsciiSet = &NON_ALPHANUMERIC
        .remove(b'-')
        .remove(b'.')
        .remove(b'_')
        .remove(b'~');
    utf8_percent_encode(text, SET)
}

#[cfg(test)]
mod tests {
    use http::Uri;

    use super::*;
    use crate::fields::target::FILES;

    fn path(text: &str) -> FilePath {
        FilePath::parse(text).expect("a good path")
    }

    fn page(query: &str, directory: &str, shape: Shape) -> Result<PageQuery> {
        let uri: Uri = format!("/?{query}").parse().expect("a uri");
        let query = Query::of(&uri, &["limit", "after", "glob", "recursive"]).expect("known");
        PageQuery::of(&query, &path(directory), shape)
    }

    #[test]
    fn the_link_to_the_next_page_reads_back() {
        let mut headers = HeaderMap::new();
        let directory = path("/a b>");
        let next = path("/a b>/ä+&=%");
        let first = page(
            "limit=7&glob=%2A%2A%2F%C3%A4%2B%26%3D+%3E&recursive&after=/a%20b%3E/x",
            "/a b>",
            Shape::Json,
        );
        first
            .expect("a page")
            .add_next(&mut headers, FILES, &directory, Some(&next));
        let link = headers[LINK]
            .to_str()
            .expect("text")
            .strip_prefix('<')
            .expect("a target")
            .to_owned();
        let (target, rest) = link.split_once('>').expect("a target");
        assert!(target.starts_with("/v1/files/a%20b%3E?"), "{target}");
        assert_eq!(rest, "; rel=\"next\"");
        let uri: Uri = target.parse().expect("a uri");
        let query = Query::of(&uri, &["limit", "after", "glob", "recursive"]).expect("known");
        let page = PageQuery::of(&query, &directory, Shape::Json).expect("a page");
        assert_eq!((page.limit, page.after), (Some(7), Some(next)));
        assert_eq!(
            (query.text("glob"), query.text("recursive")),
            (Some("**/ä+&= >"), Some(""))
        );
    }

    #[test]
    fn a_cursor_belongs_to_its_directory() {
        for (after, good) in [
            ("/d/x", true),
            ("/d/x/y", true),
            ("/d", false),
            ("/dx", false),
            ("x", false),
        ] {
            assert_eq!(
                page(&format!("after={after}"), "/d", Shape::Json).is_ok(),
                good,
                "{after}"
            );
        }
    }

    #[test]
    fn only_a_stream_goes_without_a_limit_and_does_unless_asked() {
        let limit = |query: &str, shape| page(query, "/d", shape).map(|page| page.limit).ok();
        assert_eq!(limit("", Shape::Json), Some(Some(1000)));
        assert_eq!(limit("", Shape::Lines), Some(None));
        assert_eq!(limit("limit=0", Shape::Json), None);
        assert_eq!(limit("limit=0", Shape::Lines), Some(None));
        assert_eq!(limit("limit=10001", Shape::Json), None);
        assert_eq!(limit("limit=10001", Shape::Lines), Some(Some(10001)));
        assert_eq!(limit("limit=-1", Shape::Lines), None);
        assert_eq!(limit("", Shape::Html), Some(None));
        assert_eq!(limit("limit=5", Shape::Html), Some(Some(5)));
    }
}
