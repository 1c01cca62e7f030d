//! A file or directory as a client sees it: as an entry in JSON, and as headers.

use std::borrow::Cow;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::body::Body;
use axum::response::Response;
use callfs_model::storage::EntryKind;
use http::header::{
    CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderMap, HeaderName, HeaderValue, LAST_MODIFIED,
};
use jiff::Timestamp;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde::Serialize;
use utoipa::ToSchema;

use crate::content::media_types::MediaTypes;
use crate::fields::members::EntryMembers;
use crate::fields::mtime::X_MTIME;
use crate::state::{App, Info};

const X_TYPE: HeaderName = HeaderName::from_static("x-callfs-type");
const X_SIZE: HeaderName = HeaderName::from_static("x-callfs-size");
const X_MODE: HeaderName = HeaderName::from_static("x-callfs-mode");
const X_OWNER: HeaderName = HeaderName::from_static("x-callfs-owner");
const X_GROUP: HeaderName = HeaderName::from_static("x-callfs-group");
const X_INSTANCE_ID: HeaderName = HeaderName::from_static("x-callfs-instance-id");

/// What an entry is.
#[derive(Clone, Copy, Debug, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EntryType {
    File,
    Directory,
    /// Neither: a device, a socket, or the like.
    Special,
}

/// A file or a directory.
#[derive(Serialize, ToSchema)]
#[schema(as = Entry)]
pub(crate) struct EntryDocument<'a> {
    /// The last name of its path; empty for the root.
    pub(crate) name: &'a str,
    /// The path from the root.
    #[schema(pattern = "^/")]
    pub(crate) path: &'a str,
    #[serde(rename = "type")]
    pub(crate) kind: EntryType,
    /// In bytes.
    pub(crate) size: u64,
    /// POSIX permission bits in octal.
    #[schema(pattern = "^[0-7]{4,5}$")]
    pub(crate) mode: String,
    /// The user that owns it.
    pub(crate) owner: &'a str,
    /// The group that owns it.
    pub(crate) group: &'a str,
    /// When it was last changed.
    #[schema(format = DateTime, required)]
    pub(crate) mtime: Option<String>,
    /// As in `ETag`, without the quotes.
    #[schema(required)]
    pub(crate) etag: Option<&'a str>,
    /// SHA-256 of the bytes in hexadecimal digits. Only with `fields=sha256`, and `null` if it is
    /// not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, pattern = "^[0-9a-f]{64}$")]
    pub(crate) sha256: Option<Option<String>>,
    /// The media type of a file. Only with `fields=content_type`, and `null` if it is not a file.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub(crate) content_type: Option<Option<String>>,
}

impl<'a> EntryDocument<'a> {
    /// An entry with more members than each has.
    pub(crate) fn with(info: &'a Info, members: EntryMembers, types: &MediaTypes) -> Self {
        let digest = || info.sha256.map(hex::encode);
        let content_type = || {
            let content_type = content_type(info, types);
            (info.kind == EntryKind::File)
                .then(|| content_type.to_str().map(ToOwned::to_owned).ok())
                .flatten()
        };
        Self {
            sha256: members.sha256.then(digest),
            content_type: members.content_type.then(content_type),
            ..Self::from(info)
        }
    }
}

impl<'a> From<&'a Info> for EntryDocument<'a> {
    fn from(info: &'a Info) -> Self {
        Self {
            name: info.path.name(),
            path: info.path.as_str(),
            kind: info.kind.into(),
            size: info.size,
            mode: mode(info.mode),
            owner: &info.owner,
            group: &info.group,
            mtime: info.modified.and_then(rfc3339),
            etag: info.etag.as_deref(),
            sha256: None,
            content_type: None,
        }
    }
}

/// An empty response with room for every header of a file, so that the map does not grow one by
/// one.
pub(crate) fn response(body: Body) -> Response {
    let mut response = Response::new(body);
    response.headers_mut().reserve(24);
    response
}

