//! Carries out changes, one statement after the other, in a transaction that somebody else began
//! and will end.

use callfs_model::metadata::{Change, Intent, IntentId, LeaseId, Record, fenced, unexpected};
use callfs_model::path::FilePath;
use sqlx::SqliteConnection;

use crate::object;
use crate::sql::{SqlFailure, begun_before, below, columns, depth, next, too_long};

/// Carries out all of the changes in order. `revision` is the last one that was given.
pub(super) async fn carry_out(
    connection: &mut SqliteConnection,
    changes: &[Change],
    revision: &mut i64,
) -> Result<(), SqlFailure> {
    for change in changes {
        match change {
            Change::Put(record) => {
                *revision += 1;
                put(connection, record, *revision).await?;
            }
            Change::Remove(path) => remove(connection, path).await?,
            Change::RemoveTree(path) => remove_tree(connection, path).await?,
            Change::Rename { from, to } => {
                *revision += 1;
                rename(connection, from, to, *revision).await?;
            }
            Change::Begin(id, intent) => begin(connection, id, intent).await?,
            Change::End(id) => end(connection, id).await?,
            Change::Expect { path, revision } => expect(connection, path, *revision).await?,
            Change::Under(lease) => refuse_fenced(connection, lease).await?,
            Change::Fence(lease) => fence(connection, lease).await?,
        }
    }
    Ok(())
}

async fn put(
    connection: &mut SqliteConnection,
    record: &Record,
    revision: i64,
) -> Result<(), sqlx::Error> {
    let content = record.content.as_ref();
    let put = "REPLACE INTO records (path, depth, owner, \"group\", mode, has_content, etag, \
               content_type, sha256, modified, changed, object, next, revision) VALUES (?, ?, ?, \
               ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
    sqlx::query(put)
        .bind(record.path.as_str().as_bytes())
        .bind(depth(&record.path))
        .bind(&record.owner)
        .bind(&record.group)
        .bind(record.mode)
        .bind(content.is_some())
        .bind(content.and_then(|content| content.etag.as_deref()))
        .bind(content.and_then(|content| content.content_type.as_deref()))
        .bind(
            content
                .and_then(|content| content.sha256.as_ref())
                .map(|digest| digest.as_slice()),
        )
        .bind(content.and_then(|content| content.modified))
        .bind(content.and_then(|content| content.changed))
        .bind(record.object.as_ref().map(object::written))
        .bind(next(record)?)
        .bind(revision)
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(connection: &mut SqliteConnection, path: &FilePath) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM records WHERE path = ?")
        .bind(path.as_str().as_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes what is strictly below a path.
pub(super) const REMOVE_BELOW: &str = "DELETE FROM records WHERE path > ? AND path < ?";

async fn remove_tree(
    connection: &mut SqliteConnection,
    path: &FilePath,
) -> Result<(), sqlx::Error> {
    remove(connection, path).await?;
    let (lower, upper) = below(path);
    sqlx::query(REMOVE_BELOW)
        .bind(lower)
        .bind(upper)
        .execute(connection)
        .await?;
    Ok(())
}

/// Re-keys what is strictly below a path. `substr` counts bytes in a blob, and `||` makes a text of
/// blobs without touching their bytes, which the cast turns back.
pub(super) const RENAME_BELOW: &str = "UPDATE records SET path = CAST(? || substr(path, ?) AS \
                                       BLOB), depth = depth + ?, revision = ? WHERE path > ? AND \
                                       path < ?";

async fn rename(
    connection: &mut SqliteConnection,
    from: &FilePath,
    to: &FilePath,
    revision: i64,
) -> Result<(), SqlFailure> {
    if from == to {
        return Ok(());
    }
    refuse_too_long(connection, from, to).await?;
    remove_tree(connection, to).await?;
    sqlx::query("UPDATE records SET path = ?, depth = ?, revision = ? WHERE path = ?")
        .bind(to.as_str().as_bytes())
        .bind(depth(to))
        .bind(revision)
        .bind(from.as_str().as_bytes())
        .execute(&mut *connection)
        .await?;
    // Neither is the root: `Change::check` refused that, since every path is within it.
    let (lower, upper) = below(from);
    sqlx::query(RENAME_BELOW)
        .bind(to.as_str().as_bytes())
        .bind(from.as_str().len() as i64 + 1)
        .bind(depth(to) - depth(from))
        .bind(revision)
        .bind(lower)
        .bind(upper)
        .execute(connection)
        .await?;
    Ok(())
}

/// The longest path below `from` has to fit below `to` as well.
async fn refuse_too_long(
    connection: &mut SqliteConnection,
    from: &FilePath,
    to: &FilePath,
) -> Result<(), SqlFailure> {
    if to.as_str().len() <= from.as_str().len() {
        return Ok(());
    }
    let (lower, upper) = below(from);
    let longest: Option<i64> =
        sqlx::query_scalar("SELECT max(length(path)) FROM records WHERE path > ? AND path < ?")
            .bind(lower)
            .bind(upper)
            .fetch_one(connection)
            .await?;
    too_long(from, to, longest).map_or(Ok(()), |refused| Err(SqlFailure::Refused(refused)))
}

async fn begin(
    connection: &mut SqliteConnection,
    id: &IntentId,
    intent: &Intent,
) -> Result<(), SqlFailure> {
    let (kind, source, target) = columns(intent);
    let begin =
        "INSERT INTO intents (id, kind, source, target) VALUES (?, ?, ?, ?) ON CONFLICT DO NOTHING";
    let begun = sqlx::query(begin)
        .bind(id.as_slice())
        .bind(kind)
        .bind(source)
        .bind(target)
        .execute(connection)
        .await?;
    match begun.rows_affected() {
        0 => Err(SqlFailure::Refused(begun_before(id))),
        _ => Ok(()),
    }
}

async fn end(connection: &mut SqliteConnection, id: &IntentId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM intents WHERE id = ?")
        .bind(id.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

async fn expect(
    connection: &mut SqliteConnection,
    path: &FilePath,
    revision: Option<u64>,
) -> Result<(), SqlFailure> {
    let found: Option<i64> = sqlx::query_scalar("SELECT revision FROM records WHERE path = ?")
        .bind(path.as_str().as_bytes())
        .fetch_optional(connection)
        .await?;
    if found.map(i64::cast_unsigned) == revision {
        Ok(())
    } else {
        Err(SqlFailure::Refused(unexpected(path)))
    }
}

async fn refuse_fenced(
    connection: &mut SqliteConnection,
    lease: &LeaseId,
) -> Result<(), SqlFailure> {
    let found: Option<i64> = sqlx::query_scalar("SELECT 1 FROM fences WHERE lease = ?")
        .bind(lease.as_slice())
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(()), |_| Err(SqlFailure::Refused(fenced())))
}

async fn fence(connection: &mut SqliteConnection, lease: &LeaseId) -> Result<(), sqlx::Error> {
    let fence = "INSERT INTO fences (lease) VALUES (?) ON CONFLICT DO NOTHING";
    sqlx::query(fence)
        .bind(lease.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}
