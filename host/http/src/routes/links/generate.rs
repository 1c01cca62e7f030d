//! `POST /v1/links/generate`: a new link to a file or a directory.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use callfs_model::error::{Error, ErrorKind};
use callfs_model::identity::Identity;
use callfs_model::path::{FilePath, check_name};
use callfs_model::storage::EntryKind;
use http::header::{CACHE_CONTROL, HeaderMap, HeaderValue, LOCATION};
use http::{StatusCode, Uri};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::{LINKS, LinkDisposition, LinkType, limit, time};
use crate::content::streams;
use crate::edge::caller::Caller;
use crate::fields::json;
use crate::fields::query::Query;
use crate::problem::{Problem, Result};
use crate::routes::download::DOWNLOAD;
use crate::state::{App, LinkOptions, MAX_USES, Terms};

/// Far more than a path and a name take.
const MAX_DOCUMENT: usize = 64 << 10;
const KNOWN: [&str; 6] = [
    "path",
    "expiry_seconds",
    "max_downloads",
    "unlimited",
    "disposition",
    "filename",
];

/// A link to create.
// A field that is `null` is one that is absent; the document does not say so, because every client
// had to handle it.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LinkRequest)]
pub(crate) struct NewLink {
    /// The file or the directory to share. A directory is shared with everything below it, and
    /// needs `unlimited`.
    #[schema(pattern = "^/")]
    path: String,
    /// For how many seconds; the configuration has a maximum, and a default for links without
    /// `unlimited`.
    #[schema(nullable = false, minimum = 1)]
    expiry_seconds: Option<u64>,
    /// How often the file can be downloaded with it; once unless given.
    #[schema(nullable = false, minimum = 1, maximum = 10_000)]
    max_downloads: Option<u32>,
    /// Allow any number of downloads until it expires, without counting them; instead of
    /// `max_downloads`, and together with `expiry_seconds`.
    #[schema(nullable = false)]
    unlimited: Option<bool>,
    /// What a browser does with the files: it saves them unless this is `inline`.
    #[schema(nullable = false)]
    disposition: Option<LinkDisposition>,
    /// The name to save it under, if it is not to be the file's own.
    #[schema(nullable = false, min_length = 1, max_length = 255)]
    filename: Option<String>,
}

/// A link with its token, which no later response has.
#[derive(Serialize, ToSchema)]
pub(crate) struct IssuedLink<'a> {
    /// Names the link where it is looked up or revoked.
    #[schema(pattern = "^[0-9a-f]{32}$")]
    id: &'a str,
    /// Where the file can be downloaded, or the directory listed.
    url: String,
    /// The secret part of the URL.
    token: &'a str,
    /// What it shares.
    #[schema(value_type = String, pattern = "^/")]
    path: &'a FilePath,
    #[serde(rename = "type")]
    #[schema(inline)]
    kind: LinkType,
    disposition: LinkDisposition,
    /// The name to save it under, if it is not the file's own.
    #[schema(required)]
    filename: Option<&'a str>,
    /// When it stops working.
    #[schema(format = DateTime, required)]
    expires: Option<String>,
    /// How often a file can be downloaded with it; `null` if it is unlimited.
    #[schema(required)]
    max_downloads: Option<u32>,
    /// Whether there is no limit of downloads until it expires.
    unlimited: bool,
}

/// `POST /v1/links/generate`
pub(crate) async fn generate(
    Caller(who): Caller,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    Query::none(&uri)?;
    json::check_media_type(&headers, "this")?;
    let settings = app.links.settings();
    let document = parse(&streams::collect(body, MAX_DOCUMENT).await?)?;
    let terms = document.terms(&who, settings.expiry, settings.max_expiry)?;
    let shared = app.engine.permit_share(&who, &terms.path).await?;
    let terms = of_kind(terms, shared.kind)?;
    let (link, token) = app.links.issue(terms).await?;
    let id = hex::encode(link.id);
    // Relative links of a listing hold below the slash.
    let slash = if link.options.directory { "/" } else { "" };
    let issued = IssuedLink {
        id: &id,
        url: format!("{}{DOWNLOAD}{}{slash}", app.external_url, token.reveal()),
        token: token.reveal(),
        path: &link.path,
        kind: LinkType::of(&link.options),
        disposition: LinkDisposition::of(&link.options),
        filename: link.filename.as_deref(),
        expires: time(link.expires),
        max_downloads: limit(&link),
        unlimited: link.options.unlimited,
    };
    let mut response = (StatusCode::CREATED, Json(issued)).into_response();
    let headers = response.headers_mut();
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if let Ok(location) = HeaderValue::try_from(format!("{LINKS}/{id}")) {
        headers.insert(LOCATION, location);
    }
    Ok(response)
}

