//! What creating and replacing a file have in common: everything that can be refused is refused
//! before the first byte of the body is read, which is also what makes the server say `100
//! Continue`.

use std::sync::Arc;

use axum::body::Body;
use axum::response::Response;
use callfs_model::identity::Identity;
use callfs_model::path::FilePath;
use callfs_model::source::Source;
use http::header::{
    CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION,
};
use http::{HeaderName, StatusCode};

use crate::content::form::{FormBoundary, FormFile, MAX_ENVELOPE};
use crate::content::{entry, streams};
use crate::fields::media_type::{self, MAX_MEDIA_TYPE};
use crate::fields::target::{FILES, RequestTarget, url};
use crate::fields::{digest, lines, mtime, precondition};
use crate::problem::{Problem, Result};
use crate::state::{AdmittedPut, App, PutOptions, StoredFile};

/// Stores a body under a path.
pub(super) async fn store(
    app: &Arc<App>,
    who: &Identity,
    path: &FilePath,
    headers: &HeaderMap,
    body: Body,
    create_only: bool,
) -> Result<Response> {
    let size = streams::announced_size(&body);
    let checked = async {
        let options = options(headers, create_only)?;
        Ok(app.engine.admit_put(who, path, size, options).await?)
    };
    match checked.await {
        Ok(admitted) => receive(app, who, admitted, headers, streams::into_source(body)).await,
        Err(problem) => {
            streams::discard(body);
            Err(problem)
        }
    }
}

/// Stores the file in a form, in a directory under the name that the form gives, or under the path
/// that it has.
pub(super) async fn store_form(
    app: &Arc<App>,
    who: &Identity,
    target: &RequestTarget,
    headers: &HeaderMap,
    body: Body,
    boundary: &FormBoundary,
    create_only: bool,
) -> Result<Response> {
    // No file is larger than its form, and none much smaller.
    let size = streams::announced_size(&body).map(|size| size.saturating_sub(MAX_ENVELOPE));
    let is_named = !target.trailing_slash && !target.path.is_root();
    let checked = async {
        let options = form_options(headers, create_only)?;
        let admitted = if is_named {
            let admitted = app
                .engine
                .admit_put(who, &target.path, size, options.clone());
            Some(admitted.await?)
        } else {
            None
        };
        Ok((options, admitted))
    };
    let (options, admitted) = match checked.await {
        Ok(checked) => checked,
        Err(problem) => {
            streams::discard(body);
            return Err(problem);
        }
    };
    let file = FormFile::open(streams::into_source(body), boundary).await?;
    let content_type = match &file.media_type {
        Some(given) => kept_type(given)?,
        None => None,
    };
    let admitted = match admitted {
        Some(admitted) => admitted.with_content_type(content_type),
        None => {
            let path = named(&target.path, &file.name, "the form")?;
            let options = PutOptions {
                content_type,
                ..options
            };
            app.engine.admit_put(who, &path, size, options).await?
        }
    };
    receive(app, who, admitted, headers, file.bytes).await
}

async fn receive(
    app: &Arc<App>,
    who: &Identity,
    admitted: AdmittedPut,
    headers: &HeaderMap,
    bytes: Source,
) -> Result<Response> {
    let stored = app.engine.receive(who, admitted, bytes).await?;
    let mut response = created(&stored);
    digest::add(response.headers_mut(), &stored.info, headers);
    Ok(response)
}

/// The path of a file in a directory, under a name that came with it.
pub(super) fn named(directory: &FilePath, name: &str, source: &str) -> Result<FilePath> {
    if name.is_empty() || name.contains('/') {
        let message = format!("the file name '{name}' of {source} is not a single name");
        return Err(Problem::bad_request(message));
    }
    Ok(directory.join(name)?)
}

/// 201 with the location of what is new, or 200.
pub(super) fn created(stored: &StoredFile) -> Response {
    let mut response = entry::response(Body::empty());
    entry::add_outcome(response.headers_mut(), &stored.info);
    if stored.created {
        *response.status_mut() = StatusCode::CREATED;
        if let Ok(location) = HeaderValue::try_from(url(FILES, &stored.info.path)) {
            response.headers_mut().insert(LOCATION, location);
        }
    }
    response
}

fn options(headers: &HeaderMap, create_only: bool) -> Result<PutOptions> {
    // RFC 9110 section 14.5: a part must not be stored as if it were the whole.
    refuse(headers, CONTENT_RANGE, "a file is stored whole")?;
    // The bytes are kept as they come and given back without that header, so they would turn into
    // something else.
    let is_coded = lines::members(headers, &CONTENT_ENCODING)
        .any(|coding| !coding.eq_ignore_ascii_case(b"identity"));
    if is_coded {
        refuse(headers, CONTENT_ENCODING, "bytes are stored as they are")?;
    }
    Ok(PutOptions {
        create_only,
        precondition: precondition::of(headers)?,
        content_type: content_type(headers)?,
        digests: digest::announced(headers)?,
        modified: mtime::of(headers)?,
    })
}

/// The media type is that of the part, which is not read yet. `Repr-Digest` is about the file, as
/// it is given back; of the whole body no digest is made.
fn form_options(headers: &HeaderMap, create_only: bool) -> Result<PutOptions> {
    let why = "the digest of a form is not verified; give that of the file in 'repr-digest'";
    refuse(headers, digest::CONTENT_DIGEST, why)?;
    let options = options(headers, create_only)?;
    Ok(PutOptions {
        content_type: None,
        ..options
    })
}

