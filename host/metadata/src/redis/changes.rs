//! Changes as the arguments of their script, and what its answer means.

use std::sync::LazyLock;

use ::redis::{Script, ScriptInvocation};
use callfs_model::error::{Error, ErrorKind, Result};
use callfs_model::metadata::{Change, fenced, unexpected};
use callfs_model::path::{FilePath, MAX_PATH, PathError};

use super::failure::damaged;
use super::keys::RedisKeys;
use super::row::{body, json};
use crate::Touched;

static SCRIPT: LazyLock<Script> = LazyLock::new(|| Script::new(include_str!("changes.lua")));

/// The script that carries out all of the changes.
pub(super) fn script(keys: &RedisKeys, changes: &[Change]) -> Result<ScriptInvocation<'static>> {
    let touched = Touched::of(changes);
    let notifications = if touched.is_empty() {
        Vec::new()
    } else {
        json(&touched)?
    };
    let mut script = SCRIPT.prepare_invoke();
    for name in [
        "records", "paths", "levels", "intents", "fences", "revision",
    ] {
        script.key(keys.of(name));
    }
    script.arg(keys.channel()).arg(notifications).arg(MAX_PATH);
    for change in changes {
        let (name, first, second) = arguments(change)?;
        script.arg(name).arg(first).arg(second);
    }
    Ok(script)
}

fn arguments(change: &Change) -> Result<(&'static str, Vec<u8>, Vec<u8>)> {
    let bytes = |path: &FilePath| path.as_str().as_bytes().to_vec();
    Ok(match change {
        Change::Put(record) => ("put", bytes(&record.path), body(record)?),
        Change::Remove(path) => ("remove", bytes(path), Vec::new()),
        Change::RemoveTree(path) => ("remove_tree", bytes(path), Vec::new()),
        Change::Rename { from, to } => ("rename", bytes(from), bytes(to)),
        Change::Exchange { one, other } => ("exchange", bytes(one), bytes(other)),
        Change::Begin(id, intent) => ("begin", id.to_vec(), json(intent)?),
        Change::End(id) => ("end", id.to_vec(), Vec::new()),
        Change::Expect { path, revision } => (
            "expect",
            bytes(path),
            revision
                .map(|revision| revision.to_string().into_bytes())
                .unwrap_or_default(),
        ),
        Change::Under(lease) => ("under", lease.to_vec(), Vec::new()),
        Change::Fence(lease) => ("fence", lease.to_vec(), Vec::new()),
    })
}

/// Why which change was refused, if one was.
pub(super) fn outcome(changes: &[Change], answer: &[String]) -> Result<()> {
    let [why, position, detail] = answer else {
        return if answer.is_empty() {
            Ok(())
        } else {
            Err(damaged("its script answers something else"))
        };
    };
    let refused = position
        .parse::<usize>()
        .ok()
        .and_then(|position| changes.get(position));
    Err(match (why.as_str(), refused) {
        ("fenced", _) => fenced(),
        ("unexpected", Some(Change::Expect { path, .. })) => unexpected(path),
        ("begun", Some(Change::Begin(id, _))) => Error::new(
            ErrorKind::AlreadyExists,
            format!("the intent {} was begun before", hex::encode(id)),
        ),
        ("too long", Some(Change::Rename { from, to })) => {
            let why = PathError::TooLong(detail.parse().unwrap_or(MAX_PATH));
            Error::new(
                ErrorKind::BadRequest,
                format!("cannot move {from} to {to}: {why}"),
            )
        }
        ("too long", Some(Change::Exchange { one, other })) => {
            let why = PathError::TooLong(detail.parse().unwrap_or(MAX_PATH));
            Error::new(
                ErrorKind::BadRequest,
                format!("cannot exchange {one} and {other}: {why}"),
            )
        }
        _ => damaged("its script refuses something else"),
    })
}

/// The bounds, both exclusive, of everything below a directory.
pub(super) fn below(directory: &FilePath) -> (Vec<u8>, Vec<u8>) {
    let prefix = if directory.is_root() {
        ""
    } else {
        directory.as_str()
    };
    (
        format!("{prefix}/").into_bytes(),
        format!("{prefix}0").into_bytes(),
    )
}
