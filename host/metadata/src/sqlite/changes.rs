//! Carries out changes, one statement after the other, in a transaction that somebody else began
//! and will end.

use callfs_model::metadata::{Change, Intent, IntentId, LeaseId, Record, fenced, unexpected};
use callfs_model::path::FilePath;
use rusqlite::{Connection, params};

use super::failure::SqliteOutcome;
use super::file::{execute, row};
use crate::object;
use crate::sql::{
    ASIDE, SqlFailure, begun_before, below, below_key, columns, depth, next, too_long,
};

/// Carries out all of the changes in order. `revision` is the last one that was given.
pub(super) fn carry_out(
    connection: &Connection,
    changes: &[Change],
    revision: &mut i64,
) -> SqliteOutcome {
    for change in changes {
        match change {
            Change::Put(record) => {
                *revision += 1;
                put(connection, record, *revision)?;
            }
            Change::Remove(path) => remove(connection, path)?,
            Change::RemoveTree(path) => remove_tree(connection, path)?,
            Change::Rename { from, to } => {
                *revision += 1;
                rename(connection, from, to, *revision)?;
            }
            Change::Exchange { one, other } => {
                *revision += 1;
                exchange(connection, one, other, *revision)?;
            }
            Change::Begin(id, intent) => begin(connection, id, intent)?,
            Change::End(id) => end(connection, id)?,
            Change::Expect { path, revision } => expect(connection, path, *revision)?,
            Change::Under(lease) => refuse_fenced(connection, lease)?,
            Change::Fence(lease) => fence(connection, lease)?,
        }
    }
    Ok(())
}

fn put(connection: &Connection, record: &Record, revision: i64) -> rusqlite::Result<()> {
    let content = record.content.as_ref();
    let put = "REPLACE INTO records (path, depth, owner, \"group\", mode, has_content, etag, \
               content_type, sha256, modified, changed, object, next, revision) VALUES (?, ?, ?, \
               ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    let values = params![
        record.path.as_str().as_bytes(),
        depth(&record.path),
        record.owner,
        record.group,
        record.mode,
        content.is_some(),
        content.and_then(|content| content.etag.as_deref()),
        content.and_then(|content| content.content_type.as_deref()),
        content.and_then(|content| content.sha256.as_ref().map(<[u8; 32]>::as_slice)),
        content.and_then(|content| content.modified),
        content.and_then(|content| content.changed),
        record.object.as_ref().map(object::written),
        next(record).map_err(rusqlite::Error::ToSqlConversionFailure)?,
        revision,
    ];
    execute(connection, put, values)?;
    Ok(())
}

fn remove(connection: &Connection, path: &FilePath) -> rusqlite::Result<()> {
    let remove = "DELETE FROM records WHERE path = ?";
    execute(connection, remove, [path.as_str().as_bytes()])?;
    Ok(())
}

/// Deletes what is strictly below a path.
pub(super) const REMOVE_BELOW: &str = "DELETE FROM records WHERE path > ? AND path < ?";

fn remove_tree(connection: &Connection, path: &FilePath) -> rusqlite::Result<()> {
    remove(connection, path)?;
    let (lower, upper) = below(path);
    execute(connection, REMOVE_BELOW, [lower, upper])?;
    Ok(())
}

/// Re-keys what is strictly below a path. `substr` counts bytes in a blob, and `||` makes a text of
/// blobs without touching their bytes, which the cast turns back.
pub(super) const RENAME_BELOW: &str = "UPDATE records SET path = CAST(? || substr(path, ?) AS \
                                       BLOB), depth = depth + ?, revision = ? WHERE path > ? AND \
                                       path < ?";

fn rename(connection: &Connection, from: &FilePath, to: &FilePath, revision: i64) -> SqliteOutcome {
    if from == to {
        return Ok(());
    }
    refuse_too_long(connection, from, to)?;
    remove_tree(connection, to)?;
    // Neither is the root: `Change::check` refused that, since every path is within it.
    let deeper = depth(to) - depth(from);
    re_key(connection, from.as_str(), to.as_str(), deeper, revision)?;
    Ok(())
}

fn exchange(
    connection: &Connection,
    one: &FilePath,
    other: &FilePath,
    revision: i64,
) -> SqliteOutcome {
    if one == other {
        return Ok(());
    }
    refuse_too_long(connection, one, other)?;
    refuse_too_long(connection, other, one)?;
    let deeper = depth(other) - depth(one);
    re_key(connection, one.as_str(), ASIDE, deeper, revision)?;
    re_key(connection, other.as_str(), one.as_str(), -deeper, revision)?;
    re_key(connection, ASIDE, other.as_str(), 0, revision)?;
    Ok(())
}

/// Moves a tree to where nothing is.
fn re_key(
    connection: &Connection,
    from: &str,
    to: &str,
    deeper: i64,
    revision: i64,
) -> rusqlite::Result<()> {
    let source = from.as_bytes();
    let target = to.as_bytes();
    let rename = "UPDATE records SET path = ?, depth = depth + ?, revision = ? WHERE path = ?";
    execute(
        connection,
        rename,
        params![target, deeper, revision, source],
    )?;
    let (lower, upper) = below_key(from);
    let first = source.len() as i64 + 1;
    let values = params![target, first, deeper, revision, lower, upper];
    execute(connection, RENAME_BELOW, values)?;
    Ok(())
}

/// The longest path below `from` has to fit below `to` as well.
fn refuse_too_long(connection: &Connection, from: &FilePath, to: &FilePath) -> SqliteOutcome {
    if to.as_str().len() <= from.as_str().len() {
        return Ok(());
    }
    let (lower, upper) = below(from);
    let longest = "SELECT max(length(path)) FROM records WHERE path > ? AND path < ?";
    let longest = row(connection, longest, [lower, upper], |row| row.get(0))?;
    too_long(from, to, longest.flatten())
        .map_or(Ok(()), |refused| Err(SqlFailure::Refused(refused)))
}

fn begin(connection: &Connection, id: &IntentId, intent: &Intent) -> SqliteOutcome {
    let (kind, source, target) = columns(intent);
    let begin =
        "INSERT INTO intents (id, kind, source, target) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    match execute(connection, begin, params![id, kind, source, target])? {
        0 => Err(SqlFailure::Refused(begun_before(id))),
        _ => Ok(()),
    }
}

fn end(connection: &Connection, id: &IntentId) -> rusqlite::Result<()> {
    execute(connection, "DELETE FROM intents WHERE id = ?", [id])?;
    Ok(())
}

fn expect(connection: &Connection, path: &FilePath, revision: Option<u64>) -> SqliteOutcome {
    let find = "SELECT revision FROM records WHERE path = ?";
    let found = row(connection, find, [path.as_str().as_bytes()], |row| {
        row.get(0)
    })?;
    if found.map(i64::cast_unsigned) == revision {
        Ok(())
    } else {
        Err(SqlFailure::Refused(unexpected(path)))
    }
}

fn refuse_fenced(connection: &Connection, lease: &LeaseId) -> SqliteOutcome {
    let find = "SELECT 1 FROM fences WHERE lease = ?";
    let found = row(connection, find, [lease], |_| Ok(()))?;
    found.map_or(Ok(()), |()| Err(SqlFailure::Refused(fenced())))
}

fn fence(connection: &Connection, lease: &LeaseId) -> rusqlite::Result<()> {
    let fence = "INSERT INTO fences (lease) VALUES (?) ON CONFLICT DO NOTHING";
    execute(connection, fence, [lease])?;
    Ok(())
}
