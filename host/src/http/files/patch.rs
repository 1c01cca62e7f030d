//! `PATCH`: rename, move, or change attributes; one of them per request, and nothing in it that is not understood.

use std::sync::Arc;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use http::Uri;
use http::header::{CONTENT_LOCATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, ErrorKind};
use crate::http::body;
use crate::http::caller::Caller;
use crate::http::entry::{self, Entry};
use crate::http::precondition::Preconditions;
use crate::http::problem::{Problem, Result};
use crate::http::query::Query;
use crate::http::state::{App, AttributeChange, Precondition, RenameOptions};
use crate::http::target::{FILES, Target, url};
use crate::identity::Identity;
use crate::path::FilePath;
use crate::storage::Kind;

/// Far more than a path and a few names take.
const MAX_DOCUMENT: usize = 64 << 10;

/// What the body may say. A field that is `null` is one that is absent.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::http) struct Change {
    /// Another name in the same directory.
    #[schema(pattern = r"^[^/\x00-\x1f\x7f-\x9f]+$")]
    name: Option<String>,
    /// Another path.
    #[schema(pattern = "^/")]
    destination: Option<String>,
    /// With `name` or `destination`: whether a file that is there may be replaced.
    overwrite: Option<bool>,
    /// With `name` or `destination`: whether missing directories on the way are made.
    create_parents: Option<bool>,
    /// POSIX permission bits in octal.
    #[schema(pattern = "^0?[0-7]{3,4}$")]
    mode: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    owner: Option<String>,
    #[schema(min_length = 1, max_length = 255)]
    group: Option<String>,
}

/// Where something is after a move.
#[derive(Serialize, ToSchema)]
pub(in crate::http) struct Moved {
    #[schema(value_type = String, pattern = "^/")]
    path: FilePath,
}

/// What it asks for.
#[derive(Debug)]
enum Wanted {
    Rename { destination: FilePath, overwrite: bool, create_parents: bool },
    Change(AttributeChange),
}

/// `PATCH /v1/files/{path}`
pub(super) async fn patch(
    Caller(who): Caller,
    target: Target,
    Preconditions(precondition): Preconditions,
    State(app): State<Arc<App>>,
    uri: Uri,
    headers: HeaderMap,
    body: Body,
) -> Result<Response> {
    Query::none(&uri)?;
    check_media_type(&headers)?;
    let wanted = parse(&body::collect(body, MAX_DOCUMENT).await?)?.wanted(&target.path)?;
    if target.trailing_slash && app.engine.stat(&who, &target.path).await?.kind != Kind::Directory {
        let message = format!("'{}' is a file; give its path without the slash at the end", target.path);
        return Err(Error::new(ErrorKind::NotADirectory, message).into());
    }
    match wanted {
        Wanted::Rename { destination, overwrite, create_parents } => {
            let options = RenameOptions { destination, overwrite, create_parents, precondition };
            let path = app.engine.rename(&who, &target.path, options).await?;
            let location = HeaderValue::try_from(url(FILES, &path));
            let mut response = Json(Moved { path }).into_response();
            if let Ok(location) = location {
                response.headers_mut().insert(CONTENT_LOCATION, location);
            }
            Ok(response)
        }
        Wanted::Change(change) => change_attributes(&app, &who, &target.path, change, &precondition).await,
    }
}

async fn change_attributes(
    app: &Arc<App>,
    who: &Identity,
    path: &FilePath,
    change: AttributeChange,
    precondition: &Precondition,
) -> Result<Response> {
    let info = app.engine.change_attributes(who, path, change, precondition).await?;
    let mut response = Json(Entry::from(&info)).into_response();
    entry::add_validators(response.headers_mut(), &info);
    Ok(response)
}