/// The terms of a link of a file or of a directory, as it turned out.
fn of_kind(mut terms: Terms, kind: EntryKind) -> Result<Terms> {
    let path = &terms.path;
    if kind != EntryKind::Directory {
        return Ok(terms);
    }
    if !terms.options.unlimited {
        let message = format!(
            "'{path}' is a directory; to share everything below it, give 'unlimited' and \
             'expiry_seconds'"
        );
        return Err(Error::new(ErrorKind::IsADirectory, message).into());
    }
    if terms.filename.is_some() {
        let message = format!("'{path}' is a directory, and 'filename' is for files; leave it out");
        return Err(Problem::bad_request(message));
    }
    terms.options.directory = true;
    Ok(terms)
}

fn parse(bytes: &[u8]) -> Result<NewLink> {
    let refused = |error: serde_json::Error| {
        Problem::bad_request(format!("the body is not what makes a link: {error}"))
    };
    let fields: serde_json::Map<String, serde_json::Value> =
        serde_json::from_slice(bytes).map_err(refused)?;
    match fields.keys().find(|name| !KNOWN.contains(&name.as_str())) {
        Some(unknown) => Err(Problem::bad_request(format!(
            "the field '{unknown}' is not known{}",
            nearest(unknown)
        ))),
        None => serde_json::from_value(fields.into()).map_err(refused),
    }
}

/// The name that was meant, or all there are.
fn nearest(name: &str) -> String {
    let near = KNOWN.map(|known| (strsim::normalized_damerau_levenshtein(name, known), known));
    match near.into_iter().max_by(|a, b| a.0.total_cmp(&b.0)) {
        Some((likeness, nearest)) if likeness >= 0.5 => format!("; did you mean '{nearest}'?"),
        _ => format!("; known fields: {}", KNOWN.join(", ")),
    }
}

impl NewLink {
    fn terms(self, maker: &Identity, expiry: Duration, max_expiry: Duration) -> Result<Terms> {
        let path = FilePath::parse(&self.path)
            .map_err(|error| Problem::bad_request(format!("'path': {error}")))?;
        let unlimited = self.unlimited.unwrap_or(false);
        if unlimited && self.max_downloads.is_some() {
            return Err(Problem::bad_request(
                "give either 'max_downloads' or 'unlimited', not both",
            ));
        }
        if unlimited && self.expiry_seconds.is_none() {
            let message = "a link that is 'unlimited' needs an end; give 'expiry_seconds'";
            return Err(Problem::bad_request(message));
        }
        let expiry = self.expiry_seconds.map_or(expiry, Duration::from_secs);
        let longest = max_expiry.as_secs();
        if expiry < Duration::from_secs(1) || expiry > max_expiry {
            let message = format!(
                "'expiry_seconds' is {}; give a number from 1 to {longest}",
                expiry.as_secs()
            );
            return Err(Problem::bad_request(message));
        }
        let max_uses = self.max_downloads.unwrap_or(1);
        if !(1..=MAX_USES).contains(&max_uses) {
            let message =
                format!("'max_downloads' is {max_uses}; give a number from 1 to {MAX_USES}");
            return Err(Problem::bad_request(message));
        }
        let filename = self.filename.map(name).transpose()?;
        Ok(Terms {
            path,
            maker: maker.clone(),
            filename,
            expiry,
            max_uses,
            options: LinkOptions {
                inline: self.disposition == Some(LinkDisposition::Inline),
                unlimited,
                directory: false,
            },
        })
    }
}