/// All that is known about a file or directory, but for the length of its content.
pub(crate) fn add_headers(headers: &mut HeaderMap, info: &Info, app: &App) {
    add_content(headers, info, app);
    add_attributes(headers, info, app);
}

/// What anybody who gets the content may know.
pub(crate) fn add_content(headers: &mut HeaderMap, info: &Info, app: &App) {
    add_validators(headers, info);
    add_form(headers, info, app);
}

/// The form that the content has: its type and its coding.
pub(crate) fn add_form(headers: &mut HeaderMap, info: &Info, app: &App) {
    headers.insert(CONTENT_TYPE, content_type(info, &app.media_types));
    let encoding = info.content_encoding.as_deref().map(HeaderValue::from_str);
    if let Some(Ok(encoding)) = encoding {
        headers.insert(CONTENT_ENCODING, encoding);
    }
}

/// What CallFS knows besides.
pub(crate) fn add_attributes(headers: &mut HeaderMap, info: &Info, app: &App) {
    headers.insert(
        X_TYPE,
        HeaderValue::from_static(EntryType::from(info.kind).as_str()),
    );
    headers.insert(X_SIZE, HeaderValue::from(info.size));
    headers.insert(X_MODE, text(&mode(info.mode)));
    headers.insert(X_OWNER, text(&info.owner));
    headers.insert(X_GROUP, text(&info.group));
    add_time(headers, info);
    headers.insert(X_INSTANCE_ID, app.instance_id.clone());
}

/// What a change has made of something: the version that a condition of the next request names, and
/// its time to the nanosecond.
pub(crate) fn add_outcome(headers: &mut HeaderMap, info: &Info) {
    add_validators(headers, info);
    add_time(headers, info);
}

fn add_time(headers: &mut HeaderMap, info: &Info) {
    if let Some(time) = info.modified.and_then(rfc3339) {
        headers.insert(X_MTIME, text(&time));
    }
}

/// What a later conditional request needs.
pub(crate) fn add_validators(headers: &mut HeaderMap, info: &Info) {
    if let Some(tag) = info.etag.as_deref().and_then(etag) {
        headers.insert(ETAG, tag);
    }
    if let Some(date) = info
        .modified
        .and_then(|time| last_modified(time, SystemTime::now()))
    {
        headers.insert(LAST_MODIFIED, text(&date));
    }
}

/// Never later than `Date` (RFC 9110 section 8.8.2.1), which the server adds after this. Nothing
/// before 1970 can be written as this type does; no file has such a time in practice.
fn last_modified(nanoseconds: i64, now: SystemTime) -> Option<String> {
    let seconds = u64::try_from(nanoseconds / 1_000_000_000).ok()?;
    let time = UNIX_EPOCH + Duration::from_secs(seconds);
    Some(httpdate::fmt_http_date(time.min(now)))
}

/// As stored, else by the name.
fn content_type(info: &Info, types: &MediaTypes) -> HeaderValue {
    match info.kind {
        EntryKind::Directory => HeaderValue::from_static("application/json"),
        EntryKind::Special => HeaderValue::from_static("application/octet-stream"),
        EntryKind::File => {
            let stored = info
                .content_type
                .as_deref()
                .and_then(|stored| HeaderValue::from_str(stored).ok());
            stored.unwrap_or_else(|| types.of(info.path.name()))
        }
    }
}

/// Strong and quoted; none if the storage made one that no header can carry.
fn etag(tag: &str) -> Option<HeaderValue> {
    let fits = tag.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x7e));
    let mut quoted = String::with_capacity(tag.len() + 2);
    quoted.push('"');
    quoted.push_str(tag);
    quoted.push('"');
    if fits {
        HeaderValue::try_from(quoted).ok()
    } else {
        None
    }
}

impl From<EntryKind> for EntryType {
    fn from(kind: EntryKind) -> Self {
        match kind {
            EntryKind::File => Self::File,
            EntryKind::Directory => Self::Directory,
            EntryKind::Special => Self::Special,
        }
    }
}

impl EntryType {
    const fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Special => "special",
        }
    }
}