impl Change {
    fn wanted(self, path: &FilePath) -> Result<Wanted> {
        let changes = [("mode", self.mode.is_some()), ("owner", self.owner.is_some()), ("group", self.group.is_some())];
        let details = [("overwrite", self.overwrite.is_some()), ("create_parents", self.create_parents.is_some())];
        let given = |fields: &[(&'static str, bool)]| fields.iter().find(|(_, given)| *given).map(|(name, _)| *name);

        let destination = match (self.name, self.destination) {
            (Some(_), Some(_)) => return Err(Problem::bad_request("give either 'name' or 'destination', not both")),
            (Some(name), None) => Some(beside(path, &name)?),
            (None, Some(text)) => Some(destination(&text)?),
            (None, None) => None,
        };
        if let Some(destination) = destination {
            if let Some(field) = given(&changes) {
                let message = format!("'{field}' cannot be changed together with the path; send two requests");
                return Err(Problem::bad_request(message));
            }
            if path.is_root() {
                return Err(Problem::bad_request("the root directory cannot be moved"));
            }
            let (overwrite, create_parents) = (self.overwrite.unwrap_or(false), self.create_parents.unwrap_or(false));
            return Ok(Wanted::Rename { destination, overwrite, create_parents });
        }
        if let Some(field) = given(&details) {
            return Err(Problem::bad_request(format!("'{field}' goes with 'name' or 'destination'")));
        }
        if given(&changes).is_none() {
            let expected = "give one of 'name' and 'destination', or any of 'mode', 'owner' and 'group'";
            return Err(Problem::bad_request(format!("the body asks for nothing; {expected}")));
        }
        let mode = self.mode.map(|text| mode(&text)).transpose()?;
        let owner = self.owner.map(|name| principal("owner", name)).transpose()?;
        let group = self.group.map(|name| principal("group", name)).transpose()?;
        Ok(Wanted::Change(AttributeChange { mode, owner, group }))
    }
}

fn parse(bytes: &[u8]) -> Result<Change> {
    // Fields could be given by their order alone, as an array, and nobody could read what was meant.
    if !bytes.trim_ascii_start().starts_with(b"{") {
        return Err(Problem::bad_request("the body is not what PATCH takes: give a JSON object"));
    }
    serde_json::from_slice(bytes)
        .map_err(|error| Problem::bad_request(format!("the body is not what PATCH takes: {error}")))
}

/// JSON, or nothing said about it.
fn check_media_type(headers: &HeaderMap) -> Result<()> {
    let Some(given) = headers.get(CONTENT_TYPE) else { return Ok(()) };
    let essence = given.to_str().unwrap_or_default().split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    // The second is what RFC 7396 calls a document like ours, the third what curl says of any body.
    const JSON: [&str; 3] = ["application/json", "application/merge-patch+json", "application/x-www-form-urlencoded"];
    if JSON.contains(&essence.as_str()) {
        return Ok(());
    }
    Err(Problem::bad_request("PATCH takes JSON; send 'Content-Type: application/json'"))
}

/// Another name in the same directory.
fn beside(path: &FilePath, name: &str) -> Result<FilePath> {
    if name.is_empty() || name.contains('/') {
        let message = format!("'{name}' is not a single name; to move to another directory, give 'destination'");
        return Err(Problem::bad_request(message));
    }
    Ok(path.parent().unwrap_or_else(FilePath::root).join(name)?)
}

/// JSON carries any text, so nothing is percent-decoded here; it is as canonical as a path in a URL, or refused.
fn destination(text: &str) -> Result<FilePath> {
    FilePath::parse(text).map_err(|error| Problem::bad_request(format!("'destination': {error}")))
}

/// Octal digits: a number in JSON would be read as decimal by one and as octal by another.
fn mode(text: &str) -> Result<u32> {
    let is_octal = (3..=5).contains(&text.len()) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let mode = u32::from_str_radix(text, 8).ok().filter(|mode| is_octal && *mode <= 0o7777);
    mode.ok_or_else(|| Problem::bad_request(format!("'mode' is '{text}'; give octal digits such as \"0644\"")))
}

fn principal(field: &str, name: String) -> Result<String> {
    let bad = name.is_empty() || name.len() > 255 || name.chars().any(char::is_control);
    let message = || format!("'{field}' is not a name: it is empty, too long or has control characters");
    if bad { Err(Problem::bad_request(message())) } else { Ok(name) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(json: &str) -> Result<Wanted> {
        parse(json.as_bytes())?.wanted(&FilePath::parse("/d/a").expect("a good path"))
    }

    fn moved(json: &str) -> (String, bool, bool) {
        match wanted(json).expect(json) {
            Wanted::Rename { destination, overwrite, create_parents } => {
                (destination.to_string(), overwrite, create_parents)
            }
            Wanted::Change(_) => panic!("{json} is no rename"),
        }
    }

    #[test]
    fn reads_a_rename_and_a_move() {
        assert_eq!(moved(r#"{"name": "b"}"#), ("/d/b".into(), false, false));
        assert_eq!(moved(r#"{"destination": "/e/%20/b/", "overwrite": true}"#), ("/e/%20/b".into(), true, false));
        assert_eq!(moved(r#"{"destination": "/ä", "create_parents": true}"#), ("/ä".into(), false, true));
    }

    #[test]
    fn reads_attributes() {
        let Wanted::Change(change) = wanted(r#"{"mode": "0640", "group": "staff"}"#).expect("a change") else {
            panic!("no rename")
        };
        assert_eq!((change.mode, change.owner, change.group.as_deref()), (Some(0o640), None, Some("staff")));
    }

    #[test]
    fn refuses_what_it_does_not_understand() {
        let refused = |json: &str| wanted(json).map(|_| ()).expect_err(json).error().message().to_owned();
        let table = [
            ("{}", "the body asks for nothing"),
            (r#"["b", null, null, null, null, null, null]"#, "give a JSON object"),
            (r#"{"name": "b", "destination": "/c"}"#, "not both"),
            (r#"{"name": "b", "mode": "0644"}"#, "send two requests"),
            (r#"{"mode": "0644", "overwrite": true}"#, "goes with"),
            (r#"{"name": "b", "nmae": "c"}"#, "unknown field `nmae`"),
            (r#"{"name": "../b"}"#, "not a single name"),
            (r#"{"name": ".."}"#, "'..' segment"),
            (r#"{"destination": "/x/../y"}"#, "'destination': the path has a '..' segment"),
            (r#"{"destination": "y"}"#, "must start with '/'"),
            (r#"{"mode": "0999"}"#, "octal digits"),
            (r#"{"mode": "17777"}"#, "octal digits"),
            (r#"{"mode": 420}"#, "expected a string"),
            (r#"{"owner": ""}"#, "not a name"),
            ("[]", "the body is not what PATCH takes"),
            ("", "the body is not what PATCH takes"),
        ];
        for (json, message) in table {
            assert!(refused(json).contains(message), "{json}: {}", refused(json));
        }
    }
}
