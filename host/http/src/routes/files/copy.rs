//! What `POST` and `PUT` have in common when they copy: `?from=/source` names what is already here,
//! so nothing is sent.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::storage::EntryKind;
use http::header::{CONTENT_ENCODING, CONTENT_RANGE, HeaderMap};
use http::{HeaderName, Uri};
use http_body::Body as _;

use super::upload;
use crate::content::streams;
use crate::fields::query::Query;
use crate::fields::target::RequestTarget;
use crate::fields::{digest, mtime, precondition};
use crate::problem::{Problem, Result};
use crate::state::{App, CopyOptions};

const FROM: &str = "from";

/// What is to be copied.
pub(super) struct Original {
    path: FilePath,
    /// It was written with a slash at its end, so a directory is meant.
    trailing_slash: bool,
}

impl Original {
    /// The source that the query names, if this request is a copy; refuses every other parameter.
    pub(super) fn of(uri: &Uri) -> Result<Option<Self>> {
        let query = Query::of(uri, &[FROM])?;
        let Some(text) = query.text(FROM) else {
            return Ok(None);
        };
        let refused =
            |error| Problem::bad_request(format!("the query parameter '{FROM}': {error}"));
        let path = FilePath::parse(text).map_err(refused)?;
        Ok(Some(Self {
            trailing_slash: text.len() > 1 && text.ends_with('/'),
            path,
        }))
    }

    /// Copies it to a target. The headers may hold preconditions about what is there, and nothing
    /// about a body.
    pub(super) async fn copy(
        &self,
        app: &Arc<App>,
        who: &Identity,
        target: &RequestTarget,
        headers: &HeaderMap,
        body: Body,
        overwrite: bool,
    ) -> Result<Response> {
        if let Err(problem) = bodiless(headers, &body) {
            streams::discard(body);
            return Err(problem);
        }
        if self.trailing_slash || target.trailing_slash {
            self.expect_directory(app, who).await?;
        }
        let options = CopyOptions {
            overwrite,
            precondition: precondition::of(headers)?,
            modified: mtime::of(headers)?,
        };
        let stored = app
            .engine
            .copy(who, &self.path, &target.path, options)
            .await?;
        let mut response = upload::created(&stored);
        digest::add(response.headers_mut(), &stored.info, headers);
        Ok(response)
    }

    async fn expect_directory(&self, app: &Arc<App>, who: &Identity) -> Result<()> {
        if app.engine.stat(who, &self.path).await?.kind == EntryKind::Directory {
            return Ok(());
        }
        let message = format!(
            "'{}' is a file; give the paths without a slash at the end",
            self.path
        );
        Err(Error::new(ErrorKind::NotADirectory, message).into())
    }
}

/// What describes a body that is not there would be ignored, and nothing is. A media type is one
/// exception, because many clients send one with every request; the copy has that of its source.
fn bodiless(headers: &HeaderMap, body: &Body) -> Result<()> {
    if !body.is_end_stream() {
        let message =
            format!("a copy takes its bytes from '{FROM}'; send the request without a body");
        return Err(Problem::bad_request(message));
    }
    let about_a_body = [
        CONTENT_RANGE,
        CONTENT_ENCODING,
        HeaderName::from_static("content-digest"),
        HeaderName::from_static("repr-digest"),
    ];
    match about_a_body.iter().find(|name| headers.contains_key(*name)) {
        Some(name) => {
            let message = format!(
                "the header '{name}' is about a body, and a copy has none; send the request \
                 without it"
            );
            Err(Problem::bad_request(message))
        }
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn reads_the_source_once_decoded() {
        let of = |query: &str| {
            let original = Original::of(&format!("/v1/files/b?{query}").parse().expect("a uri"));
            original.map(|original| {
                original.map(|original| (original.path.to_string(), original.trailing_slash))
            })
        };
        let found = |path: &str, slash| Some((path.to_owned(), slash));
        assert_eq!(of("").expect("none"), None);
        assert_eq!(of("from=/a").expect("a path"), found("/a", false));
        assert_eq!(
            of("from=%2Fa%20b%2F%252e/").expect("a path"),
            found("/a b/%2e", true)
        );
        assert_eq!(of("from=/").expect("the root"), found("/", false));
        for bad in [
            "from=",
            "from=a",
            "from=/a/../b",
            "from=/a&from=/b",
            "from=/a&x=1",
            "from=//",
        ] {
            assert!(of(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn takes_no_body_and_nothing_about_one() {
        let refused = |name: &'static str| {
            let headers = HeaderMap::from_iter([(
                HeaderName::from_static(name),
                HeaderValue::from_static("x"),
            )]);
            bodiless(&headers, &Body::empty()).is_err()
        };
        for name in [
            "content-range",
            "content-encoding",
            "content-digest",
            "repr-digest",
        ] {
            assert!(refused(name), "{name}");
        }
        assert!(!refused("content-type") && !refused("if-match"));
        assert!(bodiless(&HeaderMap::new(), &Body::from("x")).is_err());
    }
}
