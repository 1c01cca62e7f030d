//! Carries out changes, one statement after the other, in a transaction that somebody else began
//! and will end.

use callfs_model::error::{Error, ErrorKind};
use callfs_model::metadata::{Change, Intent, IntentId, LeaseId, Record, fenced, unexpected};
use callfs_model::path::FilePath;
use sqlx::PgConnection;

use crate::object;
use crate::sql::{
    ASIDE, SqlFailure, begun_before, below, below_key, columns, depth, next, too_long,
};

/// Carries out all of the changes in order. `revision` is the last one that was given.
pub(super) async fn carry_out(
    connection: &mut PgConnection,
    changes: &[Change],
    revision: &mut i64,
) -> Result<(), SqlFailure<sqlx::Error>> {
    for change in changes {
        match change {
            Change::Put(record) => {
                *revision += 1;
                let content = record.content.as_ref();
                let texts = content.map_or([None, None], |content| {
                    [content.etag.as_deref(), content.content_type.as_deref()]
                });
                let object = record.object.as_ref().map(|object| &*object.object);
                speakable(
                    texts
                        .into_iter()
                        .flatten()
                        .chain(object)
                        .chain([&*record.owner, &*record.group]),
                )?;
                put(connection, record, *revision).await?;
            }
            Change::Remove(path) => remove(connection, path).await?,
            Change::RemoveTree(path) => remove_tree(connection, path).await?,
            Change::Rename { from, to } => {
                *revision += 1;
                rename(connection, from, to, *revision).await?;
            }
            Change::Exchange { one, other } => {
                *revision += 1;
                exchange(connection, one, other, *revision).await?;
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

/// A text in PostgreSQL holds no NUL, and whoever brings one is not to fail the others.
pub(super) fn speakable<'a>(
    texts: impl IntoIterator<Item = &'a str>,
) -> Result<(), SqlFailure<sqlx::Error>> {
    if !(texts.into_iter().any(|text| text.contains('\0'))) {
        Ok(())
    } else {
        Err(SqlFailure::Refused(Error::new(
            ErrorKind::BadRequest,
            "a name or a type has a NUL in it",
        )))
    }
}

async fn put(
    connection: &mut PgConnection,
    record: &Record,
    revision: i64,
) -> Result<(), sqlx::Error> {
    let content = record.content.as_ref();
    let put = "INSERT INTO records (path, depth, owner, \"group\", mode, has_content, etag, \
               content_type, sha256, modified, changed, object, next, revision) VALUES ($1, $2, \
               $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14) ON CONFLICT (sha256(path)) DO \
               UPDATE SET owner = excluded.owner, \"group\" = excluded.\"group\", mode = \
               excluded.mode, has_content = excluded.has_content, etag = excluded.etag, \
               content_type = excluded.content_type, sha256 = excluded.sha256, modified = \
               excluded.modified, changed = excluded.changed, object = excluded.object, next = \
               excluded.next, revision = excluded.revision";
    sqlx::query(put)
        .bind(record.path.as_str().as_bytes())
        .bind(depth(&record.path))
        .bind(&record.owner)
        .bind(&record.group)
        .bind(i64::from(record.mode))
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
        .bind(next(record).map_err(sqlx::Error::Encode)?)
        .bind(revision)
        .execute(connection)
        .await?;
    Ok(())
}

async fn remove(connection: &mut PgConnection, path: &FilePath) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM records WHERE sha256(path) = sha256($1) AND path = $1")
        .bind(path.as_str().as_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

/// Deletes what is strictly below a path.
pub(super) const REMOVE_BELOW: &str = "DELETE FROM records WHERE substr(path, 1, 2000) >= \
                                       substr($1, 1, 2000) AND substr(path, 1, 2000) <= \
                                       substr($2, 1, 2000) AND path > $1 AND path < $2";

async fn remove_tree(connection: &mut PgConnection, path: &FilePath) -> Result<(), sqlx::Error> {
    remove(connection, path).await?;
    let (lower, upper) = below(path);
    sqlx::query(REMOVE_BELOW)
        .bind(lower)
        .bind(upper)
        .execute(connection)
        .await?;
    Ok(())
}

/// Re-keys what is strictly below a path. `substr` counts bytes in what is made of bytes.
pub(super) const RENAME_BELOW: &str = "UPDATE records SET path = $1::bytea || substr(path, $2), \
                                       depth = depth + $3, revision = $4 WHERE substr(path, 1, \
                                       2000) >= substr($5, 1, 2000) AND substr(path, 1, 2000) <= \
                                       substr($6, 1, 2000) AND path > $5 AND path < $6";

async fn rename(
    connection: &mut PgConnection,
    from: &FilePath,
    to: &FilePath,
    revision: i64,
) -> Result<(), SqlFailure<sqlx::Error>> {
    if from == to {
        return Ok(());
    }
    refuse_too_long(connection, from, to).await?;
    remove_tree(connection, to).await?;
    // Neither is the root: `Change::check` refused that, since every path is within it.
    let deeper = depth(to) - depth(from);
    re_key(connection, from.as_str(), to.as_str(), deeper, revision).await?;
    Ok(())
}

async fn exchange(
    connection: &mut PgConnection,
    one: &FilePath,
    other: &FilePath,
    revision: i64,
) -> Result<(), SqlFailure<sqlx::Error>> {
    if one == other {
        return Ok(());
    }
    refuse_too_long(connection, one, other).await?;
    refuse_too_long(connection, other, one).await?;
    let deeper = depth(other) - depth(one);
    re_key(connection, one.as_str(), ASIDE, deeper, revision).await?;
    re_key(connection, other.as_str(), one.as_str(), -deeper, revision).await?;
    re_key(connection, ASIDE, other.as_str(), 0, revision).await?;
    Ok(())
}

/// The longest path below `from` has to fit below `to` as well.
async fn refuse_too_long(
    connection: &mut PgConnection,
    from: &FilePath,
    to: &FilePath,
) -> Result<(), SqlFailure<sqlx::Error>> {
    if to.as_str().len() <= from.as_str().len() {
        return Ok(());
    }
    let (lower, upper) = below(from);
    let longest = "SELECT max(length(path))::bigint FROM records WHERE substr(path, 1, 2000) >= \
                   substr($1, 1, 2000) AND substr(path, 1, 2000) <= substr($2, 1, 2000) AND path \
                   > $1 AND path < $2";
    let longest = sqlx::query_scalar(longest)
        .bind(lower)
        .bind(upper)
        .fetch_one(connection)
        .await?;
    too_long(from, to, longest).map_or(Ok(()), |refused| Err(SqlFailure::Refused(refused)))
}

/// Moves a tree to where nothing is.
async fn re_key(
    connection: &mut PgConnection,
    from: &str,
    to: &str,
    deeper: i64,
    revision: i64,
) -> Result<(), sqlx::Error> {
    sqlx::query(
        "UPDATE records SET path = $1, depth = depth + $2, revision = $3 WHERE sha256(path) = \
         sha256($4) AND path = $4",
    )
    .bind(to.as_bytes())
    .bind(deeper)
    .bind(revision)
    .bind(from.as_bytes())
    .execute(&mut *connection)
    .await?;
    let (lower, upper) = below_key(from);
    sqlx::query(RENAME_BELOW)
        .bind(to.as_bytes())
        // At most MAX_PATH, so it fits.
        .bind(from.len() as i32 + 1)
        .bind(deeper)
        .bind(revision)
        .bind(lower)
        .bind(upper)
        .execute(connection)
        .await?;
    Ok(())
}

async fn begin(
    connection: &mut PgConnection,
    id: &IntentId,
    intent: &Intent,
) -> Result<(), SqlFailure<sqlx::Error>> {
    let (kind, source, target) = columns(intent);
    let begin = "INSERT INTO intents (id, kind, source, target) VALUES ($1, $2, $3, $4) ON \
                 CONFLICT DO NOTHING";
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

async fn end(connection: &mut PgConnection, id: &IntentId) -> Result<(), sqlx::Error> {
    sqlx::query("DELETE FROM intents WHERE id = $1")
        .bind(id.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}

async fn expect(
    connection: &mut PgConnection,
    path: &FilePath,
    revision: Option<u64>,
) -> Result<(), SqlFailure<sqlx::Error>> {
    let found: Option<i64> = sqlx::query_scalar(
        "SELECT revision FROM records WHERE sha256(path) = sha256($1) AND path = $1",
    )
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
    connection: &mut PgConnection,
    lease: &LeaseId,
) -> Result<(), SqlFailure<sqlx::Error>> {
    let found: Option<bool> = sqlx::query_scalar("SELECT true FROM fences WHERE lease = $1")
        .bind(lease.as_slice())
        .fetch_optional(connection)
        .await?;
    found.map_or(Ok(()), |_| Err(SqlFailure::Refused(fenced())))
}

async fn fence(connection: &mut PgConnection, lease: &LeaseId) -> Result<(), sqlx::Error> {
    let fence = "INSERT INTO fences (lease) VALUES ($1) ON CONFLICT DO NOTHING";
    sqlx::query(fence)
        .bind(lease.as_slice())
        .execute(connection)
        .await?;
    Ok(())
}