fn mode(mode: u32) -> String {
    format!("{mode:04o}")
}

/// Nanoseconds since 1970 as RFC 3339 in UTC.
pub(crate) fn rfc3339(nanoseconds: i64) -> Option<String> {
    Timestamp::from_nanosecond(nanoseconds.into())
        .ok()
        .map(|time| time.to_string())
}

/// Text as a header can carry it: percent-encoded where it is not plain ASCII, and `%` itself, so
/// that it reads back.
fn text(value: &str) -> HeaderValue {
    const SET: &AsciiSet = &CONTROLS.add(b'%');
    let encoded = Cow::from(utf8_percent_encode(value, SET));
    HeaderValue::from_str(&encoded).unwrap_or(HeaderValue::from_static(""))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use callfs_model::path::FilePath;

    use super::*;

    fn info() -> Info {
        Info {
            path: FilePath::parse("/d/ä.txt").expect("a good path"),
            kind: EntryKind::File,
            size: 3,
            etag: Some("v1".into()),
            modified: Some(784_111_777_500_000_000),
            mode: 0o644,
            owner: "alice".into(),
            group: "größe".into(),
            content_type: None,
            content_encoding: None,
            sha256: None,
        }
    }

    #[test]
    fn an_entry_reads_as_the_contract_says() {
        let expected = serde_json::json!({
            "name": "ä.txt", "path": "/d/ä.txt", "type": "file", "size": 3, "mode": "0644",
            "owner": "alice",
            "group": "größe", "mtime": "1994-11-06T08:49:37.5Z", "etag": "v1",
        });
        assert_eq!(
            serde_json::to_value(EntryDocument::from(&info())).expect("json"),
            expected
        );
    }

    #[test]
    fn an_entry_has_more_members_where_they_are_asked_for() {
        let members = EntryMembers {
            sha256: true,
            content_type: true,
        };
        let types = MediaTypes::new(&BTreeMap::new()).expect("the built-in types");
        let directory = Info {
            kind: EntryKind::Directory,
            ..info()
        };
        let guessed = info();
        let known = Info {
            content_type: Some("text/x-stored".into()),
            sha256: Some([0xab; 32]),
            ..info()
        };
        for (info, sha256, content_type) in [
            (&directory, serde_json::Value::Null, serde_json::Value::Null),
            (
                &guessed,
                serde_json::Value::Null,
                "text/plain; charset=utf-8".into(),
            ),
            (&known, "ab".repeat(32).into(), "text/x-stored".into()),
        ] {
            let entry = EntryDocument::with(info, members, &types);
            let entry = serde_json::to_value(entry).expect("json");
            assert_eq!(entry["sha256"], sha256);
            assert_eq!(entry["content_type"], content_type);
            assert_eq!(entry.as_object().map(serde_json::Map::len), Some(11));
        }
    }

    #[test]
    fn nothing_was_last_modified_later_than_now() {
        let now = UNIX_EPOCH + Duration::from_secs(784_111_777);
        let at = |seconds: i64| last_modified(seconds * 1_000_000_000, now);
        let present = Some("Sun, 06 Nov 1994 08:49:37 GMT".to_owned());
        assert_eq!(at(784_111_777), present);
        assert_eq!(at(784_111_778), present);
        assert_eq!(last_modified(i64::MAX, now), present);
        assert_eq!(
            at(784_111_776).as_deref(),
            Some("Sun, 06 Nov 1994 08:49:36 GMT")
        );
        assert_eq!(at(-5), None);
    }

    #[test]
    fn headers_carry_any_name() {
        let mut headers = HeaderMap::new();
        add_validators(&mut headers, &info());
        assert_eq!(headers[ETAG], "\"v1\"");
        assert_eq!(headers[LAST_MODIFIED], "Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(text("größe"), "gr%C3%B6%C3%9Fe");
        assert_eq!(text("a b"), "a b");
        assert_eq!(text("a%20"), "a%2520");
        assert_eq!(etag("a\"b"), None);
    }
}
