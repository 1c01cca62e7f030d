//! `PUT`: create or replace a file, by a body or by a copy; a directory, too, by a copy.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use callfs_model::path::FilePath;
use http::Uri;
use http::header::{CONTENT_DISPOSITION, HeaderMap};

use super::copy::Original;
use super::upload;
use crate::content::form::FormBoundary;
use crate::edge::caller::Caller;
use crate::fields::target::RequestTarget;
use crate::fields::{disposition, lines};
use crate::problem::{Problem, Result};
use crate::state::App;

/// `PUT /v1/files/{path}`
pub(super) async fn put(
    Caller(who): Caller,
    target: RequestTarget,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    if let Some(original) = Original::of(&uri)? {
        return original
            .copy(&app, &who, &target, &headers, body, true)
            .await;
    }
    if let Some(boundary) = FormBoundary::of(&headers)? {
        return upload::store_form(&app, &who, &target, &headers, body, &boundary, false).await;
    }
    let path = path(&target, &headers)?;
    upload::store(&app, &who, &path, &headers, body, false).await
}

/// A path that names a directory takes the file's name from `Content-Disposition`, that of the
/// request or, of a form, that of its part.
pub(super) fn path(target: &RequestTarget, headers: &HeaderMap) -> Result<FilePath> {
    if !target.trailing_slash && !target.path.is_root() {
        return Ok(target.path.clone());
    }
    let missing = || {
        let message = "the path names a directory; add the file's name to it, or send \
                       'Content-Disposition: attachment; filename=...'";
        Problem::bad_request(message)
    };
    let name = lines::single(headers, &CONTENT_DISPOSITION)?
        .and_then(disposition::filename)
        .ok_or_else(missing)?;
    upload::named(&target.path, &name, "Content-Disposition")
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_directory_takes_the_name_from_the_header() {
        let named = |text: &str, trailing_slash, disposition: Option<&'static str>| {
            let target = RequestTarget {
                path: FilePath::parse(text).expect("a good path"),
                trailing_slash,
            };
            let header =
                disposition.map(|value| (CONTENT_DISPOSITION, HeaderValue::from_static(value)));
            path(&target, &HeaderMap::from_iter(header))
                .map(|path| path.to_string())
                .ok()
        };
        let name = Some("attachment; filename=\"a.txt\"");
        assert_eq!(named("/d", true, name).as_deref(), Some("/d/a.txt"));
        assert_eq!(named("/", false, name).as_deref(), Some("/a.txt"));
        assert_eq!(named("/d", false, name).as_deref(), Some("/d"));
        for bad in [
            "attachment",
            "attachment; filename=\"../x\"",
            "attachment; filename=..",
            "x; filename=\"\"",
        ] {
            assert_eq!(named("/d", true, Some(bad)), None, "{bad}");
        }
        assert_eq!(named("/d", true, None), None);
    }
}