fn name(name: String) -> Result<String> {
    if name.contains('/') {
        return Err(Problem::bad_request(
            "'filename' is not a single name: it has a slash",
        ));
    }
    match check_name(&name) {
        Ok(()) => Ok(name),
        Err(error) => Err(Problem::bad_request(format!("'filename': {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn alice() -> Identity {
        Identity {
            subject: "alice".into(),
            groups: vec!["staff".into()],
            admin: false,
            attributes: vec![],
        }
    }

    fn terms(json: &str) -> Result<Terms> {
        parse(json.as_bytes())?.terms(&alice(), Duration::from_secs(60), Duration::from_secs(3600))
    }

    #[test]
    fn reads_what_is_asked_for() {
        let got = terms(r#"{"path": "/a b/%20"}"#).expect("good");
        let expected = Terms {
            path: FilePath::parse("/a b/%20").expect("a good path"),
            maker: alice(),
            filename: None,
            expiry: Duration::from_secs(60),
            max_uses: 1,
            options: LinkOptions::default(),
        };
        assert_eq!(got, expected);
        let json = r#"{
            "path": "/a", "expiry_seconds": 3600, "max_downloads": 10000, "filename": "größe.txt"
        }"#;
        let got = terms(json).expect("good");
        assert_eq!(
            (got.expiry.as_secs(), got.max_uses, got.filename.as_deref()),
            (3600, 10000, Some("größe.txt"))
        );
        let json = r#"{
            "path": "/a", "expiry_seconds": 1, "unlimited": true, "disposition": "inline"
        }"#;
        let options = LinkOptions {
            inline: true,
            unlimited: true,
            directory: false,
        };
        assert_eq!(terms(json).expect("good").options, options);
        let json = r#"{"path": "/a", "unlimited": false, "disposition": "attachment"}"#;
        let got = terms(json).expect("good");
        assert_eq!(got.options, LinkOptions::default());
    }

    #[test]
    fn a_directory_is_shared_without_limit_and_keeps_its_name() {
        let kinds = |json: &str| {
            let of = |kind| of_kind(terms(json).expect(json), kind);
            (of(EntryKind::File), of(EntryKind::Directory))
        };
        let unlimited = r#"{"path": "/a", "expiry_seconds": 1, "unlimited": true}"#;
        let (file, directory) = kinds(unlimited);
        assert!(!file.expect("good").options.directory);
        assert!(directory.expect("good").options.directory);
        for (json, why) in [
            (r#"{"path": "/a", "max_downloads": 7}"#, "give 'unlimited'"),
            (
                r#"{"path": "/a", "expiry_seconds": 1, "unlimited": true, "filename": "b"}"#,
                "'filename' is for files",
            ),
        ] {
            let (file, directory) = kinds(json);
            assert!(!file.expect("good").options.directory);
            let refused = directory.expect_err(json).error().message().to_owned();
            assert!(refused.contains(why), "{refused}");
        }
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let refused = |json: &str| {
            terms(json)
                .map(|_| ())
                .expect_err(json)
                .error()
                .message()
                .to_owned()
        };
        let table = [
            ("", "the body is not what makes a link"),
            ("[]", "the body is not what makes a link"),
            ("{}", "missing field `path`"),
            (r#"{"path": "a"}"#, "'path': a path must start with '/'"),
            (
                r#"{"path": "/a/../b"}"#,
                "'path': the path has a '..' segment",
            ),
            (
                r#"{"path": "/a", "max_download": 2}"#,
                "'max_download' is not known; did you mean 'max_downloads'?",
            ),
            (
                r#"{"path": "/a", "colour": 2}"#,
                "known fields: path, expiry_seconds, max_downloads, unlimited, ",
            ),
            (
                r#"{"path": "/a", "max_downloads": 0}"#,
                "'max_downloads' is 0; give a number from 1 to 10000",
            ),
            (
                r#"{"path": "/a", "max_downloads": 10001}"#,
                "give a number from 1 to 10000",
            ),
            (
                r#"{"path": "/a", "max_downloads": -1}"#,
                "the body is not what makes a link",
            ),
            (
                r#"{"path": "/a", "unlimited": true}"#,
                "needs an end; give 'expiry_seconds'",
            ),
            (
                r#"{"path": "/a", "unlimited": true, "max_downloads": 2, "expiry_seconds": 1}"#,
                "not both",
            ),
            (
                r#"{"path": "/a", "disposition": "embedded"}"#,
                "expected `attachment` or `inline`",
            ),
            (
                r#"{"path": "/a", "expiry_seconds": 0}"#,
                "'expiry_seconds' is 0; give a number from 1 to 3600",
            ),
            (
                r#"{"path": "/a", "expiry_seconds": 3601}"#,
                "give a number from 1 to 3600",
            ),
            (
                r#"{"path": "/a", "expiry_seconds": "1h"}"#,
                "the body is not what makes a link",
            ),
            (
                r#"{"path": "/a", "filename": "a/b"}"#,
                "'filename' is not a single name",
            ),
            (r#"{"path": "/a", "filename": ""}"#, "'filename': "),
            (
                r#"{"path": "/a", "filename": "a\u0007"}"#,
                "'filename': the path has the control character U+0007",
            ),
        ];
        for (json, message) in table {
            assert!(refused(json).contains(message), "{json}: {}", refused(json));
        }
    }
}
