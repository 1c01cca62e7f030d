//! Values, and what they say: a number that Lua can read, a colon, and the rest as JSON, which Lua
//! only moves. What is read back was checked when it was written, but a server can be edited, so it
//! is checked again.

use callfs_model::error::{Error, Result};
use callfs_model::metadata::{Content, Intent, IntentId, NextObject, Record};
use callfs_model::path::FilePath;
use serde::{Deserialize, Serialize};

use super::failure::damaged;
use crate::object;

/// What is recorded of a path, which is its key, at a revision, which is its number.
#[derive(Serialize, Deserialize)]
struct RedisRow {
    owner: String,
    group: String,
    mode: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    content: Option<ContentRow>,
    #[serde(skip_serializing_if = "Option::is_none")]
    object: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<Box<NextObject>>,
}

#[derive(Serialize, Deserialize)]
struct ContentRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sha256: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    modified: Option<i64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<i64>,
}

/// The JSON of a record.
pub(super) fn body(record: &Record) -> Result<Vec<u8>> {
    let content = record.content.as_ref().map(|content| ContentRow {
        etag: content.etag.clone(),
        content_type: content.content_type.clone(),
        sha256: content.sha256.map(hex::encode),
        modified: content.modified,
        changed: content.changed,
    });
    json(&RedisRow {
        owner: record.owner.clone(),
        group: record.group.clone(),
        mode: record.mode,
        content,
        object: record.object.as_ref().map(object::written),
        next: record.next.clone(),
    })
}

/// The record of a path.
pub(super) fn record(path: FilePath, value: &[u8]) -> Result<Record> {
    let (revision, row): (u64, RedisRow) = numbered(value)?;
    let content = row.content.map(|content| {
        let digest = content.sha256.map(|digest| {
            let mut bytes = [0; 32];
            hex::decode_to_slice(digest, &mut bytes)
                .map(|()| bytes)
                .map_err(|_| damaged("a digest cannot be read"))
        });
        let sha256 = digest.transpose()?;
        Ok::<_, Error>(Content {
            etag: content.etag,
            content_type: content.content_type,
            sha256,
            modified: content.modified,
            changed: content.changed,
        })
    });
    let object = row.object.map(|text| {
        object::read(&text).ok_or_else(|| damaged(&format!("{text:?} names no object")))
    });
    Ok(Record {
        path,
        owner: row.owner,
        group: row.group,
        mode: row.mode,
        content: content.transpose()?,
        object: object.transpose()?,
        next: row.next,
        revision,
    })
}

/// The records of a page: path and value in turn.
pub(super) fn records(page: &[Vec<u8>]) -> Result<Vec<Record>> {
    page.chunks(2)
        .map(|pair| match pair {
            [key, value] => record(path(key)?, value),
            _ => Err(damaged("a record without a value")),
        })
        .collect()
}

/// Intents in the order of their numbers.
pub(super) fn intents(values: Vec<(Vec<u8>, Vec<u8>)>) -> Result<Vec<(IntentId, Intent)>> {
    let mut found = Vec::with_capacity(values.len());
    for (id, value) in values {
        let id: IntentId = id
            .try_into()
            .map_err(|_| damaged("the id of an intent has the wrong length"))?;
        let (position, intent): (u64, Intent) = numbered(&value)?;
        found.push((position, (id, intent)));
    }
    found.sort_by_key(|(position, _)| *position);
    Ok(found.into_iter().map(|(_, intent)| intent).collect())
}

/// A value with its number.
pub(super) fn numbered<'a, T: Deserialize<'a>>(value: &'a [u8]) -> Result<(u64, T)> {
    let colon = value
        .iter()
        .position(|byte| *byte == b':')
        .ok_or_else(|| damaged("a value without a number"))?;
    let number = std::str::from_utf8(&value[..colon])
        .ok()
        .and_then(|digits| digits.parse().ok());
    let number = number.ok_or_else(|| damaged("a value whose number cannot be read"))?;
    Ok((number, parsed(&value[colon + 1..])?))
}

pub(super) fn parsed<'a, T: Deserialize<'a>>(text: &'a [u8]) -> Result<T> {
    serde_json::from_slice(text)
        .map_err(|cause| damaged(&format!("a value cannot be read: {cause}")))
}

pub(super) fn json(value: &impl Serialize) -> Result<Vec<u8>> {
    serde_json::to_vec(value).map_err(Error::internal)
}

fn path(bytes: &[u8]) -> Result<FilePath> {
    let text = std::str::from_utf8(bytes).map_err(Error::internal)?;
    FilePath::parse(text).map_err(|cause| damaged(&format!("{text:?} is not a path: {cause}")))
}
