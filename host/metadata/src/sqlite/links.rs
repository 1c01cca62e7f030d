//! Links: their rows, and what changes them, in a transaction that somebody else began and will
//! end.

use async_trait::async_trait;
use callfs_model::error::Result;
use callfs_model::metadata::{Link, LinkChange, LinkId, LinkStore, link_changed, link_exists};
use sqlx::{AssertSqlSafe, SqliteConnection};

use super::SqliteStore;
use crate::queue::QueuedStep;
use crate::sql::{COLUMNS, SqlFailure, rights, uses};

#[async_trait]
impl LinkStore for SqliteStore {
    async fn change(&self, change: LinkChange) -> Result<()> {
        self.queue.commit(QueuedStep::Link(Box::new(change))).await
    }

    async fn by_token(&self, token_sha256: &[u8; 32]) -> Result<Option<Link>> {
        self.readers.link_by_token(token_sha256).await
    }

    async fn by_id(&self, id: &LinkId) -> Result<Option<Link>> {
        self.readers.link_by_id(id).await
    }

    async fn list(
        &self,
        maker: Option<&str>,
        after: Option<&LinkId>,
        limit: u32,
    ) -> Result<Vec<Link>> {
        self.readers.links(maker, after, limit).await
    }
}

/// Carries out one change.
pub(super) async fn carry_out(
    connection: &mut SqliteConnection,
    change: &LinkChange,
) -> Result<(), SqlFailure> {
    match change {
        LinkChange::Create(link) => create(connection, link).await,
        LinkChange::Issue(link, rights) => {
            let rights = rights.clone();
            let link = Link {
                rights,
                ..link.clone()
            };
            create(connection, &link).await
        }
        LinkChange::Replace(link) => {
            let changed = update(connection, link).await?;
            let refused = || SqlFailure::Refused(link_changed());
            (changed == 1).then_some(()).ok_or_else(refused)
        }
        LinkChange::Remove(id) => {
            sqlx::query("DELETE FROM links WHERE id = ?")
                .bind(id.as_slice())
                .execute(connection)
                .await?;
            Ok(())
        }
        LinkChange::Sweep(before) => {
            sqlx::query("DELETE FROM links WHERE kept_until < ?")
                .bind(before)
                .execute(connection)
                .await?;
            Ok(())
        }
    }
}

async fn create(connection: &mut SqliteConnection, link: &Link) -> Result<(), SqlFailure> {
    match insert(connection, link).await {
        Err(sqlx::Error::Database(cause)) if cause.is_unique_violation() => {
            Err(SqlFailure::Refused(link_exists()))
        }
        outcome => Ok(outcome?),
    }
}

async fn insert(connection: &mut SqliteConnection, link: &Link) -> Result<(), sqlx::Error> {
    let insert =
        format!("INSERT INTO links ({COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?)");
    sqlx::query(AssertSqlSafe(insert))
        .bind(link.id.as_slice())
        .bind(link.token_sha256.as_slice())
        .bind(link.path.as_str().as_bytes())
        .bind(&link.maker)
        .bind(&link.filename)
        .bind(link.created)
        .bind(link.expires)
        .bind(link.max_uses)
        .bind(link.spent)
        .bind(uses(link)?)
        .bind(link.kept_until())
        .bind(rights(link)?)
        .execute(connection)
        .await?;
    Ok(())
}

/// How many rows were changed.
async fn update(connection: &mut SqliteConnection, link: &Link) -> Result<u64, sqlx::Error> {
    // What else there is of a link never changes.
    let update = "UPDATE links SET spent = ?, uses = ?, kept_until = ?, revision = revision + 1 \
                  WHERE id = ? AND revision = ?";
    let updated = sqlx::query(update)
        .bind(link.spent)
        .bind(uses(link)?)
        .bind(link.kept_until())
        .bind(link.id.as_slice())
        .bind(link.revision.cast_signed())
        .execute(connection)
        .await?;
    Ok(updated.rows_affected())
}