fn refuse(headers: &HeaderMap, name: HeaderName, why: &str) -> Result<()> {
    if headers.contains_key(&name) {
        return Err(Problem::bad_request(format!(
            "{why}; send the request without '{name}'"
        )));
    }
    Ok(())
}

/// As given; none if it is to be guessed from the name.
fn content_type(headers: &HeaderMap) -> Result<Option<String>> {
    match lines::single(headers, &CONTENT_TYPE)? {
        Some(given) => kept_type(given),
        None => Ok(None),
    }
}

/// What is kept of a media type.
pub(super) fn kept_type(given: &HeaderValue) -> Result<Option<String>> {
    if given.len() > MAX_MEDIA_TYPE {
        let message = format!(
            "the header 'content-type' is longer than the {MAX_MEDIA_TYPE} bytes that are kept"
        );
        return Err(Problem::bad_request(message));
    }
    let refused =
        || Problem::bad_request("the header 'content-type' is not a media type such as text/plain");
    let text = given.to_str().map_err(|_| refused())?.trim();
    let essence = media_type::essence(text).ok_or_else(refused)?;
    // What curl says of every --data-binary; it says nothing of the file. Neither does a range of
    // types, which belongs in Accept, say what the bytes are.
    let says_nothing = text.eq_ignore_ascii_case("application/x-www-form-urlencoded")
        || media_type::is_range(essence);
    Ok((!says_nothing).then(|| text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::super::put;
    use super::*;
    use crate::fields::json;

    /// Whether a request with these header lines is refused by what reads the field.
    type Refuses = fn(&HeaderMap) -> bool;

    fn as_upload(headers: &HeaderMap) -> bool {
        options(headers, false).is_err()
    }

    fn as_json(headers: &HeaderMap) -> bool {
        json::check_media_type(headers, "this").is_err()
    }

    fn as_name(headers: &HeaderMap) -> bool {
        let target = RequestTarget {
            path: FilePath::root(),
            trailing_slash: false,
        };
        put::path(&target, headers).is_err()
    }

    /// Fields that can refuse a request for their value: a line that passes alone, one that does
    /// not, and what reads them.
    #[test]
    fn every_line_of_what_can_refuse_is_read() {
        let table: [(&str, &str, &str, Refuses); 10] = [
            ("content-encoding", "identity", "gzip", as_upload),
            ("content-encoding", "identity", "identity, gzip", as_upload),
            ("content-type", "text/plain", "nonsense", as_upload),
            ("content-type", "application/json", "text/plain", as_json),
            ("content-digest", "md5=:AAAA:", "sha-256=1", as_upload),
            ("repr-digest", "md5=:AAAA:", "sha-256=1", as_upload),
            ("x-callfs-mtime", "784111777", "yesterday", as_upload),
            ("if-match", "\"a\"", "a", as_upload),
            ("if-none-match", "\"a\"", "a", as_upload),
            (
                "content-disposition",
                "attachment; filename=a",
                "attachment; filename=../b",
                as_name,
            ),
        ];
        for (name, good, bad, refuses) in table {
            let with = |lines: &[&'static str]| {
                let mut headers = HeaderMap::new();
                for line in lines {
                    headers.append(name, HeaderValue::from_static(line));
                }
                refuses(&headers)
            };
            assert!(!with(&[good]), "{name}: {good}");
            for lines in [[good, bad], [bad, good]] {
                assert!(with(&lines), "{name}: {lines:?}");
            }
        }
    }

    #[test]
    fn takes_a_media_type_or_guesses_later() {
        let parse = |text: &'static str| {
            content_type(&HeaderMap::from_iter([(
                CONTENT_TYPE,
                HeaderValue::from_static(text),
            )]))
        };
        for good in [
            "text/plain",
            "text/plain; charset=utf-8",
            "application/vnd.x+json",
        ] {
            assert_eq!(parse(good).expect(good).as_deref(), Some(good));
        }
        assert_eq!(
            parse("application/x-www-form-urlencoded").expect("known"),
            None
        );
        for range in ["*/*", "image/*", "*/*; q=0.8"] {
            assert_eq!(parse(range).expect(range), None, "{range}");
        }
        assert_eq!(content_type(&HeaderMap::new()).expect("absent"), None);
        for bad in ["", "text", "/", "text/", "a b/c", "text/pl ain"] {
            assert!(parse(bad).is_err(), "{bad}");
        }
        let long = |length: usize| {
            HeaderValue::try_from(format!("text/{}", "x".repeat(length - 5))).expect("a value")
        };
        let parse = |value| content_type(&HeaderMap::from_iter([(CONTENT_TYPE, value)]));
        assert!(parse(long(MAX_MEDIA_TYPE)).is_ok() && parse(long(MAX_MEDIA_TYPE + 1)).is_err());
    }

    #[test]
    fn never_stores_a_part_or_an_encoding_as_the_whole() {
        let refused = |name: HeaderName, value: &'static str| {
            options(
                &HeaderMap::from_iter([(name, HeaderValue::from_static(value))]),
                false,
            )
            .is_err()
        };
        assert!(refused(CONTENT_RANGE, "bytes 0-1/3"));
        assert!(refused(CONTENT_ENCODING, "gzip"));
        assert!(refused(CONTENT_ENCODING, "identity, gzip"));
        assert!(!refused(CONTENT_ENCODING, "identity"));
        assert!(!refused(CONTENT_ENCODING, "Identity, identity"));
    }
}
